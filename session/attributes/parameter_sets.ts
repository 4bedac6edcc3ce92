/**
 * The parameter sets of ML-DSA (FIPS 204), SLH-DSA (FIPS 205) and ML-KEM (FIPS 203): names, numbers and lengths.
 *
 * @module
 */
import { CKK, CKP } from "../../ffi/constants/mod.ts";

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
