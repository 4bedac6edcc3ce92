import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { projectRoot, readText } from "../_support/source_text.ts";

const entries: Record<string, string> = JSON.parse(readText("deno.json")).exports;

/** Runs a program in a Deno without any permission: opening a file, a socket or a library would throw. */
async function runWithoutPermission(code: string): Promise<string> {
  const options = ["run", "--no-prompt", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"];
  const program = `data:text/javascript,${encodeURIComponent(code)}`;
  const { stdout } = await promisify(execFile)(process.execPath, [...options, program], {
    cwd: fileURLToPath(projectRoot),
    timeout: 20_000,
  });
  return stdout.trim();
}

describe("importing an entry", () => {
  for (const [name, path] of Object.entries(entries)) {
    it(`opens nothing and needs no permission: ${name}`, async () => {
      const url = new URL(path, projectRoot).href;
      const code = `const entry = await import(${JSON.stringify(url)}); console.log(typeof entry);`;
      assertEquals(await runWithoutPermission(code), "object");
    });
  }

  it("starts no worker thread and no timer", async () => {
    const url = new URL(entries["."]!, projectRoot).href;
    const code = `
      import worker from "node:worker_threads";
      let started = 0;
      const Real = globalThis.Worker;
      globalThis.Worker = class extends Real { constructor(...args) { started++; super(...args); } };
      const setTimer = globalThis.setTimeout;
      globalThis.setTimeout = (...args) => { started++; return setTimer(...args); };
      globalThis.setInterval = () => { started++; };
      worker.Worker = class { constructor() { started++; } };
      (await import("node:module")).syncBuiltinESMExports?.();
      await import(${JSON.stringify(url)});
      console.log(started);
    `;
    assertEquals(await runWithoutPermission(code), "0");
  });
});
