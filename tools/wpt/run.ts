// The Web Platform Tests that concern this library, on each runtime; a part of deno task test:peers. Those for Web
// Cryptography run over a token: they come from the suite's repository, or from the folder wpt among the clones, which may
// be a checkout of it or of Node's test/fixtures/wpt. Those for fetch run over session.fetch, and what the runtime's own
// fetch does right it has to do right: they come from undici's repository, from the days when it had them and a server.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { clonedSources, type Repository } from "../cloned_sources.ts";
import { programPath, softhsmPath } from "../native_libraries.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { say } from "../say.ts";
import { createTokenFolder } from "../token_folder.ts";
import { fetchDiffers, fetchFiles, webcryptoDiffers, webcryptoFiles } from "./files.ts";

const suite = {
  address: "https://github.com/web-platform-tests/wpt.git",
  commit: "ff26d9b307b981b3f1b88f454268e6bb8933e6c2",
};
const undici: Repository = {
  name: "undici",
  home: "https://github.com/nodejs",
  commit: "b4019ee9dc9864469cebfca43a42e37de1287b98",
};

/** How many have to be right on each runtime: what is found no more is not passed over in silence. */
const LEAST = { webcrypto: 27_000, fetch: 650 };
const TIMEOUT = 300_000;
/** Some streams of a runtime's own fetch never end. */
const FETCH_TIMEOUT = 30_000;

const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--no-check", "--quiet", "--v8-flags=--expose-gc", "--import-map=tests/offline.import_map.json"],
  bun: ["run", "--expose-gc"],
  node: ["--no-warnings", "--expose-gc", "--import", "./tests/_std/node_hooks.mjs"],
};

/** What was wrong with a test; null where nothing was. */
interface Result {
  readonly name: string;
  readonly problem: string | null;
}

async function resultsOf(
  runtime: RuntimeName,
  program: string,
  args: readonly string[],
  timeoutMs: number,
  env: Record<string, string> = {},
): Promise<Result[]> {
  const command = [await runtimeProgram(runtime), ...options[runtime], `tools/wpt/${program}`, ...args];
  const { code, output } = await run(command, { timeoutMs, env });
  const lines = output.split("\n").filter((line) => line.startsWith('{"name"'));
  const results: Result[] = lines.map((line) => JSON.parse(line));
  if (code !== 0) results.push({ name: "the program", problem: `it ended with ${code}: ${output.slice(-1000)}` });
  return results;
}

/** Only what is used of the suite, whose whole is a gigabyte. */
function suiteFolder(clones: string | undefined): string | null {
  if (clones !== undefined) return existsSync(join(clones, "wpt/WebCryptoAPI")) ? join(clones, "wpt") : null;
  const folder = join(temporaryFolder("wpt"), "wpt");
  mkdirSync(folder);
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", folder, ...args], { stdio: "ignore", timeout: TIMEOUT });
  try {
    git("init", "--quiet");
    git("remote", "add", "origin", suite.address);
    git("sparse-checkout", "set", "--no-cone", "/WebCryptoAPI/", "/common/", "/resources/testharness.js");
    git("fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", suite.commit);
    git("checkout", "--quiet", suite.commit);
    return folder;
  } catch {
    return null;
  }
}

/** Says what came of the files on a runtime; true where all is right. */
function told(name: string, runtime: RuntimeName, least: number, right: number, wrong: readonly string[]): boolean {
  const isRight = wrong.length === 0 && right >= least;
  say(`${isRight ? "ok  " : "FAIL"} ${name.padEnd(20)} ${runtime.padEnd(5)} ${right} right`);
  for (const each of wrong.slice(0, 20)) say(`     ${each}`);
  return isRight;
}

async function tryWebcrypto(folder: string, runtime: RuntimeName): Promise<boolean> {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (module === null || tool === null) throw new Error("Cannot run the suite: SoftHSM2 is not installed");
  using token = createTokenFolder();
  const env = { SOFTHSM2_CONF: token.config };
  const pins = ["--pin", "1234", "--so-pin", "12345678"];
  await run([tool, "--module", module, "--init-token", "--free", "--label", "wpt", ...pins], { env });
  let right = 0;
  const wrong: string[] = [];
  for (const file of globSync("WebCryptoAPI/**/*.any.js", { cwd: folder }).sort()) {
    if (!webcryptoFiles(file)) continue;
    const args = [folder, file, module, "wpt", "1234"];
    for (const { name, problem } of await resultsOf(runtime, "webcrypto.ts", args, TIMEOUT, env)) {
      if (problem === null) right++;
      else if (!webcryptoDiffers(runtime, file, name)) wrong.push(`${file}: ${name}: ${problem}`);
    }
  }
  return told("WPT WebCryptoAPI", runtime, LEAST.webcrypto, right, wrong);
}

/** The suite's server as undici has written it; what it cannot answer ends no process here. */
async function startServer(sources: string): Promise<{ readonly origin: string; readonly stop: () => void }> {
  const calm =
    'data:text/javascript,for (const e of ["uncaughtException", "unhandledRejection"]) process.on(e, () => {})';
  const program = join(sources, "test/wpt/server/server.mjs");
  const child = spawn(await runtimeProgram("node"), ["--import", calm, program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line") as [string];
  return { origin: line.replace("server opened ", ""), stop: () => void child.kill() };
}

async function tryFetch(sources: string, runtime: RuntimeName): Promise<boolean> {
  const folder = join(sources, "test/fixtures/wpt");
  const { origin, stop } = await startServer(sources);
  let right = 0;
  const wrong: string[] = [];
  try {
    for (const file of globSync("fetch/**/*.any.js", { cwd: folder }).sort()) {
      if (!fetchFiles(file)) continue;
      const resultsWith = (whose: string) =>
        resultsOf(runtime, "fetch.ts", [folder, file, origin, whose], FETCH_TIMEOUT);
      const [ours, theirs] = await Promise.all([resultsWith("session"), resultsWith("runtime")]);
      const asked = new Set(theirs.filter(({ problem }) => problem === null).map(({ name }) => name));
      for (const { name, problem } of ours) {
        if (problem === null) right++;
        else if (asked.has(name) && !fetchDiffers(file, name)) wrong.push(`${file}: ${name}: ${problem}`);
      }
    }
  } finally {
    stop();
  }
  return told("WPT fetch", runtime, LEAST.fetch, right, wrong);
}

/** Runs both on the runtimes; answers on how many something was wrong. */
export async function tryWebPlatformTests(clones: string | undefined): Promise<number> {
  let failures = 0;
  const folder = suiteFolder(clones);
  const sources = clonedSources(undici, temporaryFolder("undici-wpt"), clones);
  if (folder === null) {
    say(`the Web Platform Tests of Web Cryptography are left out: ${clones ?? suite.address} has none`);
  }
  if (sources === null) say(`the Web Platform Tests of fetch are left out: ${clones ?? undici.home} has none`);
  for (const runtime of runtimeNames) {
    if (folder !== null && !await tryWebcrypto(folder, runtime)) failures++;
    if (sources !== null && !await tryFetch(sources, runtime)) failures++;
  }
  return failures;
}

if (import.meta.main) {
  const clones = Deno.args.find((each) => each.startsWith("--sources="))?.slice("--sources=".length);
  Deno.exitCode = await tryWebPlatformTests(clones) === 0 ? 0 : 1;
}
