/** MIME types after the WHATWG MIME Sniffing standard (§4.4 parsing, §4.5 serializing). */

import { checkIterable, checkObject, checkText } from "../../internal/expected.ts";
import { trimEndOf, trimOf } from "./syntax.ts";

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
