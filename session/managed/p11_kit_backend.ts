import { Cryptoki } from "../../ffi/cryptoki.ts";
import type { Operation } from "../../ffi/engine.ts";
import { finalize, initialize } from "../../ffi/operations/modules.ts";
import type { P11Kit } from "../../ffi/p11_kit.ts";
import { ModuleLoadError, Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "../module_backend.ts";
import { Callers } from "./callers.ts";
import { withServerAddress } from "./environment.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";
import { threadsThrough } from "./thread.ts";

const CKR_OK = 0;

/**
 * Wrappers no caller uses any more, by what they were loaded by. libp11-kit may never give their memory back, and
 * an engine remembers a wrapper by its address, so they are used again instead of released.
 */
const spare = new Map<string, Cryptoki[]>();

/** The callers of each module across threads, by the same path. */
const modules = new Map<string, Callers>();

function callersOf(kit: P11Kit, path: string, memory: SharedArrayBuffer | undefined): Callers {
  const known = modules.get(path);
  if (known !== undefined && (memory === undefined || known.memory === memory)) return known;
  const callers = new Callers(threadsThrough(kit.path), memory);
  modules.set(path, callers);
  return callers;
}

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
  /** The wrapper is this caller's own. */
  readonly last = true;
  /** The callers of the module that use this library, in all threads. */
  readonly callers: Callers;
  #initialized = false;

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
    this.path = kit.moduleFilename(table.address) ?? path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    // Each caller of a remote module has a connection of its own, with handles of its own.
    const callers = serverAddress === undefined
      ? callersOf(kit, path, options.share?.memory)
      : new Callers(threadsThrough(kit.path));
    this.callers = callers;
    const setInitialized = (initialized: boolean) => this.#initialized = initialized;
    const reserved = options.reserved ?? null;
    let place = -1;
    this.initialize = releasing(options, function* (frame) {
      takeOver(callers);
      const rv = yield* initialize(frame, { reserved });
      if (rv !== CKR_OK) {
        giveBack(key, table);
        throw new Pkcs11Error(rv, "C_Initialize");
      }
      place = callers.exclusively(() => callers.add(table.address));
      setInitialized(true);
    });
    this.finalize = function* (frame) {
      takeOver(callers);
      callers.exclusively(() => callers.remove(place));
      setInitialized(false);
      options.released?.();
      if (options.neverFinalize) return;
      const rv = yield* finalize(frame);
      if (rv !== CKR_OK) throw new Pkcs11Error(rv, "C_Finalize");
      giveBack(key, table);
    };
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

/** Finalises the wrappers of threads that died, which closes their sessions. */
function takeOver(callers: Callers): void {
  for (const { list } of callers.exclusively(() => callers.removeDead())) {
    if (list !== 0n) Cryptoki.fromFunctionList(list).call("C_Finalize", 0n);
  }
}
