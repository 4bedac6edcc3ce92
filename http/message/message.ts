/**
 * One request and its response (`SoupMessage`).
 *
 * @module
 */
import { type BodySource, bodySourceOf } from "./body_source.ts";
import { TypedEventTarget, type TypedListener } from "../../internal/events.ts";
import type { FeatureType } from "./feature_type.ts";
import { callersHeaders, checkMethod } from "../protocol/headers.ts";
import type { HttpMessageEvents } from "./message_events.ts";
import { type MessageFlags, MessagePriority } from "./message_flags.ts";
import { MessageState } from "./message_state.ts";
import { MessageMetrics } from "./metrics.ts";
import { seconds, wholeNumber } from "../../internal/time_limits.ts";
import type { PeerCertificate, TransportCapability } from "../transports/transport.ts";
import { bareAddress, parseUri } from "../protocol/uri.ts";

export { MessageFlags, MessagePriority } from "./message_flags.ts";

/** A request body: bytes, a stream (sent once) or a function that makes a fresh stream for every attempt. */
export type MessageBody =
  | Uint8Array<ArrayBuffer>
  | ReadableStream<Uint8Array<ArrayBuffer>>
  | (() => ReadableStream<Uint8Array<ArrayBuffer>>);

/**
 * What a request body can be given as. Blobs and forms are read as they are sent, as often as need be; streams, iterators
 * and Node's readable streams once.
 */
export type MessageBodyInit =
  | MessageBody
  | BufferSource
  | string
  | Blob
  | FormData
  | URLSearchParams
  | AsyncIterable<Uint8Array | string>
  | Iterator<Uint8Array | string>;

/** Options of {@linkcode HttpMessage}. */
export interface HttpMessageInit {
  /** Request header fields, as `fetch` names them. */
  headers?: HeadersInit;
  /** Request header fields, as the message names them. */
  requestHeaders?: HeadersInit;
  /** Request body, as `fetch` names it; a string is sent as UTF-8. */
  body?: MessageBodyInit | null;
  /** Request body, as the message names it. */
  requestBody?: MessageBodyInit | null;
  /** Length of a stream body in bytes, when it is known. */
  bodyLength?: number;
  /** Flags. */
  flags?: Iterable<MessageFlags>;
  /** Place in the queue. @default {MessagePriority.NORMAL} */
  priority?: MessagePriority;
  /** The page the request is made for, for third-party rules of cookies. */
  firstParty?: string | URL;
  /** The request replaces the page in a window, as following a link does, for SameSite rules of cookies. @default {false} */
  isTopLevelNavigation?: boolean;
  /** Seconds without progress after which this message fails; the session's `timeout` otherwise. */
  timeout?: number;
  /** What the transport of this message must be able to do, for example `["peerCertificate"]`. */
  requires?: readonly TransportCapability[];
}

/** Header names and status codes of guarded handlers, see {@linkcode HttpMessage.addHeaderHandler}. */
export type MessageEventName = keyof HttpMessageEvents & string;

const none: readonly never[] = Object.freeze([]);

let stateOf: (msg: HttpMessage) => MessageState;
let putSource: (msg: HttpMessage, source: BodySource) => void;

/**
 * One request and its response. A message can be sent again after it has finished; what the earlier response left is
 * then dropped.
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
 */
export class HttpMessage extends TypedEventTarget<HttpMessageEvents> {
  static {
    stateOf = (msg) => {
      if (!(#state in Object(msg))) throw new TypeError("Cannot use the value as a message: it is no HttpMessage");
      return msg.#state;
    };
    putSource = (msg, source) => {
      msg.#requestBody = source.body;
      msg.requestBodyLength = source.length;
    };
  }

  /** Page the request is made for; null means unknown (`SoupMessage:first-party`). */
  firstParty: URL | null = null;
  /** True for a request that replaces the page in a window (`SoupMessage:is-top-level-navigation`). */
  isTopLevelNavigation = false;
  /**
   * True keeps from the message what identifies its user to the origin: cookies are neither sent nor stored, credentials
   * neither sent nor asked for. A proxy still gets its own (Fetch §2.2.5, credentials mode "omit").
   */
  omitsCredentials = false;
  /** Status code; 0 until a response or an end is there. */
  statusCode = 0;
  /** The server's reason phrase, or the standard one. */
  reasonPhrase = "";
  /** HTTP version of the response, "1.1" until known. */
  httpVersion = "1.1";
  /** The peer's certificate when the transport shows it; null otherwise. */
  tlsCertificate: PeerCertificate | null = null;
  /** Why the certificate is not trusted; empty when it is or when there is none. */
  tlsErrors: readonly string[] = none;
  /** Times and sizes. */
  readonly metrics: MessageMetrics = new MessageMetrics();
  /** What went wrong: the runtime's own error; null when nothing did. */
  error: unknown = null;
  /** What the transport of this message must be able to do; decides which one carries it. */
  requires: readonly TransportCapability[] = none;
  /** Trailer fields of the response, where the transport has them; null otherwise. */
  trailers: Headers | null = null;

  #state = new MessageState();
  #method: string;
  #uri: URL;
  #timeout: number | null = null;
  #flags: Set<MessageFlags> | null = null;
  #priority: MessagePriority = MessagePriority.NORMAL;
  #requestHeaders: Headers | null = null;
  #responseHeaders: Headers | null = null;
  #requestBody: MessageBody | null = null;
  #requestBodyLength: number | null = null;
  /** The Content-Type that came with the body. */
  #bodyType: string | null = null;

  /** Makes a message. Throws TypeError for a method that is no token and for a URI that is none. */
  constructor(method: string, uri: string | URL, init?: HttpMessageInit) {
    super();
    this.#method = checkMethod(method);
    this.#uri = parseUri(uri);
    if (init !== undefined) this.#initialize(init);
  }

  #initialize(init: HttpMessageInit): void {
    const headers = init.headers ?? init.requestHeaders;
    if (headers !== undefined) this.#requestHeaders = callersHeaders(headers);
    const body = init.body ?? init.requestBody;
    if (body !== undefined && body !== null) this.requestBody = body;
    if (init.bodyLength !== undefined) this.requestBodyLength = init.bodyLength;
    if (init.flags !== undefined) this.#flags = new Set(init.flags);
    if (init.priority !== undefined) this.priority = init.priority;
    if (init.firstParty !== undefined) this.firstParty = parseUri(init.firstParty);
    if (init.isTopLevelNavigation !== undefined) this.isTopLevelNavigation = init.isTopLevelNavigation;
    if (init.timeout !== undefined) this.timeout = init.timeout;
    if (init.requires !== undefined) this.requires = init.requires;
  }

  /** Makes a message of a `Request`. The body becomes a stream that is sent once. */
  static fromRequest(request: Request): HttpMessage {
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
    const bodyless = this.statusCode === 204 || this.statusCode === 205 || this.statusCode === 304;
    return new Response(bodyless ? null : this.responseBody, {
      status: this.statusCode,
      statusText: this.reasonPhrase,
      headers: this.responseHeaders,
    });
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
   * requeued: its connection leads where it leads. The rest may change until the header section is written.
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
    return this.#flags ??= new Set();
  }

  /** True if the flag is set; cheaper than `flags.has` on a message without flags. */
  hasFlag(flag: MessageFlags): boolean {
    return this.#flags !== null && this.#flags.has(flag);
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

  /** Request header fields. */
  get requestHeaders(): Headers {
    return this.#requestHeaders ??= new Headers(this.#state.defaults as [string, string][] | null ?? undefined);
  }
  set requestHeaders(value: Headers) {
    this.#requestHeaders = value;
  }

  /** True once `requestHeaders` was given or looked at. */
  get hasRequestHeaders(): boolean {
    return this.#requestHeaders !== null;
  }

  /**
   * Request body; null for none. A form, a Blob or search parameters bring their Content-Type along, unless the message has
   * one, and their length into {@linkcode HttpMessage.requestBodyLength}.
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

  /** Length of a stream body in bytes; null when unknown. */
  get requestBodyLength(): number | null {
    return this.#requestBodyLength;
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
    if (contentType === null) this.requestHeaders.delete("content-type");
    else this.requestHeaders.set("content-type", contentType);
    this.requestBody = body;
  }

  /** Response header fields; complete from `got-headers` on, empty before. */
  get responseHeaders(): Headers {
    return this.#responseHeaders ??= new Headers();
  }
  set responseHeaders(value: Headers) {
    this.#responseHeaders = value;
  }

  /** What has arrived of the response body; complete at `got-body`. */
  get responseBody(): Uint8Array<ArrayBuffer> {
    return this.#state.body();
  }

  /** Keeps a feature, and its subclasses, away from this message (`soup_message_disable_feature`). */
  disableFeature(type: FeatureType): void {
    (this.#state.disabled ??= []).push(type);
  }

  /** True if the feature is kept away from this message. */
  isFeatureDisabled(feature: object): boolean {
    const disabled = this.#state.disabled;
    return disabled !== null && disabled.some((type) => feature instanceof type);
  }

  /** Adds a listener that runs only when the header is present: the response's for `got-` events, else the request's. */
  addHeaderHandler(event: MessageEventName, header: string, listener: (msg: HttpMessage) => void): void {
    this.addEventListener(event, () => {
      const headers = event.startsWith("wrote-") ? this.requestHeaders : this.responseHeaders;
      if (headers.has(header)) listener(this);
    });
  }

  /** Adds a listener that runs only when the status code is this one at that moment. */
  addStatusCodeHandler(event: MessageEventName, status: number, listener: (msg: HttpMessage) => void): void {
    this.addEventListener(event, () => {
      if (this.statusCode === status) listener(this);
    });
  }

  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends MessageEventName>(
    type: K,
    listener: TypedListener<HttpMessageEvents[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    (this.#state.listened ??= new Set()).add(type);
    super.addEventListener(type, listener, options);
  }
}

/** The session's part of a message. Not part of the public surface. */
export function messageState(msg: HttpMessage): MessageState {
  return stateOf(msg);
}

/** Puts a body on a message that is in its form already. Not part of the public surface. */
export function putBody(msg: HttpMessage, source: BodySource): void {
  putSource(msg, source);
}

/** True if the event ever got a listener: events nobody hears are not made. */
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
  const source = bodySourceOf(body);
  if (source !== null) return source;
  throw new TypeError("Cannot use this as a request body: it is neither bytes, text, form, Blob, stream nor function");
}
