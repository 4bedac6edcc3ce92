/**
 * The options of a fetch, checked as the Fetch standard has it (§5.4) and brought onto a message.
 *
 * @module
 */
import { checkFunction, checkOptions, checkSignal } from "../../internal/expected.ts";
import { heedErrors } from "../../internal/byte_duplex.ts";
import type { FetchInput } from "../../internal/platform_types.ts";
import { setCacheMode } from "../features/cache/directives.ts";
import { NotSupportedError } from "../errors.ts";
import { setBody, takeBody } from "./fetch_request_body.ts";
import { callersHeaders, spellingOf } from "../protocol/headers.ts";
import { HttpMessage, MessagePriority, messageState } from "../message/message.ts";
import type { HttpFetchInit } from "../contract/message_options.ts";
import type { MessageTls } from "../message/own_settings.ts";
import { Referrer } from "./referrer.ts";

/** What `session.fetch` does with a request besides sending its message. */
export interface FetchSettings {
  /** The caller's; null for none. */
  readonly signal: AbortSignal | null;
  /** What is done with redirects. */
  readonly redirect: NonNullable<HttpFetchInit["redirect"]>;
  /** Who refers to the request; null for nobody. */
  readonly referrer: Referrer | null;
  /** Hashes one of which the body must have; "" for none. */
  readonly integrity: string;
  /** The caller has said that there is no window in which somebody could be asked for a proxy's credentials. */
  readonly isWindowless: boolean;
}

/** The settings of a fetch without options. */
export const plainFetch: FetchSettings = Object.freeze({
  signal: null,
  redirect: "follow",
  referrer: null,
  integrity: "",
  isWindowless: false,
});

/** A request as `session.fetch` sends it. */
export interface FetchRequest {
  readonly msg: HttpMessage;
  readonly settings: FetchSettings;
}

/** Words an option may have. */
const words: ReadonlyArray<readonly [name: keyof HttpFetchInit, words: readonly string[]]> = [
  ["credentials", ["omit", "same-origin", "include"]],
  ["mode", ["same-origin", "no-cors", "cors"]],
  ["redirect", ["follow", "error", "manual"]],
  ["duplex", ["half"]],
];

/** What runtimes add to the options of their fetch, and what to do here in its place. */
const runtimeOptions: Readonly<Record<string, string>> = {
  client: "connections are the session's own",
  dispatcher: "connections are the session's own; a FetchTransport with { init: { dispatcher } } uses another's",
};

/**
 * Makes the message of a fetch.
 *
 * @throws {TypeError} For an option the Fetch standard does not know.
 * @throws {NotSupportedError} For an option of a runtime's own, which is never left out silently.
 */
export async function messageOf(
  input: FetchInput,
  init: HttpFetchInit,
  runtime: string,
): Promise<FetchRequest> {
  const request = input instanceof Request ? input : null;
  checkOptions("fetch", init);
  // Whatever becomes of the fetch, it is told by its promise alone.
  heedErrors(init.body);
  checkInit(init, runtime);
  const method = normalizedMethod(init.method ?? request?.method ?? "GET");
  const msg = new HttpMessage(method, request?.url ?? String(input));
  const headers = init.headers !== undefined ? init.headers : request?.headers;
  if (headers !== undefined) {
    msg.requestHeaders = callersHeaders(headers);
    messageState(msg).spelling = spellingOf(headers);
  }
  msg.omitsCredentials = (init.credentials ?? request?.credentials) === "omit";
  const referrer = Referrer.of(
    init.referrer ?? request?.referrer ?? "",
    init.referrerPolicy ?? request?.referrerPolicy ?? "",
  );
  if (init.priority !== undefined) msg.priority = priorityOf(init.priority);
  if (init.timeout !== undefined && init.timeout !== true) msg.timeout = init.timeout === false ? 0 : init.timeout;
  setCacheMode(msg, init.cache !== undefined ? init.cache : request?.cache ?? "default");
  bringWay(msg, init, runtime);
  const signal = init.signal !== undefined ? init.signal : request?.signal ?? null;
  checkSignal("fetch", signal);
  await bringBody(msg, request, init, signal);
  try {
    return { msg, settings: settingsOf(msg, request, init, referrer, signal) };
  } catch (error) {
    // The stream of a Request is nobody else's any more.
    dropBody(msg, error);
    throw error;
  }
}

/** Lets the caller prepare the message, and reads what stays with the fetch. */
function settingsOf(
  msg: HttpMessage,
  request: Request | null,
  init: HttpFetchInit,
  referrer: Referrer | null,
  signal: AbortSignal | null,
): FetchSettings {
  if (init.prepare !== undefined && init.prepare !== null) {
    checkFunction("fetch", init.prepare, "prepare to be a function");
    init.prepare(msg);
  }
  const isOwn = referrer !== null && !(msg.hasRequestHeaders && msg.requestHeaders.has("referer"));
  if (isOwn) referrer.apply(msg);
  return {
    signal,
    redirect: init.redirect ?? request?.redirect ?? "follow",
    referrer: isOwn ? referrer : null,
    integrity: String(init.integrity ?? request?.integrity ?? ""),
    isWindowless: init.window === null,
  };
}

function checkInit(init: HttpFetchInit, runtime: string): void {
  for (const [name, allowed] of words) {
    const value = (init as Record<string, unknown>)[name];
    if (value === undefined || allowed.includes(String(value))) continue;
    throw new TypeError(
      `Cannot fetch: ${JSON.stringify(value)} is no ${name} mode, it is one of ${allowed.join(", ")}`,
    );
  }
  if (init.window !== undefined && init.window !== null) throw new TypeError("Cannot fetch: the window must be null");
  for (const [name, instead] of Object.entries(runtimeOptions)) {
    const value = (init as Record<string, unknown>)[name];
    if (value === undefined || value === null) continue;
    throw new NotSupportedError(`fetch with the option "${name}"`, runtime, instead);
  }
}

/** Brings what the caller says of the way of the request onto its message. */
function bringWay(
  msg: HttpMessage,
  { maxRedirects, proxy, timeouts, tls, unix }: HttpFetchInit,
  runtime: string,
): void {
  // Bun takes an empty proxy, and an empty path, for none given.
  if (proxy !== undefined && proxy !== "") msg.proxy = proxyOf(proxy, runtime);
  if (unix !== undefined && unix !== "") msg.unixSocket = unix;
  if (tls !== undefined) msg.tls = tls?.rejectUnauthorized === undefined ? tls : strictOf(tls);
  if (maxRedirects !== undefined) msg.maxRedirects = maxRedirects;
  if (timeouts !== undefined) msg.timeouts = timeouts;
}

/** TLS in the words of Bun's fetch; the message refuses all others of these. */
function strictOf({ rejectUnauthorized, ...tls }: NonNullable<HttpFetchInit["tls"]>): MessageTls {
  return { ...tls, sslStrict: tls.sslStrict ?? rejectUnauthorized };
}

/** A proxy in the forms that Bun's fetch has besides: false, and an object. */
function proxyOf(proxy: NonNullable<HttpFetchInit["proxy"]> | null, runtime: string): string | URL | null {
  if (proxy === false) return null;
  if (typeof proxy !== "object" || proxy === null || proxy instanceof URL) return proxy;
  const { headers, respectNoProxy, url } = proxy;
  if (headers !== undefined && [...new Headers(headers as HeadersInit)].length > 0) {
    const instead = "a proxy is given its user and password in its URL, and no other fields";
    throw new NotSupportedError('fetch with the option "proxy.headers"', runtime, instead);
  }
  if (respectNoProxy === true) {
    const instead = "what the environment says is asked by ProxyResolver.fromEnvironment()";
    throw new NotSupportedError('fetch with the option "proxy.respectNoProxy"', runtime, instead);
  }
  return url;
}

/** Puts the body on the message, unless the caller has given up. */
async function bringBody(
  msg: HttpMessage,
  request: Request | null,
  init: HttpFetchInit,
  signal: AbortSignal | null,
): Promise<void> {
  const body: unknown = init.body !== undefined ? init.body : request?.body ?? null;
  if (body !== null && (msg.method === "GET" || msg.method === "HEAD")) {
    throw new TypeError(`Cannot fetch with ${msg.method}: it has no body`);
  }
  if (body !== null && init.body !== undefined) setBody(msg, body, init.duplex !== undefined);
  else if (body !== null && signal?.aborted) cancelUnread(request!.body, signal.reason);
  else if (body !== null) msg.requestBody = await takeBody(request!);
  throwIfGivenUp(msg, signal);
}

/** A caller who has given up gets the reason, and so does the source of the body. */
export function throwIfGivenUp(msg: HttpMessage, signal: AbortSignal | null): void {
  if (signal === null || !signal.aborted) return;
  dropBody(msg, signal.reason);
  throw signal.reason;
}

/** Cancels a body that nobody has begun to read. */
export function dropBody({ requestBody }: HttpMessage, reason: unknown): void {
  cancelUnread(requestBody, reason);
}

function cancelUnread(body: unknown, reason: unknown): void {
  if (body instanceof ReadableStream && !body.locked) body.cancel(reason).catch(() => {});
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

function priorityOf(priority: NonNullable<HttpFetchInit["priority"]>): MessagePriority {
  if (typeof priority === "number") return priority;
  if (priority !== "high" && priority !== "low" && priority !== "auto") {
    throw new TypeError(`Cannot fetch: ${JSON.stringify(priority)} is no priority`);
  }
  return priority === "high" ? MessagePriority.HIGH : priority === "low" ? MessagePriority.LOW : MessagePriority.NORMAL;
}
