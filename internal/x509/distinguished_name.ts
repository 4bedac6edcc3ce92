// Distinguished names as text, over the DER reader both floors share.
import { toHex } from "../bytes.ts";
import { type DerElement, oidText, readElements, readInside, Tag } from "./der.ts";

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
