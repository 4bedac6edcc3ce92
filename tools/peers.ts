// deno task test:peers: packages written for npm's pkcs11js, as published, over the package gp11-pkcs11js, and the suites
// of pkcs11js, graphene-pk11 and node-webcrypto-p11, on Deno, Bun and Node. Their suites are in no published package: they
// come from their repositories by commit, or from clones in the folder that `--sources=FOLDER` names. And libraries that
// take a Crypto, jose's own tests and the Web Platform Tests of Web Cryptography, over ./webcrypto. And undici's tests of
// fetch that concern HTTP/2, and the Web Platform Tests of fetch, over session.fetch.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../tests/_support/temporary_folder.ts";
import { clonedSources, type Repository } from "./cloned_sources.ts";
import { tryJoseTests } from "./jose_tests/run.ts";
import { programPath, softhsmPath, softoknPath } from "./native_libraries.ts";
import { writePkcs11jsPackage } from "./packages/pkcs11js.ts";
import { run } from "./runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "./runner/runtimes.ts";
import { say } from "./say.ts";
import { tryUndiciTests } from "./undici_tests/run.ts";
import { tryWebcryptoPeers } from "./webcrypto_peers/run.ts";
import { tryWebPlatformTests } from "./wpt/run.ts";

/** A suite: where its sources are and how they become files that mocha can run. */
interface Suite extends Repository {
  /** Whether its tests are TypeScript that imports the sources beside them. */
  readonly bundled: boolean;
}

const home = "https://github.com/PeculiarVentures";

const SUITES: readonly Suite[] = [
  { name: "pkcs11js", home, commit: "0717e2913ef950ddf004e7107ebd7cb20581a19c", bundled: false },
  { name: "graphene", home, commit: "4632ae4c223c4c0bb22e44dd4b8cec8e07da54a2", bundled: true },
  { name: "node-webcrypto-p11", home, commit: "7b1d362606923d1b274a5944ca257f3eac1fda87", bundled: true },
];
const PIN = "12345";
const TIMEOUT = 600_000;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A folder with the packages, pkcs11js among them being ours. */
async function install(): Promise<string> {
  const folder = temporaryFolder("peers");
  cpSync(here("peers"), folder, { recursive: true });
  await writePkcs11jsPackage(join(folder, "gp11-pkcs11js"));
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  return folder;
}

/** Makes the files of a suite that mocha runs, with the libraries of this machine. */
async function prepare(suite: Suite, folder: string, sources: string): Promise<string> {
  const target = join(folder, suite.name);
  if (suite.bundled) {
    const files = globSync(join(sources, "test", "*.ts"));
    const bun = await runtimeProgram("bun");
    const options = [`--root=${sources}`, "--target=node", "--format=cjs", "--packages=external", `--outdir=${target}`];
    const { code, output } = await run([bun, "build", ...files, ...options], { timeoutMs: TIMEOUT });
    if (code !== 0) throw new Error(`Cannot bundle the tests of ${suite.name}: ${output}`);
  } else {
    mkdirSync(join(target, "test"), { recursive: true });
    cpSync(join(sources, "test", "test.js"), join(target, "test", "test.js"));
    writeFileSync(join(target, "index.js"), `module.exports = require("pkcs11js");\n`);
  }
  for (const file of globSync(join(target, "test", "*.js"))) {
    const text = readFileSync(file, "utf8")
      .replaceAll("/usr/lib/softhsm/libsofthsm2.so", softhsmPath()!)
      .replaceAll("./vendor/", `${sources}/vendor/`)
      .replaceAll("/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so", softoknPath() ?? "/no/libsoftokn3.so")
      // They call the namespace of assert as well as its members.
      .replace(/__toESM\(require\("assert"\)(?:, \d)?\)/g, `((all) => (all.default ??= all))(require("assert"))`);
    writeFileSync(file, text);
  }
  return join(target, "test", "*.js");
}

/** A token as the suites expect it, alone in the first slot. */
function makeToken(folder: string): string {
  const tokens = join(folder, "tokens");
  rmSync(tokens, { recursive: true, force: true });
  mkdirSync(tokens, { recursive: true });
  const config = join(folder, "softhsm2.conf");
  writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const options = ["--init-token", "--free", "--label", "My slot 0", "--pin", PIN, "--so-pin", PIN];
  execFileSync(programPath("softhsm2-util")!, options, {
    env: { ...Deno.env.toObject(), SOFTHSM2_CONF: config },
    stdio: "ignore",
  });
  return config;
}

async function commandOf(name: RuntimeName): Promise<string[]> {
  const program = await runtimeProgram(name);
  if (name === "deno") return [program, "run", "-A", "--quiet"];
  return name === "node" ? [program, "--disable-warning=ExperimentalWarning"] : [program];
}

/** Runs a program on each runtime. Returns how many failed. */
async function onEach(name: string, folder: string, args: readonly string[]): Promise<number> {
  let failed = 0;
  for (const runtime of runtimeNames) {
    const result = await run([...await commandOf(runtime), ...args], {
      env: { SOFTHSM2_CONF: makeToken(folder), SOFTHSM: softhsmPath()!, NO_COLOR: "1" },
      timeoutMs: TIMEOUT,
    });
    const counts = result.output.match(/^ *\d+ (?:passing|pending|failing)/gm)?.map((each) => each.trim()).join(", ");
    const ok = result.code === 0;
    if (!ok) failed++;
    say(`${ok ? "ok  " : "FAIL"} ${name.padEnd(20)} ${runtime.padEnd(5)} ${counts ?? ""}`);
    if (!ok) say(result.output.slice(-4000));
  }
  return failed;
}

async function main(args: readonly string[]): Promise<number> {
  if (softhsmPath() === null || programPath("softhsm2-util") === null) {
    throw new Error("Cannot run the peers: SoftHSM2 is not installed, run `deno task setup`");
  }
  const clones = args.find((each) => each.startsWith("--sources="))?.slice("--sources=".length);
  const folder = await install();
  const mocha = join(folder, "node_modules/mocha/bin/mocha.js");
  let failed = await tryWebcryptoPeers() ? 0 : 1;
  for (const program of ["graphene", "webcrypto"]) {
    failed += await onEach(program, folder, [join(folder, `${program}.cjs`)]);
  }
  for (const suite of SUITES) {
    const sources = clonedSources(suite, join(folder, "sources"), clones);
    if (sources === null || !existsSync(sources)) {
      say(`the suite of ${suite.name} is left out: its sources cannot be had from ${clones ?? home}`);
      continue;
    }
    const files = await prepare(suite, folder, sources);
    failed += await onEach(`${suite.name}'s suite`, folder, [mocha, "--timeout=60000", "--exit", files]);
  }
  for (const [name, tried] of [["undici", tryUndiciTests], ["jose", tryJoseTests]] as const) {
    const wrong = await tried(clones);
    if (wrong === null) say(`the tests of ${name} are left out: its sources cannot be had from ${clones ?? "GitHub"}`);
    failed += wrong ?? 0;
  }
  failed += await tryWebPlatformTests(clones);
  return failed === 0 ? 0 : 1;
}

Deno.exitCode = await main(Deno.args);
