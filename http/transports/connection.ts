/**
 * A connection of a session as its users see it.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import type { ConnectionProtocol, ConnectionTarget, ProxyTarget, TlsInfo, TransportConnection } from "./transport.ts";

/** Whether a proxy on the way passes bytes on and sees no request: one that is to be encrypted, or is to be no request. */
export function isTunneled({ isTunneled, proxy, scheme }: ConnectionTarget): boolean {
  return proxy !== null && (scheme === "https" || isTunneled === true);
}

/** Whether HTTP/2 may come to be spoken: with origins that are asked for it, or are known to speak it. */
export function mayUseHttp2({ http2, proxy, scheme }: ConnectionTarget): boolean {
  if (scheme === "https") return http2 !== undefined && http2 !== false;
  return http2 === "required" && !(proxy?.scheme.startsWith("http") ?? false);
}

/** What a connection is doing. */
export type ConnectionState = "new" | "connecting" | "busy" | "idle" | "closed";

/**
 * The identity that a connection is authenticated as: NTLM and Negotiate authenticate the connection itself, and every
 * later request on it is sent as that user.
 */
export interface ConnectionIdentity {
  /** Scheme and user, which distinguish stored responses; unique where the user has no name. */
  readonly name: string;
  /** True for authentication with the proxy, false for that with the origin. */
  readonly isForProxy: boolean;
  /** Whether a message is to go out as this one, as things stand now. */
  isOf(message: object): boolean;
}

let makeConnection: typeof newConnection;

/**
 * One slot of a session: at most one TCP connection (`SoupConnection`). One request at a time goes over it, and with HTTP/2
 * as many as the server takes.
 */
export class Connection {
  static {
    makeConnection = (target, transport, exact) => new Connection(target, transport, exact);
  }

  static #last = 0;
  /** A number of its own in this process. */
  readonly id: number = ++Connection.#last;
  /** Where it leads. */
  readonly target: ConnectionTarget;
  /** True when `connection-created` is the real TCP connection, false when it is the slot that will make it. */
  readonly exact: boolean;
  /** What the session sends through. */
  readonly transport: TransportConnection;
  /** What it is doing. */
  readonly state: ConnectionState = "new";
  /** What is spoken on it, once it is open. */
  readonly protocol: ConnectionProtocol = "http/1.1";
  /** Number of requests sent on it. */
  readonly uses: number = 0;
  /** What its TLS handshake showed; null without TLS or when the runtime does not show it. */
  readonly tls: TlsInfo | null = null;
  /** `performance.now()` when it became idle. */
  readonly idleSince: number = 0;
  /**
   * Milliseconds the server keeps it while it is idle, by the Keep-Alive field of its last response; Infinity without
   * one.
   */
  readonly keepAliveTimeout: number = Infinity;
  /** The identities that the connection has been authenticated as, with origin and proxy; null while there is none. */
  readonly identities: readonly ConnectionIdentity[] | null = null;

  private constructor(target: ConnectionTarget, transport: TransportConnection, exact: boolean) {
    this.target = target;
    this.transport = transport;
    this.exact = exact;
  }

  /** Whether a message may go over it: one that asks for another identity, or for none, needs another connection. */
  mayCarry(message: object): boolean {
    return this.identities === null || this.identities.every((identity) => identity.isOf(message));
  }

  /** Notes an identity, in place of an earlier one with the same peer. */
  identify(identity: ConnectionIdentity): void {
    const others = this.identities?.filter(({ isForProxy }) => isForProxy !== identity.isForProxy) ?? [];
    writable(this).identities = [...others, identity];
  }

  /** Lower-case host name. */
  get host(): string {
    return this.target.host;
  }

  /** Port number. */
  get port(): number {
    return this.target.port;
  }

  /** The proxy it goes through, or null. */
  get proxy(): ProxyTarget | null {
    return this.target.proxy;
  }

  /** True until it has carried its first request. */
  get isNew(): boolean {
    return this.uses === 0;
  }
}

/** Makes a connection that nothing has been sent on. */
export function newConnection(target: ConnectionTarget, transport: TransportConnection, exact: boolean): Connection {
  return makeConnection(target, transport, exact);
}
