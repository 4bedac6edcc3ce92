/**
 * Secrets cut to a number of bits.
 *
 * @module
 */
import { secretCopy } from "../../internal/bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The first bits of a secret, which is overwritten; bits of the last byte that are not asked for are zero. */
export function firstBits(secret: Bytes, length: number): Bytes {
  const bits = secretCopy(secret.subarray(0, Math.ceil(length / 8)));
  if (length % 8 !== 0) bits[bits.length - 1]! &= 0xff << (8 - length % 8);
  secret.fill(0);
  return bits;
}
