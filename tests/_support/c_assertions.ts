// Facts about C that the compiler itself confirms: `_Static_assert`s, compiled without linking or running anything.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { compiler } from "./c_compiler.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** Whether the compiler accepts these options. */
export function compilerTakes(...options: string[]): boolean {
  return compiler !== null && compile("int unused;\n", options).length === 0;
}

/** Compiles C text and returns the messages of the assertions that failed, and of anything else that is wrong. */
export function failedAssertions(source: string, options: readonly string[] = []): string[] {
  if (compiler === null) throw new Error("Cannot compile: no C compiler is installed");
  return compile(source, options);
}

/** The macros a header defines, without a value or parameters of their own. */
export function definedNames(source: string, options: readonly string[] = []): string[] {
  const path = written(source);
  const { stdout } = spawnSync(compiler!, ["-dM", "-E", ...options, path], { encoding: "utf8", maxBuffer: 1 << 26 });
  return stdout.split("\n").map((line) => /^#define (\w+) /.exec(line)?.[1]).filter((name) => name !== undefined);
}

/** Compiles C text into a shared library, which needs others by their paths, and returns its path. */
export function compileLibrary(name: string, source: string, libraries: readonly string[] = []): string {
  const path = `${temporaryFolder(name)}/${name}.so`;
  const needed = libraries.length === 0 ? [] : ["-Wl,--no-as-needed", ...libraries];
  const args = ["-shared", "-fPIC", "-O1", "-o", path, written(source), ...needed];
  const run = spawnSync(compiler!, args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`Cannot compile ${name}: ${run.stderr}`);
  return path;
}

function compile(source: string, options: readonly string[]): string[] {
  const args = ["-fsyntax-only", "-fmax-errors=40", "-w", ...options, written(source)];
  const run = spawnSync(compiler!, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  return run.status === 0 ? [] : run.stderr.split("\n").filter((line) => line.includes("error:"));
}

let folder: string | null = null;
let count = 0;

function written(source: string): string {
  folder ??= temporaryFolder("c");
  const path = `${folder}/source${++count}.c`;
  writeFileSync(path, source);
  return path;
}
