/**
 * The URIs of proxies.
 *
 * @module
 */
import { unexpected } from "../../internal/expected.ts";
import type { ProxyTarget } from "./transport.ts";

const SCHEMES: Record<string, string> = {
  "http:": "http",
  "https:": "https",
  "socks:": "socks5",
  "socks5:": "socks5",
  "socks5h:": "socks5h",
};
const SOCKS_PORT = "1080";

/**
 * The URI of a proxy, with all that it was given. Without a scheme it is an HTTP proxy, as `proxy.example.org:3128`.
 *
 * @throws {TypeError} If the URI does not parse or has no host.
 */
export function proxyUriOf(uri: string | URL): URL {
  if (typeof uri !== "string" && !(uri instanceof URL)) throw unexpected("use the proxy", "a string or a URL", uri);
  const text = String(uri).trim();
  const absolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(absolute) ? new URL(absolute) : undefined;
  // The text may hold a password, so the messages do not repeat it.
  if (url === undefined || url.hostname === "") throw new TypeError("Cannot use the proxy: its URI does not parse");
  return url;
}

/**
 * The proxy that a URI names, as connections take it.
 *
 * @throws {TypeError} If the URI does not parse, has no host, a scheme that is no proxy's, or credentials nobody can send.
 */
export function parseProxyUri(uri: string | URL): ProxyTarget {
  const url = proxyUriOf(uri);
  const scheme = Object.hasOwn(SCHEMES, url.protocol) ? SCHEMES[url.protocol]! : undefined;
  if (scheme === undefined) throw new TypeError(`Cannot use the proxy: ${url.protocol}// is no scheme of a proxy`);
  const username = url.username === "" ? undefined : decode(url.username);
  const password = url.password === "" ? undefined : decode(url.password);
  if (scheme.startsWith("http")) checkBasic(username ?? "", password ?? "");
  url.username = "";
  url.password = "";
  if (scheme.startsWith("socks") && url.port === "") url.port = SOCKS_PORT;
  return {
    uri: url,
    scheme,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** What Basic can carry (RFC 7617 §2): a proxy would read something else out of the rest. */
function checkBasic(username: string, password: string): void {
  if (username.includes(":")) throw new TypeError("Cannot use the proxy: its user name holds a colon");
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(username + password)) {
    throw new TypeError("Cannot use the proxy: its user name or password holds a control character");
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A stray percent sign stands for itself.
  }
}
