/** The modules p11-kit's configuration registers. */
import { builtin } from "../internal/builtin_modules.ts";
import {
  checkIterable,
  checkMethods,
  checkObject,
  checkOwnOptions,
  checkSignal,
  checkText,
  type OptionNames,
} from "../internal/expected.ts";
import { openBackend } from "./managed/open_backend.ts";
import { ConfigurationError } from "./errors.ts";
import type { ConfigurationPaths, RegisteredModule } from "./config/mod.ts";
import type { LogCallsOptions } from "./log_calls/mod.ts";
import { libraryPath } from "./managed/library.ts";
import { beginModule, type Module } from "./tokens/module.ts";
import type { ModuleOptions } from "./managed/options.ts";

/** The modules of a list that a program gives, a copy; a hole in it is none. */
export function givenModules(action: string, modules: Iterable<Module>): Module[] {
  checkIterable(action, modules, "a list of modules");
  const given = [...modules];
  for (const module of given) checkMethods(action, module, "a Module", ["slots"]);
  return given;
}

/** A module that was passed over. */
export interface RegisteredModuleProblem {
  /** Its name in the configuration. */
  readonly name: string;
  /** Why it could not be used. */
  readonly error: unknown;
}

/** Which registered modules to load, and how. */
export interface RegisteredModulesOptions {
  /**
   * Configuration files and folders to read instead of the machine's; what is left out does not exist.
   *
   * By default the machine's own.
   */
  readonly config?: ConfigurationPaths | undefined;
  /**
   * The program's name for `enable-in` and `disable-in`.
   *
   * By default the name of the running program, such as `deno`.
   */
  readonly progname?: string | undefined;
  /**
   * Only modules with `trust-policy: yes`.
   *
   * @default {false}
   */
  readonly trusted?: boolean | undefined;
  /**
   * Whether every module counts as critical.
   *
   * @default {false}
   */
  readonly critical?: boolean | undefined;
  /**
   * Loads all modules without management; remote ones are left out.
   *
   * @default {false}
   */
  readonly unmanaged?: boolean | undefined;
  /**
   * Who counts the callers of the modules that are managed.
   *
   * @default {"auto"}
   */
  readonly managed?: "auto" | "p11-kit" | "gp11" | undefined;
  /**
   * Logs the calls of every module, or tells where calls are logged that the configuration wants logged.
   *
   * By default as the configuration says, to standard error.
   */
  readonly logCalls?: boolean | LogCallsOptions | undefined;
  /** Hears of each module that is passed over because it cannot be loaded or initialised. */
  readonly onError?: ((problem: RegisteredModuleProblem) => void) | undefined;
  /** Hears what is odd about the configuration, one sentence at a time. */
  readonly onMessage?: ((message: string) => void) | undefined;
  /** Cancels the load. */
  readonly signal?: AbortSignal | null | undefined;
}

const optionNames: OptionNames<RegisteredModulesOptions> = {
  config: true,
  progname: true,
  trusted: true,
  critical: true,
  unmanaged: true,
  managed: true,
  logCalls: true,
  onError: true,
  onMessage: true,
  signal: true,
};

/**
 * Loads and initialises the modules that p11-kit's configuration registers for this program, highest `priority` first
 * (`p11_kit_modules_load_and_initialize`). Each call is a caller of its own: close every module it gives.
 *
 * A module that fails is passed over and told to `onError`; with `critical: yes` in its configuration nothing is loaded.
 * The configuration is read in TypeScript, whoever manages the modules.
 *
 * @example Name the tokens of the machine
 * ```ts
 * import { loadModules } from "@gp11/gp11";
 *
 * async function labels(): Promise<string[]> {
 *   const labels: string[] = [];
 *   for (const module of await loadModules()) {
 *     for (const slot of await module.slots({ tokenPresent: true })) labels.push((await slot.tokenInfo()).label);
 *     await module.close();
 *   }
 *   return labels;
 * }
 * ```
 *
 * @throws {ConfigurationError} If a configuration file is damaged or unreadable, or a critical module fails.
 * @throws {TypeError} When an option is of the wrong kind, or there is none of its name.
 */
export async function loadModules(options: RegisteredModulesOptions = {}): Promise<Module[]> {
  checkOwnOptions("load the registered modules", options, optionNames, ["onError", "onMessage"]);
  const { config, progname, signal } = options;
  if (config !== undefined) checkObject("load the registered modules", config, "config to be an object of paths");
  if (progname !== undefined) checkText("load the registered modules of a program", progname);
  checkSignal("load the registered modules", signal);
  signal?.throwIfAborted();
  const { defaultPaths, loadConfiguration, registeredModules } = await import("./config/mod.ts");
  const configuration = loadConfiguration(config ?? defaultPaths);
  const { modules, messages } = registeredModules(configuration, options);
  const wanted = distinct(modules.filter((module) => !options.unmanaged || module.remote === null), messages);
  for (const message of messages) options.onMessage?.(message);
  const results = await Promise.allSettled(
    wanted.map((module) => loadRegistered(module, configuration.globals, options)),
  );
  const loaded = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  try {
    options.signal?.throwIfAborted();
    for (const [at, result] of results.entries()) {
      if (result.status === "rejected") passOver(wanted[at]!, result.reason, options);
    }
  } catch (error) {
    await Promise.allSettled(loaded.map((module) => module.close()));
    throw error;
  }
  return loaded;
}

function passOver({ name, critical }: RegisteredModule, error: unknown, options: RegisteredModulesOptions): void {
  if (critical || options.critical) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(name, `the module is marked as critical and failed: ${reason}`, { cause: error });
  }
  options.onError?.({ name, error });
}

async function loadRegistered(
  module: RegisteredModule,
  globals: ReadonlyMap<string, string>,
  options: RegisteredModulesOptions,
): Promise<Module> {
  const configured = { name: module.name, settings: [module.options, globals] };
  const settings: ModuleOptions = {
    managed: module.managed && !options.unmanaged ? options.managed ?? "auto" : false,
    reserved: module.reserved ?? undefined,
    logCalls: module.logCalls || options.logCalls === true ? options.logCalls || true : options.logCalls,
    signal: options.signal,
  };
  const backend = module.remote === null
    ? openBackend(libraryPath(module.module!), settings, configured)
    : await (await import("./managed/remote.ts")).remoteBackend(module.remote, settings, configured);
  return await beginModule(backend, settings);
}

/** One entry for each library: of two that name the same file, the first. */
function distinct(modules: readonly RegisteredModule[], messages: string[]): RegisteredModule[] {
  const seen = new Map<string, string>();
  return modules.filter((module) => {
    if (module.module === null) return true;
    const path = libraryPath(module.module);
    const real = builtin.fs.existsSync(path) ? builtin.fs.realpathSync(path) : path;
    const before = seen.get(real);
    if (before === undefined) seen.set(real, module.name);
    else messages.push(`module '${module.name}' is the same library as module '${before}' and is left out`);
    return before === undefined;
  });
}
