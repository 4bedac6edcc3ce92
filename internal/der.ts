/** DER as far as certificates need it (X.690 §8, §10): walking through elements, strictly. */

/** One DER element. */
export interface DerElement {
  /** The identifier octet. */
  readonly tag: number;
  /** The contents. */
  readonly content: Uint8Array;
  /** Identifier, length and contents. */
  readonly whole: Uint8Array;
}

/** Identifier octets. */
export const Tag = {
  BOOLEAN: 0x01,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Reads the element at `at`; `null` where there is none: one cut short, of indefinite length, or longer written than need be. */
export function readElement(bytes: Uint8Array, at = 0): DerElement | null {
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
export function readElements(bytes: Uint8Array): DerElement[] | null {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = readElement(bytes, at);
    if (element === null) return null;
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** The elements inside the one element of this tag that `bytes` begins with; `null` where they are something else. */
export function readInside(bytes: Uint8Array, tag: number): DerElement[] | null {
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

/** The whole element of an object identifier in dotted form, which must be one. */
export function oidElement(text: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const content = [40 * first + second, ...rest].flatMap(arcBytes);
  return Uint8Array.of(Tag.OID, content.length, ...content);
}

/** Seven bits a byte, all but the last with the high bit. */
function arcBytes(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}
