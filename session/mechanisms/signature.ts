/** Builders of signature and public-key encryption mechanisms. */
import type { Block } from "../../ffi/memory/block.ts";
import { structLayout } from "../../ffi/memory/structs.ts";
import { type BytesInput, describeName, describeType } from "../../ffi/memory/inputs.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKH } from "../../ffi/constants/objects.ts";
import { CKZ } from "../../ffi/constants/parameters.ts";
import { type BuiltParameter, StructParameter } from "../../ffi/memory/mechanisms.ts";
import {
  CK_EDDSA_PARAMS,
  CK_HASH_SIGN_ADDITIONAL_CONTEXT,
  CK_RSA_PKCS_OAEP_PARAMS,
  CK_RSA_PKCS_PSS_PARAMS,
  CK_SIGN_ADDITIONAL_CONTEXT,
  CK_XEDDSA_PARAMS,
} from "../../ffi/memory/structs_public_key.ts";
import { type BuiltMechanism, checkOptions, integer, optionalBytes } from "./built.ts";
import { findHash, type Hash, type HashIdentifier } from "./hash.ts";

/** Options of {@linkcode rsaPkcs1} and {@linkcode ecdsa}. */
export interface HashedSignatureOptions {
  /**
   * The digest the token computes over the data.
   *
   * By default none: the data is the digest (for RSA its DigestInfo).
   */
  readonly hash?: HashIdentifier | undefined;
}

/** RSA PKCS #1 v1.5, signatures (`CKM_SHA256_RSA_PKCS` and the others) or without a hash `CKM_RSA_PKCS`. */
export function rsaPkcs1(options: HashedSignatureOptions = {}): BuiltMechanism<null> {
  checkOptions(options, "RSA PKCS #1");
  return { type: options.hash === undefined ? CKM.RSA_PKCS : findHash(options.hash).rsaPkcs, parameter: null };
}

/** ECDSA (`CKM_ECDSA_SHA256` and the others) or without a hash `CKM_ECDSA`; signatures are r and s, as in WebCrypto. */
export function ecdsa(options: HashedSignatureOptions = {}): BuiltMechanism<null> {
  checkOptions(options, "ECDSA");
  return { type: options.hash === undefined ? CKM.ECDSA : findHash(options.hash).ecdsa, parameter: null };
}

/** Options of {@linkcode rsaPss}. */
export interface RsaPssOptions {
  /** The digest. */
  readonly hash: HashIdentifier;
  /**
   * Bytes of the salt: a number, `"hash"` for the length of the digest, or `"max"` for the longest that the key has room
   * for (RFC 8017 §9.1.1), as some libraries sign by default. For `"max"` the key's modulus is read.
   *
   * @default {"hash"}
   */
  readonly saltLength?: number | "hash" | "max" | undefined;
  /**
   * The digest of the mask generation function.
   *
   * By default the same as `hash`.
   */
  readonly mgfHash?: HashIdentifier | undefined;
  /**
   * Whether the data is a digest already.
   *
   * @default {false}
   */
  readonly prehashed?: boolean | undefined;
}

/**
 * RSA-PSS (`CKM_SHA256_RSA_PKCS_PSS` and the others, `CKM_RSA_PKCS_PSS` for data that is a digest already), as
 * WebCrypto's `RsaPssParams`.
 *
 * @throws {TypeError} When the hash is unknown.
 * @throws {RangeError} When the salt length is no length.
 *
 * @example Build the mechanism
 * ```ts
 * import { CKM, rsaPss } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rsaPss({ hash: "SHA-256", saltLength: 32 }).type, CKM.SHA256_RSA_PKCS_PSS);
 * ```
 */
export function rsaPss(options: RsaPssOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "RSA-PSS");
  const hash = findHash(options.hash);
  const { saltLength = "hash", mgfHash, prehashed = false } = options;
  const values = {
    hashAlg: hash.digest,
    mgf: mgfHash === undefined ? hash.mgf : findHash(mgfHash).mgf,
    sLen: saltLength === "max" ? 0 : saltBytes(saltLength, hash.length),
  };
  const type = prehashed ? CKM.RSA_PKCS_PSS : hash.rsaPss;
  if (saltLength === "max") return { type, parameter: new LongestSalt(values, hash.length) };
  return { type, parameter: new StructParameter(CK_RSA_PKCS_PSS_PARAMS, values) };
}

function saltBytes(saltLength: number | "hash", hashLength: number): number {
  if (saltLength === "hash") return hashLength;
  if (typeof saltLength === "string") {
    throw new TypeError(
      `Cannot use saltLength of RSA-PSS: ${describeName(saltLength)} is neither a number, "hash" nor "max"`,
    );
  }
  return integer(saltLength, "saltLength of RSA-PSS", 0, 0xffff);
}

/** A parameter of RSA-PSS with the longest salt that the key has room for (RFC 8017 §9.1.1). */
class LongestSalt extends StructParameter<typeof CK_RSA_PKCS_PSS_PARAMS> {
  readonly #hashLength: number;

  constructor(values: { hashAlg: number; mgf: number; sLen: number }, hashLength: number) {
    super(CK_RSA_PKCS_PSS_PARAMS, values);
    this.#hashLength = hashLength;
  }

  fitModulus(block: Block, offset: number, modulus: Uint8Array): void {
    const first = modulus.findIndex((byte) => byte !== 0);
    // One bit less than the modulus has, in whole bytes.
    const encoded = first < 0 ? 0 : modulus.length - first - (modulus[first] === 1 ? 1 : 0);
    const length = encoded - this.#hashLength - 2;
    if (length < 0) {
      throw new RangeError(
        `Cannot use RSA-PSS: a key of ${encoded * 8} bits has no room for a digest of ${this.#hashLength} bytes`,
      );
    }
    block.setUlong(offset + structLayout(CK_RSA_PKCS_PSS_PARAMS, block.abi).offsets.sLen, length);
  }
}

/** Options of {@linkcode rsaOaep}. */
export interface RsaOaepOptions {
  /** The digest. */
  readonly hash: HashIdentifier;
  /**
   * The label both sides know.
   *
   * By default none.
   */
  readonly label?: BytesInput | undefined;
  /**
   * The digest of the mask generation function.
   *
   * By default the same as `hash`.
   */
  readonly mgfHash?: HashIdentifier | undefined;
}

/**
 * RSA-OAEP (`CKM_RSA_PKCS_OAEP`), as WebCrypto's `RsaOaepParams` with the key's hash.
 *
 * @throws {TypeError} When the hash is unknown.
 */
export function rsaOaep(options: RsaOaepOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "RSA-OAEP");
  return { type: CKM.RSA_PKCS_OAEP, parameter: new StructParameter(CK_RSA_PKCS_OAEP_PARAMS, oaepValues(options)) };
}

/** The members of `CK_RSA_PKCS_OAEP_PARAMS`. */
export function oaepValues(
  { hash, label, mgfHash }: RsaOaepOptions,
): { hashAlg: number; mgf: number; source: number; pSourceData: Uint8Array | null; ulSourceDataLen: number } {
  const { digest, mgf } = findHash(hash);
  const pSourceData = optionalBytes(label, "the label of RSA-OAEP");
  return {
    hashAlg: digest,
    mgf: mgfHash === undefined ? mgf : findHash(mgfHash).mgf,
    source: CKZ.DATA_SPECIFIED,
    pSourceData,
    ulSourceDataLen: pSourceData?.length ?? 0,
  };
}

/** Options of {@linkcode eddsa}. */
export interface EddsaOptions {
  /**
   * The context of RFC 8032, at most 255 bytes. Even an empty one selects Ed25519ctx on Ed25519 keys.
   *
   * By default none.
   */
  readonly context?: BytesInput | undefined;
  /**
   * Whether the token signs the data's digest (Ed25519ph, Ed448ph).
   *
   * @default {false}
   */
  readonly prehash?: boolean | undefined;
}

/**
 * EdDSA (`CKM_EDDSA`, RFC 8032). Without options there is no parameter, which is pure Ed25519 or Ed448.
 *
 * @throws {RangeError} When the context is longer than 255 bytes.
 */
export function eddsa(options: EddsaOptions = {}): BuiltMechanism<BuiltParameter | null> {
  checkOptions(options, "EdDSA");
  const { context, prehash } = options;
  if (context === undefined && !prehash) return { type: CKM.EDDSA, parameter: null };
  const pContextData = optionalBytes(context, "the context of EdDSA", 255);
  const values = { phFlag: prehash === true, ulContextDataLen: pContextData?.length ?? 0, pContextData };
  return { type: CKM.EDDSA, parameter: new StructParameter(CK_EDDSA_PARAMS, values) };
}

/** Options of {@linkcode xeddsa}. */
export interface XeddsaOptions {
  /** The digest. */
  readonly hash: HashIdentifier;
}

/** XEdDSA (`CKM_XEDDSA`): EdDSA signatures with X25519 and X448 keys. */
export function xeddsa(options: XeddsaOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "XEdDSA");
  const values = { hash: findHash(options.hash).digest };
  return { type: CKM.XEDDSA, parameter: new StructParameter(CK_XEDDSA_PARAMS, values) };
}

/** Whether a token may add randomness to an ML-DSA or SLH-DSA signature, must, or must not. */
export type Hedge = "preferred" | "required" | "deterministic";

/** Options of {@linkcode mlDsa} and {@linkcode slhDsa}. */
export interface PostQuantumSignatureOptions {
  /**
   * The context of FIPS 204 and 205, at most 255 bytes.
   *
   * By default none.
   */
  readonly context?: BytesInput | undefined;
  /**
   * Whether the signature is hedged.
   *
   * @default {"preferred"}
   */
  readonly hedge?: Hedge | undefined;
  /**
   * The digest of the pre-hash form (HashML-DSA, HashSLH-DSA).
   *
   * By default none: the pure form.
   */
  readonly hash?: HashIdentifier | undefined;
  /**
   * With a hash: whether the data is the digest already.
   *
   * @default {false}
   */
  readonly prehashed?: boolean | undefined;
}

/**
 * ML-DSA (`CKM_ML_DSA`, with a hash `CKM_HASH_ML_DSA_SHA256` and the others; FIPS 204).
 *
 * @throws {TypeError} When the hash is unknown or not allowed.
 * @throws {RangeError} When the context is longer than 255 bytes.
 */
export function mlDsa(options: PostQuantumSignatureOptions = {}): BuiltMechanism<BuiltParameter | null> {
  checkOptions(options, "ML-DSA");
  return postQuantum("ML-DSA", CKM.ML_DSA, CKM.HASH_ML_DSA, (hash) => hash.mlDsa, options);
}

/** SLH-DSA (`CKM_SLH_DSA`, with a hash `CKM_HASH_SLH_DSA_SHA256` and the others; FIPS 205); see {@linkcode mlDsa}. */
export function slhDsa(options: PostQuantumSignatureOptions = {}): BuiltMechanism<BuiltParameter | null> {
  checkOptions(options, "SLH-DSA");
  return postQuantum("SLH-DSA", CKM.SLH_DSA, CKM.HASH_SLH_DSA, (hash) => hash.slhDsa, options);
}

const HEDGES: { readonly [name in Hedge]: number } = {
  preferred: CKH.HEDGE_PREFERRED,
  required: CKH.HEDGE_REQUIRED,
  deterministic: CKH.DETERMINISTIC_REQUIRED,
};

function postQuantum(
  name: string,
  pure: number,
  prehashedType: number,
  hashed: (hash: Hash) => number | undefined,
  { context, hedge = "preferred", hash: hashName, prehashed = false }: PostQuantumSignatureOptions,
): BuiltMechanism<BuiltParameter | null> {
  const hedgeVariant = HEDGES[hedge];
  if (hedgeVariant === undefined) {
    const got = typeof hedge === "string" ? `"${hedge}"` : describeType(hedge);
    throw new TypeError(`Cannot use hedge of ${name}: expected "preferred", "required" or "deterministic", got ${got}`);
  }
  const pContext = optionalBytes(context, `the context of ${name}`, 255);
  const values = { hedgeVariant, pContext, ulContextLen: pContext?.length ?? 0 };
  if (hashName === undefined) {
    if (prehashed) throw new TypeError(`Cannot use prehashed of ${name}: it needs the hash`);
    const plain = pContext === null && hedge === "preferred";
    return { type: pure, parameter: plain ? null : new StructParameter(CK_SIGN_ADDITIONAL_CONTEXT, values) };
  }
  const hash = findHash(hashName);
  const type = hashed(hash);
  if (type === undefined) throw new TypeError(`Cannot use ${hash.name} with ${name}: the standard does not define it`);
  if (!prehashed) return { type, parameter: new StructParameter(CK_SIGN_ADDITIONAL_CONTEXT, values) };
  const parameter = new StructParameter(CK_HASH_SIGN_ADDITIONAL_CONTEXT, { ...values, hash: hash.digest });
  return { type: prehashedType, parameter };
}
