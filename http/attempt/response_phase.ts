/**
 * The response of one attempt: events and hooks of its header section, its body read or handed out, its end.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import type { Attempt, Step } from "./attempt.ts";
import { DEFAULT_MAX_SIZE, limitDecoded } from "../codings/decode.ts";
import { readWithin } from "./drain.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../contract/feature.ts";
import { keepAliveTimeout } from "../protocol/headers.ts";
import { noteHeaderSection } from "../message/message_events.ts";
import { type HttpMessage, isListened, MessageFlags, messageState } from "../message/message.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import { followRedirect, wouldRedirect } from "./redirects.ts";
import { isExpectationRefused } from "./repeated_attempt.ts";
import { discard, gotChunk, readBody } from "./response_body.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus, isNullBodyStatus, reasonPhrase } from "../protocol/status.ts";
import type { TransportResponse, UpgradedStream } from "../transports/transport.ts";

/** The response's header section is there. */
export function receive(attempt: Attempt, response: TransportResponse): void {
  const { core, connection } = attempt;
  const { replace } = core.features.rounds;
  attempt.response = response;
  if (replace.length === 0 || connection === null) gotHeaders(attempt);
  else askForReplacement(attempt, response, replace);
}

function askForReplacement(
  attempt: Attempt,
  response: TransportResponse,
  replace: readonly SessionFeature[],
): void {
  const { core, msg } = attempt;
  const answer = core.features.answer(replace, msg, (f) => f.replaceResponse!(core.session, msg, response));
  const drop = () => discard(response);
  attempt.settle(answer, (other) => {
    // A feature that has asked for another attempt wants nobody to see this response.
    attempt.proceed(() => {
      if (other !== null) attempt.response = inPlaceOf(response, other);
      gotHeaders(attempt);
    }, drop);
  }, drop);
}

/** Emits got-headers and runs the hooks, then reads the body or hands it out. */
function gotHeaders(attempt: Attempt): void {
  const { item, msg } = attempt;
  const response = attempt.response!;
  const state = messageState(msg);
  state.statusCode = response.status;
  state.reasonPhrase = response.statusText || reasonPhrase(response.status);
  msg.responseHeaders = response.headers;
  if (response.contentDecoded === true) msg.flags.add(MessageFlags.CONTENT_DECODED);
  if (response.httpVersion !== undefined) state.httpVersion = response.httpVersion;
  writable(msg.metrics).firstByte = performance.now();
  noteHeaderSection(msg.metrics, response.headers);
  item.progressed();
  item.emit("got-headers");
  attempt.proceed(askAboutHeaders, discardResponse);
}

const askAboutHeaders: Step = (attempt) =>
  attempt.hooks(attempt.core.features.rounds.headers, "gotHeaders", haveLookedAtHeaders);

const haveLookedAtHeaders: Step = (attempt) => attempt.proceed(body, discardResponse);

const discardResponse: Step = (attempt) => discard(attempt.response!);

function body(attempt: Attempt): void {
  const { core, item, msg } = attempt;
  const response = attempt.response!;
  // Asking a runtime's Response for its stream makes reading it in one go slower: nobody does before it is needed.
  item.emitting++;
  try {
    item.transforms = isBodyless(msg, response) ? [] : transformsOf(core, msg, response);
  } finally {
    item.emitting--;
  }
  attempt.proceed(takeBody, discardResponse);
}

/** Hands the body out, or reads it. */
const takeBody: Step = (attempt) => {
  const { core, item, msg } = attempt;
  const response = attempt.response!;
  if (isMisdirected(attempt)) {
    item.isMisdirected = item.freshNext = true;
    item.requeue = "body";
  }
  if (isExpectationRefused(attempt)) {
    msg.requestHeaders.delete("expect");
    item.requeue = "body";
  }
  if (item.sink !== null && item.requeue === null) {
    const decision = item.sink.decide(item, response);
    if (decision === "take") {
      item.isHandedOut = true;
      item.sink.take(attempt, response);
      return;
    }
    if (decision instanceof Error) throw decision;
  }
  if (response.whole !== undefined && item.transforms.length === 0) {
    item.isBodyRead = true;
    if (response.whole.byteLength > 0) gotChunk(core, item, new Uint8Array(response.whole));
    attempt.proceed(ended);
    return;
  }
  if (response.upgraded !== undefined) {
    handOver(attempt, response.upgraded);
    ended(attempt);
    return;
  }
  if (isBodyless(msg, response) || response.body === null) {
    discard(response);
    ended(attempt);
    return;
  }
  readOn(attempt, response);
};

/** Reads the body of a message that nobody takes over; no further than is worth it where another attempt follows. */
function readOn(attempt: Attempt, response: TransportResponse): void {
  if (isFollowedUp(attempt)) {
    attempt.wait(readWithin(attempt, response), (isComplete) => {
      if (isComplete) ended(attempt);
      else givenUp(attempt);
    });
    return;
  }
  attempt.wait(readBody(attempt, response), (isComplete) => {
    if (isComplete) ended(attempt);
  });
}

/**
 * Gives the stream to whoever has asked for it. A connection of HTTP/1.1 leaves the pool with it
 * (`soup_session_steal_connection`); one of HTTP/2 is busy with it until it is over.
 *
 * @throws {TransportError} If the server has agreed to something else.
 */
function handOver(attempt: Attempt, upgraded: UpgradedStream): void {
  const { core, item, msg } = attempt;
  const upgrade = messageState(msg).upgrade!;
  try {
    upgrade.check(attempt.response!);
  } catch (error) {
    upgraded.destroy();
    throw error;
  }
  upgrade.stream = upgraded;
  const connection = item.connection!;
  const isShared = connection.protocol === "h2";
  item.connection = null;
  core.upgraded.add(upgraded);
  void upgraded.closed.then(() => {
    core.upgraded.delete(upgraded);
    if (isShared) core.pool!.release(connection, performance.now());
  });
  if (!isShared) core.pool!.release(connection, performance.now(), true);
}

/** The server says that a connection which serves other messages is the wrong one for this: once, another is tried. */
function isMisdirected({ connection, item, msg }: Attempt): boolean {
  return msg.statusCode === HttpStatus.MISDIRECTED_REQUEST && connection?.protocol === "h2" && !item.isMisdirected &&
    item.requeue === null && !(msg.requestBody instanceof ReadableStream);
}

/** What the features make of a body. One that the runtime has decoded has a limit, whether a decoder is there or not. */
function transformsOf(core: HttpSessionCore, msg: HttpMessage, response: TransportResponse): readonly BodyTransform[] {
  const transforms = core.features.transforms(msg);
  if (response.contentDecoded !== true || hasDecoder(core, msg)) return transforms;
  return [limitDecoded(DEFAULT_MAX_SIZE), ...transforms];
}

function hasDecoder({ features }: HttpSessionCore, msg: HttpMessage): boolean {
  return features.rounds.transform.some((feature) =>
    feature.bodyStage === BodyStage.CONTENT_DECODING && !msg.isFeatureDisabled(feature)
  );
}

/** True for a response nobody waits for: another attempt follows it. */
function isFollowedUp({ core, item, msg }: Attempt): boolean {
  if (item.requeue === "body" || messageState(msg).upgrade !== null) return true;
  return item.sink === null && !msg.hasFlag(MessageFlags.NO_REDIRECT) && wouldRedirect(core, msg);
}

/** The rest of the body is not wanted: its connection goes, the next attempt comes. */
function givenUp(attempt: Attempt): void {
  const { core, item } = attempt;
  if (item.requeue === "body") item.requeue = "now";
  redirect(attempt);
  if (!attempt.isCurrent) return;
  dropConnection(core, item);
  proceedToEnd(attempt);
}

/** The connection is free or closed. Other messages get it once this one has finished, at once while it is paused. */
function proceedToEnd(attempt: Attempt): void {
  if (attempt.item.isPaused) attempt.core.pool!.dispatch();
  attempt.proceed(leave);
}

/** True where method or status say that there is no body. */
export function isBodyless(msg: HttpMessage, response: TransportResponse): boolean {
  return msg.method === "HEAD" || isNullBodyStatus(response.status);
}

/** A feature's answer in place of what came on a connection; a body that was not read costs the connection. */
function inPlaceOf(received: TransportResponse, answer: Response): TransportResponse {
  const isRead = received.status === HttpStatus.NOT_MODIFIED || received.body === null;
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

/** The body is complete: emit got-body, follow redirects, start again or finish. */
export function ended(attempt: Attempt): void {
  const { item } = attempt;
  const { trailers } = attempt.response!;
  item.isBodyRead = true;
  if (item.requeue === "body") item.requeue = "now";
  if (trailers === undefined) gotBody(attempt);
  else waitForTrailers(attempt, trailers);
}

function waitForTrailers(attempt: Attempt, trailers: Promise<Headers>): void {
  attempt.wait(trailers, (fields) => {
    messageState(attempt.msg).trailers = fields;
    gotBody(attempt);
  });
}

function gotBody(attempt: Attempt): void {
  const { core, item } = attempt;
  item.emitting++;
  let pending: void | Promise<void>;
  try {
    item.emit("got-body");
    pending = attempt.round(core.features.rounds.body, "gotBody");
  } finally {
    item.emitting--;
  }
  if (!attempt.isCurrent) return;
  if (pending === undefined) afterBody(attempt);
  else attempt.waitThen(pending, afterBody);
}

function afterBody(attempt: Attempt): void {
  const { core, item } = attempt;
  noteKeepAlive(item, attempt.response!);
  redirect(attempt);
  if (!attempt.isCurrent) return;
  if (item.connection !== null && !mayGoOn(item, attempt.response!)) dropConnection(core, item);
  proceedToEnd(attempt);
}

/** Follows a redirect by the manual's rules, unless something else is to happen. */
function redirect({ core, item, msg }: Attempt): void {
  if (item.requeue !== null || item.sink !== null || msg.hasFlag(MessageFlags.NO_REDIRECT)) return;
  item.emitting++;
  try {
    followRedirect(core, item);
  } finally {
    item.emitting--;
  }
}

const leave: Step = (attempt) => {
  const { core, item, msg } = attempt;
  // A response whose body came with its header section was complete then.
  const now = attempt.response!.whole === undefined ? performance.now() : msg.metrics.firstByte;
  // An attempt that has waited long lies among the old objects, and what it names is kept until those are collected.
  attempt.response = null;
  item.waiter = null;
  core.releaseConnection(item, now, true);
  core.end(item, now);
};

function dropConnection(core: HttpSessionCore, item: QueueItem): void {
  const { connection } = item;
  if (connection === null) return;
  item.connection = null;
  const reason = new DOMException("The response was given up, or came before the whole request was sent", "AbortError");
  core.pool!.abandon(connection, item.observer, reason);
  item.upload?.(reason);
}

/** Notes how long the server keeps an idle connection (Keep-Alive): some networks do not report that it was closed. */
function noteKeepAlive({ connection }: QueueItem, response: TransportResponse): void {
  if (connection === null) return;
  writable(connection).keepAliveTimeout = response.keepAliveTimeout ??
    keepAliveTimeout(response.headers.get("keep-alive"));
}

/** False when the server said it closes the connection. */
function staysOpen(response: TransportResponse): boolean {
  if (response.keepAlive !== undefined) return response.keepAlive;
  const value = response.headers.get("connection");
  return value === null || value === "keep-alive" || !/(^|,)\s*close\s*(,|$)/i.test(value);
}

/** False when the connection has no use for another message: its server closes it, or the request is still on its way. */
function mayGoOn(item: QueueItem, response: TransportResponse): boolean {
  return item.upload === null && staysOpen(response);
}

/** Gives the connection back ahead of the end of the message: its body is in memory. */
export function giveBack(core: HttpSessionCore, item: QueueItem, response: TransportResponse): void {
  noteKeepAlive(item, response);
  if (mayGoOn(item, response)) return core.releaseConnection(item);
  dropConnection(core, item);
  core.pool!.dispatch();
}

/** True if somebody wants to see the pieces of the body. */
export function isWatched(item: QueueItem): boolean {
  return isListened(item.msg, "got-chunk") || isListened(item.msg, "progress");
}
