// Calls in a random order, in processes of their own: each call ends well or with a documented error, the process ends by
// itself, and a fresh caller finds nobody logged in and nothing left.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip } from "../../_support/softhsm.ts";

const program = new URL("../../_support/session_fuzz_program.ts", import.meta.url);
const STEPS = 150;
/** CKS_RW_PUBLIC_SESSION. */
const PUBLIC = 2;

describe("sessions, pools, threads and modules in a random order", () => {
  for (const seed of [3, 5]) {
    it(`end as they should, seed ${seed}`, { skip: softhsmSkip }, async () => {
      const { token, environment } = createSeparateToken();
      const args = [token.module, token.label, token.userPin, String(seed), String(STEPS)];
      const child = startProgram(program, args, environment);
      let output = "";
      child.stdout!.on("data", (chunk) => output += chunk);
      await programEnd(child);
      assertEquals([child.exitCode, child.signalCode], [0, null], output);
      const { left, state, unexpected } = JSON.parse(output);
      assertEquals({ left, state, unexpected }, { left: 0, state: PUBLIC, unexpected: [] });
    });
  }
});
