/** A module as one PKCS11 object uses it: counted with all other callers of the process, its sessions written down. */
import { BlockPool } from "../ffi/memory/block_pool.ts";
import { nativeAbi, nativeRuntime, runtimeInPlace } from "../ffi/runtime/runtime.ts";
import { CKR } from "../ffi/constants/mod.ts";
import type { Engine } from "../ffi/engine/engine.ts";
import { FN } from "../ffi/engine/frame.ts";
import type { Lane } from "../ffi/engine/lane.ts";
import type { Operation } from "../ffi/engine/program.ts";
import { OrderedCalls } from "../ffi/engine/raw_calls.ts";
import { closeSession, openSession } from "../ffi/operations/sessions.ts";
import { type BoundFunction, invoke } from "../ffi/tables/cryptoki.ts";
import { engineFor } from "../session/core/module_core.ts";
import { Pkcs11Error as SessionError, SessionBusyError } from "../session/errors.ts";
import type { CallerRegister } from "../session/managed/callers.ts";
import { HELD } from "../session/managed/leftovers.ts";
import type { ModuleBackend } from "../session/managed/module_backend.ts";
import { openBackend, openTable } from "../session/managed/open_backend.ts";
import { ENTRY } from "../session/managed/session_table.ts";
import type { Call } from "./call.ts";
import { failed, notInitialized, returned } from "./errors.ts";
import { FrequentCalls, type FunctionSource } from "./frequent.ts";
import { Invocation } from "./invocation.ts";

const BLOCK_SIZE = 0x4000;

let pool: BlockPool | null = null;
let laterPool: BlockPool | null = null;

/** Blocks for the calls in place of every PKCS11 object. */
export function blocks(): BlockPool {
  return pool ??= new BlockPool(runtimeInPlace(), nativeAbi(), BLOCK_SIZE);
}

/** Blocks for those on worker threads. */
function laterBlocks(): BlockPool {
  return laterPool ??= new BlockPool(nativeRuntime(), nativeAbi(), BLOCK_SIZE);
}

/** Invocations in place, kept with their blocks: more than one where an argument is code that makes calls itself. */
const idle: Invocation[] = [];
const KEPT = 4;
/** Those on worker threads, kept as long as their blocks are. */
const idleLater: Invocation[] = [];

/** Overwrites what a call on a worker thread was laid out in, and keeps it for the next. */
function forgetLater(invocation: Invocation): void {
  if (!invocation.block.pooled) return laterBlocks().give(invocation.block);
  invocation.forget();
  idleLater.push(invocation);
}

/** The asynchronous calls of one session. */
interface SessionCalls {
  /** Their order. It is kept from call to call: to look it up, and to make it, costs as much as the rest of a call. */
  readonly lane: Lane;
  /** Whether the caller has opened the session, which says when it is closed. */
  readonly isOwn: boolean;
  /** How many are under way. */
  pending: number;
}

/** What a caller has begun. */
interface Use {
  readonly backend: ModuleBackend;
  readonly register: CallerRegister;
  /** The slots of its sessions. */
  readonly sessions: Map<bigint, bigint>;
  /** Asynchronous calls by session: those of his own, and those of others that have calls under way. */
  readonly calls: Map<bigint, SessionCalls>;
}

/** A loaded library. */
export class Library implements FunctionSource {
  /** Where it was loaded from. */
  readonly path: string;
  /** Drives the operations; shared by all of the thread who use the library's own functions. */
  readonly engine: Engine;
  /** Makes the calls that programs make most; `null` on platforms whose words are shorter than it takes them to be. */
  readonly frequent: FrequentCalls | null = nativeAbi().ulong === 8 ? new FrequentCalls(this) : null;
  readonly #calls: OrderedCalls;
  #use: Use | null = null;

  /** Loads a library. Throws where there is none, or it is no PKCS#11 module. */
  constructor(path: string) {
    this.path = path;
    this.engine = engineFor(openTable(path));
    this.#calls = new OrderedCalls(this.engine);
  }

  /** C_Initialize for this caller: the real one where he is the first. */
  begin(reserved: string | undefined): void {
    if (this.#use !== null) throw returned(CKR.CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize");
    const backend = openBackend(this.path, { managed: "gp11", reserved });
    this.#drive("C_Initialize", backend.initialize, null, null);
    this.#use = { backend, register: backend.register!, sessions: new Map(), calls: new Map() };
  }

  /** C_Finalize for this caller: his sessions are closed, and the module is finalised where he is the last. */
  end(): void {
    const use = this.#begun("C_Finalize");
    for (const [session, { pending }] of [...use.calls]) if (pending > 0) this.#settle("C_Finalize", session);
    this.#use = null;
    for (const session of [...use.calls.keys()]) this.#giveBack(use, session);
    const slots = new Set(use.sessions.values());
    for (const slot of slots) this.#leaveLogin(use, slot);
    for (const session of use.sessions.keys()) this.#drive("C_Finalize", closeSession, { session }, use.register);
    this.#drive("C_Finalize", use.backend.finalize, null, null);
  }

  /** Whether C_Initialize was called and C_Finalize was not. */
  get isBegun(): boolean {
    return this.#use !== null;
  }

  /** Drives an operation in place; a failure becomes the error of `method`. */
  run<T, A>(method: string, operation: Operation<T, A>, args: A, session?: bigint): T {
    const use = this.#begun(method);
    if (session !== undefined) this.#settle(method, session);
    return this.#drive(method, operation, args, use.register);
  }

  /** Makes a call in place. */
  call(call: Call, args: readonly unknown[]): unknown {
    const invocation = idle.pop() ?? new Invocation(blocks().take(), true);
    try {
      invocation.layOut(call, args);
      const rv = this.raw(call.name, call.index, invocation.words, invocation.session);
      if (rv !== CKR.OK) throw returned(rv, call.name);
      return invocation.result(call);
    } finally {
      invocation.forget();
      if (idle.length < KEPT) idle.push(invocation);
      else blocks().give(invocation.block);
    }
  }

  /** Calls a function in place with words, once the calls of the session that are under way have returned. */
  raw(method: string, index: number, words: readonly bigint[], session: bigint): number {
    return invoke(this.find(method, index, session), words) as number;
  }

  /** A function, once the calls of the session that are under way have returned. Throws where the module has none. */
  find(method: string, index: number, session: bigint): BoundFunction {
    if (this.#use === null) throw notInitialized(method);
    if (this.engine.inFlight > 0) this.#settle(method, session);
    const fn = this.engine.table.at(index);
    if (fn === null) throw returned(CKR.FUNCTION_NOT_SUPPORTED, method);
    return fn;
  }

  /** Makes a call on a worker thread; `done` hears of it later, when nothing of this library is under way above it. */
  callLater(call: Call, args: readonly unknown[], done: (error: Error | null, result: unknown) => void): void {
    const invocation = idleLater.pop() ?? new Invocation(laterBlocks().take(), false);
    let use: Use;
    try {
      invocation.layOut(call, args);
      use = this.#begun(call.name);
    } catch (error) {
      forgetLater(invocation);
      throw error;
    }
    const { block, session, words } = invocation;
    const fn = this.engine.table.at(call.index);
    const ended = (rv: number, error: Error | null) => {
      let result: unknown = null;
      try {
        if (error === null && rv === CKR.OK) result = invocation.result(call);
        else error ??= returned(rv, call.name);
      } catch (thrown) {
        error = thrown as Error;
      }
      forgetLater(invocation);
      done(error, result);
    };
    if (fn === null) return ended(CKR.FUNCTION_NOT_SUPPORTED, null);
    const calls = this.#callsOf(use, session);
    calls.pending++;
    this.#calls.start(fn, words, block, calls.lane, (rv, error) => {
      if (--calls.pending === 0 && !calls.isOwn) this.#giveBack(use, session);
      ended(rv, error);
    });
  }

  #callsOf({ calls, sessions }: Use, session: bigint): SessionCalls {
    const known = calls.get(session);
    if (known !== undefined) return known;
    const made = { lane: this.engine.lane(session), isOwn: sessions.has(session), pending: 0 };
    calls.set(session, made);
    return made;
  }

  /** Nothing more is called in a session. */
  #giveBack({ calls }: Use, session: bigint): void {
    const known = calls.get(session);
    if (known === undefined) return;
    calls.delete(session);
    this.engine.releaseLane(known.lane);
  }

  /** C_OpenSession. */
  openSession(slot: bigint, flags: bigint): bigint {
    const session = this.run("C_OpenSession", openSession, { slot, flags });
    this.#use!.sessions.set(session, slot);
    return session;
  }

  /** C_CloseSession. */
  closeSession(session: bigint): void {
    const rv = this.run("C_CloseSession", closeSession, { session }, session);
    if (rv === CKR.OK || rv === CKR.SESSION_HANDLE_INVALID) this.#closed(this.#use!, session);
    if (rv !== CKR.OK) throw returned(rv, "C_CloseSession");
  }

  /** C_CloseAllSessions; where other callers have sessions on the slot, those of this one alone are closed. */
  closeAllSessions(slot: bigint): void {
    const use = this.#begun("C_CloseAllSessions");
    const { register, sessions } = use;
    const own = [...sessions].filter(([, other]) => other === slot).map(([session]) => session);
    for (const session of own) this.#settle("C_CloseAllSessions", session);
    if (register.callers.hasSession(slot, register.place)) {
      for (const session of own) this.closeSession(session);
      return;
    }
    const rv = this.raw("C_CloseAllSessions", FN.C_CloseAllSessions, [slot], 0n);
    if (rv !== CKR.OK) throw returned(rv, "C_CloseAllSessions");
    for (const session of own) {
      this.#closed(use, session);
      register.forget(session);
    }
    register.endLogin(slot);
  }

  /**
   * C_Login was called. A login counts for the callers who have made it or found it made: one made means that the token
   * had none.
   */
  loggedIn(session: bigint, made: boolean): void {
    const { register, sessions } = this.#use!;
    const slot = sessions.get(session);
    if (slot === undefined) return;
    if (made) register.callers.endLogins(slot, register.place);
    register.holdLogin(slot, ENTRY.login);
  }

  /** C_Logout: the token's own where no other caller counts on the login; where one does, it ends for this caller. */
  logout(session: bigint): void {
    const { register, sessions } = this.#begun("C_Logout");
    const slot = sessions.get(session);
    const isShared = slot !== undefined && register.callers.hasLogin(slot, [ENTRY.login], register.place);
    const rv = !isShared
      ? this.raw("C_Logout", FN.C_Logout, [session], session)
      : register.holdsLogin(slot)
      ? CKR.OK
      : CKR.USER_NOT_LOGGED_IN;
    if (rv !== CKR.OK) throw returned(rv, "C_Logout");
    if (slot !== undefined) register.endLogin(slot);
  }

  /** A login of this caller ends with his sessions, unless somebody else counts on it. */
  #leaveLogin({ register, sessions }: Use, slot: bigint): void {
    if (!register.holdsLogin(slot)) return;
    const { callers, place } = register;
    register.endLogin(slot);
    if (callers.hasLogin(slot, HELD, place) || !callers.hasSession(slot, place)) return;
    const logout = this.engine.table.at(FN.C_Logout);
    const session = [...sessions].find(([, other]) => other === slot)?.[0];
    if (logout !== null && session !== undefined) invoke(logout, [session]);
  }

  #closed(use: Use, session: bigint): void {
    use.sessions.delete(session);
    this.#giveBack(use, session);
  }

  #begun(method: string): Use {
    if (this.#use === null) throw notInitialized(method);
    return this.#use;
  }

  /** Waits for the calls of a session that are under way. */
  #settle(method: string, session: bigint): void {
    if (this.#calls.finish(session)) return;
    throw failed(`Cannot call ${method}: an operation of another API is under way in the session`, method);
  }

  #drive<T, A>(method: string, operation: Operation<T, A>, args: A, register: CallerRegister | null): T {
    try {
      return this.engine.runSync(null, operation, args, { register });
    } catch (error) {
      if (error instanceof SessionError) throw returned(error.code, method);
      if (error instanceof SessionBusyError) throw failed(error.message, method, error);
      throw error;
    }
  }
}
