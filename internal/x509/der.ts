/**
 * DER as far as keys and certificates need it (X.690 §8, §10): walking through elements, strictly, without copies; and
 * distinguished names as text.
 *
 * @module
 */
import { toHex } from "../bytes.ts";

/** One DER element; its bytes lie in the bytes that were read. */
export interface DerElement<B extends ArrayBufferLike = ArrayBufferLike> {
  /** The identifier octet. */
  readonly tag: number;
  /** The contents. */
  readonly content: Uint8Array<B>;
  /** Identifier, length and contents. */
  readonly whole: Uint8Array<B>;
}

/** Identifier octets. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Reads the element at `at`; `null` where there is none: one cut short, of indefinite length, or longer written than need be. */
export function readElement<B extends ArrayBufferLike>(bytes: Uint8Array<B>, at = 0): DerElement<B> | null {
  const tag = bytes[at];
  let length = bytes[at + 1];
  if (tag === undefined || length === undefined || (tag & 0x1f) === 0x1f) return null;
  let start = at + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || start + count > bytes.length) return null;
    length = 0;
    for (let n = 0; n < count; n++) length = length * 256 + bytes[start++]!;
    if (length < 0x80 || length < 256 ** (count - 1)) return null;
  }
  const end = start + length;
  return end > bytes.length ? null : { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** Reads the elements that follow one another in `bytes`; `null` where they are damaged. */
export function readElements<B extends ArrayBufferLike>(bytes: Uint8Array<B>): DerElement<B>[] | null {
  const elements: DerElement<B>[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = readElement(bytes, at);
    if (element === null) return null;
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** The elements inside the one element of this tag that `bytes` begins with; `null` where they are something else. */
export function readInside<B extends ArrayBufferLike>(bytes: Uint8Array<B>, tag: number): DerElement<B>[] | null {
  const outer = readElement(bytes);
  return outer?.tag === tag ? readElements(outer.content) : null;
}

/** Longest contents of an object identifier that is read; none in use comes near. */
const LONGEST_OID = 256;

/** An object identifier's contents in dotted form; empty for one that is cut short or longer than any. */
export function oidText(content: Uint8Array): string {
  if (content.length > LONGEST_OID || content.length === 0 || content.at(-1)! & 0x80) return "";
  const arcs: bigint[] = [];
  let value = 0n;
  for (const byte of content) {
    // A number that begins with a zero is written longer than need be.
    if (value === 0n && byte === 0x80) return "";
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length === 0) {
      const first = value < 80n ? value / 40n : 2n;
      arcs.push(first, value - first * 40n);
    } else arcs.push(value);
    value = 0n;
  }
  return arcs.join(".");
}

/** The contents of an object identifier in dotted form, which must be one. */
export function oidContent(text: string): Uint8Array<ArrayBuffer> {
  const [first = 0n, second = 0n, ...rest] = text.split(".").map(BigInt);
  return Uint8Array.from([40n * first + second, ...rest].flatMap(arcBytes));
}

/** Seven bits a byte, all but the last with the high bit. */
function arcBytes(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) bytes.unshift(Number(left & 0x7fn) | 0x80);
  return bytes;
}

/** The whole element of an object identifier of up to 127 bytes in dotted form, which must be one. */
export function oidElement(text: string): Uint8Array<ArrayBuffer> {
  const content = oidContent(text);
  return Uint8Array.of(Tag.OID, content.length, ...content);
}

// Distinguished names as text, over the DER reader both floors share.

/** Attribute types with a short name in RFC 4514, and those people know from certificates. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.6", "C"],
  ["2.5.4.9", "STREET"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["0.9.2342.19200300.100.1.1", "UID"],
]);

/** A distinguished name in DER as RFC 4514 text, the most specific part first; empty where it is damaged. */
export function nameText(der: Uint8Array): string {
  const sets = readInside(der, Tag.SEQUENCE);
  if (sets === null) return "";
  return sets.map((set) => (readElements(set.content) ?? []).map(attributeText).join("+")).reverse().join(",");
}

function attributeText(attribute: DerElement): string {
  const [type, value] = readElements(attribute.content) ?? [];
  if (type === undefined || value === undefined) return "";
  const oid = oidText(type.content);
  const name = shortNames.get(oid);
  if (name === undefined) return `${oid}=#${toHex(value.whole)}`;
  return `${name}=${escapeValue(stringText(value))}`;
}

function stringText({ tag, content }: DerElement): string {
  if (tag === 0x1e) return new TextDecoder("utf-16be", { ignoreBOM: true }).decode(content);
  // TeletexString is read as Latin-1, as everybody does; the others are UTF-8 or a part of it.
  return new TextDecoder(tag === 0x14 ? "latin1" : "utf-8", { ignoreBOM: true }).decode(content);
}

function escapeValue(text: string): string {
  return text.replace(/["+,;<>\\]|^[ #]| $/g, "\\$&").replaceAll("\0", "\\00");
}
