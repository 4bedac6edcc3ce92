import type { KeyType, ObjectClass, UserType } from "./flavor.ts";

/** Object classes (`CKO_`), the values of `CKA_CLASS`. */
export const CKO = {
  DATA: 0x00 as ObjectClass,
  CERTIFICATE: 0x01 as ObjectClass,
  PUBLIC_KEY: 0x02 as ObjectClass,
  PRIVATE_KEY: 0x03 as ObjectClass,
  SECRET_KEY: 0x04 as ObjectClass,
  HW_FEATURE: 0x05 as ObjectClass,
  DOMAIN_PARAMETERS: 0x06 as ObjectClass,
  MECHANISM: 0x07 as ObjectClass,
  OTP_KEY: 0x08 as ObjectClass,
  PROFILE: 0x09 as ObjectClass,
  VALIDATION: 0x0a as ObjectClass,
  TRUST: 0x0b as ObjectClass,
  VENDOR_DEFINED: 0x80000000 as ObjectClass,
} as const;

/** One value of {@linkcode CKO}. */
export type CKO = (typeof CKO)[keyof typeof CKO];

/** Certificate types (`CKC_`), the values of `CKA_CERTIFICATE_TYPE`. */
export const CKC = {
  X_509: 0x00,
  X_509_ATTR_CERT: 0x01,
  WTLS: 0x02,
  VENDOR_DEFINED: 0x80000000,
} as const;

/** One value of {@linkcode CKC}. */
export type CKC = (typeof CKC)[keyof typeof CKC];

/** Session states (`CKS_`) and the validation flag of `C_GetSessionValidationFlags`. */
export const CKS = {
  RO_PUBLIC_SESSION: 0x00,
  RO_USER_FUNCTIONS: 0x01,
  RW_PUBLIC_SESSION: 0x02,
  RW_USER_FUNCTIONS: 0x03,
  RW_SO_FUNCTIONS: 0x04,
  LAST_VALIDATION_OK: 0x01,
} as const;

/** One value of {@linkcode CKS}. */
export type CKS = (typeof CKS)[keyof typeof CKS];

/** User types (`CKU_`) of `C_Login`. */
export const CKU = {
  SO: 0x00 as UserType,
  USER: 0x01 as UserType,
  CONTEXT_SPECIFIC: 0x02 as UserType,
} as const;

/** One value of {@linkcode CKU}. */
export type CKU = (typeof CKU)[keyof typeof CKU];

/** Notifications (`CKN_`) a module can raise. */
export const CKN = {
  SURRENDER: 0x00,
  OTP_CHANGED: 0x01,
} as const;

/** One value of {@linkcode CKN}. */
export type CKN = (typeof CKN)[keyof typeof CKN];

/** Hardware feature types of `CKA_HW_FEATURE_TYPE`, and the hedging kinds of ML-DSA and SLH-DSA (`CKH_HEDGE_…`). */
export const CKH = {
  MONOTONIC_COUNTER: 0x01,
  CLOCK: 0x02,
  USER_INTERFACE: 0x03,
  VENDOR_DEFINED: 0x80000000,
  HEDGE_PREFERRED: 0x00,
  HEDGE_REQUIRED: 0x01,
  DETERMINISTIC_REQUIRED: 0x02,
} as const;

/** One value of {@linkcode CKH}. */
export type CKH = (typeof CKH)[keyof typeof CKH];

/** Trust values (`CKT_`) of the trust object's attributes. */
export const CKT = {
  TRUST_UNKNOWN: 0x00,
  TRUSTED: 0x01,
  TRUST_ANCHOR: 0x02,
  NOT_TRUSTED: 0x03,
  TRUST_MUST_VERIFY_TRUST: 0x04,
} as const;

/** One value of {@linkcode CKT}. */
export type CKT = (typeof CKT)[keyof typeof CKT];

/** Validation types and authorities (`CKV_`) of validation objects. */
export const CKV = {
  AUTHORITY_TYPE_UNSPECIFIED: 0x00,
  AUTHORITY_TYPE_NIST_CMVP: 0x01,
  AUTHORITY_TYPE_COMMON_CRITERIA: 0x02,
  TYPE_UNSPECIFIED: 0x00,
  TYPE_SOFTWARE: 0x01,
  TYPE_HARDWARE: 0x02,
  TYPE_FIRMWARE: 0x03,
  TYPE_HYBRID: 0x04,
} as const;

/** One value of {@linkcode CKV}. */
export type CKV = (typeof CKV)[keyof typeof CKV];

/** Key types (`CKK_`), the values of `CKA_KEY_TYPE`. */
export const CKK = {
  RSA: 0x00 as KeyType,
  DSA: 0x01 as KeyType,
  DH: 0x02 as KeyType,
  ECDSA: 0x03 as KeyType,
  EC: 0x03 as KeyType,
  X9_42_DH: 0x04 as KeyType,
  KEA: 0x05 as KeyType,
  GENERIC_SECRET: 0x10 as KeyType,
  RC2: 0x11 as KeyType,
  RC4: 0x12 as KeyType,
  DES: 0x13 as KeyType,
  DES2: 0x14 as KeyType,
  DES3: 0x15 as KeyType,
  CAST: 0x16 as KeyType,
  CAST3: 0x17 as KeyType,
  CAST5: 0x18 as KeyType,
  CAST128: 0x18 as KeyType,
  RC5: 0x19 as KeyType,
  IDEA: 0x1a as KeyType,
  SKIPJACK: 0x1b as KeyType,
  BATON: 0x1c as KeyType,
  JUNIPER: 0x1d as KeyType,
  CDMF: 0x1e as KeyType,
  AES: 0x1f as KeyType,
  BLOWFISH: 0x20 as KeyType,
  TWOFISH: 0x21 as KeyType,
  SECURID: 0x22 as KeyType,
  HOTP: 0x23 as KeyType,
  ACTI: 0x24 as KeyType,
  CAMELLIA: 0x25 as KeyType,
  ARIA: 0x26 as KeyType,
  MD5_HMAC: 0x27 as KeyType,
  SHA_1_HMAC: 0x28 as KeyType,
  RIPEMD128_HMAC: 0x29 as KeyType,
  RIPEMD160_HMAC: 0x2a as KeyType,
  SHA256_HMAC: 0x2b as KeyType,
  SHA384_HMAC: 0x2c as KeyType,
  SHA512_HMAC: 0x2d as KeyType,
  SHA224_HMAC: 0x2e as KeyType,
  SEED: 0x2f as KeyType,
  GOSTR3410: 0x30 as KeyType,
  GOSTR3411: 0x31 as KeyType,
  GOST28147: 0x32 as KeyType,
  CHACHA20: 0x33 as KeyType,
  POLY1305: 0x34 as KeyType,
  AES_XTS: 0x35 as KeyType,
  SHA3_224_HMAC: 0x36 as KeyType,
  SHA3_256_HMAC: 0x37 as KeyType,
  SHA3_384_HMAC: 0x38 as KeyType,
  SHA3_512_HMAC: 0x39 as KeyType,
  BLAKE2B_160_HMAC: 0x3a as KeyType,
  BLAKE2B_256_HMAC: 0x3b as KeyType,
  BLAKE2B_384_HMAC: 0x3c as KeyType,
  BLAKE2B_512_HMAC: 0x3d as KeyType,
  SALSA20: 0x3e as KeyType,
  X2RATCHET: 0x3f as KeyType,
  EC_EDWARDS: 0x40 as KeyType,
  EC_MONTGOMERY: 0x41 as KeyType,
  HKDF: 0x42 as KeyType,
  SHA512_224_HMAC: 0x43 as KeyType,
  SHA512_256_HMAC: 0x44 as KeyType,
  SHA512_T_HMAC: 0x45 as KeyType,
  HSS: 0x46 as KeyType,
  XMSS: 0x47 as KeyType,
  XMSSMT: 0x48 as KeyType,
  ML_KEM: 0x49 as KeyType,
  ML_DSA: 0x4a as KeyType,
  SLH_DSA: 0x4b as KeyType,
  VENDOR_DEFINED: 0x80000000 as KeyType,
} as const;

/** One value of {@linkcode CKK}. */
export type CKK = (typeof CKK)[keyof typeof CKK];
