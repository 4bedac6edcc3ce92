/**
 * One request and its response (`SoupMessage`).
 *
 * @module
 */
import {
  checkClass,
  checkFunction,
  checkIterable,
  checkOptions,
  checkText,
  seconds,
  unexpected,
  wholeNumber,
} from "../../internal/expected.ts";
import { type BodySource, sentBodyOf } from "./body_source.ts";
import { TypedEventTarget, type TypedListener } from "../../internal/events.ts";
import type { HeadersInput, ListenerOptions } from "../../internal/platform_types.ts";
import type { FeatureType } from "./feature_type.ts";
import { callersHeaders, checkMethod, headersOf, spellingOf } from "../protocol/headers.ts";
import { type HttpMessageEvents, type MessageMetrics, newMetrics } from "./message_events.ts";
import { flagsOf, MessageFlags, MessagePriority, MessageState } from "./message_state.ts";
import type { HttpMessageInit, MessageBody, MessageBodyInit } from "./message_init.ts";
import { type MessageTimeouts, type MessageTls, OwnSettings } from "./own_settings.ts";
import type { TransportCapability } from "../transports/capabilities.ts";
import type { PeerCertificate } from "../transports/transport.ts";
import { isNullBodyStatus, reasonPhrase } from "../protocol/status.ts";
import { bareAddress, parseUri } from "../protocol/uri.ts";

export { MessageFlags, MessagePriority } from "./message_state.ts";
export type { HttpMessageInit, MessageBody, MessageBodyInit } from "./message_init.ts";

/** Header names and status codes of guarded handlers, see {@linkcode HttpMessage.addHeaderHandler}. */
export type MessageEventName = keyof HttpMessageEvents & string;

const none: readonly never[] = Object.freeze([]);
const { CERTIFICATE_TRUSTED } = MessageFlags;

let stateOf: (msg: HttpMessage) => MessageState;
let isMessage: (value: unknown) => boolean;
let putSource: (msg: HttpMessage, source: BodySource) => void;
let putTrust: (msg: HttpMessage, isTrusted: boolean) => void;

/**
 * One request and its response, for an HTTP session to send (`SoupMessage`). A message can be sent again after it has
 * finished; what the earlier response left is then dropped.
 *
 * What may be set of it: `method`, `uri`, `requestHeaders`, `requestBody` (any kind of body; reads as bytes, a stream or a
 * function that makes one), `requestBodyLength` (bytes), `flags`, `priority` (0 to 4), `timeout`
 * (seconds), `firstParty`, `isTopLevelNavigation`, `omitsCredentials` and `requires`; in place of what its session says
 * `proxy`, `unixSocket`, `tls`, `maxRedirects` and `timeouts` (seconds); of the response `responseHeaders`, and its
 * status by `setStatus`.
 *
 * @example Make a message
 * ```ts
 * import { HttpMessage, MessageFlags } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const msg = new HttpMessage("GET", "http://example.com/", { headers: { accept: "text/plain" } });
 * msg.flags.add(MessageFlags.NO_REDIRECT);
 * assertEquals(msg.statusCode, 0);
 * ```
 *
 * @example Ask a daemon on a unix socket
 * ```ts
 * import { HttpMessage, HttpSession, HttpStatus } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * const msg = new HttpMessage("GET", "http://docker/v1.43/info", { unixSocket: "/nowhere.sock", timeouts: { total: 5 } });
 * assertEquals(await session.sendMessage(msg), HttpStatus.CANT_CONNECT);
 * assertEquals(msg.reasonPhrase, "Cannot connect to destination (unix:/nowhere.sock)");
 * ```
 */
export class HttpMessage extends TypedEventTarget<HttpMessageEvents> {
  static {
    stateOf = (msg) => {
      try {
        return msg.#state;
      } catch (error) {
        checkMessage("use the message", msg);
        throw error;
      }
    };
    isMessage = (value) => typeof value === "object" && value !== null && #state in value;
    putSource = (msg, source) => {
      msg.#requestBody = source.body;
      msg.requestBodyLength = source.length;
    };
    putTrust = (msg, isTrusted) => {
      msg.#state.isTrusted = isTrusted;
      if (isTrusted) msg.#flags?.add(CERTIFICATE_TRUSTED);
      else msg.#flags?.delete(CERTIFICATE_TRUSTED);
    };
  }

  /** True for a request that replaces the page in a window (`SoupMessage:is-top-level-navigation`). */
  isTopLevelNavigation = false;
  /**
   * True keeps from the message what identifies its user to the origin: cookies are neither sent nor stored, credentials
   * neither sent nor asked for. A proxy still gets its own (Fetch §2.2.5, credentials mode "omit").
   */
  omitsCredentials = false;
  /** Times and sizes. */
  readonly metrics: MessageMetrics = newMetrics();
  readonly #state = new MessageState();
  #method: string;
  #uri: URL;
  #timeout: number | null = null;
  #flags: Set<MessageFlags> | null = null;
  #firstParty: URL | null = null;
  #requires: readonly TransportCapability[] = none;
  #priority: MessagePriority = MessagePriority.NORMAL;
  #requestHeaders: Headers | null = null;
  #responseHeaders: Headers | null = null;
  #requestBody: MessageBody | null = null;
  #requestBodyLength: number | null = null;
  /** The Content-Type that came with the body. */
  #bodyType: string | null = null;

  /**
   * Makes a message.
   *
   * @param method The method, exactly as it is to go onto the wire.
   * @param uri The URI: http, https, or a scheme that the session takes for one of them.
   * @param init Header fields, body and the rest.
   * @throws {TypeError} For a method that is no token, a URI that is none, and a body of no known kind.
   * @throws {RangeError} For a priority, time or length out of range.
   */
  constructor(method: string, uri: string | URL, init?: HttpMessageInit) {
    super();
    this.#method = checkMethod(method);
    this.#uri = parseUri(uri);
    if (init !== undefined) this.#initialize(checkOptions("make a message", init));
  }

  #initialize(init: HttpMessageInit): void {
    const headers = init.headers ?? init.requestHeaders;
    if (headers !== undefined) {
      this.#requestHeaders = callersHeaders(headers);
      this.#state.spelling = spellingOf(headers);
    }
    const body = init.body ?? init.requestBody;
    if (body !== undefined && body !== null) this.requestBody = body;
    if (init.bodyLength !== undefined) this.requestBodyLength = init.bodyLength;
    if (init.flags !== undefined) this.#flags = flagsOf(init.flags);
    if (init.priority !== undefined) this.priority = init.priority;
    if (init.firstParty !== undefined) this.firstParty = init.firstParty;
    if (init.isTopLevelNavigation !== undefined) this.isTopLevelNavigation = init.isTopLevelNavigation;
    if (init.omitsCredentials !== undefined) this.omitsCredentials = init.omitsCredentials;
    if (init.timeout !== undefined) this.timeout = init.timeout;
    if (init.requires !== undefined) this.requires = init.requires;
    if (init.proxy !== undefined) this.proxy = init.proxy;
    if (init.unixSocket !== undefined) this.unixSocket = init.unixSocket;
    if (init.tls !== undefined) this.tls = init.tls;
    if (init.maxRedirects !== undefined) this.maxRedirects = init.maxRedirects;
    if (init.timeouts !== undefined) this.timeouts = init.timeouts;
  }

  /** Makes a message of a `Request`. The body becomes a stream that is sent once. */
  static fromRequest(request: Request): HttpMessage {
    if (!(request instanceof Request)) throw unexpected("make a message", "a Request", request);
    const msg = new HttpMessage(request.method, request.url, { headers: request.headers });
    if (request.body) msg.requestBody = request.body;
    return msg;
  }

  /**
   * The response as a `Response` of the runtime, with what has arrived of the body.
   *
   * @throws {TypeError} If there is no response: the message is unsent or ended with a transport status.
   */
  toResponse(): Response {
    if (this.statusCode < 200) {
      throw new TypeError(`Cannot make a Response: the message has the status ${this.statusCode}`);
    }
    return new Response(isNullBodyStatus(this.statusCode) ? null : this.responseBody, {
      status: this.statusCode,
      statusText: this.reasonPhrase,
      headers: this.responseHeaders,
    });
  }

  /** Status code; 0 until a response or an end is there (`SoupMessage:status-code`). */
  get statusCode(): number {
    return this.#state.statusCode;
  }

  /** The server's reason phrase, or the standard one (`SoupMessage:reason-phrase`). */
  get reasonPhrase(): string {
    return this.#state.reasonPhrase;
  }

  /**
   * Gives the message another status (`soup_message_set_status_full`). For features, in `gotHeaders` or later, and for
   * the tests of those who read messages: sessions write what the server has said.
   *
   * @param status The status code, from 0 to 999.
   * @param reason The reason phrase; that of the standard where it is left out.
   * @throws {RangeError} If the status is out of range.
   */
  setStatus(status: number, reason?: string): void {
    const code = wholeNumber("the status", status, 0, 999);
    this.#state.reasonPhrase = reason === undefined ? reasonPhrase(code) : checkText("set the status", reason);
    this.#state.statusCode = code;
  }

  /** HTTP version of the response, "1.1" until known. */
  get httpVersion(): string {
    return this.#state.httpVersion;
  }

  /** The peer's certificate when the transport shows it; null otherwise. */
  get tlsCertificate(): PeerCertificate | null {
    return this.#state.tlsCertificate;
  }

  /** Why the certificate is not trusted; empty when it is or when there is none. */
  get tlsErrors(): readonly string[] {
    return this.#state.tlsErrors;
  }

  /** What went wrong: the runtime's own error; null when nothing did. A reason that is no Error is its `cause`. */
  get error(): Error | null {
    return this.#state.error;
  }

  /** Trailer fields of the response, where the transport has them; null otherwise. */
  get trailers(): Headers | null {
    return this.#state.trailers;
  }

  /** The method, exactly as it goes onto the wire. */
  get method(): string {
    return this.#method;
  }
  set method(value: string) {
    this.#method = checkMethod(value);
  }

  /**
   * The URI; redirects change it. From `request-started` on another origin is a TypeError, unless the message has been
   * requeued: a connection cannot change its host. The rest may change until the header section is written.
   */
  get uri(): URL {
    return this.#uri;
  }
  set uri(value: string | URL) {
    const uri = parseUri(value);
    const { sentTo } = this.#state;
    if (sentTo !== null && !this.#state.mayMoveTo(uri)) {
      throw new TypeError(
        `Cannot set the URI to ${bareAddress(uri)}: the request is on its way to ${bareAddress(sentTo)}, ` +
          "call requeueMessage first",
      );
    }
    this.#uri = uri;
  }

  /** Flags. */
  get flags(): Set<MessageFlags> {
    return this.#flags ??= new Set(this.#state.isTrusted ? [CERTIFICATE_TRUSTED] : []);
  }

  /** True if the flag is set; cheaper than `flags.has` on a message without flags. */
  hasFlag(flag: MessageFlags): boolean {
    return this.#flags === null ? flag === CERTIFICATE_TRUSTED && this.#state.isTrusted : this.#flags.has(flag);
  }

  /** Page the request is made for; null means unknown (`SoupMessage:first-party`). */
  get firstParty(): URL | null {
    return this.#firstParty;
  }
  set firstParty(value: string | URL | null) {
    this.#firstParty = value === null ? null : parseUri(value);
  }

  /** What the transport of this message must be able to do; decides which one carries it. */
  get requires(): readonly TransportCapability[] {
    return this.#requires;
  }
  set requires(value: readonly TransportCapability[]) {
    checkIterable("set requires", value, "a list of capabilities");
    this.#requires = value;
  }

  /** Place in the queue; may be changed while the message waits. */
  get priority(): MessagePriority {
    return this.#priority;
  }
  set priority(value: MessagePriority) {
    this.#priority = wholeNumber("the priority", value, 0, 4) as MessagePriority;
    if (this.#state.item !== null) this.#state.onPriority?.(this.#state.item);
  }

  /** Seconds without progress after which the message fails; 0 is no limit, null takes the session's `timeout`. */
  get timeout(): number | null {
    return this.#timeout;
  }
  set timeout(value: number | null) {
    this.#timeout = value === null ? null : seconds("the message's timeout", value);
  }

  get #own(): OwnSettings {
    return this.#state.own ??= new OwnSettings();
  }

  /**
   * The proxy of this message, through all redirects: an `http:`, `https:`, `socks5:` or `socks5h:` URI, which may hold
   * credentials; null goes directly, undefined asks the session's resolvers. A unix socket needs none and is given none.
   */
  get proxy(): URL | null | undefined {
    return this.#state.own?.proxyUri;
  }
  set proxy(value: string | URL | null | undefined) {
    this.#own.setProxy(value);
  }

  /**
   * The unix socket this message goes to, through all redirects, whatever host its URI names: that one is for the Host
   * field, cookies and caches. Null goes over the network, undefined is what the session's `unixSocket` says.
   */
  get unixSocket(): string | null | undefined {
    return this.#state.own?.unixSocket;
  }
  set unixSocket(value: string | null | undefined) {
    this.#own.unixSocket = value;
  }

  /**
   * TLS of this message; null and what is left out are as the session has it. Connections are shared among messages with
   * the same. A client certificate of the message's own goes no farther than its origin: redirected to another one, the
   * message has none, unless a function chooses it.
   */
  get tls(): MessageTls | null {
    return this.#state.own?.tls ?? null;
  }
  set tls(value: MessageTls | null) {
    this.#own.tls = value;
  }

  /** Redirects that are followed before the message fails with TOO_MANY_REDIRECTS; null is 20. */
  get maxRedirects(): number | null {
    return this.#state.own?.maxRedirects ?? null;
  }
  set maxRedirects(value: number | null) {
    this.#own.maxRedirects = value;
  }

  /**
   * Limits of time in seconds, each in place of the one that a `Timeouts` of the session sets; null for none. What
   * takes too long ends the message as it does there. `timeout` wins over `idle`.
   */
  get timeouts(): MessageTimeouts | null {
    return this.#state.own?.timeouts ?? null;
  }
  set timeouts(value: MessageTimeouts | null) {
    this.#own.timeouts = value;
  }

  /**
   * Request header fields. On HTTP/1.1 names go out as they are written in pairs or an object that is set here; `Headers`
   * keep them in lower case, from which they go out as usual (`Content-Type`).
   */
  get requestHeaders(): Headers {
    return this.#requestHeaders ??= new Headers(this.#state.defaults as [string, string][] | null ?? undefined);
  }
  set requestHeaders(value: HeadersInput) {
    this.#requestHeaders = headersOf("set the request headers", value);
    this.#state.spelling = spellingOf(value);
  }

  /** True once `requestHeaders` was given or looked at. */
  get hasRequestHeaders(): boolean {
    return this.#requestHeaders !== null;
  }

  /**
   * Request body; null for none. A form, a Blob or search parameters bring their Content-Type along, unless the message has
   * one, and their length into {@linkcode HttpMessage.requestBodyLength}. A stream is sent once; one that no attempt has
   * begun to read is left alone when the message ends.
   */
  get requestBody(): MessageBody | null {
    return this.#requestBody;
  }
  set requestBody(value: MessageBodyInit | null) {
    const source = value === null ? null : sourceOf(value);
    this.#requestBody = source?.body ?? null;
    this.requestBodyLength = source?.length ?? null;
    if (typeof value !== "string") this.#describeBody(source?.type ?? null);
  }

  /** Length of the body in bytes, which may be set for a stream; null when it is not known, and where there is no body. */
  get requestBodyLength(): number | null {
    const body = this.#requestBody;
    return body instanceof Uint8Array ? body.byteLength : this.#requestBodyLength;
  }
  set requestBodyLength(value: number | null) {
    this.#requestBodyLength = value === null ? null : wholeNumber("the length of the request body", value);
  }

  /** A form or Blob brings its Content-Type along, and takes it away when another body comes. */
  #describeBody(type: string | null): void {
    if (this.#bodyType !== null && this.requestHeaders.get("content-type") === this.#bodyType) {
      this.requestHeaders.delete("content-type");
    }
    this.#bodyType = null;
    if (type === null || this.requestHeaders.has("content-type")) return;
    this.requestHeaders.set("content-type", type);
    this.#bodyType = type;
  }

  /** Sets body and Content-Type at once (`soup_message_set_request`). */
  setRequest(contentType: string | null, body: MessageBodyInit | null): void {
    if (contentType !== null) checkText("set the request", contentType);
    if (contentType === null) this.requestHeaders.delete("content-type");
    else this.requestHeaders.set("content-type", contentType);
    this.requestBody = body;
  }

  /** Response header fields; complete from `got-headers` on, empty before. */
  get responseHeaders(): Headers {
    return this.#responseHeaders ??= new Headers();
  }
  set responseHeaders(value: HeadersInput) {
    this.#responseHeaders = headersOf("set the response headers", value);
  }

  /** What has arrived of the response body; complete at `got-body`. */
  get responseBody(): Uint8Array<ArrayBuffer> {
    return this.#state.body();
  }

  /** Keeps a feature, and its subclasses, away from this message (`soup_message_disable_feature`). */
  disableFeature(type: FeatureType): void {
    checkClass("disable a feature", type);
    (this.#state.disabled ??= []).push(type);
  }

  /** True if the feature is kept away from this message. */
  isFeatureDisabled(feature: object): boolean {
    const disabled = this.#state.disabled;
    return disabled !== null && disabled.some((type) => feature instanceof type);
  }

  /**
   * Adds a listener that runs only when the header is present: the response's for `got-` events, else the request's. A
   * `signal` among the options removes it.
   */
  addHeaderHandler(
    event: MessageEventName,
    header: string,
    listener: (msg: HttpMessage) => void,
    options?: ListenerOptions,
  ): void {
    checkText("add a header handler", event);
    checkText("add a header handler", header);
    checkFunction("add a header handler", listener);
    this.addEventListener(event, () => {
      const headers = event.startsWith("wrote-") ? this.requestHeaders : this.responseHeaders;
      if (headers.has(header)) listener(this);
    }, options);
  }

  /**
   * Adds a listener that runs only when the status code is this one at that moment. A `signal` among the options removes
   * it.
   */
  addStatusCodeHandler(
    event: MessageEventName,
    status: number,
    listener: (msg: HttpMessage) => void,
    options?: ListenerOptions,
  ): void {
    checkText("add a status code handler", event);
    checkFunction("add a status code handler", listener);
    wholeNumber("the status code of a handler", status);
    this.addEventListener(event, () => {
      if (this.statusCode === status) listener(this);
    }, options);
  }

  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends MessageEventName>(
    type: K,
    listener: TypedListener<HttpMessageEvents[K], this>,
    options?: boolean | ListenerOptions,
  ): void {
    (this.#state.listened ??= new Set()).add(type);
    super.addEventListener(type, listener, options);
  }
}

/** Checks a message; `action` completes "Cannot …". Not part of the public surface. */
export function checkMessage(action: string, msg: unknown): void {
  if (!isMessage(msg)) throw unexpected(action, "a HttpMessage", msg);
}

/** The session's part of a message. Not part of the public surface. */
export function messageState(msg: HttpMessage): MessageState {
  return stateOf(msg);
}

/** Puts a body on a message that is in its form already. Not part of the public surface. */
export function putBody(msg: HttpMessage, source: BodySource): void {
  putSource(msg, source);
}

/** Sets or removes CERTIFICATE_TRUSTED, for which alone no Set is made. Not part of the public surface. */
export function setTrusted(msg: HttpMessage, isTrusted: boolean): void {
  putTrust(msg, isTrusted);
}

/** True if the event ever got a listener: events without one are not created. */
export function isListened(msg: HttpMessage, type: MessageEventName): boolean {
  const listened = stateOf(msg).listened;
  return listened !== null && listened.has(type);
}

/** Dispatches an event without data to a message's listeners. */
export function emit(msg: HttpMessage, type: MessageEventName): void {
  if (isListened(msg, type)) msg.dispatchEvent(new Event(type));
}

/** Brings a body of any kind into one of the forms a message keeps. */
function sourceOf(body: MessageBodyInit): BodySource {
  const source = sentBodyOf(body);
  if (source !== null) return source;
  throw new TypeError("Cannot use this as a request body: it is neither bytes, text, form, Blob, stream nor function");
}

/** True as long as the message is in the attempt it is in now: what outlives that must not speak for it any more. */
export function attemptGuard(msg: HttpMessage): () => boolean {
  const { item } = messageState(msg);
  const attempt = item?.attempt;
  return () => messageState(msg).item === item && item?.attempt === attempt;
}
