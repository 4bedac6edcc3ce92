/**
 * The Web Cryptography API over a token.
 *
 * @module
 */
import { checkSignal, type OptionNames, refuseUnknown, wholeNumber } from "../internal/expected.ts";
import { fact, inspectable } from "../internal/inspection.ts";
import { availableParallelism } from "node:os";
import { CKF } from "../ffi/constants/mod.ts";
import { describeType, isPlainObject } from "../ffi/memory/inputs.ts";
import { toHex } from "../internal/bytes.ts";
import type { CryptoKeyInput } from "../internal/platform_types.ts";
import { reportUncaught } from "../internal/report_error.ts";
import { runtimeCrypto } from "../internal/runtime.ts";
import { templateInit, type TemplateInput } from "../session/attributes/attributes_init.ts";
import type { Pin } from "../session/tokens/options.ts";
import type { Session } from "../session/tokens/session.ts";
import { Slot } from "../session/tokens/slot.ts";
import {
  keyUsages,
  newKey,
  slotsOf,
  type TokenCryptoKey,
  type TokenCryptoKeyPair,
  type TokenKeyUsage,
} from "./contract/crypto_key.ts";
import { refusal, refusalOf } from "./contract/errors.ts";
import { TokenAccess } from "./contract/token_access.ts";
import { enumeratedSequence } from "./contract/web_idl.ts";
import { type Claim, findKey, findPair, type KeyMatch, storeKey } from "./found_keys.ts";
import { isOwn, keyArgument, onToken } from "./key_arguments.ts";
import { Subtle } from "./subtle.ts";
import type { AlgorithmInput, TokenSubtleCrypto } from "./subtle_types.ts";

/** How the cryptography of a token is opened. */
export interface TokenCryptoOptions {
  /** The user's PIN; `null` uses the protected authentication path. Without it there is no login. */
  readonly pin?: Pin | null | undefined;
  /**
   * Sessions at once, and so calls that run side by side.
   *
   * By default as many as the machine has cores.
   */
  readonly sessions?: number | undefined;
  /**
   * Whether keys may be made on the token, and deleted.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** Ends the opening. */
  readonly signal?: AbortSignal | null | undefined;
}

const optionNames: OptionNames<TokenCryptoOptions> = { pin: true, sessions: true, readWrite: true, signal: true };

/** Bytes that `getRandomValues` gives at once. */
const MOST_RANDOM = 65_536;

let newTokenCrypto: (access: TokenAccess, hasRandom: boolean) => TokenCrypto;

/**
 * The Web Cryptography API over a token: a `Crypto` for libraries that take one. It has sessions of its own, so that calls
 * run side by side, and closes them with {@linkcode TokenCrypto.close}; keys that are not on the token go with them.
 *
 * @example Give it to a library
 * ```ts
 * import { type Slot } from "@gp11/gp11";
 * import { tokenCrypto } from "@gp11/gp11/webcrypto";
 *
 * async function digest(slot: Slot, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
 *   await using crypto = await tokenCrypto(slot, { pin: "1234" });
 *   return await crypto.subtle.digest("SHA-256", data);
 * }
 * ```
 */
export class TokenCrypto {
  /** The operations. */
  readonly subtle: TokenSubtleCrypto;
  readonly #access: TokenAccess;
  /** Whether the token makes random bytes, as far as it says. */
  readonly #hasRandom: boolean;
  #random: Session | null = null;

  static {
    newTokenCrypto = (access, hasRandom) => new TokenCrypto(access, hasRandom);
  }

  private constructor(access: TokenAccess, hasRandom: boolean) {
    this.#access = access;
    this.#hasRandom = hasRandom;
    this.subtle = new Subtle(access) as unknown as TokenSubtleCrypto;
  }

  /** The slot the token is in. */
  get slot(): Slot {
    return this.#access.slot;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#access.closed;
  }

  /** "Crypto", by which libraries know one. */
  get [Symbol.toStringTag](): string {
    return "Crypto";
  }

  /**
   * Fills an array of integers with random bytes of the token, or of the runtime where the token makes none
   * (Web Cryptography §10.1.1).
   *
   * @throws {DOMException} TypeMismatchError for another array, QuotaExceededError for more than 65536 bytes,
   * InvalidStateError when it is closed, OperationError where the token fails.
   */
  getRandomValues<T extends ArrayBufferView | null>(array: T): T {
    if (!ArrayBuffer.isView(array)) {
      throw new TypeError(`Cannot fill with random bytes: expected an array of integers, got ${describeType(array)}`);
    }
    if (array instanceof DataView || /Float/.test(Object.prototype.toString.call(array))) {
      throw refusal("TypeMismatchError", "Cannot fill with random bytes: it is no array of integers");
    }
    if (array.byteLength > MOST_RANDOM) {
      throw refusal(
        "QuotaExceededError",
        `Cannot give ${array.byteLength} random bytes at once: at most ${MOST_RANDOM}`,
      );
    }
    if (this.closed) throw refusal("InvalidStateError", "Cannot give random bytes: the TokenCrypto is closed");
    if (!(array.buffer instanceof ArrayBuffer)) {
      throw new TypeError("Cannot fill with random bytes: the memory of the array is shared");
    }
    // Memory that was taken away has no bytes either.
    if (array.byteLength === 0) return array;
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (this.#hasRandom) bytes.set(this.#randomBytes(bytes.length));
    else runtimeCrypto().getRandomValues(bytes);
    return array;
  }

  /** A session of its own: a call in place cannot wait for one of the others. */
  #randomBytes(length: number): Uint8Array {
    try {
      this.#random ??= this.slot.openSessionSync();
      return this.#random.generateRandomSync(length);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** A random UUID, version 4 (Web Cryptography §10.1.2, RFC 9562). */
  randomUUID(): `${string}-${string}-${string}-${string}-${string}` {
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = bytes[6]! & 0x0f | 0x40;
    bytes[8] = bytes[8]! & 0x3f | 0x80;
    const digits = toHex(bytes);
    const at = (from: number, to: number) => digits.slice(from, to);
    return `${at(0, 8)}-${at(8, 12)}-${at(12, 16)}-${at(16, 20)}-${at(20, 32)}`;
  }

  /**
   * A key that is on the token. Where both halves of a pair match it is the private one. By default its algorithm is what
   * its type and attributes suggest: ECDSA where it signs, RSASSA-PKCS1-v1_5 and HMAC with SHA-256; and its usages are all
   * that its attributes allow.
   *
   * @param match Its `pkcs11:` URI, its attributes, or the object.
   * @param algorithm What it is for, as `importKey` takes it; for example an RSA key for RSA-PSS.
   * @param usages What it is to be used for, among what its attributes allow.
   * @throws {ObjectNotFoundError} When there is none.
   * @throws {ObjectAmbiguousError} When there are several.
   * @throws {DOMException} NotSupportedError for keys and algorithms that are not there, DataError where the key is none of
   * the algorithm's, InvalidAccessError for usages that its attributes do not allow.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID for an object that was destroyed.
   */
  async key(
    match: KeyMatch,
    algorithm?: AlgorithmInput,
    usages?: readonly TokenKeyUsage[],
  ): Promise<TokenCryptoKey> {
    return await findKey(this.#access, match, claimOf(algorithm, usages));
  }

  /**
   * A private key that is on the token, with its public half: the token's, or that of its certificate as a key of the
   * session. The arguments are those of {@linkcode TokenCrypto.key}.
   *
   * @throws {ObjectNotFoundError} When there is none, or the token has its public half nowhere.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID for an object that was destroyed.
   */
  async keyPair(
    match: KeyMatch,
    algorithm?: AlgorithmInput,
    usages?: readonly TokenKeyUsage[],
  ): Promise<TokenCryptoKeyPair> {
    return await findPair(this.#access, match, claimOf(algorithm, usages));
  }

  /**
   * Keeps a copy of a key on the token (C_CopyObject). A key of another implementation is taken if it is extractable.
   *
   * @param attributes What the copy has otherwise, for example its label.
   * @throws {DOMException} OperationError where the token refuses it.
   * @throws {Pkcs11Error} CKR_SESSION_READ_ONLY where the token was opened for reading.
   */
  async store(key: CryptoKeyInput, attributes: TemplateInput = {}): Promise<TokenCryptoKey> {
    const given = keyArgument(key);
    const init = templateInit(attributes);
    try {
      return await storeKey(this.#access, newKey(await onToken(this.#access, given)), init);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /**
   * Deletes a key from the token (C_DestroyObject). The other half of a pair stays.
   *
   * @throws {DOMException} InvalidAccessError for a key that is not on this token, OperationError where it refuses.
   * @throws {Pkcs11Error} CKR_SESSION_READ_ONLY where the token was opened for reading.
   */
  async delete(key: CryptoKeyInput): Promise<void> {
    const given = keyArgument(key);
    if (!isOwn(this.#access, given)) {
      throw refusal("InvalidAccessError", "Cannot delete the key: it is not on the token");
    }
    const { held, object } = slotsOf(key)!;
    try {
      await this.#access.destroy(object, held);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** Closes its sessions after the calls that run; keys that are not on the token are gone then. */
  async close(): Promise<void> {
    const random = this.#random;
    this.#random = null;
    await Promise.all([this.#access.close(), random?.close()]);
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes it without waiting. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }
}

inspectable(TokenCrypto, "TokenCrypto", ({ closed, slot }) => [fact("slot", slot), fact("closed", closed)]);

function claimOf(algorithm: unknown, usages: unknown): Claim {
  return {
    algorithm,
    usages: usages === undefined ? undefined : enumeratedSequence(usages, keyUsages, "the usages"),
  };
}

/**
 * The Web Cryptography API over a slot's token, logged in.
 *
 * @throws {TypeError | RangeError} For what is no slot, and options that are none.
 * @throws {Pkcs11Error} When no session can be opened, or the PIN is refused: it is tried once.
 * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
 *
 * @example Sign with a key of the token
 * ```ts
 * import { type Slot } from "@gp11/gp11";
 * import { tokenCrypto } from "@gp11/gp11/webcrypto";
 *
 * async function sign(slot: Slot, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
 *   await using crypto = await tokenCrypto(slot, { pin: "1234" });
 *   const key = await crypto.key("pkcs11:object=service;type=private");
 *   return await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data);
 * }
 * ```
 */
export async function tokenCrypto(slot: Slot, options: TokenCryptoOptions = {}): Promise<TokenCrypto> {
  if (!(slot instanceof Slot)) {
    throw new TypeError(`Cannot open the token's cryptography: expected a Slot, got ${describeType(slot)}`);
  }
  if (!isPlainObject(options)) {
    throw new TypeError(`Cannot open the token's cryptography: the options are ${describeType(options)}, no object`);
  }
  refuseUnknown("open the token's cryptography", options, optionNames);
  const { pin, readWrite = false, sessions = availableParallelism(), signal } = options;
  checkSignal("open the token's cryptography", signal);
  signal?.throwIfAborted();
  const pool = slot.sessionPool({
    max: wholeNumber("sessions", sessions, 1),
    readWrite,
    login: pin === undefined ? undefined : { pin },
    // Keys of a session go when it is closed.
    maxIdleMs: 0,
  });
  try {
    await pool.use(() => {}, { signal });
    const mechanisms = await slot.mechanisms({ signal });
    const access = new TokenAccess(slot, pool, { mechanisms, readWrite, hasPin: pin !== undefined });
    return newTokenCrypto(access, await slot.hasFlags(CKF.RNG, { signal }));
  } catch (error) {
    const closing = pool.close();
    // A login that is under way is ended after it, and nobody waits for that.
    if (signal?.aborted) closing.catch(reportUncaught);
    else await closing;
    throw error;
  }
}
