// deno task setup: what the tests and the demo need beyond the runtime itself. Silent and quick when all of it is there.
//
//   deno task setup               everything the tests use
//   deno task setup --minimal     what the demo uses: a PKCS#11 token in software
import { run } from "./runner/process.ts";
import { runtimeProgram } from "./runner/runtimes.ts";
import { say } from "./say.ts";
import { installMissing } from "./system_packages.ts";

/** What {@linkcode setUp} does. */
export interface SetUpOptions {
  /** Only what the demo needs. */
  minimal?: boolean;
}

/** Installs what is missing, or says what to run. Resolves to whether everything is there now. */
export async function setUp(options: SetUpOptions = {}): Promise<boolean> {
  const { minimal = false } = options;
  const missing = await installMissing(minimal);
  for (const need of missing) say(`Not installed: ${need.what}; tests that need it are skipped`);
  if (!minimal) await installNpmPackages();
  return missing.length === 0;
}

/** Bun and Node read the three libraries from node_modules; Deno has them in its own cache. */
async function installNpmPackages(): Promise<void> {
  if (npmPackagesPresent()) return;
  say("Installing the npm packages that Bun and Node read from node_modules");
  const bun = await runtimeProgram("bun");
  const { code, output } = await run([bun, "install"], { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`Cannot install the npm packages: bun install ended with ${code}\n${output}`);
}

function npmPackagesPresent(): boolean {
  const wanted: Record<string, string> = JSON.parse(Deno.readTextFileSync("package.json")).dependencies;
  return Object.entries(wanted).every(([name, version]) => {
    try {
      return JSON.parse(Deno.readTextFileSync(`node_modules/${name}/package.json`)).version === version;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

if (import.meta.main) {
  Deno.exitCode = await setUp({ minimal: Deno.args.includes("--minimal") }) ? 0 : 1;
}
