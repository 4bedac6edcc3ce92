/**
 * Keys as callers give and get them: bytes, or JSON Web Keys, which are bytes again where they are wrapped.
 *
 * @module
 */
import { decodeUtf8 } from "../ffi/memory/inputs.ts";
import { secretBytes } from "../internal/bytes.ts";
import { refusal } from "./contract/errors.ts";
import type { KeyForm } from "./contract/family.ts";
import { bufferSource, isBufferSource } from "./contract/web_idl.ts";
import type { WebCryptoJsonKey } from "./contract/web_types.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** WebIDL: bytes for every form but JSON, which wants an object that is none. */
export function keyDataOf(form: KeyForm, data: unknown): Bytes | WebCryptoJsonKey {
  if (form !== "jwk") return bufferSource(data, `a key in the form "${form}"`);
  if (typeof data !== "object" || data === null || isBufferSource(data)) {
    throw new TypeError('Cannot use a key in the form "jwk": expected an object');
  }
  return copiedJsonWebKey(data);
}

/** The members of a JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037, RFC 9964). */
const MEMBERS = [
  ...["kty", "use", "key_ops", "alg", "ext", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth", "k"],
  ...["pub", "priv"],
];

/** A dictionary: its members are read once, wherever they come from. */
function copiedJsonWebKey(given: object): WebCryptoJsonKey {
  const members = MEMBERS.map((name) => [name, (given as Record<string, unknown>)[name]] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

/** A JSON Web Key as bytes, filled up with spaces to what the algorithm wraps. */
export function jsonBytes(jwk: WebCryptoJsonKey, multiple: number): Bytes {
  const encoded = new TextEncoder().encode(JSON.stringify(jwk));
  const bytes = secretBytes(Math.ceil(encoded.length / multiple) * multiple).fill(0x20);
  bytes.set(encoded);
  encoded.fill(0);
  return bytes;
}

export function parsedJson(bytes: Bytes): WebCryptoJsonKey {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeUtf8(bytes));
  } catch {
    // What the parser says would show a part of the key.
    throw refusal("DataError", "Cannot import the JSON Web Key: what was unwrapped is no JSON");
  }
  if (typeof parsed === "object" && parsed !== null && "kty" in parsed) return copiedJsonWebKey(parsed);
  throw refusal("DataError", 'Cannot import the JSON Web Key: what was unwrapped has no "kty"');
}
