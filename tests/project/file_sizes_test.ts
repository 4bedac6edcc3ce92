import { assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { it } from "node:test";
import { filesBelow, librarySources, projectRoot, readText } from "../_support/source_text.ts";

/** Near 300 lines is the house rule; this is where it ends. */
const mostLines = 400;
/** Tables of the standard's numbers and functions are data, however long. */
const tables = /^ffi\/(constants\/|tables\/functions\.ts$)/;
/** One page each, as a reader of the reference sees them: signatures with their texts that hand on to small files. */
const pages = [
  "http/message/message.ts",
  "session/tokens/module.ts",
  "session/tokens/object.ts",
  "pkcs11js/pkcs11.ts",
  "session/tokens/session.ts",
  "http/session/session.ts",
];

const programs = ["tools", "examples", "bench"].filter((folder) => existsSync(new URL(folder, projectRoot)));

function longerThanAllowed(files: readonly string[]): string[] {
  return files.filter((file) => !tables.test(file) && !pages.includes(file))
    .map((file) => ({ file, lines: readText(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > mostLines)
    .map(({ file, lines }) => `${file}: ${lines} lines`);
}

it(`no source file is longer than ${mostLines} lines`, () => {
  const files = [...librarySources(), ...programs.flatMap((folder) => filesBelow(folder))];
  assertEquals(longerThanAllowed(files), []);
});
