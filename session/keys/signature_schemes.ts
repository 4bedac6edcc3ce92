/**
 * Signature algorithms by their JOSE names (RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9964): which keys they are for, which
 * mechanism makes them, and what to do where a token lacks the mechanism that hashes by itself.
 *
 * @module
 */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import type { Curve } from "../attributes/named_parameters.ts";
import { nothing, octets, oid, sequence, writeDer } from "./forms/asn1.ts";
import type { AsymmetricMaterial } from "./forms/key_material.ts";
import { findHash, type HashName } from "../mechanisms/hash.ts";
import { rsaPss } from "../mechanisms/signature.ts";
import type { Mechanism } from "../mechanisms/mod.ts";

/** How a token makes a signature of one algorithm. */
export interface SignatureScheme {
  /** The algorithm's JOSE name; `ES` with the hash for curves that JOSE has no name for. */
  readonly algorithm: string;
  /** The digest that is signed; null where the algorithm hashes by itself. */
  readonly hash: HashName | null;
  /** Takes the message as it is. */
  readonly whole: Mechanism;
  /** Takes what {@linkcode SignatureScheme.prepare} makes of the digest; null where there is no such mechanism. */
  readonly prehashed: Mechanism | null;
  /** Makes of a digest what the mechanism for digests wants. */
  prepare(digest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

/** The CKM_ number of a mechanism. */
export function mechanismType(mechanism: Mechanism): number {
  return typeof mechanism === "number" ? mechanism : mechanism.type;
}

function same(digest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return digest;
}

function ecdsa(algorithm: string, hash: HashName): SignatureScheme {
  return { algorithm, hash, whole: findHash(hash).ecdsa, prehashed: CKM.ECDSA, prepare: same };
}

function rsaPkcs(algorithm: string, hash: HashName): SignatureScheme {
  const prepare = (digest: Uint8Array<ArrayBuffer>) => digestInfo(hash, digest);
  return { algorithm, hash, whole: findHash(hash).rsaPkcs, prehashed: CKM.RSA_PKCS, prepare };
}

function pss(algorithm: string, hash: HashName, saltLength?: number): SignatureScheme {
  const whole = rsaPss({ hash, saltLength });
  return { algorithm, hash, whole, prehashed: rsaPss({ hash, saltLength, prehashed: true }), prepare: same };
}

function itself(algorithm: string, whole: Mechanism, hash: HashName | null = null): SignatureScheme {
  return { algorithm, hash, whole, prehashed: null, prepare: same };
}

const digestIdentifiers: Readonly<Partial<Record<HashName, string>>> = {
  "SHA-1": "1.3.14.3.2.26",
  "SHA-256": "2.16.840.1.101.3.4.2.1",
  "SHA-384": "2.16.840.1.101.3.4.2.2",
  "SHA-512": "2.16.840.1.101.3.4.2.3",
  "SHA3-256": "2.16.840.1.101.3.4.2.8",
  "SHA3-384": "2.16.840.1.101.3.4.2.9",
  "SHA3-512": "2.16.840.1.101.3.4.2.10",
};

/** The DigestInfo that RSASSA-PKCS1-v1_5 signs (RFC 8017 §9.2). */
function digestInfo(hash: HashName, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return writeDer(sequence(sequence(oid(digestIdentifiers[hash]!), nothing()), octets(digest)));
}

const sizes: readonly (readonly [suffix: string, hash: HashName])[] = [
  ["256", "SHA-256"],
  ["384", "SHA-384"],
  ["512", "SHA-512"],
];

/** The algorithms of a key with two halves, the usual one first. */
export function schemesOf(material: AsymmetricMaterial): readonly SignatureScheme[] {
  switch (material.kind) {
    case "RSA":
      return [
        ...sizes.map(([suffix, hash]) => rsaPkcs(`RS${suffix}`, hash)),
        ...sizes.map(([suffix, hash]) => pss(`PS${suffix}`, hash)),
      ];
    case "curve":
      return curveSchemes(material.curve);
    case "post-quantum": {
      const { family, name } = material.set;
      if (family === "ML-KEM") return [];
      return [itself(name, family === "ML-DSA" ? CKM.ML_DSA : CKM.SLH_DSA)];
    }
  }
}

function curveSchemes(curve: Curve): readonly SignatureScheme[] {
  switch (curve.keyType) {
    case CKK.EC_EDWARDS:
      return [itself("EdDSA", CKM.EDDSA)];
    case CKK.EC_MONTGOMERY:
      return [];
  }
  const named: Readonly<Partial<Record<string, SignatureScheme>>> = {
    "P-256": ecdsa("ES256", "SHA-256"),
    "P-384": ecdsa("ES384", "SHA-384"),
    "P-521": ecdsa("ES512", "SHA-512"),
    "secp256k1": ecdsa("ES256K", "SHA-256"),
  };
  const scheme = named[curve.name];
  if (scheme !== undefined) return [scheme];
  const [suffix, hash] = curve.size <= 32 ? sizes[0]! : curve.size <= 48 ? sizes[1]! : sizes[2]!;
  return [ecdsa(`ES${suffix}`, hash)];
}

/** ECDSA of any curve with any of the hashes, for certificates; null where the key is none of ECDSA. */
export function ecdsaWith(hash: HashName): SignatureScheme {
  const suffix = sizes.find(([, name]) => name === hash)?.[0] ?? "";
  return ecdsa(`ES${suffix}`, hash);
}

/** RSASSA-PKCS1-v1_5 with any of the hashes, for what has no JOSE name. */
export function rsaPkcsWith(hash: HashName): SignatureScheme {
  return rsaPkcs(`RSASSA-PKCS1-v1_5 of ${hash}`, hash);
}

/** RSA-PSS with any of the hashes and any salt, for what has no JOSE name. */
export function rsaPssWith(hash: HashName, saltLength: number): SignatureScheme {
  return pss(`RSA-PSS of ${hash}`, hash, saltLength);
}

/** The algorithms of a secret key. */
export const secretSchemes: readonly SignatureScheme[] = sizes.map(([suffix, hash]) =>
  itself(`HS${suffix}`, findHash(hash).hmac, hash)
);
