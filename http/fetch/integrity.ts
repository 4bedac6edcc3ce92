/**
 * Subresource integrity: the `integrity` of a fetch.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { undone } from "./fetch_error.ts";
import type { FetchSettings } from "./fetch_init.ts";
import { HttpError } from "../message/http_error.ts";
import type { HttpMessage } from "../message/message.ts";
import { FetchedResponse } from "../transports/fetched_response.ts";

/** Hash functions, the strongest last (Subresource Integrity §3.2). */
const algorithms = ["sha256", "sha384", "sha512"];

/** Reads the whole body, whose hashes are known beforehand, and hands it out only if one of them is right. */
export async function verified(msg: HttpMessage, settings: FetchSettings, response: Response): Promise<Response> {
  const { integrity, signal } = settings;
  const bytes = await response.bytes() as Uint8Array<ArrayBuffer>;
  if (!hasIntegrity(bytes, integrity)) {
    const text = `${undone(msg)}: the body has none of the hashes of integrity`;
    throw new HttpError(msg, msg.statusCode, text, { code: "ERR_INTEGRITY" });
  }
  const { status, statusText, headers, url, redirected } = response;
  const body = response.body === null ? null : bytes;
  return FetchedResponse.place(FetchedResponse.of(body, { status, statusText, headers }), { url, redirected, signal });
}

/**
 * True when the bytes have one of the hashes of the strongest function named, or when nothing that can be checked is
 * named.
 */
function hasIntegrity(bytes: Uint8Array, metadata: string): boolean {
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
