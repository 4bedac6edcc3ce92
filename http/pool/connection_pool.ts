/**
 * Connections, their limits and which entry gets the next one.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { clearTimeout, setTimeout } from "node:timers";
import { type Connection, newConnection } from "../transports/connection.ts";
import { HostHeap } from "./waiting_queue.ts";
import { isIdempotentMethod } from "../protocol/headers.ts";
import { type HttpMessage, MessageFlags } from "../message/message.ts";
import type { PoolEntry, WaitingAttempt } from "./entry.ts";
import { Host, isSameTarget } from "./host.ts";
import type { ConnectionTarget, TlsSettings, Transport } from "../transports/transport.ts";
import type { SchemeClass } from "../protocol/uri.ts";
import { MAX_TIMER } from "../../internal/time_limits.ts";

/** The limits of a session, as they are at the moment. */
export interface PoolLimits {
  /** Connections at once. */
  readonly maxConns: number;
  /** Connections at once to one host. */
  readonly maxConnsPerHost: number;
  /** Seconds an idle connection is kept; 0 is for ever. */
  readonly idleTimeout: number;
  /** Largest response header section in bytes. */
  readonly maxHeaderBytes: number;
}

/** What the pool asks of its session. */
export interface PoolOwner {
  /** Its limits; the object stays, what it says may change. */
  readonly limits: PoolLimits;
  /** TLS settings for a message to an origin; the same object as long as nothing has changed. */
  tlsFor(origin: string, msg: HttpMessage): TlsSettings;
  /** A connection object was made. */
  connectionCreated(connection: Connection): void;
  /** The connection for an entry could not be made. */
  connectionFailed(item: PoolEntry, error: unknown): void;
  /** Entries wait, and no connection is free for them. */
  starved(): void;
}

/** What the pool knows of a connection. */
interface ConnectionRecord {
  readonly host: Host;
  readonly transport: Transport;
  /** It counts against the limits. */
  isCounted: boolean;
  /** It counts again once somebody reads what is on it. */
  isExcluded: boolean;
}

/** The connections of one session. */
export class ConnectionPool {
  readonly #owner: PoolOwner;
  readonly #limits: PoolLimits;
  readonly #hosts = new Map<string, Host>();
  readonly #ready = new HostHeap();
  readonly #all = new Set<Connection>();
  readonly #recordOf = new WeakMap<Connection, ConnectionRecord>();
  #lastHost: Host | null = null;
  #count = 0;
  #sweepAt = 0;
  #sweep: ReturnType<typeof setTimeout> | null = null;
  #dispatching = false;
  #holds = 0;
  #waiting = 0;

  constructor(owner: PoolOwner) {
    this.#owner = owner;
    this.#limits = owner.limits;
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
    if (last !== null && uri.href.startsWith(last.urlPrefix)) return last;
    const key = `${scheme}:${uri.host}`;
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, host = new Host(key, scheme, uri));
    return this.#lastHost = host;
  }

  /** Files an entry in its host's queue and gives out what is free. */
  enqueue(item: PoolEntry, attempt: WaitingAttempt): void {
    const host = item.host!;
    item.awaitConnection(attempt);
    if (item.msg.hasFlag(MessageFlags.IGNORE_CONNECTION_LIMITS)) {
      this.#runOnNew(item, host, true);
      return;
    }
    if (host.waiting.head === null && !this.#dispatching && this.#holds === 0 && !needsNewConnection(item)) {
      const connection = host.idle.length === 0 ? null : this.#takeIdle(item, host, this.#targetOf(item, host));
      if (connection !== null) {
        this.#start(item, connection);
        return;
      }
    }
    this.#waiting++;
    if (host.waiting.insert(item)) this.#ready.push(host);
    this.dispatch();
  }

  #targetOf(item: PoolEntry, host: Host): ConnectionTarget {
    return host.target(item.proxy, this.#owner.tlsFor(host.origin, item.msg), this.#limits.maxHeaderBytes);
  }

  /** Takes an entry out of its host's queue. */
  withdraw(item: PoolEntry): void {
    const host = item.host;
    if (host === null || !item.isWaiting) return;
    const wasHead = host.waiting.head === item;
    this.#waiting--;
    host.waiting.remove(item);
    if (host.waiting.head === null) this.#forget(host);
    else if (wasHead) this.#ready.push(host);
  }

  /** Files an entry anew after its priority has changed. */
  refile(item: PoolEntry): void {
    const host = item.host;
    if (host === null || !item.isWaiting || item.filedPriority === item.msg.priority) return;
    host.waiting.remove(item);
    host.waiting.insert(item);
    this.#ready.push(host);
    this.dispatch();
  }

  /** True while entries wait for a connection. */
  get isWaitedFor(): boolean {
    return this.#waiting > 0;
  }

  /** Gives nothing out until `resume`: the listeners of a message that ends run before another one begins. */
  hold(): void {
    this.#holds++;
  }

  /** Ends a `hold`; what has become free meanwhile is given out by the next `dispatch`. */
  resume(): void {
    this.#holds--;
  }

  /** Gives free connections to waiting entries, best entry first, passing over hosts at their limit. */
  dispatch(): void {
    if (this.#dispatching || this.#holds > 0 || this.#waiting === 0) return;
    this.#dispatching = true;
    try {
      for (let host = this.#ready.pop(); host !== null; host = this.#ready.pop()) {
        const outcome = this.#serve(host);
        if (outcome === "full") {
          this.#ready.push(host);
          break;
        }
        if (outcome === "served" && host.waiting.head !== null) this.#ready.push(host);
      }
    } finally {
      this.#dispatching = false;
    }
    if (this.#waiting > 0) this.#owner.starved();
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
        this.#waiting--;
        host.waiting.remove(item);
        this.#start(item, connection);
        return "served";
      }
    }
    if (host.count >= this.#limits.maxConnsPerHost) {
      const longestIdle = host.idle[0];
      if (longestIdle === undefined) return "blocked";
      this.drop(longestIdle);
    }
    if (this.#count >= this.#limits.maxConns) {
      const oldest = this.#oldestIdle();
      if (oldest === null) return "full";
      this.drop(oldest);
    }
    this.#waiting--;
    host.waiting.remove(item);
    this.#runOnNew(item, host, false);
    return "served";
  }

  #takeIdle(item: PoolEntry, host: Host, target: ConnectionTarget): Connection | null {
    for (let index = host.idle.length - 1; index >= 0; index--) {
      const connection = host.idle[index]!;
      if (connection.target !== target && !isSameTarget(connection.target, target)) continue;
      if (this.#recordOf.get(connection)!.transport !== item.transport || !connection.mayCarry(item.msg)) continue;
      if (index === host.idle.length - 1) host.idle.pop();
      else host.idle.splice(index, 1);
      const isKept = connection.keepAliveTimeout === Infinity ||
        performance.now() - connection.idleSince < connection.keepAliveTimeout;
      if (isKept && (connection.transport.isOpen || !connection.exact)) return connection;
      this.drop(connection);
    }
    return null;
  }

  #runOnNew(item: PoolEntry, host: Host, uncounted: boolean): void {
    let connection: Connection;
    try {
      const target = this.#targetOf(item, host);
      const transport = item.transport!;
      connection = newConnection(target, transport.createConnection(target), transport.capabilities.connectionEvents);
      this.#recordOf.set(connection, { host, transport, isCounted: !uncounted, isExcluded: false });
    } catch (error) {
      this.#owner.connectionFailed(item, error);
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

  #start(item: PoolEntry, connection: Connection): void {
    const isNew = connection.state === "new";
    writable(connection).state = isNew ? "connecting" : "busy";
    item.connection = connection;
    const attempt = item.attempt;
    if (isNew) this.#owner.connectionCreated(connection);
    if (item.attempt === attempt) item.waiter!.run(connection);
  }

  /** Takes back a connection whose response has been read, and gives it to who is next unless `keep` says wait. */
  release(connection: Connection, now: number, keep = false): void {
    if (connection.state === "closed") return;
    const record = this.#recordOf.get(connection)!;
    const { host } = record;
    if (record.isExcluded) this.#countAgain(record);
    if (!record.isCounted || (connection.exact && !connection.transport.isOpen)) {
      this.drop(connection);
    } else {
      writable(connection).state = "idle";
      writable(connection).idleSince = now;
      host.idle.push(connection);
      if (host.waiting.head !== null) this.#ready.push(host);
      this.#scheduleSweep(this.#idleLimit(connection), now);
    }
    if (!keep) this.dispatch();
  }

  /**
   * Leaves a connection out of the counts, as long as nobody reads the response on it, if that lets a waiting entry go
   * on. True if it did. Otherwise two could wait for each other: an entry for the connection, and the reader for the
   * entry.
   */
  excludeFromLimits(connection: Connection): boolean {
    const record = this.#recordOf.get(connection)!;
    const { host } = record;
    if (!record.isCounted || connection.state !== "busy" || this.#waiting === 0) return false;
    if (host.waiting.head === null && this.#count < this.#limits.maxConns) return false;
    record.isCounted = false;
    record.isExcluded = true;
    host.count--;
    this.#count--;
    if (host.waiting.head !== null) this.#ready.push(host);
    return true;
  }

  /** A connection that was left out of the counts is free: it counts again if there is room for it. */
  #countAgain(record: ConnectionRecord): void {
    const { host } = record;
    record.isExcluded = false;
    if (host.count >= this.#limits.maxConnsPerHost || this.#count >= this.#limits.maxConns) return;
    record.isCounted = true;
    host.count++;
    this.#count++;
  }

  /** Closes a connection, whatever it is doing. What is in flight fails with `reason`. */
  drop(connection: Connection, reason?: unknown): void {
    if (connection.state === "closed") return;
    writable(connection).state = "closed";
    this.#all.delete(connection);
    const { host, isCounted } = this.#recordOf.get(connection)!;
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

  /** Milliseconds a connection may be idle: by the session's own limit, and by what its server has said. */
  #idleLimit({ keepAliveTimeout }: Connection): number {
    return Math.min(this.#limits.idleTimeout * 1000 || Infinity, keepAliveTimeout);
  }

  #scheduleSweep(delay: number, now: number): void {
    const at = now + delay;
    if (delay === Infinity || (this.#sweep !== null && this.#sweepAt <= at)) return;
    this.#stopSweep();
    this.#sweepAt = at;
    this.#sweep = setTimeout(() => {
      this.#sweep = null;
      this.#sweepIdle();
    }, Math.min(delay, MAX_TIMER));
    this.#sweep.unref();
  }

  #stopSweep(): void {
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.#sweep = null;
  }

  #sweepIdle(): void {
    const now = performance.now();
    for (const connection of this.#idleByAge()) {
      const left = connection.idleSince + this.#idleLimit(connection) - now;
      if (left > 1) this.#scheduleSweep(left, now);
      else this.drop(connection);
    }
  }
}

/** Anything but an idempotent request goes on a connection that has carried nothing, so that it is never replayed. */
function needsNewConnection(item: PoolEntry): boolean {
  if (item.freshNext || item.msg.hasFlag(MessageFlags.NEW_CONNECTION)) return true;
  return !isIdempotentMethod(item.msg.method) && !item.msg.hasFlag(MessageFlags.IDEMPOTENT);
}
