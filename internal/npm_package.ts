/** Packages of npm's that are loaded when they are first needed, and may be missing then. */
import { runtimeName } from "./runtime.ts";

/** What adds a package to a program. */
const adding: Readonly<Record<string, string>> = { deno: "deno add npm:", bun: "bun add ", node: "npm install " };

/**
 * What a package gives.
 *
 * @throws {Error} When it cannot be loaded; with its name, and how it is installed.
 */
export function fromPackage<T>(name: string, load: () => T): T {
  try {
    return load();
  } catch (cause) {
    throw missingPackage(name, cause);
  }
}

/** The error where a package cannot be loaded. */
export function missingPackage(name: string, cause: unknown): Error {
  const add = `${adding[runtimeName()] ?? adding["node"]}${name}`;
  return new Error(`Cannot load the package ${name}: it is not installed here, or damaged; "${add}" installs it`, {
    cause,
  });
}
