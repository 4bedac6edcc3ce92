import type { Operation } from "../../ffi/engine/program.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { finalize, initialize, slotList } from "../../ffi/operations/modules.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";

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
