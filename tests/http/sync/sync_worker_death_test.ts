import { assertEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { startProgram } from "../../_support/child_program.ts";
import { routeServer } from "../../_support/http_server.ts";

import { temporaryFolder } from "../../_support/temporary_folder.ts";

/** What the worker's module does once it is asked to serve. */
const deaths: Record<string, string> = {
  "an error where it serves": 'throw new RangeError("the reason")',
  "an error of a timer": 'setTimeout(() => { throw new RangeError("the reason"); }, 1)',
  "an error of a listener": 'port.on("message", () => { throw new RangeError("the reason"); })',
  "a promise nobody waits for": 'void Promise.reject(new RangeError("the reason"))',
};
const program = new URL("../../_support/sync_worker_death_program.ts", import.meta.url);

// In a program of its own: under its test runner Bun does not tell workers of their errors.
describe("A worker that dies", () => {
  for (const [name, body] of Object.entries(deaths)) {
    it(`says why to a caller whose thread is blocked: ${name}`, async () => {
      const path = `${temporaryFolder("sync-worker")}/module.mjs`;
      writeFileSync(path, `export function serveSync(port) { ${body}; }`);
      const said = JSON.parse(await text(startProgram(program, [pathToFileURL(path).href]).stdout!));
      assertEquals(
        [said.kind, said.error.name, said.error.message, said.error.code],
        ["broken", "RangeError", "the reason", "ERR_WORKER_DIED"],
      );
    });
  }

  it("between two sends has another one in its place", async () => {
    await using server = await routeServer();
    const program = new URL("../../_support/sync_idle_death_program.ts", import.meta.url);
    const said = await text(startProgram(program, [`${server.origin}/ok`]).stdout!);
    assertEquals(JSON.parse(said).isReplaced, true, said);
  });
});
