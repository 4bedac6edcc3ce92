/** What mechanism builders return, and the checks they share. */
import type { MechanismType } from "../../ffi/constants/flavor.ts";
import { type BytesInput, checkUlong, copyBytes, describeType } from "../../ffi/memory/inputs.ts";
import type { BuiltParameter } from "../../ffi/memory/mechanisms.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import type {
  AesCbcOptions,
  AesCcmOptions,
  AesCmacOptions,
  AesCtrOptions,
  AesGcmOptions,
  Chacha20Options,
  HmacOptions,
  Poly1305Options,
} from "./cipher.ts";
import type {
  CbcEncryptDataOptions,
  DhOptions,
  Ecdh1Options,
  HkdfOptions,
  Pbkdf2Options,
  X942DhOptions,
} from "./derive.ts";
import type { KbkdfOptions, KbkdfPart } from "./kbkdf.ts";
import type { AesCcmMessageOptions, AesGcmMessageOptions, Poly1305MessageOptions } from "./message.ts";
import type {
  EddsaOptions,
  HashedSignatureOptions,
  PostQuantumSignatureOptions,
  RsaOaepOptions,
  RsaPssOptions,
  XeddsaOptions,
} from "./signature.ts";
import type { Tls12KeyBlockOptions, Tls12MasterSecretOptions, TlsKdfOptions, TlsMacOptions } from "./tls.ts";
import type { AesKeyWrapOptions, EcdhAesKeyWrapOptions, RsaAesKeyWrapOptions } from "./wrap.ts";

/** A mechanism with the parameter a builder made. */
export interface BuiltMechanism<P extends BuiltParameter | Uint8Array | null = BuiltParameter | Uint8Array | null> {
  /** The mechanism's type, a {@linkcode CKM} number. */
  readonly type: MechanismType;
  /** Its parameter; `null` for a mechanism without one. */
  readonly parameter: P;
}

/** Bytes an initialization vector of AES-GCM may have (PKCS#11 3.0 §6.13.4). */
export const MAX_GCM_IV: number = 2 ** 32 - 1;

/** A copy of a bytes member, its length checked. */
export function bytesMember(
  value: BytesInput | undefined,
  subject: string,
  lengths: { readonly min?: number; readonly max?: number; readonly oneOf?: readonly number[] } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = copyBytes(value, subject);
  const { min = 0, max = Infinity, oneOf } = lengths;
  if (oneOf ? oneOf.includes(bytes.length) : bytes.length >= min && bytes.length <= max) return bytes;
  const expected = oneOf ? oneOf.join(" or ") : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
  throw new RangeError(`Cannot use ${subject}: it has ${bytes.length} bytes, expected ${expected}`);
}

/** A copy of a bytes member that may be left out: `null`, a NULL pointer in C, when it is missing or empty. */
export function optionalBytes(value: BytesInput | undefined, subject: string, max?: number): Uint8Array | null {
  if (value === undefined) return null;
  const bytes = bytesMember(value, subject, max === undefined ? {} : { max });
  return bytes.length === 0 ? null : bytes;
}

/** A length in bits or bytes that must be one of a few. */
export function oneOf(value: number, subject: string, allowed: readonly number[]): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use ${subject}: expected a number, got ${describeType(value)}`);
  }
  if (allowed.includes(value)) return value;
  throw new RangeError(`Cannot use ${subject} ${value}: expected one of ${allowed.join(", ")}`);
}

/** An integer within limits. */
export function integer(value: number, subject: string, min: number, max: number): number {
  const checked = checkUlong(value, subject);
  if (checked >= min && checked <= max) return Number(checked);
  throw new RangeError(`Cannot use ${subject}: ${value} is not an integer from ${min} to ${max}`);
}

/** A length that may be left out, in bytes. */
export function optionalLength(value: number | undefined, subject: string): number | undefined {
  return value === undefined ? undefined : integer(value, subject, 0, Number.MAX_SAFE_INTEGER);
}

/**
 * The options of a builder, which must be an object with no others.
 *
 * @param name What is built, as it stands in errors.
 */
export function checkOptions(options: unknown, name: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot build ${name}: expected an object of options, got ${describeType(options)}`);
  }
  refuseUnknown(`build ${name}`, options, mechanismOptions[name]!);
}

/** Names of options, and `name`: the parameters of WebCrypto's algorithms, which the builders take, have it. */
function names<T>(options: OptionNames<T>): Readonly<Record<string, true>> {
  return { ...options, name: true };
}

type All<T> = T extends unknown ? keyof T : never;
type Every<T> = { readonly [Name in All<T>]?: unknown };

const hashed = names<HashedSignatureOptions>({ hash: true });
const gcm = names<AesGcmOptions>({ iv: true, ivLength: true, additionalData: true, tagLength: true });
const poly1305 = names<Poly1305Options>({ nonce: true, additionalData: true });
const postQuantum = names<PostQuantumSignatureOptions>({ context: true, hedge: true, hash: true, prehashed: true });
const oaep = { hash: true, label: true, mgfHash: true } as const;
const message = { generator: true, fixedBits: true, tag: true } as const;
const randoms = { clientRandom: true, serverRandom: true } as const;

/**
 * The options of each mechanism that is built, by the name it has in errors. One that is misspelt would be none: data that
 * is not authenticated, a MAC of another length.
 */
const mechanismOptions: Readonly<Record<string, Readonly<Record<string, true>>>> = {
  "AES-GCM": gcm,
  "AES-GMAC": gcm,
  "AES-CBC": names<AesCbcOptions>({ iv: true, pad: true }),
  "AES-CTR": names<AesCtrOptions>({ counter: true, length: true }),
  "AES-CCM": names<AesCcmOptions>({ nonce: true, additionalData: true, tagLength: true, dataLength: true }),
  "AES-CMAC": names<AesCmacOptions>({ length: true }),
  "ChaCha20-Poly1305": poly1305,
  "Salsa20-Poly1305": poly1305,
  "ChaCha20": names<Chacha20Options>({ counter: true, nonce: true }),
  "HMAC": names<HmacOptions>({ hash: true, length: true }),
  "ECDH": names<Ecdh1Options>({ public: true, kdf: true, sharedData: true, cofactor: true }),
  "Diffie-Hellman": names<DhOptions>({ public: true }),
  "X9.42 Diffie-Hellman": names<X942DhOptions>({ public: true, kdf: true, otherInfo: true }),
  "HKDF": names<HkdfOptions>({ hash: true, salt: true, info: true, extract: true, expand: true, data: true }),
  "PBKDF2": names<Pbkdf2Options>({ hash: true, salt: true, iterations: true, password: true, passwordLength: true }),
  "AES-CBC key derivation": names<CbcEncryptDataOptions>({ iv: true, data: true }),
  "SP 800-108 KDF": names<KbkdfOptions>({ mode: true, prf: true, parts: true, iv: true }),
  "the counter of SP 800-108": names<Extract<KbkdfPart, { counter: number }>>({ counter: true, littleEndian: true }),
  "the keyLength of SP 800-108": names<Extract<KbkdfPart, { keyLength: number }>>({
    keyLength: true,
    method: true,
    littleEndian: true,
  }),
  "AES-GCM message": names<AesGcmMessageOptions>({ ...message, iv: true, tagLength: true }),
  "AES-CCM message": names<AesCcmMessageOptions>({ ...message, nonce: true, tagLength: true, dataLength: true }),
  "ChaCha20-Poly1305 message": names<Poly1305MessageOptions>({ nonce: true, tag: true }),
  "RSA PKCS #1": hashed,
  "ECDSA": hashed,
  "RSA-PSS": names<RsaPssOptions>({ hash: true, saltLength: true, mgfHash: true, prehashed: true }),
  "RSA-OAEP": names<RsaOaepOptions>(oaep),
  "EdDSA": names<EddsaOptions>({ context: true, prehash: true }),
  "XEdDSA": names<XeddsaOptions>({ hash: true }),
  "ML-DSA": postQuantum,
  "SLH-DSA": postQuantum,
  "TLS 1.2 master secret": names<Every<Tls12MasterSecretOptions>>({
    ...randoms,
    hash: true,
    dh: true,
    sessionHash: true,
  }),
  "TLS 1.2 key block": names<Tls12KeyBlockOptions>({
    ...randoms,
    hash: true,
    macLength: true,
    keyLength: true,
    ivLength: true,
  }),
  "TLS KDF": names<TlsKdfOptions>({ ...randoms, hash: true, label: true, context: true }),
  "TLS MAC": names<TlsMacOptions>({ hash: true, length: true, side: true }),
  "AES key wrap": names<AesKeyWrapOptions>({ padding: true, iv: true }),
  "RSA AES key wrap": names<RsaAesKeyWrapOptions>({ ...oaep, aesKeyBits: true }),
  "ECDH AES key wrap": names<EcdhAesKeyWrapOptions>({ aesKeyBits: true, kdf: true, sharedData: true }),
};
