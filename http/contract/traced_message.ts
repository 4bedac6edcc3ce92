/**
 * What subscribers of the tracing channel `gp11:message` get.
 *
 * @module
 */
import type { HttpMessage } from "../message/message.ts";
import type { Connection } from "../transports/connection.ts";
import type { FeatureSession } from "./feature_session.ts";

/**
 * One message from queueing to unqueueing, repeats and redirects included, as the tracing channel `gp11:message` of
 * `node:diagnostics_channel` tells of it: the same object at each of its events. They are `start` and `end` as it is
 * queued, `asyncStart` and `asyncEnd` when it is off the queue; `start` and `end` of a synchronous send. Before the last
 * of them comes `error`, where the message has ended with a status below 100.
 *
 * @example Count the messages of a program that fail
 * ```ts
 * import type { TracedMessage } from "@gp11/gp11";
 * import { tracingChannel } from "node:diagnostics_channel";
 *
 * const failed = new Map<string, number>();
 * const count = (message: unknown) => {
 *   const { host } = (message as TracedMessage).msg.uri;
 *   failed.set(host, (failed.get(host) ?? 0) + 1);
 * };
 * tracingChannel("gp11:message").error.subscribe(count);
 * tracingChannel("gp11:message").error.unsubscribe(count);
 * ```
 */
export interface TracedMessage {
  /** The session, an `HttpSession`. */
  readonly session: FeatureSession;
  /** The message. */
  readonly msg: HttpMessage;
  /** The connection it was sent on last; missing before it has got one. */
  readonly connection?: Connection | undefined;
  /** From the event `error` on: why it has failed, an `HttpError`. */
  readonly error?: unknown;
}
