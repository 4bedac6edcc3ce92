/**
 * DER, written in two passes: the length of everything first, then one buffer. Bytes are taken from where they lie, so
 * that of a private key nothing is copied but into that buffer.
 *
 * @module
 */
import { secretBytes } from "../../../internal/secret_bytes.ts";
import { oidContent, Tag } from "../../../internal/x509/der.ts";
import { contextTag } from "./asn1.ts";

/** An element to be written. */
export interface DerValue {
  /** The identifier octet; null for an element that is in DER already. */
  readonly tag: number | null;
  /** An octet in front of the contents: an INTEGER's zero, a BIT STRING's count of unused bits. */
  readonly lead?: number;
  /** The contents: bytes, which must not change before they are written, or elements. */
  readonly content: Uint8Array | readonly DerValue[];
}

/** The bytes of an element. */
export function writeDer(value: DerValue): Uint8Array<ArrayBuffer> {
  const bytes = secretBytes(lengthOf(value));
  writeAt(bytes, 0, value);
  return bytes;
}

function lengthOf(value: DerValue): number {
  const length = contentLength(value);
  return value.tag === null ? length : 1 + lengthOctets(length).length + length;
}

function contentLength({ content, lead }: DerValue): number {
  const length = content instanceof Uint8Array
    ? content.length
    : content.reduce((sum, element) => sum + lengthOf(element), 0);
  return lead === undefined ? length : length + 1;
}

/** The length in one octet, or their count and the octets. */
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return [0x80 | octets.length, ...octets];
}

/** Writes an element and returns where the next one begins. */
function writeAt(bytes: Uint8Array, start: number, value: DerValue): number {
  const { content, lead, tag } = value;
  let at = start;
  if (tag !== null) {
    bytes[at++] = tag;
    for (const octet of lengthOctets(contentLength(value))) bytes[at++] = octet;
  }
  if (lead !== undefined) bytes[at++] = lead;
  if (content instanceof Uint8Array) {
    bytes.set(content, at);
    return at + content.length;
  }
  for (const element of content) at = writeAt(bytes, at, element);
  return at;
}

/** A SEQUENCE. */
export function sequence(...content: DerValue[]): DerValue {
  return { tag: Tag.SEQUENCE, content };
}

/** A SET, in the order of DER. */
export function setOf(...values: DerValue[]): DerValue {
  return { tag: Tag.SET, content: values.map(writeDer).sort(compareBytes).map(raw) };
}

/** An INTEGER that is not negative. */
export function unsigned(bytes: Uint8Array): DerValue {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  const content = bytes.subarray(start);
  const isPositive = content.length > 0 && content[0]! < 0x80;
  return isPositive ? primitive(Tag.INTEGER, content) : { tag: Tag.INTEGER, lead: 0, content };
}

/** A small INTEGER. */
export function small(value: number): DerValue {
  return unsigned(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

/** An OBJECT IDENTIFIER. */
export function oid(value: string): DerValue {
  return primitive(Tag.OID, oidContent(value));
}

/** An OCTET STRING, of bytes or around an element. */
export function octets(content: Uint8Array | DerValue): DerValue {
  return { tag: Tag.OCTET_STRING, content: content instanceof Uint8Array ? content : [content] };
}

/** A BIT STRING of bytes or around an element; of the last octet some bits may be unused. */
export function bits(content: Uint8Array | DerValue, unused = 0): DerValue {
  return { tag: Tag.BIT_STRING, lead: unused, content: content instanceof Uint8Array ? content : [content] };
}

/** A NULL. */
export function nothing(): DerValue {
  return primitive(Tag.NULL, new Uint8Array());
}

/** A BOOLEAN. */
export function boolean(value: boolean): DerValue {
  return primitive(Tag.BOOLEAN, Uint8Array.of(value ? 0xff : 0));
}

/** A constructed element of the context, `[number]`. */
export function context(number: number, ...content: DerValue[]): DerValue {
  return { tag: contextTag(number, true), content };
}

/** A primitive element with this identifier octet. */
export function primitive(tag: number, content: Uint8Array): DerValue {
  return { tag, content };
}

/** An element whose bytes are there already, in DER. */
export function raw(content: Uint8Array): DerValue {
  return { tag: null, content };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}
