/** Cookies that no field of a response has described: a program adds them, or a store that others write to has them. */
import { unexpected } from "../../../internal/expected.ts";
import { bareHost } from "../../protocol/uri.ts";
import type { Cookie, CookieInit } from "./cookie.ts";
import { siteOf, type Tough, toughCookie } from "./tough.ts";

/**
 * The cookie that a program describes.
 *
 * @throws {TypeError} For what no Cookie field can carry, and for a domain that no host can have.
 */
export function cookieOf(init: CookieInit, time: number): Tough.Cookie {
  const { name, value, domain, path = "/", secure = false, httpOnly = false, sameSite = "lax", expires = null } = init;
  if (!isName(name)) throw new TypeError(`Cannot add the cookie: its name is ${JSON.stringify(name)}`);
  if (!isValue(value)) {
    throw new TypeError(`Cannot add the cookie ${name}: its value holds a semicolon or a control character`);
  }
  if (!isPath(path)) throw new TypeError(`Cannot add the cookie ${name}: its path is ${JSON.stringify(path)}`);
  const host = typeof domain === "string" ? domainHost(domain) : null;
  if (host === null) {
    throw new TypeError(`Cannot add the cookie ${name}: its domain is ${JSON.stringify(domain)}`);
  }
  if (expires !== null && !isTime(expires)) {
    throw unexpected(`add the cookie ${name}`, "expires to be a Date with a time, or null", expires);
  }
  const now = new Date(time);
  return new (toughCookie().Cookie)({
    key: name,
    value,
    domain: host,
    hostOnly: init.hostOnly ?? !domain.startsWith("."),
    path,
    secure,
    httpOnly,
    sameSite,
    creation: now,
    lastAccessed: now,
    ...(expires ? { expires } : {}),
  });
}

/**
 * Whether what a store of several processes gives is a cookie that goes to that site and nowhere else, and that a response
 * or a program can have made: others may write to the store, too.
 */
export function isCookieOf(site: string, cookie: Cookie): boolean {
  const { creation, domain, expires, hostOnly, httpOnly, lastAccess, name, path, sameSite, secure, value } = cookie;
  return isName(name) && isValue(value) && isPath(path) &&
    typeof domain === "string" && domainHost(domain) === domain && siteOf(domain) === site &&
    [hostOnly, httpOnly, secure].every((flag) => typeof flag === "boolean") && sameSites.includes(sameSite) &&
    isTime(creation) && isTime(lastAccess) && (expires === null || isTime(expires));
}

const sameSites: readonly unknown[] = ["strict", "lax", "none"];

// deno-lint-ignore no-control-regex -- TAB is none of those that are forbidden.
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f;]/;

function isName(name: unknown): boolean {
  return isValue(name) && name !== "" && !String(name).includes("=");
}

function isValue(value: unknown): boolean {
  return typeof value === "string" && !FORBIDDEN.test(value);
}

/** No path of a URL holds a TAB. */
function isPath(path: unknown): boolean {
  return isValue(path) && String(path).startsWith("/") && !String(path).includes("\t");
}

function isTime(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

/** The host a domain names, as URLs have it, so that it can be theirs; `null` for what is no host. */
export function domainHost(domain: string): string | null {
  const name = domain.replace(/^\./, "");
  const text = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
  if (text === "" || text.startsWith(".") || /[\s/\\?#@]|\]:|^[^[]*:/.test(text)) return null;
  return URL.canParse(`http://${text}/`) ? hostOf(new URL(`http://${text}/`)) : null;
}

/** The host as cookies name it: an IPv6 address has no brackets there. */
export function hostOf(uri: URL): string {
  return bareHost(uri.hostname);
}
