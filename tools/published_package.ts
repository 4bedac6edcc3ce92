/** Packages as npm publishes them, unpacked once per user: each has the content that this repository names, or is refused. */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A package of one exact content. */
export interface PublishedPackage {
  /** Its name on npm. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** SHA-512 of its archive, in base64. */
  readonly sha512: string;
}

/**
 * Brings a package onto this machine through the npm client and returns the folder it lies in. No script of it runs.
 *
 * @throws {Error} When it cannot be had, or has another content than is named.
 */
export function unpackedPackage({ name, version, sha512 }: PublishedPackage): string {
  const folder = packageFolder();
  // The content is part of the name: a folder made for another one is never taken.
  const path = join(
    folder,
    `${name.replaceAll("/", "+")}-${version}-${Buffer.from(sha512, "base64").toString("hex", 0, 8)}`,
  );
  if (existsSync(path)) return path;
  const work = mkdtempSync(join(folder, "work-"));
  try {
    execFileSync("npm", ["pack", `${name}@${version}`, "--silent", "--ignore-scripts", "--pack-destination", work], {
      stdio: "pipe",
      timeout: 600_000,
    });
    const archive = join(work, readdirSync(work).find((file) => file.endsWith(".tgz"))!);
    const digest = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (digest !== sha512) throw new Error(`Cannot use ${name} ${version}: its archive has the SHA-512 ${digest}`);
    execFileSync("tar", ["xzf", archive, "-C", work], { stdio: "pipe" });
    renameSync(join(work, "package"), path);
  } catch (error) {
    // Another process may have been quicker.
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

/** The folder where packages lie, one for each user. */
export function packageFolder(): string {
  return privateFolder(join(tmpdir(), `gp11-packages-${userInfo().uid}`));
}

/** A folder that nobody else may write into: under the temporary one, another user may have made it first. */
function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  const isOpen = process.platform !== "win32" && (found.uid !== userInfo().uid || (found.mode & 0o022) !== 0);
  if (isOpen || !found.isDirectory()) {
    throw new Error(`Cannot keep packages in ${path}: others may write there; remove it`);
  }
  return path;
}
