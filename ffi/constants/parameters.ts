/** Profile ids, parameter sets of ML-DSA, SLH-DSA and ML-KEM, and the PRFs of PBKDF2 (`CKP_`). */
export const CKP = {
  INVALID_ID: 0x00,
  BASELINE_PROVIDER: 0x01,
  EXTENDED_PROVIDER: 0x02,
  AUTHENTICATION_TOKEN: 0x03,
  PUBLIC_CERTIFICATES_TOKEN: 0x04,
  COMPLETE_PROVIDER: 0x05,
  HKDF_TLS_TOKEN: 0x06,
  VENDOR_DEFINED: 0x80000000,
  PKCS5_PBKD2_HMAC_SHA1: 0x01,
  PKCS5_PBKD2_HMAC_GOSTR3411: 0x02,
  PKCS5_PBKD2_HMAC_SHA224: 0x03,
  PKCS5_PBKD2_HMAC_SHA256: 0x04,
  PKCS5_PBKD2_HMAC_SHA384: 0x05,
  PKCS5_PBKD2_HMAC_SHA512: 0x06,
  PKCS5_PBKD2_HMAC_SHA512_224: 0x07,
  PKCS5_PBKD2_HMAC_SHA512_256: 0x08,
  ML_DSA_44: 0x01,
  ML_DSA_65: 0x02,
  ML_DSA_87: 0x03,
  SLH_DSA_SHA2_128S: 0x01,
  SLH_DSA_SHAKE_128S: 0x02,
  SLH_DSA_SHA2_128F: 0x03,
  SLH_DSA_SHAKE_128F: 0x04,
  SLH_DSA_SHA2_192S: 0x05,
  SLH_DSA_SHAKE_192S: 0x06,
  SLH_DSA_SHA2_192F: 0x07,
  SLH_DSA_SHAKE_192F: 0x08,
  SLH_DSA_SHA2_256S: 0x09,
  SLH_DSA_SHAKE_256S: 0x0a,
  SLH_DSA_SHA2_256F: 0x0b,
  SLH_DSA_SHAKE_256F: 0x0c,
  ML_KEM_512: 0x01,
  ML_KEM_768: 0x02,
  ML_KEM_1024: 0x03,
} as const;

/** One value of {@linkcode CKP}. */
export type CKP = (typeof CKP)[keyof typeof CKP];

/** Key derivation functions (`CKD_`) of the Diffie-Hellman mechanisms. */
export const CKD = {
  NULL: 0x01,
  SHA1_KDF: 0x02,
  SHA1_KDF_ASN1: 0x03,
  SHA1_KDF_CONCATENATE: 0x04,
  SHA224_KDF: 0x05,
  SHA256_KDF: 0x06,
  SHA384_KDF: 0x07,
  SHA512_KDF: 0x08,
  CPDIVERSIFY_KDF: 0x09,
  SHA3_224_KDF: 0x0a,
  SHA3_256_KDF: 0x0b,
  SHA3_384_KDF: 0x0c,
  SHA3_512_KDF: 0x0d,
  SHA1_KDF_SP800: 0x0e,
  SHA224_KDF_SP800: 0x0f,
  SHA256_KDF_SP800: 0x10,
  SHA384_KDF_SP800: 0x11,
  SHA512_KDF_SP800: 0x12,
  SHA3_224_KDF_SP800: 0x13,
  SHA3_256_KDF_SP800: 0x14,
  SHA3_384_KDF_SP800: 0x15,
  SHA3_512_KDF_SP800: 0x16,
  BLAKE2B_160_KDF: 0x17,
  BLAKE2B_256_KDF: 0x18,
  BLAKE2B_384_KDF: 0x19,
  BLAKE2B_512_KDF: 0x1a,
} as const;

/** One value of {@linkcode CKD}. */
export type CKD = (typeof CKD)[keyof typeof CKD];

/** Mask generation functions of OAEP and PSS (`CKG_MGF1_…`), and the nonce generators of the message functions (`CKG_GENERATE…`). */
export const CKG = {
  MGF1_SHA1: 0x01,
  MGF1_SHA256: 0x02,
  MGF1_SHA384: 0x03,
  MGF1_SHA512: 0x04,
  MGF1_SHA224: 0x05,
  MGF1_SHA3_224: 0x06,
  MGF1_SHA3_256: 0x07,
  MGF1_SHA3_384: 0x08,
  MGF1_SHA3_512: 0x09,
  NO_GENERATE: 0x00,
  GENERATE: 0x01,
  GENERATE_COUNTER: 0x02,
  GENERATE_RANDOM: 0x03,
  GENERATE_COUNTER_XOR: 0x04,
} as const;

/** One value of {@linkcode CKG}. */
export type CKG = (typeof CKG)[keyof typeof CKG];

/** Sources of an OAEP label and of a PBKDF2 salt (`CKZ_`). */
export const CKZ = {
  DATA_SPECIFIED: 0x01,
  SALT_SPECIFIED: 0x01,
} as const;

/** One value of {@linkcode CKZ}. */
export type CKZ = (typeof CKZ)[keyof typeof CKZ];

/** Values the standard names with the bare prefix `CK_`: certificate categories, OTP formats and parameters, SP 800-108 data types. */
export const CK = {
  CERTIFICATE_CATEGORY_UNSPECIFIED: 0x00,
  CERTIFICATE_CATEGORY_TOKEN_USER: 0x01,
  CERTIFICATE_CATEGORY_AUTHORITY: 0x02,
  CERTIFICATE_CATEGORY_OTHER_ENTITY: 0x03,
  SECURITY_DOMAIN_UNSPECIFIED: 0x00,
  SECURITY_DOMAIN_MANUFACTURER: 0x01,
  SECURITY_DOMAIN_OPERATOR: 0x02,
  SECURITY_DOMAIN_THIRD_PARTY: 0x03,
  OTP_FORMAT_DECIMAL: 0x00,
  OTP_FORMAT_HEXADECIMAL: 0x01,
  OTP_FORMAT_ALPHANUMERIC: 0x02,
  OTP_FORMAT_BINARY: 0x03,
  OTP_PARAM_IGNORED: 0x00,
  OTP_PARAM_OPTIONAL: 0x01,
  OTP_PARAM_MANDATORY: 0x02,
  OTP_VALUE: 0x00,
  OTP_PIN: 0x01,
  OTP_CHALLENGE: 0x02,
  OTP_TIME: 0x03,
  OTP_COUNTER: 0x04,
  OTP_FLAGS: 0x05,
  OTP_OUTPUT_LENGTH: 0x06,
  OTP_OUTPUT_FORMAT: 0x07,
  SP800_108_ITERATION_VARIABLE: 0x01,
  SP800_108_OPTIONAL_COUNTER: 0x02,
  SP800_108_DKM_LENGTH: 0x03,
  SP800_108_BYTE_ARRAY: 0x04,
  SP800_108_COUNTER: 0x02,
  SP800_108_KEY_HANDLE: 0x05,
  SP800_108_DKM_LENGTH_SUM_OF_KEYS: 0x01,
  SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS: 0x02,
} as const;

/** One value of {@linkcode CK}. */
export type CK = (typeof CK)[keyof typeof CK];

/** `CK_TRUE`, a `CK_BBOOL` that is set. */
export const CK_TRUE = 1;

/** `CK_FALSE`, a `CK_BBOOL` that is not set. */
export const CK_FALSE = 0;

/** `CK_INVALID_HANDLE`: no session and no object has this handle. */
export const CK_INVALID_HANDLE = 0n;

/** `CK_EFFECTIVELY_INFINITE`, a session or memory limit that does not bind. */
export const CK_EFFECTIVELY_INFINITE = 0;

/** The bit that marks vendor-defined numbers of every prefix (`CKM_VENDOR_DEFINED` and its like). */
export const VENDOR_DEFINED = 0x80000000;

/**
 * `CK_UNAVAILABLE_INFORMATION`, all bits of a `CK_ULONG` set, for the width of the module's `CK_ULONG`.
 *
 * @param ulong Bytes of a `CK_ULONG`: 8 on LP64, 4 on Windows and 32-bit systems.
 */
export function unavailableInformation(ulong: 4 | 8): bigint {
  return ulong === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
}
