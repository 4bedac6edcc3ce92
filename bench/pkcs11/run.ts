// PKCS#11 against C and pkcs11js: every contestant once in each round, ratios taken within the round.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { createTokenFolder } from "../../tools/token_folder.ts";
import { table } from "../table.ts";

const LABEL = "bench";
const PIN = "1234";
const ROUNDS = 7;
const SECONDS = "0.2";
/** A folder outside the project for what is compiled or installed. */
const WORK = "/tmp/gp11-bench";
/** The library's own C loop is the measure of the asynchronous rows too. */
const BASE_ROW: Record<string, string> = {
  "RSA-2048, async, 2 sessions": "RSA-2048",
  "HMAC-SHA256 32 B, async, 8 sessions": "HMAC-SHA256 32 B",
};

type Rates = Record<string, number>;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

function compileLoop(): string {
  const program = `${WORK}/cryptoki_loop`;
  execFileSync("cc", ["-O2", "-w", "-I/usr/include/p11-kit-1", here("cryptoki_loop.c"), "-ldl", "-o", program]);
  return program;
}

function installPeer(): string | null {
  const folder = `${WORK}/pkcs11js`;
  if (existsSync(`${folder}/node_modules/pkcs11js/build/Release/pkcs11.node`)) return folder;
  mkdirSync(folder, { recursive: true });
  // npm builds an addon only for a package whose install script is allowed by name.
  const manifest = { private: true, dependencies: { pkcs11js: "2.1.7" }, allowScripts: { pkcs11js: true } };
  writeFileSync(`${folder}/package.json`, JSON.stringify(manifest));
  spawnSync("npm", ["install"], { cwd: folder, stdio: "ignore" });
  return existsSync(`${folder}/node_modules/pkcs11js/build/Release/pkcs11.node`) ? folder : null;
}

function measure(command: readonly string[], env: Record<string, string>): Rates {
  const [program, ...args] = command;
  const { stdout, stderr, status } = spawnSync(program!, args, {
    env: { ...Deno.env.toObject(), ...env },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Cannot measure ${command.join(" ")}: ${stderr.slice(-600)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

export async function benchPkcs11(): Promise<void> {
  const module = softhsmPath();
  const tool = programPath("softhsm2-util");
  if (!module || !tool) throw new Error("Cannot measure: SoftHSM2 is not installed, run `deno task setup`");
  mkdirSync(WORK, { recursive: true });
  using folder = createTokenFolder();
  const env = { SOFTHSM2_CONF: folder.config, PKCS11JS_FOLDER: "" };
  execFileSync(tool, ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"], {
    env: { ...Deno.env.toObject(), ...env },
  });
  const args = [module, LABEL, PIN, SECONDS];
  const [deno, bun] = [await runtimeProgram("deno"), await runtimeProgram("bun")];
  const contestants: [string, string[]][] = [
    ["C", [compileLoop(), ...args]],
    ["gp11 on Deno", [deno, "run", "-A", "--quiet", "--no-check", here("gp11.ts"), ...args]],
    ["gp11 on Bun", [bun, here("gp11.ts"), ...args]],
  ];
  const peer = installPeer();
  if (peer) {
    env.PKCS11JS_FOLDER = peer;
    contestants.push(["pkcs11js on Deno", [deno, "run", "-A", "--quiet", "--no-check", here("pkcs11js.mjs"), ...args]]);
    contestants.push(["pkcs11js on Bun", [bun, here("pkcs11js.mjs"), ...args]]);
  } else {
    say("pkcs11js could not be built here: its columns are left out");
  }
  const ratios = new Map<string, Map<string, number[]>>();
  const absolute = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    const results = new Map(contestants.map(([name, command]) => [name, measure(command, env)]));
    const base = results.get("C")!;
    for (const [row, value] of Object.entries(base)) append(absolute, row, value);
    for (const [name, rates] of results) {
      if (name === "C") continue;
      if (!ratios.has(name)) ratios.set(name, new Map());
      for (const [row, value] of Object.entries(rates)) {
        append(ratios.get(name)!, row, value / base[BASE_ROW[row] ?? row]!);
      }
    }
    say(`round ${round + 1} of ${ROUNDS}`);
  }
  const rows = [...ratios.get("gp11 on Deno")!.keys()];
  say("\nPKCS#11 on SoftHSM2: calls per second as a ratio to C's synchronous loop, medians of the rounds");
  say(table(
    ["", "C per second", ...ratios.keys()],
    rows.map((row) => [
      row,
      absolute.has(row) ? Math.round(median(absolute.get(row)!)).toLocaleString("en-US") : "",
      ...[...ratios.values()].map((values) => values.has(row) ? median(values.get(row)!).toFixed(2) : ""),
    ]),
  ));
}

function append(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
