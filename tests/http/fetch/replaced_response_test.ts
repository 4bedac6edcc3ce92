import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { programEnd, startProgram } from "../../_support/child_program.ts";

describe("session.fetch", () => {
  it("goes on in a program that puts a Response of its own in place of the runtime's", async () => {
    const child = startProgram(new URL("../../_support/replaced_response_program.ts", import.meta.url), []);
    let output = "";
    child.stdout!.on("data", (piece) => output += String(piece));
    await programEnd(child);
    const line = "Hello, world 12 true\n";
    assertEquals([child.exitCode, output], [0, `node ${line}fetch ${line}auto ${line}`]);
  });
});
