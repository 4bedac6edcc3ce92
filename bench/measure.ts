// Contestants are programs that print their rates; rounds are interleaved and compared within themselves.
import process from "node:process";
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

/** Ends the bench as other programs end when somebody stops it: what it has made in temporary folders goes. */
export function endOnSignals(): void {
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
}

/**
 * Runs every contestant once in each round. One that fails is left out of that round with the reason, and of all where it
 * was the first: a peer that crashes now and then must not cost the others their rates.
 */
export async function measureRounds(
  contestants: readonly Contestant[],
  rounds: number,
  env: Record<string, string> = {},
): Promise<Rounds> {
  const results: Rounds = [];
  let left = [...contestants];
  for (let round = 0; round < rounds; round++) {
    const rates = new Map<string, Rates>();
    for (const contestant of left) {
      try {
        rates.set(contestant.name, await measure(contestant, env));
      } catch (error) {
        say(error instanceof Error ? error.message : String(error));
      }
    }
    if (round === 0) left = left.filter(({ name }) => rates.has(name));
    results.push(rates);
    say(`round ${round + 1} of ${rounds}`);
  }
  return results;
}

async function measure(contestant: Contestant, env: Record<string, string>): Promise<Rates> {
  const { name, command: [program, ...args], cwd } = contestant;
  // It is waited for, so that signals are heard meanwhile; and whoever stops the bench stops it, too.
  const child = new Deno.Command(program!, {
    args,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(cwd ? { cwd } : {}),
  })
    .spawn();
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const { code, stderr, stdout } = await child.output();
  process.off("exit", kill);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`Cannot measure ${name}: it ended with ${code}\n${text(stderr).slice(-600)}`);
  return JSON.parse(text(stdout).trim().split("\n").at(-1)!);
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
