/**
 * Hosts of a session.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import type { ConnectionTarget, ProxyTarget } from "../transports/transport.ts";
import { bareHost, defaultPort, type SchemeClass } from "../protocol/uri.ts";
import { WaitingQueue } from "./waiting_queue.ts";

/** What, besides the host, decides about a target. */
export type TargetSettings = Pick<
  ConnectionTarget,
  "http2" | "isTunneled" | "lookup" | "maxHeaderBytes" | "proxy" | "tls"
>;

/** A scheme class, host and port, or these behind a unix socket, with the connections to it and the entries that wait for one. */
export class Host {
  readonly key: string;
  /** What an ordinary URI of this host begins with: enough to know it again. */
  readonly urlPrefix: string;
  readonly scheme: SchemeClass;
  readonly host: string;
  readonly port: number;
  /** The path of the unix socket that leads there; null for the network. */
  readonly unixSocket: string | null;
  /** The origin, for a client certificate that depends on it. */
  readonly origin: string;
  readonly waiting: WaitingQueue = new WaitingQueue();
  readonly idle: Connection[] = [];
  /** Counted connections that carry several exchanges at once, busy and idle. */
  readonly shared: Set<Connection> = new Set();
  /** Counted connections that are being made and may carry several exchanges. */
  readonly opening: Set<Connection> = new Set();
  /** The last connection turned out to carry one exchange at a time: nobody waits for the next one to be made. */
  isExclusive = false;
  /** A connection by HTTP/2 has shown that this server speaks nothing else on its streams: HTTP/1.1 is left for that. */
  mayNotUpgrade = false;
  /** Counted connections, busy and idle. */
  count = 0;
  #target: ConnectionTarget | null = null;

  constructor(key: string, scheme: SchemeClass, uri: URL, unixSocket: string | null) {
    this.key = key;
    this.scheme = scheme;
    this.unixSocket = unixSocket;
    this.host = bareHost(uri.hostname).toLowerCase();
    this.origin = `${scheme}://${uri.host}`;
    this.urlPrefix = `${this.origin}/`;
    this.port = uri.port === "" ? defaultPort(scheme) : Number(uri.port);
  }

  /** The target for these settings; the same object while they are the same. */
  target(wanted: TargetSettings): ConnectionTarget {
    const last = this.#target;
    if (last !== null && last.http2 === wanted.http2 && isSameTarget(last, wanted)) return last;
    const { http2, isTunneled, lookup, maxHeaderBytes, proxy, tls } = wanted;
    const { host, port, scheme, unixSocket } = this;
    return this.#target = { scheme, host, port, unixSocket, proxy, tls, lookup, maxHeaderBytes, http2, isTunneled };
  }
}

/** Resolvers may make their answer anew each time. */
function isSameProxy(one: ProxyTarget | null, other: ProxyTarget | null): boolean {
  if (one === null || other === null || one === other) return one === other;
  return one.uri.href === other.uri.href && one.scheme === other.scheme && one.username === other.username &&
    one.password === other.password;
}

/** True for targets that one connection serves, if it speaks what is wanted. */
export function isSameTarget(left: TargetSettings, right: TargetSettings): boolean {
  return left.tls === right.tls && left.maxHeaderBytes === right.maxHeaderBytes && left.lookup === right.lookup &&
    left.isTunneled === right.isTunneled && isSameProxy(left.proxy, right.proxy);
}
