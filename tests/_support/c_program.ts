// Small C programs that tests compare against: compiled once per process into a temporary folder.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./temporary_folder.ts";

const compiler = ["/usr/bin/cc", "/usr/bin/gcc"].find((path) => existsSync(path)) ?? null;
const p11KitHeaders = "/usr/include/p11-kit-1";

/** For `it(name, { skip: p11KitOracleSkip }, …)`: why programs cannot be compiled against libp11-kit, else false. */
export const p11KitOracleSkip: string | false = compiler === null
  ? "no C compiler is installed"
  : existsSync(`${p11KitHeaders}/p11-kit/uri.h`)
  ? false
  : "the headers of libp11-kit are not installed";

/** Compiles `tests/_support/<name>.c` against libp11-kit and returns the path of the program. */
export function compileP11KitProgram(name: string, options: readonly string[] = []): string {
  if (compiler === null) throw new Error(`Cannot compile ${name}.c: no C compiler is installed`);
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  const program = `${temporaryFolder(name)}/${name}`;
  execFileSync(compiler, ["-O1", `-I${p11KitHeaders}`, source, ...options, "-o", program, "-lp11-kit"], {
    stdio: "pipe",
  });
  return program;
}

let inputs: string | undefined;

/** Runs a compiled program on a file of these lines, its first argument, and returns its output lines. */
export function runLines(program: string, lines: readonly string[], env?: Record<string, string>): string[] {
  // A file, not a pipe: pipes for input and output fill each other up in a synchronous run on Deno.
  inputs ??= temporaryFolder("input");
  const path = `${inputs}/lines`;
  writeFileSync(path, lines.join("\n") + "\n");
  const run = spawnSync(program, [path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 240_000,
    ...(env && { env }),
  });
  if (run.status !== 0) throw new Error(`Cannot run ${program}: status ${run.status}, ${run.stderr}`);
  return run.stdout.trimEnd().split("\n");
}
