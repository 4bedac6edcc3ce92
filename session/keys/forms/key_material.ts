/**
 * A key outside any token, whatever form it came in or is to go out in.
 *
 * @module
 */
import type { Curve, ParameterSet } from "../../attributes/named_parameters.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The private numbers of an RSA key, without leading zeros (RFC 8017 §3.2). */
export interface RsaPrivateNumbers {
  /** d. */
  readonly privateExponent: Bytes;
  /** p. */
  readonly prime1: Bytes;
  /** q. */
  readonly prime2: Bytes;
  /** d mod (p - 1). */
  readonly exponent1: Bytes;
  /** d mod (q - 1). */
  readonly exponent2: Bytes;
  /** The inverse of q mod p. */
  readonly coefficient: Bytes;
}

/** An RSA key. */
export interface RsaMaterial {
  readonly kind: "RSA";
  /** n, without leading zeros. */
  readonly modulus: Bytes;
  /** e, without leading zeros. */
  readonly publicExponent: Bytes;
  /** Its private half. */
  readonly privateNumbers: RsaPrivateNumbers | null;
}

/** A key on a named curve: of ECDSA and ECDH, EdDSA, or X25519 and X448. */
export interface CurveMaterial {
  readonly kind: "curve";
  /** The curve. */
  readonly curve: Curve;
  /** The uncompressed point, or the public key of RFC 8032 and RFC 7748. */
  readonly publicKey: Bytes | null;
  /** The number, in the curve's length, or the private key of RFC 8032 and RFC 7748. */
  readonly privateKey: Bytes | null;
}

/** A key of ML-DSA, SLH-DSA or ML-KEM. */
export interface PostQuantumMaterial {
  readonly kind: "post-quantum";
  /** The parameter set. */
  readonly set: ParameterSet;
  /** The public key. */
  readonly publicKey: Bytes | null;
  /** What the private key is made from. */
  readonly seed: Bytes | null;
  /** The expanded private key. */
  readonly privateKey: Bytes | null;
}

/** A secret key. */
export interface SecretMaterial {
  readonly kind: "secret";
  /** CKK_ number. */
  readonly keyType: number;
  /** Its value. */
  readonly value: Bytes;
}

/** Any of them. */
export type KeyMaterial = RsaMaterial | CurveMaterial | PostQuantumMaterial | SecretMaterial;

/** A key that has a public half. */
export type AsymmetricMaterial = RsaMaterial | CurveMaterial | PostQuantumMaterial;

/** Whether the private half is there. */
export function hasPrivateHalf(material: AsymmetricMaterial): boolean {
  switch (material.kind) {
    case "RSA":
      return material.privateNumbers !== null;
    case "curve":
      return material.privateKey !== null;
    case "post-quantum":
      return material.privateKey !== null || material.seed !== null;
  }
}

/** What the key is called in an error. */
export function describeKey(material: KeyMaterial): string {
  switch (material.kind) {
    case "RSA":
      return "RSA key";
    case "curve":
      return `${material.curve.name} key`;
    case "post-quantum":
      return `${material.set.name} key`;
    case "secret":
      return "secret key";
  }
}

/** Overwrites everything in it that is secret. */
export function wipeKey(material: KeyMaterial): void {
  for (const bytes of secretsOf(material)) bytes?.fill(0);
}

function secretsOf(material: KeyMaterial): readonly (Bytes | null)[] {
  switch (material.kind) {
    case "RSA":
      return Object.values(material.privateNumbers ?? {});
    case "curve":
      return [material.privateKey];
    case "post-quantum":
      return [material.seed, material.privateKey];
    case "secret":
      return [material.value];
  }
}

/** Object identifiers of key algorithms (RFC 3279, RFC 4055, RFC 5480). */
export const KeyOid = {
  RSA: "1.2.840.113549.1.1.1",
  RSA_PSS: "1.2.840.113549.1.1.10",
  EC: "1.2.840.10045.2.1",
} as const;
