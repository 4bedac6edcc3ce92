/**
 * The lexical rules every header field shares: tokens, quoted strings, lists and parameters (RFC 9110 §5.6); and structured fields
 * (RFC 9651).
 *
 * @module
 */
import type * as StructuredHeaders from "structured-headers";
import { fromPackage, requiredAt } from "../../internal/builtin_modules.ts";
import { checkText } from "../../internal/expected.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One `name=value` parameter of a header field. */
export interface HeaderParameter {
  /** The name in lower case. */
  name: string;
  /** The value without its quotes, or `undefined` when the parameter is a bare name. */
  value: string | undefined;
}

/** Whether `text` is a token (RFC 9110 §5.6.2). */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Removes the optional whitespace (space and tab, RFC 9110 §5.6.3) around `text`. */
export function trimWhitespace(text: string): string {
  return trimOf(text, " \t");
}

/** Removes some characters around a text. A pattern for it, `x+$`, would take time by the square of the text. */
export function trimOf(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text[start]!)) start++;
  return trimEndOf(start === 0 ? text : text.slice(start), characters);
}

/** Removes some characters at the end of a text. */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return end === text.length ? text : text.slice(0, end);
}

/**
 * Splits a field value at `separator`, leaving separators inside quoted strings alone. Empty members are dropped, as
 * RFC 9110 §5.6.1 asks of recipients; an unterminated quoted string reaches to the end.
 */
export function splitOutsideQuotes(text: string, separator: "," | ";"): string[] {
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index <= text.length; index++) {
    const character = text[index];
    if (quoted && character === "\\") index++;
    else if (character === '"') quoted = !quoted;
    if (index >= text.length || (!quoted && character === separator)) {
      const member = trimWhitespace(text.slice(start, Math.min(index, text.length)));
      if (member !== "") members.push(member);
      start = index + 1;
    }
  }
  return members;
}

/** The text a quoted string stands for; anything else is returned as it is. A missing closing quote is forgiven. */
export function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  let value = "";
  for (let index = 1; index < text.length; index++) {
    const character = text[index]!;
    if (character === '"') break;
    if (character === "\\" && index + 1 < text.length) value += text[++index];
    else value += character;
  }
  return value;
}

/** Writes `text` as a token when it is one, otherwise as a quoted string (RFC 9110 §5.6.4). */
export function quoteIfNeeded(text: string): string {
  return isToken(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Reads `; name=value` parameters (RFC 9110 §5.6.6) from the part of a field value behind its first semicolon. */
export function parseParameters(text: string): HeaderParameter[] {
  const parameters: HeaderParameter[] = [];
  for (const member of splitOutsideQuotes(text, ";")) {
    const equals = member.indexOf("=");
    const name = trimWhitespace(equals < 0 ? member : member.slice(0, equals)).toLowerCase();
    if (!isToken(name)) continue;
    parameters.push({ name, value: equals < 0 ? undefined : unquote(trimWhitespace(member.slice(equals + 1))) });
  }
  return parameters;
}

/**
 * Decodes an extended parameter value such as `UTF-8''na%C3%AFve` (RFC 8187 §3.2). Returns `undefined` for a charset
 * other than UTF-8 and ISO-8859-1 and for broken percent-encoding.
 */
export function decodeExtendedValue(text: string): string | undefined {
  const match = /^([^']*)'[^']*'((?:[A-Za-z0-9!#$&+\-.^_`|~]|%[0-9A-Fa-f]{2})*)$/.exec(text);
  if (match === null) return undefined;
  const charset = match[1]!.toLowerCase();
  const bytes = Uint8Array.from(percentDecode(match[2]!));
  // One by one: as arguments of a single call they may be more than the stack holds.
  if (charset === "iso-8859-1") return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  if (charset !== "utf-8") return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined; // RFC 8187 §3.2.1: a value that does not decode is ignored.
  }
}

function* percentDecode(text: string): Generator<number> {
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "%") {
      yield parseInt(text.slice(index + 1, index + 3), 16);
      index += 2;
    } else {
      yield text.charCodeAt(index);
    }
  }
}

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by this call. */
declare const require: ((name: "structured-headers") => typeof StructuredHeaders) | undefined;

let loaded: typeof StructuredHeaders | null = null;

/** Loads the library on first use, in place. */
function library(): typeof StructuredHeaders {
  return loaded ??= fromPackage<typeof StructuredHeaders>(
    "structured-headers",
    () =>
      typeof require === "function"
        ? require("structured-headers")
        : requiredAt(import.meta.resolve("structured-headers"), "structured-headers"),
  );
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadStructuredFields(): Promise<unknown> {
  return import("structured-headers");
}

/** A token or a display string: no string, so that it is written as what it was. */
export interface StructuredText {
  /** Its text. */
  toString(): string;
}
/** A bare value: number, string, token, bytes, date, boolean or display string. */
export type StructuredValue = number | string | boolean | Date | ArrayBuffer | ArrayBufferView | StructuredText;
/** An item: its value and its parameters. */
export type StructuredItem = [value: StructuredValue, parameters: Map<string, StructuredValue>];
/** An inner list: items, and the parameters of the list. */
export type StructuredInnerList = [items: StructuredItem[], parameters: Map<string, StructuredValue>];
/** A list: items, and inner lists with parameters of their own. */
export type StructuredList = (StructuredInnerList | StructuredItem)[];
/** A dictionary: items and inner lists by their keys. */
export type StructuredDictionary = Map<string, StructuredItem | StructuredInnerList>;

/**
 * Reads a structured field that is an item, or returns `undefined` when it does not parse: RFC 9651 §4.2 has a
 * recipient ignore such a field as if it were absent.
 *
 * @example An item with a parameter
 * ```ts
 * import { parseStructuredItem } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseStructuredItem("5; unit=s")?.[0], 5);
 * assertEquals(parseStructuredItem("5;;"), undefined);
 * ```
 */
export function parseStructuredItem(text: string): StructuredItem | undefined {
  return ignoringFailure(library().parseItem, text);
}

/** Reads a structured field that is a list; `undefined` when it does not parse. */
export function parseStructuredList(text: string): StructuredList | undefined {
  return ignoringFailure(library().parseList, text);
}

/** Reads a structured field that is a dictionary; `undefined` when it does not parse. */
export function parseStructuredDictionary(text: string): StructuredDictionary | undefined {
  return ignoringFailure(library().parseDictionary, text);
}

/** Whether a member of a list or dictionary is an inner list. */
export function isStructuredInnerList(
  member: StructuredItem | StructuredInnerList,
): member is StructuredInnerList {
  return Array.isArray(member[0]);
}

/** Writes an item (RFC 9651 §4.1.3). */
export function formatStructuredItem(item: StructuredItem): string {
  return library().serializeItem(item as StructuredHeaders.Item);
}

/** Writes an inner list (RFC 9651 §4.1.1.1). */
export function formatStructuredInnerList(list: StructuredInnerList): string {
  return library().serializeInnerList(list as StructuredHeaders.InnerList);
}

/** Writes a list (RFC 9651 §4.1.1). */
export function formatStructuredList(list: StructuredList): string {
  return library().serializeList(list as StructuredHeaders.List);
}

/** Writes a dictionary (RFC 9651 §4.1.2). */
export function formatStructuredDictionary(dictionary: StructuredDictionary): string {
  return library().serializeDictionary(dictionary as StructuredHeaders.Dictionary);
}

function ignoringFailure<T>(parse: (text: string) => T, text: string): T | undefined {
  checkText("parse a structured field", text);
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
