import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createSeparateToken, softhsmSkip } from "../../_support/softhsm.ts";

describe("the example of managed modules", { skip: softhsmSkip }, () => {
  it("shows two callers on one module", () => {
    // The only token there is: other tests of this process change the PINs of theirs.
    const { token, environment } = createSeparateToken();
    const example = fileURLToPath(new URL("../../../examples/managed_modules.ts", import.meta.url));
    const run = "deno" in process.versions ? ["run", "-A", "--no-check", "--no-config", example] : [example];
    const child = spawnSync(process.execPath, [...run, token.module], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
    });
    assertEquals(child.status, 0, child.stderr);
    assertStringIncludes(child.stdout, "mail closes all its sessions; backup's is open");
    assertStringIncludes(child.stdout, "backup goes on and digests to 32 bytes");
    assertStringIncludes(child.stdout, "C_Initialize = CKR_OK");
  });
});
