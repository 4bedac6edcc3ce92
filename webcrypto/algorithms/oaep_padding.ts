/**
 * The padding of RSA-OAEP (RFC 8017 §7.1) for tokens that have RSA alone, or OAEP with SHA-1 alone.
 *
 * @module
 */
import { concatBytes, secretBytes } from "../../internal/bytes.ts";
import { runtimeCrypto } from "../../internal/runtime.ts";
import { digestOutside, findHash, type HashName } from "../../session/mechanisms/hash.ts";
import { refusal } from "../contract/errors.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** RFC 8017 §B.2.1. */
function mask(seed: Uint8Array, length: number, hash: HashName): Bytes {
  const made = secretBytes(length);
  for (let counter = 0, at = 0; at < length; counter++) {
    const block = digestOutside(
      hash,
      concatBytes(seed, Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter)),
    );
    made.set(block.subarray(0, length - at), at);
    at += block.length;
  }
  return made;
}

function addMask(bytes: Uint8Array, masked: Uint8Array): void {
  for (let index = 0; index < bytes.length; index++) bytes[index]! ^= masked[index]!;
}

/**
 * A message with its padding, as long as the modulus.
 *
 * @throws {DOMException} OperationError where the key has no room for it
 */
export function addPadding(message: Bytes, size: number, hash: HashName, label: Bytes): Bytes {
  const { length } = findHash(hash);
  const room = size - 2 * length - 2;
  if (message.length > room) {
    throw refusal(
      "OperationError",
      `Cannot encrypt ${message.length} bytes: the key has room for ${Math.max(0, room)}`,
    );
  }
  const padded = secretBytes(size);
  const seed = padded.subarray(1, 1 + length);
  const block = padded.subarray(1 + length);
  runtimeCrypto().getRandomValues(seed);
  block.set(digestOutside(hash, label));
  block[block.length - message.length - 1] = 1;
  block.set(message, block.length - message.length);
  addMask(block, mask(seed, block.length, hash));
  addMask(seed, mask(block, length, hash));
  return padded;
}

/**
 * The message in what RSA gives. Every wrong padding takes the same way to the same error: which part was wrong would tell
 * the message to whoever may ask often enough.
 *
 * @throws {DOMException} OperationError
 */
export function removePadding(decrypted: Bytes, size: number, hash: HashName, label: Bytes): Bytes {
  const { length } = findHash(hash);
  const padded = secretBytes(size);
  padded.set(decrypted.subarray(-size), size - Math.min(size, decrypted.length));
  const seed = padded.subarray(1, 1 + length);
  const block = padded.subarray(1 + length);
  addMask(seed, mask(block, length, hash));
  addMask(block, mask(seed, block.length, hash));
  const expected = digestOutside(hash, label);
  let wrong = padded[0]!;
  for (let index = 0; index < length; index++) wrong |= block[index]! ^ expected[index]!;
  // Where the message begins: after the first byte that is not zero, which has to be one.
  let isFound = 0;
  let start = 0;
  for (let index = length; index < block.length; index++) {
    const byte = block[index]!;
    const isFirst = (1 - isFound) & (byte === 0 ? 0 : 1);
    start |= -isFirst & (index + 1);
    wrong |= -isFirst & (byte ^ 1);
    isFound |= isFirst;
  }
  wrong |= 1 - isFound;
  const message = block.slice(wrong === 0 ? start : block.length);
  padded.fill(0);
  if (wrong !== 0) throw refusal("OperationError", "Cannot decrypt: the data is not what this key encrypts");
  return message;
}
