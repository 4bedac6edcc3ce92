/** What a server says about its rate limits: the RateLimit fields of the IETF draft and their widespread forerunners. */

import { checkHeaders } from "./headers.ts";
import { clockOf, parseHttpDate, parseRetryAfter } from "./http_date.ts";
import { parseStructuredDictionary, parseStructuredList, type StructuredItem } from "./structured_fields.ts";

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
