/** Choosing who counts the callers of a module that is loaded by its path. */
import { builtin } from "../../internal/builtin_modules.ts";
import { environmentValue, isPermissionError } from "../../internal/runtime.ts";
import { isSecureExecution, nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { Cryptoki, NotCryptokiError } from "../../ffi/tables/cryptoki.ts";
import { workerPool } from "../../ffi/workers/worker_pool.ts";
import { describeType, describeValue } from "../../ffi/memory/inputs.ts";
import type { P11Kit } from "../../ffi/tables/p11_kit.ts";
import { ModuleLoadError } from "../errors.ts";
import { withServerAddress } from "./environment.ts";
import { Gp11Backend, P11KitBackend, p11KitFailure, systemP11Kit } from "./counted_backends.ts";
import { isClientModule } from "./library.ts";
import { type BackendOptions, type ConfiguredModule, type ModuleOptions, optionReader } from "./options.ts";
import { DirectBackend, type ModuleBackend } from "./module_backend.ts";

/**
 * Opens a library as a PKCS#11 module.
 *
 * @throws {ModuleLoadError} when there is no such file, it is no library, or no PKCS#11 module
 */
export function openTable(path: string, serverAddress?: string): Cryptoki {
  checkPath(path);
  try {
    const open = () => Cryptoki.open(path);
    return serverAddress === undefined ? open() : withServerAddress(path, serverAddress, open);
  } catch (error) {
    if (!(error instanceof Error) || isPermissionError(error)) throw error;
    if (error instanceof NotCryptokiError) throw notAModule(path, error);
    throw new ModuleLoadError(path, error.message, { cause: error });
  }
}

function notAModule(path: string, error: NotCryptokiError): ModuleLoadError {
  return new ModuleLoadError(path, `it is no PKCS#11 module, ${error.reason}`, { cause: error });
}

/** Starts the thread of the calls to come, so that it does while the library is looked for. */
export function startThread(path: string): void {
  if (typeof path === "string" && nativeRuntime().allows(path)) workerPool().start();
}

function hasFolder(path: string): boolean {
  // An ordinary path is known without the module that knows them all.
  return !path.startsWith("/") && /[\\/]/.test(path) && !builtin.path.isAbsolute(path);
}

/** What JavaScript sees as the address of p11-kit's server; C code may see an older environment. */
function inheritedAddress(path: string): string | undefined {
  if (typeof path !== "string" || !isClientModule(path) || isSecureExecution()) return undefined;
  return environmentValue("P11_KIT_SERVER_ADDRESS");
}

function checkPath(path: string): void {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot load a module: its path is ${describeType(path)}, not a string`);
  }
  if (path === "" || path.includes("\0")) {
    throw new TypeError(`Cannot load a module: ${JSON.stringify(path)} is no path`);
  }
}

/**
 * The backend of a module by its path.
 *
 * @throws {ModuleLoadError} when the library cannot be loaded, or libp11-kit was asked for and is not there
 */
export function openBackend(path: string, options: ModuleOptions, configured: ConfiguredModule = {}): ModuleBackend {
  const { share } = options;
  const serverAddress = configured.serverAddress ?? inheritedAddress(path);
  const settings = {
    ...configured,
    serverAddress,
    reserved: options.reserved,
    neverFinalize: options.neverFinalize,
    share,
  };
  const managed = share?.managed ?? options.managed ?? "auto";
  switch (managed) {
    case false:
      return new DirectBackend(openTable(path, serverAddress), {
        reserved: options.reserved ?? null,
        neverFinalize: options.neverFinalize ?? false,
        name: configured.name ?? null,
        configOption: optionReader(configured),
      });
    case "gp11":
      return new Gp11Backend(openTable(path, serverAddress), path, settings);
    case "auto":
      return automaticBackend(path, settings);
    case "p11-kit": {
      checkPath(path);
      const kit = systemP11Kit(true);
      if (kit === null) throw new ModuleLoadError(path, "libp11-kit cannot be loaded", { cause: p11KitFailure() });
      return wrappedBackend(kit, path, settings);
    }
    default:
      throw new TypeError(
        `Cannot load a module: managed is "auto", "p11-kit", "gp11" or false, not ${describeValue(managed)}`,
      );
  }
}

/** libp11-kit's management where it takes the module, else our own. */
function automaticBackend(path: string, settings: BackendOptions): ModuleBackend {
  checkPath(path);
  const own = () => new Gp11Backend(openTable(path, settings.serverAddress), path, settings);
  const kit = systemP11Kit(false);
  if (kit === null) return own();
  try {
    return wrappedBackend(kit, path, { ...settings, alternative: own });
  } catch (refusal) {
    // libp11-kit wraps neither its own proxy nor what is wrapped already. What is no module at all is none for us either.
    if (!nativeRuntime().allows(path)) throw refusal;
    try {
      return own();
    } catch {
      throw refusal;
    }
  }
}

function wrappedBackend(kit: P11Kit, path: string, settings: BackendOptions): ModuleBackend {
  // libp11-kit looks for every relative path in its own folder; one with a folder in it means the current one.
  const file = hasFolder(path) ? builtin.path.resolve(path) : path;
  // Each list that p11-kit's client gives is a connection.
  if (settings.serverAddress === undefined && !isClientModule(file)) checkLists(file);
  return new P11KitBackend(kit, file, settings);
}

/** What libp11-kit calls of its own accord. */
const CALLED_BY_P11_KIT = ["C_Initialize", "C_Finalize", "C_CloseSession"] as const;
/** Libraries of this thread that were looked at; they stay what they were. */
const checked = new Set<string>();

/** Refuses what would end the process in libp11-kit, which looks neither for a list nor for what it calls of it. */
function checkLists(path: string): void {
  if (checked.has(path) || !path.startsWith("/") || !nativeRuntime().allows(path)) return;
  let tables: Cryptoki[];
  try {
    tables = Cryptoki.all(path);
  } catch (error) {
    if (error instanceof NotCryptokiError) throw notAModule(path, error);
    // Why it cannot be opened is libp11-kit's to say.
    return;
  }
  const missing = CALLED_BY_P11_KIT.find((name) => tables.some((table) => !table.has(name)));
  if (missing !== undefined) throw new ModuleLoadError(path, `libp11-kit cannot manage it, it has no ${missing}`);
  checked.add(path);
}
