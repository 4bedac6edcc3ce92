/** The standard's attributes by name, and the type of each value. */
import type { NamedCurve, ParameterSetName } from "./named_parameters.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import type { Attributes } from "./attributes.ts";

/**
 * Every attribute of PKCS#11 3.2 §4 under the camelCase form of its name, with the type its value reads as. Templates
 * ({@linkcode AttributesInit}) take the same names. A number above 2^53, which JavaScript cannot hold exactly, has the
 * state `error` under its name; read by {@linkcode CKA} number it is a bigint.
 */
export interface AttributeValues {
  /** The object's class, a {@linkcode CKO} number. (`CKA_CLASS`) */
  class: number;
  /** Whether the object is kept on the token; false for an object of the session. (`CKA_TOKEN`) */
  token: boolean;
  /** Whether the object is hidden until the user has logged in. (`CKA_PRIVATE`) */
  private: boolean;
  /** Description of the object. (`CKA_LABEL`) */
  label: string;
  /** Identifier the token has given the object. (`CKA_UNIQUE_ID`) */
  uniqueId: string;
  /** The application that manages a data object. (`CKA_APPLICATION`) */
  application: string;
  /** The value of a secret or data object, a certificate or a private key in DER. (`CKA_VALUE`) */
  value: Uint8Array<ArrayBuffer>;
  /** DER of the object identifier that names a data object's type. (`CKA_OBJECT_ID`) */
  objectId: Uint8Array<ArrayBuffer>;
  /** The certificate's type, a {@linkcode CKC} number. (`CKA_CERTIFICATE_TYPE`) */
  certificateType: number;
  /** DER of the certificate issuer's name. (`CKA_ISSUER`) */
  issuer: Uint8Array<ArrayBuffer>;
  /** DER of the certificate's serial number. (`CKA_SERIAL_NUMBER`) */
  serialNumber: Uint8Array<ArrayBuffer>;
  /** DER of an attribute certificate's issuer. (`CKA_AC_ISSUER`) */
  acIssuer: Uint8Array<ArrayBuffer>;
  /** DER of an attribute certificate's subject. (`CKA_OWNER`) */
  owner: Uint8Array<ArrayBuffer>;
  /** DER of the attributes' object identifiers in an attribute certificate. (`CKA_ATTR_TYPES`) */
  attrTypes: Uint8Array<ArrayBuffer>;
  /** Whether the security officer has marked the certificate or wrapping key as trusted. (`CKA_TRUSTED`) */
  trusted: boolean;
  /** The certificate's category, a `CK.CERTIFICATE_CATEGORY_…` number. (`CKA_CERTIFICATE_CATEGORY`) */
  certificateCategory: number;
  /** The certificate's Java MIDP security domain. (`CKA_JAVA_MIDP_SECURITY_DOMAIN`) */
  javaMidpSecurityDomain: number;
  /** Where the whole certificate is found. (`CKA_URL`) */
  url: string;
  /** Digest of the certificate's public key. (`CKA_HASH_OF_SUBJECT_PUBLIC_KEY`) */
  hashOfSubjectPublicKey: Uint8Array<ArrayBuffer>;
  /** Digest of the issuer's public key. (`CKA_HASH_OF_ISSUER_PUBLIC_KEY`) */
  hashOfIssuerPublicKey: Uint8Array<ArrayBuffer>;
  /** The mechanism of the digests above. (`CKA_NAME_HASH_ALGORITHM`) */
  nameHashAlgorithm: number;
  /** The first bytes of a checksum over the value. (`CKA_CHECK_VALUE`) */
  checkValue: Uint8Array<ArrayBuffer>;
  /** The key's type, a {@linkcode CKK} number. (`CKA_KEY_TYPE`) */
  keyType: number;
  /** DER of the subject's name. (`CKA_SUBJECT`) */
  subject: Uint8Array<ArrayBuffer>;
  /** Identifier that a certificate and its keys have in common. (`CKA_ID`) */
  id: Uint8Array<ArrayBuffer>;
  /** Whether the key's value never leaves the token in the clear. (`CKA_SENSITIVE`) */
  sensitive: boolean;
  /** Whether the key may encrypt. (`CKA_ENCRYPT`) */
  encrypt: boolean;
  /** Whether the key may decrypt. (`CKA_DECRYPT`) */
  decrypt: boolean;
  /** Whether the key may wrap other keys. (`CKA_WRAP`) */
  wrap: boolean;
  /** Whether the key may unwrap other keys. (`CKA_UNWRAP`) */
  unwrap: boolean;
  /** Whether the key may sign, the signature apart from the data. (`CKA_SIGN`) */
  sign: boolean;
  /** Whether the key may sign so that the data is recovered from the signature. (`CKA_SIGN_RECOVER`) */
  signRecover: boolean;
  /** Whether the key may verify signatures apart from the data. (`CKA_VERIFY`) */
  verify: boolean;
  /** Whether the key may verify signatures the data is recovered from. (`CKA_VERIFY_RECOVER`) */
  verifyRecover: boolean;
  /** Whether other keys may be derived from the key. (`CKA_DERIVE`) */
  derive: boolean;
  /** First day of validity. (`CKA_START_DATE`) */
  startDate: Date;
  /** Last day of validity. (`CKA_END_DATE`) */
  endDate: Date;
  /** RSA modulus, big-endian. (`CKA_MODULUS`) */
  modulus: Uint8Array<ArrayBuffer>;
  /** Bits of the RSA modulus. (`CKA_MODULUS_BITS`) */
  modulusBits: number;
  /** RSA public exponent, big-endian. (`CKA_PUBLIC_EXPONENT`) */
  publicExponent: Uint8Array<ArrayBuffer>;
  /** RSA private exponent, big-endian. (`CKA_PRIVATE_EXPONENT`) */
  privateExponent: Uint8Array<ArrayBuffer>;
  /** First RSA prime, big-endian. (`CKA_PRIME_1`) */
  prime1: Uint8Array<ArrayBuffer>;
  /** Second RSA prime, big-endian. (`CKA_PRIME_2`) */
  prime2: Uint8Array<ArrayBuffer>;
  /** RSA private exponent modulo the first prime less one. (`CKA_EXPONENT_1`) */
  exponent1: Uint8Array<ArrayBuffer>;
  /** RSA private exponent modulo the second prime less one. (`CKA_EXPONENT_2`) */
  exponent2: Uint8Array<ArrayBuffer>;
  /** RSA coefficient of the Chinese remainder theorem. (`CKA_COEFFICIENT`) */
  coefficient: Uint8Array<ArrayBuffer>;
  /** DER of the public key's SubjectPublicKeyInfo. (`CKA_PUBLIC_KEY_INFO`) */
  publicKeyInfo: Uint8Array<ArrayBuffer>;
  /** Prime of DSA or Diffie-Hellman parameters, big-endian. (`CKA_PRIME`) */
  prime: Uint8Array<ArrayBuffer>;
  /** Subprime of DSA or X9.42 parameters, big-endian. (`CKA_SUBPRIME`) */
  subprime: Uint8Array<ArrayBuffer>;
  /** Base of DSA or Diffie-Hellman parameters, big-endian. (`CKA_BASE`) */
  base: Uint8Array<ArrayBuffer>;
  /** Bits of the prime. (`CKA_PRIME_BITS`) */
  primeBits: number;
  /** Bits of the subprime. (`CKA_SUBPRIME_BITS`) */
  subprimeBits: number;
  /** The same as `subprimeBits`, as the standard also spells it. (`CKA_SUB_PRIME_BITS`) */
  subPrimeBits: number;
  /** Bits of a Diffie-Hellman private value. (`CKA_VALUE_BITS`) */
  valueBits: number;
  /** Bytes of a secret key's value. (`CKA_VALUE_LEN`) */
  valueLen: number;
  /** Whether the key may be wrapped, or read when it is not sensitive. (`CKA_EXTRACTABLE`) */
  extractable: boolean;
  /** Whether the key was generated on the token. (`CKA_LOCAL`) */
  local: boolean;
  /** Whether the key was never extractable. (`CKA_NEVER_EXTRACTABLE`) */
  neverExtractable: boolean;
  /** Whether the key was always sensitive. (`CKA_ALWAYS_SENSITIVE`) */
  alwaysSensitive: boolean;
  /** The mechanism that generated the key. (`CKA_KEY_GEN_MECHANISM`) */
  keyGenMechanism: number;
  /** Whether attributes may be changed. (`CKA_MODIFIABLE`) */
  modifiable: boolean;
  /** Whether the object may be copied. (`CKA_COPYABLE`) */
  copyable: boolean;
  /** Whether the object may be destroyed. (`CKA_DESTROYABLE`) */
  destroyable: boolean;
  /** DER of the curve: an object identifier, a name or explicit parameters. (`CKA_EC_PARAMS`) */
  ecParams: Uint8Array<ArrayBuffer>;
  /** The same as `ecParams`, by its older name. (`CKA_ECDSA_PARAMS`) */
  ecdsaParams: Uint8Array<ArrayBuffer>;
  /** The public point, a DER OCTET STRING around the encoded point. (`CKA_EC_POINT`) */
  ecPoint: Uint8Array<ArrayBuffer>;
  /** Withdrawn: whether a second authentication is wanted. (`CKA_SECONDARY_AUTH`) */
  secondaryAuth: boolean;
  /** Withdrawn: flags of the PIN of `secondaryAuth`. (`CKA_AUTH_PIN_FLAGS`) */
  authPinFlags: number;
  /** Whether the PIN is wanted again for each use of the key. (`CKA_ALWAYS_AUTHENTICATE`) */
  alwaysAuthenticate: boolean;
  /** Whether only a trusted key may wrap this one. (`CKA_WRAP_WITH_TRUSTED`) */
  wrapWithTrusted: boolean;
  /** What a key must match to be wrapped by this one. (`CKA_WRAP_TEMPLATE`) */
  wrapTemplate: Attributes;
  /** What is added to keys this one unwraps. (`CKA_UNWRAP_TEMPLATE`) */
  unwrapTemplate: Attributes;
  /** What is added to keys derived from this one. (`CKA_DERIVE_TEMPLATE`) */
  deriveTemplate: Attributes;
  /** Format of one-time passwords, a `CK.OTP_FORMAT_…` number. (`CKA_OTP_FORMAT`) */
  otpFormat: number;
  /** Length of one-time passwords. (`CKA_OTP_LENGTH`) */
  otpLength: number;
  /** Seconds between time-based one-time passwords. (`CKA_OTP_TIME_INTERVAL`) */
  otpTimeInterval: number;
  /** Whether one-time passwords can be made for people to read. (`CKA_OTP_USER_FRIENDLY_MODE`) */
  otpUserFriendlyMode: boolean;
  /** Whether a challenge is wanted, a `CK.OTP_PARAM_…` number. (`CKA_OTP_CHALLENGE_REQUIREMENT`) */
  otpChallengeRequirement: number;
  /** Whether a time is wanted, a `CK.OTP_PARAM_…` number. (`CKA_OTP_TIME_REQUIREMENT`) */
  otpTimeRequirement: number;
  /** Whether a counter is wanted, a `CK.OTP_PARAM_…` number. (`CKA_OTP_COUNTER_REQUIREMENT`) */
  otpCounterRequirement: number;
  /** Whether a PIN is wanted, a `CK.OTP_PARAM_…` number. (`CKA_OTP_PIN_REQUIREMENT`) */
  otpPinRequirement: number;
  /** The user a one-time password key belongs to. (`CKA_OTP_USER_IDENTIFIER`) */
  otpUserIdentifier: string;
  /** The service a one-time password key is for. (`CKA_OTP_SERVICE_IDENTIFIER`) */
  otpServiceIdentifier: string;
  /** A picture that stands for the service. (`CKA_OTP_SERVICE_LOGO`) */
  otpServiceLogo: Uint8Array<ArrayBuffer>;
  /** MIME type of the picture. (`CKA_OTP_SERVICE_LOGO_TYPE`) */
  otpServiceLogoType: string;
  /** Counter of a one-time password key. (`CKA_OTP_COUNTER`) */
  otpCounter: Uint8Array<ArrayBuffer>;
  /** Time of a one-time password key, YYYYMMDDhhmmss in UTC. (`CKA_OTP_TIME`) */
  otpTime: string;
  /** DER of the GOST R 34.10 parameters' object identifier. (`CKA_GOSTR3410_PARAMS`) */
  gostr3410Params: Uint8Array<ArrayBuffer>;
  /** DER of the GOST R 34.11 parameters' object identifier. (`CKA_GOSTR3411_PARAMS`) */
  gostr3411Params: Uint8Array<ArrayBuffer>;
  /** DER of the GOST 28147 parameters' object identifier. (`CKA_GOST28147_PARAMS`) */
  gost28147Params: Uint8Array<ArrayBuffer>;
  /** Kind of a hardware feature, a {@linkcode CKH} number. (`CKA_HW_FEATURE_TYPE`) */
  hwFeatureType: number;
  /** Whether a counter starts over when the token is initialised. (`CKA_RESET_ON_INIT`) */
  resetOnInit: boolean;
  /** Whether a counter has ever been reset. (`CKA_HAS_RESET`) */
  hasReset: boolean;
  /** Width of a display in pixels. (`CKA_PIXEL_X`) */
  pixelX: number;
  /** Height of a display in pixels. (`CKA_PIXEL_Y`) */
  pixelY: number;
  /** Resolution of a display in pixels per inch. (`CKA_RESOLUTION`) */
  resolution: number;
  /** Rows of a character display. (`CKA_CHAR_ROWS`) */
  charRows: number;
  /** Columns of a character display. (`CKA_CHAR_COLUMNS`) */
  charColumns: number;
  /** Whether a display has colours. (`CKA_COLOR`) */
  color: boolean;
  /** Bits of colour in a pixel. (`CKA_BITS_PER_PIXEL`) */
  bitsPerPixel: number;
  /** Character sets a display supports. (`CKA_CHAR_SETS`) */
  charSets: string;
  /** Content transfer encodings a display supports. (`CKA_ENCODING_METHODS`) */
  encodingMethods: string;
  /** MIME types a display supports. (`CKA_MIME_TYPES`) */
  mimeTypes: string;
  /** The mechanism a mechanism object stands for. (`CKA_MECHANISM_TYPE`) */
  mechanismType: number;
  /** Attributes a CMS signature must have. (`CKA_REQUIRED_CMS_ATTRIBUTES`) */
  requiredCmsAttributes: Uint8Array<ArrayBuffer>;
  /** Attributes a CMS signature has by default. (`CKA_DEFAULT_CMS_ATTRIBUTES`) */
  defaultCmsAttributes: Uint8Array<ArrayBuffer>;
  /** Attributes a CMS signature may have. (`CKA_SUPPORTED_CMS_ATTRIBUTES`) */
  supportedCmsAttributes: Uint8Array<ArrayBuffer>;
  /** The mechanisms the key may be used with. (`CKA_ALLOWED_MECHANISMS`) */
  allowedMechanisms: number[];
  /** The profile a profile object announces, a {@linkcode CKP} number. (`CKA_PROFILE_ID`) */
  profileId: number;
  /** Double ratchet: keys of messages that arrived out of order. (`CKA_X2RATCHET_BAG`) */
  x2ratchetBag: Uint8Array<ArrayBuffer>;
  /** Double ratchet: how many such keys are kept. (`CKA_X2RATCHET_BAGSIZE`) */
  x2ratchetBagsize: number;
  /** Double ratchet: whether Bob has sent a message. (`CKA_X2RATCHET_BOBS1STMSG`) */
  x2ratchetBobs1stmsg: boolean;
  /** Double ratchet: the receiver's chain key. (`CKA_X2RATCHET_CKR`) */
  x2ratchetCkr: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the sender's chain key. (`CKA_X2RATCHET_CKS`) */
  x2ratchetCks: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the sender's public key. (`CKA_X2RATCHET_DHP`) */
  x2ratchetDhp: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the receiver's public key. (`CKA_X2RATCHET_DHR`) */
  x2ratchetDhr: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the sender's private key. (`CKA_X2RATCHET_DHS`) */
  x2ratchetDhs: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the receiver's header key. (`CKA_X2RATCHET_HKR`) */
  x2ratchetHkr: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the sender's header key. (`CKA_X2RATCHET_HKS`) */
  x2ratchetHks: Uint8Array<ArrayBuffer>;
  /** Double ratchet: whether this side is Alice. (`CKA_X2RATCHET_ISALICE`) */
  x2ratchetIsalice: boolean;
  /** Double ratchet: the receiver's next header key. (`CKA_X2RATCHET_NHKR`) */
  x2ratchetNhkr: Uint8Array<ArrayBuffer>;
  /** Double ratchet: the sender's next header key. (`CKA_X2RATCHET_NHKS`) */
  x2ratchetNhks: Uint8Array<ArrayBuffer>;
  /** Double ratchet: number of messages received. (`CKA_X2RATCHET_NR`) */
  x2ratchetNr: number;
  /** Double ratchet: number of messages sent. (`CKA_X2RATCHET_NS`) */
  x2ratchetNs: number;
  /** Double ratchet: number of messages sent before. (`CKA_X2RATCHET_PNS`) */
  x2ratchetPns: number;
  /** Double ratchet: the root key. (`CKA_X2RATCHET_RK`) */
  x2ratchetRk: Uint8Array<ArrayBuffer>;
  /** Levels of an HSS key. (`CKA_HSS_LEVELS`) */
  hssLevels: number;
  /** LMS type of an HSS key's top level. (`CKA_HSS_LMS_TYPE`) */
  hssLmsType: number;
  /** LM-OTS type of an HSS key's top level. (`CKA_HSS_LMOTS_TYPE`) */
  hssLmotsType: number;
  /** LMS types of an HSS key's levels. (`CKA_HSS_LMS_TYPES`) */
  hssLmsTypes: number[];
  /** LM-OTS types of an HSS key's levels. (`CKA_HSS_LMOTS_TYPES`) */
  hssLmotsTypes: number[];
  /** How many signatures an HSS key has left. (`CKA_HSS_KEYS_REMAINING`) */
  hssKeysRemaining: number;
  /** Parameter set of an ML-KEM, ML-DSA, SLH-DSA or XMSS key, a {@linkcode CKP} number. (`CKA_PARAMETER_SET`) */
  parameterSet: number;
  /** The validations the object was made under. (`CKA_OBJECT_VALIDATION_FLAGS`) */
  objectValidationFlags: number;
  /** What was validated, a `CKV.TYPE_…` number. (`CKA_VALIDATION_TYPE`) */
  validationType: number;
  /** Version of the standard that was validated against. (`CKA_VALIDATION_VERSION`) */
  validationVersion: Version;
  /** Level of the validation. (`CKA_VALIDATION_LEVEL`) */
  validationLevel: number;
  /** How the validation names the module. (`CKA_VALIDATION_MODULE_ID`) */
  validationModuleId: string;
  /** The flag that stands for this validation in sessions and objects. (`CKA_VALIDATION_FLAG`) */
  validationFlag: number;
  /** Who validated, a `CKV.AUTHORITY_TYPE_…` number. (`CKA_VALIDATION_AUTHORITY_TYPE`) */
  validationAuthorityType: number;
  /** Country of the authority, two letters. (`CKA_VALIDATION_COUNTRY`) */
  validationCountry: string;
  /** The validation certificate's identifier. (`CKA_VALIDATION_CERTIFICATE_IDENTIFIER`) */
  validationCertificateIdentifier: string;
  /** Where the validation certificate is found. (`CKA_VALIDATION_CERTIFICATE_URI`) */
  validationCertificateUri: string;
  /** Where the vendor tells about the validation. (`CKA_VALIDATION_VENDOR_URI`) */
  validationVendorUri: string;
  /** Profile of the validation. (`CKA_VALIDATION_PROFILE`) */
  validationProfile: string;
  /** What is added to keys this one encapsulates. (`CKA_ENCAPSULATE_TEMPLATE`) */
  encapsulateTemplate: Attributes;
  /** What is added to keys this one decapsulates. (`CKA_DECAPSULATE_TEMPLATE`) */
  decapsulateTemplate: Attributes;
  /** Trust for TLS servers, a {@linkcode CKT} number. (`CKA_TRUST_SERVER_AUTH`) */
  trustServerAuth: number;
  /** Trust for TLS clients, a {@linkcode CKT} number. (`CKA_TRUST_CLIENT_AUTH`) */
  trustClientAuth: number;
  /** Trust for signed code, a {@linkcode CKT} number. (`CKA_TRUST_CODE_SIGNING`) */
  trustCodeSigning: number;
  /** Trust for email, a {@linkcode CKT} number. (`CKA_TRUST_EMAIL_PROTECTION`) */
  trustEmailProtection: number;
  /** Trust for IPsec, a {@linkcode CKT} number. (`CKA_TRUST_IPSEC_IKE`) */
  trustIpsecIke: number;
  /** Trust for time stamps, a {@linkcode CKT} number. (`CKA_TRUST_TIME_STAMPING`) */
  trustTimeStamping: number;
  /** Trust for OCSP answers, a {@linkcode CKT} number. (`CKA_TRUST_OCSP_SIGNING`) */
  trustOcspSigning: number;
  /** Whether the key may encapsulate. (`CKA_ENCAPSULATE`) */
  encapsulate: boolean;
  /** Whether the key may decapsulate. (`CKA_DECAPSULATE`) */
  decapsulate: boolean;
  /** Digest of the certificate a trust object is about. (`CKA_HASH_OF_CERTIFICATE`) */
  hashOfCertificate: Uint8Array<ArrayBuffer>;
  /** CRC-64 of the public key, which ties a key pair together. (`CKA_PUBLIC_CRC64_VALUE`) */
  publicCrc64Value: Uint8Array<ArrayBuffer>;
  /** The curve of an elliptic-curve key by its name, instead of `ecParams`; undefined for curves without one. */
  namedCurve: NamedCurve;
  /** The name of `parameterSet`, which also brings it; templates take it as `parameterSet`. */
  parameterSetName: ParameterSetName;
  /** The seed an ML-KEM or ML-DSA key is made from. (`CKA_SEED`) */
  seed: Uint8Array<ArrayBuffer>;
}
