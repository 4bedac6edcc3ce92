/**
 * Arguments as Web IDL converts them: what is of the wrong type is a TypeError before anything else is looked at.
 *
 * @module
 */
import { copyBytes, describeType, isBytesInput, memoryOf } from "../../ffi/memory/inputs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Throws unless a call has the arguments it needs. */
export function checkArguments(method: string, given: number, needed: number): void {
  if (given >= needed) return;
  throw new TypeError(`Cannot call ${method}: it takes ${needed} arguments, got ${given}`);
}

/** Whether a value is bytes that Web Cryptography takes. */
export function isBufferSource(value: unknown): value is BufferSource {
  return isBytesInput(value) && Object.prototype.toString.call(memoryOf(value)) === "[object ArrayBuffer]";
}

/** A copy of a BufferSource; shared memory is none, and memory that was taken away is empty. */
export function bufferSource(value: unknown, what: string): Bytes {
  if (!isBufferSource(value)) {
    throw new TypeError(`Cannot use ${what}: expected an ArrayBuffer or a view of one, got ${describeType(value)}`);
  }
  return (memoryOf(value) as ArrayBuffer).detached ? new Uint8Array(0) : copyBytes(value, what);
}

/** A DOMString. */
export function domString(value: unknown, what: string): string {
  if (typeof value === "symbol") throw new TypeError(`Cannot use ${what}: a symbol is no text`);
  checkPrimitive(value, "text", what);
  return String(value);
}

const CONVERSIONS = [Symbol.toPrimitive, "toString", "valueOf"] as const;

/** Throws for an object that cannot become text or a number, such as one without a prototype. */
function checkPrimitive(value: unknown, expected: string, what: string): void {
  if (typeof value !== "object" || value === null) return;
  if (CONVERSIONS.some((name) => typeof (value as Record<PropertyKey, unknown>)[name] === "function")) return;
  throw new TypeError(`Cannot use ${what}: expected ${expected}, got ${describeType(value)}`);
}

/** A number of [EnforceRange]. */
export function enforcedRange(value: unknown, what: string, largest: number): number {
  if (typeof value === "symbol" || typeof value === "bigint") {
    throw new TypeError(`Cannot use ${what}: expected a number, got ${describeType(value)}`);
  }
  checkPrimitive(value, "a number", what);
  const number = Math.trunc(Number(value));
  if (number >= 0 && number <= largest) return number + 0;
  throw new TypeError(`Cannot use ${what}: ${Number(value)} is not between 0 and ${largest}`);
}

/** One of an enumeration. */
export function enumerated<T extends string>(value: unknown, known: readonly T[], what: string): T {
  const text = domString(value, what);
  if (known.includes(text as T)) return text as T;
  throw new TypeError(`Cannot use ${what}: ${JSON.stringify(text)} is none of ${known.join(", ")}`);
}

/** A sequence of an enumeration, each once. */
export function enumeratedSequence<T extends string>(value: unknown, known: readonly T[], what: string): readonly T[] {
  const iterable = value as Iterable<unknown> | null | undefined;
  const isObject = typeof value === "object" || typeof value === "function";
  if (!isObject || value === null || typeof iterable![Symbol.iterator] !== "function") {
    throw new TypeError(`Cannot use ${what}: expected a sequence, got ${describeType(value)}`);
  }
  return [...new Set([...iterable!].map((each) => enumerated(each, known, what)))];
}
