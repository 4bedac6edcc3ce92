/**
 * One attempt to send a message: from the choice of a connection to the end of the response.
 *
 * @module
 */
import { AttemptEvents, noteTls } from "./attempt_events.ts";
import type { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import { checkField, isIdempotentMethod } from "./headers.ts";
import { isListened, MessageFlags, messageState } from "./message.ts";
import { ItemState, type QueueItem } from "./queue_item.ts";
import { followRedirect } from "./redirect_message.ts";
import { bodyOf } from "./request_body.ts";
import { discard, readBody } from "./response_body.ts";
import type { SessionCore } from "./session_core.ts";
import { HttpStatus, reasonPhrase } from "./status.ts";
import type { TransportRequest, TransportResponse } from "./transport.ts";
import { schemeClass, wireUrl } from "./uri.ts";

/**
 * Looks what became of an entry after listeners or hooks have run: false when this attempt is over. Waits while the
 * message is paused; does what a requeue asked for.
 */
export function goesOn(core: SessionCore, item: QueueItem, attempt: number): boolean | Promise<boolean> {
  if (item.attempt !== attempt) return false;
  if (item.requeue === "now") {
    core.restart(item);
    return false;
  }
  if (item.isPaused) return item.resumed().then(() => goesOn(core, item, attempt));
  return true;
}

/** First part, without a connection: hooks, answers from a cache, the way to the host. */
export function beginAttempt(core: SessionCore, item: QueueItem): void {
  const { rounds } = core.features;
  const isPlain = rounds.starting.length === 0 && rounds.lookup.length === 0 && rounds.proxy.length === 0;
  item.msg.metrics.attempts++;
  if (isPlain && !item.isPaused) {
    try {
      route(core, item);
    } catch (error) {
      core.fail(item, error);
    }
    return;
  }
  void prepareAttempt(core, item);
}

async function prepareAttempt(core: SessionCore, item: QueueItem): Promise<void> {
  const { attempt, msg } = item;
  const { features, session } = core;
  try {
    if (item.isPaused && !(await goesOn(core, item, attempt))) return;
    setDefaults(core, item);
    const { starting, lookup, proxy } = features.rounds;
    if (starting.length > 0) {
      await hookRound(
        item,
        attempt,
        () => features.round(starting, msg, (f) => f.requestStarting!(session, msg), () => mayGo(item, attempt)),
      );
      if (!(await goesOn(core, item, attempt))) return;
    }
    if (lookup.length > 0) {
      const response = await features.answer(lookup, msg, (f) => f.lookup!(session, msg));
      if (!(await goesOn(core, item, attempt))) return;
      if (response !== null) {
        item.state = ItemState.RUNNING;
        await gotResponse(core, item, attempt, response, null);
        return;
      }
    }
    item.proxy = proxy.length === 0 ? null : await features.proxyFor(msg.uri, msg) ?? null;
    if (await goesOn(core, item, attempt)) route(core, item);
  } catch (error) {
    if (item.attempt === attempt) core.fail(item, error);
  }
}

/** Runs a round of hooks as one emission. */
async function hookRound(
  item: QueueItem,
  attempt: number,
  run: () => void | Promise<void>,
): Promise<void> {
  if (item.attempt !== attempt) return;
  item.emitting++;
  try {
    await run();
  } finally {
    item.emitting--;
  }
}

function mayGo(item: QueueItem, attempt: number): boolean {
  return item.attempt === attempt && item.requeue !== "now";
}

/** Finds host and transport, then waits for a connection, unless the entry has kept its own. */
function route(core: SessionCore, item: QueueItem): void {
  const { msg } = item;
  const scheme = schemeClass(msg.uri.protocol.slice(0, -1), core.settings.httpAliases, core.settings.httpsAliases);
  if (scheme === null || msg.uri.hostname === "") {
    throw new TransportError(HttpStatus.MALFORMED, "connect", `Cannot send to ${msg.uri.href}: no http or https URI`);
  }
  if (core.features.rounds.proxy.length === 0) item.proxy = null;
  setDefaults(core, item);
  const host = core.pool.host(scheme, msg.uri);
  const kept = item.connection;
  item.host = host;
  item.transport = core.transportFor(item);
  if (kept !== null) {
    if (item.sameConnection && kept.target === host.target(item.proxy, core.tlsFor(host.origin), core.maxHeaderBytes)) {
      item.sameConnection = false;
      core.run(item, kept);
      return;
    }
    core.releaseConnection(item);
  }
  item.sameConnection = false;
  core.pool.enqueue(item);
}

/** The session's own header fields; on a message whose header nobody has touched they are shared, not copied. */
function setDefaults(core: SessionCore, item: QueueItem): void {
  const { msg } = item;
  const fields = core.defaultFields;
  if (!msg.hasRequestHeaders) {
    messageState(msg).defaults = fields;
    return;
  }
  const headers = msg.requestHeaders;
  for (const [name, value] of fields) {
    if (name === "user-agent" ? core.settings.userAgent !== null : !headers.has(name)) headers.set(name, value);
  }
}

/** Second part, on a connection. */
export async function runAttempt(core: SessionCore, item: QueueItem, connection: Connection): Promise<void> {
  const { attempt, msg } = item;
  const { features } = core;
  const { rounds } = features;
  item.connection = connection;
  const wasUsed = connection.uses > 0;
  const events = new AttemptEvents(item, connection, (which) => core.tunneling(which));
  try {
    watchTime(core, item, attempt);
    if (item.isPaused && !(await goesOn(core, item, attempt))) return;
    let response: TransportResponse | null = null;
    const { transport } = connection;
    if (transport.open !== undefined && !transport.isOpen && rounds.respond.length === 0) {
      item.state = ItemState.CONNECTING;
      response = await transport.open(openRequest(item), events) ?? null;
      if (item.attempt !== attempt) return;
      if (response === null && !(await goesOn(core, item, attempt))) return;
    }
    if (response === null) {
      item.state = ItemState.READY;
      connection.state = "busy";
      if (rounds.started.length > 0) {
        await hookRound(item, attempt, () => features.started(msg, connection, () => mayGo(item, attempt)));
        const go = goesOn(core, item, attempt);
        if (go !== true && !(await go)) return;
      }
      core.started(item);
      if (item.attempt !== attempt || item.requeue !== null || item.isPaused) {
        if (!(await goesOn(core, item, attempt))) return;
      }
      response = await exchange(core, item, connection, events);
      if (item.attempt !== attempt) return discard(response);
      if (!transportSays(connection, core)) events.assumeWritten();
    }
    if (connection.tls !== null) noteTls(item, connection.tls);
    await gotResponse(core, item, attempt, response, connection);
  } catch (error) {
    if (item.attempt !== attempt) return;
    failed(core, item, connection, error, wasUsed, events);
  }
}

/** Sends the request, or lets a feature answer it. */
async function exchange(
  core: SessionCore,
  item: QueueItem,
  connection: Connection,
  events: AttemptEvents,
): Promise<TransportResponse> {
  const { msg } = item;
  const { respond } = core.features.rounds;
  const { attempt } = item;
  item.state = ItemState.RUNNING;
  item.freshNext = false;
  msg.metrics.started = performance.now();
  if (respond.length > 0) {
    const response = await core.features.answer(respond, msg, (f) => f.respond!(msg, core.session));
    if (response !== null || item.attempt !== attempt) return response ?? new Response();
    if (connection.transport.open !== undefined && !connection.transport.isOpen) {
      const refusal = await connection.transport.open(openRequest(item), events);
      if (refusal) return refusal;
    }
  }
  connection.uses++;
  const request: TransportRequest = {
    method: msg.method,
    url: wireUrl(msg.uri, connection.target.scheme).href,
    headers: headerFields(item),
    body: msg.requestBody === null ? null : bodyOf(item, events, item.transport!.capabilities.writeEvents),
    bodyLength: msg.requestBodyLength,
    expectContinue: msg.hasRequestHeaders && /^100-continue$/i.test(msg.requestHeaders.get("expect") ?? ""),
  };
  return connection.transport.send(request, events);
}

function transportSays(connection: Connection, core: SessionCore): boolean {
  return connection.exact && core.features.rounds.respond.length === 0;
}

function headerFields(item: QueueItem): ReadonlyArray<readonly [string, string]> {
  const { msg } = item;
  if (!msg.hasRequestHeaders) return messageState(msg).defaults ?? [];
  const fields = [...msg.requestHeaders];
  for (const [name, value] of fields) checkField(name, value);
  return fields;
}

function openRequest(item: QueueItem): { proxyAuthorization: string | null; userAgent: string | null } {
  const { requestHeaders } = item.msg;
  return {
    proxyAuthorization: requestHeaders.get("proxy-authorization"),
    userAgent: requestHeaders.get("user-agent"),
  };
}

/** The response's header section is there: tell, let features look, then read or hand out the body. */
export async function gotResponse(
  core: SessionCore,
  item: QueueItem,
  attempt: number,
  received: TransportResponse,
  connection: Connection | null,
): Promise<void> {
  const { msg } = item;
  if (item.attempt !== attempt) return discard(received);
  let response = received;
  const { replace } = core.features.rounds;
  if (replace.length > 0 && connection !== null) {
    const answer = await core.features.answer(replace, msg, (f) => f.replaceResponse!(core.session, msg, received));
    if (item.attempt !== attempt) return discard(received);
    if (answer !== null) response = inPlaceOf(received, answer);
  }
  msg.statusCode = response.status;
  msg.reasonPhrase = response.statusText || reasonPhrase(response.status);
  msg.responseHeaders = response.headers;
  if (response.httpVersion !== undefined) msg.httpVersion = response.httpVersion;
  msg.metrics.firstByte = item.lastProgress = performance.now();
  item.emit("got-headers");
  let go = goesOn(core, item, attempt);
  if (go !== true && !(await go)) return discard(response);
  const { headers } = core.features.rounds;
  if (headers.length > 0) {
    const { features, session } = core;
    item.emitting++;
    try {
      const pending = features.round(headers, msg, (f) => f.gotHeaders!(session, msg), () => mayGo(item, attempt));
      if (pending !== undefined) await pending;
    } finally {
      item.emitting--;
    }
    go = goesOn(core, item, attempt);
    if (go !== true && !(await go)) return discard(response);
  }
  item.transforms = response.body === null ? [] : core.features.transforms(msg);
  if (item.sink !== null && item.requeue === null) {
    const decision = item.sink.decide(item, response);
    if (decision === "take") {
      item.isHandedOut = true;
      item.sink.take(item, response);
      return;
    }
    if (decision instanceof Error) throw decision;
  }
  if (await readBody(core, item, attempt, response)) await endResponse(core, item, attempt, response, connection);
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
export async function endResponse(
  core: SessionCore,
  item: QueueItem,
  attempt: number,
  response: TransportResponse,
  connection: Connection | null,
): Promise<void> {
  const { msg } = item;
  item.isBodyRead = true;
  if (item.requeue === "body") item.requeue = "now";
  if (response.trailers !== undefined) msg.trailers = await response.trailers;
  if (item.attempt !== attempt) return;
  const { body } = core.features.rounds;
  item.emitting++;
  try {
    item.emit("got-body");
    if (body.length > 0 && item.attempt === attempt) {
      const go = (): boolean => item.attempt === attempt;
      const pending = core.features.round(body, msg, (f) => f.gotBody!(core.session, msg), go);
      if (pending !== undefined) await pending;
    }
    if (item.attempt !== attempt) return;
    if (item.requeue === null && item.sink === null && !msg.hasFlag(MessageFlags.NO_REDIRECT)) {
      followRedirect(core, item);
    }
  } finally {
    item.emitting--;
  }
  if (item.attempt !== attempt) return;
  if (connection !== null && !staysOpen(response)) dropConnection(core, item, connection);
  if (item.isPaused) await item.resumed();
  if (item.attempt !== attempt) return;
  if (item.requeue !== null) {
    core.restart(item);
    return;
  }
  core.releaseConnection(item);
  if (core.features.rounds.ended.length === 0) core.finish(item);
  else await core.end(item);
}

function dropConnection(core: SessionCore, item: QueueItem, connection: Connection): void {
  if (item.connection === connection) item.connection = null;
  core.pool.drop(connection);
  core.pool.dispatch();
}

/** False when the server said it closes the connection. */
function staysOpen(response: TransportResponse): boolean {
  if (response.keepAlive !== undefined) return response.keepAlive;
  const value = response.headers.get("connection");
  return value === null || !/(^|,)\s*close\s*(,|$)/i.test(value);
}

/** Gives the connection back ahead of the end of the message: its body is in memory. */
export function giveBack(core: SessionCore, item: QueueItem, response: TransportResponse): void {
  const { connection } = item;
  if (connection === null) return;
  if (staysOpen(response)) core.releaseConnection(item);
  else dropConnection(core, item, connection);
}

/** An attempt broke. A used connection that died before it answered is no failure of the request: it is sent again. */
function failed(
  core: SessionCore,
  item: QueueItem,
  connection: Connection,
  thrown: unknown,
  wasUsed: boolean,
  events: AttemptEvents,
): void {
  const { attempt, msg } = item;
  const { transport } = connection;
  const error = isNative(thrown) && transport.explain !== undefined ? transport.explain(thrown) : thrown;
  if (error instanceof TransportError && error.phase !== "connect" && msg.statusCode === 0 && !connection.exact) {
    events.assumeWritten();
  }
  if (item.attempt !== attempt) return;
  const isStale = error instanceof TransportError && error.phase === "send" && wasUsed &&
    error.status === HttpStatus.IO_ERROR &&
    error.code !== "ETIMEDOUT" && msg.statusCode === 0;
  const mayRepeat = isIdempotentMethod(msg.method) || msg.hasFlag(MessageFlags.IDEMPOTENT);
  if (isStale && mayRepeat && !(msg.requestBody instanceof ReadableStream)) {
    item.freshNext = true;
    core.restart(item);
    return;
  }
  core.fail(item, error);
}

/** True for what a runtime's streams throw, false for errors that carry their own status. */
function isNative(error: unknown): boolean {
  return error instanceof Error && !("status" in error);
}

/** Fails the attempt when nothing has moved for as long as the session allows. */
export function watchTime(core: SessionCore, item: QueueItem, attempt: number): void {
  const seconds = item.msg.timeout ?? core.settings.timeout;
  if (seconds === 0) return;
  item.watch(seconds, () => {
    if (item.attempt !== attempt) return;
    const cause = new DOMException(`Nothing has arrived for ${seconds} s`, "TimeoutError");
    core.fail(
      item,
      new TransportError(HttpStatus.IO_ERROR, "response", cause.message, { cause, code: "ETIMEDOUT" }),
    );
  });
}

/** True if somebody wants to see the pieces of the body. */
export function isWatched(item: QueueItem): boolean {
  return isListened(item.msg, "got-chunk") || isListened(item.msg, "progress");
}
