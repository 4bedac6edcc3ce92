// What an asynchronous call pays at least for its two changes of thread, by each way to wake the caller's event loop.
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { type Contestant, measuredNames, measureRounds, medianRows } from "../measure.ts";
import { onRuntimes } from "../on_runtimes.ts";
import { compiled } from "../peers.ts";
import { report } from "../report.ts";

const ROUNDS = 5;
const SECONDS = "0.5";

/** Runs the benchmark and prints its table. */
export async function benchTrips(): Promise<void> {
  const source = { source: new URL("trips.c", import.meta.url), flags: ["-w", "-O2", "-lpthread"] };
  const c = compiled(source, `${temporaryFolder("bench-trips")}/trips`)!;
  const contestants: Contestant[] = [
    { name: "C", command: [c, SECONDS] },
    ...await onRuntimes(new URL("trips.ts", import.meta.url), [SECONDS]),
  ];
  const rounds = await measureRounds(contestants, ROUNDS);
  const columns = measuredNames(rounds, contestants);
  const rows = new Set(columns.flatMap((name) => Object.keys(rounds[0]!.get(name)!)));
  report({
    name: "trips",
    title: "A thread is asked, works for 5 µs and wakes the one that has asked by …, medians of the rounds",
    unit: "µs",
    digits: 1,
    columns,
    rows: medianRows(rounds, [...rows], columns),
  });
}
