/**
 * Connections that carry several exchanges at once: which of them takes an entry, and whether one is worth waiting for.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import type { Connection } from "../transports/connection.ts";
import type { ConnectionTarget, Transport } from "../transports/transport.ts";
import type { PoolEntry } from "./entry.ts";
import { type Host, isSameTarget } from "./host.ts";

/** What the pool knows of a connection. */
export interface ConnectionRecord {
  readonly host: Host;
  readonly transport: Transport;
  /** It counts against the limits. */
  isCounted: boolean;
  /** It counts again once somebody reads what is on it. */
  isExcluded: boolean;
  /** Entries that are on it. */
  users: number;
}

/** The records of connections. */
export type ConnectionRecords = WeakMap<Connection, ConnectionRecord>;

/** Whether a connection leads where the entry goes, by the same means and in nobody else's name. */
export function isFit(
  records: ConnectionRecords,
  connection: Connection,
  item: PoolEntry,
  target: ConnectionTarget,
): boolean {
  if (connection.target !== target && !(isSameTarget(connection.target, target) && speaks(connection, target))) {
    return false;
  }
  return records.get(connection)!.transport === item.transport && connection.mayCarry(item.msg);
}

/** One that has turned out to speak HTTP/1.1 is as good as one that was made for it. */
function speaks({ protocol, state, target }: Connection, { http2 }: ConnectionTarget): boolean {
  if (target.http2 === http2) return true;
  return http2 === false && protocol === "http/1.1" && (state === "idle" || state === "busy");
}

/** Whether a connection carries as much as it can. */
export function isFull(records: ConnectionRecords, connection: Connection): boolean {
  return records.get(connection)!.users >= (connection.transport.maxExchanges ?? 1);
}

/** A shared connection with room for the entry. It takes any, as no transport sends twice what may not be. */
export function sharedFor(
  records: ConnectionRecords,
  item: PoolEntry,
  host: Host,
  target: ConnectionTarget,
): Connection | null {
  for (const connection of host.shared) {
    if (!isFull(records, connection) && isFit(records, connection, item, target)) return connection;
  }
  return null;
}

/** Whether the entry is better off with a connection that is being made, or is full, than with one of its own. */
export function isWorthWaiting(
  records: ConnectionRecords,
  item: PoolEntry,
  host: Host,
  target: ConnectionTarget,
): boolean {
  const candidates = host.isExclusive ? host.shared : [...host.opening, ...host.shared];
  for (const connection of candidates) if (isFit(records, connection, item, target)) return true;
  return false;
}

/** What is asked of the pool. */
export interface SharingPool {
  /** A connection counts against no limit any more. */
  uncount(record: ConnectionRecord): void;
  /** A host is worth another look. */
  look(host: Host): void;
  /** Gives out what is free. */
  dispatch(): void;
}

/** Connections while they are made, and what becomes of them then. */
export class SharedConnections {
  readonly #records: ConnectionRecords;
  readonly #pool: SharingPool;

  constructor(records: ConnectionRecords, pool: SharingPool) {
    this.#records = records;
    this.#pool = pool;
  }

  /** A connection is about to be made. Those who may share it wait for it. */
  opening(connection: Connection): void {
    const { host, isCounted } = this.#records.get(connection)!;
    if (isCounted && connection.transport.protocol === null) host.opening.add(connection);
  }

  /**
   * A connection was made, or a proxy has refused to: whoever has waited for it goes on, one way or the other, with the
   * next `dispatch`.
   */
  opened(connection: Connection): void {
    const { transport } = connection;
    const { host, isCounted } = this.#records.get(connection)!;
    host.opening.delete(connection);
    if (connection.state === "closed") return;
    if (transport.isOpen) {
      writable(connection).protocol = transport.protocol ?? "http/1.1";
      host.isExclusive = transport.protocol !== "h2";
    }
    if (transport.mayUpgrade === false) host.mayNotUpgrade = true;
    if (isCounted && transport.protocol === "h2") {
      host.shared.add(connection);
      transport.onChange = () => this.#changed(connection);
    }
    if (host.waiting.head !== null) this.#pool.look(host);
  }

  /** A shared connection takes more or fewer exchanges than before; one that takes no more counts no more. */
  #changed(connection: Connection): void {
    const record = this.#records.get(connection)!;
    const { host } = record;
    if (connection.state === "closed") return;
    if (connection.transport.mayUpgrade === false) host.mayNotUpgrade = true;
    if (!connection.transport.isOpen) {
      host.shared.delete(connection);
      if (record.isCounted && record.users > 0) this.#pool.uncount(record);
    }
    if (host.waiting.head !== null) this.#pool.look(host);
    this.#pool.dispatch();
  }
}
