/** Where HTTP/2 can be spoken. */
import { isClientTls } from "../client_tls.ts";
import type { ConnectionTarget } from "../transport.ts";

/** Whether HTTP/2 may come to be spoken: with origins that are asked for it, or are known to speak it. */
export function mayUseHttp2({ http2, proxy, scheme, tls }: ConnectionTarget): boolean {
  if (scheme === "https") {
    return http2 !== undefined && http2 !== false && !(tls.client !== null && isClientTls(tls.client));
  }
  return http2 === "required" && !(proxy?.scheme.startsWith("http") ?? false);
}
