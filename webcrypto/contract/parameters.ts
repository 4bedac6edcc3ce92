/**
 * Parameters of algorithms: the dictionaries of the Web Cryptography API as data, read in its order.
 *
 * @module
 */
import { describeType } from "../../ffi/memory/inputs.ts";
import type { KeySlots } from "./crypto_key.ts";
import type { HashName } from "../../session/mechanisms/hash.ts";
import { bufferSource, domString, enforcedRange } from "./web_idl.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Where a new key is to live. */
export interface Placement {
  /** Whether it stays on the token when its sessions are closed. */
  readonly token: boolean;
  /** CKA_LABEL. */
  readonly label: string | undefined;
  /** CKA_ID. */
  readonly id: Bytes | undefined;
}

/** An algorithm with its parameters, read and copied. */
export interface Parameters {
  /** Its name as the specification writes it. */
  readonly name: string;
  readonly additionalData?: Bytes;
  readonly context?: Bytes;
  readonly counter?: Bytes;
  readonly hash?: { readonly name: HashName };
  readonly info?: Bytes;
  readonly iterations?: number;
  readonly iv?: Bytes;
  readonly label?: Bytes;
  readonly length?: number;
  readonly modulusLength?: number;
  readonly namedCurve?: string;
  /** Another side's key as it was given; `peer` is it on the token. */
  readonly public?: unknown;
  readonly peer?: KeySlots;
  readonly publicExponent?: Bytes;
  readonly salt?: Bytes;
  readonly saltLength?: number;
  readonly tagLength?: number;
  readonly token?: Placement;
}

/** How a member is converted. */
export type MemberType = "bytes" | "big-integer" | "text" | "octet" | "short" | "long" | "hash" | "key" | "placement";

/** A member of a dictionary. */
export interface Member {
  readonly name: Exclude<keyof Parameters, "name" | "peer">;
  readonly type: MemberType;
  readonly required: boolean;
}

/** The members of a dictionary, in the order in which they are read. */
export type Dictionary = readonly Member[];

/** A member that must be there. */
export function required(name: Member["name"], type: MemberType): Member {
  return { name, type, required: true };
}

/** A member that may be there. */
export function optional(name: Member["name"], type: MemberType): Member {
  return { name, type, required: false };
}

/** Where new keys live: not in the specification, which keeps keys nowhere. */
export const placement: Member = optional("token", "placement");

/** What reads a HashAlgorithmIdentifier: the same names that `digest` takes. */
export type HashReader = (value: unknown) => { readonly name: HashName };

/**
 * Reads the parameters of an algorithm.
 *
 * @throws {TypeError} for a member that is missing or of the wrong type
 */
export function readParameters(name: string, given: object, dictionary: Dictionary, readHash: HashReader): Parameters {
  const read: Record<string, unknown> = { name };
  for (const { name: member, required, type } of dictionary) {
    const value = (given as Record<string, unknown>)[member];
    if (value !== undefined) read[member] = converted(value, `${member} of ${name}`, type, readHash);
    else if (required) throw new TypeError(`Cannot use ${name}: its member "${member}" is missing`);
  }
  return read as unknown as Parameters;
}

function converted(value: unknown, what: string, type: MemberType, readHash: HashReader): unknown {
  switch (type) {
    case "bytes":
      return bufferSource(value, what);
    case "big-integer":
      if (!(value instanceof Uint8Array)) {
        throw new TypeError(`Cannot use ${what}: expected a Uint8Array, got ${describeType(value)}`);
      }
      return bufferSource(value, what);
    case "text":
      return domString(value, what);
    case "octet":
      return enforcedRange(value, what, 0xff);
    case "short":
      return enforcedRange(value, what, 0xffff);
    case "long":
      return enforcedRange(value, what, 0xffff_ffff);
    case "hash":
      return readHash(value);
    case "key":
      return keyObject(value, what);
    case "placement":
      return readPlacement(value, what);
  }
}

/** Whether it is a key of whom is seen when it is used. */
function keyObject(value: unknown, what: string): object {
  if (typeof value === "object" && value !== null && Symbol.toStringTag in value) {
    if (value[Symbol.toStringTag] === "CryptoKey") return value;
  }
  throw new TypeError(`Cannot use ${what}: expected a CryptoKey, got ${describeType(value)}`);
}

/** Reads where a key is to live. */
export function readPlacement(value: unknown, what: string): Placement {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`Cannot use ${what}: expected an object, got ${describeType(value)}`);
  }
  const { id, label, token } = value as { id?: unknown; label?: unknown; token?: unknown };
  return {
    token: Boolean(token),
    label: label === undefined ? undefined : domString(label, `label in ${what}`),
    id: id === undefined ? undefined : bufferSource(id, `id in ${what}`),
  };
}
