import { CKR } from "../../ffi/constants/mod.ts";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { type Operation, type Program, whenItsTurnComes } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { initialize } from "../../ffi/operations/modules.ts";
import type { P11Kit } from "../../ffi/tables/p11_kit.ts";
import { ModuleLoadError, Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { type CallerRegister, Callers, ROAD } from "./callers.ts";
import { withServerAddress } from "./environment.ts";
import { endAllLeftovers, endLeftovers } from "./leftovers.ts";
import { libraryName, tableName } from "./library.ts";
import { finalizeDue } from "./life.ts";
import { locked } from "./locked.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";

/**
 * Wrappers no caller uses any more, by what they were loaded by. libp11-kit may never give their memory back, and
 * an engine remembers a wrapper by its address, so they are used again instead of released.
 */
const spare = new Map<string, Cryptoki[]>();

/** A wrapper of its own for a caller of the module at `path`. */
function wrapperOf(kit: P11Kit, path: string, address: string | undefined): Cryptoki {
  const wrapper = spare.get(spareKey(path, address))?.pop();
  if (wrapper !== undefined) return wrapper;
  const load = () => kit.loadModule(path);
  const list = address === undefined ? load() : withServerAddress(kit.path, address, load);
  if (list === 0n) throw new ModuleLoadError(path, kit.message() ?? "libp11-kit gave no reason");
  return Cryptoki.fromFunctionList(list);
}

/** libp11-kit's management: it wraps the module for each caller and counts for the whole process, native callers too. */
export class P11KitBackend implements ModuleBackend {
  /** libp11-kit counts. */
  readonly managed = "p11-kit";
  /** The functions of this caller's wrapper. */
  readonly table: Cryptoki;
  /** The library's path; `null` for a module that runs elsewhere. */
  readonly path: string | null;
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
  /** Another way to manage the module, for when this one turns out not to begin it. */
  readonly alternative: (() => ModuleBackend) | undefined;
  /** Nothing stands in the way of a call. */
  readonly gate = null;
  /** The wrapper is this caller's own. */
  readonly last = true;
  /** The callers of the module that use this library, in all threads. */
  readonly callers: Callers;
  #initialized = false;
  #register: CallerRegister | null = null;

  /**
   * A further caller of a module.
   *
   * @param path The library; a relative path is in p11-kit's own folder of modules.
   */
  constructor(kit: P11Kit, path: string, options: BackendOptions) {
    const { serverAddress } = options;
    const table = wrapperOf(kit, path, serverAddress);
    const key = spareKey(path, serverAddress);
    this.table = table;
    this.alternative = options.alternative;
    this.path = options.remote ? null : kit.moduleFilename(table.address) ?? path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    // Each caller of a remote module has a connection of its own, with handles of its own.
    const name = serverAddress === undefined ? libraryName(this.path ?? path) : tableName(table);
    const callers = Callers.of(kit.path, name, serverAddress === undefined ? options.share?.memory : undefined);
    this.callers = callers;
    const setInitialized = (register: CallerRegister | null) => {
      this.#initialized = register !== null;
      this.#register?.close();
      this.#register = register;
    };
    const reserved = options.reserved ?? null;
    let place = -1;
    this.initialize = releasing(options, function* (frame) {
      yield* whenItsTurnComes(frame);
      place = callers.exclusively(() => callers.enter(table.address, ROAD.p11Kit));
      try {
        const rv = yield* initialize(frame, { reserved, locking: true });
        if (rv !== CKR.OK) throw new Pkcs11Error(rv, "C_Initialize");
      } catch (error) {
        callers.exclusively(() => callers.remove(place));
        giveBack(key, table);
        throw error;
      }
      setInitialized(callers.register(place));
      yield* endLeftovers(frame, callers);
      const due = callers.exclusively(() => {
        callers.own(place);
        return callers.takeDue();
      });
      yield* finalizeWrappers(frame, due);
    });
    this.finalize = (frame) =>
      locked(frame, callers, "close the module", function* () {
        setInitialized(null);
        options.released?.();
        if (!options.neverFinalize) waiting.set(table.address, () => giveBack(key, table));
        callers.leave(place, options.neverFinalize ?? false);
        yield* endAllLeftovers(frame, callers);
        yield* finalizeWrappers(frame, callers.takeDue());
      });
  }

  /** Where the caller's sessions and logins are written down. */
  get register(): CallerRegister | null {
    return this.#register;
  }

  /** Whether a load or close of the module is under way in this thread. */
  get changing(): boolean {
    return this.callers.heldHere;
  }

  /** Whether this caller has initialised its wrapper. */
  get owner(): boolean {
    return this.#initialized;
  }
}

/** A wrapper of p11-kit's client stays with the server it was made for. */
function spareKey(path: string, address = ""): string {
  return `${path}\0${address}`;
}

function giveBack(key: string, wrapper: Cryptoki): void {
  const wrappers = spare.get(key);
  if (wrappers === undefined) spare.set(key, [wrapper]);
  else wrappers.push(wrapper);
}

/** Wrappers of this thread that wait for their C_Finalize, and what is done with them then. */
const waiting = new Map<bigint, () => void>();

/** C_Finalize of the wrappers whose turn it is: callers' who have gone before, and of threads that died. */
function* finalizeWrappers(frame: Frame, due: readonly bigint[]): Program<void> {
  yield* finalizeDue(frame, due);
  for (const list of due) {
    waiting.get(list)?.();
    waiting.delete(list);
  }
}
