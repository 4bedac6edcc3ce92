import { CKA, CKO } from "../../ffi/constants/mod.ts";
import * as names from "../../ffi/constants/names.ts";

/** Names of constants as libp11-kit writes them: unknown ones as `CKM_0x80001234`. */
export function constantName(name: (value: number | bigint) => string, prefix: string, value: bigint): string {
  const known = name(value);
  return known.startsWith(`${prefix}_0x`) ? `${prefix}_${hex(value)}` : known;
}

/** A number or an address: `0x0000002A`. */
export function hex(value: bigint): string {
  return "0x" + value.toString(16).toUpperCase().padStart(8, "0");
}

/** An address, `NULL` for none. */
export function pointer(address: bigint): string {
  return address === 0n ? "NULL" : hex(address);
}

const escapes: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r" };
/** What libp11-kit shows of a byte array at most, in characters. */
const MAX_SHOWN = 119;
/** What it shows of an attribute at most, in bytes. */
const MAX_ATTRIBUTE = 128;

function character(byte: number, upper: boolean): string {
  if (escapes[byte] !== undefined) return escapes[byte];
  if (byte >= 32 && byte < 127) return String.fromCharCode(byte);
  const digits = byte.toString(16).padStart(2, "0");
  return `\\x${upper ? digits.toUpperCase() : digits}`;
}

/** Bytes of an argument in quotes, cut when they are many. */
export function quotedBytes(bytes: Uint8Array): string {
  let shown = "";
  for (let at = 0; at < bytes.length && shown.length < MAX_SHOWN; at++) shown += character(bytes[at]!, true);
  return shown.length < MAX_SHOWN ? `"${shown}"` : `"${shown.slice(0, MAX_SHOWN)}..."`;
}

/** How many bytes {@linkcode quotedBytes} may look at. */
export const shownBytes: number = MAX_SHOWN;

/** Bytes of an attribute in quotes, cut when they are many. */
export function quotedAttribute(bytes: Uint8Array, length: number): string {
  let shown = "";
  for (const byte of bytes.subarray(0, MAX_ATTRIBUTE)) shown += character(byte, false);
  return `"${shown}${length > MAX_ATTRIBUTE ? "..." : ""}"`;
}

/** How many bytes {@linkcode quotedAttribute} may look at. */
export const shownAttributeBytes: number = MAX_ATTRIBUTE;

/** Names of the flags that are set, after the number: ` = CKF_SERIAL_SESSION | CKF_RW_SESSION`. */
export function flagNames(flags: bigint, names: readonly (readonly [number, string])[]): string {
  const set = names.filter(([flag]) => (flags & BigInt(flag)) !== 0n).map(([, name]) => name);
  return set.length === 0 ? "" : ` = ${set.join(" | ")}`;
}

export const sessionFlags: readonly (readonly [number, string])[] = [[4, "CKF_SERIAL_SESSION"], [2, "CKF_RW_SESSION"]];
export const lockingFlags: readonly (readonly [number, string])[] = [[2, "CKF_OS_LOCKING_OK"]];
export const slotFlags: readonly (readonly [number, string])[] = [
  [1, "CKF_TOKEN_PRESENT"],
  [2, "CKF_REMOVABLE_DEVICE"],
  [4, "CKF_HW_SLOT"],
];
export const tokenFlags: readonly (readonly [number, string])[] = [
  [0x1, "CKF_RNG"],
  [0x2, "CKF_WRITE_PROTECTED"],
  [0x4, "CKF_LOGIN_REQUIRED"],
  [0x8, "CKF_USER_PIN_INITIALIZED"],
  [0x20, "CKF_RESTORE_KEY_NOT_NEEDED"],
  [0x40, "CKF_CLOCK_ON_TOKEN"],
  [0x100, "CKF_PROTECTED_AUTHENTICATION_PATH"],
  [0x200, "CKF_DUAL_CRYPTO_OPERATIONS"],
  [0x400, "CKF_TOKEN_INITIALIZED"],
  [0x800, "CKF_SECONDARY_AUTHENTICATION"],
  [0x10000, "CKF_USER_PIN_COUNT_LOW"],
  [0x20000, "CKF_USER_PIN_FINAL_TRY"],
  [0x40000, "CKF_USER_PIN_LOCKED"],
  [0x80000, "CKF_USER_PIN_TO_BE_CHANGED"],
  [0x100000, "CKF_SO_PIN_COUNT_LOW"],
  [0x200000, "CKF_SO_PIN_FINAL_TRY"],
  [0x400000, "CKF_SO_PIN_LOCKED"],
  [0x800000, "CKF_SO_PIN_TO_BE_CHANGED"],
];
export const mechanismFlags: readonly (readonly [number, string])[] = [
  [0x1, "CKF_HW"],
  [0x100, "CKF_ENCRYPT"],
  [0x200, "CKF_DECRYPT"],
  [0x400, "CKF_DIGEST"],
  [0x800, "CKF_SIGN"],
  [0x1000, "CKF_SIGN_RECOVER"],
  [0x2000, "CKF_VERIFY"],
  [0x4000, "CKF_VERIFY_RECOVER"],
  [0x8000, "CKF_GENERATE"],
  [0x10000, "CKF_GENERATE_KEY_PAIR"],
  [0x20000, "CKF_WRAP"],
  [0x40000, "CKF_UNWRAP"],
  [0x80000, "CKF_DERIVE"],
  [0x80000000, "CKF_EXTENSION"],
];
const messageFlags: readonly (readonly [number, string])[] = [[1, "CKF_END_OF_MESSAGE"]];
/** What a parameter `flags` means, by the function that has it. */
export const flagsOfCalls: Readonly<Record<string, readonly (readonly [number, string])[]>> = {
  C_OpenSession: sessionFlags,
  C_WaitForSlotEvent: [[1, "CKF_DONT_BLOCK"]],
  C_GetInterface: [[1, "CKF_INTERFACE_FORK_SAFE"]],
  C_SessionCancel: mechanismFlags,
  C_EncryptMessageNext: messageFlags,
  C_DecryptMessageNext: messageFlags,
};

/** Attributes that hold no secret; the value of any other is not printed. Made when calls are logged. */
let printable: ReadonlySet<bigint> | undefined;

function printableTypes(): ReadonlySet<bigint> {
  return printable ??= new Set(
    [
      "CLASS TOKEN PRIVATE LABEL APPLICATION OBJECT_ID CERTIFICATE_TYPE ISSUER SERIAL_NUMBER AC_ISSUER OWNER ATTR_TYPES",
      "TRUSTED CERTIFICATE_CATEGORY JAVA_MIDP_SECURITY_DOMAIN URL HASH_OF_SUBJECT_PUBLIC_KEY HASH_OF_ISSUER_PUBLIC_KEY",
      "CHECK_VALUE KEY_TYPE SUBJECT ID SENSITIVE ENCRYPT DECRYPT WRAP UNWRAP SIGN SIGN_RECOVER VERIFY VERIFY_RECOVER DERIVE",
      "START_DATE END_DATE MODULUS_BITS PRIME_BITS VALUE_BITS VALUE_LEN EXTRACTABLE LOCAL NEVER_EXTRACTABLE ALWAYS_SENSITIVE",
      "KEY_GEN_MECHANISM MODIFIABLE ALWAYS_AUTHENTICATE WRAP_WITH_TRUSTED HW_FEATURE_TYPE RESET_ON_INIT HAS_RESET PIXEL_X",
      "PIXEL_Y RESOLUTION CHAR_ROWS CHAR_COLUMNS COLOR BITS_PER_PIXEL CHAR_SETS ENCODING_METHODS MIME_TYPES MECHANISM_TYPE",
      "ALLOWED_MECHANISMS PUBLIC_KEY_INFO",
    ].join(" ").split(" ").flatMap((name) => {
      const type = (CKA as Readonly<Record<string, number>>)[name];
      return type === undefined ? [] : [BigInt(type)];
    }),
  );
}

/** Whether the value of an attribute may be printed; `objectClass` is the class in the same template. */
export function isPrintable(type: bigint, objectClass: bigint | null): boolean {
  if (type === BigInt(CKA.VALUE)) return objectClass === BigInt(CKO.CERTIFICATE) || objectClass === 0xd84447c8n;
  return printableTypes().has(type);
}

/** Name of an attribute type. */
export function ckaName(type: bigint): string {
  return constantName(names.ckaName, "CKA", type);
}

/** Name of a mechanism type. */
export function ckmName(type: bigint): string {
  return constantName(names.ckmName, "CKM", type);
}

/** Name of a return value. */
export function ckrName(rv: bigint): string {
  return constantName(names.ckrName, "CKR", rv);
}

/** Name of a session state. */
export function cksName(state: bigint): string {
  return constantName(names.cksName, "CKS", state);
}

/** Name of a user type. */
export function ckuName(user: bigint): string {
  return constantName(names.ckuName, "CKU", user);
}

/** Name of an object class; libp11-kit writes an unknown one as a bare number. */
export function classNameOf(value: bigint): string {
  return bare(names.ckoName(value), value);
}

/** Name of a key type. */
export function keyTypeName(value: bigint): string {
  return bare(names.ckkName(value), value);
}

/** Name of a certificate type. */
export function certificateTypeName(value: bigint): string {
  return bare(names.ckcName(value), value);
}

function bare(name: string, value: bigint): string {
  return name.includes("_0x") ? hex(value) : name;
}
