// The programs of a guide: its blocks of TypeScript that say `ignore`, as they need a token or a server.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { programEnd, startProgram } from "./child_program.ts";
import { createSeparateToken } from "./softhsm.ts";

const root = new URL("../../", import.meta.url);
const END = "---- the program has ended\n";

/** The programs in a guide, such as `docs/first-signature.md`. */
export function guidePrograms(guide: string): string[] {
  const paper = readFileSync(new URL(guide, root), "utf8");
  return [...paper.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);
}

/**
 * What programs print, one after the other in one process, on a fresh token of SoftHSM2 with the label `keys` and the PIN
 * `1234`, whose module `PKCS11_MODULE` names. A URL is a program of the project, a text a program of its own.
 *
 * @throws {Error} where the process ends with a code other than 0
 */
export async function printedOnToken(programs: readonly (string | URL)[]): Promise<string[]> {
  const { token, environment } = createSeparateToken("keys");
  // Inside the project, whose settings hold for them then.
  const parent = fileURLToPath(new URL(".tmp/", root));
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(`${parent}guide-`);
  try {
    const lines = programs.map((program, index) => {
      const path = `program${index}.ts`;
      if (typeof program === "string") {
        writeFileSync(`${folder}/${path}`, program.replaceAll('"@gp11/gp11"', '"../../mod.ts"'));
      }
      const address = typeof program === "string" ? `./${path}` : program.href;
      return `await import(${JSON.stringify(address)});\nconsole.log(${JSON.stringify(END.trimEnd())});\n`;
    });
    writeFileSync(`${folder}/all.ts`, lines.join(""));
    const child = startProgram(pathToFileURL(`${folder}/all.ts`), [], { ...environment, PKCS11_MODULE: token.module });
    const printed = await text(child.stdout!);
    await programEnd(child);
    if (child.exitCode !== 0) throw new Error(`Cannot run the programs: they end with ${child.exitCode}\n${printed}`);
    return printed.split(END).slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
