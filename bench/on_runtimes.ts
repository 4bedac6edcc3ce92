// A program of the benchmark on Deno, Bun and Node: what it prints, as a table of medians.
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../tools/runner/runtimes.ts";
import { type Contestant, measureRounds, median } from "./measure.ts";
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

/** The runtimes, and how a program that needs nothing of the tests is run on each. */
export async function runtimes(): Promise<readonly (readonly [name: string, command: readonly string[]])[]> {
  return [
    ["Deno", [await runtimeProgram("deno"), "run", "-A", "--quiet", "--no-check"]],
    ["Bun", [await runtimeProgram("bun")]],
    ["Node", [await runtimeProgram("node"), "--disable-warning=ExperimentalWarning"]],
  ];
}

/** A program on each runtime. */
export async function onRuntimes(program: URL, args: readonly string[] = []): Promise<Contestant[]> {
  const path = fileURLToPath(program);
  const map = fileURLToPath(new URL("../tests/offline.import_map.json", import.meta.url));
  const hooks = new URL("../tests/_std/node_hooks.mjs", import.meta.url).href;
  const [deno, bun, node] = [await runtimeProgram("deno"), await runtimeProgram("bun"), await runtimeProgram("node")];
  return [
    { name: "Deno", command: [deno, "run", "-A", "--quiet", "--no-check", `--import-map=${map}`, path, ...args] },
    { name: "Bun", command: [bun, path, ...args] },
    { name: "Node", command: [node, "--no-warnings", "--import", hooks, path, ...args] },
  ];
}

/** Runs a program on each runtime in turns, and reports a row for each of its figures. */
export async function measureOnRuntimes(program: URL, options: RuntimesOptions): Promise<void> {
  const { args, env, rounds: count, ...shown } = options;
  const contestants = await onRuntimes(program, args);
  const rounds = measureRounds(contestants, count, env);
  const columns = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  if (columns.length === 0) throw new Error(`Cannot measure ${program.pathname}: it ran on no runtime`);
  const rows = Object.keys(rounds[0]!.get(columns[0]!)!).map((name) => ({
    name,
    cells: columns.map((column) => median(rounds, (rates) => rates.get(column)?.[name]) ?? null),
  }));
  report({ ...shown, columns, rows });
}
