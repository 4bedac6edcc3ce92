// Drives a transport without a session: targets, requests and an observer that writes down what it is told.
import type {
  ConnectionTarget,
  ExchangeObserver,
  OpenRequest,
  ProxyTarget,
  TlsInfo,
  TransportConnection,
  TransportRequest,
  TransportResponse,
} from "../../http/transports/transport.ts";

/** A direct target on a port of this machine. */
export function localTarget(port: number, overrides: Partial<ConnectionTarget> = {}): ConnectionTarget {
  return {
    scheme: "http",
    host: "127.0.0.1",
    port,
    proxy: null,
    tls: { strict: true, roots: null, client: null },
    maxHeaderBytes: 65536,
    ...overrides,
  };
}

/** A proxy on a port of this machine. */
export function localProxy(port: number, scheme = "http", credentials: Partial<ProxyTarget> = {}): ProxyTarget {
  return { uri: new URL(`${scheme}://127.0.0.1:${port}/`), scheme, ...credentials };
}

/** A request for a target. */
export function requestFor(
  target: ConnectionTarget,
  path: string,
  init: Partial<TransportRequest> = {},
): TransportRequest {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return {
    method: "GET",
    url: new URL(path, `${target.scheme}://${host}:${target.port}`).href,
    headers: [],
    body: null,
    bodyLength: null,
    expectContinue: false,
    ...init,
  };
}

/** What an observer was told, in order. */
export class RecordingObserver implements ExchangeObserver {
  readonly events: string[] = [];
  readonly uploaded: Uint8Array[] = [];
  tls: TlsInfo | null = null;
  networkEvent(event: string): void {
    this.events.push(event);
  }
  tunneling(): void {
    this.events.push("tunneling");
  }
  tlsInfo(info: TlsInfo): void {
    this.tls = info;
    this.events.push("tls-info");
  }
  wroteHeaders(): void {
    this.events.push("wrote-headers");
  }
  wroteBodyData(chunk: Uint8Array): void {
    this.uploaded.push(chunk);
    this.events.push("wrote-body-data");
  }
  wroteBody(): void {
    this.events.push("wrote-body");
  }
  informational(status: number, reason: string, headers: Headers): void {
    this.events.push(`informational ${status} ${reason} ${[...headers].join()}`.trim());
  }
}

/** Nothing known to the CONNECT. */
export const PLAIN_OPEN: OpenRequest = { proxyAuthorization: null, userAgent: null };

/** Opens if need be and sends. */
export async function exchange(
  connection: TransportConnection,
  request: TransportRequest,
  observer: ExchangeObserver = new RecordingObserver(),
  open: OpenRequest = PLAIN_OPEN,
): Promise<TransportResponse> {
  if (!connection.isOpen) {
    const refusal = await connection.open?.(open, observer);
    if (refusal) return refusal;
  }
  return await connection.send(request, observer);
}

/** The body as text. */
export async function textOf(response: TransportResponse): Promise<string> {
  return new TextDecoder().decode(await response.bytes());
}

/** A stream of the given pieces. */
export function streamOf(...pieces: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(encoder.encode(piece));
    },
  });
}
