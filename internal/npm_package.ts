/** Packages of npm's that are loaded when they are first needed, and may be missing then. */
import { builtin } from "./builtin_modules.ts";
import { runtimeName } from "./runtime.ts";

/** What adds a package to a program. */
const adding: Readonly<Record<string, string>> = { deno: "deno add npm:", bun: "bun add ", node: "npm install " };

/**
 * What a package gives.
 *
 * @throws {Error} When it cannot be loaded; with its name, and how it is installed.
 */
export function fromPackage<T>(name: string, load: () => unknown): T {
  try {
    return load() as T;
  } catch (cause) {
    throw missingPackage(name, cause);
  }
}

/**
 * A module of a package, in place, where there is no `require` in the caller's file. Where there is one, the caller gives it
 * the module's name as it stands: bundlers look for that.
 *
 * @param location Where the module is
 */
export function requiredAt(location: string, name: string): unknown {
  return builtin.module.createRequire(location)(name);
}

/** The error where a package cannot be loaded. */
export function missingPackage(name: string, cause: unknown): Error {
  const add = `${adding[runtimeName()] ?? adding["node"]}${name}`;
  return new Error(`Cannot load the package ${name}: it is not installed here, or damaged; "${add}" installs it`, {
    cause,
  });
}
