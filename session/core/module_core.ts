/** What a module's slots, sessions and objects share and nobody else sees. */
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import type { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { Engine } from "../../ffi/engine/engine.ts";
import type { Caller, CallObserver, Operation, RunOptions } from "../../ffi/engine/program.ts";
import type { Lane } from "../../ffi/engine/lane.ts";
import type { Asker } from "../../ffi/engine/question.ts";
import type { TokenTurn } from "../../ffi/engine/turn.ts";
import { callFailure, CallTrace, callTracing, loggedHere } from "./call_trace.ts";
import { Pkcs11Error, SessionBusyError } from "../errors.ts";
import { turnsOf } from "../managed/library.ts";
import type { ModuleBackend } from "../managed/module_backend.ts";
import type { CallOptions } from "./call_options.ts";
import type { Opening, SessionCore } from "./session_core.ts";
import type { HandlePool } from "./handle_pool.ts";

const engines = new Map<bigint, Engine>();

/** The engine of a function list; all callers of one module in this thread share it, and with it the order of calls. */
export function engineFor(table: Cryptoki): Engine {
  let engine = engines.get(table.address);
  if (!engine) {
    engine = new Engine(table, {
      failure: callFailure,
      declined: (fn, token) =>
        new Pkcs11Error(CKR.FUNCTION_CANCELED, fn as FunctionName, {
          token,
          hint: "Nobody gave a PIN: whoever was asked for it declined.",
        }),
      noPinPad: (rv, fn, token) =>
        new Pkcs11Error(rv, fn as FunctionName, {
          token,
          hint: "A login without a PIN needs a token with a PIN pad; give the PIN.",
        }),
      emptyPin: (least, fn, token) =>
        new Pkcs11Error(CKR.PIN_LEN_RANGE, fn as FunctionName, {
          token,
          hint: `The PIN is empty and was not tried: the token's PINs have ${least} bytes or more.`,
        }),
      busy: (operation, turn) => new SessionBusyError("call synchronously", operation, turn && nameOf(turn)),
    });
    engines.set(table.address, engine);
  }
  return engine;
}

function nameOf({ label }: TokenTurn): string {
  return label ? `the token ${JSON.stringify(label)}` : "the token";
}

function closedError(fn: FunctionName): Pkcs11Error {
  return new Pkcs11Error(CKR.CRYPTOKI_NOT_INITIALIZED, fn, { hint: "The module was closed by this program." });
}

/** The objects that a module's caller has, for those who are told of its calls. */
export interface ModuleFace {
  /** The module. */
  readonly module: object;
  /** A slot of it. */
  slot(id: bigint): object;
}

/** The shared state of one caller's module. */
export class ModuleCore implements Caller {
  /** Drives the calls. */
  readonly engine: Engine;
  /** How the module was initialised and will be finalised. */
  readonly backend: ModuleBackend;
  /** Sessions this caller has open, pooled ones excepted. */
  readonly sessions: Set<SessionCore> = new Set();
  /** The turns of a slot's token, shared by all callers. */
  readonly turn: (slot: bigint) => TokenTurn;
  /** Writes every call of this caller down. */
  readonly logger: CallObserver | null;
  /** What its caller has of it; null while it is being begun. */
  face: ModuleFace | null = null;
  /** Whom its caller has asked where a session has nobody to ask, which only the floor above knows. */
  autoAuthenticate: object | null = null;
  /** Whether a login lasts until the last caller who has made one logs out. */
  readonly countLogins: boolean;
  /** Closed sessions that wait to be used again. */
  pool: HandlePool | null = null;
  /** Whether this caller has closed the module. */
  closed = false;
  /** What is told once the module is closed: pools that nobody has closed keep no PIN then. */
  readonly ended: Set<() => void> = new Set();
  readonly #reconnection: Reconnection | null;
  /** Sessions that are being opened. */
  readonly opening: Map<Promise<unknown>, Opening> = new Map();
  /** As whom this caller has logged in last, by slot. */
  readonly loginTypes: Map<bigint, bigint> = new Map();
  /** Asynchronous calls somebody waits for, and calls in place that belong to no session. */
  pending = 0;

  /** The state of a module that has been initialised. */
  constructor(engine: Engine, backend: ModuleBackend, logger: CallObserver | null, countLogins = true) {
    this.engine = engine;
    this.backend = backend;
    this.turn = turnsOf(backend);
    this.logger = logger;
    this.countLogins = countLogins;
    this.#reconnection = backend.reconnect === null ? null : new Reconnection(this);
  }

  /** Whether a call is under way that closing the module would meet, one that nobody waits for any more included. */
  get busy(): boolean {
    return this.pending > 0 || [...this.sessions].some((session) => session.lane.busy) ||
      this.backend.changing || (this.backend.last && this.engine.inFlight > 0);
  }

  /** Whether a session of this caller on a slot is in use. One that is being closed is not. */
  isUsing(slot: bigint): boolean {
    return [...this.sessions].some((session) => session.slot === slot && !session.closed);
  }

  /** Whether sessions are being opened on a slot, by so many calls at least. */
  isOpening(slot: bigint, calls = 1): boolean {
    return [...this.opening.values()].filter((other) => other.slot === slot).length >= calls;
  }

  /** The module is closed, and no call of its caller is under way any more. */
  end(): void {
    for (const told of this.ended) told();
  }

  /** Throws CKR.CRYPTOKI_NOT_INITIALIZED once the module is closed. */
  assertOpen(fn: FunctionName): void {
    if (this.closed) throw closedError(fn);
  }

  /** Nobody will use the sessions that are being opened: whoever is asked for their PINs may never answer. */
  endOpenings(): void {
    for (const opening of this.opening.values()) opening.end(closedError("C_OpenSession"));
  }

  /** {@linkcode ModuleCore.call} in place. */
  callSync<T, A>(fn: FunctionName, operation: Operation<T, A>, args: A, options: CallOptions | undefined): T {
    const own = options === undefined ? undefined : checkOptions(options);
    this.assertOpen(fn);
    return this.runSync(null, operation, args, own);
  }

  /** Runs an operation without a session, unless the module is closed: what is read may have getters that close it. */
  async call<T, A>(
    fn: FunctionName,
    operation: Operation<T, A>,
    args: A,
    options: CallOptions | undefined,
  ): Promise<T> {
    const own = options === undefined ? undefined : checkOptions(options);
    this.assertOpen(fn);
    return await this.run(null, operation, args, own);
  }

  /** Runs an operation in place. */
  runSync<T, A>(lane: Lane | null, operation: Operation<T, A>, args: A, options?: CallOptions): T {
    if (lane !== null) return this.#runSync(lane, operation, args, options);
    // A callback of the call must not close the module under it.
    this.pending++;
    try {
      if (this.#reconnection === null) return this.#runSync(lane, operation, args, options);
      return this.#reconnection.runSync(() => this.#runSync(lane, operation, args, options));
    } finally {
      this.pending--;
    }
  }

  #runSync<T, A>(lane: Lane | null, operation: Operation<T, A>, args: A, options?: CallOptions): T {
    if (options !== undefined) checkOptions(options);
    const { backend: { gate, register } } = this;
    const turn = lane === null ? this.#turnFor(args) : null;
    const observer = this.#observer(lane, args, turn, true);
    if (lane !== null && !observer && !gate && !options?.signal) return this.engine.runSync(lane, operation, args);
    return this.engine.runSync(lane, operation, args, { signal: options?.signal, observer, gate, turn, register });
  }

  /** Whether nobody sees the calls of a session, and nothing stops them. */
  isUnwatched(options: CallOptions | undefined): boolean {
    const signal = options === undefined ? undefined : checkOptions(options).signal;
    return signal === undefined && !this.backend.gate && this.logger === null && !callTracing.isHeardInPlace;
  }

  /** Runs an operation on worker threads. */
  run<T, A>(
    lane: Lane | null,
    operation: Operation<T, A>,
    args: A,
    options?: CallOptions,
    discard?: RunOptions<T>["discard"],
    asker?: Asker,
  ): Promise<T> {
    if (lane !== null || this.#reconnection === null) return this.#run(lane, operation, args, options, discard, asker);
    return this.#reconnection.run(() => this.#run(lane, operation, args, options, discard, asker));
  }

  #run<T, A>(
    lane: Lane | null,
    operation: Operation<T, A>,
    args: A,
    options?: CallOptions,
    discard?: RunOptions<T>["discard"],
    asker?: Asker,
  ): Promise<T> {
    if (options !== undefined) checkOptions(options);
    const turn = lane === null ? this.#turnFor(args) : null;
    return this.engine.run(lane, operation, args, {
      signal: options?.signal,
      abort: options?.abort,
      observer: this.#observer(lane, args, turn, false),
      turn,
      gate: this.backend.gate,
      register: this.backend.register,
      discard,
      caller: this,
      asker,
    });
  }

  /** Who sees the calls of an operation that is driven past this. */
  observer(isSync: boolean): CallObserver | null {
    return this.#observer(null, null, null, isSync);
  }

  #observer(lane: Lane | null, args: unknown, turn: TokenTurn | null, isSync: boolean): CallObserver | null {
    if (callTracing.isHeard) return new CallTrace(this, lane, args, turn, isSync);
    return isSync || this.logger === null ? this.logger : loggedHere(this.logger);
  }

  /** An operation without a session names the slot it works with, if it does with one. */
  #turnFor(args: unknown): TokenTurn | null {
    const slot = typeof args === "object" && args !== null && "slot" in args ? args.slot : undefined;
    return typeof slot === "bigint" ? this.turn(slot) : null;
  }
}

/** Calls that need no session: what fails here while the server is away can be made again when it is back. */
const SESSIONLESS: ReadonlySet<string> = new Set([
  "C_GetInfo",
  "C_GetSlotList",
  "C_GetSlotInfo",
  "C_GetTokenInfo",
  "C_GetMechanismList",
  "C_GetMechanismInfo",
  "C_OpenSession",
]);

/** Whether an error says that the server of a remote module is gone. */
function isLost(error: unknown): boolean {
  return error instanceof Pkcs11Error && SESSIONLESS.has(error.fn) &&
    (error.code === CKR.DEVICE_ERROR || error.code === CKR.DEVICE_REMOVED);
}

/**
 * Finds the server of a remote module again. Its sessions and objects ended with it: what is left of them here is closed
 * for good, as the new server may give their handles to something else.
 */
export class Reconnection {
  readonly #core: ModuleCore;
  #under: Promise<void> | null = null;
  /** Whether the module was finalised and could not be initialised again. */
  #down = false;

  /** For a caller of a remote module. */
  constructor(core: ModuleCore) {
    this.#core = core;
  }

  /** Makes a call that needs no session; once more, after reconnecting, if the server turns out to be gone. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#under !== null || this.#down) await this.#reconnect();
    try {
      return await call();
    } catch (error) {
      if (!isLost(error) || this.#core.closed) throw error;
      // The new failure says no more than the first one.
      await this.#reconnect().catch(() => Promise.reject(error));
      return await call();
    }
  }

  /** {@linkcode Reconnection.run} in place. While other calls are under way it does not reconnect. */
  runSync<T>(call: () => T): T {
    if (this.#down) this.#reconnectSync();
    try {
      return call();
    } catch (error) {
      if (!isLost(error) || this.#core.closed || this.#core.engine.inFlight > 0) throw error;
      try {
        this.#reconnectSync();
      } catch {
        throw error;
      }
      return call();
    }
  }

  #reconnect(): Promise<void> {
    return this.#under ??= this.#connectAgain().finally(() => this.#under = null);
  }

  async #connectAgain(): Promise<void> {
    const { engine, backend } = this.#core;
    this.#giveUpSessions();
    while (engine.inFlight > 0) await engine.drained();
    this.#down = true;
    await engine.run(null, backend.reconnect!, null, { observer: this.#core.observer(false) });
    this.#down = false;
  }

  #reconnectSync(): void {
    const { engine, backend } = this.#core;
    this.#giveUpSessions();
    this.#down = true;
    engine.runSync(null, backend.reconnect!, null, { observer: this.#core.observer(true) });
    this.#down = false;
  }

  #giveUpSessions(): void {
    for (const session of [...this.#core.sessions]) session.lose();
    this.#core.pool?.drain();
    this.#core.backend.register?.clear();
  }
}
