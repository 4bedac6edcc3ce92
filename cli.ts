/**
 * The command line: keys, certificates and signatures of PKCS#11 tokens from a shell. As a program it runs what it is
 * called with; as a module it hands out {@linkcode main}, which touches nothing of the process, and {@linkcode run}, which
 * is the program.
 *
 * @example Ask for the version as a program would
 * ```ts
 * import { type CliOutput, main } from "@gp11/gp11/cli";
 * import { assertEquals, assertMatch } from "@std/assert";
 *
 * const texts: string[] = [];
 * const output: CliOutput = {
 *   isTerminal: false,
 *   columns: undefined,
 *   write: async (data) => void texts.push(String(data)),
 * };
 * const exitCode = await main(["--version"], {
 *   input: { isTerminal: false, async *chunks() {} },
 *   output,
 *   errors: output,
 *   environment: {},
 *   openTerminal: () => null,
 *   signal: new AbortController().signal,
 * });
 * assertEquals(exitCode, 0);
 * assertMatch(texts.join(""), /^gp11 \d+\.\d+\.\d+\n$/);
 * ```
 *
 * @module
 */
import { run } from "./cli/run.ts";

export { main } from "./cli/main.ts";
export { run };
export type { CliInput, CliOutput, CliSurroundings, CliTerminal } from "./cli/terminal/surroundings.ts";

// Not awaited: a bundle in CommonJS has no place for that. The program ends when it is done.
if (import.meta.main) void run();
