// What the benchmark compiles and installs of others, in folders outside the project.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { say } from "../tools/say.ts";

/** A program in C, and what it is compiled with. */
export interface CompiledPeer {
  readonly source: URL;
  /** The library it measures, by its name for pkg-config; it is left out where that is not installed with its headers. */
  readonly library?: string;
  readonly flags: readonly string[];
}

/** Compiles a program; null, with a line that says so, where its library is missing. */
export function compiled({ flags, library, source }: CompiledPeer, program: string): string | null {
  const found = library === undefined
    ? null
    : spawnSync("pkg-config", ["--cflags", "--libs", library], { encoding: "utf8" });
  if (found !== null && found.status !== 0) {
    say(`${library} is not installed with its headers: its column is left out`);
    return null;
  }
  const words = found === null ? [] : found.stdout.trim().split(/\s+/);
  execFileSync("cc", ["-O2", fileURLToPath(source), "-o", program, ...flags, ...words]);
  return program;
}

/** Copies a folder with a lock file, which names the content of every package, and installs these there; no script runs. */
export function installed(folder: URL, target: string): void {
  cpSync(fileURLToPath(folder), target, { recursive: true });
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: target, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot install ${folder.pathname}: ${stderr.slice(-400)}`);
}

/** Builds pkcs11js in a folder; null, with a line that says so, where that cannot be done. */
export function pkcs11jsFolder(folder: string): string | null {
  installed(new URL("pkcs11/peer", import.meta.url), folder);
  // No install script has run: the addon is compiled here.
  const compile = [`${folder}/node_modules/node-gyp/bin/node-gyp.js`, "rebuild"];
  // The headers of an installed Node serve: the addon keeps to Node-API, which is the same in every version.
  if (existsSync("/usr/include/node/node_api.h")) compile.push("--nodedir=/usr");
  spawnSync("node", compile, { cwd: `${folder}/node_modules/pkcs11js`, stdio: "ignore" });
  if (existsSync(`${folder}/node_modules/pkcs11js/build/Release/pkcs11.node`)) return folder;
  say("pkcs11js could not be built here: it is left out");
  return null;
}
