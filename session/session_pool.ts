/** Closed sessions kept for the next one who opens (`gp11_module_set_pool_sessions`). */
import { closeSession } from "../ffi/operations/sessions.ts";
import type { DiscardHandleEvent } from "./discard_handle.ts";
import type { ModuleCore } from "./module_core.ts";
import type { SessionPoolOptions } from "./options.ts";

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
  readonly timer: ReturnType<typeof setTimeout>;
}

const DEFAULT_PER_SLOT = 8;
const DEFAULT_IDLE_MS = 60_000;
/** The largest delay a timer takes. */
const MAX_TIMER = 0x7fffffff;

/** A module's pool. Sessions are taken last in, first out. */
export class SessionPool {
  /** Its limits. */
  readonly options: SessionPoolOptions;
  readonly #core: ModuleCore;
  readonly #maxPerSlot: number;
  readonly #maxIdleMs: number;
  readonly #sessions: Pooled[] = [];

  /** An empty pool. */
  constructor(core: ModuleCore, options: SessionPoolOptions) {
    this.#core = core;
    this.options = options;
    this.#maxPerSlot = checked(options.maxPerSlot ?? DEFAULT_PER_SLOT, "maxPerSlot");
    this.#maxIdleMs = checked(options.maxIdleMs ?? DEFAULT_IDLE_MS, "maxIdleMs");
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
    const timer = setTimeout(() => this.#expire(handle), Math.min(this.#maxIdleMs, MAX_TIMER));
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

function checked(value: number, name: string): number {
  if (!(value >= 0)) throw new RangeError(`Cannot use ${name} of a session pool: ${value} is not zero or more`);
  return value;
}
