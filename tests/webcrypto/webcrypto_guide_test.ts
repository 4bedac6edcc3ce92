// Every program of docs/webcrypto.md runs as it stands, on a token of SoftHSM2.
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { programEnd, startProgram } from "../_support/child_program.ts";
import { createSeparateToken, softhsmSkip } from "../_support/softhsm.ts";

const outputs = ["true\n", '{"sub":"me"}\n'];

describe("docs/webcrypto.md", { skip: softhsmSkip }, () => {
  it("has programs that run and print what they should", { timeout: 240_000 }, async () => {
    const guide = readFileSync(new URL("../../docs/webcrypto.md", import.meta.url), "utf8");
    const programs = [...guide.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);
    const { token, environment } = createSeparateToken();
    const more = ["--init-token", "--free", "--label", "keys", "--pin", "1234", "--so-pin", "12345678"];
    execFileSync("softhsm2-util", ["--module", token.module, ...more], { env: { ...process.env, ...environment } });
    const folder = mkdtempSync(fileURLToPath(new URL("../../.webcrypto-guide-", import.meta.url)));
    try {
      const printed: string[] = [];
      // One after another: SoftHSM2 does not always take two that begin at once.
      for (const [index, program] of programs.entries()) {
        const path = `${folder}/program${index}.ts`;
        const local = program.replace('"@gp11/gp11"', '"../mod.ts"').replace(/"@gp11\/gp11\/(\w+)"/g, '"../$1/mod.ts"');
        writeFileSync(path, local);
        const child = startProgram(pathToFileURL(path), [], { ...environment, PKCS11_MODULE: token.module });
        printed.push(await text(child.stdout!));
        await programEnd(child);
      }
      assertEquals(printed, outputs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
