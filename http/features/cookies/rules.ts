/** What a jar refuses before the library looks at a cookie: size, prefixes, third parties, Secure and SameSite. */
import type { CookieTable } from "./cookie_table.ts";
import { siteOf, type Tough, toughCookie } from "./tough.ts";

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
