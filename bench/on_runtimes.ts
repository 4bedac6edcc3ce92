// A program of the benchmark on Deno, Bun and Node: what it prints, as a table of medians.
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../tools/runner/runtimes.ts";
import { say } from "../tools/say.ts";
import { type Contestant, measureRounds, median } from "./measure.ts";
import { table } from "./table.ts";

/** What is measured, and how it is shown. */
export interface RuntimesOptions {
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** More environment. */
  readonly env?: Record<string, string>;
  /** How often each runs. */
  readonly rounds: number;
  /** What stands above the table. */
  readonly title: string;
  /** Digits behind the point. */
  readonly digits: number;
}

/** Runs a program on each runtime in turns, and prints a row for each of its figures. */
export async function measureOnRuntimes(program: URL, options: RuntimesOptions): Promise<void> {
  const path = fileURLToPath(program);
  const { args = [], digits, env, rounds: count, title } = options;
  const map = fileURLToPath(new URL("../tests/offline.import_map.json", import.meta.url));
  const hooks = new URL("../tests/_std/node_hooks.mjs", import.meta.url).href;
  const [deno, bun, node] = [await runtimeProgram("deno"), await runtimeProgram("bun"), await runtimeProgram("node")];
  const contestants: Contestant[] = [
    { name: "Deno", command: [deno, "run", "-A", "--quiet", "--no-check", `--import-map=${map}`, path, ...args] },
    { name: "Bun", command: [bun, path, ...args] },
    { name: "Node", command: [node, "--no-warnings", "--import", hooks, path, ...args] },
  ];
  const rounds = measureRounds(contestants, count, env);
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  if (names.length === 0) throw new Error(`Cannot measure ${path}: it ran on no runtime`);
  say(`\n${title}`);
  say(table(
    ["", ...names],
    Object.keys(rounds[0]!.get(names[0]!)!).map((row) => [
      row,
      ...names.map((name) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(digits) ?? ""),
    ]),
  ));
}
