/**
 * Subresource integrity: the `integrity` of a fetch.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";

/** Hash functions, the strongest last (Subresource Integrity §3.2). */
const algorithms = ["sha256", "sha384", "sha512"];

/**
 * True when the bytes have one of the hashes of the strongest function named, or when nothing that can be checked is
 * named.
 */
export function hasIntegrity(bytes: Uint8Array, metadata: string): boolean {
  const hashes = metadata.split(/[\t\n\f\r ]+/).flatMap((item) => {
    // A value no hash can have is no right one: what names a function we know is held to it.
    const parts = /^(sha256|sha384|sha512)-([^?]+)(?:\?.*)?$/i.exec(item);
    return parts === null ? [] : [{ rank: algorithms.indexOf(parts[1]!.toLowerCase()), value: parts[2]! }];
  });
  if (hashes.length === 0) return true;
  const rank = Math.max(...hashes.map((hash) => hash.rank));
  const actual = builtin.crypto.createHash(algorithms[rank]!).update(bytes).digest("base64");
  return hashes.some((hash) => hash.rank === rank && asBase64(hash.value) === withoutPadding(actual));
}

/** Both alphabets are in use, with and without padding. */
function asBase64(value: string): string {
  return withoutPadding(value.replaceAll("-", "+").replaceAll("_", "/"));
}

function withoutPadding(value: string): string {
  return value.replace(/=+$/, "");
}
