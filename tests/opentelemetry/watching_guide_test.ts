// examples/watching.ts prints the trace that docs/watching.md shows; Deno exports spans by itself.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { runtimeName } from "../../internal/runtime.ts";
import { programEnd, startProgram } from "../_support/child_program.ts";
import { printedOnToken } from "../_support/guide_programs.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { projectRoot, readText } from "../_support/source_text.ts";

it("examples/watching.ts prints the trace of docs/watching.md", { skip: softhsmSkip }, async () => {
  const [printed] = await printedOnToken([new URL("examples/watching.ts", projectRoot)]);
  const shown = printed!.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
  assertStringIncludes(readText("docs/watching.md"), shown);
});

const skip = runtimeName() === "deno" ? false : "Deno alone has an exporter of its own";

it("the exporter of Deno tells of messages", { skip }, async () => {
  const program = new URL("tests/_support/deno_telemetry_program.ts", projectRoot);
  const environment = { OTEL_DENO: "true", OTEL_EXPORTER_OTLP_PROTOCOL: "console", NO_COLOR: "1" };
  const child = startProgram(program, [], environment, "pipe");
  const [out, errors] = await Promise.all([text(child.stdout!), text(child.stderr!), programEnd(child)]);
  assertEquals(child.exitCode, 0, errors);
  const told = out + errors;
  const parent = /SPAN parent \[\w+\/(\w+)\]/.exec(told)?.[1];
  assert(parent !== undefined, told);
  assertMatch(told, new RegExp(`SPAN GET .*\\n\\s+parent: ${parent}\\n\\s+scope: @gp11/gp11\\n`));
  assertStringIncludes(told, "url.full: https://example.org/?sig=REDACTED");
});
