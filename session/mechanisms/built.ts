/** What mechanism builders return, and the checks they share. */
import type { MechanismType } from "../../ffi/constants/flavor.ts";
import { type BytesInput, checkUlong, copyBytes, describeType } from "../../ffi/memory/inputs.ts";
import type { BuiltParameter } from "../../ffi/memory/mechanisms.ts";

/** A mechanism with the parameter a builder made. */
export interface BuiltMechanism<P extends BuiltParameter | Uint8Array | null = BuiltParameter | Uint8Array | null> {
  /** The mechanism's type, a {@linkcode CKM} number. */
  readonly type: MechanismType;
  /** Its parameter; `null` for a mechanism without one. */
  readonly parameter: P;
}

/** Bytes an initialization vector of AES-GCM may have (PKCS#11 3.0 §6.13.4). */
export const MAX_GCM_IV: number = 2 ** 32 - 1;

/** A copy of a bytes member, its length checked. */
export function bytesMember(
  value: BytesInput | undefined,
  subject: string,
  lengths: { readonly min?: number; readonly max?: number; readonly oneOf?: readonly number[] } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = copyBytes(value, subject);
  const { min = 0, max = Infinity, oneOf } = lengths;
  if (oneOf ? oneOf.includes(bytes.length) : bytes.length >= min && bytes.length <= max) return bytes;
  const expected = oneOf ? oneOf.join(" or ") : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
  throw new RangeError(`Cannot use ${subject}: it has ${bytes.length} bytes, expected ${expected}`);
}

/** A copy of a bytes member that may be left out: `null`, a NULL pointer in C, when it is missing or empty. */
export function optionalBytes(value: BytesInput | undefined, subject: string, max?: number): Uint8Array | null {
  if (value === undefined) return null;
  const bytes = bytesMember(value, subject, max === undefined ? {} : { max });
  return bytes.length === 0 ? null : bytes;
}

/** A length in bits or bytes that must be one of a few. */
export function oneOf(value: number, subject: string, allowed: readonly number[]): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use ${subject}: expected a number, got ${describeType(value)}`);
  }
  if (allowed.includes(value)) return value;
  throw new RangeError(`Cannot use ${subject} ${value}: expected one of ${allowed.join(", ")}`);
}

/** An integer within limits. */
export function integer(value: number, subject: string, min: number, max: number): number {
  const checked = checkUlong(value, subject);
  if (checked >= min && checked <= max) return Number(checked);
  throw new RangeError(`Cannot use ${subject}: ${value} is not an integer from ${min} to ${max}`);
}

/** A length that may be left out, in bytes. */
export function optionalLength(value: number | undefined, subject: string): number | undefined {
  return value === undefined ? undefined : integer(value, subject, 0, Number.MAX_SAFE_INTEGER);
}

/** The options of a builder, which must be an object. */
export function checkOptions(options: unknown, name: string): void {
  if (typeof options === "object" && options !== null) return;
  throw new TypeError(`Cannot build ${name}: expected an object of options, got ${describeType(options)}`);
}
