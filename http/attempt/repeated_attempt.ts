/**
 * Whether an attempt that broke, or whose expectation was refused, is made again without reporting a failure.
 *
 * @module
 */
import type { Attempt } from "./attempt.ts";
import type { HttpErrorCode, TransportError } from "../errors.ts";
import { MessageFlags } from "../message/message.ts";
import { isIdempotentMethod } from "../protocol/headers.ts";
import { expectsContinue } from "./requirements.ts";
import { HttpStatus } from "../protocol/status.ts";

/** A server that has not processed a request so many times never will. */
const MAX_UNPROCESSED = 20;

/** The server wants the request by HTTP/1.1 (RFC 9113 §7). */
const HTTP_1_1_REQUIRED: HttpErrorCode = "ERR_HTTP2_HTTP_1_1_REQUIRED";

/** True if the attempt is to be made again, for which the entry is prepared then. */
export function isRepeated(attempt: Attempt, error: TransportError, wasUsed: boolean): boolean {
  return error.isUnprocessed ? isUnprocessed(attempt, error) : isStale(attempt, error, wasUsed);
}

/** What the server has not processed is sent again, whatever its method, as long as its body can be had again. */
function isUnprocessed({ core, item, msg }: Attempt, { code }: TransportError): boolean {
  if (code === HTTP_1_1_REQUIRED) {
    if (core.limits.http2 === "required") return false;
    item.needsHttp1 = true;
  }
  const isRead = msg.requestBody instanceof ReadableStream && item.isStreamUsed;
  return !isRead && ++item.unprocessed <= MAX_UNPROCESSED;
}

/** A used connection that died before it answered is no failure of the request: what may be sent twice is sent again. */
function isStale({ connection, item, msg }: Attempt, error: TransportError, wasUsed: boolean): boolean {
  const isEarly = error.phase === "send" && msg.statusCode === 0;
  if (!isEarly || !wasUsed || error.status !== HttpStatus.IO_ERROR || error.code === "ETIMEDOUT") return false;
  const mayRepeat = isIdempotentMethod(msg.method) || msg.hasFlag(MessageFlags.IDEMPOTENT);
  if (!mayRepeat || msg.requestBody instanceof ReadableStream) return false;
  // The dead connection is gone. Where one carries many exchanges its successor is shared too, but not time and again.
  item.freshNext = connection?.protocol !== "h2" || item.wasStale;
  item.wasStale = true;
  return true;
}

/**
 * The server, or one on the way, does not wait for anybody: the request is made again without the expectation, once, as
 * it has none then (RFC 9110 §10.1.1).
 */
export function isExpectationRefused({ item, msg }: Attempt): boolean {
  return msg.statusCode === HttpStatus.EXPECTATION_FAILED && item.requeue === null && expectsContinue(msg) &&
    !(msg.requestBody instanceof ReadableStream);
}
