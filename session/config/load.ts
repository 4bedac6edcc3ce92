import { builtin } from "../../internal/builtin_modules.ts";
import { environmentValue } from "../../internal/runtime.ts";
import { isSecureExecution } from "../../ffi/runtime/runtime.ts";
import { ConfigurationError } from "../errors.ts";
import { expandPath, listFiles, readSettings, type Tolerance } from "./files.ts";
import type { Settings } from "./lexer.ts";

/** Where p11-kit's configuration is; what is left out of an explicit one does not exist. */
export interface ConfigurationPaths {
  /** The system's global settings, `/etc/pkcs11/pkcs11.conf` by default. */
  readonly systemConf?: string | undefined;
  /** The user's global settings, `~/.config/pkcs11/pkcs11.conf` by default. */
  readonly userConf?: string | undefined;
  /** Folder of module files that packages install, `/usr/share/p11-kit/modules` by default. */
  readonly packageModules?: string | undefined;
  /** Folder of the system's module files, `/etc/pkcs11/modules` by default. */
  readonly systemModules?: string | undefined;
  /** Folder of the user's module files, `~/.config/pkcs11/modules` by default. */
  readonly userModules?: string | undefined;
}

/** The paths libp11-kit uses on this platform unless told otherwise. */
export const defaultPaths: Required<ConfigurationPaths> = {
  systemConf: "/etc/pkcs11/pkcs11.conf",
  userConf: "~/.config/pkcs11/pkcs11.conf",
  packageModules: "/usr/share/p11-kit/modules",
  systemModules: "/etc/pkcs11/modules",
  userModules: "~/.config/pkcs11/modules",
};

/** What the configuration says, before it is applied to this program. */
export interface Configuration {
  /** Global settings. */
  readonly globals: ReadonlyMap<string, string>;
  /** The settings of each module by its name, which is the name of its file without `.module`. */
  readonly modules: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Things to mend that stop nothing. */
  readonly messages: readonly string[];
}

/** How to read a configuration. */
export interface LoadConfigurationOptions {
  /**
   * Whether the user's own files count.
   *
   * By default not for root, nor in a program with more rights than its caller, nor with `P11_KIT_NO_USER_CONFIG` set.
   */
  readonly user?: boolean;
}

type UserMode = "none" | "merge" | "only";

const strict: Tolerance = { denied: false };
const lenient: Tolerance = { denied: true };

/**
 * Reads p11-kit's configuration from its files.
 *
 * @throws {ConfigurationError} if one file is damaged or unreadable; a missing one is no error.
 */
export function loadConfiguration(
  paths: ConfigurationPaths = defaultPaths,
  options: LoadConfigurationOptions = {},
): Configuration {
  const { globals, mode } = loadGlobals(paths, options);
  const messages: string[] = [];
  for (const key of ["module", "remote"]) {
    if (globals.has(key)) {
      messages.push(`the global setting "${key}" has no effect: a module needs a file of its own in a modules folder`);
    }
  }
  return { globals, modules: loadModuleFiles(paths, mode, messages), messages };
}

/** Global settings, the user's over the system's as `user-config` in either file says. */
function loadGlobals(
  paths: ConfigurationPaths,
  options: LoadConfigurationOptions,
): { globals: Settings; mode: UserMode } {
  const system = paths.systemConf === undefined ? new Map<string, string>() : readSettings(paths.systemConf, strict);
  let mode = userMode(system, "merge", paths.systemConf);
  if (mode !== "none" && !usesUserFiles(paths, options)) mode = "none";
  if (mode === "none") return { globals: system, mode };
  const user = paths.userConf === undefined
    ? new Map<string, string>()
    : readSettings(expandPath(paths.userConf), lenient);
  mode = userMode(user, mode, paths.userConf);
  if (mode === "merge") addMissing(user, system);
  return { globals: mode === "none" ? system : user, mode };
}

function usesUserFiles(paths: ConfigurationPaths, options: LoadConfigurationOptions): boolean {
  if (options.user !== undefined) return options.user;
  if (paths.userConf === undefined && paths.userModules === undefined) return false;
  if (isSecureExecution()) return false;
  return builtin.process.getuid?.() !== 0 && environmentValue("P11_KIT_NO_USER_CONFIG") === undefined;
}

function userMode(settings: Settings, inherited: UserMode, file = ""): UserMode {
  const mode = settings.get("user-config");
  switch (mode) {
    case undefined:
      return inherited;
    case "none":
    case "merge":
    case "only":
      return mode;
    case "override":
      return "only";
    default:
      throw new ConfigurationError(file, `invalid mode for 'user-config': ${mode}`);
  }
}

function addMissing(settings: Settings, defaults: Settings): void {
  for (const [key, value] of defaults) {
    if (!settings.has(key)) settings.set(key, value);
  }
}

function loadModuleFiles(paths: ConfigurationPaths, mode: UserMode, messages: string[]): Map<string, Settings> {
  const modules = new Map<string, Settings>();
  // The first to give a setting wins: the user, then the system, then the package.
  if (mode !== "none" && paths.userModules !== undefined) {
    addFolder(modules, expandPath(paths.userModules), lenient, messages);
  }
  if (mode !== "only") {
    for (const folder of [paths.systemModules, paths.packageModules]) {
      if (folder !== undefined) addFolder(modules, folder, strict, messages);
    }
  }
  return modules;
}

function addFolder(modules: Map<string, Settings>, folder: string, tolerance: Tolerance, messages: string[]): void {
  for (const { name: fileName, path } of listFiles(folder, tolerance)) {
    const name = moduleName(fileName);
    if (name === null) messages.push(`invalid config filename, will be ignored in the future: ${path}`);
    const settings = readSettings(path, tolerance);
    const present = modules.get(name ?? fileName);
    if (present === undefined) modules.set(name ?? fileName, settings);
    else addMissing(present, settings);
  }
}

/** The module's name in the name of its file; `null` where that is not formed as it should be. */
function moduleName(fileName: string): string | null {
  return /^([A-Za-z0-9][A-Za-z0-9_.-]*)\.module$/.exec(fileName)?.[1] ?? null;
}
