/**
 * What an algorithm is to the door: which operations it has, what each needs of the token, and how it is done.
 *
 * @module
 */
import type { AsymmetricMaterial } from "../../session/keys/forms/key_material.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import type { KeySlots, TokenCryptoKey, TokenCryptoKeyPair, TokenKeyAlgorithm, TokenKeyUsage } from "./crypto_key.ts";
import type { Dictionary, Parameters } from "./parameters.ts";
import type { TokenAccess } from "./token_access.ts";
import type { WebCryptoJsonKey } from "./web_types.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Operations that algorithms are registered for. */
export type OperationName =
  | "encrypt"
  | "decrypt"
  | "sign"
  | "verify"
  | "digest"
  | "generateKey"
  | "importKey"
  | "exportKey"
  | "deriveBits"
  | "wrapKey"
  | "unwrapKey"
  | "get key length"
  | "encapsulate"
  | "decapsulate";

/** Forms of keys outside a token. */
export type KeyForm = "raw" | "raw-public" | "raw-private" | "raw-seed" | "raw-secret" | "spki" | "pkcs8" | "jwk";

/** All of them. */
export const keyForms: readonly KeyForm[] = [
  "raw",
  "raw-public",
  "raw-private",
  "raw-seed",
  "raw-secret",
  "spki",
  "pkcs8",
  "jwk",
];

/** A key that is made or brought in. */
export interface NewKey {
  readonly access: TokenAccess;
  readonly parameters: Parameters;
  readonly extractable: boolean;
  readonly usages: readonly TokenKeyUsage[];
}

/** A key from outside: bytes, or a JSON Web Key. */
export interface GivenKey extends NewKey {
  readonly form: KeyForm;
  readonly data: Bytes | WebCryptoJsonKey;
}

/** A use of a key. */
export interface KeyUse {
  readonly access: TokenAccess;
  readonly key: KeySlots;
  readonly parameters: Parameters;
}

/** What a token tells of a key. */
export type KeyDescription =
  | AsymmetricMaterial
  | { readonly kind: "bytes"; readonly keyType: number; readonly length: number };

/** What a key of a token is to its algorithm. */
export interface DescribedKey {
  readonly algorithm: TokenKeyAlgorithm;
  readonly usages: readonly TokenKeyUsage[];
}

/** What a derived key is on the token. */
export interface DerivedKey {
  readonly keyType: number;
  /** Bytes of it; null are all that there are. */
  readonly bytes: number | null;
  readonly algorithm: TokenKeyAlgorithm;
  /** The uses that such keys may have. */
  readonly known: readonly TokenKeyUsage[];
}

/** One algorithm. An operation that has parameters here has its function below, too. */
export interface Family {
  /** Its name, as the specification writes it. */
  readonly name: string;
  /** The parameters of each operation it is registered for. */
  readonly operations: { readonly [operation in OperationName]?: Dictionary };
  /** Whether the token has what an operation needs; operations that are not named need nothing. */
  readonly needs?: { readonly [operation in OperationName]?: (access: TokenAccess) => boolean };
  generateKey?(made: NewKey): Promise<TokenCryptoKey | TokenCryptoKeyPair>;
  importKey?(given: GivenKey): Promise<TokenCryptoKey>;
  /**
   * The algorithm of a key that is on the token, and the uses that such keys may have.
   *
   * @throws {DOMException} DataError where it is none of the algorithm's
   */
  describeKey?(type: KeySlots["type"], key: KeyDescription, parameters: Parameters): DescribedKey;
  exportKey?(form: KeyForm, key: KeySlots): Promise<Bytes | WebCryptoJsonKey>;
  /** The public key of a private one. */
  publicKey?(use: KeyUse, usages: readonly TokenKeyUsage[]): Promise<TokenCryptoKey>;
  encrypt?(use: KeyUse, data: Bytes): Promise<Bytes>;
  decrypt?(use: KeyUse, data: Bytes): Promise<Bytes>;
  sign?(use: KeyUse, data: Bytes): Promise<Bytes>;
  verify?(use: KeyUse, signature: Bytes, data: Bytes): Promise<boolean>;
  digest?(access: TokenAccess, parameters: Parameters, data: Bytes): Promise<Bytes>;
  /** Bits that a key derives: null is as many as there are. */
  deriveBits?(use: KeyUse, length: number | null): Promise<Bytes>;
  /** The mechanism that makes a key of so many bytes on the token itself; null where the token has none for them. */
  derivation?(use: KeyUse, bytes: number | null): Promise<Mechanism | null>;
  /** What a derived key of so many bits is on the token; null where its bytes have to be changed first. */
  derivedKey?(made: NewKey, bits: number | null): DerivedKey | null;
  wrapKey?(use: KeyUse, data: Bytes): Promise<Bytes>;
  unwrapKey?(use: KeyUse, data: Bytes): Promise<Bytes>;
  /** The mechanism by which the token itself wraps keys, so that their bytes are seen nowhere. */
  readonly wrapping?: Mechanism;
  /** Bytes of the key in what was wrapped so. */
  unwrappedLength?(wrapped: number): number;
  /** Bits of a key that is derived; null where any length will do. */
  keyLength?(parameters: Parameters): number | null;
  encapsulate?(use: KeyUse): Promise<{ readonly sharedKey: Bytes; readonly ciphertext: Bytes }>;
  decapsulate?(use: KeyUse, ciphertext: Bytes): Promise<Bytes>;
}

/** Whether a token has any of these mechanisms. */
export function anyOf(...mechanisms: readonly number[]): (access: TokenAccess) => boolean {
  return (access) => mechanisms.some((mechanism) => access.has(mechanism));
}
