/** Builders of key wrapping mechanisms. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { type BuiltParameter, StructParameter } from "../../ffi/memory/mechanisms.ts";
import { writeStruct } from "../../ffi/memory/structs.ts";
import {
  CK_ECDH_AES_KEY_WRAP_PARAMS,
  CK_RSA_AES_KEY_WRAP_PARAMS,
  CK_RSA_PKCS_OAEP_PARAMS,
} from "../../ffi/memory/structs_public_key.ts";
import { type BuiltMechanism, bytesMember, checkOptions, oneOf, optionalBytes } from "./built.ts";
import { kdfNumber } from "./derive.ts";
import type { HashIdentifier } from "./hash.ts";
import { oaepValues, type RsaOaepOptions } from "./signature.ts";

/** Options of {@linkcode aesKeyWrap}. */
export interface AesKeyWrapOptions {
  /**
   * How keys whose length is no multiple of 8 bytes are padded: `KWP` as RFC 5649, `PKCS7`, or not at all.
   *
   * @default {"none"}
   */
  readonly padding?: "none" | "KWP" | "PKCS7" | undefined;
  /**
   * Another initial value: 8 bytes, 4 with `KWP`.
   *
   * By default the standard's own.
   */
  readonly iv?: BytesInput | undefined;
}

const KEY_WRAPS = { none: CKM.AES_KEY_WRAP, KWP: CKM.AES_KEY_WRAP_KWP, PKCS7: CKM.AES_KEY_WRAP_PKCS7 } as const;

/**
 * AES key wrap (`CKM_AES_KEY_WRAP`, RFC 3394), as WebCrypto's `AES-KW`; with padding `CKM_AES_KEY_WRAP_KWP` (RFC 5649)
 * or `CKM_AES_KEY_WRAP_PKCS7`.
 *
 * @throws {RangeError} When the initial value has another length.
 */
export function aesKeyWrap(options: AesKeyWrapOptions = {}): BuiltMechanism<Uint8Array | null> {
  checkOptions(options, "AES key wrap");
  const { padding = "none", iv } = options;
  const type = KEY_WRAPS[padding];
  if (type === undefined) {
    throw new TypeError(`Cannot use padding "${padding}" of AES key wrap: expected none, KWP or PKCS7`);
  }
  if (iv === undefined) return { type, parameter: null };
  return { type, parameter: bytesMember(iv, "the iv of AES key wrap", { oneOf: [padding === "KWP" ? 4 : 8] }) };
}

/** Options of {@linkcode rsaAesKeyWrap}. */
export interface RsaAesKeyWrapOptions extends RsaOaepOptions {
  /**
   * Bits of the AES key in between: 128, 192 or 256.
   *
   * @default {256}
   */
  readonly aesKeyBits?: 128 | 192 | 256 | undefined;
}

/** A key of any length wrapped for an RSA key (`CKM_RSA_AES_KEY_WRAP`): RSA-OAEP, then AES key wrap with padding. */
export function rsaAesKeyWrap(
  options: RsaAesKeyWrapOptions,
): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "RSA AES key wrap");
  const ulAESKeyBits = oneOf(options.aesKeyBits ?? 256, "aesKeyBits of RSA AES key wrap", [128, 192, 256]);
  const oaep = oaepValues(options);
  const parameter = new StructParameter(CK_RSA_AES_KEY_WRAP_PARAMS, (block) => ({
    ulAESKeyBits,
    pOAEPParams: block.address(writeStruct(block, CK_RSA_PKCS_OAEP_PARAMS, oaep)),
  }));
  return { type: CKM.RSA_AES_KEY_WRAP, parameter };
}

/** Options of {@linkcode ecdhAesKeyWrap}. */
export interface EcdhAesKeyWrapOptions {
  /**
   * Bits of the AES key in between: 128, 192 or 256.
   *
   * @default {256}
   */
  readonly aesKeyBits?: 128 | 192 | 256 | undefined;
  /** What is done with the shared secret: a {@linkcode CKD} number, or the hash of the ANSI X9.63 KDF. */
  readonly kdf: number | HashIdentifier;
  /**
   * Data both sides add to the KDF.
   *
   * By default none.
   */
  readonly sharedData?: BytesInput | undefined;
}

/** A key of any length wrapped for an EC key (`CKM_ECDH_AES_KEY_WRAP`): ECDH, then AES key wrap with padding. */
export function ecdhAesKeyWrap(
  options: EcdhAesKeyWrapOptions,
): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "ECDH AES key wrap");
  const pSharedData = optionalBytes(options.sharedData, "the sharedData of ECDH AES key wrap");
  const values = {
    ulAESKeyBits: oneOf(options.aesKeyBits ?? 256, "aesKeyBits of ECDH AES key wrap", [128, 192, 256]),
    kdf: kdfNumber(options.kdf),
    ulSharedDataLen: pSharedData?.length ?? 0,
    pSharedData,
  };
  return { type: CKM.ECDH_AES_KEY_WRAP, parameter: new StructParameter(CK_ECDH_AES_KEY_WRAP_PARAMS, values) };
}
