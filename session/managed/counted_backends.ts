import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { type Operation, type Program, whenItsTurnComes } from "../../ffi/engine/program.ts";
import { type CallerRegister, Callers, ROAD } from "./callers.ts";
import { endAllLeftovers, endLeftovers, locked } from "./leftovers.ts";
import { beginModule, finalizeDue, type ModuleBackend, takeTurns } from "./module_backend.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { ModuleLoadError, Pkcs11Error } from "../errors.ts";
import { libraryName, LocalCaller, tableName } from "./library.ts";
import { initialize } from "../../ffi/operations/modules.ts";
import { P11Kit } from "../../ffi/tables/p11_kit.ts";
import { withServerAddress } from "./environment.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";

/** What stays the same whoever counts the callers of a module: this caller's place among them, and how he leaves it. */
export abstract class CountedBackend implements ModuleBackend {
  /** Who counts. */
  abstract readonly managed: "p11-kit" | "gp11";
  /** Whether this caller's C_Initialize was the real one. */
  abstract readonly owner: boolean;
  /** Whether closing this caller ends the functions he uses. */
  abstract readonly last: boolean;
  /** The functions of the module, or of this caller's wrapper of it. */
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
  /** Nothing stands in the way of a call. */
  readonly gate = null;
  /** All callers of the module that are counted together. */
  readonly callers: Callers;
  /** Text for `pReserved` of C_Initialize. */
  protected readonly reserved: string | null;
  /** Whether this caller's C_Finalize is never called. */
  protected readonly neverFinalize: boolean;
  #place = -1;
  #register: CallerRegister | null = null;

  /** A further caller of a module. */
  protected constructor(table: Cryptoki, path: string, callers: Callers, options: BackendOptions) {
    this.table = table;
    this.path = options.remote ? null : path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    this.callers = callers;
    this.reserved = options.reserved ?? null;
    this.neverFinalize = options.neverFinalize ?? false;
    this.initialize = releasing(options, (frame) => this.begin(frame));
    this.finalize = (frame) => locked(frame, callers, "close the module", () => this.#end(frame, options.released));
  }

  /** Where the caller's sessions and logins are written down. */
  get register(): CallerRegister | null {
    return this.#register;
  }

  /** Whether a load or close of the module is under way in this thread. */
  get changing(): boolean {
    return this.callers.heldHere;
  }

  /** Begins this caller's use, and takes his place. */
  protected abstract begin(frame: Frame): Program<void>;

  /** Says, before the place is left, that the caller makes no more calls. */
  protected abstract ending(): void;

  /** C_Finalize of all whose turn it is. */
  protected abstract finalizeDue(frame: Frame, due: readonly bigint[]): Program<void>;

  /** The caller has begun at this place. */
  protected begun(place: number): void {
    this.#place = place;
    this.#setRegister(this.callers.register(place));
  }

  *#end(frame: Frame, released: (() => void) | undefined): Program<void> {
    this.ending();
    released?.();
    this.#setRegister(null);
    this.callers.leave(this.#place, this.neverFinalize);
    yield* endAllLeftovers(frame, this.callers);
    yield* this.finalizeDue(frame, this.callers.takeDue());
  }

  #setRegister(register: CallerRegister | null): void {
    this.#register?.close();
    this.#register = register;
  }
}

/**
 * Our own management, for a module by path: the first caller's C_Initialize is the real one, the last caller's
 * C_Finalize too, unless somebody else had initialised the module before us. An abandoned call counts as its caller's use.
 */
export class Gp11Backend extends CountedBackend {
  /** We count. */
  readonly managed = "gp11";
  readonly #caller: LocalCaller;

  /** A further caller of a module. */
  constructor(table: Cryptoki, path: string, options: BackendOptions) {
    super(table, path, Callers.of(path, tableName(table), options.share?.memory), options);
    this.#caller = new LocalCaller(table);
  }

  /** Whether no other caller uses the functions in this thread. */
  get last(): boolean {
    return this.#caller.isLast;
  }

  /** Whether the module's real C_Initialize was made by this management. */
  get owner(): boolean {
    return this.callers.owned;
  }

  protected override begin(frame: Frame): Program<void> {
    return locked(frame, this.callers, "load the module", () => this.#begin(frame));
  }

  *#begin(frame: Frame): Program<void> {
    const { callers } = this;
    yield* endAllLeftovers(frame, callers);
    yield* finalizeDue(frame, callers.takeDue());
    const isBegun = callers.begun;
    const place = callers.enter(this.table.address, ROAD.gp11);
    try {
      const rv = isBegun ? CKR.CRYPTOKI_ALREADY_INITIALIZED : yield* beginModule(frame, callers, this.reserved);
      if (rv !== CKR.OK && rv !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
      takeTurns(frame, callers);
      if (rv === CKR.OK) callers.own(place);
      this.begun(place);
      this.#caller.begin();
    } catch (error) {
      callers.remove(place);
      throw error;
    }
  }

  protected override ending(): void {
    this.#caller.end();
  }

  protected override finalizeDue(frame: Frame, due: readonly bigint[]): Program<void> {
    return finalizeDue(frame, due);
  }
}

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

let opened: P11Kit | null = null;
let failure: unknown;

/**
 * The system's libp11-kit, opened on first use; `null` where it cannot be opened.
 *
 * @param ask Whether the program's user may be asked for the permission to open it.
 */
export function systemP11Kit(ask: boolean): P11Kit | null {
  if (opened !== null) return opened;
  for (const path of P11Kit.candidates()) {
    if (!ask && !nativeRuntime().allows(path)) continue;
    try {
      return opened = P11Kit.open(path);
    } catch (error) {
      failure = error;
    }
  }
  return null;
}

/** Why libp11-kit could not be opened. */
export function p11KitFailure(): unknown {
  return failure;
}
