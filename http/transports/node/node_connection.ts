/** One slot of the socket transport: one TCP connection, with one exchange at a time or, by HTTP/2, with many. */
import { orAborted } from "../../../internal/signals.ts";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isClientTls } from "../client_tls.ts";
import { TransportError, tunnelError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import type {
  ClientTls,
  ConnectionProtocol,
  ConnectionTarget,
  ExchangeObserver,
  OpenRequest,
  TransportConnection,
  TransportRequest,
  TransportResponse,
} from "../transport.ts";
import { fromByteDuplex, toByteDuplex } from "../../../internal/byte_duplex.ts";
import { Http2Connection } from "../h2/connection.ts";
import { agreedHttp2, offered } from "./http2_choice.ts";
import { mayUseHttp2 } from "../connection.ts";
import { exchangeError, handshakeError } from "./node_errors.ts";
import { Exchange, type WireUse } from "./node_exchange.ts";
import { authority } from "../request_rules.ts";
import { RequestHeads } from "./node_request_head.ts";
import { KnownLines } from "./node_response_head.ts";
import { socksConnect } from "./node_socks.ts";
import { addressesOf, connectTcp, connectUnix } from "./node_tcp.ts";
import { encrypt, enforceTrust, withNames } from "./node_tls.ts";
import { basicAuthorization } from "../basic_authorization.ts";
import { requestTunnel } from "./node_tunnel.ts";
import { Wire } from "./node_wire.ts";

/** A byte stream to the origin or to its proxy, and the socket under it. */
interface Channel {
  stream: Duplex;
  socket: Socket;
  /** HTTP/2 was agreed upon. */
  isHttp2?: boolean;
}

/** Makes its connection in `open` and uses it for one request after another. */
export class NodeConnection implements TransportConnection {
  readonly #target: ConnectionTarget;
  /** A proxy makes a tunnel to the origin. */
  readonly #isTunneled: boolean;
  /** A proxy gets the requests. */
  readonly #isForwarded: boolean;
  readonly #heads: RequestHeads;
  readonly #known = new KnownLines();
  readonly #abort = new AbortController();
  /** The connection to a proxy that has refused a tunnel and may be asked again. */
  #proxyWire: { wire: Wire; channel: Channel } | null = null;
  #wire: Wire | null = null;
  #http2: Http2Connection | null = null;
  #exchange: Exchange | null = null;
  #isBusy = false;
  #hasOpened = false;
  /** What the connection has failed with before anything was sent. */
  #earlyFailure: Error | null = null;
  #hasSent = false;
  /** The stream belongs to others: what they do with it is none of this connection's business, nor when it ends. */
  #isHandedOver = false;

  onClosed: (() => void) | null = null;
  onChange: (() => void) | null = null;

  constructor(target: ConnectionTarget) {
    this.#target = target;
    const isProxied = target.proxy !== null && target.proxy.scheme.startsWith("http");
    this.#isTunneled = isProxied && (target.scheme === "https" || target.isTunneled === true);
    this.#isForwarded = isProxied && !this.#isTunneled;
    this.#heads = new RequestHeads(target, this.#isForwarded);
  }

  get isOpen(): boolean {
    return this.#http2?.isOpen ?? this.#wire?.isAlive ?? false;
  }

  get protocol(): ConnectionProtocol | null {
    if (this.#http2 !== null) return "h2";
    return this.#hasOpened || !mayUseHttp2(this.#target) ? "http/1.1" : null;
  }

  get maxExchanges(): number {
    return this.#http2?.maxExchanges ?? 1;
  }

  get mayUpgrade(): boolean | undefined {
    return this.#http2?.mayUpgrade;
  }

  async open(request: OpenRequest, observer: ExchangeObserver): Promise<TransportResponse | void> {
    if (this.#wire !== null) return;
    const { host, http2, scheme } = this.#target;
    const signal = this.#abort.signal;
    signal.throwIfAborted();
    if (this.#proxyWire?.wire.isAlive === false) this.#proxyWire = null;
    const wasRefused = this.#proxyWire !== null;
    let channel = this.#proxyWire?.channel ?? await this.#reach(observer);
    try {
      if (this.#isTunneled) {
        const refusal = await this.#tunnel(channel, request, observer).catch(async (error: unknown) => {
          // Proxies close after a refusal without saying so: one that says nothing is asked again on a new connection.
          if (!wasRefused || signal.aborted) throw error;
          destroyChannel(channel);
          this.#proxyWire = null;
          channel = await this.#reach(observer);
          return await this.#tunnel(channel, request, observer);
        });
        if (refusal !== null) return refusal;
      }
      if (scheme === "https") channel = await this.#secure(channel, observer);
      signal.throwIfAborted();
    } catch (error) {
      destroyChannel(channel);
      throw signal.aborted ? signal.reason : error instanceof TransportError ? error : handshakeError(error, host);
    }
    this.#hasOpened = true;
    this.#wire = new Wire(channel.stream, channel.socket);
    this.#wire.onIdleActivity = this.#closeIdle;
    if (channel.isHttp2 ?? http2 === "required") this.#http2 = this.#speakHttp2(this.#wire);
    observer.networkEvent("complete");
  }

  send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    try {
      if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
      if (this.#wire === null && !this.#hasOpened) return this.#openAndSend(request, observer);
      return this.#exchangeOn(this.#wire, request, observer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #openAndSend(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    const refusal = await this.open(openRequestOf(request), observer);
    if (!refusal) return await this.#exchangeOn(this.#wire, request, observer);
    // What the proxy says is not the origin's response, and nobody here can answer it.
    await refusal.body?.cancel();
    throw tunnelError(refusal.status, refusal.statusText);
  }

  #exchangeOn(
    wire: Wire | null,
    request: TransportRequest,
    observer: ExchangeObserver,
  ): Promise<TransportResponse> {
    if (!this.#hasSent) this.#begin(wire);
    if (this.#http2 !== null) return this.#http2.send(request, observer);
    if (wire === null || !wire.isAlive) {
      throw new TransportError(HttpStatus.IO_ERROR, "send", "Cannot send the request: the connection was closed", {
        code: "ECONNRESET",
      });
    }
    if (this.#isBusy) throw new TypeError("Cannot send the request: the connection has another one in flight");
    const head = this.#heads.write(this.#isForwarded ? withProxyCredentials(request, this.#target) : request);
    this.#isBusy = true;
    wire.keepsProcessAlive(true);
    const exchange = this.#exchange = new Exchange(wire, {
      request,
      head,
      observer,
      maxHeaderBytes: this.#target.maxHeaderBytes,
      known: this.#known,
      onFinished: this.#onFinished,
    });
    return exchange.run();
  }

  /** The server may have refused the client with its handshake: another connection would not do better. */
  #begin(wire: Wire | null): void {
    this.#hasSent = true;
    const failure = wire?.failure ?? this.#earlyFailure;
    if (failure === null) return;
    const error = exchangeError(failure, "send");
    if (error.status === HttpStatus.TLS_FAILED) throw error;
  }

  cancel(observer: ExchangeObserver, reason: unknown): boolean {
    return this.#http2?.cancel(observer, reason) ?? false;
  }

  close(reason?: unknown): void {
    if (this.#abort.signal.aborted || this.#isHandedOver) return;
    this.onClosed = this.onChange = null;
    this.#abort.abort(reason);
    this.#http2?.close(this.#abort.signal.reason);
    // The exchange is aborted first, so that it fails with the caller's reason and not as a broken connection.
    this.#exchange?.abort(this.#abort.signal.reason);
    this.#exchange = null;
    for (const wire of [this.#wire, this.#proxyWire?.wire]) wire?.destroy();
    this.#wire = null;
    this.#proxyWire = null;
  }

  /** Up to the origin, or up to its proxy. */
  async #reach(observer: ExchangeObserver): Promise<Channel> {
    const { host, port, proxy, tls, unixSocket } = this.#target;
    const lookup = this.#target.lookup ?? null;
    const signal = this.#abort.signal;
    if (proxy === null) {
      const socket = typeof unixSocket === "string"
        ? await connectUnix(unixSocket, observer, signal)
        : await connectTcp({ host, port, isProxy: false, lookup }, observer, signal);
      return { stream: socket, socket };
    }
    const proxyHost = proxy.uri.hostname.replace(/^\[|\]$/g, "");
    const endpoint = { host: proxyHost, port: proxyPort(proxy.uri, proxy.scheme), isProxy: true, lookup };
    const socket = await connectTcp(endpoint, observer, signal);
    try {
      if (proxy.scheme.startsWith("socks")) {
        observer.networkEvent("proxy-negotiating");
        // "socks5" has names resolved here, "socks5h" by the proxy.
        const found = proxy.scheme === "socks5" ? await addressesOf({ host, isProxy: false, lookup }, signal) : [];
        const address = found[0]?.address ?? host;
        await socksConnect(socket, proxy, { host: address, port }, signal);
        observer.networkEvent("proxy-negotiated");
      }
      if (proxy.scheme !== "https") return { stream: socket, socket };
      const { stream, info } = await encrypt(socket, {
        host: proxyHost,
        roots: tls.roots,
        client: null,
        protocols: ["http/1.1"],
        signal,
      });
      enforceTrust(info, proxyHost, tls);
      return { stream, socket };
    } catch (error) {
      socket.destroy();
      throw signal.aborted ? signal.reason : error;
    }
  }

  async #tunnel(channel: Channel, request: OpenRequest, observer: ExchangeObserver): Promise<TransportResponse | null> {
    const { host, maxHeaderBytes, port, proxy } = this.#target;
    // A listener may have closed the connection just made; the proxy would then never answer.
    this.#abort.signal.throwIfAborted();
    const wire = this.#proxyWire?.wire ?? new Wire(channel.stream, channel.socket);
    this.#proxyWire = { wire, channel };
    if (proxy === null) return null;
    wire.keepsProcessAlive(true);
    const refusal = await requestTunnel(wire, {
      authority: authority({ host, port }),
      proxy,
      request,
      observer,
      maxHeaderBytes,
      onExchange: (exchange) => this.#exchange = exchange,
      onRefusalRead: (reusable) => {
        wire.keepsProcessAlive(false);
        if (reusable) return;
        wire.destroy();
        this.#proxyWire = null;
      },
    });
    if (refusal !== null) return refusal;
    this.#exchange = null;
    this.#proxyWire = null;
    wire.detach();
    wire.keepsProcessAlive(true);
    return null;
  }

  async #secure(channel: Channel, observer: ExchangeObserver): Promise<Channel> {
    const { host, http2, tls } = this.#target;
    observer.networkEvent("tls-handshaking");
    if (tls.client !== null && isClientTls(tls.client)) return await this.#secureWith(tls.client, channel, observer);
    const { stream, info, protocol } = await encrypt(channel.stream, {
      host,
      roots: tls.roots,
      client: tls.client,
      protocols: offered(http2),
      signal: this.#abort.signal,
    });
    observer.networkEvent("tls-handshaked");
    observer.tlsInfo(info);
    enforceTrust(info, host, tls);
    return { stream, socket: channel.socket, isHttp2: agreedHttp2(protocol, http2) };
  }

  async #secureWith(client: ClientTls, channel: Channel, observer: ExchangeObserver): Promise<Channel> {
    const { host, http2, port, tls } = this.#target;
    const signal = this.#abort.signal;
    const { strict, roots } = tls;
    const bare = toByteDuplex(channel.stream);
    const making = client.connect(bare, { host, port, strict, roots, signal, alpnProtocols: offered(http2) });
    const pair = await orAborted(making, signal);
    observer.networkEvent("tls-handshaked");
    if (pair.tls !== undefined) {
      const info = withNames(pair.tls, host);
      observer.tlsInfo(info);
      enforceTrust(info, host, tls);
    }
    // What was to be encrypted would go out in clear.
    if (pair.duplex === channel.stream || (pair as unknown) === bare) {
      throw new TypeError("the ClientTls has given back the stream that it was to encrypt");
    }
    const isHttp2 = agreedHttp2(pair.tls?.alpnProtocol, http2);
    return { stream: fromByteDuplex(pair), socket: channel.socket, isHttp2 };
  }

  /** Everything that arrives belongs to HTTP/2 from now on, and every exchange. */
  #speakHttp2(wire: Wire): Http2Connection {
    const connection = new Http2Connection(wire, {
      maxHeaderBytes: this.#target.maxHeaderBytes,
      explain: exchangeError,
      onChange: () => this.onChange?.(),
      onEnded: () => {
        this.onChange?.();
        this.#closeIdle();
      },
    });
    wire.read(connection);
    wire.resume();
    return connection;
  }

  readonly #onFinished = (wire: Wire, use: WireUse): void => {
    this.#isBusy = false;
    this.#exchange = null;
    if (this.#wire !== wire) return;
    if (use === "again" && wire.isAlive) {
      wire.resume();
      wire.keepsProcessAlive(false);
      return;
    }
    this.#wire = null;
    if (use === "handed over") this.#isHandedOver = true;
    else wire.destroy();
  };

  /**
   * The peer has closed an idle connection, or sent what nobody asked for. Made here and not where the connection opens, where
   * it would keep the first message alive as long as itself.
   */
  readonly #closeIdle = (): void => {
    if (!this.#hasSent) this.#earlyFailure = this.#wire?.failure ?? null;
    this.#wire?.destroy();
    this.#wire = null;
    this.onClosed?.();
  };
}

function destroyChannel({ socket, stream }: Channel): void {
  stream.destroy();
  socket.destroy();
}

/** What the CONNECT of a connection that nobody opened beforehand may know of its first request. */
function openRequestOf(request: TransportRequest): OpenRequest {
  const field = (wanted: string) => request.headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? null;
  return { proxyAuthorization: field("proxy-authorization"), userAgent: field("user-agent") };
}

/** Credentials of the proxy's URI, for requests that bring none. */
function withProxyCredentials(request: TransportRequest, target: ConnectionTarget): TransportRequest {
  const credentials = target.proxy === null ? null : basicAuthorization(target.proxy);
  if (credentials === null || request.headers.some(([name]) => name.toLowerCase() === "proxy-authorization")) {
    return request;
  }
  return { ...request, headers: [...request.headers, ["proxy-authorization", credentials]] };
}

/** Port of a proxy: its own, or the one its scheme is known by. */
function proxyPort(uri: URL, scheme: string): number {
  return uri.port !== "" ? Number(uri.port) : scheme === "https" ? 443 : scheme === "http" ? 80 : 1080;
}
