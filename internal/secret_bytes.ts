/**
 * Memory for secrets, which whoever fills it overwrites. A small array lies on the runtime's heap: the heap moves it, and
 * some ways to look at it give it other memory, and each time a copy stays behind that nobody can reach. An array over a
 * buffer of its own stays where it is.
 */

/** Zero bytes that stay where they are. */
export function secretBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy that stays where it is. */
export function secretCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = secretBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

const encoder = new TextEncoder();
/** Bytes of UTF-8 for each UTF-16 unit, at most. */
const MAX_UTF8 = 3;

/** A text in UTF-8 in memory that stays where it is; the text itself cannot be overwritten. */
export function secretText(text: string): Uint8Array<ArrayBuffer> {
  const bytes = secretBytes(text.length * MAX_UTF8);
  return bytes.subarray(0, encoder.encodeInto(text, bytes).written);
}
