// What small calls are made of: the same calls by hand and with this library, into a module that works and one that does not.
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { type Contestant, measureRounds, median, type Rates } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { compiled } from "../peers.ts";
import { type BenchRow, report } from "../report.ts";
import { benchToken } from "../token.ts";

const ROUNDS = 3;
const SECONDS = "0.3";
const CALLS = ["digest 32 B", "HMAC-SHA256 32 B", "AES-CBC-PAD 1 KiB"];

/** What each run has measured of one runtime, in nanoseconds of one call. */
interface Measured {
  /** The loop in C. */
  readonly c: number;
  /** By hand. */
  readonly hand: number;
  /** With this library. */
  readonly own: number;
  /** By hand, into the module that does no work. */
  readonly idleHand: number;
  /** With this library, into that. */
  readonly idleOwn: number;
}

/** The pieces of a call, which add up to the last of them. */
const PIECES: Readonly<Record<string, (of: Measured) => number>> = {
  "the module, called from C": ({ c }) => c,
  "the module takes longer in this process": ({ c, hand, idleHand }) => hand - idleHand - c,
  "crossings and copies": ({ idleHand }) => idleHand,
  "this library": ({ idleHand, idleOwn }) => idleOwn - idleHand,
  "it takes longer after the module": ({ hand, idleHand, idleOwn, own }) => own - hand - (idleOwn - idleHand),
  "all of it": ({ own }) => own,
};

/** Runs the benchmark and prints its table. */
export async function benchPieces(): Promise<void> {
  using token = benchToken();
  const folder = temporaryFolder("bench-pieces");
  const module = token.args[0]!;
  const rest = [...token.args.slice(1), SECONDS];
  const here = (name: string) => new URL(name, import.meta.url);
  const headers = ["-w", "-I/usr/include/p11-kit-1", "-ldl", "-lpthread"];
  const loop = compiled({ source: here("cryptoki_loop.c"), flags: headers }, `${folder}/cryptoki_loop`)!;
  const idle = compiled(
    { source: here("no_work.c"), flags: ["-shared", "-fPIC", ...headers] },
    `${folder}/no_work.so`,
  )!;
  const all = await runtimes();
  const program = fileURLToPath(here("pieces.ts"));
  const contestants = all.flatMap(([name, command]): Contestant[] => [
    { name, command: [...command, program, module, ...rest] },
    { name: idleOf(name), command: [...command, program, idle, ...rest] },
  ]);
  const env = { ...token.env, GP11_BENCH_MODULE: module };
  const rounds = await measureRounds(
    [{ name: "C", command: [loop, module, ...rest, "thread"] }, ...contestants],
    ROUNDS,
    env,
  );
  const columns = all.map(([name]) => name);
  const cell = (name: string, call: string, piece: (of: Measured) => number) =>
    median(rounds, (rates) => piece(measured(rates, name, call))) ?? null;
  report({
    name: "pieces",
    title: "What a small call with `into` is made of, medians of the rounds",
    unit: "ns of processor",
    digits: 0,
    columns,
    rows: CALLS.flatMap((call) =>
      Object.entries(PIECES).map(([piece, of]): BenchRow => (
        { name: `${call}: ${piece}`, cells: columns.map((name) => cell(name, call, of)) }
      ))
    ),
  });
}

function idleOf(runtime: string): string {
  return `${runtime}, no work`;
}

/** What is missing is no number, and so is every piece that it belongs to. */
function measured(rates: Map<string, Rates>, runtime: string, call: string): Measured {
  const of = (name: string, row: string) => rates.get(name)?.[row] ?? NaN;
  return {
    c: 1e9 / of("C", call),
    hand: of(runtime, `${call}, hand`),
    own: of(runtime, `${call}, own`),
    idleHand: of(idleOf(runtime), `${call}, hand`),
    idleOwn: of(idleOf(runtime), `${call}, own`),
  };
}
