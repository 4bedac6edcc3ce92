/**
 * The runtime's own fetch, and a slot on one.
 *
 * @module
 */
import type { FetchInput } from "../../../internal/platform_types.ts";
import { TransportError } from "../../errors.ts";
import { sectionSize } from "../../protocol/headers.ts";
import { HttpStatus } from "../../protocol/status.ts";
import type {
  ConnectionTarget,
  ExchangeObserver,
  ProxyTarget,
  TransportConnection,
  TransportRequest,
  TransportResponse,
} from "../transport.ts";
import type { DecodingRuntime } from "./runtime_decoding.ts";

const atImport = globalThis.fetch;

/**
 * The fetch that was there when the library was imported: a program may put a session's in its place afterwards, and what
 * a session sends through the runtime must not come back to it.
 */
export function nativeFetch(input: FetchInput, init?: RequestInit): Promise<Response> {
  return atImport(input, init);
}

/** What exchanges need; null before the first one. */
export let exchange: typeof import("./fetch_exchange.ts") | null = null;
let loading: Promise<unknown> | null = null;

/** Loads what exchanges need; null when it is there, and those who have waited for it go on. */
export function loadingExchange(): Promise<unknown> | null {
  if (exchange !== null) return null;
  if (loading !== null) return loading;
  const parts = loading = import("./fetch_exchange.ts");
  // Right in front of all who wait: nobody who comes meanwhile overtakes them.
  parts.then((loaded) => exchange = loaded, () => loading = null);
  return parts;
}

/** What is particular to a runtime: its fetch bound to one pool, and the end of that pool. */
export interface FetchSlot {
  /** Sends through this slot's pool. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Closes the pool's idle connections. */
  close(): void;
  /** A `Headers` object that is used many times costs less than a list. */
  readonly prefersHeaders?: boolean | undefined;
  /** The Content-Length of a body that is a stream is sent; absent where such a body is always chunked. */
  readonly sendsLength?: boolean | undefined;
  /** Whose ways of decoding responses the runtime has; absent when it decodes none. */
  readonly decodes?: DecodingRuntime | undefined;
  /** Takes the observer of the exchange that begins. */
  observe?(observer: ExchangeObserver): void;
}

/** The fields with the length of a body that is streamed, for runtimes that honour it. */
function withLength({ headers, body, bodyLength }: TransportRequest): TransportRequest["headers"] {
  if (bodyLength === null || body === null || body instanceof Uint8Array) return headers;
  if (headers.some(([name]) => name.toLowerCase() === "content-length")) return headers;
  return [...headers, ["content-length", String(bodyLength)]];
}

/** Bytes of a streamed body that is sent in one piece at most. */
const largestGathered = 64 * 1024;

/** Requests one abort controller serves. Each request leaves a trace in it, so it is replaced from time to time. */
const requestsPerController = 64;

/**
 * True when requests go to an HTTP proxy in absolute form. Its credentials are then a field of each request, which the
 * message may replace; a runtime that knows them would send its own besides.
 */
export function isForwarded({ proxy, scheme }: ConnectionTarget): boolean {
  return scheme === "http" && proxy !== null && proxy.scheme.startsWith("http");
}

/** A slot: one pool of the runtime that never holds more than one connection. */
export class FetchConnection implements TransportConnection {
  onClosed: (() => void) | null = null;
  readonly #slot: FetchSlot;
  readonly #proxy: URL | null;
  readonly #maxHeaderBytes: number;
  /** The proxy that gets the requests; null for none. */
  readonly #forwarder: ProxyTarget | null;
  /** A tunnel has still to be made, by the first request. */
  #needsTunnel: boolean;
  #controller = new AbortController();
  #requests = 0;
  /** The fields sent last and the form they went in: most messages of a session have the very same ones. */
  #lastFields: TransportRequest["headers"] | null = null;
  #lastHeaders: HeadersInit = {};
  #isClosed = false;

  constructor(target: ConnectionTarget, slot: FetchSlot) {
    this.#slot = slot;
    this.#proxy = target.proxy?.uri ?? null;
    this.#maxHeaderBytes = target.maxHeaderBytes;
    this.#needsTunnel = target.scheme === "https" && target.proxy !== null && target.proxy.scheme.startsWith("http");
    this.#forwarder = isForwarded(target) ? target.proxy : null;
  }

  /** Fetch does not show its sockets: a slot counts as open until it is closed. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Sends one request; rejects with the runtime's own errors, see `explain`. */
  send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    if (exchange === null) return this.#sendLoaded(request, observer);
    const { body, bodyLength } = request;
    // A small body goes with its length everywhere: as bytes where a stream would go without.
    if (
      body instanceof ReadableStream && bodyLength !== null && bodyLength <= largestGathered && !this.#slot.sendsLength
    ) {
      return new Response(body).bytes().then((bytes) =>
        this.#send({ ...request, body: bytes as Uint8Array<ArrayBuffer> }, observer)
      );
    }
    return this.#send(request, observer);
  }

  async #sendLoaded(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    const { signal } = this.#controller;
    await loadingExchange();
    signal.throwIfAborted();
    return await this.send(request, observer);
  }

  #send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    if (++this.#requests > requestsPerController) {
      this.keepResponse();
      this.#requests = 1;
    }
    const { signal } = this.#controller;
    this.#slot.observe?.(observer);
    if (this.#needsTunnel) {
      this.#needsTunnel = false;
      observer.tunneling();
    }
    const init: RequestInit & { duplex?: "half" } = {
      headers: this.#headers(withLength(request)),
      redirect: "manual",
      signal,
    };
    if (request.method !== "GET") init.method = request.method;
    if (request.body !== null) {
      init.body = request.body;
      if (!(request.body instanceof Uint8Array)) init.duplex = "half";
    }
    return this.#slot.fetch(request.url, init);
  }

  /** Holds the header section to its limit, and says which codings the runtime has removed. */
  adapt(response: TransportResponse, request: TransportRequest): TransportResponse {
    const size = sectionSize(response.headers);
    if (size > this.#maxHeaderBytes) {
      void response.body?.cancel();
      const limit = this.#maxHeaderBytes;
      throw new TransportError(
        HttpStatus.MALFORMED,
        "response",
        `Cannot read the response: its header section is longer than ${limit} bytes`,
        {
          code: "ERR_HTTP_HEADERS_TOO_LARGE",
        },
      );
    }
    const { decodes } = this.#slot;
    return decodes === undefined ? response : exchange!.asDecoded(response as Response, request, decodes);
  }

  /** The fields as fetch takes them. Frozen lists are a session's defaults: their names differ and they stay as they are. */
  #headers(fields: TransportRequest["headers"]): HeadersInit {
    if (fields === this.#lastFields) return this.#lastHeaders;
    const all = exchange!.withAcceptEncoding(this.#withProxyAuthorization(fields)) as [string, string][];
    if (!Object.isFrozen(fields)) return all;
    this.#lastFields = fields;
    return this.#lastHeaders = this.#slot.prefersHeaders === true ? new Headers(all) : Object.fromEntries(all);
  }

  #withProxyAuthorization(fields: TransportRequest["headers"]): TransportRequest["headers"] {
    const value = this.#forwarder === null ? null : exchange!.basicAuthorization(this.#forwarder);
    if (value === null || fields.some(([name]) => name.toLowerCase() === "proxy-authorization")) return fields;
    return [...fields, ["proxy-authorization", value]];
  }

  /** Bun takes the body of a response that has arrived long ago where the signal of its request is aborted. */
  keepResponse(): void {
    this.#requests = 0;
    this.#controller = new AbortController();
  }

  /** Translates what fetch rejected with or what broke a body. */
  explain(error: unknown, url: string): TransportError {
    if (exchange !== null) return exchange.explainFetchError(error, url, this.#proxy);
    const message = "Cannot send by fetch: a part of the library that is loaded for it cannot be loaded";
    return new TransportError(HttpStatus.IO_ERROR, "connect", message, { cause: error });
  }

  /** Aborts what is in flight and closes the pool. */
  close(reason?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#controller.abort(reason);
    this.#slot.close();
  }
}
