/**
 * DER, read with the name of the part that is wrong: one element, definite lengths, nothing behind it. What is read lies
 * in the bytes that were given, so that who gave a private key overwrites all of it. It is written in two passes: the length
 * of everything first, then one buffer. Bytes are taken from where they lie, so that of a private key nothing is copied but
 * into that buffer.
 *
 * @module
 */
import {
  type DerElement as Element,
  oidContent,
  oidText as oidOf,
  readElement,
  Tag,
} from "../../../internal/x509/der.ts";
export { Tag } from "../../../internal/x509/der.ts";
import { secretBytes } from "../../../internal/bytes.ts";

/** The identifier octet of an element of the context, `[number]`. */
export function contextTag(number: number, isConstructed: boolean): number {
  return 0x80 | (isConstructed ? CONSTRUCTED : 0) | number;
}

/** Bit of an identifier octet: the contents are elements. */
const CONSTRUCTED = 0x20;

/** One element; its bytes lie in the bytes that were read. */
export interface DerElement extends Element<ArrayBuffer> {
  /** The elements inside a constructed one. */
  readonly children: readonly DerElement[];
}

/** Bounds that no key and no certificate comes near: what lies beyond them is an attack on the reader. */
const LIMITS = { depth: 32, elements: 20_000, bytes: 4 * 1024 * 1024 } as const;

/**
 * Reads the one element that `bytes` holds.
 *
 * @throws {TypeError} where it is damaged, cut, followed by something, or not in DER; `what` names it
 */
export function readDer(bytes: Uint8Array<ArrayBuffer>, what: string): DerElement {
  if (bytes.length > LIMITS.bytes) {
    throw damaged(what, `it has ${bytes.length} bytes, at most ${LIMITS.bytes} are read`);
  }
  const outer = readElement(bytes);
  if (outer === null) throw damaged(what, "it is no DER, or it is cut off");
  const rest = bytes.length - outer.whole.length;
  if (rest > 0) throw damaged(what, `${rest} bytes follow behind it`);
  return withChildren(outer, what, { left: LIMITS.elements }, 0);
}

/** All of an element is looked at at once: what is damaged deep inside is said before anything is done. */
function withChildren(element: Element<ArrayBuffer>, what: string, count: { left: number }, depth: number): DerElement {
  const children: DerElement[] = [];
  if ((element.tag & CONSTRUCTED) === 0) return { ...element, children };
  if (depth >= LIMITS.depth) throw damaged(what, `its elements lie more than ${LIMITS.depth} deep in each other`);
  const { content } = element;
  for (let at = 0; at < content.length;) {
    const inner = readElement(content, at);
    if (inner === null) throw damaged(what, "an element in it is no DER, or it is cut off");
    if (--count.left < 0) throw damaged(what, `it has more than ${LIMITS.elements} elements`);
    children.push(withChildren(inner, what, count, depth + 1));
    at += inner.whole.length;
  }
  return { ...element, children };
}

/** The error of a text or of bytes that cannot be read. */
export function damaged(what: string, state: string): TypeError {
  return new TypeError(`Cannot read ${what}: ${state}`);
}

/** Reads the elements of a sequence one after another; each is named, so that an error can say which part is wrong. */
export class DerReader {
  readonly #elements: readonly DerElement[];
  readonly #what: string;
  #next = 0;

  /** Reads inside a constructed element. */
  constructor(element: DerElement, what: string, tag: number = Tag.SEQUENCE) {
    if (element.tag !== tag) throw damaged(what, `it begins with the tag ${hexTag(element.tag)}, not ${hexTag(tag)}`);
    this.#elements = element.children;
    this.#what = what;
  }

  /** The tag of what comes next, or null at the end. */
  get nextTag(): number | null {
    return this.#elements[this.#next]?.tag ?? null;
  }

  /** What comes next, whatever it is. */
  any(part: string): DerElement {
    const element = this.#elements[this.#next];
    if (element === undefined) throw damaged(this.#what, `${part} is missing`);
    this.#next++;
    return element;
  }

  /** What comes next, which must have this tag. */
  element(part: string, tag: number): DerElement {
    const element = this.any(part);
    if (element.tag !== tag) {
      throw damaged(this.#what, `${part} has the tag ${hexTag(element.tag)}, not ${hexTag(tag)}`);
    }
    return element;
  }

  /** What comes next if it has this tag; null otherwise. */
  optional(tag: number): DerElement | null {
    return this.nextTag === tag ? this.any("") : null;
  }

  /** A sequence (or another constructed element), to be read in its turn. */
  inside(part: string, tag: number = Tag.SEQUENCE): DerReader {
    return new DerReader(this.element(part, tag), `${this.#what}, ${part}`, tag);
  }

  /** An INTEGER that is not negative, without leading zeros. */
  unsigned(part: string): Uint8Array<ArrayBuffer> {
    const { content } = this.element(part, Tag.INTEGER);
    const isPadded = content.length > 1 && content[0] === 0;
    if (content.length === 0 || (isPadded && content[1]! < 0x80)) {
      throw damaged(this.#what, `${part} is no INTEGER in DER`);
    }
    if (content[0]! >= 0x80) throw damaged(this.#what, `${part} is negative`);
    return isPadded ? content.subarray(1) : content;
  }

  /** A small INTEGER, for example a version. */
  small(part: string): number {
    const bytes = this.unsigned(part);
    if (bytes.length > 4) throw damaged(this.#what, `${part} is too large`);
    return bytes.reduce((value, byte) => value * 256 + byte, 0);
  }

  /** An OBJECT IDENTIFIER, in dotted form. */
  oid(part: string): string {
    return oidText(this.element(part, Tag.OID), this.#what);
  }

  /** The contents of an OCTET STRING. */
  octets(part: string): Uint8Array<ArrayBuffer> {
    return this.element(part, Tag.OCTET_STRING).content;
  }

  /** The contents of a BIT STRING of whole octets. */
  bits(part: string): Uint8Array<ArrayBuffer> {
    return wholeOctets(this.element(part, Tag.BIT_STRING).content, this.#what, part);
  }

  /** Nothing may follow. */
  end(): void {
    const rest = this.#elements.length - this.#next;
    if (rest > 0) throw damaged(this.#what, `it has ${rest} element${rest === 1 ? "" : "s"} too many`);
  }
}

/** The octets of a BIT STRING's contents. */
export function wholeOctets(content: Uint8Array<ArrayBuffer>, what: string, part: string): Uint8Array<ArrayBuffer> {
  if (content[0] !== 0) throw damaged(what, `${part} is no BIT STRING of whole octets`);
  return content.subarray(1);
}

/** An OBJECT IDENTIFIER in dotted form. */
export function oidText(element: DerElement, what: string): string {
  const text = element.tag === Tag.OID ? oidOf(element.content) : "";
  if (text === "") throw damaged(what, "an OBJECT IDENTIFIER in it is damaged");
  return text;
}

function hexTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}

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
