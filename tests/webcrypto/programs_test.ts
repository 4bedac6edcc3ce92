// Web Cryptography in whole programs: those of docs/webcrypto.md as they stand, on a token of SoftHSM2; and one for the
// modern algorithms on softokn of a later NSS, in a process of its own, as its libraries have the names of the system's.
import { assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { newerNssFolder } from "../../tools/newer_nss.ts";
import { programEnd, startProgram } from "../_support/child_program.ts";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";
import { newerNssSkip } from "../_support/softokn.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const folder = newerNssFolder();
const skip = newerNssSkip;

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

it(
  "ML-DSA, ML-KEM, ChaCha20-Poly1305 and HKDF are done by a token that has them",
  { skip, timeout: 300_000 },
  async () => {
    const database = `configdir='sql:${temporaryFolder("nss")}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`;
    const program = new URL("../_support/webcrypto_program.ts", import.meta.url);
    const child = startProgram(program, [`${folder}/libsoftokn3.so`, database], { LD_LIBRARY_PATH: folder! });
    const printed = await text(child.stdout!);
    await programEnd(child);
    const checks = printed.trim().split("\n").map((line) => JSON.parse(line));
    for (const { name, problem } of checks) assertEquals(problem, null, name);
    assertEquals([checks.length, child.exitCode], [13, 0]);
  },
);
