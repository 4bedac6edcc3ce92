/**
 * Which cookies there can be, and what a jar refuses before the library looks at a cookie: size, prefixes, third parties, Secure
 * and SameSite.
 *
 * @module
 */
import type * as Tough from "tough-cookie";
import { fromPackage, requiredAt } from "../../../internal/builtin_modules.ts";
import type { CookieTable } from "./cookie_table.ts";
import { unexpected } from "../../../internal/expected.ts";
import { bareHost } from "../../protocol/uri.ts";
import type { Cookie, CookieInit } from "./cookie.ts";

export type { Tough };

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by this call. */
declare const require: ((name: "tough-cookie") => typeof Tough) | undefined;

let loaded: typeof Tough | null = null;

/** Loads the library on first use, in place, so that a synchronous request can need it. */
export function toughCookie(): typeof Tough {
  return loaded ??= fromPackage<typeof Tough>(
    "tough-cookie",
    () =>
      typeof require === "function"
        ? require("tough-cookie")
        : requiredAt(import.meta.resolve("tough-cookie"), "tough-cookie"),
  );
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadToughCookie(): Promise<typeof Tough> {
  return import("tough-cookie");
}

/** The registrable domain of a host; `null` for addresses, public suffixes and names nobody registers. */
export function registrableDomain(host: string): string | null {
  return toughCookie().getPublicSuffix(host, { allowSpecialUseDomain: true, ignoreError: true }) ?? null;
}

/** What counts as one site: the registrable domain of a host, or the host itself where there is none. */
export function siteOf(host: string): string {
  return registrableDomain(host) ?? host;
}

/** Which cookies a jar takes (`SoupCookieJarAcceptPolicy`). */
export type CookieAcceptPolicy = "always" | "never" | "no-third-party" | "grandfathered-third-party";

/** The policies a jar knows. */
export const acceptPolicies: readonly CookieAcceptPolicy[] = [
  "always",
  "never",
  "no-third-party",
  "grandfathered-third-party",
];

/** Largest Set-Cookie field that is looked at, in UTF-16 units. */
const LONGEST_FIELD = 65_536;
/** Largest name and value together, in bytes (RFC 6265 §6.1). */
const LARGEST_PAIR = 4096;
/** Longest attribute; longer ones are as if they were not there. */
const LONGEST_ATTRIBUTE = 1024;
/** The longest a cookie lives, in milliseconds: 400 days. */
const LONGEST_LIFETIME = 400 * 86_400_000;

// deno-lint-ignore no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Reads a Set-Cookie field; `null` when it is none a jar may keep, whoever sent it. */
export function parseSetCookie(field: string, now: number): Tough.Cookie | null {
  if (field.length > LONGEST_FIELD || FORBIDDEN.test(field)) return null;
  const cookie = parsed(withoutLongAttributes(field));
  if (!cookie || matchesNothing(cookie) || new TextEncoder().encode(cookie.key + cookie.value).length > LARGEST_PAIR) {
    return null;
  }
  if (cookie.maxAge !== null) {
    // The library counts Max-Age from the last use, so that a cookie in use would never end.
    const seconds = Number(cookie.maxAge);
    cookie.expires = new Date(seconds > 0 ? now + Math.min(seconds * 1000, LONGEST_LIFETIME) : 0);
    cookie.maxAge = null;
  } else if (cookie.expires instanceof Date && cookie.expires.getTime() > now + LONGEST_LIFETIME) {
    cookie.expires = new Date(now + LONGEST_LIFETIME);
  }
  return cookie;
}

/**
 * A TAB inside of a name or a value is as good as any other character (RFC 6265bis §5.6), which the library does not
 * know. DEL, which no field may hold, stands for it meanwhile.
 */
function parsed(field: string): Tough.Cookie | null {
  const pair = field.split(";", 1)[0]!;
  if (!pair.includes("\t")) return toughCookie().Cookie.parse(field) ?? null;
  const cookie = toughCookie().Cookie.parse(pair.replaceAll("\t", "\x7f") + field.slice(pair.length));
  if (!cookie) return null;
  cookie.key = cookie.key.replaceAll("\x7f", "\t").trim();
  cookie.value = cookie.value.replaceAll("\x7f", "\t").trim();
  return cookie.key === "" ? null : cookie;
}

/** Whether no request can ever carry a cookie: no host begins with a dot, and no path of a URL holds a TAB. */
function matchesNothing({ domain, path }: Tough.Cookie): boolean {
  return domain?.startsWith(".") === true || path?.includes("\t") === true;
}

/**
 * Whether a cookie meets the conditions of its name prefix, in whatever letter case that is written (RFC 6265bis
 * §4.1.3).
 */
export function satisfiesNamePrefix(cookie: Tough.Cookie): boolean {
  const name = cookie.key.toLowerCase();
  if (name.startsWith("__host-")) return cookie.secure && cookie.domain === null && cookie.path === "/";
  return !name.startsWith("__secure-") || cookie.secure;
}

/** Whether a cookie may be kept under a policy, given the host it came from and the page it was fetched for. */
export function isAccepted(
  policy: CookieAcceptPolicy,
  table: CookieTable,
  host: string,
  firstParty: URL | null,
): boolean {
  if (policy === "never") return false;
  if (policy === "always" || !firstParty || siteOf(host) === siteOf(firstParty.hostname)) return true;
  if (policy === "no-third-party") return false;
  return table.mayMatch(host);
}

/** Whether an insecure origin would overwrite or hide a Secure cookie (RFC 6265bis §5.7, "leave secure cookies alone"). */
export function hidesSecureCookie(table: CookieTable, cookie: Tough.Cookie, url: URL): boolean {
  if (isSecureScheme(url)) return false;
  const { defaultPath, domainMatch, pathMatch } = toughCookie();
  const domain = cookie.domain ?? url.hostname;
  const path = cookie.path ?? defaultPath(url.pathname);
  for (const other of table.ofSite(domain)) {
    if (!other.secure || other.key !== cookie.key || !pathMatch(path, other.path!)) continue;
    if (domainMatch(domain, other.domain!, false) || domainMatch(other.domain!, domain, false)) return true;
  }
  return false;
}

/** Whether two URIs belong to one site: the same registrable domain and the same kind of scheme. */
export function isSameSite(left: URL, right: URL): boolean {
  return isSecureScheme(left) === isSecureScheme(right) && siteOf(left.hostname) === siteOf(right.hostname);
}

/** Whether a URI's connections are encrypted. */
export function isSecureScheme(url: URL): boolean {
  return url.protocol === "https:" || url.protocol === "wss:";
}

function withoutLongAttributes(field: string): string {
  if (field.length <= LONGEST_ATTRIBUTE) return field;
  const [pair, ...attributes] = field.split(";");
  return [pair, ...attributes.filter((attribute) => attribute.length <= LONGEST_ATTRIBUTE)].join(";");
}

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
const FORBIDDEN_PART = /[\x00-\x08\x0a-\x1f\x7f;]/;

function isName(name: unknown): boolean {
  return isValue(name) && name !== "" && !String(name).includes("=");
}

function isValue(value: unknown): boolean {
  return typeof value === "string" && !FORBIDDEN_PART.test(value);
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
