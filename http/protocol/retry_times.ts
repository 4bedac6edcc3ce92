/** When to ask again: HTTP dates (RFC 9110 §5.6.7), the Retry-After field (§10.2.3), and what servers say of their limits. */
import { checkOptions, checkText, finiteTime, unexpected } from "../../internal/expected.ts";
import { parseStructuredDictionary, parseStructuredList, type StructuredItem, trimWhitespace } from "./syntax.ts";
import { checkHeaders } from "./headers.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const SHORT_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const LONG_DAY = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";

const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, "i");
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} gmt$`, "i");
const ASCTIME = new RegExp(`^${SHORT_DAY} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");

/** Options of {@linkcode parseHttpDate}. */
export interface HttpDateOptions {
  /**
   * The present moment in milliseconds since 1970, to which two-digit years are related. Left out, it is that of the
   * machine.
   */
  readonly now?: number | undefined;
}

/**
 * Reads an HTTP date in any of the three forms a recipient has to accept: IMF-fixdate, RFC 850 and asctime
 * (RFC 9110 §5.6.7). Returns `undefined` for anything else, days and hours that do not exist included; the day name is
 * not compared with the date.
 *
 * @example The three forms
 * ```ts
 * import { parseHttpDate } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const expected = new Date("1994-11-06T08:49:37Z");
 * assertEquals(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
 * assertEquals(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
 * assertEquals(parseHttpDate("Sun Nov  6 08:49:37 1994"), expected);
 * ```
 */
export function parseHttpDate(text: string, options: HttpDateOptions = {}): Date | undefined {
  const now = clockOf("parse an HTTP date", options);
  const fixdate = IMF_FIXDATE.exec(checkText("parse an HTTP date", text));
  if (fixdate !== null) return assemble(fixdate[3]!, fixdate[2]!, fixdate[1]!, fixdate.slice(4));
  const asctime = ASCTIME.exec(text);
  if (asctime !== null) return assemble(asctime[6]!, asctime[1]!, asctime[2]!, asctime.slice(3));
  const rfc850 = RFC_850.exec(text);
  if (rfc850 === null) return undefined;
  const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100;
  const date = assemble(String(century + Number(rfc850[3])), rfc850[2]!, rfc850[1]!, rfc850.slice(4));
  return date !== undefined && isMoreThanFiftyYearsAhead(date, now)
    ? assemble(String(century - 100 + Number(rfc850[3])), rfc850[2]!, rfc850[1]!, rfc850.slice(4))
    : date;
}

/**
 * The time to read by, in milliseconds since 1970.
 *
 * @throws {RangeError} For a `now` that is no time.
 */
function clockOf(action: string, options: HttpDateOptions): number {
  return finiteTime("now", checkOptions(action, options).now ?? Date.now(), "ms");
}

/**
 * Writes a date as an IMF-fixdate (RFC 9110 §5.6.7).
 *
 * @throws {RangeError} For an invalid date and for years outside 0 to 9999.
 */
export function formatHttpDate(date: Date): string {
  if (!(date instanceof Date)) throw unexpected("format an HTTP date", "a Date", date);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`Cannot format an HTTP date: ${String(date)} is out of range`);
  return date.toUTCString();
}

function isMoreThanFiftyYearsAhead(date: Date, now: number): boolean {
  const limit = new Date(now);
  limit.setUTCFullYear(limit.getUTCFullYear() + 50);
  return date > limit;
}

function assemble(year: string, monthName: string, day: string, time: string[]): Date | undefined {
  const month = MONTHS.indexOf(monthName.toLowerCase());
  const [hour, minute, second] = time.map(Number) as [number, number, number];
  // 60 is a leap second, which JavaScript time does not count: it becomes the first second of the next minute.
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month, Number(day));
  if (date.getUTCMonth() !== month || date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(hour, minute, second);
  return date;
}

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

/** The limit a response announces. */
export interface ServerRateLimit {
  /** Requests that may still be sent before {@linkcode ServerRateLimit.resetAfter} has passed. */
  remaining: number | undefined;
  /** Milliseconds until the quota is full again. */
  resetAfter: number | undefined;
  /** The quota of one window. */
  limit: number | undefined;
}

/** Above this a reset value is a moment in seconds since 1970 (GitHub, Twitter), below it a number of seconds. */
const EPOCH_SECONDS = 1_000_000_000;
const PREFIXES = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];

/**
 * Reads the rate limit of a response from `RateLimit` (draft-ietf-httpapi-ratelimit-headers, list and dictionary form),
 * `RateLimit-Limit`/`-Remaining`/`-Reset`, or the same with `X-`. Several policies give the tightest one. Returns
 * `undefined` when the response says nothing usable.
 *
 * @example The tightest policy
 * ```ts
 * import { parseRateLimit } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const headers = new Headers({ RateLimit: '"burst";r=0;t=5, "daily";r=900;t=40000' });
 * assertEquals(parseRateLimit(headers), { remaining: 0, resetAfter: 5000, limit: undefined });
 * ```
 */
export function parseRateLimit(headers: Headers, options: { now?: number } = {}): ServerRateLimit | undefined {
  const now = clockOf("parse RateLimit", options);
  const field = checkHeaders("parse RateLimit", headers).get("ratelimit");
  const standard = field === null ? undefined : readList(field) ?? readDictionary(field);
  return standard ?? readSeparateFields(headers, now);
}

function readList(field: string): ServerRateLimit | undefined {
  let tightest: ServerRateLimit | undefined;
  for (const [, parameters] of parseStructuredList(field) ?? []) {
    const remaining = count(parameters.get("r"));
    const reset = count(parameters.get("t"));
    if (remaining === undefined) continue;
    const policy = { remaining, resetAfter: reset === undefined ? undefined : reset * 1000, limit: undefined };
    if (tightest === undefined || remaining < tightest.remaining!) tightest = policy;
  }
  return tightest;
}

function readDictionary(field: string): ServerRateLimit | undefined {
  const dictionary = parseStructuredDictionary(field);
  const member = (name: string): number | undefined =>
    count((dictionary?.get(name) as StructuredItem | undefined)?.[0]);
  const remaining = member("remaining");
  const reset = member("reset");
  if (remaining === undefined && reset === undefined) return undefined;
  return { remaining, resetAfter: reset === undefined ? undefined : reset * 1000, limit: member("limit") };
}

function readSeparateFields(headers: Headers, now: number): ServerRateLimit | undefined {
  for (const prefix of PREFIXES) {
    const remaining = digits(headers.get(`${prefix}remaining`));
    const reset = headers.get(`${prefix}reset`);
    if (remaining === undefined && reset === null) continue;
    const limit = digits(headers.get(`${prefix}limit`));
    return { remaining, resetAfter: reset === null ? undefined : readReset(reset, now), limit };
  }
  return undefined;
}

function readReset(text: string, now: number): number | undefined {
  const seconds = digits(text);
  if (seconds !== undefined && seconds > EPOCH_SECONDS) return Math.max(0, seconds * 1000 - now);
  if (seconds === undefined && parseHttpDate(text, { now }) === undefined) {
    const moment = Date.parse(text);
    return Number.isNaN(moment) ? undefined : Math.max(0, moment - now);
  }
  return parseRetryAfter(text, { now });
}

/** A count as a structured field gives it. */
function count(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}

/** The leading number of a plain field; older servers write `100, 100;w=60`. */
function digits(text: string | null): number | undefined {
  const match = text === null ? null : /^\s*(\d{1,15})(?:\s*[,;]|\s*$)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}
