/** The Retry-After field (RFC 9110 §10.2.3). */

import { checkText } from "../../internal/expected.ts";
import { clockOf, type HttpDateOptions, parseHttpDate } from "./http_date.ts";
import { trimWhitespace } from "./syntax.ts";

/**
 * Reads a Retry-After value, a number of seconds or an HTTP date, as milliseconds from now. A moment that has passed is
 * 0; a value that is neither form is `undefined`.
 *
 * @example Both forms
 * ```ts
 * import { parseRetryAfter } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const now = Date.parse("2026-11-21T10:00:00Z");
 * assertEquals(parseRetryAfter("120"), 120_000);
 * assertEquals(parseRetryAfter("Sat, 21 Nov 2026 10:00:05 GMT", { now }), 5_000);
 * assertEquals(parseRetryAfter("soon"), undefined);
 * ```
 */
export function parseRetryAfter(text: string, options: HttpDateOptions = {}): number | undefined {
  const now = clockOf("parse Retry-After", options);
  const value = trimWhitespace(checkText("parse Retry-After", text));
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const date = parseHttpDate(value, { now });
  return date === undefined ? undefined : Math.max(0, date.getTime() - now);
}
