import { CKR } from "../../ffi/constants/mod.ts";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { type Program, whenItsTurnComes } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { initialize } from "../../ffi/operations/modules.ts";
import type { P11Kit } from "../../ffi/tables/p11_kit.ts";
import { ModuleLoadError, Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { Callers, ROAD } from "./callers.ts";
import { CountedBackend } from "./counted_backend.ts";
import { withServerAddress } from "./environment.ts";
import { endLeftovers } from "./leftovers.ts";
import { libraryName, tableName } from "./library.ts";
import { finalizeDue } from "./life.ts";
import type { BackendOptions } from "./options.ts";

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
export class P11KitBackend extends CountedBackend {
  /** libp11-kit counts. */
  readonly managed = "p11-kit";
  /** Another way to manage the module, for when this one turns out not to begin it. */
  readonly alternative: (() => ModuleBackend) | undefined;
  /** The wrapper is this caller's own. */
  readonly last = true;
  /** What the wrapper is kept by when he has done with it. */
  readonly #key: string;

  /**
   * A further caller of a module.
   *
   * @param path The library; a relative path is in p11-kit's own folder of modules.
   */
  constructor(kit: P11Kit, path: string, options: BackendOptions) {
    const { serverAddress } = options;
    const table = wrapperOf(kit, path, serverAddress);
    const file = options.remote ? null : kit.moduleFilename(table.address) ?? path;
    // Each caller of a remote module has a connection of its own, with handles of its own.
    const name = serverAddress === undefined ? libraryName(file ?? path) : tableName(table);
    const memory = serverAddress === undefined ? options.share?.memory : undefined;
    super(table, file ?? path, Callers.of(kit.path, name, memory), options);
    this.alternative = options.alternative;
    this.#key = spareKey(path, serverAddress);
  }

  /** Whether this caller has initialised its wrapper. */
  get owner(): boolean {
    return this.register !== null;
  }

  protected override *begin(frame: Frame): Program<void> {
    const { callers, reserved } = this;
    yield* whenItsTurnComes(frame);
    const place = callers.exclusively(() => callers.enter(this.table.address, ROAD.p11Kit));
    try {
      const rv = yield* initialize(frame, { reserved, locking: true });
      if (rv !== CKR.OK) throw new Pkcs11Error(rv, "C_Initialize");
    } catch (error) {
      callers.exclusively(() => callers.remove(place));
      giveBack(this.#key, this.table);
      throw error;
    }
    this.begun(place);
    yield* endLeftovers(frame, callers);
    const due = callers.exclusively(() => {
      callers.own(place);
      return callers.takeDue();
    });
    yield* this.finalizeDue(frame, due);
  }

  protected override ending(): void {
    if (!this.neverFinalize) waiting.set(this.table.address, () => giveBack(this.#key, this.table));
  }

  /** C_Finalize of the wrappers whose turn it is: callers' who have gone before, and of threads that died. */
  protected override *finalizeDue(frame: Frame, due: readonly bigint[]): Program<void> {
    yield* finalizeDue(frame, due);
    for (const list of due) {
      waiting.get(list)?.();
      waiting.delete(list);
    }
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
