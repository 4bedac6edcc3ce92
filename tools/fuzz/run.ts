// deno task fuzz: inputs from hostile hands for every reader of what comes from outside, each target in a process of its own.
// Nothing of it is part of the suite: the suite's own fuzz tests have fixed seeds and take seconds.
//
//   deno task fuzz                                  every target, ten seconds each
//   deno task fuzz uris keys --seconds=600          two of them, ten minutes each
//   deno task fuzz sections --runtime=bun           on Bun; or node
//   deno task fuzz keys --seed=12345 --rounds=1     one input again
//
// What is found, a wrong error, a broken promise, a crash or a call that never ends, is written into .tmp/fuzz/ (or the folder
// of --found=FOLDER) as a file with the input, the seed and the command that shows it again.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { SeededRandom } from "../../tests/_support/random.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";
import type { FuzzOrder } from "./child.ts";
import { targets } from "./targets.ts";

/** The longest a round may take. */
const silenceMs = 60_000;

interface Choice {
  readonly names: readonly string[];
  readonly runtime: RuntimeName;
  readonly seconds: number;
  readonly seed: number;
  readonly rounds: number | null;
  readonly found: string;
}

const usage = `Usage: deno task fuzz [${
  Object.keys(targets).join("|")
}]… [--seconds=N] [--seed=N] [--rounds=N] [--runtime=NAME] [--found=FOLDER]`;

function parseArguments(args: readonly string[]): Choice {
  const options = new Map<string, string>();
  const names: string[] = [];
  for (const arg of args) {
    const [, name, value] = /^--(seconds|seed|rounds|runtime|found)=(.+)$/.exec(arg) ?? [];
    if (name !== undefined) options.set(name, value!);
    else if (arg in targets) names.push(arg);
    else throw new TypeError(`Cannot read "${arg}"\n${usage}`);
  }
  const number = (name: string): number | null => {
    const text = options.get(name);
    if (text === undefined) return null;
    if (!/^\d{1,9}$/.test(text)) {
      throw new TypeError(`Cannot read --${name}=${text}: expected a whole number\n${usage}`);
    }
    return Number(text);
  };
  const runtime = runtimeNames.find((name) => name === (options.get("runtime") ?? "deno"));
  if (runtime === undefined) throw new TypeError(`Cannot run on ${options.get("runtime")}\n${usage}`);
  return {
    names: names.length > 0 ? names : Object.keys(targets),
    runtime,
    seconds: number("seconds") ?? 10,
    seed: number("seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000_000,
    rounds: number("rounds"),
    found: resolve(options.get("found") ?? ".tmp/fuzz"),
  };
}

async function commandOf(runtime: RuntimeName): Promise<string[]> {
  const program = await runtimeProgram(runtime);
  switch (runtime) {
    case "deno":
      return [program, "run", "-A", "--quiet", "--no-check", "--import-map=tests/offline.import_map.json"];
    case "bun":
      return [program, "run"];
    case "node":
      return [program, "--disable-warning=ExperimentalWarning", "--import", "./tests/_std/node_hooks.mjs"];
  }
}

/** Runs a target to its end. Returns whether it found nothing. */
async function fuzz(name: string, { found, rounds, runtime, seconds, seed }: Choice): Promise<boolean> {
  const order: FuzzOrder = { target: name, seed, rounds, seconds, found, runtime, state: join(found, `${name}.round`) };
  const command = [...await commandOf(runtime), "tools/fuzz/child.ts", JSON.stringify(order)];
  const result = await run(command, { silenceMs, onOutput: (text) => text.trim() && say(text.trimEnd()) });
  const clean = result.code === 0 || result.code === 1 && result.signal === null;
  if (!clean || result.timedOut) {
    const round = Number.parseInt(readFileSync(order.state, "utf8"));
    const reason = result.timedOut
      ? `the round did not end within ${silenceMs / 1000} s`
      : `the process ended by ${result.signal ?? result.code}`;
    say(`FOUND ${await writeLost(order, round, `${reason}\n${result.output.slice(-4000)}`)}`);
  }
  rmSync(order.state, { force: true });
  return result.code === 0;
}

/** Writes down an input that took its process along. */
async function writeLost(order: FuzzOrder, seed: number, reason: string): Promise<string> {
  const { writeFinding } = await import("./child.ts");
  const target = await targets[order.target]!();
  const input = target?.input(new SeededRandom(seed));
  await target?.close?.();
  return writeFinding(order, seed, input, reason);
}

async function main(): Promise<number> {
  const choice = parseArguments(Deno.args);
  mkdirSync(choice.found, { recursive: true });
  say(`Seed ${choice.seed}, on ${choice.runtime}`);
  let failed = 0;
  for (const name of choice.names) if (!await fuzz(name, choice)) failed++;
  return failed > 0 ? 1 : 0;
}

await runMain(main);
