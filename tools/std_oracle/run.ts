// deno task test:jsr: our status texts and cookies beside those of @std/http, and the assertions that the suite runs with
// where JSR cannot be reached beside @std/assert.
//
//   deno task test:jsr                  the libraries as JSR has them
//   deno task test:jsr --std=FOLDER     as a clone of https://github.com/denoland/std has them
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "../runner/process.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";

const libraries = ["@std/assert", "@std/http"];

/** Where a program finds the standard library on JSR; or null, and why, where JSR cannot be reached. */
async function onJsr(): Promise<Record<string, string> | string> {
  const addresses: Record<string, string> = {};
  for (const name of libraries) {
    try {
      const response = await fetch(`https://jsr.io/${name}/meta.json`);
      if (!response.ok) return `https://jsr.io answers ${response.status}`;
      const { latest }: { latest: string } = await response.json();
      addresses[name] = `jsr:${name}@${latest}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return addresses;
}

/** Where it finds it in a clone: every package by the names that its own deno.json exports. */
function inClone(folder: string): Record<string, string> {
  const addresses: Record<string, string> = {};
  for (const { name: package_ } of readdirSync(folder, { withFileTypes: true }).filter((each) => each.isDirectory())) {
    const read = exportsOf(join(folder, package_, "deno.json"));
    if (read === null) continue;
    for (const [entry, path] of Object.entries(read.exports)) {
      addresses[entry.replace(/^\./, read.name)] = pathToFileURL(join(resolve(folder), package_, path)).href;
    }
  }
  return addresses;
}

function exportsOf(path: string): { name: string; exports: Record<string, string> } | null {
  try {
    const { name, exports } = JSON.parse(readFileSync(path, "utf8"));
    return typeof name === "string"
      ? { name, exports: typeof exports === "string" ? { ".": exports } : exports }
      : null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const clone = args.find((arg) => arg.startsWith("--std="))?.slice("--std=".length);
  const addresses = clone === undefined ? await onJsr() : inClone(clone);
  if (typeof addresses === "string") {
    say(`Nothing was compared: JSR cannot be reached (${addresses})`);
    say("A clone of https://github.com/denoland/std does as well: deno task test:jsr --std=FOLDER");
    return 1;
  }
  const missing = libraries.find((name) => !(name in addresses));
  if (missing !== undefined) {
    throw new Error(`Cannot compare with ${missing}: ${clone} is no clone of the standard library`);
  }
  const offline: { imports: Record<string, string> } = JSON.parse(
    readFileSync("tests/offline.import_map.json", "utf8"),
  );
  const own = Object.entries(offline.imports)
    .map(([name, target]) => [name, target.startsWith(".") ? pathToFileURL(join("tests", target)).href : target]);
  const folder = await Deno.makeTempDir();
  try {
    const map = join(folder, "import_map.json");
    // The real assertions have a name of their own: the program uses both.
    const imports = { ...Object.fromEntries(own), ...addresses, "@real/assert": addresses["@std/assert"] };
    writeFileSync(map, JSON.stringify({ imports }));
    const program = [Deno.execPath(), "run", "-A", "--no-lock", "--no-check", "--quiet", `--import-map=${map}`];
    const { code, output } = await run([...program, "tools/std_oracle/compare.ts"], { timeoutMs: 300_000 });
    say(output.trimEnd());
    return code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

await runMain(main);
