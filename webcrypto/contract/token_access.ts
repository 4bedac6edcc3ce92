/**
 * One token for many calls at once: its mechanisms, its sessions, and the session objects that keys stand for.
 *
 * @module
 */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { onOneToken, type SessionPool } from "../../session/tokens/shared_sessions.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import type { TokenSessions } from "../../session/tokens/token_sessions.ts";
import { refusal } from "./errors.ts";

/** A key's object on the token, and how many calls use it at the moment. */
export interface HeldObject {
  /** The object. */
  readonly handle: bigint;
  /** The session it was made or found in. */
  readonly session: Session;
  /** The token it is held on. */
  readonly access: TokenAccess;
  /** CKA_ID, by which it is known before it is destroyed: its handle may have become another object's. */
  readonly id: Uint8Array;
  /** Calls that use it. */
  uses: number;
  /** Whether the program has dropped the key. */
  isDropped: boolean;
}

/** A token that keys live on. */
export class TokenAccess {
  /** The slot. */
  readonly slot: Slot;
  readonly #mechanisms: ReadonlySet<number>;
  readonly #pool: SessionPool;
  /** Those of the pool: nothing is given to it that it would have to check. */
  readonly #sessions: TokenSessions;
  readonly #hasPin: boolean;
  /** Whether objects on the token may be made and changed. */
  readonly #readWrite: boolean;
  /** Keys of the session go when the program has dropped them, as keys of a runtime do. */
  readonly #dropped: FinalizationRegistry<HeldObject>;

  /** A token whose pool has been logged in, where there is a PIN for it. */
  constructor(
    slot: Slot,
    pool: SessionPool,
    { mechanisms, readWrite, hasPin }: {
      readonly mechanisms: readonly number[];
      readonly readWrite: boolean;
      readonly hasPin: boolean;
    },
  ) {
    this.slot = slot;
    this.#readWrite = readWrite;
    this.#pool = pool;
    this.#sessions = onOneToken(pool)!;
    this.#hasPin = hasPin;
    this.#mechanisms = new Set(mechanisms);
    this.#dropped = new FinalizationRegistry((held) => {
      held.isDropped = true;
      this.#destroyUnused(held);
    });
  }

  /** Whether the token lists a mechanism. */
  has(mechanism: number): boolean {
    return this.#mechanisms.has(mechanism);
  }

  /** All that it lists. */
  get mechanisms(): ReadonlySet<number> {
    return this.#mechanisms;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#pool.closed;
  }

  /** Runs a function with a session that nobody else uses; the objects it uses are kept meanwhile. */
  async use<T>(held: readonly HeldObject[], work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#pool.closed) throw refusal("InvalidStateError", "Cannot use the token's cryptography: it is closed");
    for (const { access, session } of held) {
      // With that session its objects are gone, or the token was away: the handle may be another object's now.
      if (!session.closed) continue;
      const why = access.closed || session.module.closed
        ? "the TokenCrypto that it came from is closed"
        : "its session was lost with its token";
      throw refusal("OperationError", `Cannot use the key: ${why}; make it or find it again`);
    }
    for (const each of held) each.uses++;
    try {
      return await this.#sessions.use(work);
    } catch (error) {
      throw this.#advised(error);
    } finally {
      for (const each of held) {
        each.uses--;
        this.#destroyUnused(each);
      }
    }
  }

  /** Whoever has no session of their own cannot log one in, or open it for writing: they say it beforehand. */
  #advised(error: unknown): unknown {
    if (!(error instanceof Pkcs11Error)) return error;
    const { code, fn, mechanism, token } = error;
    const advice = code === CKR.USER_NOT_LOGGED_IN && !this.#hasPin
      ? "Give the PIN with the slot: tokenCrypto(slot, { pin })."
      : code === CKR.SESSION_READ_ONLY && !this.#readWrite
      ? "Open the token for writing: tokenCrypto(slot, { readWrite: true })."
      : null;
    return advice === null ? error : new Pkcs11Error(code, fn, { mechanism, token, hint: advice, cause: error });
  }

  /** Holds an object that was there before: it stays when its key is dropped. */
  hold({ handle, session }: Pkcs11Object): HeldObject {
    return { handle, session, access: this, id: new Uint8Array(0), uses: 0, isDropped: false };
  }

  /** Holds an object of the session, which goes with the last reference to it. */
  own(object: Pkcs11Object, id: Uint8Array): HeldObject {
    const held: HeldObject = { ...this.hold(object), id };
    this.#dropped.register(object, held, held);
    return held;
  }

  #destroyUnused(held: HeldObject): void {
    if (!held.isDropped || held.uses > 0 || held.session.closed || this.#pool.closed) return;
    held.isDropped = false;
    // Nobody waits for it: what a token does not destroy now goes with its session.
    this.#pool.use((session) => destroyKnown(new Pkcs11Object(session, held.handle), held.id)).catch(() => {});
  }

  /** Destroys an object. */
  async destroy(object: Pkcs11Object, held: HeldObject): Promise<void> {
    await this.use([held], (session) => new Pkcs11Object(session, object.handle).destroy());
    this.#dropped.unregister(held);
  }

  /** Closes the sessions, and with them all keys that are not on the token. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}

async function destroyKnown(object: Pkcs11Object, id: Uint8Array): Promise<void> {
  const found = (await object.get(["id"])).id;
  if (found !== undefined && isSameBytes(found, id)) await object.destroy();
}
