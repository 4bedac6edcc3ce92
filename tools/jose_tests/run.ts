// jose's own tests with a token's Crypto in the place of the runtime's, on each runtime; a part of deno task test:peers.
// They are in no published package: they come from jose's repository, or from a clone of it.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { clonedSources, type Repository } from "../cloned_sources.ts";
import { programPath, softhsmPath } from "../native_libraries.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { say } from "../say.ts";
import { createTokenFolder } from "../token_folder.ts";

const jose: Repository = {
  name: "jose",
  home: "https://github.com/panva",
  commit: "afbc664914bb975709a35bdfe5963a5583b63b2f",
};

/** How many have to be right: what is found no more is not passed over in silence. */
const LEAST = 200;
/** What SoftHSM does not offer, and the one test that asks a server far away. */
const LEFT = /ML-DSA|createRemoteJWKSet/;
const TIMEOUT = 600_000;

const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"],
  bun: ["run"],
  node: ["--no-warnings", "--import", "./tests/_std/node_hooks.mjs"],
};

/** A folder with the tests as JavaScript and the library that runs them, whose content the lock file names. */
async function prepare(sources: string): Promise<string> {
  const folder = temporaryFolder("jose-tests");
  for (const name of ["package.json", "package-lock.json"]) {
    copyFileSync(new URL(name, import.meta.url), join(folder, name));
  }
  const bun = await runtimeProgram("bun");
  const files = [join(sources, "tap/run.ts"), join(sources, "src/index.ts")];
  const form = ["--target=node", "--format=esm", "--splitting", "--packages=external"];
  for (
    const command of [
      ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder],
      [bun, "build", ...files, `--root=${sources}`, ...form, `--outdir=${join(folder, "out")}`],
    ]
  ) {
    const { code, output } = await run(command, { timeoutMs: TIMEOUT });
    if (code !== 0) throw new Error(`Cannot prepare jose's tests: ${command[0]} says ${output}`);
  }
  return folder;
}

/** Runs them on the runtimes; answers on how many something was wrong, or null where the sources cannot be had. */
export async function tryJoseTests(clones: string | undefined): Promise<number | null> {
  const [module, tool] = [softhsmPath(), programPath("softhsm2-util")];
  if (module === null || tool === null) throw new Error("Cannot run jose's tests: SoftHSM2 is not installed");
  const sources = clonedSources(jose, temporaryFolder("jose"), clones);
  if (sources === null) return null;
  const folder = await prepare(sources);
  let failures = 0;
  for (const runtime of runtimeNames) {
    using token = createTokenFolder();
    const env = { SOFTHSM2_CONF: token.config, NO_COLOR: "1" };
    const pins = ["--pin", "1234", "--so-pin", "12345678"];
    await run([tool, "--module", module, "--init-token", "--free", "--label", "jose", ...pins], { env });
    const program = [await runtimeProgram(runtime), ...options[runtime], "tools/jose_tests/program.ts"];
    const { output } = await run([...program, folder, module, "jose", "1234"], { env, timeoutMs: TIMEOUT });
    const right = output.match(/^ok /gm)?.length ?? 0;
    const wrong = output.match(/^not ok .*/gm)?.filter((line) => !LEFT.test(line)) ?? [];
    const isRight = wrong.length === 0 && right >= LEAST;
    say(`${isRight ? "ok  " : "FAIL"} ${"jose's tests".padEnd(20)} ${runtime.padEnd(5)} ${right} passing`);
    if (isRight) continue;
    say([...wrong, output.slice(-4000)].join("\n"));
    failures++;
  }
  return failures;
}
