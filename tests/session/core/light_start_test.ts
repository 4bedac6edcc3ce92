import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip as skip } from "../../_support/softhsm.ts";

const program = new URL("../../_support/light_start_program.ts", import.meta.url);

it("asynchronous calls load nothing of Node on Deno, and their threads let a program end that has closed nothing", {
  skip,
}, async () => {
  const { token, environment } = createSeparateToken();
  const child = startProgram(program, [token.module, token.userPin], environment, "pipe");
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: unknown) => output += String(chunk));
  await programEnd(child);
  assertEquals([child.signalCode, child.exitCode, output.trim()], [null, 0, '{"length":64,"looks":0}']);
});
