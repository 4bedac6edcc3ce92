/** What names a proxy: URIs, and the lists that PAC functions return. */

import { unexpected } from "../../../internal/expected.ts";
import type { ProxyTarget } from "../../transports/transport.ts";

/** Proxies in the order they are tried; null is a direct connection. */
export type ProxyList = readonly (ProxyTarget | null)[];

const SCHEMES: Record<string, string> = {
  "http:": "http",
  "https:": "https",
  "socks:": "socks5",
  "socks5:": "socks5",
  "socks5h:": "socks5h",
};
/** The keywords of PAC. Plain SOCKS means version 5 here: no transport speaks version 4. */
const PAC_SCHEMES: Record<string, string> = {
  PROXY: "http",
  HTTP: "http",
  HTTPS: "https",
  SOCKS: "socks5",
  SOCKS5: "socks5",
};
const PAC_ITEM = /^(DIRECT|PROXY|HTTP|HTTPS|SOCKS|SOCKS4|SOCKS5)(?:\s+(\S+))?$/i;
const SOCKS_PORT = "1080";

/**
 * The proxy a URI names. Without a scheme it is an HTTP proxy, as `proxy.example.org:3128`.
 *
 * @throws {TypeError} If the URI does not parse, has no host, a scheme that is no proxy's, or credentials nobody can send.
 */
export function parseProxyUri(uri: string | URL): ProxyTarget {
  if (typeof uri !== "string" && !(uri instanceof URL)) throw unexpected("use the proxy", "a string or a URL", uri);
  const text = String(uri).trim();
  const absolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(absolute) ? new URL(absolute) : undefined;
  // The text may hold a password, so the messages do not repeat it.
  if (url === undefined || url.hostname === "") throw new TypeError("Cannot use the proxy: its URI does not parse");
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

/** Whether a text is written as PAC functions write their results. */
export function isPacResult(text: string): boolean {
  return text.split(";").some((item) => PAC_ITEM.test(item.trim()));
}

/**
 * Reads the result of a PAC function, for example `PROXY a:3128; SOCKS5 b; DIRECT`. Items that cannot be used (SOCKS4,
 * unknown words) are passed over, as browsers do.
 *
 * @throws {TypeError} If nothing is left.
 */
export function parsePacResult(text: string): ProxyList {
  const list: (ProxyTarget | null)[] = [];
  for (const item of text.split(";")) {
    const match = PAC_ITEM.exec(item.trim());
    if (match === null) continue;
    const keyword = match[1]!.toUpperCase();
    if (keyword === "DIRECT") list.push(null);
    else if (match[2] !== undefined && Object.hasOwn(PAC_SCHEMES, keyword)) {
      const uri = `${PAC_SCHEMES[keyword]}://${match[2]}`;
      if (URL.canParse(uri)) list.push(parseProxyUri(uri));
    }
  }
  if (list.length === 0) throw new TypeError("Cannot use the proxies: the list names none that can be used");
  return list;
}

/** The address by which a proxy is remembered. */
export function proxyKey(proxy: ProxyTarget | null): string {
  return proxy === null ? "direct" : `${proxy.scheme}://${proxy.uri.host}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A stray percent sign stands for itself.
  }
}
