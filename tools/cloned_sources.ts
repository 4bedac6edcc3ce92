// Sources of other projects at the commit that is named, for suites that no published package holds.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** A repository. */
export interface Repository {
  /** Its name, and that of its folder among clones. */
  readonly name: string;
  /** What its address begins with. */
  readonly home: string;
  readonly commit: string;
}

const TIMEOUT = 600_000;

/** Clones it into a folder, from its address or from a folder with clones. Returns where, or `null` where it cannot be had. */
export function clonedSources(
  { name, home, commit }: Repository,
  folder: string,
  clones: string | undefined,
): string | null {
  const path = join(folder, name);
  const from = clones === undefined ? `${home}/${name}.git` : join(clones, name);
  try {
    execFileSync("git", ["clone", "--quiet", "--no-checkout", from, path], { stdio: "ignore", timeout: TIMEOUT });
    execFileSync("git", ["-C", path, "checkout", "--quiet", commit], { stdio: "ignore" });
    return path;
  } catch {
    return null;
  }
}
