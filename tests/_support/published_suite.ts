/** Public test suites as npm publishes them, unpacked once per machine and never part of this repository. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** A package of one exact content. */
export interface PublishedSuite {
  /** Its name on npm. */
  name: string;
  /** Its version. */
  version: string;
  /** SHA-512 of its archive, in base64. */
  sha512: string;
}

/** Where a suite lies unpacked, or why it is not there. */
export type SuiteLocation = { path: string; skip: false } | { path: null; skip: string };

/** Brings a suite onto this machine through the npm client. */
export function locateSuite({ name, version, sha512 }: PublishedSuite): SuiteLocation {
  const folder = join(tmpdir(), `gp11-suites-${userInfo().uid}`);
  const path = join(folder, `${name}-${version}`);
  if (existsSync(path)) return { path, skip: false };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(folder, "work-"));
  try {
    execFileSync("npm", ["pack", `${name}@${version}`, "--silent", "--ignore-scripts", "--pack-destination", work], {
      stdio: "pipe",
      timeout: 60_000,
    });
    const archive = join(work, readdirSync(work).find((file) => file.endsWith(".tgz"))!);
    const digest = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (digest !== sha512) throw new Error(`${name} ${version} has another content than expected`);
    execFileSync("tar", ["xzf", archive, "-C", work], { stdio: "pipe" });
    renameSync(join(work, "package"), path);
    return { path, skip: false };
  } catch (error) {
    if (existsSync(path)) return { path, skip: false };
    return { path: null, skip: `cannot get ${name} ${version} from npm: ${String(error).split("\n")[0]}` };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
