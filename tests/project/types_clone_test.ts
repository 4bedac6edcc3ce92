// The sources as the compiler of a program reads them that has a clone in its node_modules, with all that it can be told to
// find fault with.
import { assertEquals } from "@std/assert";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { InstalledTypes } from "../_support/installed_types.ts";
import { readText } from "../_support/source_text.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What TypeScript 5.9 does not know of the language's newest library, and later versions do. */
const newest = `interface Uint8Array<TArrayBuffer extends ArrayBufferLike> {
  setFromHex(text: string): { read: number; written: number };
  toBase64(options?: object): string;
  toHex(): string;
}
interface Uint8ArrayConstructor {
  fromBase64(text: string, options?: object): Uint8Array<ArrayBuffer>;
  fromHex(text: string): Uint8Array<ArrayBuffer>;
}
`;

/** What is not in `strict`. */
const stricter = {
  allowImportingTsExtensions: true,
  allowUnreachableCode: false,
  allowUnusedLabels: false,
  erasableSyntaxOnly: true,
  isolatedModules: true,
  noFallthroughCasesInSwitch: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
} as const;

describe("a clone that is linked", () => {
  it("has sources that the strictest compiler finds nothing in, in every entry", () => {
    const folder = temporaryFolder("linked");
    mkdirSync(`${folder}/node_modules/@gp11`, { recursive: true });
    symlinkSync(root, `${folder}/node_modules/@gp11/gp11`);
    symlinkSync(`${root}/node_modules/@types`, `${folder}/node_modules/@types`);
    writeFileSync(`${folder}/package.json`, JSON.stringify({ type: "module" }));
    writeFileSync(`${folder}/newest.d.ts`, newest);
    const { exports }: { exports: Record<string, string> } = JSON.parse(readText("deno.json"));
    const lines = Object.keys(exports).map((entry, index) =>
      `export * as entry${index} from "@gp11/gp11${entry.slice(1)}";\n`
    );
    writeFileSync(`${folder}/program.ts`, `/// <reference path="./newest.d.ts" />\n${lines.join("")}`);
    const errors = new InstalledTypes(folder).errors("program.ts", {
      dom: true,
      resolution: "nodenext",
      more: stricter,
    });
    assertEquals(errors, []);
  });
});
