/** The npm package @gp11/gp11: one ES module for each entry of deno.json, with types, and the command. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleModules } from "./bundle.ts";
import { writeDeclarations } from "./declarations.ts";
import { COMMAND, type DenoManifest, type NpmManifest, packageManifest, writeManifest } from "./manifest.ts";
import { writePapers } from "./papers.ts";

/** What npm starts for the command line. Node's warning that node:ffi is experimental is no news for who runs a command. */
const command = `#!/usr/bin/env node
import process from "node:process";

process.removeAllListeners("warning");
const { run } = await import("../cli.js");
await run();
`;

/** Writes the package into a folder. */
export async function writeGp11Package(folder: string): Promise<void> {
  const deno: DenoManifest = JSON.parse(readFileSync("deno.json", "utf8"));
  const npm: NpmManifest = JSON.parse(readFileSync("package.json", "utf8"));
  const sources = Object.values(deno.exports);
  mkdirSync(folder, { recursive: true });
  await bundleModules(sources, folder);
  writeDeclarations(sources, join(folder, "types"));
  writePapers(folder, deno.version);
  if ("./cli" in deno.exports) {
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, COMMAND), command, { mode: 0o755 });
  }
  writeManifest(folder, packageManifest(deno, npm));
}
