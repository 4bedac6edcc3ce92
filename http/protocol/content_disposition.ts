/** The Content-Disposition field (RFC 6266). */

import { checkText } from "../../internal/expected.ts";
import { decodeExtendedValue, isToken, parseParameters, trimWhitespace } from "./syntax.ts";

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
