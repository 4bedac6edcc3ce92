/** Return values (`CKR_` in PKCS#11 3.2 §5.1), by their names without the prefix. */
export const CKR = {
  /** The call succeeded. */
  OK: 0x00,
  /** The call was cancelled. */
  CANCEL: 0x01,
  /** The computer has not enough memory. */
  HOST_MEMORY: 0x02,
  /** There is no slot with this id. */
  SLOT_ID_INVALID: 0x03,
  /** The module failed in a way it cannot recover from. */
  GENERAL_ERROR: 0x05,
  /** The module could not complete the call. */
  FUNCTION_FAILED: 0x06,
  /** The module refused the arguments. */
  ARGUMENTS_BAD: 0x07,
  /** No slot event is waiting. */
  NO_EVENT: 0x08,
  /** The module needs threads of its own and was told not to create any. */
  NEED_TO_CREATE_THREADS: 0x09,
  /** The module has no locking of the kind that was asked for. */
  CANT_LOCK: 0x0a,
  /** An attribute cannot be set by the application. */
  ATTRIBUTE_READ_ONLY: 0x10,
  /** An attribute is sensitive and cannot be read. */
  ATTRIBUTE_SENSITIVE: 0x11,
  /** An attribute does not exist on this kind of object, or the module does not know it. */
  ATTRIBUTE_TYPE_INVALID: 0x12,
  /** An attribute has a value the module does not accept. */
  ATTRIBUTE_VALUE_INVALID: 0x13,
  /** The object's attributes or the token's policy forbid this. */
  ACTION_PROHIBITED: 0x1b,
  /** The data is not valid for this mechanism. */
  DATA_INVALID: 0x20,
  /** The data is too short or too long for this mechanism and key. */
  DATA_LEN_RANGE: 0x21,
  /** The token or its slot reported a problem. */
  DEVICE_ERROR: 0x30,
  /** The token has not enough memory. */
  DEVICE_MEMORY: 0x31,
  /** The token was removed. */
  DEVICE_REMOVED: 0x32,
  /** The encrypted data is not valid. */
  ENCRYPTED_DATA_INVALID: 0x40,
  /** The encrypted data has a length this mechanism cannot produce. */
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  /** The authentication tag does not fit the data. */
  AEAD_DECRYPT_FAILED: 0x42,
  /** The call was cancelled while it ran. */
  FUNCTION_CANCELED: 0x50,
  /** No call is running in parallel on this session. */
  FUNCTION_NOT_PARALLEL: 0x51,
  /** The module does not offer this function. */
  FUNCTION_NOT_SUPPORTED: 0x54,
  /** The key handle is not valid. */
  KEY_HANDLE_INVALID: 0x60,
  /** The key's size is outside what the mechanism or token allows. */
  KEY_SIZE_RANGE: 0x62,
  /** The key's type does not fit the mechanism. */
  KEY_TYPE_INCONSISTENT: 0x63,
  /** A key was given where none is needed. */
  KEY_NOT_NEEDED: 0x64,
  /** A key is not the one the saved state was made with. */
  KEY_CHANGED: 0x65,
  /** The saved state needs a key that was not given. */
  KEY_NEEDED: 0x66,
  /** The key's value cannot be digested. */
  KEY_INDIGESTIBLE: 0x67,
  /** The key's attributes do not allow this operation. */
  KEY_FUNCTION_NOT_PERMITTED: 0x68,
  /** The token cannot wrap this kind of key. */
  KEY_NOT_WRAPPABLE: 0x69,
  /** The key is not extractable. */
  KEY_UNEXTRACTABLE: 0x6a,
  /** The token does not offer this mechanism for this operation. */
  MECHANISM_INVALID: 0x70,
  /** The mechanism's parameter is not valid. */
  MECHANISM_PARAM_INVALID: 0x71,
  /** The object handle is not valid. */
  OBJECT_HANDLE_INVALID: 0x82,
  /** Another operation is running on this session. */
  OPERATION_ACTIVE: 0x90,
  /** No operation of this kind was started on this session. */
  OPERATION_NOT_INITIALIZED: 0x91,
  /** The PIN is wrong. */
  PIN_INCORRECT: 0xa0,
  /** The new PIN has characters the token does not accept. */
  PIN_INVALID: 0xa1,
  /** The PIN is too short or too long for this token. */
  PIN_LEN_RANGE: 0xa2,
  /** The PIN has expired. */
  PIN_EXPIRED: 0xa3,
  /** The PIN is locked. */
  PIN_LOCKED: 0xa4,
  /** The session was closed while the call ran. */
  SESSION_CLOSED: 0xb0,
  /** The token allows no more open sessions. */
  SESSION_COUNT: 0xb1,
  /** The session does not exist any more. */
  SESSION_HANDLE_INVALID: 0xb3,
  /** The module does not support parallel sessions. */
  SESSION_PARALLEL_NOT_SUPPORTED: 0xb4,
  /** The session is read-only. */
  SESSION_READ_ONLY: 0xb5,
  /** A session with the token is open. */
  SESSION_EXISTS: 0xb6,
  /** A read-only session with the token is open. */
  SESSION_READ_ONLY_EXISTS: 0xb7,
  /** The security officer is logged in through a read-write session. */
  SESSION_READ_WRITE_SO_EXISTS: 0xb8,
  /** The signature is wrong. */
  SIGNATURE_INVALID: 0xc0,
  /** The signature has a length this mechanism and key cannot produce. */
  SIGNATURE_LEN_RANGE: 0xc1,
  /** An attribute that the object needs is missing. */
  TEMPLATE_INCOMPLETE: 0xd0,
  /** The attributes contradict each other or the mechanism. */
  TEMPLATE_INCONSISTENT: 0xd1,
  /** No token is in the slot. */
  TOKEN_NOT_PRESENT: 0xe0,
  /** The module does not recognise the token in the slot. */
  TOKEN_NOT_RECOGNIZED: 0xe1,
  /** The token is write-protected. */
  TOKEN_WRITE_PROTECTED: 0xe2,
  /** The handle of the unwrapping key is not valid. */
  UNWRAPPING_KEY_HANDLE_INVALID: 0xf0,
  /** The unwrapping key's size is outside what the mechanism or token allows. */
  UNWRAPPING_KEY_SIZE_RANGE: 0xf1,
  /** The unwrapping key's type does not fit the mechanism. */
  UNWRAPPING_KEY_TYPE_INCONSISTENT: 0xf2,
  /** This user is already logged in. */
  USER_ALREADY_LOGGED_IN: 0x0100,
  /** The user is not logged in. */
  USER_NOT_LOGGED_IN: 0x0101,
  /** The token has no user PIN yet. */
  USER_PIN_NOT_INITIALIZED: 0x0102,
  /** The module does not know this type of user. */
  USER_TYPE_INVALID: 0x0103,
  /** Another user is logged in. */
  USER_ANOTHER_ALREADY_LOGGED_IN: 0x0104,
  /** The token cannot hold this many users at once. */
  USER_TOO_MANY_TYPES: 0x0105,
  /** The wrapped key is not valid. */
  WRAPPED_KEY_INVALID: 0x0110,
  /** The wrapped key has a length this mechanism cannot produce. */
  WRAPPED_KEY_LEN_RANGE: 0x0112,
  /** The handle of the wrapping key is not valid. */
  WRAPPING_KEY_HANDLE_INVALID: 0x0113,
  /** The wrapping key's size is outside what the mechanism or token allows. */
  WRAPPING_KEY_SIZE_RANGE: 0x0114,
  /** The wrapping key's type does not fit the mechanism. */
  WRAPPING_KEY_TYPE_INCONSISTENT: 0x0115,
  /** The token's random generator takes no seed. */
  RANDOM_SEED_NOT_SUPPORTED: 0x0120,
  /** The token has no random generator. */
  RANDOM_NO_RNG: 0x0121,
  /** The domain parameters are not valid or not supported. */
  DOMAIN_PARAMS_INVALID: 0x0130,
  /** The token does not support this curve. */
  CURVE_NOT_SUPPORTED: 0x0140,
  /** The output needs a larger buffer. */
  BUFFER_TOO_SMALL: 0x0150,
  /** The saved operation state is not valid. */
  SAVED_STATE_INVALID: 0x0160,
  /** The information is sensitive and cannot be given. */
  INFORMATION_SENSITIVE: 0x0170,
  /** The state of the running operation cannot be saved. */
  STATE_UNSAVEABLE: 0x0180,
  /** The module is not initialised. */
  CRYPTOKI_NOT_INITIALIZED: 0x0190,
  /** The module is already initialised. */
  CRYPTOKI_ALREADY_INITIALIZED: 0x0191,
  /** A mutex of the module is not valid. */
  MUTEX_BAD: 0x01a0,
  /** A mutex of the module is not locked. */
  MUTEX_NOT_LOCKED: 0x01a1,
  /** The one-time password token asks for a new PIN. */
  NEW_PIN_MODE: 0x01b0,
  /** The one-time password token asks for the next password. */
  NEXT_OTP: 0x01b1,
  /** The generation gave up after its largest number of attempts. */
  EXCEEDED_MAX_ITERATIONS: 0x01b5,
  /** The module's FIPS self-test failed. */
  FIPS_SELF_TEST_FAILED: 0x01b6,
  /** The module could not load a library it depends on. */
  LIBRARY_LOAD_FAILED: 0x01b7,
  /** The new PIN is too weak. */
  PIN_TOO_WEAK: 0x01b8,
  /** The public key is not valid. */
  PUBLIC_KEY_INVALID: 0x01b9,
  /** The request was rejected, by the user or by the token's policy. */
  FUNCTION_REJECTED: 0x0200,
  /** The token has no resources left for this. */
  TOKEN_RESOURCE_EXCEEDED: 0x0201,
  /** The running operation could not be cancelled. */
  OPERATION_CANCEL_FAILED: 0x0202,
  /** The key has signed as often as it ever can. */
  KEY_EXHAUSTED: 0x0203,
  /** The asynchronous operation is still running. */
  PENDING: 0x0204,
  /** The token does not support asynchronous sessions. */
  SESSION_ASYNC_NOT_SUPPORTED: 0x0205,
  /** The random generator must be seeded first. */
  SEED_RANDOM_REQUIRED: 0x0206,
  /** The operation is outside what the token is validated for. */
  OPERATION_NOT_VALIDATED: 0x0207,
  /** The token is not initialised. */
  TOKEN_NOT_INITIALIZED: 0x0208,
  /** The token does not support this parameter set. */
  PARAMETER_SET_NOT_SUPPORTED: 0x0209,
  /** The module reported an error of its own. */
  VENDOR_DEFINED: 0x80000000,
} as const;

/** One value of {@linkcode CKR}. */
export type CKR = (typeof CKR)[keyof typeof CKR];
