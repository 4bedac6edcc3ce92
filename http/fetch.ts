/**
 * `session.fetch`: the Fetch standard's face of the queue.
 *
 * @module
 */
import { setCacheMode } from "./cache/fetch_mode.ts";
import type { Attempt } from "./attempt.ts";
import { TransportError } from "./errors.ts";
import type { SessionFetch } from "./feature_session.ts";
import { fetchFailure } from "./fetch_error.ts";
import { takeBody } from "./fetch_request_body.ts";
import { BodyReader, handOut } from "./fetch_response.ts";
import { callersHeaders } from "./headers.ts";
import { HttpMessage, MessagePriority } from "./message.ts";
import type { QueueItem, ResponseSink } from "./queue_item.ts";
import { fetchBecomesGet, isRedirectStatus, maxRedirects, moveTo, redirectTarget, rewriteAsGet } from "./redirect.ts";
import { tooMany } from "./redirect_message.ts";
import type { SessionCore } from "./session_core.ts";
import type { HttpFetchInit } from "./message_options.ts";
import { HttpStatus } from "./status.ts";
import type { TransportResponse } from "./transport.ts";
import { bareAddress, schemeClass } from "./uri.ts";

/** Makes a session's bound fetch. */
export function makeFetch(core: SessionCore): SessionFetch {
  return (input, init) => {
    try {
      if (init === undefined && !(input instanceof Request)) {
        const msg = new HttpMessage("GET", input);
        const isHttp = typeof input === "string" && (input.startsWith("http://") || input.startsWith("https://"));
        return isHttp ? enqueue(core, msg, null, "follow") : send(core, msg, null, "follow");
      }
      return fetchWith(core, input, init ?? {});
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** A request with options: brings them into a message as the Fetch standard does. */
async function fetchWith(core: SessionCore, input: RequestInfo | URL, init: HttpFetchInit): Promise<Response> {
  const request = input instanceof Request ? input : null;
  const method = normalizedMethod(init.method ?? request?.method ?? "GET");
  const msg = new HttpMessage(method, request?.url ?? String(input));
  const signal = init.signal !== undefined ? init.signal : request?.signal ?? null;
  signal?.throwIfAborted();
  const headers = init.headers ?? request?.headers;
  if (headers !== undefined) msg.requestHeaders = callersHeaders(headers);
  msg.omitsCredentials = omitsCredentials(init.credentials ?? request?.credentials ?? "same-origin");
  const body = init.body !== undefined ? init.body : request?.body ?? null;
  if (body !== null) {
    if (method === "GET" || method === "HEAD") throw new TypeError(`Cannot fetch with ${method}: it has no body`);
    if (init.body !== undefined) await setBody(msg, body as BodyInit);
    else msg.requestBody = await takeBody(request!);
  }
  if (init.priority !== undefined) msg.priority = priorityOf(init.priority);
  if (init.timeout !== undefined) msg.timeout = init.timeout;
  if (init.cache !== undefined) setCacheMode(msg, init.cache);
  signal?.throwIfAborted();
  init.prepare?.(msg);
  return send(core, msg, signal, init.redirect ?? request?.redirect ?? "follow");
}

/**
 * The Fetch standard's six methods are upper-cased, all others go as they are but the three it forbids (Fetch §2.2.1).
 *
 * @throws {TypeError} For CONNECT, TRACE and TRACK.
 */
function normalizedMethod(method: string): string {
  const upper = String(method).toUpperCase();
  if (/^(CONNECT|TRACE|TRACK)$/.test(upper)) {
    throw new TypeError(`Cannot fetch with ${upper}: fetch forbids this method`);
  }
  return /^(GET|HEAD|POST|PUT|DELETE|OPTIONS)$/.test(upper) ? upper : method;
}

/** A program has no page, so every origin is its own: "same-origin" says what "include" says (Fetch §2.2.5). */
function omitsCredentials(mode: string): boolean {
  if (mode !== "omit" && mode !== "same-origin" && mode !== "include") {
    throw new TypeError(`Cannot fetch: ${JSON.stringify(mode)} is no credentials mode`);
  }
  return mode === "omit";
}

function priorityOf(priority: NonNullable<HttpFetchInit["priority"]>): MessagePriority {
  if (typeof priority === "number") return priority;
  return priority === "high" ? MessagePriority.HIGH : priority === "low" ? MessagePriority.LOW : MessagePriority.NORMAL;
}

/** Puts a body of any kind fetch takes on a message, with the Content-Type that goes with it. */
async function setBody(msg: HttpMessage, body: BodyInit): Promise<void> {
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError("Cannot fetch: the body is a stream that is locked");
    msg.requestBody = body;
    return;
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    msg.requestBody = body as BufferSource;
    return;
  }
  if (typeof body === "string") {
    msg.requestBody = body;
    defaultType(msg, "text/plain;charset=UTF-8");
    return;
  }
  const response = new Response(body);
  const type = response.headers.get("content-type");
  if (type !== null) defaultType(msg, type);
  msg.requestBody = new Uint8Array(await response.arrayBuffer());
}

function defaultType(msg: HttpMessage, type: string): void {
  if (!msg.requestHeaders.has("content-type")) msg.requestHeaders.set("content-type", type);
}

function send(
  core: SessionCore,
  msg: HttpMessage,
  signal: AbortSignal | null,
  redirect: RequestRedirect,
): Promise<Response> {
  const { protocol } = msg.uri;
  if (protocol !== "http:" && protocol !== "https:") return sendOther(core, msg, signal, redirect);
  return enqueue(core, msg, signal, redirect);
}

function enqueue(
  core: SessionCore,
  msg: HttpMessage,
  signal: AbortSignal | null,
  redirect: RequestRedirect,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    core.queue(msg, null, new FetchSink(core, signal, redirect, resolve, reject), null);
  });
}

/** data:, blob: and file: URLs are the runtime's own affair; aliases are the session's. */
function sendOther(
  core: SessionCore,
  msg: HttpMessage,
  signal: AbortSignal | null,
  redirect: RequestRedirect,
): Promise<Response> {
  const scheme = msg.uri.protocol.slice(0, -1);
  if (scheme === "data" || scheme === "blob") {
    return globalThis.fetch(msg.uri, { method: msg.method, headers: msg.requestHeaders, signal });
  }
  if (msg.uri.hostname === "" || schemeClass(scheme, core.settings.httpAliases, core.settings.httpsAliases) === null) {
    throw new TypeError(`Cannot fetch ${msg.uri.protocol}: the scheme is neither http, https nor an alias`);
  }
  return enqueue(core, msg, signal, redirect);
}

/** What waits for the response of one fetch. */
class FetchSink implements ResponseSink {
  readonly #core: SessionCore;
  readonly #signal: AbortSignal | null;
  readonly #redirect: RequestRedirect;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (reason: unknown) => void;
  #aborted: (() => void) | null = null;
  #reader: BodyReader | null = null;
  #isSettled = false;

  constructor(
    core: SessionCore,
    signal: AbortSignal | null,
    redirect: RequestRedirect,
    resolve: (response: Response) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#core = core;
    this.#signal = signal;
    this.#redirect = redirect;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The entry is on the queue: listens to the caller's signal from now on. */
  queued(item: QueueItem): void {
    const signal = this.#signal;
    if (signal === null) return;
    this.#aborted = () => this.#core.cancel(item, HttpStatus.CANCELLED, { error: signal.reason });
    signal.addEventListener("abort", this.#aborted);
  }

  decide(item: QueueItem, _response: TransportResponse): "take" | "retry" | Error {
    const { msg } = item;
    if (msg.statusCode < 200) {
      const cause = `Cannot fetch ${bareAddress(msg.uri)}: the server switches protocols, which nobody has asked for`;
      return new TransportError(HttpStatus.MALFORMED, "response", cause, { code: "ERR_HTTP_UNREQUESTED_UPGRADE" });
    }
    if (!isRedirectStatus(msg.statusCode) || this.#redirect === "manual") return "take";
    if (this.#redirect === "error") return new TypeError(`Cannot fetch ${bareAddress(msg.uri)}: it redirects`);
    const target = redirectTarget(msg);
    if (target === null) return "take";
    if (target === "invalid" || (target.protocol !== "http:" && target.protocol !== "https:")) {
      const cause = `Cannot follow the redirect from ${msg.uri.origin}: its Location is no http or https URL`;
      return new TransportError(HttpStatus.MALFORMED, "response", cause, { code: "ERR_REDIRECT" });
    }
    if (item.redirects >= maxRedirects) return tooMany(msg);
    const becomesGet = fetchBecomesGet(msg.statusCode, msg.method);
    if (!becomesGet && msg.requestBody instanceof ReadableStream) {
      return new TypeError("Cannot follow the redirect: the request body is a stream that was already read");
    }
    item.redirects++;
    if (becomesGet) rewriteAsGet(msg);
    moveTo(msg, target);
    this.#core.requeue(msg, { after: "body" });
    return "retry";
  }

  take(attempt: Attempt, response: TransportResponse): void {
    const reader = new BodyReader(attempt, response);
    this.#reader = reader;
    // The message may end within; whoever waits has an answer then, unless none could be made.
    this.#isSettled = true;
    try {
      this.#resolve(handOut(reader, this.#signal));
    } catch (error) {
      this.#isSettled = false;
      throw error;
    }
  }

  done(item: QueueItem): void {
    if (this.#aborted !== null) this.#signal!.removeEventListener("abort", this.#aborted);
    const { msg } = item;
    if (this.#isSettled) {
      const isFailure = msg.error !== null && msg.statusCode !== HttpStatus.CANCELLED;
      this.#reader!.ended(isFailure ? fetchFailure(msg, this.#signal) : msg.error);
      return;
    }
    this.#reject(fetchFailure(msg, this.#signal));
  }
}
