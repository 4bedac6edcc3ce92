/**
 * What sends and receives over sockets, HTTP/1.1 and HTTP/2, is a large part of this floor: it is loaded before the first
 * connection, not with the library.
 */
import type {
  ConnectionProtocol,
  ConnectionTarget,
  ExchangeObserver,
  OpenRequest,
  TransportConnection,
  TransportRequest,
  TransportResponse,
} from "../transport.ts";
import { mayUseHttp2 } from "./http2_choice.ts";
import type { NodeConnection } from "./node_connection.ts";

let loaded: typeof NodeConnection | null = null;
let loading: Promise<typeof NodeConnection> | null = null;

/** Loads what connections are made with; null when it is there. */
export function loadingConnections(): Promise<typeof NodeConnection> | null {
  if (loaded !== null) return null;
  return loading ??= import("./node_connection.ts").then(({ NodeConnection }) => loaded = NodeConnection, (error) => {
    loading = null;
    throw error;
  });
}

/** Makes a slot; nothing is opened yet. */
export function connectionTo(target: ConnectionTarget): TransportConnection {
  return loaded === null ? new LateConnection(target) : new loaded(target);
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
