import { CKA } from "./cka.ts";
import { CKC, CKK, CKO, CKS, CKU } from "./objects.ts";
import { CKM } from "./ckm.ts";
import { CKR } from "./ckr.ts";
import { distance } from "../../internal/expected.ts";
import type { MechanismType } from "./flavor.ts";
import { CKF } from "./ckf.ts";

/** Second names of a number: valid to write, but not what the number is called today. */
const ALIASES = new Set([
  "CKA_ECDSA_PARAMS",
  "CKA_SUB_PRIME_BITS",
  "CKK_CAST5",
  "CKK_ECDSA",
  "CKM_CAST5_CBC",
  "CKM_CAST5_CBC_PAD",
  "CKM_CAST5_ECB",
  "CKM_CAST5_KEY_GEN",
  "CKM_CAST5_MAC",
  "CKM_CAST5_MAC_GENERAL",
  "CKM_DSA_PROBABLISTIC_PARAMETER_GEN",
  "CKM_ECDSA_KEY_PAIR_GEN",
  "CKM_PBE_MD5_CAST5_CBC",
  "CKM_PBE_SHA1_CAST5_CBC",
  "CKM_SHA3_224_KEY_DERIVE",
  "CKM_SHA3_256_KEY_DERIVE",
  "CKM_SHA3_384_KEY_DERIVE",
  "CKM_SHA3_512_KEY_DERIVE",
  "CKM_SHAKE_128_KEY_DERIVE",
  "CKM_SHAKE_256_KEY_DERIVE",
  "CKS_LAST_VALIDATION_OK",
]);

/** Names of one prefix by number, built on first use so that importing costs nothing. */
class Names {
  readonly #prefix: string;
  readonly #values: Readonly<Record<string, number>>;
  #byNumber: Map<number, string> | undefined;

  constructor(prefix: string, values: Readonly<Record<string, number>>) {
    this.#prefix = prefix;
    this.#values = values;
  }

  of(value: number | bigint): string {
    if (typeof value !== "number" && typeof value !== "bigint") {
      throw new TypeError(`Cannot name a ${this.#prefix}: expected a number, got a value of type ${typeof value}`);
    }
    const number = typeof value === "bigint" && value <= 0xffff_ffffn ? Number(value) : value;
    const known = typeof number === "number" ? this.#map().get(number) : undefined;
    return known ?? `${this.#prefix}_0x${value.toString(16)}`;
  }

  #map(): Map<number, string> {
    if (this.#byNumber) return this.#byNumber;
    const map = new Map<number, string>();
    for (const [name, number] of Object.entries(this.#values)) {
      const full = `${this.#prefix}_${name}`;
      if (!ALIASES.has(full)) map.set(number, full);
    }
    return this.#byNumber = map;
  }
}

/** The name of a return value, as {@linkcode ckrName} gives it: of a vendor's own and unknown ones the number in hexadecimal. */
export type CkrName = `CKR_${keyof typeof CKR}` | `CKR_0x${string}`;

const attributes = new Names("CKA", CKA);
const certificateTypes = new Names("CKC", CKC);
const classes = new Names("CKO", CKO);
const keyTypes = new Names("CKK", CKK);
const mechanisms = new Names("CKM", CKM);
const returnValues = new Names("CKR", CKR);
const states = new Names("CKS", CKS);
const users = new Names("CKU", CKU);

/**
 * Name of a return value: `CKR_PIN_INCORRECT` for 0xa0, `CKR_0x80000001` for a vendor's own or an unknown
 * number.
 *
 * @param rv The `CK_RV` a function returned.
 *
 * @example Name a return value
 * ```ts
 * import { ckrName } from "@gp11/gp11/ffi";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ckrName(0xa0), "CKR_PIN_INCORRECT");
 * ```
 */
export function ckrName(rv: number | bigint): CkrName {
  return returnValues.of(rv) as CkrName;
}

/** Name of a mechanism type: `CKM_AES_GCM` for 0x1087; vendor and unknown numbers in hexadecimal. */
export function ckmName(type: number | bigint): `CKM_${keyof typeof CKM}` | `CKM_0x${string}` {
  return mechanisms.of(type) as ReturnType<typeof ckmName>;
}

/** Name of an attribute type: `CKA_LABEL` for 3; vendor and unknown numbers in hexadecimal. */
export function ckaName(type: number | bigint): `CKA_${keyof typeof CKA}` | `CKA_0x${string}` {
  return attributes.of(type) as ReturnType<typeof ckaName>;
}

/** Name of an object class: `CKO_PRIVATE_KEY` for 3; vendor and unknown numbers in hexadecimal. */
export function ckoName(value: number | bigint): `CKO_${keyof typeof CKO}` | `CKO_0x${string}` {
  return classes.of(value) as ReturnType<typeof ckoName>;
}

/** Name of a key type: `CKK_EC` for 3; vendor and unknown numbers in hexadecimal. */
export function ckkName(value: number | bigint): `CKK_${keyof typeof CKK}` | `CKK_0x${string}` {
  return keyTypes.of(value) as ReturnType<typeof ckkName>;
}

/** Name of a certificate type: `CKC_X_509` for 0; vendor and unknown numbers in hexadecimal. */
export function ckcName(value: number | bigint): `CKC_${keyof typeof CKC}` | `CKC_0x${string}` {
  return certificateTypes.of(value) as ReturnType<typeof ckcName>;
}

/** Name of a session state: `CKS_RW_USER_FUNCTIONS` for 3. */
export function cksName(value: number | bigint): `CKS_${keyof typeof CKS}` | `CKS_0x${string}` {
  return states.of(value) as ReturnType<typeof cksName>;
}

/** Name of a user type: `CKU_USER` for 1. */
export function ckuName(value: number | bigint): `CKU_${keyof typeof CKU}` | `CKU_0x${string}` {
  return users.of(value) as ReturnType<typeof ckuName>;
}

const NEAREST = 3;

/**
 * The number of a mechanism by its name, the way back from {@linkcode ckmName}.
 *
 * @param name Its name with or without `CKM_`, or `CKM_0x80000001` for a vendor's own.
 * @returns The {@linkcode CKM} number.
 * @throws {TypeError} When the name is no text.
 * @throws {RangeError} When there is no such mechanism; the message has the nearest names.
 *
 * @example A mechanism from a configuration
 * ```ts
 * import { CKM, mechanismByName } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mechanismByName("ECDSA_SHA256"), CKM.ECDSA_SHA256);
 * assertEquals(mechanismByName("CKM_AES_GCM"), CKM.AES_GCM);
 * ```
 */
export function mechanismByName(name: string): MechanismType {
  if (typeof name !== "string") throw new TypeError(`Cannot find a mechanism: its name is a ${typeof name}, not text`);
  const short = name.replace(/^CKM_/, "");
  if (Object.hasOwn(CKM, short)) return CKM[short as keyof typeof CKM];
  if (/^0x[0-9a-f]{1,8}$/i.test(short)) return Number(short);
  throw new RangeError(
    `Cannot find the mechanism ${JSON.stringify(name.slice(0, 100))}: the nearest are ${nearest(short).join(", ")}`,
  );
}

function nearest(name: string): string[] {
  const wanted = name.slice(0, 100).toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  return Object.keys(CKM).map((known) => ({ known, steps: distance(wanted, known) }))
    .sort((one, other) => one.steps - other.steps)
    .slice(0, NEAREST)
    .map(({ known }) => `CKM_${known}`);
}

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
