/**
 * Pieces of a body, in a form byte streams take.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { BytesRead } from "../../internal/platform_types.ts";
import { runtimeName } from "../../internal/runtime.ts";

/** JavaScriptCore has arrays of so many bytes among its objects; the first view of one makes memory outside, and moves them. */
const INSIDE = runtimeName() === "bun" ? 1000 : 0;

/** A part of bytes, as a view of them or as a copy, whichever is less work. */
export function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (bytes.byteLength > INSIDE || !(bytes instanceof Buffer)) return bytes.subarray(start, end);
  const part = new Uint8Array(end - start);
  bytes.copy(part, 0, start, end);
  return part;
}

/** A plain `Uint8Array` nobody else holds a view of, so that a stream may transfer it. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}

/** The next piece that has bytes: a byte stream takes no others. */
export async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<BytesRead> {
  for (;;) {
    const result = await reader.read();
    if (result.done || result.value.byteLength > 0) return result;
  }
}
