// Small C programs that tests compare against.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { compile, compilerSkip } from "./c_compiler.ts";
import { temporaryFolder } from "./temporary_folder.ts";

const p11KitHeaders = "/usr/include/p11-kit-1";

/** For `it(name, { skip: p11KitOracleSkip }, …)`: why programs cannot be compiled against libp11-kit, else false. */
export const p11KitOracleSkip: string | false = compilerSkip ||
  (existsSync(`${p11KitHeaders}/p11-kit/uri.h`) ? false : "the headers of libp11-kit are not installed");

/** Compiles `tests/_support/<name>.c` against libp11-kit and returns the path of the program. */
export function compileP11KitProgram(name: string): string {
  return compile(name, [`-I${p11KitHeaders}`, "-lp11-kit"]);
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
