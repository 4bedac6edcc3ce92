import { CKF } from "./ckf.ts";

type FlagName = keyof typeof CKF;

/** The structures whose flags have names: `CK_SLOT_INFO`, `CK_TOKEN_INFO`, `CK_SESSION_INFO`, `CK_MECHANISM_INFO`. */
export type FlagsKind = "slot" | "token" | "session" | "mechanism";

/** The same bit means another thing in each structure (PKCS#11 3.2 §3.2 to §3.5, §6). */
const FLAGS: Readonly<Record<FlagsKind, readonly FlagName[]>> = {
  slot: ["TOKEN_PRESENT", "REMOVABLE_DEVICE", "HW_SLOT"],
  token: [
    "RNG",
    "WRITE_PROTECTED",
    "LOGIN_REQUIRED",
    "USER_PIN_INITIALIZED",
    "RESTORE_KEY_NOT_NEEDED",
    "CLOCK_ON_TOKEN",
    "PROTECTED_AUTHENTICATION_PATH",
    "DUAL_CRYPTO_OPERATIONS",
    "TOKEN_INITIALIZED",
    "SECONDARY_AUTHENTICATION",
    "USER_PIN_COUNT_LOW",
    "USER_PIN_FINAL_TRY",
    "USER_PIN_LOCKED",
    "USER_PIN_TO_BE_CHANGED",
    "SO_PIN_COUNT_LOW",
    "SO_PIN_FINAL_TRY",
    "SO_PIN_LOCKED",
    "SO_PIN_TO_BE_CHANGED",
    "ERROR_STATE",
    "SEED_RANDOM_REQUIRED",
    "ASYNC_SESSION_SUPPORTED",
  ],
  session: ["RW_SESSION", "SERIAL_SESSION", "ASYNC_SESSION"],
  mechanism: [
    "HW",
    "MESSAGE_ENCRYPT",
    "MESSAGE_DECRYPT",
    "MESSAGE_SIGN",
    "MESSAGE_VERIFY",
    "MULTI_MESSAGE",
    "FIND_OBJECTS",
    "ENCRYPT",
    "DECRYPT",
    "DIGEST",
    "SIGN",
    "SIGN_RECOVER",
    "VERIFY",
    "VERIFY_RECOVER",
    "GENERATE",
    "GENERATE_KEY_PAIR",
    "WRAP",
    "UNWRAP",
    "DERIVE",
    "EC_F_P",
    "EC_F_2M",
    "EC_ECPARAMETERS",
    "EC_OID",
    "EC_UNCOMPRESS",
    "EC_COMPRESS",
    "EC_CURVENAME",
    "ENCAPSULATE",
    "DECAPSULATE",
    "EXTENSION",
  ],
};

/**
 * Names of the flags that are set, in the order of their bits; of a bit nobody has named its value in hexadecimal, such
 * as `CKF_0x40000000`.
 *
 * @param flags The flags.
 * @param kind Whose flags they are: the same bit means another thing in each structure.
 * @throws {TypeError} When the flags are no number, or the kind is none of the four.
 * @throws {RangeError} When the flags are negative or no whole number.
 *
 * @example What a token says of itself
 * ```ts
 * import { ckfNames } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ckfNames(0x405, "token"), ["CKF_RNG", "CKF_LOGIN_REQUIRED", "CKF_TOKEN_INITIALIZED"]);
 * ```
 */
export function ckfNames(flags: number | bigint, kind: FlagsKind): string[] {
  if (!Object.hasOwn(FLAGS, kind)) {
    const given = typeof kind === "string" ? JSON.stringify(kind) : kind === null ? "null" : `a ${typeof kind}`;
    throw new TypeError(`Cannot name flags of ${given}: expected ${Object.keys(FLAGS).join(", ")}`);
  }
  const names = new Map(FLAGS[kind].map((name) => [BigInt(CKF[name]), `CKF_${name}`]));
  const bits = bitsOf(flags);
  return bits.map((bit) => names.get(bit) ?? `CKF_0x${bit.toString(16)}`);
}

/** The bits that are set, the lowest first. */
function bitsOf(flags: number | bigint): bigint[] {
  if (typeof flags !== "number" && typeof flags !== "bigint") {
    throw new TypeError(`Cannot name flags: expected a number, got ${flags === null ? "null" : `a ${typeof flags}`}`);
  }
  if (typeof flags === "number" && !Number.isInteger(flags) || flags < 0) {
    throw new RangeError(`Cannot name flags: ${flags} is no whole number from 0 on`);
  }
  const bits: bigint[] = [];
  for (let rest = BigInt(flags), bit = 1n; rest > 0n; rest >>= 1n, bit <<= 1n) if (rest & 1n) bits.push(bit);
  return bits;
}
