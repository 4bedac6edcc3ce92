/** Modules: libraries that give access to tokens. */
import { reportUncaught } from "../../internal/report_error.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { describeType } from "../../ffi/memory/inputs.ts";
import { type Abortable, checkOptions, listen, stopListening } from "../../ffi/engine/aborts.ts";
import { isAskedBy, unasked } from "../../ffi/engine/question.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { closeSession } from "../../ffi/operations/sessions.ts";
import { moduleInfo, slotList } from "../../ffi/operations/modules.ts";
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { openBackend, startThread } from "../managed/open_backend.ts";
import { Pkcs11Error, SessionBusyError } from "../errors.ts";
import { ModuleFlags, type ModuleInfo, moduleInfoOf } from "../core/infos.ts";
import { callLogger } from "../log_calls/mod.ts";
import type { ModuleBackend } from "../managed/module_backend.ts";
import { engineFor, ModuleCore } from "../core/module_core.ts";
import type { SessionCore } from "../core/session_core.ts";
import { checkModuleOptions, type ModuleOptions, type ModuleShare } from "../managed/options.ts";
import type { AutoAuthenticate } from "./options.ts";
import type { CallOptions, SessionPoolOptions } from "../core/call_options.ts";
import { HandlePool } from "../core/handle_pool.ts";
import { newSlot, Slot } from "./slot.ts";
import { type DescribedSlot, onlySlot, slotCondition, type SlotMatch, slotProblem } from "./find_slot.ts";
import { type TokenChange, TokenWatch, type WatchTokensOptions } from "./token_watch.ts";
import { waitForSlotEvent } from "../core/slot_events.ts";
import { autoAuthenticateOf, contextOf, setAutoAuthenticate } from "./session_contexts.ts";

/** Initialises a loaded module for a new caller. */
export let beginModule: (backend: ModuleBackend, options: ModuleOptions) => Promise<Module>;

/** How slots are listed. */
export interface SlotsOptions extends CallOptions {
  /**
   * Whether only slots with a token are listed.
   *
   * @default {false}
   */
  readonly tokenPresent?: boolean | undefined;
}

/**
 * A PKCS#11 module: a library that gives access to tokens (`GP11Module`). Each load is a caller of its own, which closes
 * only what it has opened.
 *
 * Two properties may be set: {@linkcode Module.poolSessions}, whether and how long closed sessions are kept to be used
 * again (milliseconds), and {@linkcode Module.autoAuthenticate}, who is asked for PINs where nobody else is named.
 *
 * @example List the tokens of a module
 * ```ts
 * import { Module } from "@gp11/gp11";
 *
 * async function labels(path: string): Promise<string[]> {
 *   await using module = await Module.load(path);
 *   const slots = await module.slots({ tokenPresent: true });
 *   return await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
 * }
 * ```
 */
export class Module {
  readonly #core: ModuleCore;
  readonly #slots = new Map<bigint, Slot>();
  #closing: Promise<void> | null = null;

  static {
    beginModule = (backend, options) => Module.#begin(backend, options);
  }

  private constructor(core: ModuleCore) {
    if (!(core instanceof ModuleCore)) throw new TypeError("Cannot make a module: modules come from Module.load()");
    this.#core = core;
    core.face = { module: this, slot: (id) => this.#slot(id) };
  }

  /**
   * Loads a module by the path of its library and initialises it.
   *
   * @param path The library's path, as the system's loader takes it.
   * @param options Who counts the callers, what is logged, and a signal that cancels the call.
   * @returns The module; it is the caller's to close.
   * @throws {ModuleLoadError} when the file is missing, no library or no PKCS#11 module
   * @throws {Pkcs11Error} when C_Initialize fails
   * @throws {TypeError} When an option is of the wrong kind, or there is none of its name.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  static async load(path: string, options: ModuleOptions = {}): Promise<Module> {
    checkOptions(options);
    checkModuleOptions(options);
    options.signal?.throwIfAborted();
    startThread(path);
    return await Module.#begin(openBackend(path, options), options);
  }

  /**
   * Loads a module by the path of its library and initialises it. In place; see {@linkcode Module.load}.
   *
   * @param path The library's path, as the system's loader takes it.
   * @param options Who counts the callers, what is logged, and a signal.
   * @returns The module; it is the caller's to close.
   * @throws {ModuleLoadError} when the file is missing, no library or no PKCS#11 module
   * @throws {Pkcs11Error} when C_Initialize fails
   * @throws {TypeError} When an option is of the wrong kind, or there is none of its name.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  static loadSync(path: string, options: ModuleOptions = {}): Module {
    checkOptions(options);
    checkModuleOptions(options);
    options.signal?.throwIfAborted();
    return Module.#beginSync(openBackend(path, options), options);
  }

  static #beginSync(backend: ModuleBackend, options: ModuleOptions): Module {
    const core = coreFor(backend, options);
    try {
      core.runSync(null, backend.initialize, null, { signal: options.signal });
    } catch (error) {
      if (!isUnlockable(error) || !backend.alternative) throw error;
      return Module.#beginSync(backend.alternative(), options);
    }
    return new Module(core);
  }

  static async #begin(backend: ModuleBackend, options: ModuleOptions): Promise<Module> {
    const core = coreFor(backend, options);
    const undo = (frame: Frame) => backend.finalize(frame, null);
    try {
      await core.run(null, backend.initialize, null, { signal: options.signal }, undo);
    } catch (error) {
      if (!isUnlockable(error) || !backend.alternative) throw error;
      return await Module.#begin(backend.alternative(), options);
    }
    return new Module(core);
  }

  /** The path of the library; `null` where there is none, as for remote modules. */
  get path(): string | null {
    return this.#core.backend.path;
  }

  /** The name in the configuration; `null` for a module by its path. */
  get name(): string | null {
    return this.#core.backend.name;
  }

  /** What is known of the module beforehand: bits of {@linkcode ModuleFlags}. */
  get flags(): ModuleFlags {
    const { managed, name } = this.#core.backend;
    const isSet = (key: string) => this.configOption(key) === "yes";
    return (managed === false ? ModuleFlags.UNMANAGED : 0) |
      (name === null || isSet("critical") ? ModuleFlags.CRITICAL : 0) |
      (isSet("trust-policy") ? ModuleFlags.TRUSTED : 0);
  }

  /** Who counts the callers of the module. */
  get managed(): "p11-kit" | "gp11" | false {
    return this.#core.backend.managed;
  }

  /** Whether our C_Initialize was the real one. */
  get owner(): boolean {
    return this.#core.backend.owner;
  }

  /** Whether this caller has closed the module. */
  get closed(): boolean {
    return this.#core.closed;
  }

  /** The newest version of Cryptoki whose functions the module has: `2.40`, `3.0`, `3.1` or `3.2`. */
  get interfaceVersion(): "2.40" | "3.0" | "3.1" | "3.2" {
    const { major, minor } = this.#core.engine.table.version;
    if (major < 3) return "2.40";
    return major > 3 || minor > 1 ? "3.2" : minor === 1 ? "3.1" : "3.0";
  }

  /**
   * Whether sessions that are closed are kept for the next who opens (`gp11_module_set_pool_sessions`), those that carry
   * nothing over to him. Switching it off closes those that wait.
   *
   * @default {false}
   */
  get poolSessions(): boolean | SessionPoolOptions {
    return this.#core.pool?.options ?? false;
  }

  set poolSessions(value: boolean | SessionPoolOptions) {
    const before = this.#core.pool;
    this.#core.pool = value === false ? null : new HandlePool(this.#core, value === true ? {} : value);
    for (const session of before?.drain() ?? []) {
      this.#core.run(null, closeSession, { session }).catch(reportUncaught);
    }
  }

  /** Who is asked when a token or a key wants a PIN (`gp11_module_set_auto_authenticate`). */
  get autoAuthenticate(): AutoAuthenticate | null {
    return autoAuthenticateOf(this.#core);
  }

  set autoAuthenticate(value: AutoAuthenticate | null) {
    setAutoAuthenticate(this.#core, value);
  }

  /**
   * What the module tells about itself (C_GetInfo).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async info(options?: CallOptions): Promise<ModuleInfo> {
    return moduleInfoOf(await this.#core.call("C_GetInfo", moduleInfo, null, options));
  }

  /**
   * What the module tells about itself (C_GetInfo). In place; see {@linkcode Module.info}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  infoSync(options?: CallOptions): ModuleInfo {
    return moduleInfoOf(this.#core.callSync("C_GetInfo", moduleInfo, null, options));
  }

  /**
   * The module's slots (`gp11_module_get_slots`, C_GetSlotList).
   *
   * @param options Whether only slots with a token are listed, and a signal that cancels the call.
   * @returns The slots, in the module's order; the same slot is the same object each time.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async slots(options: SlotsOptions = {}): Promise<Slot[]> {
    const args = { tokenPresent: options?.tokenPresent ?? false };
    return (await this.#core.call("C_GetSlotList", slotList, args, options)).map((id) => this.#slot(id));
  }

  /**
   * The module's slots (`gp11_module_get_slots`, C_GetSlotList). In place; see {@linkcode Module.slots}.
   *
   * @param options Whether only slots with a token are listed, and a signal.
   * @returns The slots, in the module's order; the same slot is the same object each time.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  slotsSync(options: SlotsOptions = {}): Slot[] {
    const args = { tokenPresent: options?.tokenPresent ?? false };
    return this.#core.callSync("C_GetSlotList", slotList, args, options).map((id) => this.#slot(id));
  }

  /**
   * The slot of the one token that is meant.
   *
   * @param match Its label, a `pkcs11:` URI, or members of its {@linkcode TokenInfo}.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The slot.
   * @throws {SlotNotFoundError} Where no token is; those that are there are named.
   * @throws {SlotAmbiguousError} Where more than one is.
   * @throws {Pkcs11Error} What a slot answers that does not tell of its token, where no other is meant;
   * CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   *
   * @example A token by its label
   * ```ts
   * import { Module, type Session } from "@gp11/gp11";
   *
   * async function open(module: Module): Promise<Session> {
   *   const slot = await module.findSlot("release keys");
   *   return await slot.openSession({ readWrite: true });
   * }
   * ```
   */
  async findSlot(match: SlotMatch, options: CallOptions = {}): Promise<Slot> {
    const condition = slotCondition(match);
    checkOptions(options);
    const described: (DescribedSlot | Pkcs11Error | null)[] = [];
    for (const slot of await this.slots({ ...options, tokenPresent: true })) {
      try {
        described.push({ slot, token: await slot.tokenInfo(options), info: await slot.info(options) });
      } catch (error) {
        described.push(slotProblem(error));
      }
    }
    return onlySlot(condition, described);
  }

  /**
   * The slot of the one token that is meant. In place; see {@linkcode Module.findSlot}.
   *
   * @param match Its label, a `pkcs11:` URI, or members of its {@linkcode TokenInfo}.
   * @param options A signal, which is looked at before each native call.
   * @returns The slot.
   * @throws {SlotNotFoundError} Where no token is; those that are there are named.
   * @throws {SlotAmbiguousError} Where more than one is.
   * @throws {Pkcs11Error} What a slot answers that does not tell of its token, where no other is meant;
   * CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findSlotSync(match: SlotMatch, options: CallOptions = {}): Slot {
    const condition = slotCondition(match);
    checkOptions(options);
    const described = this.slotsSync({ ...options, tokenPresent: true }).map((slot) => {
      try {
        return { slot, token: slot.tokenInfoSync(options), info: slot.infoSync(options) };
      } catch (error) {
        return slotProblem(error);
      }
    });
    return onlySlot(condition, described);
  }

  /**
   * The tokens that are there, then each one that comes or goes; a token with another serial number has gone and come.
   * Works on every module, by looking at its slots four times a second while somebody asks for changes.
   *
   * @param options A signal that ends the watch.
   * @returns The changes; `return()`, which ends a loop, ends the watch.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   *
   * @example Greet a card
   * ```ts
   * import type { Module } from "@gp11/gp11";
   *
   * async function greet(module: Module, signal: AbortSignal): Promise<void> {
   *   for await (const { change, token } of module.watchTokens({ signal })) console.log(change, token.label);
   * }
   * ```
   */
  watchTokens(options: WatchTokensOptions = {}): AsyncIterableIterator<TokenChange> {
    this.#opened("C_GetSlotList");
    return new TokenWatch(this, options);
  }

  /**
   * Resolves with the slot in which a token comes or goes (C_WaitForSlotEvent).
   *
   * @param options A signal that ends the wait.
   * @returns The slot.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module cannot wait, {@linkcode Module.watchTokens} can;
   * CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async waitForSlotEvent(options: CallOptions = {}): Promise<Slot> {
    return this.#slot(await waitForSlotEvent(this.#opened("C_WaitForSlotEvent"), options));
  }

  /**
   * What another worker thread needs to join the callers of this module, so that the count holds across threads and
   * survives a thread that dies: `Module.load(share.path, { share })` there.
   *
   * @returns What can be sent to the thread with `postMessage`.
   * @throws {TypeError} When nobody counts the callers, or the module is known by name only.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   */
  share(): ModuleShare {
    const { callers, managed, path } = this.#opened("C_Initialize").backend;
    if (callers === null || managed === false) {
      throw new TypeError("Cannot share the module: it was loaded with managed: false, so nobody counts its callers");
    }
    if (path === null) throw new TypeError("Cannot share the module: it has no path another thread could load");
    return { path, managed, memory: callers.memory };
  }

  /**
   * A value of the module's configuration; `null` where there is none.
   *
   * @param key Its name in p11-kit's file for the module, such as `critical`.
   */
  configOption(key: string): string | null {
    return this.#core.backend.configOption(key);
  }

  /** The C names of the functions the module has. */
  functions(): readonly FunctionName[] {
    return this.#core.engine.table.names();
  }

  /**
   * Closes the sessions this caller has opened, on one slot or on all; those of other callers stay.
   *
   * @param slot The slot; all where it is left out.
   * @param options A signal: the sessions are closed all the same when it aborts.
   * @throws {Pkcs11Error} What C_CloseSession answers, of the first session that could not be closed.
   * @throws {TypeError} When the slot is none.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async closeAllSessions(slot?: Slot, options: CallOptions = {}): Promise<void> {
    const sessions = this.#sessionsOn(slot, options);
    await unlessAborted(closeSessions(this.#core, sessions, slot), options);
  }

  /**
   * Closes the sessions this caller has opened, on one slot or on all; those of other callers stay. In place; see
   * {@linkcode Module.closeAllSessions}.
   *
   * @param slot The slot; all where it is left out.
   * @param options A signal: the sessions are closed all the same when it aborts.
   * @throws {Pkcs11Error} What C_CloseSession answers, of the first session that could not be closed.
   * @throws {TypeError} When the slot is none.
   * @throws {SessionBusyError} While an asynchronous call runs on one of them; nothing is closed then.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  closeAllSessionsSync(slot?: Slot, options: CallOptions = {}): void {
    const sessions = this.#sessionsOn(slot, options);
    if (sessions.some(({ lane }) => lane.busy)) {
      throw new SessionBusyError("close the sessions", "an asynchronous call");
    }
    const [problem] = closeSessionsSync(this.#core, sessions, slot);
    if (problem) throw problem.error;
  }

  /**
   * Ends this caller's use of the module: the sessions are closed, and the last caller finalises the module. Calls that run
   * deliver, those that wait, for a PIN too, reject. What fails on the way keeps nothing open and is reported once, by the first call.
   *
   * @throws {Pkcs11Error} What C_CloseSession or C_Finalize answers; the module is closed all the same.
   * @throws {SessionBusyError} Within a question for a PIN that a call of the module asks: it would wait for itself.
   */
  async close(): Promise<void> {
    if (isAskedBy(this.#core.engine)) {
      throw new SessionBusyError("close the module", "the call that asks for a PIN", "the module");
    }
    await this.#closed();
  }

  #closed(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    const closing = this.#close();
    this.#closing = closing.catch(() => {});
    return closing;
  }

  /**
   * Ends this caller's use of the module: the sessions are closed, and the last caller finalises the module. In place; see
   * {@linkcode Module.close}.
   *
   * @throws {Pkcs11Error} What C_CloseSession or C_Finalize answers; the module is closed all the same.
   * @throws {SessionBusyError} When a call runs; nothing is closed then.
   */
  closeSync(): void {
    const core = this.#core;
    if (core.closed) return;
    if (core.busy) throw new SessionBusyError("close the module", "an asynchronous call", "the module");
    this.#closing = Promise.resolve();
    const problems = closeSessionsSync(core, [...core.sessions]);
    core.closed = true;
    core.end();
    attempt(problems, () => core.engine.runSync(null, core.backend.finalize, null, { observer: core.observer(true) }));
    if (problems.length > 0) throw problems[0]!.error;
  }

  /** Closes the module, now or when the running calls have ended. */
  [Symbol.dispose](): void {
    if (this.#core.busy) unasked(() => this.#closed()).catch(reportUncaught);
    else this.closeSync();
  }

  /** Closes the module. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const core = this.#core;
    if (core.closed) return;
    const closing = closeSessions(core, [...core.sessions]);
    core.closed = true;
    core.endOpenings();
    const problem = await closing.then(() => null, (error: unknown) => ({ error }));
    await Promise.allSettled(core.opening.keys());
    core.end();
    // C_Finalize must never meet a call under way, an abandoned one included. In place, no other can start meanwhile.
    for (;;) {
      if (core.backend.last && core.engine.inFlight > 0) await core.engine.drained();
      else if (core.backend.changing) await new Promise((resolve) => setTimeout(resolve, 1));
      else break;
    }
    core.engine.runSync(null, core.backend.finalize, null, { observer: core.observer(true) });
    if (problem) throw problem.error;
  }

  #opened(fn: FunctionName): ModuleCore {
    this.#core.assertOpen(fn);
    return this.#core;
  }

  /** The sessions this caller has opened, on one slot or on all. */
  #sessionsOn(slot: Slot | undefined, options: CallOptions): SessionCore[] {
    const core = this.#opened("C_CloseAllSessions");
    if (slot !== undefined && !(slot instanceof Slot)) {
      throw new TypeError(`Cannot close the sessions: expected a Slot, got ${describeType(slot)}`);
    }
    checkOptions(options);
    options.signal?.throwIfAborted();
    return [...core.sessions].filter((session) => !slot || contextOf(session).slot.equals(slot));
  }

  #slot(id: bigint): Slot {
    let slot = this.#slots.get(id);
    if (!slot) this.#slots.set(id, slot = newSlot(this, this.#core, id));
    return slot;
  }
}

/** Something that failed while the rest went on. */
interface Problem {
  readonly error: unknown;
}

function attempt(problems: Problem[], work: () => void): void {
  try {
    work();
  } catch (error) {
    problems.push({ error });
  }
}

async function closeSessions(core: ModuleCore, sessions: readonly SessionCore[], slot?: Slot): Promise<void> {
  for (const session of sessions) session.reusable = false;
  const pooled = core.pool?.drain(slot?.id) ?? [];
  const results = await Promise.allSettled([
    ...sessions.map((session) => session.session!.close()),
    ...pooled.map((session) => core.run(null, closeSession, { session })),
  ]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function closeSessionsSync(core: ModuleCore, sessions: readonly SessionCore[], slot?: Slot): Problem[] {
  const problems: Problem[] = [];
  for (const session of sessions) {
    session.reusable = false;
    attempt(problems, () => session.session!.closeSync());
  }
  for (const session of core.pool?.drain(slot?.id) ?? []) {
    attempt(problems, () => core.runSync(null, closeSession, { session }));
  }
  return problems;
}

/** Waits for work that goes on when nobody waits for it any more. */
function unlessAborted(work: Promise<void>, { signal, abort }: CallOptions): Promise<void> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const waiter: Abortable = {
      abort(reason) {
        if (abort === "wait") return;
        work.catch(reportUncaught);
        reject(reason);
      },
    };
    const ended = (settle: () => void) => {
      stopListening(signal, waiter);
      if (signal.aborted) reject(signal.reason);
      else settle();
    };
    work.then(() => ended(resolve), (error) => ended(() => reject(error)));
    listen(signal, waiter);
  });
}

/** Whether a module says that it cannot lock in the way that was asked for, which libp11-kit always asks for. */
function isUnlockable(error: unknown): boolean {
  return error instanceof Pkcs11Error && error.code === CKR.CANT_LOCK;
}

function coreFor(backend: ModuleBackend, options: ModuleOptions): ModuleCore {
  const { table } = backend;
  const observer = callLogger(options.logCalls, backend.name ?? backend.path, table.abi);
  return new ModuleCore(engineFor(table), backend, observer, options.countLogins);
}
