// Small programs that TypeScript must take, or must refuse. Runs on Deno, whose compiler checks them.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectRoot } from "./source_text.ts";

/** A program: what is declared for all of its lines, those that compile and those that do not. */
export interface TypeProgram {
  /** Imports and declarations the lines use. */
  readonly setting: string;
  /** Statements that compile. */
  readonly right: readonly string[];
  /** Statements of which each is an error. */
  readonly wrong: readonly string[];
}

/**
 * Checks programs in one run of the compiler.
 *
 * @returns What is not as it should be, one text each: errors in right lines, wrong lines that compile.
 */
export async function typeProblems(programs: Readonly<Record<string, TypeProgram>>): Promise<string[]> {
  const temporary = join(fileURLToPath(projectRoot), ".tmp");
  await mkdir(temporary, { recursive: true });
  const folder = await mkdtemp(join(temporary, "types-"));
  try {
    const files: string[] = [];
    for (const [name, program] of Object.entries(programs)) {
      const file = join(folder, `${name.replaceAll(/\W+/g, "_")}.ts`);
      await writeFile(file, textOf(program));
      files.push(file);
    }
    return await checked(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Each line in a function of its own, so that one cannot narrow what the next sees. */
function textOf({ setting, right, wrong }: TypeProgram): string {
  return [
    setting,
    ...right.map((line, index) => `export async function right${index}() {\n${line}\n}`),
    ...wrong.map((line, index) =>
      `export async function wrong${index}() {\n// @ts-expect-error It must not compile\n${line}\n}`
    ),
    "",
  ].join("\n");
}

function checked(files: readonly string[]): Promise<string[]> {
  const options = ["check", "--quiet", "--import-map=tests/offline.import_map.json", ...files];
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, options, { cwd: fileURLToPath(projectRoot), env }, (error, _stdout, stderr) => {
      const problems = stderr.split(/^(?=TS\d+ \[ERROR\])/m).filter((text) => text.startsWith("TS"));
      if (error && problems.length === 0) reject(new Error(`Cannot check the programs: ${stderr}`));
      else resolve(problems.map((text) => text.trim()));
    });
  });
}
