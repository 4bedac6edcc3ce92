// deno task release: a new version in every place that names it, the changelog's section for it, a commit and a tag. Nothing
// is pushed: the tag, pushed, starts .github/workflows/release.yml, which publishes.
//
//   deno task release minor          or major, patch, or a version such as 1.2.3
//   deno task release notes 1.2.3    what the changelog says of a version
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

/** Every file that names the version, and how it stands there: `$` is the version. */
const places: Readonly<Record<string, readonly string[]>> = {
  "deno.json": ['"version": "$"'],
  "package.json": ['"version": "$"'],
  "http/protocol/headers.ts": ['"gp11/$"'],
  "docs/pkcs11js.md": ["npm:gp11-pkcs11js@^$", "gp11-pkcs11js-$.tgz"],
};
/** Made of the sources: the worker's program says the version, too. */
const generated = ["tools/sync_program.ts"];

const steps = ["major", "minor", "patch"] as const;

/**
 * The version that follows: a step, or one that is named and higher.
 *
 * @throws {TypeError} For what is neither.
 * @throws {RangeError} For a version that is not higher.
 */
export function nextVersion(current: string, wanted: string): string {
  const now = numbersOf(current);
  const step = steps.findIndex((name) => name === wanted);
  if (step >= 0) return now.map((number, at) => at < step ? number : at === step ? number + 1 : 0).join(".");
  const next = numbersOf(wanted);
  const at = next.findIndex((number, index) => number !== now[index]);
  if (at >= 0 && next[at]! > now[at]!) return wanted;
  throw new RangeError(`Cannot release ${wanted}: it does not follow ${current}`);
}

function numbersOf(version: string): number[] {
  if (/^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}$/.test(version)) return version.split(".").map(Number);
  throw new TypeError(`Cannot read "${version}": expected major, minor, patch, or a version such as 1.2.3`);
}

/**
 * The changelog with what is unreleased under the version, and an empty section for what follows.
 *
 * @throws {Error} When nothing is unreleased.
 */
export function releasedChangelog(text: string, version: string, day: string): string {
  if (sectionOf(text, "Unreleased") === "") {
    throw new Error(`Cannot release ${version}: CHANGELOG.md has nothing under "Unreleased"`);
  }
  return text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} - ${day}`);
}

/** What the changelog says of a version; an empty text where it has no such section. */
export function sectionOf(text: string, version: string): string {
  const found = text.split(/^## /m).find((section) => section.split(/[ \n]/, 1)[0] === version);
  return found?.replace(/^.*\n/, "").trim() ?? "";
}

/**
 * Releases the clone in a folder: files, commit and tag. Returns the version.
 *
 * @throws {Error} When something is not committed, a file does not name the version, or a command fails.
 */
export async function release(folder: string, wanted: string, day: string): Promise<string> {
  const read = (path: string) => readFileSync(join(folder, path), "utf8");
  const { version: current }: { version: string } = JSON.parse(read("deno.json"));
  const isFirst = wanted === current && sectionOf(read("CHANGELOG.md"), current) === "";
  const version = isFirst ? current : nextVersion(current, wanted);
  const changed = await git(folder, "status", "--porcelain");
  if (changed !== "") throw new Error(`Cannot release ${version}: not all is committed\n${changed}`);
  const texts = new Map([["CHANGELOG.md", releasedChangelog(read("CHANGELOG.md"), version, day)]]);
  for (const [path, patterns] of Object.entries(places)) {
    texts.set(path, patterns.reduce((text, pattern) => renamed(path, text, pattern, current, version), read(path)));
  }
  for (const [path, text] of texts) writeFileSync(join(folder, path), text);
  for (const program of generated) {
    const { code, output } = await run([Deno.execPath(), "run", "-A", program], { cwd: folder, timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`Cannot release ${version}: ${program} ended with ${code}\n${output}`);
  }
  await git(folder, "commit", "--quiet", "--all", "--message", `Release ${version}`);
  await git(
    folder,
    "tag",
    "--annotate",
    "--cleanup=whitespace",
    `v${version}`,
    "--message",
    `${version}\n\n${await notes(folder, version)}`,
  );
  return version;
}

function renamed(path: string, text: string, pattern: string, current: string, version: string): string {
  const [before, after] = [current, version].map((each) => pattern.replace("$", each));
  if (text.split(before!).length !== 2) {
    throw new Error(`Cannot release ${version}: ${path} does not say ${before} once`);
  }
  return text.replace(before!, after!);
}

async function notes(folder: string, version: string): Promise<string> {
  return sectionOf(await Deno.readTextFile(join(folder, "CHANGELOG.md")), version);
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const { code, output } = await run(["git", "-C", folder, ...args], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`Cannot go on: git ${args[0]} ended with ${code}\n${output}`);
  return output.trim();
}

async function main([wanted = "", version = ""]: readonly string[]): Promise<void> {
  if (wanted === "notes") return say(await notes(".", version));
  const released = await release(".", wanted, new Date().toISOString().slice(0, 10));
  say(`Version ${released} is committed and tagged. To publish it: git push origin HEAD v${released}`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
