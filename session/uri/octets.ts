// Octet strings: JavaScript strings whose every character is one byte. A URI component is bytes, most are ASCII, and an
// ASCII component is then its own octet string: parsing copies nothing and text is decoded only when somebody asks.

import { encodeText } from "../../ffi/memory/inputs.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const nonAscii = /[\u0080-\uffff]/;

/** The UTF-8 bytes of `text` as an octet string. */
export function octetsFromText(text: string): string {
  return nonAscii.test(text) ? octetsFromBytes(encodeText(text, "a part of a PKCS#11 URI")) : text;
}

/** The octet string of these bytes. */
export function octetsFromBytes(bytes: Uint8Array): string {
  let octets = "";
  for (let at = 0; at < bytes.length; at += 0x2000) {
    octets += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return octets;
}

/** The bytes of an octet string. */
export function bytesFromOctets(octets: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(octets.length);
  for (let at = 0; at < octets.length; at++) bytes[at] = octets.charCodeAt(at);
  return bytes;
}

/** An octet string read as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function textFromOctets(octets: string): string {
  return nonAscii.test(octets) ? decoder.decode(bytesFromOctets(octets)) : octets;
}

/** Undoes the percent-encoding of a URI component whose escapes are known to be well formed. */
export function decodePercent(encoded: string): string {
  return encoded.includes("%") ? encoded.replace(/%../g, unescapeOctet) : encoded;
}

function unescapeOctet(escape: string): string {
  return String.fromCharCode(parseInt(escape.slice(1), 16));
}

function escapeOctet(octet: string): string {
  return "%" + octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
}

/** Percent-encodes an octet string: all but the characters libp11-kit leaves alone. */
export function encodePercent(octets: string): string {
  return octets.replace(/[^A-Za-z0-9_.-]/g, escapeOctet);
}

/** Percent-encodes every octet. */
export function encodePercentAll(octets: string): string {
  return octets.replace(/[^]/g, escapeOctet);
}

/** What the original keeps as a C string: it ends at its first NUL. */
export function untilNul(octets: string): string {
  const end = octets.indexOf("\0");
  return end < 0 ? octets : octets.slice(0, end);
}

/** Without the blanks PKCS#11 pads its fixed-length fields with. */
export function withoutPadding(field: string): string {
  let end = field.length;
  while (end > 0 && field.charCodeAt(end - 1) === 0x20) end--;
  return end === field.length ? field : field.slice(0, end);
}
