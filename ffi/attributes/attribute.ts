/** One attribute to read, the room for its value, and as it was read. */
import { CKR } from "../constants/ckr.ts";
import { getByte, type Version } from "../memory/structs.ts";
import type { Block, ReadableMemory } from "../memory/block.ts";
import type { Abi } from "../runtime/native.ts";

/** How an attribute's bytes are to be understood; `ulongs` are arrays of `CK_ULONG`, `template` a nested template. */
export type AttributeKind = "boolean" | "ulong" | "string" | "bytes" | "date" | "ulongs" | "version" | "template";

/** The value of an attribute that was read. */
export type DecodedValue =
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array<ArrayBuffer>
  | Version
  | (number | bigint)[]
  | ReadAttribute[];

/** One attribute to read. */
export interface ReadRequest {
  /** The attribute's type. */
  readonly type: number;
  /** How its value is to be understood. */
  readonly kind: AttributeKind;
  /** Bytes its value usually has; a longer one costs two more calls. */
  readonly size: number;
  /** Whether the standard lets a token keep it to itself; vendors' attributes count as such. */
  readonly secret: boolean;
}

/** Why an attribute has no value, or `ok`. */
export type AttributeState = "ok" | "sensitive" | "invalid" | "empty" | "error";

/** One attribute as it was read. */
export interface ReadAttribute {
  /** The attribute's type. */
  readonly type: number;
  /**
   * `sensitive` when the token keeps it, `invalid` when the object has none, `empty` when its length is zero, `error` when
   * the module failed to give it or gave what is no value of its kind.
   */
  readonly state: AttributeState;
  /** Its value; `undefined` where there is none. */
  readonly value: DecodedValue | undefined;
  /** With `error`: the CK_RV of the call, or what is wrong in words. */
  readonly failure?: number | string;
}

/** A `C_GetAttributeValue` to make: where its template lies and how many attributes it has. */
export interface ReadCall {
  /** Offset of the template in the block. */
  readonly offset: number;
  /** Number of attributes. */
  readonly count: number;
}

/** Whether `C_GetAttributeValue` has filled the template: each length then says how its attribute fared. */
export function isReadOutcome(rv: number): boolean {
  return rv === CKR.OK || rv === CKR.ATTRIBUTE_SENSITIVE || rv === CKR.ATTRIBUTE_TYPE_INVALID ||
    rv === CKR.BUFFER_TOO_SMALL;
}

/**
 * What lies in the room of a value before C writes. A value that begins with nothing else is not believed until it was
 * read again over the other mark: a module may leave a template as it was and say that all is well.
 */
export const MARKS: readonly [number, number] = [0xa5, 0x5a];

/**
 * The bytes of every value of a kind; 0 for kinds whose values vary. Numbers get exactly this room: NSS softokn's
 * databases refuse more.
 */
export function fixedLength(kind: AttributeKind, abi: Abi): number {
  switch (kind) {
    case "boolean":
      return 1;
    case "ulong":
      return abi.ulong;
    case "date":
      return 8;
    case "version":
      return 2;
    default:
      return 0;
  }
}

/** Fills the room of a value with a mark. */
export function markRoom(block: Block, offset: number, length: number, mark: number): void {
  if (offset < block.bytes.length) block.bytes.fill(mark, offset, offset + length);
  else block.bytesAt(offset, length).fill(mark);
}

/** So many bytes of a value are looked at. */
const LOOKED_AT = 64;

/** Whether the bytes at the start of a value are all of them the mark still. */
export function isUnwritten(memory: ReadableMemory, offset: number, length: number, mark: number): boolean {
  const end = Math.min(length, LOOKED_AT);
  for (let at = 0; at < end; at++) if (getByte(memory, offset + at) !== mark) return false;
  return length > 0;
}

/** Bytes from one value's room to the next. */
export function aligned(length: number): number {
  return (length + 7) & ~7;
}
