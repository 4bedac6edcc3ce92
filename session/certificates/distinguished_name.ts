/**
 * Distinguished names from text (RFC 4514), as certificates have them.
 *
 * @module
 */
import { type DerValue, oid, primitive, raw, readDer, sequence, setOf, Tag, writeDer } from "../keys/forms/asn1.ts";

/** Attribute types by their short names, and the string type each wants. */
const types: Readonly<Record<string, readonly [oid: string, tag: number]>> = {
  CN: ["2.5.4.3", Tag.UTF8_STRING],
  SN: ["2.5.4.4", Tag.UTF8_STRING],
  SERIALNUMBER: ["2.5.4.5", Tag.PRINTABLE_STRING],
  C: ["2.5.4.6", Tag.PRINTABLE_STRING],
  L: ["2.5.4.7", Tag.UTF8_STRING],
  ST: ["2.5.4.8", Tag.UTF8_STRING],
  STREET: ["2.5.4.9", Tag.UTF8_STRING],
  O: ["2.5.4.10", Tag.UTF8_STRING],
  OU: ["2.5.4.11", Tag.UTF8_STRING],
  TITLE: ["2.5.4.12", Tag.UTF8_STRING],
  GN: ["2.5.4.42", Tag.UTF8_STRING],
  UID: ["0.9.2342.19200300.100.1.1", Tag.UTF8_STRING],
  DC: ["0.9.2342.19200300.100.1.25", Tag.IA5_STRING],
  EMAILADDRESS: ["1.2.840.113549.1.9.1", Tag.IA5_STRING],
  E: ["1.2.840.113549.1.9.1", Tag.IA5_STRING],
};

/** The most characters of a value (the upper bounds of X.520, as in RFC 5280 appendix A.1). */
const BOUNDS: Readonly<Record<string, number>> = {
  CN: 64,
  SERIALNUMBER: 64,
  L: 128,
  ST: 128,
  O: 64,
  OU: 64,
  TITLE: 64,
  EMAILADDRESS: 255,
  E: 255,
};

/** More than any name has, and little enough to be said in an error. */
const MAX_TEXT = 16_384;

/**
 * A Name in DER; the text has the most specific part first, the DER last. An empty text is an empty name.
 *
 * @throws {TypeError} where the text is none, or names an unknown type
 */
export function writeName(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") {
    throw new TypeError("Cannot use the subject: expected RFC 4514 text such as CN=example.org");
  }
  if (text.length > MAX_TEXT) {
    throw new TypeError(`Cannot use the subject: it has ${text.length} characters, at most ${MAX_TEXT} are taken`);
  }
  const parts = text === "" ? [] : split(text, ",", text).reverse();
  return writeDer(
    sequence(...parts.map((part) => setOf(...split(part, "+", text).map((one) => attribute(one, text))))),
  );
}

/** Cuts at a character that is not escaped. */
function split(text: string, separator: "," | "+", whole: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\\") part += character + (text[++at] ?? fail(whole, "it ends with a backslash"));
    else if (character === separator) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part];
}

function attribute(text: string, whole: string): DerValue {
  if (whole.startsWith("/")) {
    fail(whole, "it is in OpenSSL's form; RFC 4514 has commas for the slashes, as in CN=example.org,O=Example");
  }
  const equals = text.indexOf("=");
  if (equals < 1) {
    fail(whole, `"${text}" is no TYPE=value; in a value a plus or a comma has a backslash before it, as in O=A\\+B`);
  }
  const name = text.slice(0, equals).trim();
  const isOid = /^[0-2](\.(0|[1-9]\d*))+$/.test(name);
  const known = types[name.toUpperCase()];
  if (known === undefined && !isOid) fail(whole, `the type "${name}" is unknown; name it by its object identifier`);
  const [type, tag] = known ?? [name, Tag.UTF8_STRING];
  const value = text.slice(equals + 1).replace(/^ +/, "");
  if (value.startsWith("#")) return sequence(oid(type), raw(hexValue(value, whole)));
  return sequence(oid(type), stringValue(unescaped(value, whole), tag, name, whole));
}

function hexValue(value: string, whole: string): Uint8Array {
  if (!/^#([0-9a-fA-F]{2})+$/.test(value)) fail(whole, `"${value}" is no hexadecimal value`);
  const bytes = Uint8Array.fromHex(value.slice(1));
  return readDer(bytes, "the subject").whole;
}

/** Escaped characters and escaped bytes of UTF-8; spaces at the end that are not escaped do not count. */
function unescaped(value: string, whole: string): string {
  const trimmed = value.slice(0, endOf(value));
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let at = 0; at < trimmed.length;) {
    const pair = /^\\([0-9a-fA-F]{2})/.exec(trimmed.slice(at, at + 3));
    if (pair !== null) {
      bytes.push(parseInt(pair[1]!, 16));
      at += 3;
      continue;
    }
    if (trimmed[at] === "\\") at++;
    const character = String.fromCodePoint(trimmed.codePointAt(at)!);
    bytes.push(...encoder.encode(character));
    at += character.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return fail(whole, "its escaped bytes are no UTF-8");
  }
}

/** Where a value ends: in front of the spaces at its end, the first of which may be escaped. */
function endOf(value: string): number {
  let end = value.length;
  while (value[end - 1] === " ") end--;
  let slashes = 0;
  while (value[end - 1 - slashes] === "\\") slashes++;
  return slashes % 2 === 1 && end < value.length ? end + 1 : end;
}

function stringValue(value: string, tag: number, name: string, whole: string): DerValue {
  if (value === "") fail(whole, `"${name}" is empty`);
  // Programs that take text to end there would read another name.
  if (value.includes("\0")) fail(whole, `"${name}" has a NUL in it`);
  const bound = BOUNDS[name.toUpperCase()];
  const length = [...value].length;
  if (bound !== undefined && length > bound) {
    fail(whole, `"${name}" has ${length} characters, at most ${bound} are allowed`);
  }
  if (name.toUpperCase() === "C" && !/^[A-Za-z]{2}$/.test(value)) {
    fail(whole, `the country "${value}" is no code of two letters`);
  }
  if (tag === Tag.PRINTABLE_STRING && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) {
    fail(whole, `"${name}" takes letters, digits and a few signs only`);
  }
  if (tag === Tag.IA5_STRING && [...value].some((character) => character > "\u007f")) {
    fail(whole, `"${name}" takes ASCII only`);
  }
  return primitive(tag, new TextEncoder().encode(value));
}

function fail(text: string, state: string): never {
  throw new TypeError(`Cannot use the subject ${JSON.stringify(text)}: ${state}`);
}
