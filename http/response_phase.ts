/**
 * The response of one attempt: telling its header section, reading or handing out its body, its end.
 *
 * @module
 */
import type { Attempt } from "./attempt.ts";
import { type HttpMessage, isListened, MessageFlags } from "./message.ts";
import type { QueueItem } from "./queue_item.ts";
import { followRedirect } from "./redirect_message.ts";
import { discard, readBody } from "./response_body.ts";
import type { SessionCore } from "./session_core.ts";
import { reasonPhrase } from "./status.ts";
import type { TransportResponse } from "./transport.ts";

/** The response's header section is there. */
export function receive(attempt: Attempt, response: TransportResponse): void {
  const { core, msg, connection } = attempt;
  const { replace } = core.features.rounds;
  if (replace.length === 0 || connection === null) {
    gotHeaders(attempt, response);
    return;
  }
  const answer = core.features.answer(replace, msg, (f) => f.replaceResponse!(core.session, msg, response));
  const drop = () => discard(response);
  attempt.settle(answer, (other) => {
    // A feature that has asked for another attempt wants nobody to see this response.
    attempt.proceed(() => gotHeaders(attempt, other === null ? response : inPlaceOf(response, other)), drop);
  }, drop);
}

/** Tells, lets features look, then reads or hands out the body. */
function gotHeaders(attempt: Attempt, response: TransportResponse): void {
  const { core, item, msg } = attempt;
  msg.statusCode = response.status;
  msg.reasonPhrase = response.statusText || reasonPhrase(response.status);
  msg.responseHeaders = response.headers;
  if (response.contentDecoded === true) msg.flags.add(MessageFlags.CONTENT_DECODED);
  if (response.httpVersion !== undefined) msg.httpVersion = response.httpVersion;
  msg.metrics.firstByte = item.lastProgress = performance.now();
  item.emit("got-headers");
  attempt.proceed(
    () =>
      attempt.hooks(
        core.features.rounds.headers,
        "gotHeaders",
        () => attempt.proceed(() => body(attempt, response), () => discard(response)),
      ),
    () => discard(response),
  );
}

function body(attempt: Attempt, response: TransportResponse): void {
  const { core, item, msg } = attempt;
  // Asking a runtime's Response for its stream makes reading it in one go slower: nobody does before it is needed.
  item.transforms = isBodyless(msg, response) ? [] : core.features.transforms(msg);
  if (item.sink !== null && item.requeue === null) {
    const decision = item.sink.decide(item, response);
    if (decision === "take") {
      item.isHandedOut = true;
      item.sink.take(attempt, response);
      return;
    }
    if (decision instanceof Error) throw decision;
  }
  if (isBodyless(msg, response) || response.body === null) {
    discard(response);
    ended(attempt, response);
    return;
  }
  attempt.wait(readBody(attempt, response), (isComplete) => {
    if (isComplete) ended(attempt, response);
  });
}

/** True where method or status say that there is no body. */
export function isBodyless(msg: HttpMessage, response: TransportResponse): boolean {
  const { status } = response;
  return msg.method === "HEAD" || status === 204 || status === 205 || status === 304;
}

/** A feature's answer in place of what came on a connection; a body that was not read costs the connection. */
function inPlaceOf(received: TransportResponse, answer: Response): TransportResponse {
  const isRead = received.status === 304 || received.body === null;
  if (!isRead) discard(received);
  return {
    status: answer.status,
    statusText: answer.statusText,
    headers: answer.headers,
    body: answer.body,
    bytes: () => answer.bytes() as Promise<Uint8Array<ArrayBuffer>>,
    httpVersion: received.httpVersion ?? "1.1",
    keepAlive: isRead && staysOpen(received),
  };
}

/** The body is complete: tell, follow redirects, start again or finish. */
export function ended(attempt: Attempt, response: TransportResponse): void {
  const { item } = attempt;
  item.isBodyRead = true;
  if (item.requeue === "body") item.requeue = "now";
  if (response.trailers === undefined) gotBody(attempt, response);
  else {
    attempt.wait(response.trailers, (trailers) => {
      item.msg.trailers = trailers;
      gotBody(attempt, response);
    });
  }
}

function gotBody(attempt: Attempt, response: TransportResponse): void {
  const { core, item } = attempt;
  item.emitting++;
  let pending: void | Promise<void>;
  try {
    item.emit("got-body");
    pending = core.features.run(core.features.rounds.body, "gotBody", attempt);
  } finally {
    item.emitting--;
  }
  if (!attempt.isCurrent) return;
  if (pending === undefined) afterBody(attempt, response);
  else attempt.wait(pending, () => afterBody(attempt, response));
}

function afterBody(attempt: Attempt, response: TransportResponse): void {
  const { core, item, msg } = attempt;
  if (item.requeue === null && item.sink === null && !msg.hasFlag(MessageFlags.NO_REDIRECT)) {
    item.emitting++;
    try {
      followRedirect(core, item);
    } finally {
      item.emitting--;
    }
    if (!attempt.isCurrent) return;
  }
  if (item.connection !== null && !staysOpen(response)) dropConnection(core, item);
  attempt.proceed(() => {
    core.releaseConnection(item);
    core.end(item);
  });
}

function dropConnection(core: SessionCore, item: QueueItem): void {
  const { connection } = item;
  if (connection === null) return;
  item.connection = null;
  core.pool.drop(connection);
  core.pool.dispatch();
}

/** False when the server said it closes the connection. */
function staysOpen(response: TransportResponse): boolean {
  if (response.keepAlive !== undefined) return response.keepAlive;
  const value = response.headers.get("connection");
  return value === null || value === "keep-alive" || !/(^|,)\s*close\s*(,|$)/i.test(value);
}

/** Gives the connection back ahead of the end of the message: its body is in memory. */
export function giveBack(core: SessionCore, item: QueueItem, response: TransportResponse): void {
  if (staysOpen(response)) core.releaseConnection(item);
  else dropConnection(core, item);
}

/** True if somebody wants to see the pieces of the body. */
export function isWatched(item: QueueItem): boolean {
  return isListened(item.msg, "got-chunk") || isListened(item.msg, "progress");
}
