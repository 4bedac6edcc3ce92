// Deno's caches as they are where little but the measured programs has run.
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";

/**
 * What tells Deno to keep what it compiles in a folder of its own: databases that have grown by a day's work make each start
 * slower. The packages of npm are those that are there already.
 *
 * @param folder Where it is to be.
 */
export async function ownDenoCaches(folder: string): Promise<Record<string, string>> {
  const info = execFileSync(await runtimeProgram("deno"), ["info", "--json"], { encoding: "utf8" });
  const { npmCache } = JSON.parse(info);
  mkdirSync(folder, { recursive: true });
  symlinkSync(npmCache, join(folder, "npm"));
  return { DENO_DIR: folder };
}
