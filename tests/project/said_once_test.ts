// What the house says in one place only.
import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { codeOf, librarySources, readText } from "../_support/source_text.ts";

it("the standard's numbers are typed in ffi/constants/ alone", () => {
  const typed = librarySources().filter((file) => !file.startsWith("ffi/constants/")).flatMap((file) =>
    [...codeOf(readText(file)).matchAll(/\bconst (CK[A-Z]_[A-Z0-9_]+)[^=\n]*= *-?(?:0x[0-9a-f_]+|\d[\d_]*)n?;/gi)]
      .map(([, name]) => `${file} types ${name}`)
  );
  assertEquals(typed, []);
});

it("runtimes are told apart in internal/runtime.ts alone", () => {
  const asking = librarySources().filter((file) => file !== "internal/runtime.ts")
    .filter((file) => /\bversions\b[?.]*(?:\[["'](?:deno|bun)["']\]|\.(?:deno|bun)\b)/.test(readText(file)));
  assertEquals(asking, []);
});
