// NSS of a later Debian: a token that speaks PKCS#11 3.2, with ML-DSA and ML-KEM. Plain `node:` code: it runs on every runtime.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { packageFolder } from "./published_package.ts";

/** The one content that is used. */
const VERSION = "3.132-1";
const SHA256 = "c3cfd0fade27d433b902cc3b49f4de324ce4771c7367ef880c022b3babcde1b4";
/** Apt's own client of archives, which checks what it brings. */
const CLIENT = "/usr/lib/apt/apt-helper";

/** The folder of its libraries, there or not. */
function libraryFolder(): string {
  return join(packageFolder(), `libnss3-${VERSION}-${SHA256.slice(0, 16)}`, "usr/lib/x86_64-linux-gnu");
}

/** The folder of its libraries, which wants to stand in `LD_LIBRARY_PATH`; null where it was not fetched. */
export function newerNssFolder(): string | null {
  if (process.platform !== "linux") return null;
  // The suite gives its processes a temporary folder of their own, and says where this one is.
  const known = process.env.GP11_NEWER_NSS;
  if (known) return known;
  return existsSync(join(libraryFolder(), "libsoftokn3.so")) ? libraryFolder() : null;
}

/**
 * Brings the package from the archive that apt is set up for; does nothing where it is there, or cannot run here.
 *
 * @throws {Error} When it cannot be had, or has another content than is named.
 */
export function fetchNewerNss(): void {
  if (newerNssFolder() !== null || process.platform !== "linux" || arch() !== "x64" || !existsSync(CLIENT)) return;
  const address = `${mirror()}/pool/main/n/nss/libnss3_${VERSION}_amd64.deb`;
  const work = mkdtempSync(join(packageFolder(), "work-"));
  try {
    const archive = join(work, "libnss3.deb");
    const options = { stdio: "pipe", timeout: 120_000 } as const;
    execFileSync(
      CLIENT,
      ["-o", "APT::Sandbox::User=root", "download-file", address, archive, `SHA256:${SHA256}`],
      options,
    );
    execFileSync("dpkg", ["-x", archive, join(work, "unpacked")], options);
    renameSync(join(work, "unpacked"), join(libraryFolder(), "../../.."));
  } catch (error) {
    // Another process may have been quicker.
    if (newerNssFolder() === null) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The archive of Debian that apt is set up for. */
function mirror(): string {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
  ];
  for (const file of files.filter((name) => existsSync(name))) {
    const found = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?:\S+\/debian)\/?(?:\s|$)/m.exec(readFileSync(file, "utf8"));
    if (found) return found[1]!;
  }
  throw new Error("Cannot fetch NSS: apt is set up for no archive of Debian");
}
