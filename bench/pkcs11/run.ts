// PKCS#11 against C and pkcs11js: every contestant once in each round, ratios taken within the round.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { createTokenFolder } from "../../tools/token_folder.ts";
import { type Contestant, measureRounds, median, type Rates } from "../measure.ts";
import { table } from "../table.ts";

const LABEL = "bench";
const PIN = "1234";
const ROUNDS = 7;
const SECONDS = "0.3";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-pkcs11");
/** The library's own C loop is the measure of the asynchronous rows too. */
const BASE_ROW: Record<string, string> = {
  "RSA-2048, async, 2 sessions": "RSA-2048",
  "HMAC-SHA256 32 B, async, 8 sessions": "HMAC-SHA256 32 B",
};

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

function compileLoop(): string {
  const program = `${WORK}/cryptoki_loop`;
  execFileSync("cc", ["-O2", "-w", "-I/usr/include/p11-kit-1", here("cryptoki_loop.c"), "-ldl", "-o", program]);
  return program;
}

function installPeer(): string | null {
  const folder = `${WORK}/pkcs11js`;
  // The lock file names the content of every package.
  cpSync(here("peer"), folder, { recursive: true });
  spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: folder, stdio: "ignore" });
  // No install script runs: the addon is compiled here.
  const compile = [`${folder}/node_modules/node-gyp/bin/node-gyp.js`, "rebuild"];
  spawnSync("node", compile, { cwd: `${folder}/node_modules/pkcs11js`, stdio: "ignore" });
  return existsSync(`${folder}/node_modules/pkcs11js/build/Release/pkcs11.node`) ? folder : null;
}

/** Runs the benchmark and prints its table. */
export async function benchPkcs11(): Promise<void> {
  const module = softhsmPath();
  const tool = programPath("softhsm2-util");
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  using folder = createTokenFolder();
  const env = { SOFTHSM2_CONF: folder.config, PKCS11JS_FOLDER: "" };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  const args = [module, LABEL, PIN, SECONDS];
  const [deno, bun] = [await runtimeProgram("deno"), await runtimeProgram("bun")];
  const run = [deno, "run", "-A", "--quiet", "--no-check"];
  const contestants: Contestant[] = [
    { name: "C", command: [compileLoop(), ...args] },
    { name: "gp11 on Deno", command: [...run, here("gp11.ts"), ...args] },
    { name: "gp11 on Bun", command: [bun, here("gp11.ts"), ...args] },
  ];
  const peer = installPeer();
  if (peer) {
    env.PKCS11JS_FOLDER = peer;
    contestants.push({ name: "pkcs11js on Deno", command: [...run, here("pkcs11js.mjs"), ...args] });
    contestants.push({ name: "pkcs11js on Bun", command: [bun, here("pkcs11js.mjs"), ...args] });
  } else {
    say("pkcs11js could not be built here: its columns are left out");
  }
  const rounds = measureRounds(contestants, ROUNDS, env);
  const names = contestants.map(({ name }) => name).filter((name) => name !== "C");
  const rows = Object.keys(rounds[0]!.get("gp11 on Deno")!);
  say("\nPKCS#11 on SoftHSM2: calls per second as a ratio to C's synchronous loop, medians of the rounds");
  say(table(
    ["", "C per second", ...names],
    rows.map((row) => {
      const base = (rates: Map<string, Rates>) => rates.get("C")![BASE_ROW[row] ?? row]!;
      return [
        row,
        row in BASE_ROW ? "" : Math.round(median(rounds, (rates) => rates.get("C")![row])!).toLocaleString("en-US"),
        ...names.map((name) =>
          median(rounds, (rates) => {
            const value = rates.get(name)?.[row];
            return value === undefined ? undefined : value / base(rates);
          })?.toFixed(2) ?? ""
        ),
      ];
    }),
  ));
}
