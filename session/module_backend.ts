/** Who initialises and finalises a module: one contract for every way to load it. */
import type { Cryptoki } from "../ffi/cryptoki.ts";
import type { Operation } from "../ffi/engine.ts";
import { finalize, initialize } from "../ffi/operations/modules.ts";
import { Pkcs11Error } from "./errors.ts";
import type { Callers } from "./managed/callers.ts";

/** A loaded module as one caller sees it. */
export interface ModuleBackend {
  /** Who counts the callers. */
  readonly managed: "p11-kit" | "gp11" | false;
  /** The module's functions. */
  readonly table: Cryptoki;
  /** The library's path; `null` where there is none, as for remote modules. */
  readonly path: string | null;
  /** The name in the configuration; `null` for a module by path. */
  readonly name: string | null;
  /** Whether this caller's C_Initialize was the real one. */
  readonly owner: boolean;
  /** Whether closing this caller ends the module, or its own wrapper of it, so that no call may be under way. */
  readonly last: boolean;
  /** The callers this one is counted with; `null` where nobody counts. */
  readonly callers: Callers | null;
  /** Begins this caller's use of the module. */
  readonly initialize: Operation<void, null>;
  /** Ends it; called once, with no call of this caller under way and its sessions closed. */
  readonly finalize: Operation<void, null>;
  /** Begins anew after the server of a remote module went away; `null` for a module that runs here. */
  readonly reconnect: Operation<void, null> | null;
  /** A value of the module's configuration. */
  configOption(key: string): string | null;
}

const CKR_OK = 0;
const CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191;

/** How a module without management is used. */
export interface DirectBackendOptions {
  /** Text for `pReserved` of C_Initialize. */
  readonly reserved: string | null;
  /** Whether C_Finalize is never called. */
  readonly neverFinalize: boolean;
  /** The name in the configuration. */
  readonly name?: string | null;
  /** Reads the module's configuration. */
  readonly configOption?: (key: string) => string | null;
}

/**
 * A module nobody manages: C_Initialize and C_Finalize are called directly. On a module that somebody has initialised
 * the caller is a guest, who never finalises it.
 */
export class DirectBackend implements ModuleBackend {
  /** Nobody counts. */
  readonly managed = false;
  /** The module's functions. */
  readonly table: Cryptoki;
  /** The library's path. */
  readonly path: string | null;
  /** The name in the configuration. */
  readonly name: string | null;
  /** Nobody else is known of. */
  readonly last = true;
  /** Nobody counts. */
  readonly callers = null;
  /** It runs here. */
  readonly reconnect = null;
  /** A value of the module's configuration. */
  readonly configOption: (key: string) => string | null;
  /** Begins this caller's use of the module. */
  readonly initialize: Operation<void, null>;
  /** Ends it. */
  readonly finalize: Operation<void, null>;
  #owner = false;

  /** Uses a table directly. */
  constructor(table: Cryptoki, options: DirectBackendOptions) {
    this.table = table;
    this.path = table.path;
    this.name = options.name ?? null;
    this.configOption = options.configOption ?? (() => null);
    const setOwner = (owner: boolean) => this.#owner = owner;
    const isOwner = () => this.#owner;
    this.initialize = function* (frame) {
      const rv = yield* initialize(frame, { reserved: options.reserved });
      if (rv !== CKR_OK && rv !== CKR_CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
      setOwner(rv === CKR_OK);
    };
    this.finalize = function* (frame) {
      if (!isOwner() || options.neverFinalize) return;
      setOwner(false);
      const rv = yield* finalize(frame);
      if (rv !== CKR_OK) throw new Pkcs11Error(rv, "C_Finalize");
    };
  }

  /** Whether this caller's C_Initialize was the real one. */
  get owner(): boolean {
    return this.#owner;
  }
}
