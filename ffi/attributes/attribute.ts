/** One attribute to read, and as it was read. */
import { CKR } from "../constants/ckr.ts";
import type { Version } from "../memory/structs.ts";

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
