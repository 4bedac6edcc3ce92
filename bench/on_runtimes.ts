// A program of the benchmark on Deno, Bun and Node: what it prints, as a table of medians.
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../tools/runner/runtimes.ts";
import { type Contestant, measuredNames, measureRounds, medianRows } from "./measure.ts";
import { type BenchTable, report } from "./report.ts";

/** What is measured, and how it is shown. */
export interface RuntimesOptions extends Omit<BenchTable, "columns" | "rows" | "base"> {
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** More environment. */
  readonly env?: Record<string, string>;
  /** How often each runs. */
  readonly rounds: number;
}

/** A runtime, and how a program is run on it. */
export type Runtime = readonly [name: string, command: readonly string[]];

/**
 * The runtimes for programs that lie where they may, and need nothing of the tests.
 *
 * @param map Whether Deno finds the libraries by the import map of the tests: programs outside of the project need it.
 */
export async function runtimes(map = false): Promise<readonly Runtime[]> {
  const importMap = fileURLToPath(new URL("../tests/offline.import_map.json", import.meta.url));
  const mapped = map ? [`--import-map=${importMap}`] : [];
  return [
    ["Deno", [await runtimeProgram("deno"), "run", "-A", "--quiet", "--no-check", ...mapped]],
    ["Bun", [await runtimeProgram("bun")]],
    ["Node", [await runtimeProgram("node"), "--no-warnings"]],
  ];
}

/** A program on each runtime, which may use what tests have. */
export async function onRuntimes(program: URL, args: readonly string[] = []): Promise<Contestant[]> {
  const hooks = ["--import", new URL("../tests/_std/node_hooks.mjs", import.meta.url).href];
  return (await runtimes(true)).map(([name, command]) => ({
    name,
    command: [...command, ...name === "Node" ? hooks : [], fileURLToPath(program), ...args],
  }));
}

/** Runs a program on each runtime in turns, and reports a row for each of its figures. */
export async function measureOnRuntimes(program: URL, options: RuntimesOptions): Promise<void> {
  const { args, env, rounds: count, ...shown } = options;
  const contestants = await onRuntimes(program, args);
  const rounds = await measureRounds(contestants, count, env);
  const columns = measuredNames(rounds, contestants);
  const rows = Object.keys(rounds[0]!.get(columns[0]!)!);
  report({ ...shown, columns, rows: medianRows(rounds, rows, columns) });
}
