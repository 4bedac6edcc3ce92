/**
 * Digests of public values, made outside the token.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";

function digest(algorithm: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(builtin.crypto.createHash(algorithm).update(bytes).digest());
}

/** SHA-1, as identifiers and check values are made by the standard; nothing is secured by it. */
export function sha1(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return digest("sha1", bytes);
}

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return digest("sha256", bytes);
}
