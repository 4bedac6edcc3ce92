// The token that programs of the benchmark sign with.
import { execFileSync } from "node:child_process";
import { temporaryFolder } from "../tests/_support/temporary_folder.ts";
import { programPath, softhsmPath } from "../tools/native_libraries.ts";
import { createTokenFolder } from "../tools/token_folder.ts";

const LABEL = "bench";
const PIN = "1234";

/** A token of SoftHSM2 in a folder of its own. */
export interface BenchToken extends Disposable {
  /** First arguments of a program: module, label, PIN. */
  readonly args: readonly string[];
  /** Where the module finds the token. */
  readonly env: Record<string, string>;
}

/** Makes a token that is removed with its folder. */
export function benchToken(): BenchToken {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  const folder = createTokenFolder(temporaryFolder("bench-token"));
  const env = { SOFTHSM2_CONF: folder.config };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  return { args: [module, LABEL, PIN], env, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}
