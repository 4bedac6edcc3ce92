/** CRC-32 (RFC 1952 §8). */
import { builtin } from "../../internal/builtin_modules.ts";

/** The checksum of `bytes` behind what `checksum` is of. */
export function crc32ByTable(bytes: Uint8Array, checksum: number): number {
  let value = ~checksum;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff]! ^ value >>> 8;
  return ~value >>> 0;
}

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0xedb88320 : value >>> 1;
  return value;
});

/** {@linkcode crc32ByTable}, by the runtime itself where it can: Node from 22.2. */
export function crc32(bytes: Uint8Array, checksum: number): number {
  const { crc32: native = crc32ByTable } = builtin.zlib as { crc32?: typeof crc32ByTable };
  return native(bytes, checksum);
}
