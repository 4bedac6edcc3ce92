/** Cookies that a program adds by itself, which no field of a response has described. */
import { bareHost } from "../../protocol/uri.ts";
import type { CookieInit } from "./cookie.ts";
import { type Tough, toughCookie } from "./tough.ts";

/**
 * The cookie that a program describes.
 *
 * @throws {TypeError} For what no Cookie field can carry, and for a domain that no host can have.
 */
export function cookieOf(init: CookieInit, time: number): Tough.Cookie {
  const { name, value, domain, path = "/", secure = false, httpOnly = false, sameSite = "lax", expires = null } = init;
  // deno-lint-ignore no-control-regex -- TAB is none of those that are forbidden.
  const control = /[\x00-\x08\x0a-\x1f\x7f;]/;
  if (typeof name !== "string" || name === "" || control.test(name) || name.includes("=")) {
    throw new TypeError(`Cannot add the cookie: its name is ${JSON.stringify(name)}`);
  }
  if (typeof value !== "string" || control.test(value)) {
    throw new TypeError(`Cannot add the cookie ${name}: its value holds a semicolon or a control character`);
  }
  // No path of a URL holds a TAB.
  if (typeof path !== "string" || !path.startsWith("/") || control.test(path) || path.includes("\t")) {
    throw new TypeError(`Cannot add the cookie ${name}: its path is ${JSON.stringify(path)}`);
  }
  const host = typeof domain === "string" ? domainHost(domain) : null;
  if (host === null) {
    throw new TypeError(`Cannot add the cookie ${name}: its domain is ${JSON.stringify(domain)}`);
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
