// What the Web Cryptography API of a token costs beyond the session's own calls, on each runtime.
import { execFileSync } from "node:child_process";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { createTokenFolder } from "../../tools/token_folder.ts";
import { measureOnRuntimes } from "../on_runtimes.ts";

const LABEL = "bench";
const PIN = "1234";
const SECONDS = "0.5";

/** Runs the benchmark and prints its table. */
export async function benchWebcrypto(): Promise<void> {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  using folder = createTokenFolder();
  const env = { SOFTHSM2_CONF: folder.config };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  await measureOnRuntimes(new URL("sign.ts", import.meta.url), {
    args: [module, LABEL, PIN, SECONDS],
    env,
    rounds: 5,
    title: "subtle.sign of a TokenCrypto: microseconds for a call, medians of the rounds",
    digits: 1,
  });
}
