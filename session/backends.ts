/** Choosing who initialises a module that is loaded by its path. */
import { Cryptoki, NotCryptokiError } from "../ffi/cryptoki.ts";
import { describeType } from "../ffi/bytes.ts";
import { ModuleLoadError } from "./errors.ts";
import { DirectBackend, type ModuleBackend } from "./module_backend.ts";
import type { ModuleOptions } from "./module_options.ts";

/**
 * Opens a library as a PKCS#11 module.
 *
 * @throws {ModuleLoadError} when there is no such file, it is no library, or no PKCS#11 module
 */
export function openTable(path: string): Cryptoki {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot load a module: its path is ${describeType(path)}, not a string`);
  }
  if (path === "" || path.includes("\0")) {
    throw new TypeError(`Cannot load a module: ${JSON.stringify(path)} is no path`);
  }
  try {
    return Cryptoki.open(path);
  } catch (error) {
    if (!(error instanceof Error) || isPermissionError(error)) throw error;
    const reason = error instanceof NotCryptokiError ? `it is no PKCS#11 module, ${error.message}` : error.message;
    throw new ModuleLoadError(path, reason, { cause: error });
  }
}

/** The runtime's own refusal is passed on as it is: it tells which permission is missing. */
function isPermissionError(error: Error): boolean {
  return error.name === "NotCapable" || error.name === "PermissionDenied" ||
    "code" in error && error.code === "ERR_ACCESS_DENIED";
}

/** The backend of a module by its path. */
export function openBackend(path: string, options: ModuleOptions): ModuleBackend {
  return new DirectBackend(openTable(path), {
    reserved: options.reserved ?? null,
    neverFinalize: options.neverFinalize ?? false,
  });
}
