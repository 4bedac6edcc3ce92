/**
 * What a pool of connections asks of the session it belongs to.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import type { HttpMessage } from "../message/message.ts";
import type { HostLookup } from "../transports/host_lookup.ts";
import type { Http2Choice, TlsSettings } from "../transports/transport.ts";
import type { PoolEntry } from "./entry.ts";

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
  /** Whether HTTP/2 is spoken. */
  readonly http2: Http2Choice;
  /** Finds the addresses of hosts; null for the system. */
  readonly lookup: HostLookup | null;
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
  /** An entry waits for what others give back. */
  waits(item: PoolEntry): void;
  /** Entries wait, and no connection is free for them. */
  starved(): void;
}
