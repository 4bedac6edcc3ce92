/**
 * Connections, their limits and which entry gets the next one.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { type Connection, newConnection } from "../transports/connection.ts";
import { HostHeap } from "./waiting_queue.ts";
import { MessageFlags } from "../message/message.ts";
import { isRepeatable, needsNewConnection, type PoolEntry, type WaitingAttempt, wantsTunnel } from "./entry.ts";
import { Host } from "./host.ts";
import type { PoolLimits, PoolOwner } from "./pool_owner.ts";
import { IdleSweep } from "./idle_sweep.ts";
import {
  type ConnectionRecord,
  type ConnectionRecords,
  isFit,
  isFull,
  isWorthWaiting,
  SharedConnections,
  sharedFor,
} from "./shared_connections.ts";
import type { ConnectionTarget, ExchangeObserver } from "../transports/transport.ts";
import type { SchemeClass } from "../protocol/uri.ts";

/** The connections of one session. */
export class ConnectionPool {
  readonly #owner: PoolOwner;
  readonly #limits: PoolLimits;
  readonly #hosts = new Map<string, Host>();
  readonly #ready = new HostHeap();
  readonly #all = new Set<Connection>();
  readonly #recordOf: ConnectionRecords = new WeakMap();
  readonly #sweep: IdleSweep;
  /** Called when a connection is made. */
  readonly sharing: SharedConnections;
  #lastHost: Host | null = null;
  #count = 0;
  #dispatching = false;
  #holds = 0;
  #waiting = 0;

  constructor(owner: PoolOwner) {
    this.#owner = owner;
    const limits = this.#limits = owner.limits;
    this.sharing = new SharedConnections(this.#recordOf, {
      uncount: (record) => this.#uncount(record),
      look: (host) => this.#ready.push(host),
      dispatch: () => this.dispatch(),
    });
    this.#sweep = new IdleSweep({
      get idleTimeout() {
        return limits.idleTimeout;
      },
      idleByAge: () => this.#idleByAge(),
      drop: (connection) => this.drop(connection),
    });
  }

  /** Connections that count against the limit, busy and idle. */
  get count(): number {
    return this.#count;
  }

  /** Whether a connection counts against the limits. */
  counts(connection: Connection): boolean {
    return this.#recordOf.get(connection)?.isCounted === true;
  }

  /** All connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#all;
  }

  /** The record of a URI's host, or of what a unix socket has for it. */
  host(scheme: SchemeClass, uri: URL, unixSocket: string | null): Host {
    const last = this.#lastHost;
    if (last !== null && last.unixSocket === unixSocket && uri.href.startsWith(last.urlPrefix)) return last;
    const key = `${scheme}:${uri.host}${unixSocket === null ? "" : ` ${unixSocket}`}`;
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, host = new Host(key, scheme, uri, unixSocket));
    return this.#lastHost = host;
  }

  /** Files an entry in its host's queue and gives out what is free. */
  enqueue(item: PoolEntry, attempt: WaitingAttempt): void {
    const host = item.host!;
    item.awaitConnection(attempt);
    if (item.msg.hasFlag(MessageFlags.IGNORE_CONNECTION_LIMITS)) {
      const target = this.#targetOf(item, host);
      const shared = needsNewConnection(item) ? null : sharedFor(this.#recordOf, item, host, target);
      if (shared === null) this.#runOnNew(item, host, true);
      else this.#start(item, shared);
      return;
    }
    if (host.waiting.head === null && !this.#dispatching && this.#holds === 0 && !needsNewConnection(item)) {
      const isAnyFree = host.idle.length > 0 || host.shared.size > 0;
      const connection = isAnyFree ? this.#takeFree(item, host, this.#targetOf(item, host)) : null;
      if (connection !== null) {
        this.#start(item, connection);
        return;
      }
    }
    this.#waiting++;
    if (host.waiting.insert(item)) this.#ready.push(host);
    this.dispatch();
    if (item.isWaiting) this.#owner.waits(item);
  }

  /** Whether an entry may go on with a connection that it has. */
  mayKeep(item: PoolEntry, connection: Connection): boolean {
    return isFit(this.#recordOf, connection, item, this.#targetOf(item, item.host!));
  }

  /** Where an entry's connection leads; the same object as long as nothing has changed. */
  #targetOf(item: PoolEntry, host: Host): ConnectionTarget {
    const { http2, lookup, maxHeaderBytes } = this.#limits;
    const tls = this.#owner.tlsFor(host.origin, item.msg);
    const mayNot = item.needsHttp1 && http2 !== "required";
    const mayUse = mayNot ? false : http2;
    const isTunneled = wantsTunnel(item);
    return host.target({ proxy: item.proxy, tls, lookup, maxHeaderBytes, http2: mayUse, isTunneled });
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
    let target: ConnectionTarget;
    try {
      target = this.#targetOf(item, host);
    } catch (error) {
      // Another message's turn is no place for what this one's settings throw.
      this.withdraw(item);
      this.#owner.connectionFailed(item, error);
      return "served";
    }
    if (!needsNewConnection(item)) {
      const connection = this.#takeFree(item, host, target);
      if (connection !== null) {
        this.#waiting--;
        host.waiting.remove(item);
        this.#start(item, connection);
        return "served";
      }
      if (isWorthWaiting(this.#recordOf, item, host, target)) return "blocked";
    }
    if (host.count >= this.#limits.maxConnsPerHost) {
      const longestIdle = host.idle[0];
      if (longestIdle === undefined) return "blocked";
      this.drop(longestIdle);
    }
    if (this.#count >= this.#limits.maxConns) {
      const oldest = this.#idleByAge()[0];
      if (oldest === undefined) return "full";
      this.drop(oldest);
    }
    this.#waiting--;
    host.waiting.remove(item);
    this.#runOnNew(item, host, false);
    return "served";
  }

  /** A connection that can take the entry now. */
  #takeFree(item: PoolEntry, host: Host, target: ConnectionTarget): Connection | null {
    return sharedFor(this.#recordOf, item, host, target) ??
      (isRepeatable(item) ? this.#takeIdle(item, host, target) : null);
  }

  #takeIdle(item: PoolEntry, host: Host, target: ConnectionTarget): Connection | null {
    for (let index = host.idle.length - 1; index >= 0; index--) {
      const connection = host.idle[index]!;
      if (!isFit(this.#recordOf, connection, item, target)) continue;
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
      this.#recordOf.set(connection, { host, transport, isCounted: !uncounted, isExcluded: false, users: 0 });
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

  #uncount(record: ConnectionRecord): void {
    record.isCounted = false;
    record.host.count--;
    this.#count--;
  }

  #start(item: PoolEntry, connection: Connection): void {
    const isNew = connection.state === "new";
    if (connection.state === "idle") this.#leaveIdle(connection);
    this.#recordOf.get(connection)!.users++;
    writable(connection).state = isNew ? "connecting" : "busy";
    item.connection = connection;
    const attempt = item.attempt;
    if (isNew) this.#owner.connectionCreated(connection);
    if (item.attempt === attempt) item.run(connection);
  }

  /** Takes back a connection whose response has been read, and gives it to who is next unless `keep` says wait. */
  release(connection: Connection, now: number, keep = false): void {
    if (connection.state === "closed") return;
    const record = this.#recordOf.get(connection)!;
    const { host } = record;
    record.users--;
    if (record.isExcluded) this.#countAgain(connection, record);
    if (record.users > 0) {
      if (host.waiting.head !== null) this.#ready.push(host);
    } else if (!record.isCounted || (connection.exact && !connection.transport.isOpen)) {
      this.drop(connection);
    } else {
      writable(connection).state = "idle";
      writable(connection).idleSince = now;
      host.idle.push(connection);
      if (host.waiting.head !== null) this.#ready.push(host);
      this.#sweep.watch(connection, now);
    }
    if (!keep) this.dispatch();
  }

  /**
   * Takes back a connection whose exchange, if it has begun, is given up: the others on it go on, if it carries several;
   * else it is closed. What is in flight fails with `reason`.
   */
  abandon(connection: Connection, exchange: ExchangeObserver | null, reason: unknown): void {
    const { transport } = connection;
    if (connection.state === "closed") return;
    const goesOn = connection.protocol === "h2" &&
      (exchange === null ? transport.isOpen : transport.cancel?.(exchange, reason));
    if (goesOn) this.release(connection, performance.now(), true);
    else this.drop(connection, reason);
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
    const isInTheWay = host.waiting.head !== null && isFull(this.#recordOf, connection);
    if (!isInTheWay && this.#count < this.#limits.maxConns) return false;
    this.#uncount(record);
    record.isExcluded = true;
    host.shared.delete(connection);
    if (host.waiting.head !== null) this.#ready.push(host);
    return true;
  }

  /** A connection that was left out of the counts is free: it counts again if there is room for it. */
  #countAgain(connection: Connection, record: ConnectionRecord): void {
    const { host } = record;
    record.isExcluded = false;
    if (host.count >= this.#limits.maxConnsPerHost || this.#count >= this.#limits.maxConns) return;
    if (connection.protocol === "h2" && !connection.transport.isOpen) return;
    record.isCounted = true;
    host.count++;
    this.#count++;
    if (connection.protocol === "h2") host.shared.add(connection);
  }

  /** Closes a connection, whatever it is doing. What is in flight fails with `reason`. */
  drop(connection: Connection, reason?: unknown): void {
    if (connection.state === "closed") return;
    writable(connection).state = "closed";
    this.#all.delete(connection);
    const record = this.#recordOf.get(connection)!;
    const { host } = record;
    this.#leaveIdle(connection);
    host.shared.delete(connection);
    host.opening.delete(connection);
    if (record.isCounted) this.#uncount(record);
    connection.transport.onClosed = connection.transport.onChange = null;
    connection.transport.close(reason);
    if (host.waiting.head !== null) this.#ready.push(host);
    else this.#forget(host);
  }

  #leaveIdle(connection: Connection): void {
    const { idle } = this.#recordOf.get(connection)!.host;
    const index = idle.lastIndexOf(connection);
    if (index >= 0) idle.splice(index, 1);
  }

  /** Closes the idle connections. */
  closeIdle(): void {
    for (const connection of this.#idleByAge()) this.drop(connection);
    this.#sweep.stop();
  }

  /** Closes all connections. */
  closeAll(reason?: unknown): void {
    for (const connection of [...this.#all]) this.drop(connection, reason);
    this.#sweep.stop();
  }

  /** Looks at idle connections again, after the idle time has changed. */
  idleTimeoutChanged(): void {
    this.#sweep.restart();
  }

  /** Idle connections, longest idle first. There are few connections and they are asked for rarely: no list is kept. */
  #idleByAge(): Connection[] {
    return [...this.#all].filter(({ state }) => state === "idle").sort((a, b) => a.idleSince - b.idleSince);
  }

  #forget(host: Host): void {
    if (host.count > 0 || host.waiting.head !== null) return;
    this.#hosts.delete(host.key);
    if (this.#lastHost === host) this.#lastHost = null;
  }
}
