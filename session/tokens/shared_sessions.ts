/** Sessions for many at once: a pool that makes calls wait when all its sessions are busy, on one token or several. */
import { describeType } from "../../ffi/memory/inputs.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { TypedEventTarget } from "../../internal/events.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import type { MemberEvent } from "../core/events.ts";
import { SessionBusyError } from "../errors.ts";
import type { Session } from "./session.ts";
import type { SharedSessionsOptions, UseOptions } from "./options.ts";
import type { Slot } from "./slot.ts";
import { type LentSessions, TokenSessions } from "./token_sessions.ts";

/** One token of a {@linkcode SessionPool}. */
export interface SessionPoolMember {
  /** The slot its token was in when the pool was made. */
  readonly slot: Slot;
  /** Whether sessions on it are lent. */
  readonly state: "in" | "out";
  /** Why it is left out; absent while it is not. */
  readonly error?: unknown;
}

/** The events of a {@linkcode SessionPool} over several tokens. */
export interface SessionPoolEvents {
  /** A token is left out. */
  "member-out": MemberEvent<SessionPoolMember>;
  /** A token has come back. */
  "member-in": MemberEvent<SessionPoolMember>;
}

/** Makes a pool; `members` tells of its tokens. */
export let poolOver: (sessions: LentSessions, members: () => readonly SessionPoolMember[]) => SessionPool;

/** The sessions on the token of a pool that has but one; null for one over several. */
export let onOneToken: (pool: SessionPool) => TokenSessions | null;

/** Makes a pool on one token. */
export function newSessionPool(slot: Slot, options: SharedSessionsOptions): SessionPool {
  return poolOver(new TokenSessions(slot, options), () => [{ slot, state: "in" }]);
}

/**
 * Sessions on one token for calls that run side by side: whoever asks gets one that nobody else uses, and waits in line
 * while all are busy. The login is made once for all of them; sessions that have died are replaced, in another slot where
 * the token has come back in another one; what a user left begun is ended. Pools come from {@linkcode Slot.sessionPool},
 * and from `sessionPool` those over several tokens.
 *
 * @example Sign with as many sessions as the token has
 * ```ts
 * import { CKM, type Pkcs11Object, type Slot } from "@gp11/gp11";
 *
 * async function signAll(slot: Slot, key: Pkcs11Object, data: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array[]> {
 *   await using pool = slot.sessionPool({ max: 4, login: { pin: "1234" } });
 *   return await Promise.all(data.map((each) => pool.use((session) => session.sign(key, CKM.SHA256_RSA_PKCS, each))));
 * }
 * ```
 */
export class SessionPool extends TypedEventTarget<SessionPoolEvents> {
  readonly #sessions: LentSessions;
  readonly #members: () => readonly SessionPoolMember[];

  static {
    poolOver = (sessions, members) => new SessionPool(sessions, members);
    onOneToken = (pool) => pool.#sessions instanceof TokenSessions ? pool.#sessions : null;
  }

  private constructor(sessions: LentSessions, members: () => readonly SessionPoolMember[]) {
    super();
    this.#sessions = sessions;
    this.#members = members;
  }

  /** Its tokens, in the order they were given; that of `slot.sessionPool()` is the only one. */
  get members(): readonly SessionPoolMember[] {
    return this.#members();
  }

  /** Sessions that are open, busy and idle. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Sessions that nobody uses at the moment. */
  get idle(): number {
    return this.#sessions.idle;
  }

  /** Calls of {@linkcode SessionPool.use} that wait for a session. */
  get waiting(): number {
    return this.#sessions.waiting;
  }

  /** Whether the pool is closed, or about to be. */
  get closed(): boolean {
    return this.#sessions.closed;
  }

  /**
   * Runs a function with a session of its own and resolves to what it gives. The session goes back when the function's
   * promise has settled; it must not be kept. What the function does is never done again: its errors are the caller's.
   *
   * @param work What is done with the session.
   * @param options A signal that ends the wait for one.
   * @returns What the function gives.
   * @throws {Pkcs11Error} When a session cannot be opened, or the login is refused: a refused PIN is not tried again.
   * @throws {SessionClosedError} When the pool is closed.
   * @throws {SessionBusyError} Inside a function that uses the pool, when all its sessions are held by those around it.
   */
  async use<T>(work: (session: Session) => T | PromiseLike<T>, options: UseOptions = {}): Promise<T> {
    if (typeof work !== "function") {
      throw new TypeError(`Cannot use a session of the pool: expected a function, got ${describeType(work)}`);
    }
    return await this.#sessions.use(work, checkOptions(options));
  }

  /**
   * Closes the pool: who waits is refused, who has a session finishes with it. Nobody is asked for a PIN any more: a call
   * that waits for one, or needs one, rejects with a {@linkcode SessionClosedError}.
   *
   * @throws {SessionBusyError} Inside a function that uses a session of the pool: it would wait for itself.
   */
  close(): Promise<void> {
    if (this.#sessions.isUsedHere) {
      return Promise.reject(new SessionBusyError("close the pool", "the caller", "a session of it"));
    }
    return this.#sessions.close();
  }

  /** Closes the pool. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes the pool without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }
}
