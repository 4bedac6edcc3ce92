/**
 * A transport on sockets: HTTP/1.1 and HTTP/2 written and read here, over `node:net` and `node:tls`, on every runtime.
 *
 * It does what the runtimes' fetch cannot do truthfully (insecure and pinned TLS, peer certificates, informational
 * responses, `Expect: 100-continue`, any method, trailers, proxies with challenges), and it never sends a request twice.
 *
 * @module
 */
import { isNewEnough } from "../../../internal/runtime.ts";
import { NotSupportedError } from "../../errors.ts";
import { readsSystemCertificates } from "../permissions.ts";
import { capabilitiesWith, type TransportCapabilities } from "../capabilities.ts";
import type {
  ConnectionProtocol,
  ConnectionTarget,
  ExchangeObserver,
  OpenRequest,
  Transport,
  TransportConnection,
  TransportRequest,
  TransportResponse,
} from "../transport.ts";
import { mayUseHttp2 } from "../connection.ts";
import type { NodeConnection } from "./node_connection.ts";
import { isPlainMethod } from "../methods.ts";

const encryptsSockets = isNewEnough("TLS over sockets");

// What sends and receives over sockets, HTTP/1.1 and HTTP/2, is a large part of this floor: it is loaded before the first
// connection, not with the library.
let loaded: typeof NodeConnection | null = null;
let loading: Promise<typeof NodeConnection> | null = null;

/** Loads what connections are made with; null when it is there, and those who have waited for it go on. */
export function loadingConnections(): Promise<typeof NodeConnection> | null {
  if (loaded !== null) return null;
  if (loading !== null) return loading;
  loading = import("./node_connection.ts").then(({ NodeConnection }) => NodeConnection);
  // Right in front of all who wait: nobody who comes meanwhile overtakes them.
  loading.then((connections) => loaded = connections, () => loading = null);
  return loading;
}

const PROXY_SCHEMES = ["http", "https", "socks5", "socks5h"];

/**
 * The socket transport. It shares nothing between connections, so one object serves any number of sessions.
 *
 * @example Ask what it can do
 * ```ts
 * import { NodeTransport } from "@gp11/gp11/http";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const { capabilities } = new NodeTransport();
 * assert(capabilities.informational);
 * assert(capabilities.supportsMethod("VERSION-CONTROL"));
 * assertFalse(capabilities.supportsMethod("CONNECT"));
 * ```
 */
export class NodeTransport implements Transport {
  /** Everything a session knows to ask for. */
  readonly capabilities: TransportCapabilities = capabilitiesWith({
    name: "node",
    exactConnections: true,
    connectionEvents: true,
    writeEvents: true,
    informational: true,
    expectContinue: true,
    trailers: true,
    requestTrailers: true,
    tls: encryptsSockets,
    peerCertificate: encryptsSockets,
    insecureTls: encryptsSockets,
    pinnedRoots: encryptsSockets,
    get systemRoots() {
      return readsSystemCertificates();
    },
    clientCertificate: encryptsSockets,
    clientTls: encryptsSockets,
    httpProxy: true,
    tunnel: encryptsSockets,
    tunnelStatus: encryptsSockets,
    socks: true,
    bodyWithGet: true,
    hostHeader: true,
    contentAsReceived: true,
    uploadLength: true,
    http2: encryptsSockets,
    unixSocket: true,
    lookup: true,
    upgrade: true,
    supportsMethod: isPlainMethod,
  });

  /**
   * Makes a slot; nothing is opened yet.
   *
   * @throws {NotSupportedError} For a proxy scheme nobody here speaks; for TLS where `capabilities.tls` is false; where
   * HTTP/2 is required and cannot be spoken, through a proxy that gets the requests.
   */
  createConnection(target: ConnectionTarget): TransportConnection {
    const { proxy } = target;
    if (proxy !== null && !PROXY_SCHEMES.includes(proxy.scheme)) {
      throw new NotSupportedError(
        `use the proxy ${proxy.uri.protocol}//${proxy.uri.host}`,
        this.capabilities.runtime,
        `a proxy speaks one of ${PROXY_SCHEMES.join(", ")}`,
      );
    }
    if (!encryptsSockets && (target.scheme === "https" || proxy?.scheme === "https")) {
      throw new NotSupportedError(
        "encrypt a connection over sockets",
        this.capabilities.runtime,
        'Deno checks certificates there from 2.8 on; use a later Deno, or the transport "fetch"',
      );
    }
    if (target.http2 === "required" && !mayUseHttp2(target)) {
      throw new NotSupportedError(
        "speak HTTP/2",
        this.capabilities.runtime,
        "the proxy gets the requests, by HTTP/1.1",
      );
    }
    return loaded === null ? new LateConnection(target) : new loaded(target);
  }

  /**
   * Looks the host's name up, or its proxy's, so that the system knows it.
   *
   * @throws {TransportError} CANT_RESOLVE or CANT_RESOLVE_PROXY.
   */
  async prepare(target: ConnectionTarget): Promise<void> {
    const host = target.proxy === null ? target.host : target.proxy.uri.hostname.replace(/^\[|\]$/g, "");
    const { lookup = null, proxy } = target;
    const { addressesOf } = await import("./node_tcp.ts");
    await addressesOf({ host, isProxy: proxy !== null, lookup }, new AbortController().signal);
  }
}

/** A slot that was made before there was anything to make its connection with. */
class LateConnection implements TransportConnection {
  readonly #target: ConnectionTarget;
  readonly #abort = new AbortController();
  #connection: NodeConnection | null = null;

  onClosed: (() => void) | null = null;
  onChange: (() => void) | null = null;

  constructor(target: ConnectionTarget) {
    this.#target = target;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  get protocol(): ConnectionProtocol | null {
    if (this.#connection !== null) return this.#connection.protocol;
    return mayUseHttp2(this.#target) ? null : "http/1.1";
  }

  get maxExchanges(): number {
    return this.#connection?.maxExchanges ?? 1;
  }

  get mayUpgrade(): boolean | undefined {
    return this.#connection?.mayUpgrade;
  }

  async open(request: OpenRequest, observer: ExchangeObserver): Promise<TransportResponse | void> {
    return await (this.#connection ?? await this.#made()).open(request, observer);
  }

  async send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    return await (this.#connection ?? await this.#made()).send(request, observer);
  }

  cancel(observer: ExchangeObserver, reason: unknown): boolean {
    return this.#connection?.cancel(observer, reason) ?? false;
  }

  close(reason?: unknown): void {
    this.onClosed = this.onChange = null;
    this.#abort.abort(reason);
    this.#connection?.close(this.#abort.signal.reason);
  }

  async #made(): Promise<NodeConnection> {
    const Connection = await loadingConnections() ?? loaded!;
    this.#abort.signal.throwIfAborted();
    if (this.#connection !== null) return this.#connection;
    const connection = this.#connection = new Connection(this.#target);
    connection.onClosed = () => this.onClosed?.();
    connection.onChange = () => this.onChange?.();
    return connection;
  }
}
