/** How modules are loaded. */
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import { describeType } from "../../ffi/memory/inputs.ts";
import type { LogCallsOptions } from "../log_calls/mod.ts";
import type { ModuleShare } from "./options.ts";

/** How {@linkcode Module.load} loads a module. */
export interface ModuleOptions {
  /**
   * Who counts the callers of the module: libp11-kit, this library, nobody, or whichever of the first two is there.
   *
   * @default {"auto"}
   */
  readonly managed?: "auto" | "p11-kit" | "gp11" | false | undefined;
  /** Text for `pReserved` of C_Initialize, such as the parameters of NSS softokn. */
  readonly reserved?: string | undefined;
  /**
   * Never calls C_Finalize, for modules that others in the process use too.
   *
   * @default {false}
   */
  readonly neverFinalize?: boolean | undefined;
  /**
   * Logs every call of the module, on worker threads too, in the layout of libp11-kit's `log-calls`: `true` writes to
   * standard error. PINs and secret values are left out unless asked for.
   *
   * @default {false}
   */
  readonly logCalls?: boolean | LogCallsOptions | undefined;
  /**
   * Joins the callers of a module in another worker thread: what `module.share()` gave there. It decides about `managed`.
   */
  readonly share?: ModuleShare | undefined;
  /**
   * Whether logins are counted for each token, so that one caller's logout does not log out the others; `false` gives
   * PKCS#11's own behaviour. Only where the callers are counted, and within one thread.
   *
   * @default {true}
   */
  readonly countLogins?: boolean | undefined;
  /** Cancels the load. */
  readonly signal?: AbortSignal | null | undefined;
}

const moduleNames: OptionNames<ModuleOptions> = {
  managed: true,
  reserved: true,
  neverFinalize: true,
  logCalls: true,
  share: true,
  countLogins: true,
  signal: true,
};

/**
 * Checks what would be found out only when the module is used, or not at all.
 *
 * @throws {TypeError} when an option is of a wrong kind, or there is none of its name
 */
export function checkModuleOptions(options: ModuleOptions): void {
  refuseUnknown("load the module", options, moduleNames);
  const { reserved, logCalls, share } = options;
  if (reserved !== undefined && reserved !== null && typeof reserved !== "string") {
    throw wrongOption("reserved", "text", reserved);
  }
  if (reserved?.includes("\0")) throw new TypeError("Cannot load the module: reserved contains a NUL character");
  if (logCalls !== undefined && typeof logCalls !== "boolean" && !isLogCalls(logCalls)) {
    throw wrongOption("logCalls", "a boolean or { sink, event } with functions", logCalls);
  }
  if (share !== undefined && !isShare(share)) {
    throw wrongOption("share", "what module.share() gave in the other thread", share);
  }
}

function wrongOption(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Cannot load the module: ${name} is ${describeType(value)}, not ${expected}`);
}

function isLogCalls(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { sink, event } = value as LogCallsOptions;
  return [sink, event].every((each) => each === undefined || typeof each === "function");
}

function isShare(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { path, managed, memory } = value as ModuleShare;
  return typeof path === "string" && (managed === "gp11" || managed === "p11-kit") &&
    Object.prototype.toString.call(memory) === "[object SharedArrayBuffer]";
}
