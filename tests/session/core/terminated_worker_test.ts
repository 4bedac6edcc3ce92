import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip as skip } from "../../_support/softhsm.ts";

const program = new URL("../../_support/terminated_worker_program.ts", import.meta.url);

describe("A worker thread that is terminated during its asynchronous call", () => {
  it("leaves the process and the other callers of the module alone", { skip, timeout: 240_000 }, async () => {
    const { token, environment } = createSeparateToken();
    const child = startProgram(program, [token.module], environment, "pipe");
    let output = "";
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: unknown) => output += String(chunk));
    await programEnd(child);
    assertEquals([child.signalCode, child.exitCode, output], [null, 0, "done\n"]);
  });
});
