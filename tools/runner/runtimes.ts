// The programs that run the suite: this Deno, and Bun and Node in the versions the project is tested with.
import { join } from "node:path";
import { programPath } from "../native_libraries.ts";
import { unpackedPackage } from "../published_package.ts";
import { run } from "./process.ts";
import { runtimeArchive } from "./runtime_archives.ts";

/** The runtimes the suite runs on. */
export const runtimeNames = ["deno", "bun", "node"] as const;
/** One of {@linkcode runtimeNames}. */
export type RuntimeName = (typeof runtimeNames)[number];

/** The version of Bun that is tested; another one on PATH is passed over. */
export const bunVersion = "1.4.4";
/** The version of Node that is fetched where PATH has none with `node:ffi`. */
export const nodeVersion = "26.10.0";

/** Resolves to the program of a runtime; npm fetches what PATH lacks. Throws when it cannot be had. */
export async function runtimeProgram(name: RuntimeName): Promise<string> {
  if (name === "deno") return Deno.execPath();
  const onPath = programPath(name);
  if (onPath && isTested(name, await versionOf(onPath))) return onPath;
  return await fetched(name);
}

/** The version a program says it is; what else it says where it does not start. */
async function versionOf(program: string): Promise<string> {
  return (await run([program, "--version"], { timeoutMs: 120_000 })).output.trim().replace(/^v/, "");
}

function isTested(name: "bun" | "node", version: string): boolean {
  return name === "bun" ? version === bunVersion : Number(/^(\d+)\.\d+\.\d+/.exec(version)?.[1]) >= 26;
}

async function fetched(name: "bun" | "node"): Promise<string> {
  const wanted = name === "bun" ? bunVersion : nodeVersion;
  const program = fetchedRuntime(name, wanted);
  const version = await versionOf(program);
  if (!isTested(name, version)) throw new Error(`Cannot run ${name}@${wanted}: ${program} answers "${version}"`);
  return program;
}

/**
 * The program of one version of a runtime, fetched from npm where its content is known. Throws when it cannot be had.
 */
export function fetchedRuntime(name: RuntimeName, version: string): string {
  const known = runtimeArchive(name, version);
  if (known === null) {
    throw new Error(
      `Cannot run the tests on ${name}: put ${name} ${version} on PATH, tools/runner/runtime_archives.ts names none for ` +
        `${Deno.build.target}`,
    );
  }
  return join(unpackedPackage(known.archive), known.program);
}
