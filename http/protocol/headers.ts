/**
 * Rules for what may go into a request line and header section (RFC 9110 §5, RFC 9112 §3), and the User-Agent of a session
 * (`SoupSession:user-agent`).
 *
 * @module
 */
import { checkObject, unexpected } from "../../internal/expected.ts";
import type { HeadersInput } from "../../internal/platform_types.ts";

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Checks a method: a token of RFC 9110 §9.1. A method is never changed on the wire, so no letter case is altered here.
 *
 * @throws {TypeError} If it is no token.
 */
export function checkMethod(method: string): string {
  if (method === "GET") return method;
  if (typeof method !== "string" || !token.test(method)) {
    if (typeof method !== "string") throw unexpected("use a method", "a string", method);
    throw new TypeError(`Cannot use ${JSON.stringify(method)} as a method: it is not a token`);
  }
  return method;
}

/** True for a field name of RFC 9110 §5.1. */
export function isFieldName(name: string): boolean {
  return token.test(name);
}

/** True for a value without CR, LF and NUL, the characters that could begin another field or end the header section. */
export function isFieldValue(value: string): boolean {
  return !/[\r\n\0]/.test(value);
}

/**
 * Checks one header field.
 *
 * @throws {TypeError} If the name is no token or the value holds CR, LF or NUL. The value is not shown: it may be secret.
 */
export function checkField(name: string, value: string): void {
  if (!isFieldName(name)) {
    throw new TypeError(`Cannot send the header ${JSON.stringify(name)}: the name is not a token`);
  }
  if (!isFieldValue(value)) throw new TypeError(`Cannot send the header ${name}: the value holds CR, LF or NUL`);
}

/**
 * The header fields a caller gives. The runtimes' own errors show the value that cannot be sent; it may be secret.
 *
 * @throws {TypeError} If a name or a value cannot be sent; the value is not shown.
 */
export function callersHeaders(init: HeadersInput | HeadersInit): Headers {
  try {
    const headers = new Headers(init as HeadersInit);
    if (Array.isArray(init) && headers.has("cookie")) joinCookies(headers, init);
    return headers;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    checkObject("send the headers", init, "names and values");
    const fields = Symbol.iterator in Object(init) ? [...init as Iterable<[unknown, unknown]>] : Object.entries(init);
    for (const [name, value] of fields) checkField(String(name), String(value));
    throw new TypeError("Cannot send the headers: they are no fields with names and values in Latin-1");
  }
}

/** One Cookie field of several, as it goes over the wire (RFC 6265 §5.4): Deno's Headers would join them by commas. */
function joinCookies(headers: Headers, fields: readonly (readonly [string, string])[]): void {
  const values = fields.filter(([name]) => String(name).toLowerCase() === "cookie").map(([, value]) =>
    String(value).trim()
  );
  if (values.length > 1) headers.set("cookie", values.join("; "));
}

/** Checks header fields: the runtime's own, or those of a library that makes its own. */
export function checkHeaders(action: string, headers: Headers): Headers {
  if (isHeaders(headers)) return headers;
  throw unexpected(action, "Headers", headers);
}

/**
 * Header fields in any form. The runtime's own are taken as they are, and those of a library that makes its own; of pairs
 * and objects fields are made.
 *
 * @throws {TypeError} If they are none, or a name or a value cannot be sent; the value is not shown.
 */
export function headersOf(action: string, headers: HeadersInput): Headers {
  return isHeaders(headers) ? headers : callersHeaders(checkObject(action, headers, "Headers"));
}

/** How a caller has spelt the names of fields, by their lower-case names; null where that is not known. */
export function spellingOf(headers: HeadersInput | HeadersInit): ReadonlyMap<string, string> | null {
  // What is its own iterator has been gone through by now.
  if (isHeaders(headers) || "next" in headers) return null;
  const isList = Symbol.iterator in headers;
  const names = isList
    ? Array.from(headers as Iterable<readonly [string, string]>, ([name]) => name)
    : Object.keys(headers);
  // Of several the first counts (Fetch §2.2.2).
  return names.length === 0 ? null : new Map(names.reverse().map((name) => [String(name).toLowerCase(), String(name)]));
}

function isHeaders(headers: unknown): headers is Headers {
  if (headers instanceof Headers) return true;
  const { append, get, has, set } = Object(headers) as Partial<Headers>;
  return typeof headers === "object" && [append, get, has, set].every((each) => typeof each === "function");
}

/** Methods that ask for nothing to be changed; `would_redirect` follows 301, 302, 307 and 308 for these alone. */
export function isSafeMethod(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "PROPFIND";
}

/** Methods that may be sent on a used connection: doing them twice is the same as doing them once. */
export function isIdempotentMethod(method: string): boolean {
  return isSafeMethod(method) || method === "PUT" || method === "DELETE" || method === "TRACE" || method === "QUERY" ||
    method === "REPORT" || method === "SEARCH";
}

/** Milliseconds that a server keeps an idle connection, by its Keep-Alive field; Infinity where that does not say. */
export function keepAliveTimeout(field: string | null): number {
  const seconds = field === null ? null : /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,9})/i.exec(field);
  return seconds === null ? Infinity : Number(seconds[1]) * 1000;
}

/** About what fields have taken on the wire as a section of HTTP/1.1: each with what stands between them. */
export function sectionSize(headers: Headers): number {
  let size = 0;
  for (const [name, value] of headers) size += name.length + value.length + 4;
  return size;
}

/** The single value of Content-Length, or null when it is absent or malformed (RFC 9110 §8.6). */
export function contentLength(headers: Headers): number | null {
  const value = headers.get("content-length");
  if (value === null || value.length === 0 || value.length > 15) return null;
  let length = 0;
  for (let index = 0; index < value.length; index++) {
    const digit = value.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return null;
    length = length * 10 + digit;
  }
  return length;
}

/**
 * Bytes that a body has on the wire by its header section; null where that leaves it open. A transfer coding overrides the
 * length (RFC 9112 §6.3).
 */
export function announcedLength(headers: Headers): number | null {
  return headers.has("transfer-encoding") ? null : contentLength(headers);
}

/** Product token of this library. */
export const productToken = "gp11/0.1.0";

/** Expands the property: an empty text is the own token, trailing space asks for it to be appended. */
export function expandUserAgent(value: string | null): string | null {
  if (value === null) return null;
  if (value === "") return productToken;
  return value.endsWith(" ") ? value + productToken : value;
}
