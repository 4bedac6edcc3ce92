/** Digests by name, and the numbers PKCS#11 has for them in each of its mechanism families. */
import { builtin } from "../../internal/builtin_modules.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKD, CKG, CKP } from "../../ffi/constants/parameters.ts";
import { describeType } from "../../ffi/memory/inputs.ts";

/** A digest, named as WebCrypto names it. */
export type HashName =
  | "SHA-1"
  | "SHA-224"
  | "SHA-256"
  | "SHA-384"
  | "SHA-512"
  | "SHA3-224"
  | "SHA3-256"
  | "SHA3-384"
  | "SHA3-512";

/** A digest by name, or WebCrypto's object with a name. */
export type HashIdentifier = HashName | { readonly name: HashName };

/** The numbers of one digest. */
export interface Hash {
  /** Its name. */
  readonly name: HashName;
  /** What node:crypto calls it: "sha256", "sha3-256". */
  readonly nodeName: string;
  /** Bytes of a digest. */
  readonly length: number;
  /** The digest itself. */
  readonly digest: number;
  /** HMAC with it. */
  readonly hmac: number;
  /** HMAC with it, truncated. */
  readonly hmacGeneral: number;
  /** MGF1 with it. */
  readonly mgf: number;
  /** RSA PKCS #1 v1.5 with it. */
  readonly rsaPkcs: number;
  /** RSA-PSS with it. */
  readonly rsaPss: number;
  /** ECDSA with it. */
  readonly ecdsa: number;
  /** The ANSI X9.63 KDF with it. */
  readonly kdf: number;
  /** PBKDF2's PRF with it; the standard has none for SHA-3. */
  readonly pbkdf2: number | undefined;
  /** ML-DSA of its digest; the standard has none for SHA-1. */
  readonly mlDsa: number | undefined;
  /** SLH-DSA of its digest; the standard has none for SHA-1. */
  readonly slhDsa: number | undefined;
}

type Key = "SHA224" | "SHA256" | "SHA384" | "SHA512" | "SHA3_224" | "SHA3_256" | "SHA3_384" | "SHA3_512";

function row(name: HashName, length: number, key: Key, pbkdf2: number | undefined): Hash {
  return {
    name,
    nodeName: name.replace(/^SHA-/, "SHA").toLowerCase(),
    length,
    digest: CKM[key],
    hmac: CKM[`${key}_HMAC`],
    hmacGeneral: CKM[`${key}_HMAC_GENERAL`],
    mgf: CKG[`MGF1_${key}`],
    rsaPkcs: CKM[`${key}_RSA_PKCS`],
    rsaPss: CKM[`${key}_RSA_PKCS_PSS`],
    ecdsa: CKM[`ECDSA_${key}`],
    kdf: CKD[`${key}_KDF`],
    pbkdf2,
    mlDsa: CKM[`HASH_ML_DSA_${key}`],
    slhDsa: CKM[`HASH_SLH_DSA_${key}`],
  };
}

const SHA1: Hash = {
  name: "SHA-1",
  nodeName: "sha1",
  length: 20,
  digest: CKM.SHA_1,
  hmac: CKM.SHA_1_HMAC,
  hmacGeneral: CKM.SHA_1_HMAC_GENERAL,
  mgf: CKG.MGF1_SHA1,
  rsaPkcs: CKM.SHA1_RSA_PKCS,
  rsaPss: CKM.SHA1_RSA_PKCS_PSS,
  ecdsa: CKM.ECDSA_SHA1,
  kdf: CKD.SHA1_KDF,
  pbkdf2: CKP.PKCS5_PBKD2_HMAC_SHA1,
  mlDsa: undefined,
  slhDsa: undefined,
};

const HASHES: ReadonlyMap<string, Hash> = new Map([
  SHA1,
  row("SHA-224", 28, "SHA224", CKP.PKCS5_PBKD2_HMAC_SHA224),
  row("SHA-256", 32, "SHA256", CKP.PKCS5_PBKD2_HMAC_SHA256),
  row("SHA-384", 48, "SHA384", CKP.PKCS5_PBKD2_HMAC_SHA384),
  row("SHA-512", 64, "SHA512", CKP.PKCS5_PBKD2_HMAC_SHA512),
  row("SHA3-224", 28, "SHA3_224", undefined),
  row("SHA3-256", 32, "SHA3_256", undefined),
  row("SHA3-384", 48, "SHA3_384", undefined),
  row("SHA3-512", 64, "SHA3_512", undefined),
].map((hash) => [hash.name, hash]));

/**
 * The numbers of a digest; names are not case-sensitive, as in WebCrypto.
 *
 * @throws {TypeError} When the digest is unknown.
 */
export function findHash(hash: HashIdentifier): Hash {
  const name: unknown = typeof hash === "object" && hash !== null ? hash.name : hash;
  if (typeof name !== "string") {
    throw new TypeError(`Cannot use a hash: expected a name such as "SHA-256", got ${describeType(name)}`);
  }
  const found = HASHES.get(name) ?? HASHES.get(name.toUpperCase());
  if (found) return found;
  const names = [...HASHES.keys()].join(", ");
  throw new TypeError(`Cannot use hash "${name}": expected one of ${names}`);
}

/** The digest of a message, made outside the token. */
export function digestOutside(hash: HashName, message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return digest(findHash(hash).nodeName, message);
}

function digest(algorithm: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(builtin.crypto.createHash(algorithm).update(bytes).digest());
}

/** SHA-1, as identifiers and check values are made by the standard; nothing is secured by it. */
export function sha1(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return digest("sha1", bytes);
}

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return digest("sha256", bytes);
}
