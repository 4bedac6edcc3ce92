/**
 * What a session says of its messages: queued, started, unqueued. Hooks and listeners get them in this order, also where
 * one of them ends the message. Those who trace them hear it by the tracing channel `gp11:message` of
 * `node:diagnostics_channel`.
 *
 * @module
 */
import { type Traced, Tracing } from "../../internal/tracing.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import type { TracedMessage } from "../contract/traced_message.ts";
import { HttpError } from "../message/http_error.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { isTransportStatus } from "../protocol/status.ts";
import type { Connection } from "../transports/connection.ts";
import type { FeatureList } from "./feature_list.ts";
import { ItemState, type QueueItem } from "./queue_item.ts";

/** The session events about a message. */
export type RequestEventName = "request-queued" | "request-started" | "request-unqueued";

/** The events that the session emits for the engine. */
export interface SessionCoreEvents {
  /** `request-queued`, `request-started`, `request-unqueued`. */
  request(type: RequestEventName, item: QueueItem): void;
  /** `connection-created`, `tunneling`. */
  connection(type: "connection-created" | "tunneling", connection: Connection): void;
  /** Whether any of them ever got a listener. */
  areHeard(): boolean;
}

/** The announcements of one session. */
export class Announcements {
  readonly #features: FeatureList;
  readonly #dispatch: (type: RequestEventName, item: QueueItem) => void;

  constructor(features: FeatureList, dispatch: (type: RequestEventName, item: QueueItem) => void) {
    this.#features = features;
    this.#dispatch = dispatch;
  }

  /** An entry is on the queue: runs the `requestQueued` hooks and emits "request-queued". */
  queued(item: QueueItem): void {
    item.announcedTo = this.#features.rounds.queued;
    item.emitting++;
    this.complete(item);
    item.emitting--;
  }

  /** Does what is left of `queued` for an entry that one of its hooks ends. */
  complete(item: QueueItem): void {
    if (item.announcedTo === null) return;
    this.#features.announce(item);
    // The events of a synchronous send are dispatched once it is over.
    if (item.announcedTo === null || item.leaveEarly !== null) return;
    item.announcedTo = null;
    this.#emit("request-queued", item);
  }

  /** An entry has its connection, and is about to be sent. */
  started(item: QueueItem): void {
    item.emitting++;
    this.#emit("request-started", item);
    item.emitting--;
  }

  /** An entry is off the queue: runs the `requestUnqueued` hooks and emits "request-unqueued". */
  unqueued(item: QueueItem): void {
    this.#features.notify(this.#features.rounds.unqueued, "requestUnqueued", item.msg);
    if (item.announcing === 0) this.#dispatch("request-unqueued", item);
  }

  /** Emits an event. An entry that ends meanwhile is unqueued for all once all listeners have got this event. */
  #emit(type: "request-queued" | "request-started", item: QueueItem): void {
    item.announcing++;
    this.#dispatch(type, item);
    item.announcing--;
    if (item.state === ItemState.FINISHED && item.announcing === 0) this.#dispatch("request-unqueued", item);
  }
}

/** What subscribers get of a message, as it is written. */
export interface MessageTrace extends Traced, Omit<TracedMessage, "connection" | "error"> {
  connection?: Connection;
}

const tracing: Tracing<MessageTrace> = new Tracing("gp11:message");

/** A message is queued, or about to be sent synchronously; null where nobody listens. */
export function beginTrace(session: FeatureSession, msg: HttpMessage): MessageTrace | null {
  if (!tracing.isHeard) return null;
  const trace: MessageTrace = { session, msg };
  tracing.start(trace);
  return trace;
}

/** It has been queued. */
export function queuedTrace(trace: MessageTrace): void {
  tracing.end(trace);
}

/** It is off the queue. */
export function endTrace(trace: MessageTrace): void {
  tracing.asyncEnd(trace, failureOf(trace.msg));
}

/** It has been sent synchronously. */
export function endSyncTrace(trace: MessageTrace): void {
  tracing.endWith(trace, failureOf(trace.msg));
}

function failureOf(msg: HttpMessage): HttpError | null {
  const { reasonPhrase, statusCode } = msg;
  if (!isTransportStatus(statusCode)) return null;
  const { errorCode, errorText, thrown } = messageState(msg);
  return new HttpError(msg, statusCode, errorText || `Cannot finish the message: ${reasonPhrase}`, {
    ...(errorCode === "" ? {} : { code: errorCode }),
    ...(thrown === null ? {} : { cause: thrown }),
  });
}
