/** The sessions of a pool on one token: calls wait when all of them are busy. */
import { CKR, CKS } from "../../ffi/constants/mod.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import { type Abortable, listen, stopListening } from "../../ffi/engine/aborts.ts";
import { isAskedFor } from "../../ffi/engine/question.ts";
import { lendTo, lentHere } from "../core/lending.ts";
import { Opening } from "../core/session_core.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../errors.ts";
import type { Session } from "./session.ts";
import type { LoginSpec, SharedSessionsOptions, UseOptions } from "./options.ts";
import { type PoolSettings, readPoolOptions } from "./session_args.ts";
import { coreOf } from "./session_contexts.ts";
import { FollowedToken } from "./find_slot.ts";
import { openSession } from "./open_session.ts";
import { moduleCoreOf, type Slot } from "./slot.ts";

/** Errors after which a session is of no use any more. */
export const DEAD: ReadonlySet<number> = new Set([
  CKR.SESSION_HANDLE_INVALID,
  CKR.SESSION_CLOSED,
  CKR.DEVICE_REMOVED,
  CKR.DEVICE_ERROR,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]);

/** Answers to a login after which another try could lock the card. */
const REFUSED_LOGIN: ReadonlySet<number> = new Set([CKR.PIN_INCORRECT, CKR.PIN_LOCKED, CKR.PIN_EXPIRED]);

/** What a pool lends sessions from. */
export interface LentSessions {
  /** Sessions that are open. */
  readonly size: number;
  /** Sessions that nobody uses. */
  readonly idle: number;
  /** Calls that wait for one. */
  readonly waiting: number;
  /** Whether it is closed. */
  readonly closed: boolean;
  /** Whether a session is lent to a function within which this is asked. */
  readonly isUsedHere: boolean;
  /** Runs a function with a session. */
  use<T>(work: (session: Session) => T | PromiseLike<T>, options: UseOptions): Promise<T>;
  /** Closes the sessions. */
  close(): Promise<void>;
}

/** In which life of its pool a session was opened: with each death of sessions another begins. */
const lives = new WeakMap<Session, number>();

/** In which life of its pool a session was opened; handles of keys found in another may be those of other objects now. */
export function lifeOfSession(session: Session): number | undefined {
  return lives.get(session);
}

interface Waiting {
  lend(session: Session): void;
  fail(error: unknown): void;
}

interface Idle {
  readonly session: Session;
  /** When it was given back, as `performance.now` tells it. */
  readonly since: number;
}

/**
 * Sessions on one token for calls that run side by side: whoever asks gets one that nobody else uses, and waits in line
 * while all are busy. The login is made once for all of them; sessions that have died are replaced, in another slot where
 * the token has come back in another one; what a user left begun is ended.
 */
export class TokenSessions implements LentSessions {
  /** The slot the token was in at first. */
  readonly slot: Slot;
  readonly #token: FollowedToken;
  readonly #settings: PoolSettings;
  /** Overwrites the PIN, once no session is opened any more. */
  readonly #forget: () => void;
  /** How often the sessions have died. */
  #life = 0;
  /** Those that wait longest first. */
  readonly #idle: Idle[] = [];
  /** One timer for all that are idle: a timer for each would be made with every use of a session. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: Waiting[] = [];
  readonly #busy = new Set<Session>();
  readonly #openings = new Set<Opening>();
  /** How many the token has room for, once it has said that there are no more. */
  #room = Infinity;
  /** The first opening, which logs in; everybody waits for it. */
  #isLoggedIn = false;
  #refusal: unknown = null;
  #closing: Promise<void> | null = null;
  #whenDone: (() => void) | null = null;

  /** Reads and checks the options; nothing is opened. */
  constructor(slot: Slot, options: SharedSessionsOptions) {
    this.slot = slot;
    this.#token = new FollowedToken(slot, { action: "open a session of the pool", advice: "make a new pool for it" });
    this.#settings = readPoolOptions(options);
    this.#forget = forgetting(this.#settings.login, moduleCoreOf(slot).ended);
    dropped.register(this, this.#forget, this);
  }

  /** In which life the sessions are: with each death of them another begins. */
  get life(): number {
    return this.#life;
  }

  /** Sessions that are open, busy and idle. */
  get size(): number {
    return this.#busy.size + this.#idle.length;
  }

  /** Sessions that nobody uses at the moment. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Calls that wait for a session. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the pool is closed, or about to be. */
  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Whether a session is lent to a function within which this is asked, or the token asks it for a PIN. */
  get isUsedHere(): boolean {
    return this.#heldHere().size > 0 || this.#isAskedHere;
  }

  /** Whether a call on the token asks for its PIN where this is asked: until that is answered nothing else goes on. */
  get #isAskedHere(): boolean {
    const { slot } = this.#token;
    return isAskedFor(moduleCoreOf(slot).turn(slot.id));
  }

  /** Runs a function with a session of its own: see `SessionPool.use`, which has checked what is given here. */
  async use<T>(work: (session: Session) => T | PromiseLike<T>, options: UseOptions = {}): Promise<T> {
    const taken = this.#take(options.signal);
    const session = taken instanceof Promise ? await taken : taken;
    try {
      const result = await lendTo(session, work);
      this.#give(session, false);
      return result;
    } catch (error) {
      this.#give(session, error instanceof Pkcs11Error && DEAD.has(error.code), error);
      throw error;
    }
  }

  /** Who waits is refused, who has a session finishes with it as far as that goes without a PIN. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const refusal = new SessionClosedError("use a session of the pool");
    for (const waiting of this.#waiting.splice(0)) waiting.fail(refusal);
    for (const opening of this.#openings) opening.end(refusal);
    for (const session of this.#busy) coreOf(session).askNobody();
    if (this.#busy.size > 0 || this.#openings.size > 0) await new Promise<void>((resolve) => this.#whenDone = resolve);
    this.#forget();
    dropped.unregister(this);
    clearTimeout(this.#timer);
    const idle = this.#idle.splice(0);
    const results = await Promise.allSettled(idle.map(({ session }) => session.close()));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #take(signal: AbortSignal | null | undefined): Session | Promise<Session> {
    if (this.closed) throw new SessionClosedError("use a session of the pool");
    signal?.throwIfAborted();
    if (this.#refusal !== null) throw this.#refusal;
    const ready = this.#idle.length > 0 && this.#waiting.length === 0 ? this.#idle.pop()! : undefined;
    if (ready !== undefined && !ready.session.closed) {
      this.#busy.add(ready.session);
      return ready.session;
    }
    if (this.#isAskedHere) {
      throw new SessionBusyError("use a session of the pool", "the call that asks for a PIN", "it");
    }
    const held = this.#heldHere();
    if (held.size >= Math.min(this.#settings.max, this.#room)) {
      throw new SessionBusyError("use a session of the pool", "the function that asks for it", "one");
    }
    return new Promise((resolve, reject) => {
      const waiter: Abortable = {
        abort: (reason) => {
          const at = this.#waiting.indexOf(waiting);
          if (at >= 0) this.#waiting.splice(at, 1);
          reject(reason);
        },
      };
      const waiting: Waiting = {
        lend: (session) => {
          if (signal) stopListening(signal, waiter);
          resolve(session);
        },
        fail: (error) => {
          if (signal) stopListening(signal, waiter);
          reject(error);
        },
      };
      if (signal) listen(signal, waiter);
      this.#waiting.push(waiting);
      this.#grow();
    });
  }

  /** The sessions of this pool that are lent to the functions within which this call is made. */
  #heldHere(): ReadonlySet<Session> {
    return this.#busy.intersection(lentHere() as ReadonlySet<Session>);
  }

  /** Opens as many sessions as there are calls waiting, within the limits; the first one alone, as it logs in. */
  #grow(): void {
    if (this.closed) return;
    const limit = Math.min(this.#settings.max, this.#room);
    const needsLogin = !this.#isLoggedIn &&
      (this.#settings.login !== undefined || this.#settings.interaction !== undefined);
    // Nobody waits after a failure: another try then would be one without end, and with a wrong PIN lock the card.
    const wanted = needsLogin ? Math.min(1, this.#waiting.length) : this.#waiting.length;
    while (this.#openings.size < wanted && this.size + this.#openings.size < limit) void this.#open();
  }

  async #open(): Promise<void> {
    const opening = new Opening();
    this.#openings.add(opening);
    const { interaction, login, readWrite } = this.#settings;
    let life = this.#life;
    try {
      const { slot, hasMoved } = await this.#token.follow();
      // What there is in its last slot is dead, though nobody may have noticed yet.
      if (hasMoved) this.#forgetIdle();
      life = this.#life;
      // Sessions after the first need no login, but their keys may want its PIN for each use.
      const options = { readWrite, interaction, login: this.#isLoggedIn ? undefined : login };
      const session = await openSession(slot, moduleCoreOf(slot), options, login, opening);
      lives.set(session, life);
      this.#isLoggedIn ||= life === this.#life;
      this.#room = Infinity;
      this.#openings.delete(opening);
      this.#busy.add(session);
      this.#give(session, false);
    } catch (error) {
      this.#openings.delete(opening);
      this.#failed(error, life !== this.#life);
    }
    if (this.closed) this.#settle();
    else this.#grow();
  }

  /** A token without room makes calls wait for what is there; anything else is told to those who wait. */
  #failed(error: unknown, isPast: boolean): void {
    const code = error instanceof Pkcs11Error ? error.code : null;
    if (code === CKR.SESSION_COUNT && this.size > 0) {
      this.#room = this.size;
      return;
    }
    if (code !== null && REFUSED_LOGIN.has(code)) this.#refusal = error;
    // Where the token has been found elsewhere meanwhile, or come back, who waits is served there.
    else if (isPast) return;
    for (const waiting of this.#waiting.splice(0)) waiting.fail(error);
  }

  /** Takes a session back and lends it to the next in line. */
  #give(session: Session, isDead: boolean, error: unknown = null): void {
    this.#busy.delete(session);
    if (isDead || session.closed) {
      // What ended one has most likely ended all; a login that is still there is not made again.
      if (isDead && lives.get(session) === this.#life) this.#forgetIdle();
      this.#discard(session);
      return this.#after();
    }
    const isLoggedOut = error instanceof Pkcs11Error && error.code === CKR.USER_NOT_LOGGED_IN;
    const { lane } = coreOf(session);
    if (!isLoggedOut && lane.open === null && !lane.busy) return this.#lend(session);
    this.#busy.add(session);
    void this.#tidy(session);
  }

  /** Ends what a user has left begun, and looks whether the token is still logged in. */
  async #tidy(session: Session): Promise<void> {
    try {
      await session.idle();
      await session.cancelOperation();
      const { state } = await session.getInfo();
      const isPublic = state === CKS.RO_PUBLIC_SESSION || state === CKS.RW_PUBLIC_SESSION;
      this.#busy.delete(session);
      if (isPublic && this.#settings.login !== undefined) {
        this.#discard(session);
        this.#after();
      } else this.#lend(session);
    } catch {
      // What cannot even be asked is replaced; the next call tells what is wrong with the token.
      this.#busy.delete(session);
      this.#discard(session);
      this.#after();
    }
  }

  #lend(session: Session): void {
    if (lives.get(session) !== this.#life) {
      this.#discard(session);
      return this.#after();
    }
    const next = this.#waiting.shift();
    if (next !== undefined && !this.closed) {
      this.#busy.add(session);
      next.lend(session);
      return;
    }
    this.#keep(session);
    this.#after();
  }

  #keep(session: Session): void {
    this.#idle.push({ session, since: performance.now() });
    this.#watchIdle();
  }

  #watchIdle(): void {
    const { maxIdleMs } = this.#settings;
    if (maxIdleMs === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, this.#idle[0]!.since + maxIdleMs - performance.now()));
    (this.#timer as { unref?(): void }).unref?.();
  }

  /** Closes what was not used for long. The last session stays: with it the login would go. */
  #expire(): void {
    this.#timer = undefined;
    const end = performance.now() - this.#settings.maxIdleMs;
    while (this.#idle.length > 0 && this.#idle[0]!.since <= end && this.size > 1) {
      this.#idle.shift()!.session.close().catch(reportUncaught);
    }
    if (this.#idle.length > 0 && this.size > 1) this.#watchIdle();
  }

  /** A session that has died; its handle is given up as far as the module still knows it. */
  #discard(session: Session): void {
    if (this.size === 0) this.#isLoggedIn = false;
    if (!session.closed) session.close().catch(() => {});
  }

  #forgetIdle(): void {
    this.#life++;
    this.#isLoggedIn = false;
    for (const { session } of this.#idle.splice(0)) this.#discard(session);
  }

  #after(): void {
    if (this.closed) this.#settle();
    else this.#grow();
  }

  #settle(): void {
    if (this.#busy.size === 0 && this.#openings.size === 0) this.#whenDone?.();
  }
}

/** Pools that nobody holds any more: their PINs go, whether they were closed or not. */
const dropped = new FinalizationRegistry<() => void>((forget) => forget());

/** What overwrites the PIN of a pool, at the latest when its module ends. That holds the PIN alone, and not the pool. */
function forgetting(login: LoginSpec | undefined, ended: Set<() => void>): () => void {
  const forget = (): void => {
    forgetPin(login?.pin);
    ended.delete(forget);
  };
  ended.add(forget);
  return forget;
}
