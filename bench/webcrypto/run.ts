// What the Web Cryptography API of a token costs beyond the session's own calls, on each runtime.
import { measureOnRuntimes } from "../on_runtimes.ts";
import { benchToken } from "../token.ts";

const SECONDS = "0.5";

/** Runs the benchmark and prints its table. */
export async function benchWebcrypto(): Promise<void> {
  using token = benchToken();
  await measureOnRuntimes(new URL("sign.ts", import.meta.url), {
    args: [...token.args, SECONDS],
    env: token.env,
    rounds: 5,
    name: "webcrypto",
    unit: "µs per call",
    plot: "bars",
    title: "subtle.sign of a TokenCrypto: microseconds for a call, medians of the rounds",
    digits: 1,
  });
}
