import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { programEnd, startProgram } from "../../../_support/child_program.ts";

describe("examples/http/authentication.ts", () => {
  it("runs and prints what happens", async () => {
    const child = startProgram(new URL("../../../../examples/http/authentication.ts", import.meta.url), []);
    let output = "";
    child.stdout!.on("data", (chunk) => output += chunk);
    await programEnd(child);
    assertEquals(child.exitCode, 0);
    const indented = output.split("\n").filter((line) => line.startsWith("  ")).map((line) => line.trim());
    assertEquals(indented, [
      'Basic "files" wants a password',
      'Basic "files" wants a password again',
      `ten requests at once: ${Array(10).fill(200).join(" ")}`,
      "200",
      "401 who are you?",
      "first token",
      ...Array(3).fill("200"),
      "new token",
      ...Array(2).fill("200"),
      "200",
      "first run: a person is asked",
      "200",
      "second run: alice is known",
      "200",
    ]);
  });
});
