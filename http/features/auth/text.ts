/**
 * How user names, passwords and tokens become bytes.
 *
 * @module
 */
import { unexpected } from "../../../internal/expected.ts";
import { Buffer } from "node:buffer";
import { trimEndOf } from "../../protocol/syntax.ts";

const encoder = new TextEncoder();

/** True if every character is in ISO-8859-1. */
function isLatin1(text: string): boolean {
  return /^[\0-\xff]*$/.test(text);
}

/** One byte per character. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/**
 * Encodes a user name or password. With `charset="UTF-8"` it is UTF-8 in normalization form C (RFC 7617 §2.1); without,
 * nothing is defined, and what most servers expect is ISO-8859-1 as long as it can express the text.
 */
export function encodeCredential(text: string, isUtf8: boolean): Uint8Array<ArrayBuffer> {
  if (isUtf8) return encoder.encode(text.normalize("NFC"));
  return isLatin1(text) ? encodeLatin1(text) : encoder.encode(text);
}

/** The bytes a field value came as: header fields reach JavaScript with one character per byte. */
export function encodeFieldText(text: string): Uint8Array<ArrayBuffer> {
  return isLatin1(text) ? encodeLatin1(text) : encoder.encode(text);
}

/** A field value for people: UTF-8 where its bytes are UTF-8, else one character per byte. */
export function decodeFieldText(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(encodeFieldText(text));
  } catch {
    return text; // Not UTF-8: ISO-8859-1, the historic charset of header fields.
  }
}

/** Base64 as bytes; null when it is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || trimEndOf(text, "=").length % 4 === 1) return null;
  return new Uint8Array(Buffer.from(text, "base64"));
}

/**
 * Refuses control characters, which no scheme can carry (RFC 7617 §2, RFC 8265 §4).
 *
 * @throws {TypeError} If there are any. The text is not shown.
 */
export function checkCredentialText(what: "user name" | "password", text: string): void {
  if (typeof text !== "string") throw unexpected("authenticate", `a string as ${what}`, text);
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\0-\x1f\x7f]/.test(text)) {
    throw new TypeError(`Cannot authenticate: the ${what} holds a control character`);
  }
}
