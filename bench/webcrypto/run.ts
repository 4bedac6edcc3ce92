// What the Web Cryptography API of a token costs beyond the session's own calls, on each runtime.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { createTokenFolder } from "../../tools/token_folder.ts";
import { type Contestant, measureRounds, median } from "../measure.ts";
import { table } from "../table.ts";

const LABEL = "bench";
const PIN = "1234";
const ROUNDS = 5;
const SECONDS = "0.5";

const program = fileURLToPath(new URL("sign.ts", import.meta.url));
const hooks = new URL("../../tests/_std/node_hooks.mjs", import.meta.url).href;

/** Runs the benchmark and prints its table. */
export async function benchWebcrypto(): Promise<void> {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  using folder = createTokenFolder();
  const env = { SOFTHSM2_CONF: folder.config };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  const args = [program, module, LABEL, PIN, SECONDS];
  const [deno, bun, node] = [await runtimeProgram("deno"), await runtimeProgram("bun"), await runtimeProgram("node")];
  const contestants: Contestant[] = [
    { name: "Deno", command: [deno, "run", "-A", "--quiet", "--no-check", ...args] },
    { name: "Bun", command: [bun, ...args] },
    { name: "Node", command: [node, "--no-warnings", "--import", hooks, ...args] },
  ];
  const rounds = measureRounds(contestants, ROUNDS, env);
  say("\nsubtle.sign of a TokenCrypto: microseconds for a call, medians of the rounds");
  say(table(
    ["", ...contestants.map(({ name }) => name)],
    Object.keys(rounds[0]!.get("Deno")!).map((row) => [
      row,
      ...contestants.map(({ name }) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(1) ?? ""),
    ]),
  ));
}
