import { assertEquals } from "@std/assert";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { projectRoot, readText } from "../_support/source_text.ts";

const entries: Record<string, string> = JSON.parse(readText("deno.json")).exports;

/** Options for a Deno without any permission: opening a file, a socket or a library would throw. */
const withoutPermission = ["--no-prompt", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"];
const cwd = fileURLToPath(projectRoot);

/** The command line that runs these statements after importing an entry. */
function importing(path: string, statements: string): string[] {
  const code = `const entry = await import(${JSON.stringify(new URL(path, projectRoot).href)}); ${statements}`;
  return ["run", ...withoutPermission, `data:text/javascript,${encodeURIComponent(code)}`];
}

/** The names of a process's threads. */
function threadNames(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").trim());
}

describe("importing an entry", () => {
  for (const [name, path] of Object.entries(entries)) {
    it(`opens nothing, needs no permission and keeps nothing alive: ${name}`, async () => {
      const args = importing(path, "console.log(typeof entry)");
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 240_000 });
      assertEquals(stdout.trim(), "object");
    });
  }

  const skip = process.platform === "linux" ? false : "only Linux shows the threads of a process";
  it("starts no worker thread", { skip }, async () => {
    const args = importing(entries["."]!, "setTimeout(() => {}, 20_000); console.log('imported')");
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(child.stdout, "data");
      assertEquals(threadNames(child.pid!).filter((name) => name.startsWith("worker")), []);
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
  });
});
