/**
 * Bytes in messages between threads. Deno looks at every element of a typed array it receives, which takes a hundred
 * times longer than copying it, and at nothing in an ArrayBuffer.
 *
 * @module
 */

/** Stands for a `Uint8Array` on its way. */
interface PackedBytes {
  packedBytes: ArrayBuffer;
}

/** A message whose byte arrays are packed, at whatever depth. */
export function packed(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const whole = value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength;
    return { packedBytes: whole ? value.buffer : new Uint8Array(value).buffer } satisfies PackedBytes;
  }
  return mapped(value, packed);
}

/** The message that was packed. */
export function unpacked(value: unknown): unknown {
  const bytes = (value as Partial<PackedBytes> | null | undefined)?.packedBytes;
  return bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : mapped(value, unpacked);
}

function mapped(value: unknown, map: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.some(isNested) ? value.map(map) : value;
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, isNested(member) ? map(member) : member]),
  );
}

function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
