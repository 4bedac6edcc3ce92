/**
 * Which URIs a session sends, and in what form they reach a transport.
 *
 * @module
 */
import { checkIterable, unexpected } from "../../internal/expected.ts";

/**
 * Reads an absolute URI. What is none is shown without what may be secret, a password or a query.
 *
 * @throws {TypeError} If it is none.
 */
export function parseUri(value: string | URL): URL {
  try {
    return new URL(value);
  } catch {
    if (typeof value !== "string" && !(value instanceof URL)) throw unexpected("use a URI", "a string or a URL", value);
    const shown = String(value).replace(/[?#].*$/s, "").replace(/^.*@/s, "").slice(0, 100);
    throw new TypeError(`Cannot use ${JSON.stringify(shown)} as a URI: it is no absolute URL`);
  }
}

/** The classes a URI scheme can belong to. */
export type SchemeClass = "http" | "https";

/**
 * The class of a scheme under a session's aliases (`SoupSession:http-aliases`, `SoupSession:https-aliases`). https is
 * asked first, so a scheme named there is not caught by the `*` of the http aliases.
 */
export function schemeClass(
  scheme: string,
  httpAliases: readonly string[] | null,
  httpsAliases: readonly string[] | null,
): SchemeClass | null {
  if (scheme === "http" || scheme === "https") return scheme;
  if (httpsAliases !== null && httpsAliases.includes(scheme)) return "https";
  if (httpAliases === null) return null;
  if (httpAliases.length === 1 && httpAliases[0] === "*") return "http";
  return httpAliases.includes(scheme) ? "http" : null;
}

/** The class of a URI's scheme, or null; http and https themselves are recognized without looking at aliases. */
export function classOf(
  uri: URL,
  httpAliases: readonly string[] | null,
  httpsAliases: readonly string[] | null,
): SchemeClass | null {
  const { href } = uri; // The other parts of a URL are cut out anew each time they are asked for.
  if (href.startsWith("http:")) return "http";
  if (href.startsWith("https:")) return "https";
  return uri.hostname === "" ? null : schemeClass(uri.protocol.slice(0, -1), httpAliases, httpsAliases);
}

/** Reads an alias list: a list, a comma-separated text, or null. */
export function parseAliases(value: unknown): readonly string[] | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string") checkIterable("set the aliases", value, "a list of URI schemes");
  const names = typeof value === "string" ? value.split(",") : Array.from(value as Iterable<string>);
  return names.map((name) => {
    const scheme = String(name).trim().replace(/:$/, "").toLowerCase();
    if (scheme !== "*" && !/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
      throw new TypeError(`Cannot use ${JSON.stringify(name)} as an alias: it is not a URI scheme`);
    }
    return scheme;
  });
}

/** Default port of a class. */
export function defaultPort(scheme: SchemeClass): number {
  return scheme === "https" ? 443 : 80;
}

/**
 * The URI as the text of a plain http: or https: URL without user information and fragment. Non-special schemes of
 * aliases are parsed again under their class, since the URL standard ignores a change of `protocol` for them.
 */
export function wireUrl(uri: URL, scheme: SchemeClass): string {
  const { href } = uri;
  const own = href.startsWith(scheme) && href.startsWith("://", scheme.length);
  if (own && !href.includes("#") && !href.includes("@")) return href;
  const url = new URL(own ? href : `${scheme}${href.slice(uri.protocol.length - 1)}`);
  url.username = "";
  url.password = "";
  url.hash = "";
  return url.href;
}

/** The URI without user information, query and fragment: what an error text may show. */
export function bareAddress(uri: URL): string {
  return `${uri.protocol}//${uri.host}${uri.pathname}`;
}

/**
 * The http: or https: URI that a message is sent to, also where its own has the scheme of an alias; null when the session
 * cannot send it. Whatever depends on encryption depends on this URI, not on the name of the scheme.
 */
export function httpUriOf(session: { schemeOf(uri: URL): SchemeClass | null }, uri: URL): URL | null {
  const { href } = uri;
  if (href.startsWith("http:") || href.startsWith("https:")) return uri;
  const scheme = session.schemeOf(uri);
  return scheme === null ? null : new URL(wireUrl(uri, scheme));
}

/** The http: and https: URIs that a URI may stand for: itself, or one of each for the scheme of an alias. */
export function possibleHttpUris(uri: URL): URL[] {
  if (uri.protocol === "http:" || uri.protocol === "https:" || uri.hostname === "") return [uri];
  return (["http", "https"] as const).map((scheme) => new URL(wireUrl(uri, scheme)));
}

/** The URI as `Response.url` shows it: without user information and fragment. */
export function bareUrl(uri: URL): string {
  const { href } = uri;
  if (!href.includes("#") && !href.includes("@")) return href;
  const url = new URL(href);
  url.hash = url.username = url.password = "";
  return url.href;
}

/** True if both URIs have the same class, host and port, and credentials may travel from one to the other. */
export function isSameOrigin(left: URL, right: URL): boolean {
  if (left.protocol === right.protocol) return left.host === right.host;
  return false;
}

/** Host without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
