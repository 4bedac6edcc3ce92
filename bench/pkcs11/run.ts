// PKCS#11 against C, libgck and pkcs11js: every contestant once in each round, ratios taken within the round.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { say } from "../../tools/say.ts";
import { createTokenFolder } from "../../tools/token_folder.ts";
import { type Contestant, measureRounds, median, type Rates } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { report } from "../report.ts";

const LABEL = "bench";
const PIN = "1234";
const ROUNDS = 3;
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

/** The same over libgck; null where it is not installed with its headers. */
function compileGckLoop(): string | null {
  const flags = spawnSync("pkg-config", ["--cflags", "--libs", "gck-1"], { encoding: "utf8" });
  if (flags.status !== 0) {
    say("libgck is not installed with its headers: its column is left out");
    return null;
  }
  const program = `${WORK}/gck_loop`;
  const options = ["-O2", "-w", "-DGCK_API_SUBJECT_TO_CHANGE", here("gck_loop.c"), "-o", program];
  execFileSync("cc", [...options, ...flags.stdout.trim().split(/\s+/)]);
  return program;
}

/** Builds pkcs11js in a folder; null where it cannot be built. */
export function installPeer(): string | null {
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

/** A token of SoftHSM2 in a folder of its own. */
interface BenchToken extends Disposable {
  /** First arguments of a program: module, label, PIN. */
  readonly args: readonly string[];
  /** Where the module finds the token. */
  readonly env: Record<string, string>;
}

/** Makes a token that is removed with its folder. */
export function benchToken(): BenchToken {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  const folder = createTokenFolder();
  const env = { SOFTHSM2_CONF: folder.config };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  return { args: [module, LABEL, PIN], env, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** Runs the door ./pkcs11js and the addon whose names it has in turns within one process, and prints the ratios. */
export async function benchPkcs11js(): Promise<void> {
  using token = benchToken();
  const [module = "", ...login] = token.args;
  const peer = installPeer();
  if (peer === null) return say("pkcs11js could not be built here: there is nothing to compare ./pkcs11js with");
  const copies = ["door", "addon"].map((name) => `${WORK}/${name}-${basename(module)}`);
  for (const copy of copies) cpSync(module, copy);
  const args = [...copies, ...login, SECONDS];
  const contestants = (await runtimes()).map(([name, command]): Contestant => (
    { name, command: [...command, here("pkcs11js_door.mjs"), ...args] }
  ));
  const rounds = measureRounds(contestants, DOOR_ROUNDS, { ...token.env, PKCS11JS_FOLDER: peer });
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]!.has(name));
  if (names.length === 0) throw new Error("Cannot measure ./pkcs11js: it ran beside the addon on no runtime");
  report({
    name: "pkcs11js",
    title:
      "./pkcs11js as a ratio to the addon pkcs11js, medians of the rounds; 1 is wanted on Node, 0.8 of what is async",
    unit: "ratio to the addon",
    plot: "bars",
    digits: 2,
    columns: names,
    rows: Object.keys(rounds[0]!.get(names[0]!)!).map((row) => ({
      name: row,
      cells: names.map((name) => median(rounds, (rates) => rates.get(name)?.[row]) ?? null),
    })),
  });
}

/** Runs the benchmark and prints its table. */
export async function benchPkcs11(): Promise<void> {
  using token = benchToken();
  const args = [...token.args, SECONDS];
  const all = await runtimes();
  const contestants = (library: string, program: string) =>
    all.map(([name, command]): Contestant => ({
      name: `${library} on ${name}`,
      command: [...command, here(program), ...args],
    }));
  const peer = installPeer();
  const gck = compileGckLoop();
  const compared: Contestant[] = [
    { name: "C", command: [compileLoop(), ...args] },
    ...contestants("gp11", "gp11.ts"),
    ...(gck ? [{ name: "libgck", command: [gck, ...args] }] : []),
    ...(peer ? contestants("pkcs11js", "pkcs11js.mjs") : []),
  ];
  if (!peer) say("pkcs11js could not be built here: its columns are left out");
  const rounds = measureRounds(compared, ROUNDS, { ...token.env, PKCS11JS_FOLDER: peer ?? "" });
  const names = compared.map(({ name }) => name).filter((name) => name !== "C");
  const rows = Object.keys(rounds[0]!.get("gp11 on Deno")!);
  const base = (rates: Map<string, Rates>, row: string) => rates.get("C")![BASE_ROW[row] ?? row]!;
  report({
    name: "pkcs11",
    title: "PKCS#11 on SoftHSM2: calls per second as a ratio to C's synchronous loop, medians of the rounds",
    unit: "ratio to C",
    plot: "bars",
    digits: 2,
    base: {
      column: "C per second",
      cells: rows.map((row) => row in BASE_ROW ? null : median(rounds, (rates) => rates.get("C")![row]) ?? null),
    },
    columns: names,
    rows: rows.map((row) => ({
      name: row,
      cells: names.map((name) =>
        median(rounds, (rates) => {
          const value = rates.get(name)?.[row];
          return value === undefined ? undefined : value / base(rates, row);
        }) ?? null
      ),
    })),
  });
}
