/** Closed sessions kept for the next one who opens (`gp11_module_set_pool_sessions`). */
import { milliseconds, type OptionNames, refuseUnknown, wholeLimit } from "../../internal/expected.ts";
import { describeType } from "../../ffi/memory/inputs.ts";
import { CKS } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { Lane } from "../../ffi/engine/lane.ts";
import { endOperation } from "../../ffi/operations/ending.ts";
import { endParts } from "../../ffi/operations/parts.ts";
import { closeSession, sessionInfo } from "../../ffi/operations/sessions.ts";
import { leaveLogin } from "./logins.ts";
import type { DiscardHandleEvent } from "./events.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";
import type { SessionPoolOptions } from "./call_options.ts";
import type { SessionCore } from "./session_core.ts";

const optionNames: OptionNames<SessionPoolOptions> = { maxPerSlot: true, maxIdleMs: true, validate: true };

/** A handle out of the pool. */
export interface PooledHandle {
  /** The handle. */
  readonly handle: bigint;
  /** Whether it must be checked before it is used. */
  readonly validate: boolean;
}

interface Pooled {
  readonly slot: bigint;
  readonly handle: bigint;
  readonly readWrite: boolean;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

const DEFAULT_PER_SLOT = 8;
const DEFAULT_IDLE_MS = 60_000;

/**
 * A module's pool. Sessions are taken last in, first out. It keeps sessions for their cost alone: never one with objects of
 * its former user, and never a token logged in whose users have all closed their sessions.
 */
export class HandlePool {
  /** Its limits. */
  readonly options: SessionPoolOptions;
  readonly #core: ModuleCore;
  readonly #maxPerSlot: number;
  readonly #maxIdleMs: number;
  readonly #sessions: Pooled[] = [];

  /**
   * An empty pool.
   *
   * @throws {TypeError} when the options are none or those of another pool, or a limit is no number
   * @throws {RangeError} when a limit is negative or NaN, or a number of sessions no whole one
   */
  constructor(core: ModuleCore, options: SessionPoolOptions) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot set poolSessions: expected true, false or { maxPerSlot, maxIdleMs, validate }, got ${
          describeType(options)
        }`,
      );
    }
    // The pool of slot.sessionPool() has this name.
    if ("max" in options) throw new TypeError("Cannot set poolSessions: its limit is maxPerSlot, not max");
    refuseUnknown("set poolSessions", options, optionNames);
    this.#core = core;
    this.options = options;
    const { maxIdleMs = DEFAULT_IDLE_MS } = options;
    this.#maxPerSlot = wholeLimit("maxPerSlot", options.maxPerSlot ?? DEFAULT_PER_SLOT);
    this.#maxIdleMs = milliseconds("maxIdleMs", maxIdleMs);
  }

  /** Sessions waiting. */
  get size(): number {
    return this.#sessions.length;
  }

  /** Listens to a session that is being closed: claims its handle if it can be used again. */
  offer(event: DiscardHandleEvent, slot: bigint, readWrite: boolean): void {
    const kept = this.#sessions.filter((session) => session.slot === slot).length;
    if (event.claimed || kept >= this.#maxPerSlot) return;
    event.claim();
    const { handle } = event;
    const timer = this.#maxIdleMs > 0 ? setTimeout(() => this.#expire(handle), this.#maxIdleMs) : undefined;
    if (typeof timer === "object") timer.unref();
    this.#sessions.push({ slot, handle, readWrite, timer });
  }

  /** The session of a slot that was closed last; `null` where none waits. */
  take(slot: bigint, readWrite: boolean): PooledHandle | null {
    const index = this.#sessions.findLastIndex((entry) => entry.slot === slot && entry.readWrite === readWrite);
    if (index < 0) return null;
    const { handle, timer } = this.#sessions[index]!;
    clearTimeout(timer);
    this.#sessions.splice(index, 1);
    return { handle, validate: this.options.validate ?? true };
  }

  /** Takes the handles out, of one slot or of all, to be closed by the caller. */
  drain(slot?: bigint): bigint[] {
    const handles: bigint[] = [];
    for (let index = this.#sessions.length - 1; index >= 0; index--) {
      const session = this.#sessions[index]!;
      if (slot !== undefined && session.slot !== slot) continue;
      clearTimeout(session.timer);
      this.#sessions.splice(index, 1);
      handles.push(session.handle);
    }
    return handles;
  }

  #expire(handle: bigint): void {
    const index = this.#sessions.findIndex((session) => session.handle === handle);
    if (index < 0) return;
    this.#sessions.splice(index, 1);
    // A token that is gone has closed the session itself.
    if (!this.#core.closed) this.#core.run(null, closeSession, { session: handle }).catch(() => {});
  }
}

/** Input of {@linkcode leave}. */
export interface LeaveArgs {
  /** The session that is being closed. */
  readonly core: SessionCore;
}

/**
 * Makes a session ready to be given up: ends what is begun on it; returns whether the pool may have it. The pool's sessions end with the last one in
 * use where the token is logged in, as they would keep it so for whoever comes next.
 */
export function* leave(frame: Frame, { core }: LeaveArgs): Program<boolean> {
  const { module, slot, handle: session, lane } = core;
  const { pool } = module;
  if (lane.open !== null || lane.begun.size > 0 || lane.failed !== null || lane.unused !== null) core.reusable = false;
  yield* endAll(frame, session, lane);
  if (!module.isUsing(slot) && !module.isOpening(slot)) yield* leaveLogin(frame, { core: module, session, slot });
  if (pool === null || !core.reusable) return false;
  try {
    if (module.isUsing(slot) || isPublic(yield* sessionInfo(frame, { session }))) return true;
  } catch (error) {
    // A session that does not answer is closed, not kept.
    if (error instanceof Pkcs11Error) return false;
    throw error;
  }
  yield* closeEach(frame, pool.drain(slot));
  return false;
}

/** Ends the operations in parts that are active on a session, and the call that failed last where it is active still. */
function* endAll(frame: Frame, session: bigint, lane: Lane): Program<void> {
  for (const use of lane.begun) yield* endParts(frame, { use });
  lane.begun.clear();
  const { failed } = lane;
  lane.failed = null;
  if (failed !== null) yield* endOperation(frame, failed, session);
}

/** Checks a handle out of the pool; `null` where another session has to be opened. */
export function* reuse(
  frame: Frame,
  { core, slot, pooled }: { readonly core: ModuleCore; readonly slot: bigint; readonly pooled: PooledHandle | null },
): Program<bigint | null> {
  if (pooled === null) return null;
  const { handle, validate } = pooled;
  const isUsing = core.isUsing(slot);
  if (isUsing && !validate) return handle;
  try {
    const info = yield* sessionInfo(frame, { session: handle });
    if (isUsing || isPublic(info)) return handle;
  } catch (error) {
    // The pool has let go of the handle: nobody else would close it.
    yield* closeSession(frame, { session: handle });
    // A handle that no longer works is replaced; anything else, an abort for one, ends the call.
    if (error instanceof Pkcs11Error) return null;
    throw error;
  }
  // Somebody's login has outlived his sessions: it is not for the next.
  yield* closeEach(frame, [handle, ...core.pool?.drain(slot) ?? []]);
  return null;
}

function isPublic({ state }: { readonly state: number | bigint | undefined }): boolean {
  return Number(state) === CKS.RO_PUBLIC_SESSION || Number(state) === CKS.RW_PUBLIC_SESSION;
}

/** Closes handles nobody else knows of any more, whatever comes between. */
function* closeEach(frame: Frame, handles: bigint[]): Program<void> {
  try {
    for (; handles.length > 0; handles.pop()) yield* closeSession(frame, { session: handles.at(-1)! });
  } catch (error) {
    for (const session of handles) yield* closeSession(frame, { session });
    throw error;
  }
}
