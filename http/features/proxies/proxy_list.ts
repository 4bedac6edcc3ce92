/** The lists of proxies that PAC functions return. */

import { parseProxyUri } from "../../transports/proxy_uri.ts";
import type { ProxyTarget } from "../../transports/transport.ts";

/** Proxies in the order they are tried; null is a direct connection. */
export type ProxyList = readonly (ProxyTarget | null)[];

/** The keywords of PAC. Plain SOCKS means version 5 here: no transport speaks version 4. */
const PAC_SCHEMES: Record<string, string> = {
  PROXY: "http",
  HTTP: "http",
  HTTPS: "https",
  SOCKS: "socks5",
  SOCKS5: "socks5",
};
const PAC_ITEM = /^(DIRECT|PROXY|HTTP|HTTPS|SOCKS|SOCKS4|SOCKS5)(?:\s+(\S+))?$/i;

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
