import { CKA } from "./cka.ts";
import { CKK } from "./ckk.ts";
import { CKM } from "./ckm.ts";
import { CKR } from "./ckr.ts";
import { CKC, CKO, CKS, CKU } from "./objects.ts";

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
