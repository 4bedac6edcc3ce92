import { describeValue, encodeText } from "../../ffi/memory/inputs.ts";

/** What a URI is about; `p11_kit_uri_parse` calls it the URI type. */
export type UriScope = "any" | "module" | "token" | "slot" | "object";

/** The kinds of object a URI can name in its `type` attribute. */
export type UriObjectType = "cert" | "public" | "private" | "secret-key" | "data";

/** A library version as a URI writes it. */
export interface UriVersion {
  /** Major number, 0 to 254. */
  readonly major: number;
  /** Minor number, 0 to 254. */
  readonly minor: number;
}

/**
 * A parsed URI. Every text is kept percent-encoded, as an octet string , and decoded when it is asked for:
 * most URIs are parsed for one or two of their parts. `undefined` is "not given", which matches anything.
 */
export interface UriParts {
  unrecognized: boolean;
  libraryDescription: string | undefined;
  libraryManufacturer: string | undefined;
  libraryVersion: UriVersion | undefined;
  slotDescription: string | undefined;
  slotManufacturer: string | undefined;
  slotId: bigint | undefined;
  model: string | undefined;
  manufacturer: string | undefined;
  serial: string | undefined;
  token: string | undefined;
  id: string | undefined;
  object: string | undefined;
  type: UriObjectType | undefined;
  pinSource: string | undefined;
  pinValue: string | undefined;
  moduleName: string | undefined;
  modulePath: string | undefined;
  /** Vendor query attributes in the order libp11-kit keeps them: by name, equal names as they came. */
  vendor: readonly (readonly [name: string, value: string])[];
}

/** The attributes with a place in a fixed-length PKCS#11 field, and the bytes that field has. */
export const fieldLengths = {
  libraryDescription: 32,
  libraryManufacturer: 32,
  slotDescription: 64,
  slotManufacturer: 32,
  model: 16,
  manufacturer: 32,
  serial: 16,
  token: 32,
} as const;

/** Name of a part that is a fixed-length field. */
export type UriField = keyof typeof fieldLengths;

/** The octets of a fixed-length field, without its padding. */
export function fieldOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : withoutPadding(decodePercent(encoded));
}

/** The octets of an object attribute. */
export function attributeOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : decodePercent(encoded);
}

/** The octets of a query value. */
export function queryOctets(encoded: string): string;
export function queryOctets(encoded: string | undefined): string | undefined;
export function queryOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : untilNul(decodePercent(encoded));
}

/** Sets a fixed-length field: too long matches nothing, a NUL in front makes the field match anything. */
export function setField(parts: UriParts, field: UriField, encoded: string): void {
  const limit = fieldLengths[field];
  if (encoded.length > limit && decodePercent(encoded).length > limit) parts.unrecognized = true;
  else parts[field] = encoded.startsWith("%00") ? undefined : encoded;
}

/** A URI that says nothing. */
export function emptyParts(): UriParts {
  return {
    unrecognized: false,
    libraryDescription: undefined,
    libraryManufacturer: undefined,
    libraryVersion: undefined,
    slotDescription: undefined,
    slotManufacturer: undefined,
    slotId: undefined,
    model: undefined,
    manufacturer: undefined,
    serial: undefined,
    token: undefined,
    id: undefined,
    object: undefined,
    type: undefined,
    pinSource: undefined,
    pinValue: undefined,
    moduleName: undefined,
    modulePath: undefined,
    vendor: noVendor,
  };
}

const noVendor: readonly (readonly [string, string])[] = [];

/** Attribute groups of the path, one bit each. */
export const Group = { OBJECT: 1, TOKEN: 2, MODULE: 4, MODULE_VERSION: 8, SLOT: 16 } as const;

/** The groups a scope takes. `library-version` belongs to `"any"` alone, as in `P11_KIT_URI_FOR_MODULE`. */
export const scopeGroups: Readonly<Record<UriScope, number>> = {
  any: Group.OBJECT | Group.TOKEN | Group.MODULE | Group.MODULE_VERSION | Group.SLOT,
  module: Group.MODULE,
  token: Group.TOKEN,
  slot: Group.SLOT,
  object: Group.OBJECT,
};

/** The groups of a scope given by a caller. */
export function groupsOf(scope: UriScope): number {
  if (!Object.hasOwn(scopeGroups, scope)) {
    throw new TypeError(
      `Cannot use the URI scope: expected any, module, token, slot or object, got ${describeValue(scope)}`,
    );
  }
  return scopeGroups[scope];
}

// Octet strings: JavaScript strings whose every character is one byte. A URI component is bytes, most are ASCII, and an
// ASCII component is then its own octet string: parsing copies nothing and text is decoded only when somebody asks.
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
