/** How each attribute of the standard is written and read. */
import { nearest } from "../../internal/expected.ts";
import type { AttributeKind } from "../../ffi/attributes/attribute.ts";
import type { ReadRequest } from "../../ffi/attributes/attribute.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import type { AttributeValues } from "./attribute_values.ts";
import type { DerivedName } from "./derived_attributes.ts";

/** The camelCase name of an attribute, `modulusBits` for `CKA_MODULUS_BITS`. */
export type AttributeName = keyof AttributeValues;

type KindOf<V> = V extends boolean ? "boolean"
  : V extends number | bigint ? "ulong"
  : V extends string ? "string"
  : V extends Uint8Array ? "bytes"
  : V extends Date ? "date"
  : V extends (number | bigint)[] ? "ulongs"
  : V extends Version ? "version"
  : "template";

/** The attribute's number, the kind of its value, the bytes a value usually has, and whether a token may hide it. */
type Row<V> =
  | readonly [type: number, kind: KindOf<V>]
  | readonly [type: number, kind: KindOf<V>, size: number]
  | readonly [type: number, kind: KindOf<V>, size: number, visibility: "secret"];

const TABLE: { readonly [K in Exclude<AttributeName, DerivedName>]: Row<AttributeValues[K]> } = {
  class: [CKA.CLASS, "ulong"],
  token: [CKA.TOKEN, "boolean"],
  private: [CKA.PRIVATE, "boolean"],
  label: [CKA.LABEL, "string", 128],
  uniqueId: [CKA.UNIQUE_ID, "string", 128],
  application: [CKA.APPLICATION, "string", 128],
  value: [CKA.VALUE, "bytes", 2048, "secret"],
  objectId: [CKA.OBJECT_ID, "bytes", 64],
  certificateType: [CKA.CERTIFICATE_TYPE, "ulong"],
  issuer: [CKA.ISSUER, "bytes", 512],
  serialNumber: [CKA.SERIAL_NUMBER, "bytes", 64],
  acIssuer: [CKA.AC_ISSUER, "bytes", 512],
  owner: [CKA.OWNER, "bytes", 512],
  attrTypes: [CKA.ATTR_TYPES, "bytes", 512],
  trusted: [CKA.TRUSTED, "boolean"],
  certificateCategory: [CKA.CERTIFICATE_CATEGORY, "ulong"],
  javaMidpSecurityDomain: [CKA.JAVA_MIDP_SECURITY_DOMAIN, "ulong"],
  url: [CKA.URL, "string", 512],
  hashOfSubjectPublicKey: [CKA.HASH_OF_SUBJECT_PUBLIC_KEY, "bytes", 64],
  hashOfIssuerPublicKey: [CKA.HASH_OF_ISSUER_PUBLIC_KEY, "bytes", 64],
  nameHashAlgorithm: [CKA.NAME_HASH_ALGORITHM, "ulong"],
  checkValue: [CKA.CHECK_VALUE, "bytes", 16],
  keyType: [CKA.KEY_TYPE, "ulong"],
  subject: [CKA.SUBJECT, "bytes", 512],
  id: [CKA.ID, "bytes", 128],
  sensitive: [CKA.SENSITIVE, "boolean"],
  encrypt: [CKA.ENCRYPT, "boolean"],
  decrypt: [CKA.DECRYPT, "boolean"],
  wrap: [CKA.WRAP, "boolean"],
  unwrap: [CKA.UNWRAP, "boolean"],
  sign: [CKA.SIGN, "boolean"],
  signRecover: [CKA.SIGN_RECOVER, "boolean"],
  verify: [CKA.VERIFY, "boolean"],
  verifyRecover: [CKA.VERIFY_RECOVER, "boolean"],
  derive: [CKA.DERIVE, "boolean"],
  startDate: [CKA.START_DATE, "date"],
  endDate: [CKA.END_DATE, "date"],
  modulus: [CKA.MODULUS, "bytes", 512],
  modulusBits: [CKA.MODULUS_BITS, "ulong"],
  publicExponent: [CKA.PUBLIC_EXPONENT, "bytes", 16],
  privateExponent: [CKA.PRIVATE_EXPONENT, "bytes", 512, "secret"],
  prime1: [CKA.PRIME_1, "bytes", 256, "secret"],
  prime2: [CKA.PRIME_2, "bytes", 256, "secret"],
  exponent1: [CKA.EXPONENT_1, "bytes", 256, "secret"],
  exponent2: [CKA.EXPONENT_2, "bytes", 256, "secret"],
  coefficient: [CKA.COEFFICIENT, "bytes", 256, "secret"],
  publicKeyInfo: [CKA.PUBLIC_KEY_INFO, "bytes", 1024],
  prime: [CKA.PRIME, "bytes", 512],
  subprime: [CKA.SUBPRIME, "bytes", 64],
  base: [CKA.BASE, "bytes", 512],
  primeBits: [CKA.PRIME_BITS, "ulong"],
  subprimeBits: [CKA.SUBPRIME_BITS, "ulong"],
  subPrimeBits: [CKA.SUB_PRIME_BITS, "ulong"],
  valueBits: [CKA.VALUE_BITS, "ulong"],
  valueLen: [CKA.VALUE_LEN, "ulong"],
  extractable: [CKA.EXTRACTABLE, "boolean"],
  local: [CKA.LOCAL, "boolean"],
  neverExtractable: [CKA.NEVER_EXTRACTABLE, "boolean"],
  alwaysSensitive: [CKA.ALWAYS_SENSITIVE, "boolean"],
  keyGenMechanism: [CKA.KEY_GEN_MECHANISM, "ulong"],
  modifiable: [CKA.MODIFIABLE, "boolean"],
  copyable: [CKA.COPYABLE, "boolean"],
  destroyable: [CKA.DESTROYABLE, "boolean"],
  ecParams: [CKA.EC_PARAMS, "bytes", 128],
  ecdsaParams: [CKA.ECDSA_PARAMS, "bytes", 128],
  ecPoint: [CKA.EC_POINT, "bytes", 256],
  secondaryAuth: [CKA.SECONDARY_AUTH, "boolean"],
  authPinFlags: [CKA.AUTH_PIN_FLAGS, "ulong"],
  alwaysAuthenticate: [CKA.ALWAYS_AUTHENTICATE, "boolean"],
  wrapWithTrusted: [CKA.WRAP_WITH_TRUSTED, "boolean"],
  wrapTemplate: [CKA.WRAP_TEMPLATE, "template"],
  unwrapTemplate: [CKA.UNWRAP_TEMPLATE, "template"],
  deriveTemplate: [CKA.DERIVE_TEMPLATE, "template"],
  otpFormat: [CKA.OTP_FORMAT, "ulong"],
  otpLength: [CKA.OTP_LENGTH, "ulong"],
  otpTimeInterval: [CKA.OTP_TIME_INTERVAL, "ulong"],
  otpUserFriendlyMode: [CKA.OTP_USER_FRIENDLY_MODE, "boolean"],
  otpChallengeRequirement: [CKA.OTP_CHALLENGE_REQUIREMENT, "ulong"],
  otpTimeRequirement: [CKA.OTP_TIME_REQUIREMENT, "ulong"],
  otpCounterRequirement: [CKA.OTP_COUNTER_REQUIREMENT, "ulong"],
  otpPinRequirement: [CKA.OTP_PIN_REQUIREMENT, "ulong"],
  otpUserIdentifier: [CKA.OTP_USER_IDENTIFIER, "string", 128],
  otpServiceIdentifier: [CKA.OTP_SERVICE_IDENTIFIER, "string", 128],
  otpServiceLogo: [CKA.OTP_SERVICE_LOGO, "bytes", 2048],
  otpServiceLogoType: [CKA.OTP_SERVICE_LOGO_TYPE, "string", 64],
  otpCounter: [CKA.OTP_COUNTER, "bytes", 16],
  otpTime: [CKA.OTP_TIME, "string", 16],
  gostr3410Params: [CKA.GOSTR3410_PARAMS, "bytes", 32],
  gostr3411Params: [CKA.GOSTR3411_PARAMS, "bytes", 32],
  gost28147Params: [CKA.GOST28147_PARAMS, "bytes", 32],
  hwFeatureType: [CKA.HW_FEATURE_TYPE, "ulong"],
  resetOnInit: [CKA.RESET_ON_INIT, "boolean"],
  hasReset: [CKA.HAS_RESET, "boolean"],
  pixelX: [CKA.PIXEL_X, "ulong"],
  pixelY: [CKA.PIXEL_Y, "ulong"],
  resolution: [CKA.RESOLUTION, "ulong"],
  charRows: [CKA.CHAR_ROWS, "ulong"],
  charColumns: [CKA.CHAR_COLUMNS, "ulong"],
  color: [CKA.COLOR, "boolean"],
  bitsPerPixel: [CKA.BITS_PER_PIXEL, "ulong"],
  charSets: [CKA.CHAR_SETS, "string", 256],
  encodingMethods: [CKA.ENCODING_METHODS, "string", 256],
  mimeTypes: [CKA.MIME_TYPES, "string", 512],
  mechanismType: [CKA.MECHANISM_TYPE, "ulong"],
  requiredCmsAttributes: [CKA.REQUIRED_CMS_ATTRIBUTES, "bytes", 512],
  defaultCmsAttributes: [CKA.DEFAULT_CMS_ATTRIBUTES, "bytes", 512],
  supportedCmsAttributes: [CKA.SUPPORTED_CMS_ATTRIBUTES, "bytes", 512],
  allowedMechanisms: [CKA.ALLOWED_MECHANISMS, "ulongs", 256],
  profileId: [CKA.PROFILE_ID, "ulong"],
  x2ratchetBag: [CKA.X2RATCHET_BAG, "bytes", 2048, "secret"],
  x2ratchetBagsize: [CKA.X2RATCHET_BAGSIZE, "ulong"],
  x2ratchetBobs1stmsg: [CKA.X2RATCHET_BOBS1STMSG, "boolean"],
  x2ratchetCkr: [CKA.X2RATCHET_CKR, "bytes", 64, "secret"],
  x2ratchetCks: [CKA.X2RATCHET_CKS, "bytes", 64, "secret"],
  x2ratchetDhp: [CKA.X2RATCHET_DHP, "bytes", 128],
  x2ratchetDhr: [CKA.X2RATCHET_DHR, "bytes", 128],
  x2ratchetDhs: [CKA.X2RATCHET_DHS, "bytes", 128, "secret"],
  x2ratchetHkr: [CKA.X2RATCHET_HKR, "bytes", 64, "secret"],
  x2ratchetHks: [CKA.X2RATCHET_HKS, "bytes", 64, "secret"],
  x2ratchetIsalice: [CKA.X2RATCHET_ISALICE, "boolean"],
  x2ratchetNhkr: [CKA.X2RATCHET_NHKR, "bytes", 64, "secret"],
  x2ratchetNhks: [CKA.X2RATCHET_NHKS, "bytes", 64, "secret"],
  x2ratchetNr: [CKA.X2RATCHET_NR, "ulong"],
  x2ratchetNs: [CKA.X2RATCHET_NS, "ulong"],
  x2ratchetPns: [CKA.X2RATCHET_PNS, "ulong"],
  x2ratchetRk: [CKA.X2RATCHET_RK, "bytes", 64, "secret"],
  hssLevels: [CKA.HSS_LEVELS, "ulong"],
  hssLmsType: [CKA.HSS_LMS_TYPE, "ulong"],
  hssLmotsType: [CKA.HSS_LMOTS_TYPE, "ulong"],
  hssLmsTypes: [CKA.HSS_LMS_TYPES, "ulongs", 64],
  hssLmotsTypes: [CKA.HSS_LMOTS_TYPES, "ulongs", 64],
  hssKeysRemaining: [CKA.HSS_KEYS_REMAINING, "ulong"],
  parameterSet: [CKA.PARAMETER_SET, "ulong"],
  objectValidationFlags: [CKA.OBJECT_VALIDATION_FLAGS, "ulong"],
  validationType: [CKA.VALIDATION_TYPE, "ulong"],
  validationVersion: [CKA.VALIDATION_VERSION, "version"],
  validationLevel: [CKA.VALIDATION_LEVEL, "ulong"],
  validationModuleId: [CKA.VALIDATION_MODULE_ID, "string", 256],
  validationFlag: [CKA.VALIDATION_FLAG, "ulong"],
  validationAuthorityType: [CKA.VALIDATION_AUTHORITY_TYPE, "ulong"],
  validationCountry: [CKA.VALIDATION_COUNTRY, "string", 16],
  validationCertificateIdentifier: [CKA.VALIDATION_CERTIFICATE_IDENTIFIER, "string", 128],
  validationCertificateUri: [CKA.VALIDATION_CERTIFICATE_URI, "string", 512],
  validationVendorUri: [CKA.VALIDATION_VENDOR_URI, "string", 512],
  validationProfile: [CKA.VALIDATION_PROFILE, "string", 256],
  encapsulateTemplate: [CKA.ENCAPSULATE_TEMPLATE, "template"],
  decapsulateTemplate: [CKA.DECAPSULATE_TEMPLATE, "template"],
  trustServerAuth: [CKA.TRUST_SERVER_AUTH, "ulong"],
  trustClientAuth: [CKA.TRUST_CLIENT_AUTH, "ulong"],
  trustCodeSigning: [CKA.TRUST_CODE_SIGNING, "ulong"],
  trustEmailProtection: [CKA.TRUST_EMAIL_PROTECTION, "ulong"],
  trustIpsecIke: [CKA.TRUST_IPSEC_IKE, "ulong"],
  trustTimeStamping: [CKA.TRUST_TIME_STAMPING, "ulong"],
  trustOcspSigning: [CKA.TRUST_OCSP_SIGNING, "ulong"],
  encapsulate: [CKA.ENCAPSULATE, "boolean"],
  decapsulate: [CKA.DECAPSULATE, "boolean"],
  hashOfCertificate: [CKA.HASH_OF_CERTIFICATE, "bytes", 64],
  publicCrc64Value: [CKA.PUBLIC_CRC64_VALUE, "bytes", 8],
  seed: [CKA.SEED, "bytes", 64, "secret"],
};

/** One attribute of the standard. */
export interface AttributeDefinition extends ReadRequest {
  /** Its camelCase name. */
  readonly name: AttributeName;
  /** The kind of its value. */
  readonly kind: AttributeKind;
}

/** A buffer for attributes nobody has described. */
const UNKNOWN_SIZE = 256;
const FIXED_SIZE = 8;

let byName: Map<string, AttributeDefinition> | undefined;
let byType: Map<number, AttributeDefinition> | undefined;

function definitions(): Map<string, AttributeDefinition> {
  if (byName) return byName;
  byName = new Map();
  byType = new Map();
  for (const [name, [type, kind, size, visibility]] of Object.entries(TABLE)) {
    const secret = visibility === "secret";
    const definition = { name: name as AttributeName, type, kind, size: size ?? FIXED_SIZE, secret };
    byName.set(name, definition);
    if (!byType.has(type)) byType.set(type, definition);
  }
  return byName;
}

/** The attribute of a camelCase name; `undefined` when there is none. */
export function attributeByName(name: string): AttributeDefinition | undefined {
  return definitions().get(name);
}

/** The attribute of a number; `undefined` for vendors' attributes. */
export function attributeByType(type: number): AttributeDefinition | undefined {
  definitions();
  return byType!.get(type);
}

/** How to read an attribute: vendors' attributes are bytes that a token may hide. */
export function readRequest(type: number): ReadRequest {
  return attributeByType(type) ?? { type, kind: "bytes", size: UNKNOWN_SIZE, secret: true };
}

/** The attribute name closest to a misspelt one; `undefined` when none is close. */
export function suggestAttributeName(text: string): AttributeName | undefined {
  // `CKA_KEY_TYPE`, `key_type` and `keyType` are the same slip of the pen.
  const wanted = text.replace(/^cka_/i, "").replaceAll("_", "");
  return nearest(wanted, [...definitions().keys()], 1)[0] as AttributeName | undefined;
}
