import type { ObjectClass, UserType } from "./flavor.ts";

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
