// deno task setup: what the tests and the demo need beyond the runtime itself. Silent and quick when all of it is there.
//
//   deno task setup               everything the tests use
//   deno task setup --minimal     what the demo uses: a PKCS#11 token in software
import { fetchNewerNss } from "./newer_nss.ts";
import { run } from "./runner/process.ts";
import { runtimeProgram } from "./runner/runtimes.ts";
import { say } from "./say.ts";
import { installMissing, type Purpose, type SystemNeed } from "./system_packages.ts";

/**
 * Installs what is missing, or says what to run. The demo cannot go on without a token, and CI not without a token and
 * every runtime; elsewhere tests are skipped. Resolves to what is still missing.
 */
export async function setUp(purpose: Purpose): Promise<SystemNeed[]> {
  const missing = await installMissing(purpose);
  for (const need of missing) say(`Not installed: ${need.what}`);
  const strict = purpose === "demo" || Boolean(Deno.env.get("CI"));
  const needed = strict && missing.find((need) => need.from === "demo" || need.runtime);
  if (needed) throw new Error(`Cannot go on without ${needed.what}`);
  if (purpose !== "demo") {
    await installNpmPackages();
    try {
      fetchNewerNss();
    } catch (error) {
      // What is tested with it is skipped then.
      say(`Not fetched: NSS with ML-DSA and ML-KEM (${error instanceof Error ? error.message.split("\n")[0] : error})`);
    }
  }
  return missing;
}

/** Bun and Node read the three libraries from node_modules; Deno has them in its own cache. */
async function installNpmPackages(): Promise<void> {
  if (npmPackagesPresent()) return;
  say("Installing the npm packages that Bun and Node read from node_modules");
  const bun = await runtimeProgram("bun");
  const { code, output } = await run([bun, "install", "--frozen-lockfile", "--ignore-scripts"], { timeoutMs: 600_000 });
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
  try {
    await setUp(Deno.args.includes("--minimal") ? "demo" : "tests");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
