// What signatures cost a request besides the token's own time, on each runtime.
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { type Contestant, measureRounds, median } from "../measure.ts";
import { table } from "../table.ts";

const ROUNDS = 3;
/** Microseconds a signature may cost. */
const LIMIT = 60;

/** Runs the benchmark and prints its table. */
export async function benchSigned(): Promise<void> {
  const program = fileURLToPath(new URL("signed.ts", import.meta.url));
  const map = fileURLToPath(new URL("../../tests/offline.import_map.json", import.meta.url));
  const contestants: Contestant[] = [
    {
      name: "Deno",
      command: [
        await runtimeProgram("deno"),
        "run",
        "-A",
        "--quiet",
        "--no-check",
        `--import-map=${map}`,
        program,
      ],
    },
    { name: "Bun", command: [await runtimeProgram("bun"), program] },
    {
      name: "Node",
      command: [await runtimeProgram("node"), "--disable-warning=ExperimentalWarning", program],
    },
  ];
  const rounds = measureRounds(contestants, ROUNDS);
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  const rows = Object.keys(rounds[0]?.get(names[0] ?? "") ?? {});
  say(`\nSigned requests: microseconds besides the token's own time, medians of the rounds; ${LIMIT} are allowed`);
  say(table(
    ["", ...names],
    rows.map((
      row,
    ) => [row, ...names.map((name) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(0) ?? "")]),
  ));
}
