/**
 * Connections, their limits and who gets the next one.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { Connection } from "./connection.ts";
import { HostHeap, WaitingQueue } from "./waiting_queue.ts";
import { isIdempotentMethod } from "./headers.ts";
import { type HttpMessage, MessageFlags } from "./message.ts";
import { ItemState, type QueueItem } from "./queue_item.ts";
import type { ConnectionTarget, ProxyTarget, TlsSettings, Transport } from "./transport.ts";
import { bareHost, defaultPort, type SchemeClass } from "./uri.ts";

/** What waits for a connection. */
export interface WaitingAttempt {
  /** The connection is there. */
  run(connection: Connection): void;
}

/** What the pool asks of its session. */
export interface PoolOwner {
  /** Connections at once. */
  readonly maxConns: number;
  /** Connections at once to one host. */
  readonly maxConnsPerHost: number;
  /** Milliseconds an idle connection is kept; 0 is for ever. */
  readonly idleTimeout: number;
  /** Largest response header section in bytes. */
  readonly maxHeaderBytes: number;
  /** TLS settings for a message to an origin; the same object as long as nothing has changed. */
  tlsFor(origin: string, msg: HttpMessage): TlsSettings;
  /** A connection object was made. */
  connectionCreated(connection: Connection): void;
  /** The connection for an entry could not be made. */
  refuse(item: QueueItem, error: unknown): void;
}

/** A scheme class, host and port, with the connections to it and the entries that wait for one. */
export class Host {
  readonly key: string;
  /** What an ordinary URI of this host begins with: enough to know it again. */
  readonly start: string;
  readonly scheme: SchemeClass;
  readonly host: string;
  readonly port: number;
  /** The origin, for a client certificate that depends on it. */
  readonly origin: string;
  readonly waiting: WaitingQueue = new WaitingQueue();
  readonly idle: Connection[] = [];
  /** Counted connections, busy and idle. */
  count = 0;
  #target: ConnectionTarget | null = null;

  constructor(key: string, scheme: SchemeClass, uri: URL) {
    this.key = key;
    this.scheme = scheme;
    this.host = bareHost(uri.hostname).toLowerCase();
    this.origin = `${scheme}://${uri.host}`;
    this.start = `${this.origin}/`;
    this.port = uri.port === "" ? defaultPort(scheme) : Number(uri.port);
  }

  /** The target for these settings; the same object while they are the same. */
  target(proxy: ProxyTarget | null, tls: TlsSettings, maxHeaderBytes: number): ConnectionTarget {
    const last = this.#target;
    if (last !== null && isSameProxy(last.proxy, proxy) && last.tls === tls && last.maxHeaderBytes === maxHeaderBytes) {
      return last;
    }
    return this.#target = { scheme: this.scheme, host: this.host, port: this.port, proxy, tls, maxHeaderBytes };
  }
}

/** Resolvers may make their answer anew each time. */
function isSameProxy(one: ProxyTarget | null, other: ProxyTarget | null): boolean {
  if (one === null || other === null || one === other) return one === other;
  return one.uri.href === other.uri.href && one.scheme === other.scheme && one.username === other.username &&
    one.password === other.password;
}

/** What the pool knows of a connection. */
interface Place {
  readonly host: Host;
  readonly transport: Transport;
  /** It counts against the limits. */
  readonly isCounted: boolean;
}

/** The connections of one session. */
export class ConnectionPool {
  readonly #owner: PoolOwner;
  readonly #hosts = new Map<string, Host>();
  readonly #ready = new HostHeap();
  readonly #all = new Set<Connection>();
  readonly #placeOf = new WeakMap<Connection, Place>();
  #lastHost: Host | null = null;
  #count = 0;
  #sweep: ReturnType<typeof setTimeout> | null = null;
  #dispatching = false;

  constructor(owner: PoolOwner) {
    this.#owner = owner;
  }

  /** Connections that count against the limit, busy and idle. */
  get count(): number {
    return this.#count;
  }

  /** All connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#all;
  }

  /** The record of a URI's host. */
  host(scheme: SchemeClass, uri: URL): Host {
    const last = this.#lastHost;
    if (last !== null && uri.href.startsWith(last.start)) return last;
    const key = `${scheme}:${uri.host}`;
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, host = new Host(key, scheme, uri));
    return this.#lastHost = host;
  }

  /** Files an entry in its host's queue and gives out what is free. */
  enqueue(item: QueueItem, attempt: WaitingAttempt): void {
    const host = item.host!;
    item.waiter = attempt;
    item.state = ItemState.AWAITING_CONNECTION;
    if (item.msg.hasFlag(MessageFlags.IGNORE_CONNECTION_LIMITS)) {
      this.#runOnNew(item, host, true);
      return;
    }
    if (host.waiting.head === null && !this.#dispatching && !needsNewConnection(item)) {
      const connection = host.idle.length === 0 ? null : this.#takeIdle(item, host, this.#targetOf(item, host));
      if (connection !== null) {
        this.#start(item, connection);
        return;
      }
    }
    if (host.waiting.insert(item)) this.#ready.push(host);
    this.dispatch();
  }

  #targetOf(item: QueueItem, host: Host): ConnectionTarget {
    return host.target(item.proxy, this.#owner.tlsFor(host.origin, item.msg), this.#owner.maxHeaderBytes);
  }

  /** Takes an entry out of its host's queue. */
  withdraw(item: QueueItem): void {
    const host = item.host;
    if (host === null || !item.isWaiting) return;
    const wasHead = host.waiting.head === item;
    host.waiting.remove(item);
    if (host.waiting.head === null) this.#forget(host);
    else if (wasHead) this.#ready.push(host);
  }

  /** Files an entry anew after its priority has changed. */
  refile(item: QueueItem): void {
    const host = item.host;
    if (host === null || !item.isWaiting || item.filedPriority === item.msg.priority) return;
    host.waiting.remove(item);
    host.waiting.insert(item);
    this.#ready.push(host);
    this.dispatch();
  }

  /** Gives free connections to waiting entries, best entry first, passing over hosts at their limit. */
  dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let host = this.#ready.pop(); host !== null; host = this.#ready.pop()) {
        const outcome = this.#serve(host);
        if (outcome === "full") {
          this.#ready.push(host);
          return;
        }
        if (outcome === "served" && host.waiting.head !== null) this.#ready.push(host);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  /** Gives every host another look, after a limit has grown. */
  reconsider(): void {
    for (const host of this.#hosts.values()) if (host.waiting.head !== null) this.#ready.push(host);
    this.dispatch();
  }

  #serve(host: Host): "served" | "blocked" | "full" {
    const item = host.waiting.head!;
    const target = this.#targetOf(item, host);
    if (!needsNewConnection(item)) {
      const connection = this.#takeIdle(item, host, target);
      if (connection !== null) {
        host.waiting.remove(item);
        this.#start(item, connection);
        return "served";
      }
    }
    if (host.count >= this.#owner.maxConnsPerHost) {
      const victim = host.idle[0];
      if (victim === undefined) return "blocked";
      this.drop(victim);
    }
    if (this.#count >= this.#owner.maxConns) {
      const oldest = this.#oldestIdle();
      if (oldest === null) return "full";
      this.drop(oldest);
    }
    host.waiting.remove(item);
    this.#runOnNew(item, host, false);
    return "served";
  }

  #takeIdle(item: QueueItem, host: Host, target: ConnectionTarget): Connection | null {
    for (let index = host.idle.length - 1; index >= 0; index--) {
      const connection = host.idle[index]!;
      if (connection.target !== target && !isSameTarget(connection.target, target)) continue;
      if (this.#placeOf.get(connection)!.transport !== item.transport || !connection.mayCarry(item.msg)) continue;
      if (index === host.idle.length - 1) host.idle.pop();
      else host.idle.splice(index, 1);
      if (connection.transport.isOpen || !connection.exact) return connection;
      this.drop(connection);
    }
    return null;
  }

  #runOnNew(item: QueueItem, host: Host, uncounted: boolean): void {
    let connection: Connection;
    try {
      const target = this.#targetOf(item, host);
      const transport = item.transport!;
      connection = new Connection(target, transport.createConnection(target), transport.capabilities.connectionEvents);
      this.#placeOf.set(connection, { host, transport, isCounted: !uncounted });
    } catch (error) {
      this.#owner.refuse(item, error);
      return;
    }
    this.#all.add(connection);
    if (!uncounted) {
      host.count++;
      this.#count++;
    }
    connection.transport.onClosed = () => {
      if (connection.state === "idle") {
        this.drop(connection);
        this.dispatch();
      }
    };
    this.#start(item, connection);
  }

  #start(item: QueueItem, connection: Connection): void {
    const isNew = connection.state === "new";
    connection.state = isNew ? "connecting" : "busy";
    item.connection = connection;
    const attempt = item.attempt;
    if (isNew) this.#owner.connectionCreated(connection);
    if (item.attempt === attempt) item.waiter!.run(connection);
  }

  /** Takes back a connection whose response has been read, and gives it to who is next unless `keep` says wait. */
  release(connection: Connection, now: number, keep = false): void {
    if (connection.state === "closed") return;
    const { host, isCounted } = this.#placeOf.get(connection)!;
    if (!isCounted || (connection.exact && !connection.transport.isOpen)) {
      this.drop(connection);
    } else {
      connection.state = "idle";
      connection.idleSince = now;
      host.idle.push(connection);
      if (host.waiting.head !== null) this.#ready.push(host);
      if (this.#owner.idleTimeout > 0) this.#scheduleSweep(this.#owner.idleTimeout);
    }
    if (!keep) this.dispatch();
  }

  /** Closes a connection, whatever it is doing. What is in flight fails with `reason`. */
  drop(connection: Connection, reason?: unknown): void {
    if (connection.state === "closed") return;
    connection.state = "closed";
    this.#all.delete(connection);
    const { host, isCounted } = this.#placeOf.get(connection)!;
    const index = host.idle.indexOf(connection);
    if (index >= 0) host.idle.splice(index, 1);
    if (isCounted) {
      host.count--;
      this.#count--;
    }
    connection.transport.onClosed = null;
    connection.transport.close(reason);
    if (host.waiting.head !== null) this.#ready.push(host);
    else this.#forget(host);
  }

  /** Closes the idle connections. */
  closeIdle(): void {
    for (const connection of this.#idleByAge()) this.drop(connection);
    this.#stopSweep();
  }

  /** Closes all connections. */
  closeAll(reason?: unknown): void {
    for (const connection of [...this.#all]) this.drop(connection, reason);
    this.#stopSweep();
  }

  /** Looks at idle connections again, after the idle time has changed. */
  idleTimeoutChanged(): void {
    this.#stopSweep();
    this.#sweepIdle();
  }

  /** Idle connections, longest idle first. There are few connections and they are asked for rarely: no list is kept. */
  #idleByAge(): Connection[] {
    return [...this.#all].filter(({ state }) => state === "idle").sort((a, b) => a.idleSince - b.idleSince);
  }

  #oldestIdle(): Connection | null {
    return this.#idleByAge()[0] ?? null;
  }

  #forget(host: Host): void {
    if (host.count > 0 || host.waiting.head !== null) return;
    this.#hosts.delete(host.key);
    if (this.#lastHost === host) this.#lastHost = null;
  }

  #scheduleSweep(delay: number): void {
    if (this.#sweep !== null) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = null;
      this.#sweepIdle();
    }, delay);
    this.#sweep.unref();
  }

  #stopSweep(): void {
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.#sweep = null;
  }

  #sweepIdle(): void {
    const limit = this.#owner.idleTimeout;
    if (limit === 0) return;
    const now = performance.now();
    for (const connection of this.#idleByAge()) {
      const left = connection.idleSince + limit - now;
      if (left > 1) {
        this.#scheduleSweep(left);
        return;
      }
      this.drop(connection);
    }
  }
}

/** Anything but an idempotent request goes on a connection that has carried nothing, so that it is never replayed. */
function needsNewConnection(item: QueueItem): boolean {
  if (item.freshNext || item.msg.hasFlag(MessageFlags.NEW_CONNECTION)) return true;
  return !isIdempotentMethod(item.msg.method) && !item.msg.hasFlag(MessageFlags.IDEMPOTENT);
}

function isSameTarget(left: ConnectionTarget, right: ConnectionTarget): boolean {
  return left.tls === right.tls && left.maxHeaderBytes === right.maxHeaderBytes &&
    (left.proxy === right.proxy ||
      (left.proxy !== null && right.proxy !== null && left.proxy.uri.href === right.proxy.uri.href &&
        left.proxy.username === right.proxy.username && left.proxy.password === right.proxy.password));
}
