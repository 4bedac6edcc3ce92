// Contestants are programs that print their rates; rounds are interleaved and compared within themselves.
import { spawnSync } from "node:child_process";
import { say } from "../tools/say.ts";
import type { BenchRow } from "./report.ts";

/** Rates of one run by row. */
export type Rates = Record<string, number>;

/** A program to measure. */
export interface Contestant {
  /** Its column. */
  name: string;
  /** How it is started. */
  command: string[];
  /** Where it is started. */
  cwd?: string;
}

/** Rates of each round by contestant. */
export type Rounds = Map<string, Rates>[];

/** Runs every contestant once in each round; one that fails in the first round is left out with the reason. */
export function measureRounds(
  contestants: readonly Contestant[],
  rounds: number,
  env: Record<string, string> = {},
): Rounds {
  const results: Rounds = [];
  let left = [...contestants];
  for (let round = 0; round < rounds; round++) {
    const rates = new Map<string, Rates>();
    for (const contestant of left) {
      try {
        rates.set(contestant.name, measure(contestant, env));
      } catch (error) {
        if (round > 0) throw error;
        say(error instanceof Error ? error.message : String(error));
      }
    }
    left = left.filter(({ name }) => rates.has(name));
    results.push(rates);
    say(`round ${round + 1} of ${rounds}`);
  }
  return results;
}

function measure({ name, command: [program, ...args], cwd }: Contestant, env: Record<string, string>): Rates {
  const options = { env: { ...Deno.env.toObject(), ...env }, encoding: "utf8", ...(cwd ? { cwd } : {}) } as const;
  const { stdout, stderr, status } = spawnSync(program!, args, options);
  if (status !== 0) throw new Error(`Cannot measure ${name}: it ended with ${status}\n${stderr.slice(-600)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** The contestants that could be measured, in their order. */
export function measuredNames(rounds: Rounds, contestants: readonly Contestant[]): string[] {
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  if (names.length === 0) throw new Error(`Cannot measure ${contestants[0]?.command.join(" ")}: it ran nowhere`);
  return names;
}

/** Each row's medians for each column, as a ratio to `base` of the same round where there is one. */
export function medianRows(
  rounds: Rounds,
  rows: readonly string[],
  columns: readonly string[],
  base: (rates: Map<string, Rates>, row: string) => number | undefined = () => 1,
): BenchRow[] {
  return rows.map((row) => ({
    name: row,
    cells: columns.map((column) =>
      median(rounds, (rates) => {
        const [value, divisor] = [rates.get(column)?.[row], base(rates, row)];
        return value === undefined || divisor === undefined ? undefined : value / divisor;
      }) ?? null
    ),
  }));
}

/** The median over the rounds of what `value` gives for each; undefined where it gives nothing. */
export function median(rounds: Rounds, value: (rates: Map<string, Rates>) => number | undefined): number | undefined {
  const values = rounds.map(value).filter((each) => each !== undefined && !Number.isNaN(each)) as number[];
  return values.sort((a, b) => a - b)[values.length >> 1];
}
