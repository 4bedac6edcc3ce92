// Every program of docs/webcrypto.md runs as it stands, on a token of SoftHSM2.
import { assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";

const outputs = ["true", '{"sub":"me"}'];

/** What a program prints while it is run in this process. */
async function printed(path: string): Promise<string> {
  const lines: string[] = [];
  const print = Reflect.get(console, "log");
  Reflect.set(console, "log", (text: unknown) => lines.push(String(text)));
  try {
    await import(pathToFileURL(path).href);
  } finally {
    Reflect.set(console, "log", print);
  }
  return lines.join("\n");
}

describe("docs/webcrypto.md", { skip: softhsmSkip }, () => {
  it("has programs that run and print what they should", { timeout: 240_000 }, async () => {
    const guide = readFileSync(new URL("../../docs/webcrypto.md", import.meta.url), "utf8");
    const programs = [...guide.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);
    process.env.PKCS11_MODULE = createToken("keys").module;
    const folder = mkdtempSync(fileURLToPath(new URL("../../.webcrypto-guide-", import.meta.url)));
    try {
      const texts: string[] = [];
      for (const [index, program] of programs.entries()) {
        const path = `${folder}/program${index}.ts`;
        const local = program.replace('"@gp11/gp11"', '"../mod.ts"').replace(/"@gp11\/gp11\/(\w+)"/g, '"../$1/mod.ts"');
        writeFileSync(path, local);
        texts.push(await printed(path));
      }
      assertEquals(texts, outputs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
