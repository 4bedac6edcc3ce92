/** Builders of key agreement and key derivation mechanisms. */
import { type BytesInput, checkUlong, copyBytes, encodeText } from "../../ffi/memory/inputs.ts";
import { CKF } from "../../ffi/constants/ckf.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKD, CKZ } from "../../ffi/constants/parameters.ts";
import { type BuiltParameter, StructParameter } from "../../ffi/memory/mechanisms.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { CK_AES_CBC_ENCRYPT_DATA_PARAMS } from "../../ffi/memory/structs_cipher.ts";
import {
  CK_HKDF_PARAMS,
  CK_KEY_DERIVATION_STRING_DATA,
  CK_PKCS5_PBKD2_PARAMS,
  CK_PKCS5_PBKD2_PARAMS2,
} from "../../ffi/memory/structs_derive.ts";
import { CK_ECDH1_DERIVE_PARAMS, CK_X9_42_DH1_DERIVE_PARAMS } from "../../ffi/memory/structs_public_key.ts";
import { writeUlongs } from "../../ffi/memory/templates.ts";
import { type BuiltMechanism, bytesMember, checkOptions, integer, optionalBytes } from "./built.ts";
import { findHash, type HashIdentifier } from "./hash.ts";

/** Options of {@linkcode ecdh1}. */
export interface Ecdh1Options {
  /** The other side's public point: 04 and the coordinates, or the X25519 or X448 public key. */
  readonly public: BytesInput;
  /**
   * What is done with the shared secret: a {@linkcode CKD} number, or the hash of the ANSI X9.63 KDF.
   *
   * By default `CKD.NULL`, the shared secret as it is.
   */
  readonly kdf?: number | HashIdentifier | undefined;
  /**
   * Data both sides add to the KDF.
   *
   * By default none.
   */
  readonly sharedData?: BytesInput | undefined;
  /**
   * Whether the cofactor is multiplied in (`CKM_ECDH1_COFACTOR_DERIVE`).
   *
   * @default {false}
   */
  readonly cofactor?: boolean | undefined;
}

/**
 * ECDH (`CKM_ECDH1_DERIVE`), on X25519 and X448 keys too; `public` as in WebCrypto's `EcdhKeyDeriveParams`, in bytes.
 *
 * @throws {TypeError} When a member has the wrong type.
 *
 * @example Build the mechanism
 * ```ts
 * import { CKM, ecdh1 } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
 * const point = await crypto.subtle.exportKey("raw", pair.publicKey);
 * assertEquals(ecdh1({ public: point }).type, CKM.ECDH1_DERIVE);
 * ```
 */
export function ecdh1(options: Ecdh1Options): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "ECDH");
  const pPublicData = bytesMember(options.public, "the public key of ECDH", { min: 1 });
  const pSharedData = optionalBytes(options.sharedData, "the sharedData of ECDH");
  const values = {
    kdf: kdfNumber(options.kdf),
    ulSharedDataLen: pSharedData?.length ?? 0,
    pSharedData,
    ulPublicDataLen: pPublicData.length,
    pPublicData,
  };
  const type = options.cofactor ? CKM.ECDH1_COFACTOR_DERIVE : CKM.ECDH1_DERIVE;
  return { type, parameter: new StructParameter(CK_ECDH1_DERIVE_PARAMS, values) };
}

/** The {@linkcode CKD} number of a KDF option. */
export function kdfNumber(kdf: number | HashIdentifier | undefined): number {
  if (kdf === undefined) return CKD.NULL;
  return typeof kdf === "number" ? Number(checkUlong(kdf, "a kdf")) : findHash(kdf).kdf;
}

/** Options of {@linkcode dh}. */
export interface DhOptions {
  /** The other side's public value, big-endian. */
  readonly public: BytesInput;
}

/** Diffie-Hellman of PKCS #3 (`CKM_DH_PKCS_DERIVE`). */
export function dh(options: DhOptions): BuiltMechanism<Uint8Array> {
  checkOptions(options, "Diffie-Hellman");
  return {
    type: CKM.DH_PKCS_DERIVE,
    parameter: bytesMember(options.public, "the public key of Diffie-Hellman", { min: 1 }),
  };
}

/** Options of {@linkcode x942Dh}. */
export interface X942DhOptions {
  /** The other side's public value, big-endian. */
  readonly public: BytesInput;
  /**
   * What is done with the shared secret: a {@linkcode CKD} number.
   *
   * By default `CKD.NULL`.
   */
  readonly kdf?: number | undefined;
  /**
   * Data both sides add to the KDF.
   *
   * By default none.
   */
  readonly otherInfo?: BytesInput | undefined;
}

/** Diffie-Hellman of ANSI X9.42 (`CKM_X9_42_DH_DERIVE`). */
export function x942Dh(options: X942DhOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "X9.42 Diffie-Hellman");
  const pPublicData = bytesMember(options.public, "the public key of X9.42 Diffie-Hellman", { min: 1 });
  const pOtherInfo = optionalBytes(options.otherInfo, "the otherInfo of X9.42 Diffie-Hellman");
  const values = {
    kdf: kdfNumber(options.kdf),
    ulOtherInfoLen: pOtherInfo?.length ?? 0,
    pOtherInfo,
    ulPublicDataLen: pPublicData.length,
    pPublicData,
  };
  return { type: CKM.X9_42_DH_DERIVE, parameter: new StructParameter(CK_X9_42_DH1_DERIVE_PARAMS, values) };
}

/** Options of {@linkcode hkdf}. */
export interface HkdfOptions {
  /** The digest. */
  readonly hash: HashIdentifier;
  /**
   * The salt: bytes, or the handle of a key on the token.
   *
   * By default none, which RFC 5869 takes as zeros.
   */
  readonly salt?: BytesInput | bigint | undefined;
  /**
   * The context of the derived key.
   *
   * By default none.
   */
  readonly info?: BytesInput | undefined;
  /**
   * Whether to do the first step, which makes a pseudorandom key of the input.
   *
   * @default {true}
   */
  readonly extract?: boolean | undefined;
  /**
   * Whether to do the second step, which makes output of any length.
   *
   * @default {true}
   */
  readonly expand?: boolean | undefined;
  /**
   * Whether the output is a data object (`CKM_HKDF_DATA`) rather than a key.
   *
   * @default {false}
   */
  readonly data?: boolean | undefined;
}

/** HKDF (`CKM_HKDF_DERIVE`, RFC 5869), as WebCrypto's `HkdfParams`. */
export function hkdf(options: HkdfOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "HKDF");
  const { salt, info, extract = true, expand = true, data = false } = options;
  const saltKey = typeof salt === "bigint" ? checkUlong(salt, "the salt key of HKDF") : undefined;
  const pSalt = typeof salt === "bigint" ? null : optionalBytes(salt, "the salt of HKDF");
  const pInfo = optionalBytes(info, "the info of HKDF");
  const values = {
    bExtract: extract,
    bExpand: expand,
    prfHashMechanism: findHash(options.hash).digest,
    ulSaltType: saltKey !== undefined ? CKF.HKDF_SALT_KEY : pSalt ? CKF.HKDF_SALT_DATA : CKF.HKDF_SALT_NULL,
    pSalt,
    ulSaltLen: pSalt?.length ?? 0,
    hSaltKey: saltKey ?? 0,
    pInfo,
    ulInfoLen: pInfo?.length ?? 0,
  };
  return { type: data ? CKM.HKDF_DATA : CKM.HKDF_DERIVE, parameter: new StructParameter(CK_HKDF_PARAMS, values) };
}

/** Options of {@linkcode pbkdf2}. */
export interface Pbkdf2Options {
  /** The digest of the PRF, HMAC. */
  readonly hash: HashIdentifier;
  /** The salt. */
  readonly salt: BytesInput;
  /** How often the PRF is iterated. */
  readonly iterations: number;
  /**
   * The password; text goes in UTF-8. The mechanism keeps a copy until it is collected.
   *
   * By default none, for tokens that ask for it on a protected path.
   */
  readonly password?: string | BytesInput | undefined;
  /**
   * How the token takes the password's length: by `value` since 2.40, by `pointer` before, and in NSS still.
   *
   * @default {"value"}
   */
  readonly passwordLength?: "value" | "pointer" | undefined;
}

/**
 * PBKDF2 (`CKM_PKCS5_PBKD2`, RFC 8018), for `generateKey`; `hash`, `salt` and `iterations` as WebCrypto's
 * `Pbkdf2Params`. The native copy of the password is overwritten after the call.
 *
 * @throws {TypeError} When the hash is unknown or the standard has no PRF with it.
 * @throws {RangeError} When there are no iterations.
 */
export function pbkdf2(options: Pbkdf2Options): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "PBKDF2");
  const { passwordLength = "value" } = options;
  const { name, pbkdf2: prf } = findHash(options.hash);
  if (prf === undefined) throw new TypeError(`Cannot use ${name} with PBKDF2: the standard does not define it`);
  const pSaltSourceData = bytesMember(options.salt, "the salt of PBKDF2");
  const iterations = integer(options.iterations, "iterations of PBKDF2", 1, 0xffff_ffff);
  const password = passwordBytes(options.password);
  const common = {
    saltSource: CKZ.SALT_SPECIFIED,
    pSaltSourceData,
    ulSaltSourceDataLen: pSaltSourceData.length,
    iterations,
    prf,
    pPrfData: null,
    ulPrfDataLen: 0,
    pPassword: password,
  };
  const length = password?.length ?? 0;
  const parameter = passwordLength === "pointer"
    ? new StructParameter(CK_PKCS5_PBKD2_PARAMS, (block) => {
      block.secret = true;
      return { ...common, ulPasswordLen: pointerToUlong(block, length) };
    })
    : new StructParameter(CK_PKCS5_PBKD2_PARAMS2, (block) => {
      block.secret = true;
      return { ...common, ulPasswordLen: length };
    });
  return { type: CKM.PKCS5_PBKD2, parameter };
}

function pointerToUlong(block: Block, value: number): bigint {
  return block.address(writeUlongs(block, [value]));
}

function passwordBytes(password: string | BytesInput | undefined): Uint8Array | null {
  if (password === undefined) return null;
  return typeof password === "string"
    ? encodeText(password, "the password of PBKDF2")
    : copyBytes(password, "the password of PBKDF2");
}

/** Mechanisms whose parameter is a piece of data. */
export type DataDerivation =
  | "concatenate-base-and-data"
  | "concatenate-data-and-base"
  | "xor-base-and-data"
  | "aes-ecb-encrypt-data"
  | "des3-ecb-encrypt-data";

const DATA_DERIVATIONS: { readonly [name in DataDerivation]: number } = {
  "concatenate-base-and-data": CKM.CONCATENATE_BASE_AND_DATA,
  "concatenate-data-and-base": CKM.CONCATENATE_DATA_AND_BASE,
  "xor-base-and-data": CKM.XOR_BASE_AND_DATA,
  "aes-ecb-encrypt-data": CKM.AES_ECB_ENCRYPT_DATA,
  "des3-ecb-encrypt-data": CKM.DES3_ECB_ENCRYPT_DATA,
};

/**
 * A derivation from a key and a piece of data (`CK_KEY_DERIVATION_STRING_DATA`).
 *
 * @param derivation What is done with them, or the {@linkcode CKM} number of another mechanism with this parameter.
 * @throws {TypeError} When there is no such derivation.
 */
export function dataDerivation(
  derivation: DataDerivation | number,
  data: BytesInput,
): BuiltMechanism<BuiltParameter> {
  const type = typeof derivation === "number" ? derivation : DATA_DERIVATIONS[derivation];
  if (type === undefined) {
    const names = Object.keys(DATA_DERIVATIONS).join(", ");
    throw new TypeError(`Cannot use derivation "${derivation}": expected one of ${names}`);
  }
  const pData = copyBytes(data, "the data of a derivation");
  return { type, parameter: new StructParameter(CK_KEY_DERIVATION_STRING_DATA, { pData, ulLen: pData.length }) };
}

/** Options of {@linkcode aesCbcEncryptData}. */
export interface CbcEncryptDataOptions {
  /** The initialization vector, 16 bytes. */
  readonly iv: BytesInput;
  /** The data to encrypt, a multiple of 16 bytes. */
  readonly data: BytesInput;
}

/** A key derived by encrypting data with AES-CBC (`CKM_AES_CBC_ENCRYPT_DATA`). */
export function aesCbcEncryptData(
  options: CbcEncryptDataOptions,
): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "AES-CBC key derivation");
  const pData = bytesMember(options.data, "the data of a derivation", { min: 16 });
  if (pData.length % 16 !== 0) {
    throw new RangeError(`Cannot use the data of a derivation: ${pData.length} bytes are no multiple of 16`);
  }
  const values = {
    iv: bytesMember(options.iv, "the iv of a derivation", { oneOf: [16] }),
    pData,
    length: pData.length,
  };
  return { type: CKM.AES_CBC_ENCRYPT_DATA, parameter: new StructParameter(CK_AES_CBC_ENCRYPT_DATA_PARAMS, values) };
}
