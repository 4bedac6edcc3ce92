/** The credentials in a proxy's address. */
import { Buffer } from "node:buffer";
import type { ProxyTarget } from "./transport.ts";

/** The credentials of the proxy's own URI; null when it has none. */
export function basicAuthorization(proxy: ProxyTarget): string | null {
  if (proxy.username === undefined) return null;
  return `Basic ${Buffer.from(`${proxy.username}:${proxy.password ?? ""}`).toString("base64")}`;
}
