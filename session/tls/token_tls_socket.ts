/** TLS with a key in a token for protocols other than HTTP. */
import type { Duplex } from "node:stream";
import { builtin } from "../../internal/builtin_modules.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { orAborted } from "../../internal/signals.ts";
import { type ByteDuplex, toByteDuplex } from "../../internal/byte_duplex.ts";
import { checkSignal, describeValue, unexpected } from "../../internal/expected.ts";
import type { PeerCertificate } from "../../internal/tls_info.ts";
import type { ShownTls } from "./peer.ts";
import { TlsError } from "../errors.ts";
import { TokenCertificate, type TokenTlsTarget } from "./token_certificate.ts";
import type { RootCertificates } from "./trust.ts";

/** Where {@linkcode tokenTlsSocket} connects to, or the connection that TLS begins on. */
export type TokenTlsPlace =
  | {
    /** The host's name or address. */
    readonly host: string;
    /** The port. */
    readonly port: number;
    readonly socket?: undefined;
  }
  | {
    /** A connection that is there: TLS begins on it now, as after STARTTLS. */
    readonly socket: Duplex;
    readonly host?: undefined;
    readonly port?: undefined;
  };

/** What makes the encrypted stream of an HTTP session, as `ClientTls` of `./http`. */
export interface TokenTlsMaker {
  /** Does the TLS handshake. */
  connect(socket: ByteDuplex, target: TokenTlsTarget): Promise<ByteDuplex>;
}

/** How {@linkcode tokenTlsSocket} connects. */
export type TokenTlsSocketOptions = TokenTlsPlace & {
  /** What {@linkcode tokenCertificate} has made; what makes TLS in another way is refused. */
  readonly clientCertificate: TokenTlsMaker;
  /** Whom the server's certificate must name. By default the host; with `socket` it must be given. */
  readonly servername?: string | undefined;
  /** Whom to trust, where the certificate was made without `ca`. By default the system's store. */
  readonly tlsDatabase?: RootCertificates | null | undefined;
  /** What is offered to the server, preferred first (RFC 7301). By default nothing. */
  readonly alpnProtocols?: readonly string[] | undefined;
  /** Ends the connecting. */
  readonly signal?: AbortSignal | null | undefined;
};

let newSocket: (duplex: Duplex, tls: ShownTls) => TokenTlsSocket;

/**
 * A connection with TLS and a client key in a token, as a stream of Node and as a pair of web streams: use one of the two.
 * Sockets come from {@linkcode tokenTlsSocket}.
 */
export class TokenTlsSocket implements AsyncDisposable, Disposable {
  /** The stream as Node has it, with the members of a socket that others ask for, such as `setNoDelay` and `ref`. */
  readonly duplex: Duplex;
  /** For example "TLSv1.3". */
  readonly protocol: string;
  /** The cipher suite. */
  readonly cipher: string;
  /** What both sides have agreed to speak; null for nothing. */
  readonly alpnProtocol: string | null;
  /** The server's certificate. */
  readonly peerCertificate: PeerCertificate;
  readonly #pair: ByteDuplex;

  static {
    newSocket = (duplex, tls) => new TokenTlsSocket(duplex, tls);
  }

  private constructor(duplex: Duplex, tls: ShownTls) {
    this.duplex = duplex;
    this.#pair = toByteDuplex(duplex);
    this.protocol = tls.protocol;
    this.cipher = tls.cipher;
    this.alpnProtocol = tls.alpnProtocol;
    this.peerCertificate = tls.certificate!;
  }

  /** Bytes of the server. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  /** Bytes to the server. */
  get writable(): WritableStream<Uint8Array> {
    return this.#pair.writable;
  }

  /** Tells the server that nothing will follow, and ends the connection. */
  async close(): Promise<void> {
    const { duplex } = this;
    if (duplex.destroyed) return;
    await new Promise<void>((resolve) => {
      duplex.once("close", () => resolve());
      duplex.end(() => void duplex.destroy());
    });
  }

  /** {@linkcode TokenTlsSocket.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** {@linkcode TokenTlsSocket.close}, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }
}

/**
 * Connects with TLS and a client certificate whose key stays in a token, for databases, MQTT, gRPC and whatever else speaks
 * over a stream. The server's certificate and name are always checked.
 *
 * @throws {TlsError} when the handshake fails, or the server is not trusted: `code` says why, for example
 * "CERT_HAS_EXPIRED"
 * @throws {Error} the system's own, when the host cannot be reached
 * @throws {TypeError} for input of a wrong kind
 *
 * @example Speak a protocol of one's own
 * ```ts
 * import { type TokenCertificate, tokenTlsSocket } from "@gp11/gp11";
 *
 * async function greeting(clientCertificate: TokenCertificate): Promise<string> {
 *   await using socket = await tokenTlsSocket({ host: "mail.example", port: 465, clientCertificate });
 *   const { value } = await socket.readable.getReader().read();
 *   return new TextDecoder().decode(value);
 * }
 * ```
 */
export async function tokenTlsSocket(options: TokenTlsSocketOptions): Promise<TokenTlsSocket> {
  const { alpnProtocols = [], clientCertificate, host, port, servername, tlsDatabase } = checked(options);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const raw = options.socket ?? await connected(host!, port!, signal);
  const name = servername ?? host!;
  const { duplex, tls } = await clientCertificate.open(raw, {
    host: name,
    port: port ?? 0,
    strict: true,
    roots: tlsDatabase ?? null,
    signal,
    alpnProtocols,
    allowHalfOpen: false,
  });
  if (tls.errors.length > 0) {
    throw new TlsError(`Cannot trust ${name}: its certificate is refused (${tls.errors.join(", ")})`, {
      code: tls.errors[0]!,
    });
  }
  // As of sockets whose handshake comes after whoever made them has them.
  setImmediate(() => {
    if (!duplex.destroyed) duplex.emit("secureConnect");
  });
  return newSocket(duplex, tls);
}

function checked(
  options: TokenTlsSocketOptions,
): TokenTlsSocketOptions & { readonly clientCertificate: TokenCertificate } {
  const action = "connect with TLS";
  if (typeof options !== "object" || options === null) throw unexpected(action, "an object of options", options);
  const { alpnProtocols, clientCertificate, host, port, servername, signal, socket } = options;
  if (!(clientCertificate instanceof TokenCertificate)) {
    throw unexpected(action, "as clientCertificate what tokenCertificate has made", clientCertificate);
  }
  if (socket === undefined) {
    if (!isName(host)) throw unexpected(action, "a host", host);
    if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535) {
      throw new RangeError(`Cannot ${action}: a port is an integer from 1 to 65535, not ${describeValue(port)}`);
    }
  } else {
    if (!(socket instanceof builtin.stream.Duplex)) throw unexpected(action, "as socket a stream of Node", socket);
    if (servername === undefined) {
      throw new TypeError(`Cannot ${action}: a socket does not say whom the certificate must name; give servername`);
    }
  }
  if (servername !== undefined && !isName(servername)) throw unexpected(action, "a servername", servername);
  checkSignal(action, signal);
  for (const each of alpnProtocols ?? []) {
    const size = typeof each === "string" ? new TextEncoder().encode(each).length : 0;
    if (size < 1 || size > 255) throw new TypeError(`Cannot ${action}: a name in alpnProtocols has 1 to 255 bytes`);
  }
  return { ...options, clientCertificate };
}

/** A text that is not cut where it is handed to C, and shows no line of its own where it is logged. */
function isName(value: unknown): boolean {
  return typeof value === "string" && /^[^\0-\x20\x7f]+$/.test(value);
}

async function connected(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  const socket = builtin.net.connect({ host, port, noDelay: true });
  const connecting = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  try {
    await orAborted(connecting, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
