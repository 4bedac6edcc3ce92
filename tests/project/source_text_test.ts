import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { codeOf, importedNames } from "../_support/source_text.ts";

describe("codeOf", () => {
  it("blanks comments and the insides of strings", () => {
    assertEquals(codeOf(`a("Deno."); // Deno\n/* Bun */ b('x')`), `a(       );        \n          b(   )`);
  });

  it("keeps the code inside a template and blanks its words", () => {
    assertEquals(codeOf("`on Deno ${Deno.pid + `${Bun}` } Bun` + c"), "`        ${Deno.pid + `${Bun}` }    ` + c");
  });

  it("is not led astray by quotes in a regular expression", () => {
    assertEquals(codeOf(`x = /["'/]/g; Deno`), `x =         ; Deno`);
  });

  it("takes a division for what it is", () => {
    assertEquals(codeOf(`a / b; "x"; c / d`), `a / b;    ; c / d`);
  });
});

describe("importedNames", () => {
  it("finds static, dynamic and built-in imports, and none in comments", () => {
    const source = `
      import { a } from "./a.ts";
      import "./b.ts";
      export * from './c.ts';
      const d = await import("./d.ts"), e = process.getBuiltinModule("node:e");
      // import f from "./f.ts";
    `;
    assertEquals(importedNames(source), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "node:e"]);
  });
});
