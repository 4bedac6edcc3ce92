import type { Operation } from "../../ffi/engine/program.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { finalize, initialize, slotList } from "../../ffi/operations/modules.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import { describeType } from "../../ffi/memory/inputs.ts";
import type { LogCallsOptions } from "../log_calls/mod.ts";

/**
 * What another worker thread needs to join the callers of a module: pass it through `postMessage` or `workerData`, and
 * give it to `Module.load(share.path, { share })` there.
 */
export interface ModuleShare {
  /** The library's path. */
  readonly path: string;
  /** Who counts the callers. */
  readonly managed: "p11-kit" | "gp11";
  /** The count itself, in memory all threads see. */
  readonly memory: SharedArrayBuffer;
}

/** What the configuration says about a module. */
export interface ConfiguredModule {
  /** The module's name in the configuration. */
  readonly name?: string | null | undefined;
  /** The module's settings in the configuration, and the global ones behind them. */
  readonly settings?: readonly ReadonlyMap<string, string>[] | undefined;
  /** Where p11-kit's client module finds its server; only for that module. */
  readonly serverAddress?: string | undefined;
  /** Whether it runs elsewhere: the library is only what reaches it. */
  readonly remote?: boolean | undefined;
  /** Called when this caller is done with the module. */
  readonly released?: (() => void) | undefined;
}

/** How a caller wants a module to be managed. */
export interface BackendOptions extends ConfiguredModule {
  /** Text for `pReserved` of C_Initialize. */
  readonly reserved?: string | null | undefined;
  /** Whether C_Finalize is never called. */
  readonly neverFinalize?: boolean | undefined;
  /** Another way to manage the module, for when this one turns out not to begin it. */
  readonly alternative?: (() => ModuleBackend) | undefined;
  /** The callers in another thread to join. */
  readonly share?: ModuleShare | undefined;
}

/** Looks settings up as `p11_kit_config_option` does. */
export function optionReader({ settings = [] }: ConfiguredModule): (key: string) => string | null {
  return (key) => settings.find((some) => some.has(key))?.get(key) ?? null;
}

/** Begins anew with a remote module whose server went away: each caller has a connection of its own. */
export function reconnecting({ serverAddress, reserved }: BackendOptions): Operation<void, null> | null {
  if (serverAddress === undefined) return null;
  return function* (frame) {
    yield* finalize(frame);
    const rv = yield* initialize(frame, { reserved: reserved ?? null, locking: true });
    if (rv !== CKR.OK) throw new Pkcs11Error(rv, "C_Initialize");
    // Without a server p11-kit's client initialises all the same, and has no slots.
    const slots = yield* slotList(frame, { tokenPresent: false });
    if (slots.length === 0) {
      throw new Pkcs11Error(CKR.DEVICE_ERROR, "C_Initialize", { hint: "The server of the remote module is away." });
    }
  };
}

/** An operation that begins a caller's use of a module: when it fails, the caller is done with the module. */
export function releasing({ released }: ConfiguredModule, operation: Operation<void, null>): Operation<void, null> {
  if (released === undefined) return operation;
  return function* (frame, args) {
    try {
      yield* operation(frame, args);
    } catch (error) {
      released();
      throw error;
    }
  };
}

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
