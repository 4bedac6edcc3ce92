/**
 * Messages for those who trace them: the tracing channel `gp11:message` of `node:diagnostics_channel`.
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
