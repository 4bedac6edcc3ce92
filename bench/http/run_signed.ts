// What signatures cost a request besides the token's own time, on each runtime.
import { measureOnRuntimes } from "../on_runtimes.ts";

/** Microseconds a signature may cost. */
const LIMIT = 60;

/** Runs the benchmark and prints its table. */
export async function benchSigned(): Promise<void> {
  await measureOnRuntimes(new URL("signed.ts", import.meta.url), {
    rounds: 3,
    name: "signed",
    unit: "µs per request",
    plot: "bars",
    title: `Signed requests: microseconds besides the token's own time, medians of the rounds; ${LIMIT} are allowed`,
    digits: 0,
  });
}
