// Every error of bad input says what could not be done, a colon, and what state was met: the texts in the sources do.
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import * as http from "../../http/mod.ts";
import * as session from "../../session/mod.ts";
import { blank, filesBelow, readText } from "../_support/source_text.ts";

/** Halves of a sentence that another text is put in front of where they are caught, and a text with more behind it. */
const OTHERS = ["it is no regular file", "… (inside …)"];

/** The strings that errors are made with, `…` for what is put into them. */
function errorTexts(text: string): string[] {
  const source = blank(text, { comments: true, strings: false });
  const begin = /new (?:Type|Range|Syntax)?Error\(\s*(["'`])/g;
  return [...source.matchAll(begin)].map((match) => literal(source, match.index + match[0].length, match[1]!));
}

/** The string literal whose inside begins at `at`. */
function literal(source: string, at: number, quote: string): string {
  let text = "";
  for (let index = at; source[index] !== quote; index++) {
    if (quote === "`" && source.startsWith("${", index)) {
      index = afterExpression(source, index + 2);
      text += "…";
    } else {
      if (source[index] === "\\") index++;
      text += source[index];
    }
  }
  return text;
}

/** Where the brace stands that closes the expression that begins at `at`. */
function afterExpression(source: string, at: number): number {
  let depth = 1;
  for (let index = at;; index++) {
    if (source[index] === "{") depth++;
    if (source[index] === "}" && --depth === 0) return index;
  }
}

describe("the texts of errors", () => {
  it("are read from sources with what is put into them", () => {
    const source = 'throw new TypeError(`Cannot a ${f({ b: "c" })}: d`); new Error("e\\"f"); new OwnError("g");';
    assertEquals(errorTexts(source), ["Cannot a …: d", 'e"f']);
  });

  it("follow one form", () => {
    const found = ["internal", "ffi", "session"].flatMap((folder) => filesBelow(folder)).flatMap((path) =>
      errorTexts(readText(path)).map((text) => ({ path, text }))
    );
    assert(found.length > 100, `${found.length} texts`);
    const others = found.filter(({ text }) => !/^Cannot [^:]+: .*[^.\s]\s?$/s.test(text) && !OTHERS.includes(text));
    assertEquals(others, []);
  });
});

describe("errors", () => {
  it("of every public class are known to another copy of the package", () => {
    const unknown = Object.entries({ ...session, ...http })
      .filter(([, value]) => typeof value === "function" && value.prototype instanceof Error)
      .filter(([name, value]) => !((Symbol.for(`gp11.${name}`)) in (value as { prototype: object }).prototype))
      .map(([name]) => name);
    assertEquals(unknown, []);
  });

  it("of http have no code that HttpErrorCode does not list", () => {
    const listed = readText("http/errors.ts");
    const used = filesBelow("http").filter((file) => !file.endsWith("/sync_program.ts"))
      .flatMap((file) => [...readText(file).matchAll(/"(ERR_[A-Z_]+)"/g)].map(([, code]) => code!));
    assertEquals([...new Set(used.filter((code) => !listed.includes(`| "${code}"`)))], []);
  });
});
