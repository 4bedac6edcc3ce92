/** Mechanisms: what a call does, with parameters built from options named after WebCrypto's. */
import type { MechanismType } from "../../ffi/constants/mod.ts";
import { type BytesInput, checkType, copyBytes } from "../../ffi/memory/inputs.ts";
import type { BuiltMechanism } from "./built.ts";

/**
 * A mechanism with the bytes of its parameter as the module wants them in memory: for vendors' mechanisms, and for
 * parameters that are plain bytes.
 *
 * @param type The mechanism's {@linkcode CKM} number, or a vendor's own.
 * @throws {TypeError} When the parameter is not bytes.
 *
 * @example An IV as parameter
 * ```ts
 * import { CKM, rawMechanism } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const mechanism = rawMechanism(CKM.DES3_CBC_PAD, new Uint8Array(8));
 * assertEquals(mechanism.type, CKM.DES3_CBC_PAD);
 * ```
 */
export function rawMechanism(type: MechanismType, bytes: BytesInput): BuiltMechanism<Uint8Array> {
  return { type: checkType(type, "a mechanism type"), parameter: copyBytes(bytes, "a mechanism parameter") };
}

export type { BuiltParameter, Mechanism, MechanismUse, WrittenParameter } from "../../ffi/memory/mechanisms.ts";
export type { BuiltMechanism } from "./built.ts";
export {
  aesCbc,
  type AesCbcOptions,
  aesCcm,
  type AesCcmOptions,
  type AesCcmTagLength,
  aesCmac,
  type AesCmacOptions,
  aesCtr,
  type AesCtrOptions,
  aesGcm,
  type AesGcmOptions,
  type AesGcmTagLength,
  aesGmac,
  chacha20,
  type Chacha20Options,
  chacha20Poly1305,
  type GcmParameter,
  hmac,
  type HmacOptions,
  type Poly1305Options,
  salsa20Poly1305,
} from "./cipher.ts";
export {
  aesCbcEncryptData,
  type CbcEncryptDataOptions,
  type DataDerivation,
  dataDerivation,
  dh,
  type DhOptions,
  ecdh1,
  type Ecdh1Options,
  hkdf,
  type HkdfOptions,
  pbkdf2,
  type Pbkdf2Options,
  x942Dh,
  type X942DhOptions,
} from "./derive.ts";
export type { HashIdentifier, HashName } from "./hash.ts";
export { kbkdf, type KbkdfOptions, type KbkdfPart } from "./kbkdf.ts";
export {
  aesCcmMessage,
  type AesCcmMessageOptions,
  aesGcmMessage,
  type AesGcmMessageOptions,
  chacha20Poly1305Message,
  type MessageNonceOptions,
  type MessageParameter,
  type NonceGenerator,
  type Poly1305MessageOptions,
} from "./message.ts";
export {
  ecdsa,
  eddsa,
  type EddsaOptions,
  type HashedSignatureOptions,
  type Hedge,
  mlDsa,
  type PostQuantumSignatureOptions,
  rsaOaep,
  type RsaOaepOptions,
  rsaPkcs1,
  rsaPss,
  type RsaPssOptions,
  slhDsa,
  xeddsa,
  type XeddsaOptions,
} from "./signature.ts";
export {
  type KeyBlockParameter,
  type MasterSecretParameter,
  tls12KeyBlock,
  type Tls12KeyBlockOptions,
  tls12MasterSecret,
  type Tls12MasterSecretOptions,
  tlsKdf,
  type TlsKdfOptions,
  type TlsKeyBlock,
  tlsMac,
  type TlsMacOptions,
  type TlsRandoms,
} from "./tls.ts";
export {
  aesKeyWrap,
  type AesKeyWrapOptions,
  ecdhAesKeyWrap,
  type EcdhAesKeyWrapOptions,
  rsaAesKeyWrap,
  type RsaAesKeyWrapOptions,
} from "./wrap.ts";
