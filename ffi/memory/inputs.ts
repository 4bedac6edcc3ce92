/** Byte inputs: what callers may pass where C wants memory, checked and copied. */

import { describeType } from "../../internal/expected.ts";
import type { BytesInput } from "../../internal/platform_types.ts";
import { DATA_VIEW, getter, isUint8Array, kindOf, lengthOf, TYPED_ARRAY } from "../runtime/views.ts";

export { describeName, describeType, describeValue, isPlainObject } from "../../internal/expected.ts";
export type { BytesInput } from "../../internal/platform_types.ts";
export { isUint8Array };

/** From this size on, bytes need not be copied into an operation's own memory. */
export const LARGE = 0x10000;

const lengthOfBuffer = getter(ArrayBuffer.prototype, "byteLength");
const lengthOfShared = getter(SharedArrayBuffer.prototype, "byteLength");

/** Whether a value is an `ArrayBuffer`, a `SharedArrayBuffer` or a view of one, of this realm or another. */
export function isBytesInput(value: unknown): value is BytesInput {
  return ArrayBuffer.isView(value) || isBuffer(value);
}

function isBuffer(value: unknown): value is ArrayBufferLike {
  if (typeof value !== "object" || value === null) return false;
  const tag = Object.prototype.toString.call(value);
  if (tag !== "[object ArrayBuffer]" && tag !== "[object SharedArrayBuffer]") return false;
  return answers(lengthOfBuffer, value) || answers(lengthOfShared, value);
}

/** Whether a getter of the engine takes a value for its own: a name can be anybody's. */
function answers(get: () => unknown, value: object): boolean {
  try {
    get.call(value);
    return true;
  } catch {
    return false;
  }
}

/** How many bytes a Uint8Array has, as the engine knows it; 0 for one whose memory was taken away, and for other values. */
export function arrayLength(value: unknown): number {
  return isUint8Array(value) ? lengthOf.call(value) as number : 0;
}

/**
 * Memory of the caller to write to, as the engine knows it.
 *
 * @param subject What it is for, as it stands in an error message: `into`.
 * @throws {TypeError} When it is no Uint8Array, or its buffer was transferred away.
 */
export function viewMemory(memory: unknown, subject: string): Uint8Array {
  if (isPlainArray(memory)) return memory;
  if (!isUint8Array(memory)) {
    throw new TypeError(`Cannot use ${subject}: expected a Uint8Array, got ${describeType(memory)}`);
  }
  return asBytes(memory, subject);
}

/**
 * Whether a value is a Uint8Array with bytes whose properties are the engine's: those that a program may set would be
 * asked at each use. The prototype alone tells nothing of the kind.
 */
function isPlainArray(value: unknown): value is Uint8Array {
  // Once V8 knows the shape, by the length, the prototype is no call of its own.
  return isUint8Array(value) && value.length > 0 && Object.getPrototypeOf(value) === Uint8Array.prototype &&
    !Object.hasOwn(value, "length");
}

/**
 * The bytes of an input as a view that shares its memory. The length is that of the memory, whatever the input says of
 * itself.
 *
 * @param subject What the bytes are for, as it stands in an error message: `the data`.
 * @throws {TypeError} When the input is not bytes, or its buffer was transferred away.
 */
export function viewBytes(input: unknown, subject: string): Uint8Array {
  return isPlainArray(input) && input.length < LARGE ? input : viewOf(input, subject);
}

function viewOf(input: unknown, subject: string): Uint8Array {
  if (!isBytesInput(input)) {
    throw new TypeError(`Cannot use ${subject}: expected bytes, got ${describeType(input)}`);
  }
  const view = ArrayBuffer.isView(input)
    ? asBytes(input, subject)
    : asBytes(new DataView(whole(input, subject)), subject);
  // A view of nothing cannot be told from one whose memory is taken away later.
  return view.length === 0 ? new Uint8Array(0) : view;
}

function whole(buffer: ArrayBufferLike, subject: string): ArrayBufferLike {
  if ((buffer as ArrayBuffer).detached) throw detachedError(subject);
  return buffer;
}

/** The memory of an input, whatever the input says of itself. */
export function memoryOf(input: BytesInput): ArrayBufferLike {
  if (!ArrayBuffer.isView(input)) return input;
  return (kindOf.call(input) === undefined ? DATA_VIEW : TYPED_ARRAY).buffer.call(input) as ArrayBufferLike;
}

function asBytes(view: ArrayBufferView, subject: string): Uint8Array {
  const known = kindOf.call(view) === undefined ? DATA_VIEW : TYPED_ARRAY;
  const buffer = whole(known.buffer.call(view) as ArrayBufferLike, subject);
  try {
    return new Uint8Array(buffer, known.byteOffset.call(view) as number, known.byteLength.call(view) as number);
  } catch {
    // A DataView has no length any more then, where a typed array is empty.
    throw new TypeError(`Cannot use ${subject}: its buffer has been shrunk, and it lies past the end`);
  }
}

function detachedError(subject: string): TypeError {
  return new TypeError(`Cannot use ${subject}: its buffer is detached`);
}

/**
 * Throws where the memory of bytes that were checked is gone: a getter or a callback that runs while a call is made may
 * have transferred it away or shrunk it.
 *
 * @param length How many bytes there were, where that is known.
 * @throws {TypeError} When it is gone.
 */
export function assertPresent(data: Uint8Array, length?: number): void {
  if (length === undefined ? data.length > 0 : lengthOf.call(data) as number >= length) return;
  const { detached, resizable } = TYPED_ARRAY.buffer.call(data) as ArrayBuffer;
  if (detached || resizable) {
    throw new TypeError("Cannot use the data: its buffer was taken away while the call was made");
  }
}

/** A copy of the bytes of an input; see {@linkcode viewBytes}. */
export function copyBytes(input: unknown, subject: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(viewBytes(input, subject));
}

const encoder = new TextEncoder();
/** A text's first U+FEFF is part of it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A text in UTF-8.
 *
 * @param subject What the text is, as it stands in an error message: `a PIN`. The text itself may be a secret.
 * @throws {TypeError} When it has half of a surrogate pair: no bytes stand for that, and others must not silently.
 */
export function encodeText(text: string, subject: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(wellFormed(text, subject));
}

/** The text itself; see {@linkcode encodeText}. */
export function wellFormed(text: string, subject: string): string {
  if (text.isWellFormed()) return text;
  throw new TypeError(`Cannot use ${subject}: the text has half of a surrogate pair, which is no character`);
}

/** Bytes as text; what is no UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * A `CK_ULONG` to hand to C.
 *
 * @param subject What the number is, as it stands in an error message: `the slot id`.
 * @throws {TypeError} When it is neither a number nor a bigint.
 * @throws {RangeError} When it is negative, no integer, or wider than a `CK_ULONG` can be.
 */
export function checkUlong(value: unknown, subject: string, ulong: 4 | 8 = 8): number | bigint {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0 && (ulong === 8 || value <= 0xffff_ffff)) return value;
  } else if (typeof value === "bigint") {
    if (value >= 0n && value <= (ulong === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn)) return value;
  } else {
    throw new TypeError(`Cannot use ${subject}: expected a number or a bigint, got ${describeType(value)}`);
  }
  const bits = ulong === 8 ? 64 : 32;
  throw new RangeError(`Cannot use ${subject}: ${value} is not an integer from 0 to 2^${bits} - 1`);
}

/** An attribute, mechanism or object type; a number that went negative with the vendor bit is taken as unsigned. */
export function checkType(value: unknown, subject: string): number {
  const plain = typeof value === "bigint" && value <= 0xffff_ffff_ffff_ffffn ? Number(value) : value;
  if (typeof plain === "number" && Number.isInteger(plain) && plain < 0 && plain >= -0x8000_0000) return plain >>> 0;
  return checkUlong(plain, subject) as number;
}
