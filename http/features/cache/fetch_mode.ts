/** Fetch's cache modes, expressed for servers and for an `HttpCache` as Cache-Control. */
import { type HttpMessage, messageState } from "../../message/message.ts";

/** What each mode means (Fetch standard, "HTTP-network-or-cache fetch"). */
const DIRECTIVES: Readonly<Record<string, string>> = {
  "no-store": "no-cache, no-store",
  "reload": "no-cache",
  "no-cache": "max-age=0",
  "force-cache": "max-stale",
  "only-if-cached": "only-if-cached, max-stale",
};

/**
 * Puts a cache mode on a message; a Cache-Control of the caller's own stays.
 *
 * @throws {TypeError} If the mode is unknown.
 */
export function setCacheMode(msg: HttpMessage, mode: string): void {
  if (mode === "default") return;
  const directives = DIRECTIVES[mode];
  if (directives === undefined) throw new TypeError(`Cannot fetch: ${JSON.stringify(mode)} is no cache mode`);
  messageState(msg).cacheMode = mode;
  const headers = msg.requestHeaders;
  if (!headers.has("cache-control")) headers.set("cache-control", directives);
  if ((mode === "no-store" || mode === "reload") && !headers.has("pragma")) headers.set("pragma", "no-cache");
}
