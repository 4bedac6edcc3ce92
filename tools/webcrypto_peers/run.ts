// The Web Cryptography API of a token in the hands of other people's libraries, on each runtime:
// deno run -A tools/webcrypto_peers/run.ts [runtime], and a part of deno task test:peers.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { programPath, softhsmPath } from "../native_libraries.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { say } from "../say.ts";
import { createTokenFolder } from "../token_folder.ts";

/** Vectors, certificates, messages and tokens that have to be right; what a token does not offer comes on top. */
const LEAST = 125;

/** A folder whose node_modules has the libraries; the lock file names the content of each, and no script of theirs runs. */
async function librariesFolder(): Promise<string> {
  const folder = temporaryFolder("webcrypto-peers");
  for (const name of ["package.json", "package-lock.json"]) {
    copyFileSync(new URL(name, import.meta.url), join(folder, name));
  }
  const command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  const { code, output } = await run(command, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`Cannot fetch the libraries: npm says ${output}`);
  return folder;
}

const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"],
  bun: ["run"],
  node: ["--no-warnings", "--import", "./tests/_std/node_hooks.mjs"],
};

/** Runs all of them on one runtime; answers what was wrong. */
async function problemsOn(runtime: RuntimeName, folder: string): Promise<string[]> {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (module === null || tool === null) throw new Error("Cannot try the libraries: SoftHSM2 is not installed");
  using token = createTokenFolder();
  const env = { SOFTHSM2_CONF: token.config };
  const pins = ["--pin", "1234", "--so-pin", "12345678"];
  await run([tool, "--module", module, "--init-token", "--free", "--label", "peers", ...pins], { env });
  const program = [await runtimeProgram(runtime), ...options[runtime], "tools/webcrypto_peers/program.ts"];
  const { code, output } = await run([...program, folder, module, "peers"], { env, timeoutMs: 600_000 });
  const checks: { name: string; problem: string | null }[] = output.split("\n")
    .filter((line) => line.startsWith('{"name"')).map((line) => JSON.parse(line));
  const count = (problem: string | null) => checks.filter((each) => each.problem === problem).length;
  const [right, missing, odd] = [count(null), count("missing"), count("against the specification")];
  say(`${runtime}: ${right} right, ${missing} of what the token does not offer, ${odd} against the specification`);
  const wrong = checks.filter(({ problem }) => problem !== null && !/^(missing|against)/.test(problem))
    .map(({ name, problem }) => `${runtime}: ${name}: ${problem}`);
  if (code !== 0 || right < LEAST) {
    wrong.push(`${runtime}: the program ended with ${code} and ${right} right: ${output}`);
  }
  return wrong;
}

/** Runs them on the runtimes; answers whether all is right. */
export async function tryWebcryptoPeers(runtimes: readonly RuntimeName[] = runtimeNames): Promise<boolean> {
  const folder = await librariesFolder();
  const wrong: string[] = [];
  for (const runtime of runtimes) wrong.push(...await problemsOn(runtime, folder));
  for (const each of wrong) say(each);
  return wrong.length === 0;
}

if (import.meta.main) {
  const asked = runtimeNames.filter((name) => Deno.args.includes(name));
  Deno.exitCode = await tryWebcryptoPeers(asked.length === 0 ? runtimeNames : asked) ? 0 : 1;
}
