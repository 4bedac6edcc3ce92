import type { Cryptoki } from "../../ffi/cryptoki.ts";
import type { Operation } from "../../ffi/engine.ts";
import { finalize, initialize } from "../../ffi/operations/modules.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "../module_backend.ts";
import { Callers } from "./callers.ts";
import { locked } from "./locked.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";
import { threadsThrough } from "./thread.ts";

const CKR_OK = 0;
const CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191;

/** The callers of each module, by the address of its function list: two paths to one library are one module. */
const modules = new Map<bigint, Callers>();

function callersOf(table: Cryptoki, path: string, memory: SharedArrayBuffer | undefined): Callers {
  const known = modules.get(table.address);
  if (known !== undefined && (memory === undefined || known.memory === memory)) return known;
  const callers = new Callers(threadsThrough(path), memory);
  modules.set(table.address, callers);
  return callers;
}

/**
 * Our own management, for a module by path: the first caller's C_Initialize is the real one, the last caller's
 * C_Finalize too, unless somebody else had initialised the module before us.
 */
export class Gp11Backend implements ModuleBackend {
  /** We count. */
  readonly managed = "gp11";
  /** The module's functions. */
  readonly table: Cryptoki;
  /** The library's path. */
  readonly path: string;
  /** The name in the configuration. */
  readonly name: string | null;
  /** Begins this caller's use of the module. */
  readonly initialize: Operation<void, null>;
  /** Ends it. */
  readonly finalize: Operation<void, null>;
  /** Begins anew after the server of a remote module went away. */
  readonly reconnect: Operation<void, null> | null;
  /** A value of the module's configuration. */
  readonly configOption: (key: string) => string | null;
  /** All callers of the module in this process. */
  readonly callers: Callers;

  /** A further caller of a module. */
  constructor(table: Cryptoki, path: string, options: BackendOptions) {
    this.table = table;
    this.path = path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    const callers = callersOf(table, path, options.share?.memory);
    this.callers = callers;
    const reserved = options.reserved ?? null;
    let place = -1;
    this.initialize = releasing(options, (frame) =>
      locked(frame, callers, "load the module", function* () {
        callers.removeDead();
        if (callers.count === 0) {
          // A dead thread may have been the last caller: the module is then still ours to finalise.
          const rv = yield* initialize(frame, { reserved });
          if (rv !== CKR_OK && rv !== CKR_CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
          callers.owned = rv === CKR_OK || callers.owned;
        }
        place = callers.add(0n);
      }));
    this.finalize = (frame) =>
      locked(frame, callers, "close the module", function* () {
        callers.remove(place);
        callers.removeDead();
        options.released?.();
        if (callers.count > 0 || !callers.owned || options.neverFinalize) return;
        callers.owned = false;
        const rv = yield* finalize(frame);
        if (rv !== CKR_OK) throw new Pkcs11Error(rv, "C_Finalize");
      });
  }

  /** Whether no other caller is left, in any thread. */
  get last(): boolean {
    return this.callers.count <= 1;
  }

  /** Whether the module's real C_Initialize was made by this management. */
  get owner(): boolean {
    return this.callers.owned;
  }
}
