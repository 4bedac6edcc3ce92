// PKCS#11 against C and pkcs11js: every contestant once in each round, ratios taken within the round.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { basename } from "node:path";
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
const DOOR_ROUNDS = 3;
const SECONDS = "0.3";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-pkcs11");
/** C's plain loop is the measure of the rows it has no counterpart for; it writes into memory of its caller itself. */
const BASE_ROW: Record<string, string> = {
  "digest 32 B, into": "digest 32 B",
  "digest 32 B, traced": "digest 32 B",
  "HMAC-SHA256 32 B, into": "HMAC-SHA256 32 B",
  "AES-CBC-PAD 1 KiB, into": "AES-CBC-PAD 1 KiB",
  "AES-CBC-PAD 1 MiB, into": "AES-CBC-PAD 1 MiB",
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
  // The headers of an installed Node serve: the addon keeps to Node-API, which is the same in every version.
  if (existsSync("/usr/include/node/node_api.h")) compile.push("--nodedir=/usr");
  spawnSync("node", compile, { cwd: `${folder}/node_modules/pkcs11js`, stdio: "ignore" });
  return existsSync(`${folder}/node_modules/pkcs11js/build/Release/pkcs11.node`) ? folder : null;
}

type Runner = readonly [name: string, command: readonly string[]];

/** The runtimes, and how a program is run on each. */
async function runtimes(): Promise<Runner[]> {
  return [
    ["Deno", [await runtimeProgram("deno"), "run", "-A", "--quiet", "--no-check"]],
    ["Bun", [await runtimeProgram("bun")]],
    ["Node", [await runtimeProgram("node"), "--disable-warning=ExperimentalWarning"]],
  ];
}

/** A token of SoftHSM2 in a folder of its own, and what programs need to know of it. */
function makeToken(folder: string): { readonly module: string; readonly env: Record<string, string> } {
  const module = softhsmPath();
  const tool = programPath("softhsm2-util");
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  const env = { SOFTHSM2_CONF: folder, PKCS11JS_FOLDER: "" };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  return { module, env };
}

/** Runs the door ./pkcs11js and the addon whose names it has in turns within one process, and prints the ratios. */
export async function benchPkcs11js(): Promise<void> {
  using folder = createTokenFolder();
  const { module, env } = makeToken(folder.config);
  const peer = installPeer();
  if (peer === null) return say("pkcs11js could not be built here: there is nothing to compare ./pkcs11js with");
  const copies = ["door", "addon"].map((name) => `${WORK}/${name}-${basename(module)}`);
  for (const copy of copies) cpSync(module, copy);
  const args = [...copies, LABEL, PIN, SECONDS];
  const contestants = (await runtimes()).map(([name, command]): Contestant => (
    { name, command: [...command, here("pkcs11js_door.mjs"), ...args] }
  ));
  const rounds = measureRounds(contestants, DOOR_ROUNDS, { ...env, PKCS11JS_FOLDER: peer });
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]!.has(name));
  if (names.length === 0) throw new Error("Cannot measure ./pkcs11js: it ran beside the addon on no runtime");
  say(
    "\n./pkcs11js as a ratio to the addon pkcs11js, medians of the rounds; 1 is wanted on Node, 0.8 of what is async",
  );
  say(table(
    ["", ...names],
    Object.keys(rounds[0]!.get(names[0]!)!).map((row) => [
      row,
      ...names.map((name) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(2) ?? ""),
    ]),
  ));
}

/** Runs the benchmark and prints its table. */
export async function benchPkcs11(): Promise<void> {
  using folder = createTokenFolder();
  const { module, env } = makeToken(folder.config);
  const args = [module, LABEL, PIN, SECONDS];
  const both = (await runtimes()).slice(0, 2);
  const contestants = (library: string, program: string) =>
    both.map(([name, command]): Contestant => ({
      name: `${library} on ${name}`,
      command: [...command, here(program), ...args],
    }));
  const peer = installPeer();
  const all = [
    { name: "C", command: [compileLoop(), ...args] },
    ...contestants("gp11", "gp11.ts"),
    ...(peer ? contestants("pkcs11js", "pkcs11js.mjs") : []),
  ];
  if (peer) env.PKCS11JS_FOLDER = peer;
  else say("pkcs11js could not be built here: its columns are left out");
  const rounds = measureRounds(all, ROUNDS, env);
  const names = all.map(({ name }) => name).filter((name) => name !== "C");
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
