/**
 * What the pool knows of an entry that wants a connection.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import type { Host } from "./host.ts";
import { type HttpMessage, MessageFlags, messageState } from "../message/message.ts";
import { isIdempotentMethod } from "../protocol/headers.ts";
import type { ProxyTarget, Transport } from "../transports/transport.ts";

/** What waits for a connection. */
export interface WaitingAttempt {
  /** The connection is there. */
  run(connection: Connection): void;
}

/** One entry of a session's queue, as the pool sees it. */
export interface PoolEntry {
  /** Its message. */
  readonly msg: HttpMessage;
  /** Place in the queue; a restarted entry keeps it. */
  readonly sequence: number;
  /** Grows with every attempt: work of an older one is void. */
  readonly attempt: number;
  /** What the attempt was routed to. */
  readonly host: Host | null;
  /** The proxy it goes through. */
  readonly proxy: ProxyTarget | null;
  /** What carries it. */
  readonly transport: Transport | null;
  /** It needs a connection that has carried nothing. */
  readonly freshNext: boolean;
  /** It needs HTTP/1.1, whatever else its host speaks. */
  readonly needsHttp1: boolean;
  /** The connection it has got. */
  connection: Connection | null;
  /** It waits from now on. */
  awaitConnection(attempt: WaitingAttempt): void;
  /** The attempt that waits goes on. */
  run(connection: Connection): void;
  /** The entries before and behind it in the queue of its host. */
  previous: PoolEntry | null;
  next: PoolEntry | null;
  /** It stands in the host's queue. */
  isWaiting: boolean;
  /** Priority it was filed under. */
  filedPriority: number;
}

/** It goes through a tunnel where a proxy would get requests: what is to be spoken is none. */
export function wantsTunnel({ host, msg, proxy }: PoolEntry): boolean {
  return messageState(msg).upgrade !== null && host!.scheme === "http" && proxy?.scheme.startsWith("http") === true;
}

/** It goes on a connection that has carried nothing. */
export function needsNewConnection(item: PoolEntry): boolean {
  return item.freshNext || item.msg.hasFlag(MessageFlags.NEW_CONNECTION);
}

/**
 * Anything but an idempotent request wants a connection that has not been idle, which may be stale: it is never replayed.
 * So does what is to be spoken in place of HTTP, as it takes the connection away.
 */
export function isRepeatable({ msg }: PoolEntry): boolean {
  if (messageState(msg).upgrade !== null) return false;
  return isIdempotentMethod(msg.method) || msg.hasFlag(MessageFlags.IDEMPOTENT);
}
