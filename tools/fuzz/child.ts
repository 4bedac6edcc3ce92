// One fuzz target in a process of its own, on any runtime: `child.ts '{"target":…}'`. The number of the round under way stands in
// a file, so that who started it can name an input that ends the process, or never ends.
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { inspect } from "node:util";
import { SeededRandom } from "../../tests/_support/random.ts";
import { targets } from "./targets.ts";

/** What a child is told. */
export interface FuzzOrder {
  readonly target: string;
  /** The first round's number; each round has the next one. */
  readonly seed: number;
  /** Rounds, where they are counted and not timed. */
  readonly rounds: number | null;
  readonly seconds: number;
  /** Where the round's number stands. */
  readonly state: string;
  /** The folder for what is found. */
  readonly found: string;
  readonly runtime: string;
}

/** Writes an input down, for a test to be made of it. */
export function writeFinding(order: FuzzOrder, seed: number, input: unknown, error: unknown): string {
  const path = join(order.found, `${order.target}-${seed}.json`);
  const bytes = input instanceof Uint8Array ? { base64: input.toBase64() } : {};
  const shown = inspect(input, { depth: 10, maxArrayLength: null, maxStringLength: null, breakLength: 100 });
  const reason = error instanceof Error ? error.stack : String(error);
  const { runtime, target } = order;
  const again = `deno task fuzz ${target} --runtime=${runtime} --seed=${seed} --rounds=1`;
  writeFileSync(path, `${JSON.stringify({ target, runtime, seed, again, reason, input: shown, ...bytes }, null, 2)}\n`);
  return path;
}

/** The most findings of one run; a fault that each input shows is one. */
const mostFindings = 10;

async function main(order: FuzzOrder): Promise<number> {
  const target = await targets[order.target]!();
  if (target === null) {
    print(`${order.target}: left out, this machine lacks what it stands on`);
    return 0;
  }
  const state = openSync(order.state, "w");
  const known = new Set<string>();
  const start = performance.now();
  const end = start + order.seconds * 1000;
  let seed = order.seed;
  let input: unknown;
  let told = start;
  const report = (error: unknown): void => {
    const kind = String(error instanceof Error ? error.message : error).replace(/[^a-z ]+/gi, "#").slice(0, 80);
    if (known.has(kind)) return;
    known.add(kind);
    print(`FOUND ${writeFinding(order, seed, input, error)}`);
  };
  process.on("uncaughtException", report);
  process.on("unhandledRejection", report);
  for (let round = 0; known.size < mostFindings; round++, seed++) {
    const now = performance.now();
    if (order.rounds === null ? now > end : round >= order.rounds) break;
    if (now - told > 5000) print(`${order.target}: ${round} rounds`);
    if (now - told > 5000) told = now;
    writeSync(state, `${seed} `, 0);
    input = target.input(new SeededRandom(seed));
    try {
      await target.tryOut(input);
    } catch (error) {
      report(error);
    }
  }
  await target.close?.();
  closeSync(state);
  const took = ((performance.now() - start) / 1000).toFixed(1);
  print(
    `${order.target}: ${seed - order.seed} rounds in ${took} s, seeds ${order.seed} to ${
      seed - 1
    }, ${known.size} found`,
  );
  return known.size === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const [order] = process.argv.slice(2);
if (order !== undefined) process.exit(await main(JSON.parse(order)));
