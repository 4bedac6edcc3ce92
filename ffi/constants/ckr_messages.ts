import { CKR } from "./ckr.ts";

type CkrKey = keyof typeof CKR;

/** What each return value says about the state of things; written to follow "Cannot sign: ". */
const MESSAGES: { readonly [key in CkrKey]: string } = {
  OK: "the call succeeded",
  CANCEL: "the call was cancelled",
  HOST_MEMORY: "the computer has not enough memory",
  SLOT_ID_INVALID: "there is no slot with this id",
  GENERAL_ERROR: "the module failed in a way it cannot recover from",
  FUNCTION_FAILED: "the module could not complete the call",
  ARGUMENTS_BAD: "the module refused the arguments",
  NO_EVENT: "no slot event is waiting",
  NEED_TO_CREATE_THREADS: "the module needs threads of its own and was told not to create any",
  CANT_LOCK: "the module has no locking of the kind that was asked for",
  ATTRIBUTE_READ_ONLY: "an attribute cannot be set by the application",
  ATTRIBUTE_SENSITIVE: "an attribute is sensitive and cannot be read",
  ATTRIBUTE_TYPE_INVALID: "an attribute does not exist on this kind of object, or the module does not know it",
  ATTRIBUTE_VALUE_INVALID: "an attribute has a value the module does not accept",
  ACTION_PROHIBITED: "the object's attributes or the token's policy forbid this",
  DATA_INVALID: "the data is not valid for this mechanism",
  DATA_LEN_RANGE: "the data is too short or too long for this mechanism and key",
  DEVICE_ERROR: "the token or its slot reported a problem",
  DEVICE_MEMORY: "the token has not enough memory",
  DEVICE_REMOVED: "the token was removed",
  ENCRYPTED_DATA_INVALID: "the encrypted data is not valid",
  ENCRYPTED_DATA_LEN_RANGE: "the encrypted data has a length this mechanism cannot produce",
  AEAD_DECRYPT_FAILED: "the authentication tag does not fit the data",
  FUNCTION_CANCELED: "the call was cancelled while it ran",
  FUNCTION_NOT_PARALLEL: "no call is running in parallel on this session",
  FUNCTION_NOT_SUPPORTED: "the module does not offer this function",
  KEY_HANDLE_INVALID: "the key handle is not valid",
  KEY_SIZE_RANGE: "the key's size is outside what the mechanism or token allows",
  KEY_TYPE_INCONSISTENT: "the key's type does not fit the mechanism",
  KEY_NOT_NEEDED: "a key was given where none is needed",
  KEY_CHANGED: "a key is not the one the saved state was made with",
  KEY_NEEDED: "the saved state needs a key that was not given",
  KEY_INDIGESTIBLE: "the key's value cannot be digested",
  KEY_FUNCTION_NOT_PERMITTED: "the key's attributes do not allow this operation",
  KEY_NOT_WRAPPABLE: "the token cannot wrap this kind of key",
  KEY_UNEXTRACTABLE: "the key is not extractable",
  MECHANISM_INVALID: "the token does not offer this mechanism for this operation",
  MECHANISM_PARAM_INVALID: "the mechanism's parameter is not valid",
  OBJECT_HANDLE_INVALID: "the object handle is not valid",
  OPERATION_ACTIVE: "another operation is running on this session",
  OPERATION_NOT_INITIALIZED: "no operation of this kind was started on this session",
  PIN_INCORRECT: "the PIN is wrong",
  PIN_INVALID: "the new PIN has characters the token does not accept",
  PIN_LEN_RANGE: "the PIN is too short or too long for this token",
  PIN_EXPIRED: "the PIN has expired",
  PIN_LOCKED: "the PIN is locked",
  SESSION_CLOSED: "the session was closed while the call ran",
  SESSION_COUNT: "the token allows no more open sessions",
  SESSION_HANDLE_INVALID: "the session does not exist any more",
  SESSION_PARALLEL_NOT_SUPPORTED: "the module does not support parallel sessions",
  SESSION_READ_ONLY: "the session is read-only",
  SESSION_EXISTS: "a session with the token is open",
  SESSION_READ_ONLY_EXISTS: "a read-only session with the token is open",
  SESSION_READ_WRITE_SO_EXISTS: "the security officer is logged in through a read-write session",
  SIGNATURE_INVALID: "the signature is wrong",
  SIGNATURE_LEN_RANGE: "the signature has a length this mechanism and key cannot produce",
  TEMPLATE_INCOMPLETE: "an attribute that the object needs is missing",
  TEMPLATE_INCONSISTENT: "the attributes contradict each other or the mechanism",
  TOKEN_NOT_PRESENT: "no token is in the slot",
  TOKEN_NOT_RECOGNIZED: "the module does not recognise the token in the slot",
  TOKEN_WRITE_PROTECTED: "the token is write-protected",
  UNWRAPPING_KEY_HANDLE_INVALID: "the handle of the unwrapping key is not valid",
  UNWRAPPING_KEY_SIZE_RANGE: "the unwrapping key's size is outside what the mechanism or token allows",
  UNWRAPPING_KEY_TYPE_INCONSISTENT: "the unwrapping key's type does not fit the mechanism",
  USER_ALREADY_LOGGED_IN: "this user is already logged in",
  USER_NOT_LOGGED_IN: "the user is not logged in",
  USER_PIN_NOT_INITIALIZED: "the token has no user PIN yet",
  USER_TYPE_INVALID: "the module does not know this type of user",
  USER_ANOTHER_ALREADY_LOGGED_IN: "another user is logged in",
  USER_TOO_MANY_TYPES: "the token cannot hold this many users at once",
  WRAPPED_KEY_INVALID: "the wrapped key is not valid",
  WRAPPED_KEY_LEN_RANGE: "the wrapped key has a length this mechanism cannot produce",
  WRAPPING_KEY_HANDLE_INVALID: "the handle of the wrapping key is not valid",
  WRAPPING_KEY_SIZE_RANGE: "the wrapping key's size is outside what the mechanism or token allows",
  WRAPPING_KEY_TYPE_INCONSISTENT: "the wrapping key's type does not fit the mechanism",
  RANDOM_SEED_NOT_SUPPORTED: "the token's random generator takes no seed",
  RANDOM_NO_RNG: "the token has no random generator",
  DOMAIN_PARAMS_INVALID: "the domain parameters are not valid or not supported",
  CURVE_NOT_SUPPORTED: "the token does not support this curve",
  BUFFER_TOO_SMALL: "the output needs a larger buffer",
  SAVED_STATE_INVALID: "the saved operation state is not valid",
  INFORMATION_SENSITIVE: "the information is sensitive and cannot be given",
  STATE_UNSAVEABLE: "the state of the running operation cannot be saved",
  CRYPTOKI_NOT_INITIALIZED: "the module is not initialised",
  CRYPTOKI_ALREADY_INITIALIZED: "the module is already initialised",
  MUTEX_BAD: "a mutex of the module is not valid",
  MUTEX_NOT_LOCKED: "a mutex of the module is not locked",
  NEW_PIN_MODE: "the one-time password token asks for a new PIN",
  NEXT_OTP: "the one-time password token asks for the next password",
  EXCEEDED_MAX_ITERATIONS: "the generation gave up after its largest number of attempts",
  FIPS_SELF_TEST_FAILED: "the module's FIPS self-test failed",
  LIBRARY_LOAD_FAILED: "the module could not load a library it depends on",
  PIN_TOO_WEAK: "the new PIN is too weak",
  PUBLIC_KEY_INVALID: "the public key is not valid",
  FUNCTION_REJECTED: "the request was rejected, by the user or by the token's policy",
  TOKEN_RESOURCE_EXCEEDED: "the token has no resources left for this",
  OPERATION_CANCEL_FAILED: "the running operation could not be cancelled",
  KEY_EXHAUSTED: "the key has signed as often as it ever can",
  PENDING: "the asynchronous operation is still running",
  SESSION_ASYNC_NOT_SUPPORTED: "the token does not support asynchronous sessions",
  SEED_RANDOM_REQUIRED: "the random generator must be seeded first",
  OPERATION_NOT_VALIDATED: "the operation is outside what the token is validated for",
  TOKEN_NOT_INITIALIZED: "the token is not initialised",
  PARAMETER_SET_NOT_SUPPORTED: "the token does not support this parameter set",
  VENDOR_DEFINED: "the module reported an error of its own",
};

/** What to do about the return values people stumble over. */
const HINTS: { readonly [key in CkrKey]?: string } = {
  ATTRIBUTE_TYPE_INVALID: "Leave the attribute out, or read it on its own to learn its state.",
  ATTRIBUTE_VALUE_INVALID:
    "Check lengths and encodings; those of a curve are DER: EC_PARAMS an OID, EC_POINT an OCTET STRING.",
  ACTION_PROHIBITED: "Look at modifiable, copyable and destroyable of the object.",
  BUFFER_TOO_SMALL: "The module wants more room however much it is given: this is a fault of the module.",
  CRYPTOKI_ALREADY_INITIALIZED: "Somebody else in this process uses the module; load it managed to share it.",
  CRYPTOKI_NOT_INITIALIZED: "The module was closed, or another part of the process finalised it; load it managed.",
  DEVICE_ERROR: "If the token was unplugged or its service restarted, open a new session and find the objects again.",
  DEVICE_REMOVED: "Insert the token, open a new session and find the objects again.",
  FUNCTION_NOT_SUPPORTED: "The module is older than the function or leaves it out; see module.functions().",
  KEY_FUNCTION_NOT_PERMITTED: "The key needs sign, verify, encrypt, decrypt, wrap, unwrap or derive set to true.",
  KEY_HANDLE_INVALID: "The key was destroyed, or is private and its user has logged out; find it again.",
  KEY_TYPE_INCONSISTENT: "The mechanism belongs to another type of key; compare it with the key's keyType.",
  KEY_UNEXTRACTABLE: "Keys are wrapped only when extractable was true at their creation.",
  MECHANISM_INVALID: "See slot.mechanisms() for what the token offers, and mechanismInfo() for the operations.",
  MECHANISM_PARAM_INVALID: "Check lengths and the digest; some tokens support only part of the parameter's values.",
  OBJECT_HANDLE_INVALID: "The object was destroyed, its session was closed, or the user has logged out; find it again.",
  OPERATION_ACTIVE: "Finish or cancel the running operation, or use another session.",
  PIN_EXPIRED: "Set a new PIN with setPin.",
  PIN_INCORRECT: "Repeated wrong PINs lock the token.",
  PIN_LEN_RANGE: "See minPinLen and maxPinLen of the token's information.",
  PIN_LOCKED:
    "The security officer can set a new user PIN with initPin; a TPM unlocks only with time, or by its owner.",
  RANDOM_NO_RNG: "The token cannot make random numbers; use crypto.getRandomValues.",
  SESSION_COUNT: "Close sessions that are not needed, or let module.poolSessions reuse them.",
  SESSION_HANDLE_INVALID:
    "The session was closed, by the token's removal or by another part of the process; open a new one.",
  SESSION_READ_ONLY: "Open the session with { readWrite: true } to change token objects.",
  SESSION_READ_ONLY_EXISTS: "The security officer logs in only while no read-only session is open.",
  TEMPLATE_INCOMPLETE:
    "Give the attributes the object class or mechanism requires, such as class, keyType or valueLen.",
  TEMPLATE_INCONSISTENT:
    "Leave out attributes that the mechanism sets itself; a read-only session makes no token objects.",
  TOKEN_WRITE_PROTECTED: "Only session objects (token: false) can be made on this token.",
  TOKEN_NOT_RECOGNIZED: "The token is of a kind the module does not drive, or is not initialised.",
  USER_ALREADY_LOGGED_IN: "Logins count for the whole token, not for a session; pass { ifNeeded: true } to accept it.",
  USER_ANOTHER_ALREADY_LOGGED_IN: "Log the other user out first; only one kind of user is logged in at a time.",
  USER_NOT_LOGGED_IN: "Log in first; keys with alwaysAuthenticate want their PIN again for every operation.",
  USER_PIN_NOT_INITIALIZED: "The security officer sets the first user PIN with initPin.",
};

const keyByNumber = new Map<number, CkrKey>();

function ckrKey(rv: number | bigint): CkrKey | undefined {
  if (keyByNumber.size === 0) {
    for (const [key, value] of Object.entries(CKR)) keyByNumber.set(value, key as CkrKey);
  }
  return keyByNumber.get(Number(rv));
}

/**
 * What a return value means, as half a sentence: `the PIN is wrong` for `CKR_PIN_INCORRECT`.
 *
 * @param rv The `CK_RV` a function returned.
 *
 * @example Explain a return value
 * ```ts
 * import { ckrMessage } from "@gp11/gp11/ffi";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ckrMessage(0xa0), "the PIN is wrong");
 * ```
 */
export function ckrMessage(rv: number | bigint): string {
  const key = ckrKey(rv);
  if (key) return MESSAGES[key];
  const vendor = rv >= 0x8000_0000 && rv <= 0xffff_ffff;
  return vendor
    ? `the module reported an error of its own, 0x${rv.toString(16)}`
    : `the module returned the unknown value 0x${rv.toString(16)}`;
}

/** Functions that read what is on the disk or in the reader, where a module's set-up shows. */
const SETUP = /^C_(Initialize|GetInfo|GetSlot|GetToken|InitToken|OpenSession|GetMechanismList)/;
/** Functions that work on data with a key. */
const CRYPTOGRAPHY = /^C_(Message)?(Encrypt|Decrypt|Digest|Sign|Verify|Wrap|Unwrap|Derive|Encapsulate|Decapsulate)/;
/** Functions that are given a mechanism. */
const WITH_MECHANISM = /^C_(.*[a-z]Init|Generate(Key|KeyPair)|(Wrap|Unwrap|Derive|Encapsulate|Decapsulate)Key.*)$/;
const IN_PARTS = /^C_(Encrypt|Decrypt|Digest|Sign|Verify)(Update|Final|Key)$/;
/** The use of a key that a function needs, as in the names of attributes. */
const USE =
  /^C_(?:Message)?((?:Sign|Verify)Recover|Encrypt|Decrypt|Sign|Verify|Wrap|Unwrap|Derive|Encapsulate|Decapsulate)/;

/** Hints about return values whose meaning depends on who gave them. */
function hintFor(key: CkrKey, fn: string): string | undefined {
  if (key === "GENERAL_ERROR") {
    if (SETUP.test(fn)) {
      return "Check the module's configuration, its environment variables and the rights on its token folder.";
    }
    if (!CRYPTOGRAPHY.test(fn)) return undefined;
    return "Some modules answer so for data that is damaged, too long or too short, or for a key they cannot use.";
  }
  if (key === "ARGUMENTS_BAD" && fn === "C_Initialize") {
    return "Some modules, such as NSS softokn, want parameters: give them as reserved, in p11-kit's configuration as x-init-reserved.";
  }
  if (key === "ARGUMENTS_BAD" && WITH_MECHANISM.test(fn)) {
    return "Some modules answer so for a parameter they do not support; check the mechanism's parameter.";
  }
  if (key === "ATTRIBUTE_VALUE_INVALID" && fn === "C_CreateObject") {
    return "Check lengths and encodings of the attributes; some tokens answer so for keys made elsewhere, which they do not take.";
  }
  if (key === "OPERATION_NOT_INITIALIZED" && IN_PARTS.test(fn)) {
    return "The mechanism takes its data in one piece only: give it whole, not in parts or as a stream.";
  }
  const use = key === "KEY_FUNCTION_NOT_PERMITTED" ? USE.exec(fn)?.[1] : undefined;
  return use && `The key needs ${use[0]!.toLowerCase()}${use.slice(1)} set to true when it is made.`;
}

/**
 * One line on what to do about a return value; `undefined` where its message says it all.
 *
 * @param fn The function that returned it: many values mean something else from another.
 */
export function ckrHint(rv: number | bigint, fn?: string): string | undefined {
  const key = ckrKey(rv);
  return key && (fn === undefined ? undefined : hintFor(key, fn)) || key && HINTS[key];
}
