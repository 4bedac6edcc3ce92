/** Bytes as text, joined and compared, in ways that every runtime knows (Uint8Array's own toHex is newer than Node 22). */
import { Buffer } from "node:buffer";

/** Bytes in lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return text(bytes, "hex");
}

/** Bytes in base64. */
export function toBase64(bytes: Uint8Array): string {
  return text(bytes, "base64");
}

/** Bytes in base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return text(bytes, "base64url");
}

function text(bytes: Uint8Array, encoding: "hex" | "base64" | "base64url"): string {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
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
