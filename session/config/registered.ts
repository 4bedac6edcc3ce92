import { builtin } from "../../internal/builtin_modules.ts";
import type { Configuration } from "./load.ts";

/** A module as the configuration describes it to this program. */
export interface RegisteredModule {
  /** Its name: the name of its file without `.module`. */
  readonly name: string;
  /** The library; a relative path is in p11-kit's own folder of modules. `null` for a remote module. */
  readonly module: string | null;
  /** How to reach a module that runs elsewhere: `|command arguments` or `unix:path=…`. */
  readonly remote: string | null;
  /** Whether a failure of this module is a failure of all. */
  readonly critical: boolean;
  /** Whether callers share it. */
  readonly managed: boolean;
  /** Whether its calls are logged. */
  readonly logCalls: boolean;
  /** Whether it says which certificates to trust. */
  readonly trustPolicy: boolean;
  /** Higher comes first. */
  readonly priority: number;
  /** Text for `pReserved` of C_Initialize. */
  readonly reserved: string | null;
  /** All its settings. */
  readonly options: ReadonlyMap<string, string>;
}

/** What is asked of the registered modules. */
export interface RegisteredModuleFilter {
  /**
   * The name `enable-in` and `disable-in` are compared with.
   *
   * By default the name of the running program, such as `deno`.
   */
  readonly progname?: string | undefined;
  /** Only modules with `trust-policy: yes`. */
  readonly trusted?: boolean | undefined;
}

/** The modules of a configuration this program should load, highest priority first, and what is odd about them. */
export function registeredModules(
  configuration: Configuration,
  filter: RegisteredModuleFilter = {},
): { modules: RegisteredModule[]; messages: string[] } {
  const messages = [...configuration.messages];
  const modules: RegisteredModule[] = [];
  for (const [name, options] of configuration.modules) {
    if (!isEnabled(name, options, filter.progname, messages)) continue;
    const module = describe(name, options, configuration.globals, messages);
    if (module.module === null && module.remote === null) continue;
    if (filter.trusted && !module.trustPolicy) continue;
    modules.push(module);
  }
  modules.sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { modules, messages };
}

function describe(
  name: string,
  options: ReadonlyMap<string, string>,
  globals: ReadonlyMap<string, string>,
  messages: string[],
): RegisteredModule {
  const own = (key: string) => yesOrNo(options.get(key), false, messages);
  // These two the global file may decide for every module.
  const managed = yesOrNo(globals.get("managed") ?? options.get("managed"), true, messages);
  const remote = options.get("remote") ?? null;
  return {
    name,
    module: remote === null ? options.get("module") ?? null : null,
    remote,
    critical: own("critical"),
    managed,
    logCalls: yesOrNo(globals.get("log-calls") ?? options.get("log-calls"), false, messages),
    trustPolicy: own("trust-policy"),
    priority: leadingInteger(options.get("priority") ?? ""),
    reserved: options.get("x-init-reserved") ?? null,
    options,
  };
}

/** Exactly `yes` and `no` are understood. */
function yesOrNo(value: string | undefined, fallback: boolean, messages: string[]): boolean {
  if (value === undefined) return fallback;
  if (value === "yes") return true;
  if (value === "no") return false;
  messages.push(`invalid setting '${value}' defaulting to '${fallback ? "yes" : "no"}'`);
  return fallback;
}

/** The number in front of a text, as C's `atoi` reads it. */
function leadingInteger(text: string): number {
  return Number(/^\s*([+-]?[0-9]+)/.exec(text)?.[1] ?? 0);
}

function isEnabled(
  name: string,
  options: ReadonlyMap<string, string>,
  progname: string | undefined,
  messages: string[],
): boolean {
  const enableIn = options.get("enable-in");
  const disableIn = options.get("disable-in");
  if (enableIn === undefined && disableIn === undefined) return true;
  if (enableIn !== undefined && disableIn !== undefined) {
    messages.push(`module '${name}' has both enable-in and disable-in options`);
  }
  const program = progname ?? builtin.path.basename(builtin.process.execPath).replace(/\.exe$/i, "");
  if (enableIn !== undefined) return listed(enableIn, program);
  return !listed(disableIn ?? "", program);
}

function listed(list: string, program: string): boolean {
  return program !== "" && list.split(/[\s,]+/).includes(program);
}
