/**
 * What `subtle` of a token has beyond the Web Cryptography API's: keys that stay on the token, and the modern algorithms.
 *
 * @module
 */
import type { BytesInput } from "../ffi/memory/inputs.ts";
import type { TokenCryptoKey, TokenCryptoKeyPair, TokenKeyUsage } from "./contract/crypto_key.ts";
import type { KeyForm } from "./contract/family.ts";

/** Where a new key is to live. */
export interface TokenPlacement {
  /**
   * Whether it stays on the token when its sessions are closed.
   *
   * @default {false}
   */
  readonly token?: boolean | undefined;
  /** Its label (CKA_LABEL). */
  readonly label?: string | undefined;
  /**
   * Its identifier (CKA_ID), the same for both halves.
   *
   * By default 16 random bytes.
   */
  readonly id?: BytesInput | undefined;
}

/** An algorithm with parameters, those that TypeScript's own types do not know among them. */
export interface NamedAlgorithm {
  /** Its name. */
  readonly name: string;
  /** Where a new key is to live. */
  readonly token?: TokenPlacement | undefined;
  /** Its parameters. */
  readonly [parameter: string]: unknown;
}

/** Algorithms of pairs of keys whose name says all. */
export type PairName =
  | "Ed25519"
  | "Ed448"
  | "X25519"
  | "X448"
  | `ML-DSA-${44 | 65 | 87}`
  | `ML-KEM-${512 | 768 | 1024}`;

/** What an algorithm generates: a pair, a secret key, or either where its parameters do not tell. */
export type Generated<A> = A extends
  PairName | { readonly name: PairName } | { readonly namedCurve: string } | { readonly modulusLength: number }
  ? TokenCryptoKeyPair
  : A extends { readonly length: number } | { readonly hash: unknown } | "ChaCha20-Poly1305" | {
    readonly name: "ChaCha20-Poly1305";
  } ? TokenCryptoKey
  : TokenCryptoKey | TokenCryptoKeyPair;

/** `generateKey` with the keys of a token. */
export type GenerateTokenKey = <const A extends AlgorithmIdentifier | NamedAlgorithm>(
  algorithm: A,
  extractable: boolean,
  usages: Iterable<TokenKeyUsage>,
) => Promise<Generated<A>>;

/** `importKey` with the keys of a token. */
export type ImportTokenKey = (
  form: KeyForm,
  keyData: BufferSource | JsonWebKey,
  algorithm: AlgorithmIdentifier | NamedAlgorithm,
  extractable: boolean,
  usages: Iterable<TokenKeyUsage>,
) => Promise<TokenCryptoKey>;

/** `deriveKey` with the keys of a token. */
export type DeriveTokenKey = (
  algorithm: AlgorithmIdentifier | NamedAlgorithm,
  baseKey: CryptoKey,
  derivedKeyType: AlgorithmIdentifier | NamedAlgorithm,
  extractable: boolean,
  usages: Iterable<TokenKeyUsage>,
) => Promise<TokenCryptoKey>;

/** `unwrapKey` with the keys of a token. */
export type UnwrapTokenKey = (
  form: KeyForm,
  wrappedKey: BufferSource,
  unwrappingKey: CryptoKey,
  unwrapAlgorithm: AlgorithmIdentifier | NamedAlgorithm,
  unwrappedKeyAlgorithm: AlgorithmIdentifier | NamedAlgorithm,
  extractable: boolean,
  usages: Iterable<TokenKeyUsage>,
) => Promise<TokenCryptoKey>;

/** A shared secret as a key, and what carries it to the owner of the private key. */
export interface EncapsulatedTokenKey {
  /** The key that both sides have. */
  readonly sharedKey: TokenCryptoKey;
  /** What is sent to the other side. */
  readonly ciphertext: ArrayBuffer;
}

/** A shared secret as bytes, and what carries it to the owner of the private key. */
export interface EncapsulatedBits {
  /** The secret that both sides have. */
  readonly sharedKey: ArrayBuffer;
  /** What is sent to the other side. */
  readonly ciphertext: ArrayBuffer;
}

/**
 * The operations of the Web Cryptography API (W3C, Level 2) and those of its modern algorithms (WICG), done by a token.
 * Methods reject with the exceptions the specification names; the token's own error is their cause. What the token has no
 * mechanism for is a NotSupportedError.
 *
 * @example Make a key that stays on the token, and sign with it
 * ```ts
 * import type { TokenCrypto } from "@gp11/gp11/webcrypto";
 *
 * async function sign(crypto: TokenCrypto, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
 *   const algorithm = { name: "ECDSA", namedCurve: "P-256", token: { token: true, label: "service" } };
 *   const { privateKey } = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
 *   return await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, data);
 * }
 * ```
 */
export interface TokenSubtleCrypto
  extends Omit<SubtleCrypto, "generateKey" | "importKey" | "deriveKey" | "unwrapKey" | "exportKey"> {
  /** Makes a key or a pair (§14.3.6); `token` in the algorithm says where it is to live. */
  readonly generateKey: GenerateTokenKey & SubtleCrypto["generateKey"];
  /** Brings a key in (§14.3.9); `token` in the algorithm says where it is to live. */
  readonly importKey: ImportTokenKey;
  /** Derives a key (§14.3.7). */
  readonly deriveKey: DeriveTokenKey;
  /** Opens a wrapped key (§14.3.12). */
  readonly unwrapKey: UnwrapTokenKey;
  /** Gives a key away in a form (§14.3.10). */
  exportKey(form: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  /** Gives a key away in a form of bytes (§14.3.10). */
  exportKey(form: Exclude<KeyForm, "jwk">, key: CryptoKey): Promise<ArrayBuffer>;
  /** Gives a key away in any form (§14.3.10). */
  exportKey(form: KeyForm, key: CryptoKey): Promise<ArrayBuffer | JsonWebKey>;

  /** Makes a secret for the owner of a private key, as a key (WICG modern algorithms). */
  encapsulateKey(
    algorithm: AlgorithmIdentifier | NamedAlgorithm,
    encapsulationKey: CryptoKey,
    sharedKeyAlgorithm: AlgorithmIdentifier | NamedAlgorithm,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<EncapsulatedTokenKey>;
  /** Makes a secret for the owner of a private key, as bytes (WICG modern algorithms). */
  encapsulateBits(
    algorithm: AlgorithmIdentifier | NamedAlgorithm,
    encapsulationKey: CryptoKey,
  ): Promise<EncapsulatedBits>;
  /** Opens what {@linkcode TokenSubtleCrypto.encapsulateKey} made, as a key (WICG modern algorithms). */
  decapsulateKey(
    algorithm: AlgorithmIdentifier | NamedAlgorithm,
    decapsulationKey: CryptoKey,
    ciphertext: BufferSource,
    sharedKeyAlgorithm: AlgorithmIdentifier | NamedAlgorithm,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
  /** Opens what {@linkcode TokenSubtleCrypto.encapsulateBits} made, as bytes (WICG modern algorithms). */
  decapsulateBits(
    algorithm: AlgorithmIdentifier | NamedAlgorithm,
    decapsulationKey: CryptoKey,
    ciphertext: BufferSource,
  ): Promise<ArrayBuffer>;
  /** The public key of a private one (WICG modern algorithms). */
  getPublicKey(key: CryptoKey, usages: Iterable<TokenKeyUsage>): Promise<TokenCryptoKey>;
  /**
   * Whether the token can do an operation with an algorithm (WICG modern algorithms). It is a method here and not a static
   * one: tokens differ.
   *
   * @param other The algorithm of the key that is wrapped, derived or shared, or how many bits are derived.
   */
  supports(
    operation: string,
    algorithm: AlgorithmIdentifier | NamedAlgorithm,
    other?: AlgorithmIdentifier | NamedAlgorithm | number | null,
  ): boolean;
}
