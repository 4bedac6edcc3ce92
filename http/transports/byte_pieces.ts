/**
 * Pieces of a body, in a form byte streams take.
 *
 * @module
 */

/** A plain `Uint8Array` nobody else holds a view of, so that a stream may transfer it. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}

/** The next piece that has bytes: a byte stream takes no others. */
export async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
  for (;;) {
    const result = await reader.read();
    if (result.done || result.value.byteLength > 0) return result;
  }
}
