/**
 * DER, read and written by the ASN.1 library, which is loaded when the first key or certificate is looked at.
 *
 * Reading is strict: one element, definite lengths, nothing behind it. What is wrong is said with the name of the part.
 *
 * @module
 */
import { createRequire } from "node:module";
import type * as Asn1 from "asn1js";

let loaded: typeof Asn1 | null = null;

/** Loads the library on first use, in place, so that a synchronous call can need it. */
function asn1(): typeof Asn1 {
  if (loaded === null) loaded = createRequire(import.meta.resolve("asn1js"))("asn1js") as typeof Asn1;
  return loaded;
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadAsn1(): Promise<typeof Asn1> {
  return import("asn1js");
}

/** Identifier octets of the elements that keys and certificates are made of. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The identifier octet of an element of the context, `[number]`. */
export function contextTag(number: number, isConstructed: boolean): number {
  return 0x80 | (isConstructed ? 0x20 : 0) | number;
}

/** One element; its bytes lie in the bytes that were read. */
export interface DerElement {
  /** The identifier octet. */
  readonly tag: number;
  /** Identifier, length and contents. */
  readonly whole: Uint8Array<ArrayBuffer>;
  /** The contents. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** The elements inside a constructed one. */
  readonly children: readonly DerElement[];
}

/** Bounds that no key and no certificate comes near: what lies beyond them is an attack on the reader. */
const LIMITS = { maxDepth: 32, maxNodes: 20_000, maxContentLength: 4 * 1024 * 1024 } as const;

/**
 * Reads the one element that `bytes` holds.
 *
 * @throws {TypeError} where it is damaged, cut, followed by something, or not in DER; `what` names it
 */
export function readDer(bytes: Uint8Array<ArrayBuffer>, what: string): DerElement {
  const { fromBER } = asn1();
  let parsed: Asn1.FromBerResult;
  try {
    parsed = fromBER(bytes, LIMITS);
  } catch {
    throw damaged(what, "it is no DER");
  }
  try {
    if (parsed.offset === -1 || parsed.result.error !== "") throw damaged(what, "it is no DER, or it is cut off");
    if (parsed.offset !== bytes.length) {
      throw damaged(what, `${bytes.length - parsed.offset} bytes follow behind it`);
    }
    return elementOf(parsed.result, bytes, 0, what);
  } finally {
    wipeBlock(parsed.result);
  }
}

function elementOf(block: Asn1.AsnType, bytes: Uint8Array<ArrayBuffer>, at: number, what: string): DerElement {
  const { blockLength, idBlock, lenBlock } = block;
  if (lenBlock.isIndefiniteForm || lenBlock.warnings.length > 0) throw damaged(what, "a length in it is not in DER");
  const whole = bytes.subarray(at, at + blockLength);
  const start = blockLength - lenBlock.length;
  const tag = whole[0]!;
  const children: DerElement[] = [];
  if (idBlock.isConstructed) {
    let next = at + start;
    for (const child of childrenOf(block)) {
      children.push(elementOf(child, bytes, next, what));
      next += child.blockLength;
    }
  }
  return { tag, whole, content: whole.subarray(start), children };
}

/** The blocks inside a block; in a primitive OCTET STRING these are what the library has tried to read in it. */
function childrenOf(block: Asn1.AsnType): readonly Asn1.AsnType[] {
  const { value } = block.valueBlock as { value?: unknown };
  return Array.isArray(value) ? value.filter((child) => "idBlock" in child) : [];
}

/** Overwrites what the library has copied: it may be a private key. */
function wipeBlock(block: Asn1.AsnType): void {
  block.valueBeforeDecodeView.fill(0);
  const { valueBlock } = block as { valueBlock: { valueHexView?: Uint8Array; valueBeforeDecodeView?: Uint8Array } };
  valueBlock.valueHexView?.fill(0);
  valueBlock.valueBeforeDecodeView?.fill(0);
  for (const child of childrenOf(block)) wipeBlock(child);
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
    return oidText(this.element(part, Tag.OBJECT_IDENTIFIER), this.#what);
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
  const bytes = element.content;
  if (element.tag !== Tag.OBJECT_IDENTIFIER || bytes.length === 0 || bytes.at(-1)! >= 0x80) {
    throw damaged(what, "an OBJECT IDENTIFIER in it is damaged");
  }
  return (asn1().fromBER(element.whole).result as Asn1.ObjectIdentifier).getValue();
}

/** An element to be written. */
export type DerValue = Asn1.AsnType;

/** The bytes of an element. */
export function writeDer(value: DerValue): Uint8Array<ArrayBuffer> {
  return new Uint8Array(value.toBER());
}

/** A SEQUENCE. */
export function sequence(...value: DerValue[]): DerValue {
  return new (asn1().Sequence)({ value });
}

/** A SET, in the order of DER. */
export function setOf(...values: DerValue[]): DerValue {
  const sorted = values.map((value) => ({ value, der: writeDer(value) })).sort((a, b) => compareBytes(a.der, b.der));
  return new (asn1().Set)({ value: sorted.map(({ value }) => value) });
}

/** An INTEGER that is not negative. */
export function unsigned(bytes: Uint8Array): DerValue {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  const padded = new Uint8Array(digits.length + (digits.length === 0 || digits[0]! >= 0x80 ? 1 : 0));
  padded.set(digits, padded.length - digits.length);
  return primitive(Tag.INTEGER, padded);
}

/** A small INTEGER. */
export function small(value: number): DerValue {
  return unsigned(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

/** An OBJECT IDENTIFIER. */
export function oid(value: string): DerValue {
  return new (asn1().ObjectIdentifier)({ value });
}

/** An OCTET STRING. */
export function octets(bytes: Uint8Array): DerValue {
  return primitive(Tag.OCTET_STRING, bytes);
}

/** A BIT STRING of whole octets. */
export function bits(bytes: Uint8Array, unused = 0): DerValue {
  const content = new Uint8Array(bytes.length + 1);
  content[0] = unused;
  content.set(bytes, 1);
  return primitive(Tag.BIT_STRING, content);
}

/** A NULL. */
export function nothing(): DerValue {
  return new (asn1().Null)();
}

/** A BOOLEAN. */
export function boolean(value: boolean): DerValue {
  return primitive(Tag.BOOLEAN, Uint8Array.of(value ? 0xff : 0));
}

/** A constructed element of the context, `[number]`. */
export function context(number: number, ...value: DerValue[]): DerValue {
  return new (asn1().Constructed)({ idBlock: { tagClass: 3, tagNumber: number }, value });
}

/** A primitive element with this identifier octet. */
export function primitive(tag: number, bytes: Uint8Array): DerValue {
  const valueHex = new Uint8Array(bytes).buffer;
  return new (asn1().Primitive)({ idBlock: { tagClass: (tag >> 6) + 1, tagNumber: tag & 0x1f }, valueHex });
}

/** An element whose bytes are there already, in DER. */
export function raw(bytes: Uint8Array): DerValue {
  return asn1().fromBER(new Uint8Array(bytes), LIMITS).result;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}

function hexTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
