// As much DER as trust needs: walking through elements, object identifiers, distinguished names.

/** One DER element. */
export interface DerElement {
  /** The identifier octet. */
  readonly tag: number;
  /** The contents. */
  readonly content: Uint8Array;
}

/** Reads the elements that follow one another in `bytes`; `null` where they are damaged. */
export function readElements(bytes: Uint8Array): DerElement[] | null {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    let length = bytes[at++];
    if (length === undefined || (tag & 0x1f) === 0x1f) return null;
    if (length & 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4 || at + count > bytes.length) return null;
      length = 0;
      for (let n = 0; n < count; n++) length = length * 256 + bytes[at++]!;
    }
    if (at + length > bytes.length) return null;
    elements.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

/** The elements inside the one element of this tag that `bytes` holds; `null` where they are something else. */
export function readInside(bytes: Uint8Array, tag: number): DerElement[] | null {
  const outer = readElements(bytes)?.[0];
  return outer?.tag === tag ? readElements(outer.content) : null;
}

export const Tag = { OCTET_STRING: 0x04, OID: 0x06, SEQUENCE: 0x30, SET: 0x31 } as const;

/** An object identifier's contents in dotted form. */
export function oidText(content: Uint8Array): string {
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
  if (name === undefined) return `${oid}=#${hex(value)}`;
  return `${name}=${escapeValue(stringText(value))}`;
}

function hex({ tag, content }: DerElement): string {
  const length = content.length < 128
    ? [content.length]
    : content.length < 256
    ? [0x81, content.length]
    : [0x82, content.length >> 8, content.length & 0xff];
  return [tag, ...length, ...content].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function stringText({ tag, content }: DerElement): string {
  if (tag === 0x1e) return new TextDecoder("utf-16be").decode(content);
  // TeletexString is read as Latin-1, as everybody does; the others are UTF-8 or a part of it.
  return new TextDecoder(tag === 0x14 ? "latin1" : "utf-8").decode(content);
}

function escapeValue(text: string): string {
  return text.replace(/["+,;<>\\]|^[ #]| $/g, "\\$&").replaceAll("\0", "\\00");
}
