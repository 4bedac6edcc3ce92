/** CONNECT: making a proxy lead to the origin (RFC 9110 §9.3.6). */
import { TransportError } from "../../errors.ts";
import type { ExchangeObserver, OpenRequest, ProxyTarget, TransportResponse } from "../transport.ts";
import { proxyError, textOf } from "./node_errors.ts";
import { Exchange } from "./node_exchange.ts";
import type { Wire } from "./node_wire.ts";
import { basicAuthorization } from "../basic_authorization.ts";

/** What {@linkcode requestTunnel} needs. */
export interface TunnelOptions {
  /** Host and port as CONNECT names them. */
  authority: string;
  proxy: ProxyTarget;
  request: OpenRequest;
  observer: ExchangeObserver;
  maxHeaderBytes: number;
  /** Takes the exchange, so that it can be aborted. */
  onExchange(exchange: Exchange): void;
  /** Called when the refusal of a tunnel has been read; false means that the proxy connection is over. */
  onRefusalRead(reusable: boolean): void;
}

/**
 * Asks for a tunnel. Resolves with null when there is one, else with the refusal, whose body is still to be read.
 *
 * @throws {TransportError}
 */
export async function requestTunnel(wire: Wire, options: TunnelOptions): Promise<TransportResponse | null> {
  const { authority, observer, proxy, request } = options;
  const authorization = request.proxyAuthorization ?? basicAuthorization(proxy);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, "Proxy-Connection: Keep-Alive"];
  if (request.userAgent !== null) lines.push(`User-Agent: ${request.userAgent}`);
  if (authorization !== null) lines.push(`Proxy-Authorization: ${authorization}`);
  observer.tunneling();
  observer.networkEvent("proxy-negotiating");
  let clean = true;
  const exchange = new Exchange(wire, {
    request: { method: "CONNECT", body: null, expectContinue: false },
    head: {
      text: `${lines.join("\r\n")}\r\n\r\n`,
      framing: "none",
      contentLength: 0,
      isLast: false,
    },
    observer: { ...SILENT, received: () => observer.received?.() },
    maxHeaderBytes: options.maxHeaderBytes,
    onFinished: (_wire, use) => {
      clean = use === "again";
      options.onRefusalRead(clean);
    },
  });
  options.onExchange(exchange);
  const response = await exchange.run().catch(noAnswer);
  if (response.status < 200 || response.status > 299) return response;
  if (!clean) throw proxyError("it sent bytes before the tunnel was used", "ERR_PROXY_TUNNEL");
  observer.networkEvent("proxy-negotiated");
  return null;
}

/** What breaks off, or is no HTTP, is the proxy's failure like any refusal: the next one of a list may do better. */
function noAnswer(error: unknown): never {
  if (!(error instanceof TransportError)) throw error;
  const text = textOf(error).replace(/^Cannot [^:]*: /, "");
  throw proxyError(`its answer to CONNECT cannot be read, ${text}`, error.code || "ERR_PROXY_TUNNEL");
}

const SILENT: ExchangeObserver = {
  networkEvent() {},
  tunneling() {},
  tlsInfo() {},
  wroteHeaders() {},
  wroteBodyData() {},
  wroteBody() {},
  informational() {},
};
