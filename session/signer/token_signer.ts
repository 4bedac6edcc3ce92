/**
 * Signers: keys of tokens as JOSE, HTTP signatures and certificates want them.
 *
 * @module
 */
import { type BytesInput, copyBytes, describeType } from "../../ffi/memory/inputs.ts";
import { CKO, CKR } from "../../ffi/constants/mod.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import type { AttributesInit } from "../attributes/attributes_init.ts";
import { ObjectAmbiguousError, ObjectNotFoundError, Pkcs11Error } from "../errors.ts";
import type { WrittenJsonWebKey } from "../keys/forms/json_web_key.ts";
import type { AsymmetricMaterial } from "../keys/forms/key_material.ts";
import { isSameKey } from "../keys/read_public.ts";
import type { KeyInput } from "../keys/forms/read_key.ts";
import { writeSpki } from "../keys/forms/write_der.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Session } from "../tokens/session.ts";
import { onOneToken, SessionPool } from "../tokens/shared_sessions.ts";
import { DEAD, lifeOfSession } from "../tokens/token_sessions.ts";
import type { Slot } from "../tokens/slot.ts";
import { Pkcs11Uri } from "../uri/mod.ts";
import type { SignatureScheme } from "../keys/signature_schemes.ts";
import {
  aboutKey,
  chooseScheme,
  holderAmong,
  publicHalfOf,
  signWith,
  signWithSync,
  thumbprint,
  verificationJwk,
  verifyWith,
} from "./signing_key.ts";

/** How a signer is made. */
export interface TokenSignerOptions {
  /**
   * The algorithm by its JOSE name, for example "PS256".
   *
   * By default what fits the key: ES256 … for curves, RS256 for RSA, EdDSA, ML-DSA-65 …, HS256 for secret keys.
   */
  readonly algorithm?: string | undefined;
  /**
   * What names the key.
   *
   * By default the RFC 7638 thumbprint of the public key; of a secret key the CKA_ID in hexadecimal. One that has none is
   * named "", and signatures then name no key.
   */
  readonly keyId?: string | undefined;
  /** The public half, where the token has it nowhere or does not tell which it is: an object, or a key outside it. */
  readonly publicKey?: Pkcs11Object | KeyInput | undefined;
  /**
   * Sessions for signatures that run side by side. A key whose token goes away and comes back, in its slot or another, is
   * found again in them by the URI it had.
   *
   * By default the session of the key, one signature after another.
   */
  readonly sessions?: SessionPool | undefined;
  /** Ends the making of the signer. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Answers that mean the key has to be found again: its token was away. */
const LOST: ReadonlySet<number> = new Set([CKR.KEY_HANDLE_INVALID, CKR.OBJECT_HANDLE_INVALID]);

/** What a signer is made of. */
interface SignerParts {
  readonly key: Pkcs11Object;
  readonly scheme: SignatureScheme;
  readonly keyId: string;
  readonly material: AsymmetricMaterial | null;
  readonly sessions: SessionPool | null;
  readonly match: AttributesInit;
  readonly uri: Pkcs11Uri | null;
}

let newSigner: (parts: SignerParts) => TokenSigner;

/**
 * A key of a token that signs for JOSE, HTTP message signatures and whatever takes a `Signer`. Signatures have JOSE's
 * form: ECDSA's r and s side by side (RFC 7518 §3.4). Signers come from {@linkcode tokenSigner}.
 */
export class TokenSigner {
  /** The algorithm by its JOSE name. */
  readonly algorithm: string;
  /** What names the key. */
  readonly keyId: string;
  readonly #scheme: SignatureScheme;
  readonly #material: AsymmetricMaterial | null;
  readonly #sessions: SessionPool | null;
  readonly #match: AttributesInit;
  /** Where the key was, if it is to be found again. */
  readonly #uri: Pkcs11Uri | null;
  readonly #session: Session;
  #key: Pkcs11Object;
  /** The life of the pool that the key was found in: in another its handle may be another object's. */
  #life: number | undefined;

  static {
    newSigner = (parts) => new TokenSigner(parts);
  }

  private constructor(parts: SignerParts) {
    this.algorithm = parts.scheme.algorithm;
    this.keyId = parts.keyId;
    this.#key = parts.key;
    this.#scheme = parts.scheme;
    this.#material = parts.material;
    this.#sessions = parts.sessions;
    this.#match = parts.match;
    this.#uri = parts.uri;
    this.#session = parts.key.session;
    this.#life = parts.sessions === null ? undefined : onOneToken(parts.sessions)?.life;
  }

  /**
   * Signs a message. The bytes are copied when the call is made.
   *
   * @param message What is signed, itself and not its hash.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The signature in JOSE's form.
   * @throws {TypeError} When the message is not bytes.
   * @throws {Pkcs11Error} What the token answers.
   * @throws {SessionClosedError} When the session of the key, or the pool, is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async sign(message: BytesInput, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = copyBytes(message, "a message to sign");
    checkOptions(options);
    return await this.#use((session, key) => signWith(session, key, this.#scheme, bytes, options), options);
  }

  /**
   * Checks a signature that the same secret key has made, in the token; what takes keys that verify takes the signer then,
   * `verifyJwt` for one. The bytes are copied when the call is made.
   *
   * @param message What was signed, itself and not its hash.
   * @param signature The signature.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Whether it is right.
   * @throws {TypeError} When message or signature is not bytes, and for a private key, whose public half verifies.
   * @throws {Pkcs11Error} What the token answers.
   * @throws {SessionClosedError} When the session of the key, or the pool, is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async verify(message: BytesInput, signature: BytesInput, options: CallOptions = {}): Promise<boolean> {
    const [bytes, given] = [copyBytes(message, "a message to verify"), copyBytes(signature, "a signature to verify")];
    checkOptions(options);
    if (this.#material !== null) {
      throw new TypeError("Cannot verify with a private key: give its public half, such as publicJwk()");
    }
    return await this.#use((session, key) => verifyWith(session, key, this.#scheme, bytes, given, options), options);
  }

  /** Does something with the key in its session, or in one of the pool, where a token that was away may be back. */
  async #use<T>(body: (session: Session, key: Pkcs11Object) => Promise<T>, options: CallOptions): Promise<T> {
    const sessions = this.#sessions;
    if (sessions === null) return await body(this.#session, this.#key);
    const work = (session: Session): Promise<T> => this.#useIn(session, body, options);
    try {
      return await sessions.use(work, { signal: options.signal });
    } catch (error) {
      // The token was away, and may be back: a new session of the pool tells.
      if (!(error instanceof Pkcs11Error) || !DEAD.has(error.code)) throw error;
      return await sessions.use(work, { signal: options.signal });
    }
  }

  /**
   * Signs a message. In place, in the session the key was given with; see {@linkcode TokenSigner.sign}.
   *
   * @param message What is signed, itself and not its hash.
   * @param options A signal, which is looked at before each native call.
   * @returns The signature in JOSE's form.
   * @throws {TypeError} When the message is not bytes.
   * @throws {Pkcs11Error} What the token answers.
   * @throws {SessionClosedError} When the session of the key is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on that session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  signSync(message: BytesInput, options: CallOptions = {}): Uint8Array<ArrayBuffer> {
    const bytes = copyBytes(message, "a message to sign");
    checkOptions(options);
    return signWithSync(this.#session, this.#key, this.#scheme, bytes, options);
  }

  async #useIn<T>(
    session: Session,
    body: (session: Session, key: Pkcs11Object) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    const life = lifeOfSession(session);
    const wasAway = life !== this.#life;
    if (!wasAway) {
      try {
        return await body(session, this.#key);
      } catch (error) {
        if (!(error instanceof Pkcs11Error) || !LOST.has(error.code)) throw error;
      }
    }
    const key = await this.#findAgain(session, wasAway, options);
    this.#key = key;
    this.#life = life;
    return await body(session, key);
  }

  /**
   * The public key as a JSON Web Key with `kid`, `alg` and `use`.
   *
   * @throws {TypeError} For a secret key, which has no public half.
   */
  publicJwk(): WrittenJsonWebKey {
    return verificationJwk(this.#publicHalf(), this.keyId, this.algorithm);
  }

  /**
   * The public key as SubjectPublicKeyInfo in DER.
   *
   * @throws {TypeError} For a secret key, which has no public half.
   */
  spki(): Uint8Array<ArrayBuffer> {
    return writeSpki(this.#publicHalf());
  }

  #publicHalf(): AsymmetricMaterial {
    if (this.#material === null) throw new TypeError("Cannot give the public key: a secret key has no public half");
    return this.#material;
  }

  /** The key that has another handle now, as where its token was away: the same token, attributes and public half. */
  async #findAgain(session: Session, wasAway: boolean, options: CallOptions): Promise<Pkcs11Object> {
    await this.#checkToken(session.slot, options);
    const found = await session.findObjects(this.#match, options);
    const { object, untold } = await holderAmong(session, found, this.#material, options);
    // A key that tells nothing of itself is known by its name, if it is the only one with it.
    const isNamed = this.#match.id !== undefined || this.#match.label !== undefined;
    const handle = object ?? (isNamed && untold.length === 1 ? untold[0]! : null);
    if (handle !== null) return new Pkcs11Object(session, handle);
    const match = `the attributes it had${wasAway ? " before its token was away" : ""}`;
    const action = "find the signing key again";
    if (!isNamed || untold.length === 0) throw new ObjectNotFoundError(match, action);
    throw new ObjectAmbiguousError(match, untold.length, action, "give each key a CKA_ID of its own");
  }

  /** A secret key of another token with the same label would make signatures that nobody can tell from wrong ones. */
  async #checkToken(slot: Slot, options: CallOptions): Promise<void> {
    const token = await slot.tokenInfo(options);
    if (this.#uri === null || this.#uri.matchToken(token)) return;
    throw new ObjectNotFoundError(
      `the URI ${this.#uri.format()}; its slot holds the token "${token.label}" now`,
      "find the signing key again",
    );
  }
}

/**
 * A signer over a private or secret key of a token.
 *
 * @throws {TypeError} For an object that is no such key, an algorithm that is not of its type, and an RSA or curve key
 * whose public half is nowhere, or one of several that share its CKA_ID, of which no signature tells: give it as `publicKey`.
 *
 * @example A token's key as a JOSE signer
 * ```ts
 * import { CKO, type Session, tokenSigner } from "@gp11/gp11";
 *
 * async function header(session: Session): Promise<string> {
 *   const key = await session.findObject({ class: CKO.PRIVATE_KEY, label: "service" });
 *   const signer = await tokenSigner(key);
 *   return JSON.stringify({ alg: signer.algorithm, kid: signer.keyId });
 * }
 * ```
 */
export async function tokenSigner(key: Pkcs11Object, options: TokenSignerOptions = {}): Promise<TokenSigner> {
  if (!(key instanceof Pkcs11Object)) {
    throw new TypeError(`Cannot make a signer: expected a Pkcs11Object, got ${describeType(key)}`);
  }
  checkOptions(options);
  const { algorithm, keyId, publicKey, sessions, signal } = options;
  if (keyId !== undefined && typeof keyId !== "string") {
    throw new TypeError(`Cannot make a signer: keyId is ${describeType(keyId)}, expected a string`);
  }
  if (sessions !== undefined && !(sessions instanceof SessionPool)) {
    throw new TypeError(`Cannot make a signer: sessions is ${describeType(sessions)}, expected a SessionPool`);
  }
  if (sessions !== undefined && onOneToken(sessions) === null) {
    throw new TypeError(
      "Cannot make a signer: sessions is a pool over several tokens; make a signer of the key on each, and signerGroup of them",
    );
  }
  const { half, identity } = await aboutKey(key, { signal });
  if (identity.class !== CKO.PRIVATE_KEY && identity.class !== CKO.SECRET_KEY) {
    throw new TypeError("Cannot make a signer: the object is neither a private nor a secret key");
  }
  const isSecret = identity.class === CKO.SECRET_KEY;
  const material = isSecret ? null : publicKey === undefined ? half : await givenHalf(publicKey, half, { signal });
  if (material === null && !isSecret) {
    throw new TypeError(
      "Cannot make a signer: the token does not tell the key's public half; give it as publicKey, or give both halves of each pair a CKA_ID that no other has",
    );
  }
  const scheme = chooseScheme("make a signer", material, algorithm);
  const match: AttributesInit = { class: identity.class };
  if (identity.id.length > 0) match.id = identity.id;
  else if (identity.label !== "") match.label = identity.label;
  return newSigner({
    key,
    scheme,
    keyId: keyId ?? (material === null ? identity.id.toHex() : thumbprint(material)),
    material,
    sessions: sessions ?? null,
    match,
    uri: sessions === undefined ? null : Pkcs11Uri.parse(await key.uri({ signal })),
  });
}

async function givenHalf(
  given: Pkcs11Object | KeyInput,
  own: AsymmetricMaterial | null,
  options: CallOptions,
): Promise<AsymmetricMaterial> {
  const material = await publicHalfOf(given, options);
  if (material === null) throw new TypeError("Cannot make a signer: what was given as publicKey has no public half");
  if (own !== null && !isSameKey(own, material)) {
    throw new TypeError("Cannot make a signer: publicKey is not the public half of the key");
  }
  return material;
}
