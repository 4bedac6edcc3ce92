/**
 * Fields whose values have parameters: MIME types after the WHATWG MIME Sniffing standard (§4.4 parsing, §4.5 serializing),
 * Content-Disposition (RFC 6266), Link (RFC 8288), and lists with weights, as in Accept, Accept-Language and Accept-Encoding (RFC
 * 9110 §12.4.2).
 *
 * @module
 */
import { checkIterable, checkObject, checkText } from "../../internal/expected.ts";
import {
  decodeExtendedValue,
  type HeaderParameter,
  isToken,
  parseParameters,
  splitOutsideQuotes,
  trimEndOf,
  trimOf,
  trimWhitespace,
} from "./syntax.ts";

/** A parsed MIME type. */
export interface MediaType {
  /** The part in front of the slash, in lower case. */
  type: string;
  /** The part behind the slash, in lower case. */
  subtype: string;
  /** `type/subtype`. */
  essence: string;
  /** The parameters in the order given; names in lower case, the first of several with one name. */
  parameters: Map<string, string>;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_QUOTED_STRING_CODE_POINT = /[^\t\x20-\x7e\x80-\xff]/;
const HTTP_WHITESPACE = "\t\n\r ";

/**
 * Parses a MIME type, or returns `undefined` when the text is none.
 *
 * @example Type and charset
 * ```ts
 * import { parseMediaType } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const type = parseMediaType('Text/HTML; Charset="utf-8"');
 * assertEquals(type?.essence, "text/html");
 * assertEquals(type?.parameters.get("charset"), "utf-8");
 * ```
 */
export function parseMediaType(text: string): MediaType | undefined {
  const input = trimOf(checkText("parse a media type", text), HTTP_WHITESPACE);
  const slash = input.indexOf("/");
  if (slash < 0) return undefined;
  const semicolon = input.indexOf(";", slash);
  const type = input.slice(0, slash);
  const subtype = trimOf(input.slice(slash + 1, semicolon < 0 ? undefined : semicolon), HTTP_WHITESPACE);
  if (!TOKEN.test(type) || !TOKEN.test(subtype)) return undefined;
  return {
    type: type.toLowerCase(),
    subtype: subtype.toLowerCase(),
    essence: `${type}/${subtype}`.toLowerCase(),
    parameters: semicolon < 0 ? new Map() : parseMediaTypeParameters(input, semicolon),
  };
}

/** Writes a MIME type with its parameters. */
export function formatMediaType(type: Pick<MediaType, "essence" | "parameters">): string {
  let text = checkText("format a media type", checkObject("format a media type", type).essence);
  checkIterable("format a media type", type.parameters, "a map of parameters");
  for (const [name, value] of type.parameters) {
    text += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`;
  }
  return text;
}

/** Walks the parameters exactly as the standard does: positions matter where quotes and semicolons are mixed up. */
function parseMediaTypeParameters(input: string, start: number): Map<string, string> {
  const parameters = new Map<string, string>();
  let position = start;
  while (position < input.length) {
    position++;
    while (position < input.length && HTTP_WHITESPACE.includes(input[position]!)) position++;
    const nameStart = position;
    while (position < input.length && input[position] !== ";" && input[position] !== "=") position++;
    const name = input.slice(nameStart, position).toLowerCase();
    if (position >= input.length) break;
    if (input[position] === ";") continue;
    position++;
    let value: string;
    if (input[position] === '"') {
      [value, position] = collectQuotedString(input, position);
      while (position < input.length && input[position] !== ";") position++;
    } else {
      const end = input.indexOf(";", position);
      value = trimEndOf(input.slice(position, end < 0 ? undefined : end), HTTP_WHITESPACE);
      position = end < 0 ? input.length : end;
      if (value === "") continue;
    }
    if (TOKEN.test(name) && !NOT_QUOTED_STRING_CODE_POINT.test(value) && !parameters.has(name)) {
      parameters.set(name, value);
    }
  }
  return parameters;
}

function collectQuotedString(input: string, start: number): [value: string, end: number] {
  let value = "";
  let position = start + 1;
  while (position < input.length) {
    const character = input[position++]!;
    if (character === '"') break;
    if (character !== "\\") value += character;
    else value += position < input.length ? input[position++] : "\\";
  }
  return [value, position];
}

/** What a Content-Disposition field says. */
export interface ContentDisposition {
  /** `attachment`, `inline` or another type, in lower case. */
  type: string;
  /** The last segment of the suggested file name: no directories, no control characters; `undefined` when none is left. */
  filename: string | undefined;
  /** The parameters by name in lower case, as written; the first of several. */
  parameters: Map<string, string>;
}

/**
 * Reads a Content-Disposition field, or returns `undefined` when it has no type. `filename*` wins over `filename`
 * (RFC 6266 §4.3), and what would leave the directory a file is saved in is cut off.
 *
 * @example A safe file name
 * ```ts
 * import { parseContentDisposition } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const field = parseContentDisposition(`attachment; filename="x"; filename*=UTF-8''..%2Fna%C3%AFve.txt`);
 * assertEquals(field?.filename, "naïve.txt");
 * ```
 */
export function parseContentDisposition(text: string): ContentDisposition | undefined {
  const semicolon = checkText("parse Content-Disposition", text).indexOf(";");
  const type = trimWhitespace(semicolon < 0 ? text : text.slice(0, semicolon)).toLowerCase();
  if (!isToken(type)) return undefined;
  const parameters = new Map<string, string>();
  for (const { name, value } of semicolon < 0 ? [] : parseParameters(text.slice(semicolon + 1))) {
    if (!parameters.has(name)) parameters.set(name, value ?? "");
  }
  const extended = parameters.get("filename*");
  const name = (extended === undefined ? undefined : decodeExtendedValue(extended)) ?? parameters.get("filename");
  return { type, filename: name === undefined ? undefined : safeFileName(name), parameters };
}

function safeFileName(name: string): string | undefined {
  const segment = name.split(/[\\/]/).at(-1)!;
  // deno-lint-ignore no-control-regex -- control characters are what has to go
  const printable = segment.replace(/[\x00-\x1f\x7f-\x9f]/g, "").trim();
  return printable === "" || /^\.+$/.test(printable) ? undefined : printable;
}

/** A member of a list with weights. */
export interface QualityValue {
  /** What is accepted, as written: `text/html`, `en-gb`, `gzip`, `*`. */
  value: string;
  /** The weight from 0 (refused) to 1 (preferred). */
  quality: number;
  /** The parameters in front of the weight, such as the `level=1` of `text/html;level=1;q=0.4`. */
  parameters: HeaderParameter[];
}

const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Reads a list with weights, the preferred members first and equal ones in the order given. A missing weight is 1;
 * a member whose weight is malformed is dropped. Members of weight 0 are kept, at the end, because they refuse something.
 *
 * @example Preferred first
 * ```ts
 * import { parseQualityList } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const values = parseQualityList("fr;q=0.5, en, de;q=0").map((member) => member.value);
 * assertEquals(values, ["en", "fr", "de"]);
 * ```
 */
export function parseQualityList(text: string): QualityValue[] {
  const members: QualityValue[] = [];
  for (const member of splitOutsideQuotes(checkText("parse qualities", text), ",")) {
    const semicolon = member.indexOf(";");
    const value = trimWhitespace(semicolon < 0 ? member : member.slice(0, semicolon));
    const all = semicolon < 0 ? [] : parseParameters(member.slice(semicolon + 1));
    const weightAt = all.findIndex((parameter) => parameter.name === "q");
    const weight = weightAt < 0 ? "1" : all[weightAt]!.value ?? "";
    if (value === "" || !WEIGHT.test(weight)) continue;
    members.push({ value, quality: Number(weight), parameters: weightAt < 0 ? all : all.slice(0, weightAt) });
  }
  return members.sort((a, b) => b.quality - a.quality);
}

/** The weight a list gives to `value` (compared without case, `*` matching anything not named); 0 when it is absent. */
export function qualityOf(list: readonly QualityValue[], value: string): number {
  checkIterable("look for a quality", list, "a list of qualities");
  const wanted = checkText("look for a quality", value).toLowerCase();
  const named = list.find((member) => member.value.toLowerCase() === wanted);
  return (named ?? list.find((member) => member.value === "*"))?.quality ?? 0;
}

/** One link of a Link field. */
export interface HeaderLink {
  /** The target, as written, or absolute when a base was given. */
  target: string;
  /** The relation types in lower case; several when `rel` names several. */
  relations: string[];
  /** The context the link starts from (`anchor`), when it is not the response's own URL. */
  anchor: string | undefined;
  /** The title; an extended `title*` wins over `title`. */
  title: string | undefined;
  /** Every other attribute by its name in lower case; the first of several. */
  attributes: Map<string, string>;
}

/**
 * Reads a Link field. Links that are malformed or that have no relation are dropped, as are targets that do not resolve
 * against `base`.
 *
 * @example The next page
 * ```ts
 * import { parseLink } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const links = parseLink('</items?page=2>; rel="next", </items?page=9>; rel=last', "https://example.org/items");
 * const next = links.find((link) => link.relations.includes("next"));
 * assertEquals(next?.target, "https://example.org/items?page=2");
 * ```
 */
export function parseLink(text: string, base?: string | URL): HeaderLink[] {
  checkText("parse Link", text);
  const links: HeaderLink[] = [];
  let position = 0;
  while (position < text.length) {
    const open = text.indexOf("<", position);
    const close = open < 0 ? -1 : text.indexOf(">", open);
    if (close < 0) break;
    // A comma inside <> belongs to the target, so the end of the link is only sought behind the closing bracket.
    const end = endOfMember(text, close + 1);
    const link = readLink(text.slice(open + 1, close), text.slice(close + 1, end), base);
    if (link !== undefined) links.push(link);
    position = end + 1;
  }
  return links;
}

function endOfMember(text: string, start: number): number {
  let quoted = false;
  for (let index = start; index < text.length; index++) {
    if (quoted && text[index] === "\\") index++;
    else if (text[index] === '"') quoted = !quoted;
    else if (text[index] === "," && !quoted) return index;
  }
  return text.length;
}

function readLink(reference: string, parameters: string, base: string | URL | undefined): HeaderLink | undefined {
  const target = resolve(reference.trim(), base);
  if (target === undefined) return undefined;
  const attributes = new Map<string, string>();
  for (const { name, value } of parseParameters(parameters)) {
    if (!attributes.has(name)) attributes.set(name, value ?? "");
  }
  const relations = (attributes.get("rel") ?? "").toLowerCase().split(/\s+/).filter((relation) => relation !== "");
  if (relations.length === 0) return undefined;
  const anchor = attributes.get("anchor");
  const extended = attributes.get("title*");
  const title = (extended === undefined ? undefined : decodeExtendedValue(extended)) ?? attributes.get("title");
  for (const name of ["rel", "anchor", "title", "title*"]) attributes.delete(name);
  return { target, relations, anchor: anchor === undefined ? undefined : resolve(anchor, base), title, attributes };
}

function resolve(reference: string, base: string | URL | undefined): string | undefined {
  if (base === undefined) return reference;
  return URL.canParse(reference, base) ? new URL(reference, base).href : undefined;
}
