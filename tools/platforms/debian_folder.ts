// A Debian in a folder, with nothing of this machine but its way to the network: made by debootstrap once.
import process from "node:process";
import { programPath } from "../native_libraries.ts";
import { run, type RunResult } from "../runner/process.ts";
import { say } from "../say.ts";

/** The releases by number. */
export const debianReleases = { 12: "bookworm", 13: "trixie" } as const;
/** One of {@linkcode debianReleases}. */
export type DebianRelease = keyof typeof debianReleases;

/** How a command is run in a folder. */
export interface FolderCommand {
  /** Who runs it; only root has the right to install. @default {"root"} */
  readonly user?: string;
  /** Variables of its environment. */
  readonly env?: Record<string, string>;
  /** Show the output instead of keeping it. */
  readonly inherit?: boolean;
}

/** What a folder needs of this machine to reach mirrors and registries as this machine does. */
const copied = ["/etc/resolv.conf", "/etc/hosts", "/etc/npmrc", `${process.env.HOME}/.npmrc`];
const certificates = "/etc/ssl/certs/ca-certificates.crt";

const enter = `F=$1; shift
for each in proc dev sys; do mount --rbind /$each $F/$each; done
exec chroot "$@"`;

/** Runs a command in the folder, which sees nothing outside it; its mounts end with it. */
export function runInFolder(folder: string, command: string, options: FolderCommand = {}): Promise<RunResult> {
  const { user = "root", env = {}, inherit = false } = options;
  const home = user === "root" ? "/root" : `/home/${user}`;
  const variables = {
    HOME: home,
    LANG: "C.UTF-8",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    NODE_EXTRA_CA_CERTS: certificates,
    SSL_CERT_FILE: certificates,
    DEBIAN_FRONTEND: "noninteractive",
    ...env,
  };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const chroot = [`--userspec=${user}:${user}`, folder, "/usr/bin/env", "-i", ...settings, "bash", "-c", command];
  return run(["unshare", "-m", "--propagation", "private", "bash", "-ec", enter, "enter", folder, ...chroot], {
    inherit,
  });
}

/** The folder of a release with these packages, without those they recommend. Made at first, kept for the next time. */
export async function debianFolder(release: DebianRelease, packages: readonly string[], prepare = ""): Promise<string> {
  if (Deno.uid() !== 0 || !programPath("debootstrap") || !programPath("unshare")) {
    throw new Error("Cannot make a Debian in a folder: run as root, after apt-get install debootstrap util-linux");
  }
  const cache = `${process.env.HOME}/.cache/gp11`;
  const folder = `${cache}/debian-${release}-${packages.at(0) ?? "base"}`;
  if (await exists(`${folder}/complete`)) return folder;
  say(`Making a Debian ${release} in ${folder}`);
  await Deno.mkdir(cache, { recursive: true, mode: 0o700 });
  await run(["rm", "-rf", "--one-file-system", folder]);
  const mirror = await mirrorOfThisMachine();
  const options = ["--variant=minbase", "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg"];
  await succeed(
    "debootstrap",
    run(["debootstrap", ...options, "--include=ca-certificates,git", debianReleases[release], folder, mirror]),
  );
  await takeAlong(folder);
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")} && apt-get clean`;
  await succeed("apt-get", runInFolder(folder, prepare ? `${prepare} && ${install}` : install));
  await Deno.writeTextFile(`${folder}/complete`, packages.join(" "));
  return folder;
}

/** Puts the committed state of this clone into a folder. */
export async function cloneInto(folder: string, path: string): Promise<void> {
  await run(["rm", "-rf", `${folder}${path}`]);
  await succeed("git clone", run(["git", "clone", "-q", "--no-hardlinks", ".", `${folder}${path}`]));
}

/** Throws when a step of the preparation fails. */
export async function succeed(what: string, running: Promise<RunResult>): Promise<RunResult> {
  const result = await running;
  if (result.code === 0) return result;
  throw new Error(`Cannot go on: ${what} ended with ${result.code}\n${result.output.trimEnd().slice(-2000)}`);
}

async function takeAlong(folder: string): Promise<void> {
  for (const path of copied) {
    const target = path.endsWith("/.npmrc") ? "/root/.npmrc" : path;
    if (await exists(path)) await Deno.copyFile(path, `${folder}${target}`);
  }
  for await (const { name } of Deno.readDir("/etc/apt/apt.conf.d")) {
    const path = `/etc/apt/apt.conf.d/${name}`;
    if (/^Acquire::/m.test(await Deno.readTextFile(path))) await Deno.copyFile(path, `${folder}${path}`);
  }
  const own = process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE;
  if (own) await Deno.copyFile(own, `${folder}${certificates}`);
}

/** The first that apt uses here. */
export async function mirrorOfThisMachine(): Promise<string> {
  const { output } = await run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
  return output.split("\n").find((line) => /^https?:.*\/debian\/?$/.test(line)) ?? "http://deb.debian.org/debian";
}

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
