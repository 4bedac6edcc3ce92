/**
 * Bytes as text, joined and compared, in ways that every runtime knows.
 *
 * And memory for secrets, which whoever fills it overwrites. A small array lies on the runtime's heap: the heap moves it, and
 * some ways to look at it give it other memory, and each time a copy stays behind that nobody can reach. An array over a
 * buffer of its own stays where it is.
 *
 * @module
 */

import type { Buffer } from "node:buffer";

/** Bytes in lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex?.() ?? written(bytes, "hex");
}

/** Bytes in base64. */
export function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64?.() ?? written(bytes, "base64");
}

/** Bytes in base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64?.({ alphabet: "base64url", omitPadding: true }) ?? written(bytes, "base64url");
}

/** As Node has always written them; up to Node 24 an array of bytes cannot. Importing it costs Deno a millisecond. */
function written(bytes: Uint8Array, encoding: "hex" | "base64" | "base64url"): string {
  const node = globalThis as unknown as { readonly Buffer: typeof Buffer };
  return node.Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}

/** Joins a few byte strings. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joinBytes(parts);
}

/** Joins byte strings, however many: more than a call takes as arguments. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

/** Whether two byte strings are the same. */
export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

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
