/**
 * Options of what is done with one message.
 *
 * @module
 */
import type { HttpMessage, MessagePriority } from "../message/message.ts";

/** What `session.fetch` takes besides the fields of `RequestInit`. */
export interface HttpFetchInit extends Omit<RequestInit, "priority"> {
  /** Place in the queue: a number of `MessagePriority`, or fetch's own words. */
  priority?: MessagePriority | "high" | "low" | "auto";
  /** Seconds without progress after which this request fails. */
  timeout?: number;
  /** Called with the message before it is queued: a place to set flags and listeners. */
  prepare?(msg: HttpMessage): void;
}

/** Options of `requeueMessage`. */
export interface RequeueOptions {
  /** "body": finish reading this response first, with all its events. Otherwise it is dropped at once. */
  after?: "body";
  /** Send the next attempt on the same connection if it stays open (authentication bound to a connection). */
  sameConnection?: boolean;
}

/** Options of `cancelMessage`. */
export interface CancelOptions {
  /** What to put into `msg.error`. */
  error?: unknown;
  /** What to put into `msg.reasonPhrase`; the standard phrase otherwise. */
  reason?: string;
}

/** Options of `sendMessage`. */
export interface SendOptions {
  /** Cancels the message; `sendMessage` then rejects with `signal.reason`. */
  signal?: AbortSignal;
}
