import { assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { cLibraryPath } from "../../../tools/native_libraries.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";

const program = fileURLToPath(new URL("../../_support/permission_program.ts", import.meta.url));
const skip = softhsmSkip || (process.versions["deno"] ? false : "only Deno has permissions by library");
const timeout = 240_000;

describe("Permissions on Deno", () => {
  let token: TestToken;
  before(() => {
    if (!skip) token = createToken();
  });

  /** Runs the program with exactly these flags; nothing may be asked. */
  function run(flags: readonly string[], managed: string): { status: number | null; output: string; errors: string } {
    const args = ["run", "--no-check", "--no-config", "--no-prompt", ...flags, program, token.module, token.userPin];
    // Through a shell and a variable: Deno gives children it knows for Deno every permission.
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", 'exec "$RUNTIME" "$@"', "sh", ...args, managed], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", RUNTIME: process.execPath },
    });
    return { status, output: stdout.trim(), errors: stderr };
  }

  for (const [managed, expected] of [["none", "false"], ["gp11", "gp11"], ["auto", "gp11"]] as const) {
    it(`the module and the C library are all it takes, managed: ${managed}`, { skip, timeout }, () => {
      const { status, output, errors } = run([`--allow-ffi=${token.module},${cLibraryPath()}`], managed);
      assertEquals([status, output, errors], [0, `signed ${expected}`, ""]);
    });
  }

  it("without permission the runtime's refusal is passed on, naming what is missing", { skip, timeout }, () => {
    for (const flags of [[], [`--allow-ffi=${token.module}`]]) {
      const { status, errors } = run(flags, "none");
      assertEquals(status, 1);
      assertStringIncludes(errors, "NotCapable");
      assertStringIncludes(errors, "--allow-ffi");
    }
  });
});
