/**
 * The named elliptic curves: their names, object identifiers and sizes. The parameter sets of ML-DSA (FIPS 204), SLH-DSA
 * (FIPS 205) and ML-KEM (FIPS 203): names, numbers and lengths.
 *
 * @module
 */
import { CKK, CKP } from "../../ffi/constants/mod.ts";
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

/** A parameter set by its name in the FIPS documents. */
export type ParameterSetName =
  | "ML-DSA-44"
  | "ML-DSA-65"
  | "ML-DSA-87"
  | "ML-KEM-512"
  | "ML-KEM-768"
  | "ML-KEM-1024"
  | "SLH-DSA-SHA2-128s"
  | "SLH-DSA-SHAKE-128s"
  | "SLH-DSA-SHA2-128f"
  | "SLH-DSA-SHAKE-128f"
  | "SLH-DSA-SHA2-192s"
  | "SLH-DSA-SHAKE-192s"
  | "SLH-DSA-SHA2-192f"
  | "SLH-DSA-SHAKE-192f"
  | "SLH-DSA-SHA2-256s"
  | "SLH-DSA-SHAKE-256s"
  | "SLH-DSA-SHA2-256f"
  | "SLH-DSA-SHAKE-256f";

/** The three families. */
export type ParameterSetFamily = "ML-DSA" | "SLH-DSA" | "ML-KEM";

/** One parameter set. Lengths are in bytes. */
export interface ParameterSet {
  /** Its name. */
  readonly name: ParameterSetName;
  /** The family. */
  readonly family: ParameterSetFamily;
  /** CKK_ number of its keys. */
  readonly keyType: number;
  /** CKP_ number. */
  readonly number: number;
  /** Object identifier of its keys (and signatures). */
  readonly oid: string;
  /** A public key. */
  readonly publicLength: number;
  /** An expanded private key. */
  readonly privateLength: number;
  /** The seed; 0 where keys of the family have none in their forms. */
  readonly seedLength: number;
}

/** NIST's arc of signature algorithms, and of key encapsulation mechanisms. */
const SIGNATURES = "2.16.840.1.101.3.4.3";
const ENCAPSULATION = "2.16.840.1.101.3.4.4";

function mlDsa(name: ParameterSetName, number: number, arc: number, publicLength: number, privateLength: number) {
  const oid = `${SIGNATURES}.${arc}`;
  return {
    name,
    family: "ML-DSA",
    keyType: CKK.ML_DSA,
    number,
    oid,
    publicLength,
    privateLength,
    seedLength: 32,
  } as const;
}

function mlKem(name: ParameterSetName, number: number, arc: number, publicLength: number, privateLength: number) {
  const oid = `${ENCAPSULATION}.${arc}`;
  return {
    name,
    family: "ML-KEM",
    keyType: CKK.ML_KEM,
    number,
    oid,
    publicLength,
    privateLength,
    seedLength: 64,
  } as const;
}

function slhDsa(name: ParameterSetName, number: number, arc: number, publicLength: number) {
  const oid = `${SIGNATURES}.${arc}`;
  const privateLength = 2 * publicLength;
  return {
    name,
    family: "SLH-DSA",
    keyType: CKK.SLH_DSA,
    number,
    oid,
    publicLength,
    privateLength,
    seedLength: 0,
  } as const;
}

/** All of them. */
export const parameterSets: readonly ParameterSet[] = [
  mlDsa("ML-DSA-44", CKP.ML_DSA_44, 17, 1312, 2560),
  mlDsa("ML-DSA-65", CKP.ML_DSA_65, 18, 1952, 4032),
  mlDsa("ML-DSA-87", CKP.ML_DSA_87, 19, 2592, 4896),
  mlKem("ML-KEM-512", CKP.ML_KEM_512, 1, 800, 1632),
  mlKem("ML-KEM-768", CKP.ML_KEM_768, 2, 1184, 2400),
  mlKem("ML-KEM-1024", CKP.ML_KEM_1024, 3, 1568, 3168),
  slhDsa("SLH-DSA-SHA2-128s", CKP.SLH_DSA_SHA2_128S, 20, 32),
  slhDsa("SLH-DSA-SHA2-128f", CKP.SLH_DSA_SHA2_128F, 21, 32),
  slhDsa("SLH-DSA-SHA2-192s", CKP.SLH_DSA_SHA2_192S, 22, 48),
  slhDsa("SLH-DSA-SHA2-192f", CKP.SLH_DSA_SHA2_192F, 23, 48),
  slhDsa("SLH-DSA-SHA2-256s", CKP.SLH_DSA_SHA2_256S, 24, 64),
  slhDsa("SLH-DSA-SHA2-256f", CKP.SLH_DSA_SHA2_256F, 25, 64),
  slhDsa("SLH-DSA-SHAKE-128s", CKP.SLH_DSA_SHAKE_128S, 26, 32),
  slhDsa("SLH-DSA-SHAKE-128f", CKP.SLH_DSA_SHAKE_128F, 27, 32),
  slhDsa("SLH-DSA-SHAKE-192s", CKP.SLH_DSA_SHAKE_192S, 28, 48),
  slhDsa("SLH-DSA-SHAKE-192f", CKP.SLH_DSA_SHAKE_192F, 29, 48),
  slhDsa("SLH-DSA-SHAKE-256s", CKP.SLH_DSA_SHAKE_256S, 30, 64),
  slhDsa("SLH-DSA-SHAKE-256f", CKP.SLH_DSA_SHAKE_256F, 31, 64),
];

/** The set of this name. */
export function parameterSetByName(name: string): ParameterSet | undefined {
  return parameterSets.find((set) => set.name === name);
}

/** The set of this object identifier. */
export function parameterSetByOid(oid: string): ParameterSet | undefined {
  return parameterSets.find((set) => set.oid === oid);
}

/** The set of this number among keys of this type. */
export function parameterSetByNumber(keyType: number, number: number): ParameterSet | undefined {
  return parameterSets.find((set) => set.keyType === keyType && set.number === number);
}
