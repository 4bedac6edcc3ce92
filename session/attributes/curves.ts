/**
 * The named elliptic curves: their names, object identifiers and sizes.
 *
 * @module
 */
import { CKK } from "../../ffi/constants/mod.ts";
import { oidElement, oidText, readElement, Tag } from "../../internal/x509/der.ts";

/** A curve by the name that Web Cryptography, OpenSSL or its RFC gives it. */
export type NamedCurve =
  | "P-224"
  | "P-256"
  | "P-384"
  | "P-521"
  | "secp256k1"
  | "brainpoolP224r1"
  | "brainpoolP256r1"
  | "brainpoolP320r1"
  | "brainpoolP384r1"
  | "brainpoolP512r1"
  | "Ed25519"
  | "Ed448"
  | "X25519"
  | "X448";

/** One curve. */
export interface Curve {
  /** Its name. */
  readonly name: NamedCurve;
  /** CKK_ number of its keys. */
  readonly keyType: number;
  /** Its object identifier. */
  readonly oid: string;
  /** Bytes of a coordinate, or of a whole public key of RFC 8032 and RFC 7748. */
  readonly size: number;
  /** Bytes of a private number or key. */
  readonly privateSize: number;
}

function weierstrass(name: NamedCurve, oid: string, size: number, privateSize = size): Curve {
  return { name, keyType: CKK.EC, oid, size, privateSize };
}

/** All of them. */
export const curves: readonly Curve[] = [
  weierstrass("P-224", "1.3.132.0.33", 28),
  weierstrass("P-256", "1.2.840.10045.3.1.7", 32),
  weierstrass("P-384", "1.3.132.0.34", 48),
  weierstrass("P-521", "1.3.132.0.35", 66),
  weierstrass("secp256k1", "1.3.132.0.10", 32),
  weierstrass("brainpoolP224r1", "1.3.36.3.3.2.8.1.1.5", 28),
  weierstrass("brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7", 32),
  weierstrass("brainpoolP320r1", "1.3.36.3.3.2.8.1.1.9", 40),
  weierstrass("brainpoolP384r1", "1.3.36.3.3.2.8.1.1.11", 48),
  weierstrass("brainpoolP512r1", "1.3.36.3.3.2.8.1.1.13", 64),
  { name: "Ed25519", keyType: CKK.EC_EDWARDS, oid: "1.3.101.112", size: 32, privateSize: 32 },
  { name: "Ed448", keyType: CKK.EC_EDWARDS, oid: "1.3.101.113", size: 57, privateSize: 57 },
  { name: "X25519", keyType: CKK.EC_MONTGOMERY, oid: "1.3.101.110", size: 32, privateSize: 32 },
  { name: "X448", keyType: CKK.EC_MONTGOMERY, oid: "1.3.101.111", size: 56, privateSize: 56 },
];

/** Other names people give the curves: OpenSSL's, SEC's, those of PKCS#11 3.0's PrintableString form. */
const aliases: Readonly<Record<string, NamedCurve>> = {
  secp224r1: "P-224",
  prime256v1: "P-256",
  secp256r1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
  "K-256": "secp256k1",
  edwards25519: "Ed25519",
  edwards448: "Ed448",
  curve25519: "X25519",
  curve448: "X448",
};

/** The curve of this name, or of another name that it has. */
export function curveByName(name: string): Curve | undefined {
  return curves.find((curve) => curve.name === (aliases[name] ?? name));
}

/** The curve of this object identifier. */
export function curveByOid(oid: string): Curve | undefined {
  return curves.find((curve) => curve.oid === oid);
}

/** CKA_EC_PARAMS of a curve: its object identifier in DER. */
export function curveParameters(curve: Curve): Uint8Array<ArrayBuffer> {
  return oidElement(curve.oid);
}

/** Identifier octet of a PrintableString, by which PKCS#11 3.0 lets a token name a curve. */
const PRINTABLE_STRING = 0x13;

/** The curve that CKA_EC_PARAMS names, by its identifier or its name; undefined where it names none of these. */
export function curveOfParameters(parameters: Uint8Array): Curve | undefined {
  const element = readElement(parameters);
  if (element === null || element.whole.length !== parameters.length) return undefined;
  if (element.tag === Tag.OID) return curveByOid(oidText(element.content));
  const isName = element.tag === PRINTABLE_STRING || element.tag === Tag.UTF8_STRING;
  return isName ? curveByName(new TextDecoder().decode(element.content)) : undefined;
}
