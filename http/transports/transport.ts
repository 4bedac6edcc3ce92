/**
 * The interface between a session and what sends and receives bytes. A transport makes connections (slots); a
 * connection carries one exchange at a time, or as many as it says; the session owns limits, idle time, order, redirects
 * and retries.
 *
 * @module
 */

import type { ByteDuplex } from "../../internal/byte_duplex.ts";
import type { BlockingTls, PeerCertificate, TlsInfo, TlsPieces } from "../../internal/tls_info.ts";
import type { TransportError } from "../errors.ts";
import type { TransportCapabilities } from "./capabilities.ts";
import type { HostLookup } from "./host_lookup.ts";

export type { BlockingTls, ByteDuplex, PeerCertificate, TlsInfo, TlsPieces };

/** A proxy one connection goes through. */
export interface ProxyTarget {
  /** The proxy's URI without user information. */
  readonly uri: URL;
  /** "http", "https", "socks5" or "socks5h" (names are resolved by the proxy). */
  readonly scheme: string;
  /** User name from the URI, decoded; undefined when there is none. */
  readonly username?: string | undefined;
  /** Password from the URI, decoded; undefined when there is none. */
  readonly password?: string | undefined;
}

/** The roots a connection trusts. `TlsDatabase` is one. */
export interface TrustRoots {
  /** True for the store of the operating system and runtime. */
  readonly isSystem: boolean;
  /** The certificates as PEM texts; the system's own for the system store. */
  pem(): readonly string[];
}

/** A client certificate and its key in PEM. */
export interface ClientCertificate {
  /** The certificate, followed by its intermediates if any. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
}

/** Makes the encrypted stream of an origin itself, for example with a key that never leaves its token. */
export interface ClientTls {
  /**
   * Does the TLS handshake over `socket` and returns the decrypted stream. HTTP/2 is spoken on it where `alpnProtocols`, what
   * is to be offered to the server (RFC 7301), has "h2" and `tls.alpnProtocol` says that it was chosen; HTTP/1.1 otherwise.
   */
  connect(
    socket: ByteDuplex,
    options: {
      readonly host: string;
      readonly port: number;
      readonly strict: boolean;
      readonly roots: TrustRoots | null;
      readonly signal: AbortSignal;
      readonly alpnProtocols: readonly string[];
    },
  ): Promise<ByteDuplex & { readonly tls?: TlsInfo | undefined }>;
  /** Begins TLS for a thread that waits, for synchronous sends; without it these are refused. Nothing is sent yet. */
  connectSync?(options: {
    readonly host: string;
    readonly port: number;
    readonly strict: boolean;
    readonly roots: TrustRoots | null;
    readonly alpnProtocols: readonly string[];
  }): BlockingTls;
}

/** TLS settings of a connection. */
export interface TlsSettings {
  /** False accepts every certificate; problems are then reported in {@linkcode TlsInfo}. */
  readonly strict: boolean;
  /** The trusted roots; null leaves the runtime's own. An empty list trusts nobody. */
  readonly roots: TrustRoots | null;
  /** The client's certificate, or what makes the encrypted stream. */
  readonly client: ClientCertificate | ClientTls | null;
}

/**
 * Whether HTTP/2 is spoken: "auto" where the server agrees to it, "required" alone, which for http: means without being
 * asked (RFC 9113 §3.3), or not at all.
 */
export type Http2Choice = "auto" | "required" | false;

/** What is spoken on a connection. */
export type ConnectionProtocol = "http/1.1" | "h2";

/** Where a connection leads and how. Two messages share a connection only if these are the same objects or equal. */
export interface ConnectionTarget {
  /** "http" or "https": the class, aliases already mapped. */
  readonly scheme: "http" | "https";
  /** Lower-case host without brackets. */
  readonly host: string;
  /** Port number. */
  readonly port: number;
  /** The proxy, or null for a direct connection. */
  readonly proxy: ProxyTarget | null;
  /** TLS settings; meaningful for https only. */
  readonly tls: TlsSettings;
  /** Largest response header section in bytes the session accepts. */
  readonly maxHeaderBytes: number;
  /** Whether HTTP/2 may or must be spoken. Absent means false. */
  readonly http2?: Http2Choice | undefined;
  /** The path of the unix socket that leads there; `proxy` is null then. Absent or null means the network. */
  readonly unixSocket?: string | null | undefined;
  /** Finds the addresses of hosts. Absent or null means the system. */
  readonly lookup?: HostLookup | null | undefined;
  /** An HTTP proxy makes a tunnel for http: too: what is to be spoken is no request it could pass on. Absent means false. */
  readonly isTunneled?: boolean | undefined;
}

/** Fields that are sent behind a streamed body, made of what was sent (RFC 9110 §6.5). */
export interface RequestTrailers {
  /** Sees a piece of the body that is about to be sent. */
  update(piece: Uint8Array): void;
  /** Adds its fields to those of others; the body has ended. */
  finish(fields: Headers): void | Promise<void>;
}

/** One request as it goes to a transport. */
export interface TransportRequest {
  /** Method, already checked against `supportsMethod`. */
  readonly method: string;
  /** Absolute http: or https: URL without user information and fragment. */
  readonly url: string;
  /** Header fields in order; lower-case names unless the transport is given others. Already free of CR, LF and NUL. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /**
   * The names of fields as the caller has written them, by lower-case names, for where upper and lower case are kept.
   * Absent or null means that nobody knows.
   */
  readonly spelling?: ReadonlyMap<string, string> | null | undefined;
  /** The whole body, a stream of it, or null. The session has already wrapped streams for events, pausing and progress. */
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Length of a stream body if the caller knows it; null otherwise. */
  readonly bodyLength: number | null;
  /** Hold the body back until 100 Continue. */
  readonly expectContinue: boolean;
  /** What makes the fields behind a streamed body, in order; such a body goes in chunks. Absent means none. */
  readonly trailers?: readonly RequestTrailers[] | null | undefined;
  /**
   * The protocol that is to be spoken in place of HTTP: by `Upgrade` (RFC 9110 §7.8), or as the `:protocol` of an
   * extended CONNECT (RFC 8441). Absent and null mean none.
   */
  readonly upgrade?: string | null | undefined;
}

/** What a connection, or a stream of one, carries once its server has agreed to speak another protocol. */
export interface UpgradedStream extends ByteDuplex {
  /** Resolves when both directions are over. */
  readonly closed: Promise<void>;
  /** Closes it at once, whatever is under way. */
  destroy(): void;
}

/** One response as a transport gives it; a `Response` of the runtime's fetch already is one. */
export interface TransportResponse {
  /** Status code 200…599 (101 only after an upgrade). */
  readonly status: number;
  /** Reason phrase; empty lets the session fill in the standard one. */
  readonly statusText: string;
  /** Header fields; the session never changes them in place. */
  readonly headers: Headers;
  /** The body as received (still content-encoded); null when the response cannot have one. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Reads the whole body; used once and instead of `body`. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The whole body, when it came together with the header section: then nothing is left to wait for. It may be a part of
   * what was received, so whoever keeps it makes a copy.
   */
  readonly whole?: Uint8Array | undefined;
  /** Resolves when a body that was on its way is here to its end, read or not: its connection is free then. */
  readonly arrived?: Promise<void> | undefined;
  /** A `Response` of the runtime with these `headers` and the body in `whole`, if the transport has made one of them. */
  readonly ready?: Response | undefined;
  /** "1.0", "1.1" or "2"; absent means "1.1". */
  readonly httpVersion?: string | undefined;
  /** Trailer fields, after the body has ended. */
  readonly trailers?: Promise<Headers> | undefined;
  /**
   * True when the runtime has removed the content codings of `body` by itself; `headers` then have neither
   * Content-Encoding nor Content-Length. Absent means that the body is as it came over the wire.
   */
  readonly contentDecoded?: boolean | undefined;
  /** The Content-Length of a body that the runtime has decoded, as it came over the wire; absent or null when unknown. */
  readonly encodedLength?: number | null | undefined;
  /** False when the connection cannot carry another exchange (`Connection: close`, HTTP/1.0). Absent means true. */
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds the server keeps the connection idle, Infinity without a limit. Absent means what Keep-Alive says. */
  readonly keepAliveTimeout?: number | undefined;
  /**
   * What the server has agreed to, by 101 or, on HTTP/2, by a status of success: it belongs to whoever has asked for it,
   * and so does a connection that carries one exchange at a time. `body` is null then.
   */
  readonly upgraded?: UpgradedStream | undefined;
}

/** What a transport reports to the session during `open` and `send`. Every method returns at once and never throws. */
export interface ExchangeObserver {
  /** Bytes have arrived, of whatever part of an answer (transports that see them). */
  received?(): void;
  /**
   * A step of making the connection: "resolving", "resolved", "connecting", "connected", "proxy-negotiating",
   * "proxy-negotiated", "tls-handshaking", "tls-handshaked", "complete" (`GSocketClientEvent`).
   */
  networkEvent(event: NetworkEventName): void;
  /** A CONNECT is about to be sent. */
  tunneling(): void;
  /** The TLS handshake is over. Also called for each reuse is not needed: the session remembers it per connection. */
  tlsInfo(info: TlsInfo): void;
  /** The header section was written (transports with `writeEvents`). */
  wroteHeaders(): void;
  /** A piece of the body was written (transports with `writeEvents`; for streams and for whole bodies alike). */
  wroteBodyData(chunk: Uint8Array): void;
  /** The whole body, or the absence of one, was written (transports with `writeEvents`). */
  wroteBody(): void;
  /**
   * Asked in front of each piece of the body (transports with `writeEvents`): what to wait for while the message is
   * paused, null while it is not.
   */
  resumed?(): Promise<void> | null;
  /** A 1xx response arrived: 101 only where the request has asked for it. */
  informational(status: number, reason: string, headers: Headers): void;
}

/** Names of the steps of a connection. */
export type NetworkEventName =
  | "resolving"
  | "resolved"
  | "connecting"
  | "connected"
  | "proxy-negotiating"
  | "proxy-negotiated"
  | "tls-handshaking"
  | "tls-handshaked"
  | "complete";

/** What `open` may look at. */
export interface OpenRequest {
  /** The message's current `Proxy-Authorization`, for the CONNECT; null when there is none. */
  readonly proxyAuthorization: string | null;
  /** The message's current `User-Agent`, for the CONNECT; null when there is none. */
  readonly userAgent: string | null;
}

/**
 * One slot: at most one TCP connection, and one exchange at a time unless `maxExchanges` says more.
 *
 * After `send` has resolved, the slot is free again once `body` has ended (or `bytes()` resolved). After a failure or
 * `close`, the session never uses the object again.
 */
export interface TransportConnection {
  /**
   * Makes the connection (TCP, tunnel, TLS). Transports without it connect inside `send`, which never resolves with what
   * a proxy has answered. Resolves with a response when a proxy refused the tunnel: a 407 is shown to those who have
   * credentials, and the session may call `open` again on the same object (with them) as long as the response had
   * `keepAlive`; nothing else of it becomes the message's.
   */
  open?(request: OpenRequest, observer: ExchangeObserver): Promise<TransportResponse | void>;
  /**
   * Sends one request; resolves when the header section of the final response is there.
   *
   * @throws {TransportError} If there is none.
   */
  send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse>;
  /** True while the connection can take another request without making a new TCP connection, as far as is known. */
  readonly isOpen: boolean;
  /** What is spoken on it; null as long as that is to be seen when it is open. Absent means "http/1.1". */
  readonly protocol?: ConnectionProtocol | null | undefined;
  /** Exchanges it can carry at once. Absent means one. */
  readonly maxExchanges?: number | undefined;
  /** False once the server is known not to take extended CONNECT requests on this connection (RFC 8441 §3). */
  readonly mayUpgrade?: boolean | undefined;
  /** Called when `maxExchanges` or `isOpen` have changed. */
  onChange?: (() => void) | null | undefined;
  /**
   * Gives up one exchange of several, the one with this observer, and what waits for it gets `reason` itself. False when
   * the connection is of no more use then. Absent means that it has to be closed.
   */
  cancel?(observer: ExchangeObserver, reason: unknown): boolean;
  /**
   * Closes at once and for good, idempotent. What is in flight rejects with `reason` itself (the very object), both in
   * `open`, `send` and in the body.
   */
  close(reason?: unknown): void;
  /** The last exchange is over, and its response is still to be read: nothing that is given up later concerns it. */
  keepResponse?(): void;
  /** Brings what `send` resolved with into its final form, in the same turn; the session calls it first. */
  adapt?(response: TransportResponse, request: TransportRequest): TransportResponse;
  /** Translates the runtime's own errors, where `send` or the body's stream give them untranslated. */
  explain?(error: unknown, url: string): TransportError;
  /** Called when the connection turned out closed while idle (the session then drops the slot). */
  onClosed?: (() => void) | null | undefined;
}

/** Makes connections. Stateless besides what it must share between them. */
export interface Transport {
  /** What it can do. */
  readonly capabilities: TransportCapabilities;
  /**
   * Makes a slot for a target; synchronous, opens nothing yet.
   *
   * @throws {NotSupportedError} For what it cannot honour.
   */
  createConnection(target: ConnectionTarget): TransportConnection;
  /** Prepares for an origin (name look-up at most): `soup_session_prepare_for_uri`. Never sends a request. */
  prepare?(target: ConnectionTarget): Promise<void>;
  /** Frees what connections shared. */
  close?(): void;
}
