/**
 * What `subtle` of a token has beyond the Web Cryptography API's: keys that stay on the token, and the modern algorithms.
 *
 * @module
 */
import type { BytesInput } from "../ffi/memory/inputs.ts";
import type { CryptoKeyInput } from "../internal/platform_types.ts";
import type { TokenCryptoKey, TokenCryptoKeyPair, TokenKeyUsage } from "./contract/crypto_key.ts";
import type { KeyForm } from "./contract/family.ts";
import type { WebCryptoBytes, WebCryptoJsonKey } from "./contract/web_types.ts";

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

/** An algorithm: its name, or its name and its parameters. */
export type AlgorithmInput = string | { readonly name: string } | NamedAlgorithm;

/** Algorithms of pairs of keys whose name says all. */
export type PairName =
  | "Ed25519"
  | "Ed448"
  | "X25519"
  | "X448"
  | `ML-DSA-${44 | 65 | 87}`
  | `ML-KEM-${512 | 768 | 1024}`;

/** Algorithms of pairs of keys. */
export type PairAlgorithm =
  | PairName
  | { readonly name: PairName }
  | { readonly namedCurve: string }
  | { readonly modulusLength: number };

/** Algorithms of secret keys. */
export type SecretAlgorithm =
  | "ChaCha20-Poly1305"
  | { readonly name: "ChaCha20-Poly1305" }
  | { readonly length: number }
  | { readonly hash: unknown };

/** `generateKey` with the keys of a token: a pair, a secret key, or either where the parameters do not tell. */
export interface GenerateTokenKey {
  /** Makes a pair. */
  <const A extends PairAlgorithm>(
    algorithm: A,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKeyPair>;
  /** Makes a secret key. */
  <const A extends SecretAlgorithm>(
    algorithm: A,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
  /** Makes what the algorithm's name says. */
  (
    algorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey | TokenCryptoKeyPair>;
}

/** `importKey` with the keys of a token. */
export interface ImportTokenKey {
  /** Brings in a JSON Web Key. */
  (
    form: "jwk",
    keyData: WebCryptoJsonKey,
    algorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
  /** Brings in a key that is bytes. */
  (
    form: Exclude<KeyForm, "jwk">,
    keyData: WebCryptoBytes,
    algorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
  /** Brings in a key of any form. */
  (
    form: KeyForm,
    keyData: WebCryptoBytes | WebCryptoJsonKey,
    algorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
}

/** `deriveKey` with the keys of a token. */
export type DeriveTokenKey = (
  algorithm: AlgorithmInput,
  baseKey: CryptoKeyInput,
  derivedKeyType: AlgorithmInput,
  extractable: boolean,
  usages: Iterable<TokenKeyUsage>,
) => Promise<TokenCryptoKey>;

/** `unwrapKey` with the keys of a token. */
export type UnwrapTokenKey = (
  form: KeyForm,
  wrappedKey: WebCryptoBytes,
  unwrappingKey: CryptoKeyInput,
  unwrapAlgorithm: AlgorithmInput,
  unwrappedKeyAlgorithm: AlgorithmInput,
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
export interface TokenSubtleCrypto {
  /** Encrypts (§14.3.1). */
  encrypt(algorithm: AlgorithmInput, key: CryptoKeyInput, data: WebCryptoBytes): Promise<ArrayBuffer>;
  /** Decrypts (§14.3.2). */
  decrypt(algorithm: AlgorithmInput, key: CryptoKeyInput, data: WebCryptoBytes): Promise<ArrayBuffer>;
  /** Signs, or makes the code of HMAC (§14.3.3). */
  sign(algorithm: AlgorithmInput, key: CryptoKeyInput, data: WebCryptoBytes): Promise<ArrayBuffer>;
  /** Whether a signature, or the code of HMAC, is that of the data (§14.3.4). */
  verify(
    algorithm: AlgorithmInput,
    key: CryptoKeyInput,
    signature: WebCryptoBytes,
    data: WebCryptoBytes,
  ): Promise<boolean>;
  /** The digest of the data (§14.3.5). */
  digest(algorithm: AlgorithmInput, data: WebCryptoBytes): Promise<ArrayBuffer>;
  /** Makes a key or a pair (§14.3.6); `token` in the algorithm says where it is to live. */
  readonly generateKey: GenerateTokenKey;
  /** Derives bits, a multiple of eight; without a number as many as the algorithm gives (§14.3.8). */
  deriveBits(algorithm: AlgorithmInput, baseKey: CryptoKeyInput, length?: number | null): Promise<ArrayBuffer>;
  /** Brings a key in (§14.3.9); `token` in the algorithm says where it is to live. */
  readonly importKey: ImportTokenKey;
  /** Derives a key (§14.3.7). */
  readonly deriveKey: DeriveTokenKey;
  /** Gives a key away in a form, encrypted (§14.3.11). */
  wrapKey(
    form: KeyForm,
    key: CryptoKeyInput,
    wrappingKey: CryptoKeyInput,
    wrapAlgorithm: AlgorithmInput,
  ): Promise<ArrayBuffer>;
  /** Opens a wrapped key (§14.3.12). */
  readonly unwrapKey: UnwrapTokenKey;
  /** Gives a key away in a form (§14.3.10). */
  exportKey(form: "jwk", key: CryptoKeyInput): Promise<WebCryptoJsonKey>;
  /** Gives a key away in a form of bytes (§14.3.10). */
  exportKey(form: Exclude<KeyForm, "jwk">, key: CryptoKeyInput): Promise<ArrayBuffer>;
  /** Gives a key away in any form (§14.3.10). */
  exportKey(form: KeyForm, key: CryptoKeyInput): Promise<ArrayBuffer | WebCryptoJsonKey>;

  /** Makes a secret for the owner of a private key, as a key (WICG modern algorithms). */
  encapsulateKey(
    algorithm: AlgorithmInput,
    encapsulationKey: CryptoKeyInput,
    sharedKeyAlgorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<EncapsulatedTokenKey>;
  /** Makes a secret for the owner of a private key, as bytes (WICG modern algorithms). */
  encapsulateBits(
    algorithm: AlgorithmInput,
    encapsulationKey: CryptoKeyInput,
  ): Promise<EncapsulatedBits>;
  /** Opens what {@linkcode TokenSubtleCrypto.encapsulateKey} made, as a key (WICG modern algorithms). */
  decapsulateKey(
    algorithm: AlgorithmInput,
    decapsulationKey: CryptoKeyInput,
    ciphertext: WebCryptoBytes,
    sharedKeyAlgorithm: AlgorithmInput,
    extractable: boolean,
    usages: Iterable<TokenKeyUsage>,
  ): Promise<TokenCryptoKey>;
  /** Opens what {@linkcode TokenSubtleCrypto.encapsulateBits} made, as bytes (WICG modern algorithms). */
  decapsulateBits(
    algorithm: AlgorithmInput,
    decapsulationKey: CryptoKeyInput,
    ciphertext: WebCryptoBytes,
  ): Promise<ArrayBuffer>;
  /** The public key of a private one (WICG modern algorithms). */
  getPublicKey(key: CryptoKeyInput, usages: Iterable<TokenKeyUsage>): Promise<TokenCryptoKey>;
  /**
   * Whether the token can do an operation with an algorithm (WICG modern algorithms). It is a method here and not a static
   * one: tokens differ.
   *
   * @param other The algorithm of the key that is wrapped, derived or shared, or how many bits are derived.
   */
  supports(
    operation: string,
    algorithm: AlgorithmInput,
    other?: AlgorithmInput | number | null,
  ): boolean;
}
