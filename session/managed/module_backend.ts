/** Who initialises and finalises a module: one contract for every way to load it. */
import { CKR } from "../../ffi/constants/mod.ts";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Operation, Program } from "../../ffi/engine/program.ts";
import type { CallGate } from "../../ffi/engine/gate.ts";
import { FN, type Frame } from "../../ffi/engine/frame.ts";
import { Pkcs11Error } from "../errors.ts";
import { type CallerRegister, Callers, ROAD } from "./callers.ts";
import { endAllLeftovers, locked } from "./leftovers.ts";
import { LocalCaller, tableName } from "./library.ts";
import { initialize } from "../../ffi/operations/modules.ts";

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
  /** Whether a load or close of the module is under way in this thread. */
  readonly changing: boolean;
  /** What lets each call through or refuses it; `null` where nothing stands in the way. */
  readonly gate: CallGate | null;
  /** The callers this one is counted with; `null` where nobody counts. */
  readonly callers: Callers | null;
  /** Where the caller's sessions and logins are written down; `null` before he has begun and after he has ended. */
  readonly register: CallerRegister | null;
  /** Begins this caller's use of the module. */
  readonly initialize: Operation<void, null>;
  /** Ends it; called once, with no call of this caller under way and its sessions closed. */
  readonly finalize: Operation<void, null>;
  /** Begins anew after the server of a remote module went away; `null` for a module that runs here. */
  readonly reconnect: Operation<void, null> | null;
  /** Another way to manage the module, for when this one turns out not to begin it. */
  readonly alternative?: (() => ModuleBackend) | undefined;
  /** A value of the module's configuration. */
  configOption(key: string): string | null;
}

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
  /** A library to reach the C library through, for a table that comes of no library. By default the module. */
  readonly through?: string | undefined;
}

/**
 * A module nobody manages: C_Initialize and C_Finalize are called directly. On a module that somebody has initialised
 * the caller is a guest, who never finalises it. C_Finalize is only put off while it would end the module under others of
 * the process that count on it.
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
  readonly #callers: Callers;
  readonly #caller: LocalCaller;
  #gate: GuestGate | null = null;
  #owner = false;
  #place = -1;
  #register: CallerRegister | null = null;

  /** Uses a table directly. */
  constructor(table: Cryptoki, options: DirectBackendOptions) {
    this.table = table;
    this.#caller = new LocalCaller(table);
    this.path = table.path;
    this.name = options.name ?? null;
    this.configOption = options.configOption ?? (() => null);
    const callers = Callers.of(options.through ?? table.path!, tableName(table));
    this.#callers = callers;
    const reserved = options.reserved;
    this.initialize = (frame) => locked(frame, callers, "load the module", () => this.#begin(frame, callers, reserved));
    this.finalize = (frame) =>
      locked(frame, callers, "close the module", () => this.#end(frame, callers, options.neverFinalize));
  }

  *#begin(frame: Frame, callers: Callers, reserved: string | null): Program<void> {
    yield* endAllLeftovers(frame, callers);
    yield* finalizeDue(frame, callers.takeDue());
    const place = callers.enter(this.table.address, ROAD.unmanaged);
    try {
      const rv = yield* beginModule(frame, callers, reserved);
      if (rv !== CKR.OK && rv !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
      this.#owner = rv === CKR.OK;
    } catch (error) {
      callers.remove(place);
      throw error;
    }
    this.#place = place;
    if (this.#owner) callers.own(place);
    else this.#gate = new GuestGate(frame.table, callers, place);
    this.#register = callers.register(place);
    this.#caller.begin();
  }

  *#end(frame: Frame, callers: Callers, never: boolean): Program<void> {
    this.#owner = false;
    this.#caller.end();
    this.#register?.close();
    this.#register = null;
    callers.leave(this.#place, never);
    yield* endAllLeftovers(frame, callers);
    yield* finalizeDue(frame, callers.takeDue());
  }

  /** Where the caller's sessions and logins are written down. */
  get register(): CallerRegister | null {
    return this.#register;
  }

  /** Lets a guest's calls through while the module is the one he found. */
  get gate(): CallGate | null {
    return this.#gate;
  }

  /** Whether a load or close of the module is under way in this thread. */
  get changing(): boolean {
    return this.#callers.heldHere;
  }

  /** Whether no other caller uses the functions in this thread. */
  get last(): boolean {
    return this.#caller.isLast;
  }

  /** Whether this caller's C_Initialize was the real one. */
  get owner(): boolean {
    return this.#owner;
  }
}

/**
 * The gate of a guest: whoever has initialised the module ends it without asking him, but not during his calls, and no
 * call of his reaches the module afterwards.
 */
export class GuestGate implements CallGate {
  readonly #table: Cryptoki;
  readonly #callers: Callers;
  readonly #place: number;
  /** How often the module had been finalised when the guest came. */
  readonly #finalised: bigint;
  #calls = 0;

  /** The gate of the guest at a place, which becomes a guest's. Needs the lock. */
  constructor(table: Cryptoki, callers: Callers, place: number) {
    this.#table = table;
    this.#callers = callers;
    this.#place = place;
    this.#finalised = callers.finalised;
    callers.becomeGuest(place);
  }

  /** Begins a call; false when the module is no longer the one he found. */
  enter(): boolean {
    if (this.#calls === 0) {
      const isThere = this.#callers.exclusively(() => {
        if (this.#callers.finalised !== this.#finalised) return false;
        this.#callers.setCalling(this.#place, true);
        return true;
      });
      if (!isThere) return false;
    }
    this.#calls++;
    return true;
  }

  /** Ends a call, and the module if that was waited for. */
  leave(): void {
    if (--this.#calls > 0) return;
    this.#callers.exclusively(() => {
      this.#callers.setCalling(this.#place, false);
      for (const list of this.#callers.takeDue()) {
        const table = list === this.#table.address ? this.#table : Cryptoki.fromFunctionList(list);
        table.call("C_Finalize", 0n);
      }
    });
  }
}

/** C_Initialize, answering its CK_RV; a module that cannot lock is begun without locking and called one at a time. */
export function* beginModule(frame: Frame, callers: Callers, reserved: string | null): Program<number> {
  let rv = yield* initialize(frame, { reserved, locking: true });
  if (rv === CKR.CANT_LOCK && callers.callLock !== null) {
    rv = yield* initialize(frame, { reserved, locking: false });
    if (rv === CKR.OK) callers.oneAtATime = true;
  }
  takeTurns(frame, callers);
  return rv;
}

/** Calls the module one at a time if whoever has initialised it found out that it cannot lock. */
export function takeTurns(frame: Frame, callers: Callers): void {
  if (callers.oneAtATime && callers.callLock !== null) frame.table.callOneAtATime(callers.callLock);
}

/**
 * C_Finalize of all the callers whose turn it is, some of whom have gone before.
 *
 * @throws {Pkcs11Error} when one fails; the others are made all the same
 */
export function* finalizeDue(frame: Frame, lists: readonly bigint[]): Program<void> {
  let problem: number = CKR.OK;
  for (const list of lists) {
    const table = list === frame.table.address ? frame.table : Cryptoki.fromFunctionList(list);
    const fn = table.at(FN.C_Finalize);
    if (fn === null) continue;
    const rv = yield [{ fn, args: [0n] }];
    if (problem === CKR.OK && (rv !== CKR.CRYPTOKI_NOT_INITIALIZED || table === frame.table)) problem = rv;
  }
  if (problem !== CKR.OK) throw new Pkcs11Error(problem, "C_Finalize");
}
