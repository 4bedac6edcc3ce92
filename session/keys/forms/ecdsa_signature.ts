/**
 * ECDSA signatures: r and s side by side, as tokens and Web Cryptography have them, and in DER, as OpenSSL, X.509 and
 * most protocols want them (RFC 3279 §2.2.3).
 *
 * @module
 */
import { type BytesInput, copyBytes } from "../../../ffi/memory/inputs.ts";
import { DerReader, readDer } from "./asn1.ts";
import { sequence, unsigned, writeDer } from "./asn1_writer.ts";

/**
 * A signature of a token as OpenSSL wants it.
 *
 * @param raw r and s, each in the length of the curve.
 * @throws {TypeError} When the length is odd or zero.
 *
 * @example Both ways
 * ```ts
 * import { ecdsaSignatureFromDer, ecdsaSignatureToDer } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const raw = new Uint8Array(64).fill(1);
 * assertEquals(ecdsaSignatureFromDer(ecdsaSignatureToDer(raw), 32), raw);
 * ```
 */
export function ecdsaSignatureToDer(raw: BytesInput): Uint8Array<ArrayBuffer> {
  const bytes = copyBytes(raw, "an ECDSA signature");
  if (bytes.length === 0 || bytes.length % 2 !== 0) {
    throw new TypeError(
      `Cannot write the ECDSA signature in DER: ${bytes.length} bytes are not two numbers of one length`,
    );
  }
  const half = bytes.length / 2;
  return writeDer(sequence(unsigned(bytes.subarray(0, half)), unsigned(bytes.subarray(half))));
}

/**
 * A signature in DER as tokens and Web Cryptography want it.
 *
 * @param size Bytes of one number: 32 for P-256, 48 for P-384, 66 for P-521.
 * @throws {TypeError} When it is damaged.
 * @throws {RangeError} When a number is longer than `size`, or `size` is no length.
 */
export function ecdsaSignatureFromDer(der: BytesInput, size: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(size) || size < 1 || size > 0xffff) {
    throw new RangeError(`Cannot read the ECDSA signature: ${size} is no length of a number in bytes`);
  }
  const what = "the ECDSA signature";
  const reader = new DerReader(readDer(copyBytes(der, what), what), what);
  const raw = new Uint8Array(2 * size);
  for (const [at, name] of ["r", "s"].entries()) {
    const number = reader.unsigned(name);
    if (number.length > size) {
      throw new RangeError(
        `Cannot read ${what}: ${name} has ${number.length} bytes, more than the ${size} of the curve`,
      );
    }
    raw.set(number, (at + 1) * size - number.length);
  }
  reader.end();
  return raw;
}
