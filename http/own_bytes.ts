/**
 * Bytes a stream may transfer.
 *
 * @module
 */

/** A plain `Uint8Array` nobody else holds a view of, so that a stream may transfer it. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}
