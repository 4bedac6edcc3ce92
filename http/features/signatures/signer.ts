/**
 * What signs: a key of a token, of the runtime or of a service, as HTTP sees it.
 *
 * @module
 */
import { NotSupportedError } from "../../errors.ts";

/** A public key as JSON (RFC 7517). */
export interface PublicJwk {
  /** Key type: "RSA", "EC", "OKP", "AKP"; "oct" for a secret that both sides know. */
  readonly kty?: string | undefined;
  /** The one algorithm the key is for. */
  readonly alg?: string | undefined;
  /** What names the key. */
  readonly kid?: string | undefined;
  /** What the key is for: "sig". */
  readonly use?: string | undefined;
  /** Curve, of EC and OKP. */
  readonly crv?: string | undefined;
  /** First coordinate, or the public key of OKP. */
  readonly x?: string | undefined;
  /** Second coordinate. */
  readonly y?: string | undefined;
  /** Modulus of RSA. */
  readonly n?: string | undefined;
  /** Public exponent of RSA. */
  readonly e?: string | undefined;
  /** Public key of AKP. */
  readonly pub?: string | undefined;
  /** The secret, of "oct". */
  readonly k?: string | undefined;
}

/** How a signature is asked for. */
export interface SignOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs messages. `tokenSigner(key)` makes one of a key in a token; anything with these members is one. Signatures have
 * JOSE's form: ECDSA's r and s side by side (RFC 7518 §3.4).
 *
 * @example A signer of the runtime's own key, for a test
 * ```ts
 * import type { Signer } from "@gp11/gp11/http";
 *
 * const { privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign"]) as CryptoKeyPair;
 * const signer: Signer = {
 *   algorithm: "EdDSA",
 *   keyId: "test",
 *   sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message)),
 * };
 * await signer.sign(new Uint8Array(3));
 * ```
 */
export interface Signer {
  /** The algorithm by its JOSE name, for example "ES256". */
  readonly algorithm: string;
  /** What names the key to those who verify. */
  readonly keyId: string;
  /** Signs a message. */
  sign(message: Uint8Array<ArrayBuffer>, options?: SignOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Signs synchronously, for messages that are sent so; absent where it cannot. */
  signSync?(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** The public key; absent where there is none. */
  publicJwk?(): PublicJwk;
}

/** Checks that a value is a signer. */
export function checkSigner(signer: unknown, what: string): Signer {
  const { algorithm, keyId, sign } = (signer ?? {}) as Partial<Signer>;
  if (typeof sign === "function" && typeof algorithm === "string" && typeof keyId === "string") return signer as Signer;
  throw new TypeError(`Cannot make ${what}: signer has not the members algorithm, keyId and sign`);
}

/**
 * A signature made synchronously, for messages that are sent while their thread is blocked.
 *
 * @throws {NotSupportedError} Where the signer has to wait for it.
 */
export function signInPlace(
  signer: Signer,
  message: Uint8Array<ArrayBuffer>,
  runtime: string,
): Uint8Array<ArrayBuffer> {
  if (signer.signSync === undefined) {
    throw new NotSupportedError("sign a message that is sent synchronously", runtime, "the signer has no signSync");
  }
  return signer.signSync(message);
}

/** Text as the bytes of UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();
