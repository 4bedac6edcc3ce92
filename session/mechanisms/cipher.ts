/** Builders of cipher and MAC mechanisms. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import {
  type BuiltParameter,
  type MechanismUse,
  OutputParameter,
  StructParameter,
  UlongParameter,
  type WrittenParameter,
} from "../../ffi/memory/mechanisms.ts";
import {
  CK_AES_CTR_PARAMS,
  CK_CCM_PARAMS,
  CK_CHACHA20_PARAMS,
  CK_GCM_PARAMS,
  CK_SALSA20_CHACHA20_POLY1305_PARAMS,
} from "../../ffi/memory/structs_cipher.ts";
import {
  type BuiltMechanism,
  bytesMember,
  checkOptions,
  integer,
  MAX_GCM_IV,
  oneOf,
  optionalBytes,
  optionalLength,
} from "./built.ts";
import { findHash, type HashIdentifier } from "./hash.ts";

/** Options of {@linkcode aesGcm}. */
export interface AesGcmOptions {
  /**
   * The initialization vector, up to 2^32 - 1 bytes; 12 unless there is a reason. Never the same twice with one key. Tokens
   * that make it themselves, as some do in FIPS mode, want none: an empty one, or `additionalData` alone, is a NULL pointer.
   * They append theirs to the result, which is given as it comes; with `ivLength` it is split off.
   */
  readonly iv?: BytesInput | undefined;
  /**
   * Bytes of the initialization vector that the token makes and appends to the result, 1 to 256, usually 12; instead of
   * `iv`. `encrypt` splits it off: it is `parameter.iv` of the mechanism then, which decrypts with it. Results of parts and
   * of `encryptMany` are given as they come, with the vector at the end.
   */
  readonly ivLength?: number | undefined;
  /**
   * Data that is authenticated but not encrypted.
   *
   * By default none.
   */
  readonly additionalData?: BytesInput | undefined;
  /**
   * Bits of the authentication tag at the end of the encrypted data: 32, 64, 96, 104, 112, 120 or 128.
   *
   * @default {128}
   */
  readonly tagLength?: AesGcmTagLength | undefined;
}

/** Bits an authentication tag of AES-GCM may have (PKCS#11 3.0 §6.13.4). */
export type AesGcmTagLength = 32 | 64 | 96 | 104 | 112 | 120 | 128;

/** Bits an authentication tag of AES-CCM may have (PKCS#11 3.0 §6.13.5). */
export type AesCcmTagLength = 32 | 48 | 64 | 80 | 96 | 112 | 128;

const GCM_TAGS: readonly AesGcmTagLength[] = [32, 64, 96, 104, 112, 120, 128];
const CCM_TAGS: readonly AesCcmTagLength[] = [32, 48, 64, 80, 96, 112, 128];

/** The parameter of AES-GCM. */
export interface GcmParameter extends BuiltParameter {
  /** A copy of the IV: after encrypting, the one the token used, which some tokens make themselves. */
  readonly iv: Uint8Array<ArrayBuffer>;
}

class GcmStruct extends OutputParameter<typeof CK_GCM_PARAMS> implements GcmParameter {
  #iv: Uint8Array;

  constructor(iv: Uint8Array, additionalData: Uint8Array | null, tagLength: number) {
    const values = {
      ulIvLen: iv.length,
      ulIvBits: iv.length * 8,
      pAAD: additionalData,
      ulAADLen: additionalData?.length ?? 0,
      ulTagBits: tagLength,
    };
    super(CK_GCM_PARAMS, values, [{
      member: "pIv",
      initial: iv,
      received: (block, offset) => {
        this.#iv = block.copyOut(offset, iv.length);
      },
    }]);
    this.#iv = iv;
  }

  get tokenMakesIv(): boolean {
    return this.#iv.length === 0;
  }

  get iv(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#iv);
  }
}

/** The parameter of AES-GCM on a token that makes the IV and appends it to what it encrypts. */
class TokenIv implements GcmParameter {
  readonly tokenMakesIv = true;
  readonly appended: number;
  readonly #additionalData: Uint8Array | null;
  readonly #tagLength: number;
  #iv: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(ivLength: number, additionalData: Uint8Array | null, tagLength: number) {
    this.appended = ivLength;
    this.#additionalData = additionalData;
    this.#tagLength = tagLength;
  }

  get iv(): Uint8Array<ArrayBuffer> {
    return this.#iv.slice();
  }

  write(block: Block, use: MechanismUse): WrittenParameter {
    const isDecrypted = use.operation === "decrypt";
    if (isDecrypted && this.#iv.length === 0) {
      throw new TypeError(
        "Cannot decrypt with AES-GCM: the iv is not known yet; give the one that encrypting has left in parameter.iv",
      );
    }
    const iv = isDecrypted ? this.#iv : new Uint8Array(0);
    return new GcmStruct(iv, this.#additionalData, this.#tagLength).write(block, use);
  }

  takeAppended(result: Uint8Array<ArrayBuffer>, dataLength: number): Uint8Array<ArrayBuffer> {
    const end = dataLength + this.#tagLength / 8;
    if (result.length !== end + this.appended) {
      // Without the IV it cannot be decrypted, and the token may have used the same one before.
      throw new RangeError(
        `Cannot use the module's answer: it has ${result.length} bytes, expected ${end} and an IV of ${this.appended}; ` +
          "the token does not make the IV, give iv",
      );
    }
    this.#iv = result.slice(end);
    return result.slice(0, end);
  }
}

/**
 * AES-GCM (`CKM_AES_GCM`), as WebCrypto's `AesGcmParams`.
 *
 * @throws {TypeError} When a member has the wrong type.
 * @throws {RangeError} When a length is not allowed.
 *
 * @example Build the mechanism
 * ```ts
 * import { aesGcm, CKM } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const mechanism = aesGcm({ iv: crypto.getRandomValues(new Uint8Array(12)) });
 * assertEquals(mechanism.type, CKM.AES_GCM);
 * // await session.encrypt(key, mechanism, data); then keep mechanism.parameter.iv
 * ```
 */
export function aesGcm(options: AesGcmOptions): BuiltMechanism<GcmParameter> {
  checkOptions(options, "AES-GCM");
  const { ivLength } = options;
  if (ivLength === undefined) return { type: CKM.AES_GCM, parameter: gcmParameter(options) };
  if (options.iv !== undefined) throw new TypeError("Cannot use ivLength of AES-GCM: iv is given beside it");
  const parameter = new TokenIv(
    integer(ivLength, "ivLength of AES-GCM", 1, 256),
    optionalBytes(options.additionalData, "the additionalData of AES-GCM"),
    gcmTagBits(options.tagLength),
  );
  return { type: CKM.AES_GCM, parameter };
}

/** AES-GMAC (`CKM_AES_GMAC`): the authentication of AES-GCM alone; see {@linkcode aesGcm}. */
export function aesGmac(options: Omit<AesGcmOptions, "ivLength">): BuiltMechanism<GcmParameter> {
  checkOptions(options, "AES-GMAC");
  if ("ivLength" in options && options.ivLength !== undefined) {
    throw new TypeError("Cannot use ivLength of AES-GMAC: a signature has no IV behind it, give iv");
  }
  return { type: CKM.AES_GMAC, parameter: gcmParameter(options) };
}

function gcmParameter({ iv, additionalData, tagLength }: AesGcmOptions): GcmParameter {
  // Without anything at all an IV was more likely forgotten than left to the token.
  const given = iv === undefined && additionalData !== undefined ? new Uint8Array(0) : iv;
  return new GcmStruct(
    bytesMember(given, "the iv of AES-GCM", { max: MAX_GCM_IV }),
    optionalBytes(additionalData, "the additionalData of AES-GCM"),
    gcmTagBits(tagLength),
  );
}

/** The bits of a tag of AES-GCM, checked. */
export function gcmTagBits(tagLength: AesGcmTagLength = 128): number {
  return oneOf(tagLength, "tagLength of AES-GCM", GCM_TAGS);
}

/** The bits of a tag of AES-CCM, checked. */
export function ccmTagBits(tagLength: AesCcmTagLength = 128): number {
  return oneOf(tagLength, "tagLength of AES-CCM", CCM_TAGS);
}

/** Options of {@linkcode aesCbc}. */
export interface AesCbcOptions {
  /** The initialization vector, 16 bytes. */
  readonly iv: BytesInput;
  /**
   * Whether the token pads the data (PKCS #7, as WebCrypto does); without, its length must be a multiple of 16.
   *
   * @default {true}
   */
  readonly pad?: boolean | undefined;
}

/**
 * AES-CBC (`CKM_AES_CBC_PAD`, without padding `CKM_AES_CBC`), as WebCrypto's `AesCbcParams`.
 *
 * @throws {RangeError} When the IV does not have 16 bytes.
 */
export function aesCbc(options: AesCbcOptions): BuiltMechanism<Uint8Array> {
  checkOptions(options, "AES-CBC");
  const { iv, pad = true } = options;
  return {
    type: pad ? CKM.AES_CBC_PAD : CKM.AES_CBC,
    parameter: bytesMember(iv, "the iv of AES-CBC", { oneOf: [16] }),
  };
}

/** Options of {@linkcode aesCtr}. */
export interface AesCtrOptions {
  /** The first counter block, 16 bytes. */
  readonly counter: BytesInput;
  /** How many bits at the end of the block count, 1 to 128. */
  readonly length: number;
}

/**
 * AES-CTR (`CKM_AES_CTR`), as WebCrypto's `AesCtrParams`.
 *
 * @throws {RangeError} When the counter does not have 16 bytes, or the length is out of range.
 */
export function aesCtr(options: AesCtrOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "AES-CTR");
  const values = {
    ulCounterBits: integer(options.length, "the length of AES-CTR", 1, 128),
    cb: bytesMember(options.counter, "the counter of AES-CTR", { oneOf: [16] }),
  };
  return { type: CKM.AES_CTR, parameter: new StructParameter(CK_AES_CTR_PARAMS, values) };
}

/** Options of {@linkcode aesCcm}. */
export interface AesCcmOptions {
  /** The nonce, 7 to 13 bytes. Never the same twice with one key. */
  readonly nonce: BytesInput;
  /**
   * Data that is authenticated but not encrypted.
   *
   * By default none.
   */
  readonly additionalData?: BytesInput | undefined;
  /**
   * Bits of the authentication tag: 32, 48, 64, 80, 96, 112 or 128.
   *
   * @default {128}
   */
  readonly tagLength?: AesCcmTagLength | undefined;
  /**
   * Bytes of the unencrypted data. Needed only when the data comes in parts.
   *
   * By default the length of the data in the call.
   */
  readonly dataLength?: number | undefined;
}

/**
 * AES-CCM (`CKM_AES_CCM`). The mechanism carries the data's length, which is taken from the call.
 *
 * @throws {RangeError} When a length is not allowed.
 */
export function aesCcm(options: AesCcmOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "AES-CCM");
  const dataLength = optionalLength(options.dataLength, "dataLength of AES-CCM");
  const pNonce = bytesMember(options.nonce, "the nonce of AES-CCM", { min: 7, max: 13 });
  const pAAD = optionalBytes(options.additionalData, "the additionalData of AES-CCM");
  const ulMACLen = ccmTagBits(options.tagLength) / 8;
  const parameter = new StructParameter(CK_CCM_PARAMS, (_block, use) => ({
    ulDataLen: dataLength ?? plainLength(use, ulMACLen),
    pNonce,
    ulNonceLen: pNonce.length,
    pAAD,
    ulAADLen: pAAD?.length ?? 0,
    ulMACLen,
  }));
  return { type: CKM.AES_CCM, parameter };
}

function plainLength({ operation, dataLength }: MechanismUse, tag: number): number {
  if (dataLength === undefined) {
    throw new TypeError("Cannot use AES-CCM on data in parts: its length is unknown, give dataLength");
  }
  return operation === "decrypt" ? Math.max(0, dataLength - tag) : dataLength;
}

/** Options of {@linkcode chacha20Poly1305} and {@linkcode salsa20Poly1305}. */
export interface Poly1305Options {
  /** The nonce: 12 bytes, or 8 or 24 for the other forms of the cipher. Never the same twice with one key. */
  readonly nonce: BytesInput;
  /**
   * Data that is authenticated but not encrypted.
   *
   * By default none.
   */
  readonly additionalData?: BytesInput | undefined;
}

/**
 * ChaCha20-Poly1305 (`CKM_CHACHA20_POLY1305`, RFC 8439). The tag is the last 16 bytes of the encrypted data.
 *
 * @throws {RangeError} When the nonce has another length.
 */
export function chacha20Poly1305(options: Poly1305Options): BuiltMechanism<BuiltParameter> {
  return poly1305(CKM.CHACHA20_POLY1305, "ChaCha20-Poly1305", [8, 12, 24], options);
}

/** Salsa20-Poly1305 (`CKM_SALSA20_POLY1305`) with a nonce of 8 or 24 bytes. */
export function salsa20Poly1305(options: Poly1305Options): BuiltMechanism<BuiltParameter> {
  return poly1305(CKM.SALSA20_POLY1305, "Salsa20-Poly1305", [8, 24], options);
}

function poly1305(
  type: number,
  name: string,
  nonceLengths: readonly number[],
  options: Poly1305Options,
): BuiltMechanism<BuiltParameter> {
  checkOptions(options, name);
  const pNonce = bytesMember(options.nonce, `the nonce of ${name}`, { oneOf: nonceLengths });
  const pAAD = optionalBytes(options.additionalData, `the additionalData of ${name}`);
  const values = { pNonce, ulNonceLen: pNonce.length, pAAD, ulAADLen: pAAD?.length ?? 0 };
  return { type, parameter: new StructParameter(CK_SALSA20_CHACHA20_POLY1305_PARAMS, values) };
}

/** Options of {@linkcode chacha20}. */
export interface Chacha20Options {
  /** The first block counter, little-endian, 4 or 8 bytes. */
  readonly counter: BytesInput;
  /** The nonce: 12 bytes with a counter of 4, 8 with a counter of 8. */
  readonly nonce: BytesInput;
}

/** ChaCha20 without authentication (`CKM_CHACHA20`). */
export function chacha20(options: Chacha20Options): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "ChaCha20");
  const pBlockCounter = bytesMember(options.counter, "the counter of ChaCha20", { oneOf: [4, 8] });
  const pNonce = bytesMember(options.nonce, "the nonce of ChaCha20", { oneOf: [8, 12, 24] });
  const values = { pBlockCounter, blockCounterBits: pBlockCounter.length * 8, pNonce, ulNonceBits: pNonce.length * 8 };
  return { type: CKM.CHACHA20, parameter: new StructParameter(CK_CHACHA20_PARAMS, values) };
}

/** Options of {@linkcode hmac}. */
export interface HmacOptions {
  /** The digest. */
  readonly hash: HashIdentifier;
  /**
   * Bytes of the MAC.
   *
   * By default all the digest has.
   */
  readonly length?: number | undefined;
}

/** HMAC (`CKM_SHA256_HMAC` and the others, truncated `CKM_SHA256_HMAC_GENERAL`). */
export function hmac(options: HmacOptions): BuiltMechanism<BuiltParameter | null> {
  checkOptions(options, "HMAC");
  const hash = findHash(options.hash);
  if (options.length === undefined) return { type: hash.hmac, parameter: null };
  const length = integer(options.length, "the length of HMAC", 1, hash.length);
  return { type: hash.hmacGeneral, parameter: new UlongParameter(length) };
}

/** Options of {@linkcode aesCmac}. */
export interface AesCmacOptions {
  /**
   * Bytes of the MAC, 1 to 16.
   *
   * @default {16}
   */
  readonly length?: number | undefined;
}

/** AES-CMAC (`CKM_AES_CMAC`, truncated `CKM_AES_CMAC_GENERAL`). */
export function aesCmac(options: AesCmacOptions = {}): BuiltMechanism<BuiltParameter | null> {
  checkOptions(options, "AES-CMAC");
  if (options.length === undefined) return { type: CKM.AES_CMAC, parameter: null };
  const length = integer(options.length, "the length of AES-CMAC", 1, 16);
  return { type: CKM.AES_CMAC_GENERAL, parameter: new UlongParameter(length) };
}
