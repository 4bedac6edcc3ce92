/** Which version of HTTP is offered, and which is agreed on. */
import type { ConnectionTarget } from "../transport.ts";

/** What servers are offered (RFC 7301), preferred first. */
export function offered(http2: ConnectionTarget["http2"]): readonly string[] {
  return http2 === "required" ? ["h2"] : http2 === "auto" ? ["h2", "http/1.1"] : ["http/1.1"];
}

/**
 * Whether HTTP/2 is spoken, from what the server has chosen.
 *
 * @throws {Error} If it has not chosen what is required.
 */
export function agreedHttp2(protocol: string | null | undefined, http2: ConnectionTarget["http2"]): boolean {
  if (http2 === "required" && protocol !== "h2") {
    throw new Error('it does not speak HTTP/2, which http2: "required" asks for');
  }
  return protocol === "h2";
}
