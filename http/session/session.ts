/**
 * The HTTP session (`SoupSession`).
 *
 * @module
 */
import {
  checkClass,
  checkFunction,
  checkObject,
  checkOptions,
  checkOwnOptions,
  checkSignal,
  unexpected,
  wholeNumber,
} from "../../internal/expected.ts";
import type { Connection } from "../transports/connection.ts";
import { NotSupportedError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { FeatureType } from "../message/feature_type.ts";
import { makeFetch } from "../fetch/fetch.ts";
import { checkMessage, type HttpMessage } from "../message/message.ts";
import { heed, ItemState, type QueueItem } from "../queue/queue_item.ts";
import { redirectMessage, wouldRedirect } from "../attempt/redirects.ts";
import { HttpSessionCore } from "../queue/engine.ts";
import { makeDefaultFeatures, makeStaticProxyResolver, ntlmType } from "./session_defaults.ts";
import {
  accessorOf,
  type ActingProperty,
  ConnectionEvent,
  type HttpSessionEvents,
  isActing,
  NotifyEvent,
  RequestEvent,
  RequestStartedEvent,
  type SessionProperty,
} from "../contract/session_events.ts";
import {
  checkContext,
  type ConstructibleFeatureType,
  type HttpSessionOptions,
  listOf,
  sessionOptionNames,
} from "./session_options.ts";
import type { SessionPropertyInputs, SessionPropertyValues } from "./session_property_types.ts";
import type { CancelOptions, RequeueOptions, SendOptions } from "../contract/message_options.ts";
import type { AsyncContext, FeatureSession, SessionFetch } from "../contract/feature_session.ts";
import { flag, type SessionValueName, sessionValueNames, sessionValues } from "../queue/session_properties.ts";
import { SessionSettings } from "../queue/session_settings.ts";
import type { Sending } from "../queue/starting_turn.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { TypedEventTarget, type TypedListener } from "../../internal/events.ts";
import type { ListenerOptions } from "../../internal/platform_types.ts";
import type { ClientCertificateOption } from "../transports/client_tls.ts";
import { HttpStatus } from "../protocol/status.ts";
import { closeSync, sendSync } from "../sync/sync_send.ts";
import type { TransportCapabilities } from "../transports/capabilities.ts";
import type { HostLookup } from "../transports/host_lookup.ts";
import type { Http2Choice, TrustRoots } from "../transports/transport.ts";
import { proxyUriOf } from "../transports/proxy_uri.ts";
import { TransportList } from "../transports/choice/select.ts";
import { socketFor, type UnixSocketOption } from "../transports/unix_socket.ts";
import { bareHost, classOf, defaultPort, httpUriOf, parseUri } from "../protocol/uri.ts";
import { type HttpWebSocketOptions, openWebSocket } from "../websocket/open_websocket.ts";
import type { HttpWebSocket } from "../websocket/websocket.ts";

/** The engine of a session. Not part of the public surface. */
export let coreOf: (session: HttpSession) => HttpSessionCore;

/** Called when a message is done (`SoupSessionCallback`). */
export type SessionCallback = (session: HttpSession, msg: HttpMessage) => void;

/**
 * An HTTP session: queue, connections, credentials and features for the requests of a program (`SoupSession`).
 *
 * Its properties, each an accessor and an option of the constructor; `get` and `set` take the manual's names, and
 * "notify" is emitted for changes, except of `clientCertificate`, `http2`, `unixSocket` and `lookup`:
 *
 * - `proxyUri`: the proxy of all messages; null for none
 * - `maxConns`, `maxConnsPerHost`: connections at once, in all (10) and to one host (2)
 * - `timeout`, `idleTimeout`: seconds without progress, and of an idle connection; 0 is no limit
 * - `userAgent`, `acceptLanguage`, `acceptLanguageAuto`: fields of every message; null for none
 * - `sslStrict`, `tlsDatabase`, `sslUseSystemCaFile`, `sslCaFile`: whether certificates are checked, and against which
 * - `clientCertificate`: the client's own, also by origin
 * - `http2`: whether HTTP/2 is spoken
 * - `unixSocket`, `lookup`: a socket of the file system in place of the network, and who finds the addresses of hosts
 * - `httpAliases`, `httpsAliases`: URI schemes that mean http and https
 * - `useNtlm`: NTLM authentication
 * - `asyncContext`, `useThreadContext`: what runs the session's work
 *
 * @example Fetch through a session
 * ```ts
 * import { FetchTransport, HttpSession } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * // A real program leaves `transport` out; this one answers itself, so that it runs anywhere.
 * const transport = new FetchTransport({ fetch: () => Promise.resolve(Response.json({ ok: true })) });
 * await using session = new HttpSession({ transport, userAgent: "example/1.0 " });
 * const response = await session.fetch("http://example.com/");
 * assertEquals(await response.json(), { ok: true });
 * ```
 *
 * @example Send a message and look at its life
 * ```ts
 * import { FetchTransport, HttpMessage, HttpSession, HttpStatus } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = new FetchTransport({ fetch: () => Promise.resolve(new Response("hello")) });
 * await using session = new HttpSession({ transport });
 * const msg = new HttpMessage("GET", "http://example.com/");
 * const seen: string[] = [];
 * for (const type of ["got-headers", "got-chunk", "got-body", "finished"] as const) {
 *   msg.addEventListener(type, () => seen.push(type));
 * }
 * assertEquals(await session.sendMessage(msg), HttpStatus.OK);
 * assertEquals(seen, ["got-headers", "got-chunk", "got-body", "finished"]);
 * ```
 */
export class HttpSession extends TypedEventTarget<HttpSessionEvents> implements FeatureSession {
  static {
    coreOf = (session) => session.#core;
  }

  /**
   * Fetches through the queue: a drop-in for `globalThis.fetch`, bound to the session. Aborts and timeouts reject with
   * `signal.reason`, every transport failure with an `HttpError`.
   */
  readonly fetch: SessionFetch;
  readonly #settings: SessionSettings = new SessionSettings();
  readonly #core: HttpSessionCore;
  /** What runs the session's work, as given to the constructor. */
  #context: AsyncContext | null = null;
  #listened: Set<string> | null = null;
  #proxyResolver: SessionFeature | null = null;
  #proxyUri: URL | null = null;
  #isConstructed = false;

  /**
   * Makes a session.
   *
   * @param options Properties, features and the transport.
   * @throws {RangeError} For a number out of its property's range.
   * @throws {TypeError} For a value of another type than its property's, and for an option that there is none of.
   * @throws {NotSupportedError} For a proxy no transport of the session can go through.
   */
  constructor(options: HttpSessionOptions = {}) {
    super();
    checkOwnOptions("make a session", options, sessionOptionNames);
    this.#context = checkContext(options.asyncContext ?? null);
    this.#core = new HttpSessionCore(this, this.#settings, new TransportList(options.transport ?? "auto"), {
      request: (type, item) => this.#emitRequest(type, item),
      connection: (type, connection) => this.#emitConnection(type, connection),
      areHeard: () => this.#listened !== null,
    }, makeSending);
    this.fetch = makeFetch(this.#core, (url) => void this.prepareForUri(parseUri(url)));
    if (options.defaultFeatures !== false) this.#core.features.addDefaults(makeDefaultFeatures());
    for (const name of sessionValueNames) if (options[name] !== undefined) this.#set(name, options[name]);
    for (const type of listOf(options.removeFeatureByType)) this.removeFeatureByType(type);
    for (const feature of [...listOf(options.addFeature), ...listOf(options.features)]) this.addFeature(feature);
    for (const type of listOf(options.addFeatureByType)) this.addFeatureByType(type);
    if (options.useNtlm !== undefined) this.useNtlm = options.useNtlm;
    if (options.proxyUri !== undefined) this.proxyUri = options.proxyUri;
    this.#isConstructed = true;
  }

  /** What the session's transports can do together. */
  get capabilities(): TransportCapabilities {
    return this.#core.transports.capabilities;
  }

  /** True after `close`. */
  get closed(): boolean {
    return this.#core.isClosed;
  }

  /** Connections that are open, busy and idle; also those with a body nobody reads, which no limit counts. */
  get connections(): readonly Connection[] {
    return [...this.#core.pool?.connections ?? []];
  }

  /**
   * Puts a message on the queue (`soup_session_queue_message`). "request-queued" fires before it returns, work begins
   * from a microtask. What an earlier use left on the message is dropped.
   *
   * @throws {TypeError} If the message is already on a queue or the session is closed.
   */
  queueMessage(msg: HttpMessage, callback?: SessionCallback): void {
    checkMessage("queue the message", msg);
    const isCalledBack = callback !== undefined && callback !== null;
    if (isCalledBack) checkFunction("queue the message", callback, "a function as callback");
    this.#core.queue(msg, isCalledBack ? () => callback(this, msg) : null, null, null);
  }

  /**
   * Sends a message and resolves with its status (`soup_session_send_message`). Transport failures are statuses below
   * 100; only an abort rejects, with `signal.reason`, and what no transport can do, with NotSupportedError.
   *
   * @param msg The message; it may be on no queue.
   * @param options What cancels it.
   * @throws {TypeError} If the message is already on a queue or the session is closed.
   * @throws {NotSupportedError} If no transport of the session can send such a message.
   */
  sendMessage(msg: HttpMessage, options: SendOptions = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      checkMessage("send the message", msg);
      const signal = signalOf(options);
      const aborted = (): void => this.cancelMessage(msg, HttpStatus.CANCELLED, { error: signal!.reason });
      const item = this.#core.queue(msg, null, null, () => {
        if (signal?.aborted && msg.statusCode === HttpStatus.CANCELLED) reject(signal.reason);
        else if (msg.error instanceof NotSupportedError) reject(msg.error);
        else resolve(msg.statusCode);
        if (signal !== null) leaveSignal(signal, aborted);
      });
      if (signal !== null) heed(signal, item, aborted, reject);
    });
  }

  /**
   * Sends a message and blocks the thread until it is done (`soup_session_send_message` of a SoupSessionSync). Returns
   * its status. It is sent by a worker with this session's settings and limits; features are asked on this thread, and
   * must answer at once. Events are dispatched right after this call, except `authenticate`, which is dispatched during
   * it.
   *
   * Nothing else happens on the thread meanwhile: no timer runs, so a signal ends the message only when a hook aborts it
   * (`timeout` and {@linkcode Timeouts} are kept all the same), and a server in the same thread never answers.
   *
   * @param msg The message; it may be on no queue, and its body must be bytes.
   * @param options What cancels it.
   * @throws {TypeError} If the message is on a queue, has a stream for a body, or every connection is busy; if a hook of
   * a synchronous send of this session calls.
   * @throws {NotSupportedError} If a feature answers requests itself or later, or the transport is the caller's own.
   */
  sendMessageSync(msg: HttpMessage, options: SendOptions = {}): number {
    checkMessage("send the message", msg);
    const signal = signalOf(options);
    const aborted = (): void => this.cancelMessage(msg, HttpStatus.CANCELLED, { error: signal!.reason });
    signal?.addEventListener("abort", aborted);
    try {
      const status = sendSync(this.#core, msg);
      if (signal?.aborted && status === HttpStatus.CANCELLED) throw signal.reason;
      return status;
    } finally {
      if (signal !== null) leaveSignal(signal, aborted);
    }
  }

  /**
   * Sends a message of this session's queue again (`soup_session_requeue_message`). Legal in every state, in listeners
   * of "finished" and in the callback too. A cancel is final: what the source of the body asks for when it hears of one
   * changes nothing, what a listener of the "finished" that follows asks for does.
   *
   * @throws {TypeError} If the message is not on the queue, or `session.fetch` has handed its Response out.
   */
  requeueMessage(msg: HttpMessage, options: RequeueOptions = {}): void {
    checkMessage("requeue the message", msg);
    this.#core.requeue(msg, checkOptions("requeue the message", options));
  }

  /**
   * Ends a message with a status (`soup_session_cancel_message`). "finished", "request-unqueued" and the callback have
   * run when it returns; what has arrived of the body is kept. Unknown and finished messages are left alone.
   *
   * @param msg The message.
   * @param status The status it ends with, from 1 to 999.
   * @param options What goes into `error` and `reasonPhrase` of the message.
   * @throws {RangeError} If the status is out of range.
   */
  cancelMessage(msg: HttpMessage, status: number = HttpStatus.CANCELLED, options: CancelOptions = {}): void {
    checkMessage("cancel the message", msg);
    wholeNumber("the status of a cancelled message", status, 1, 999);
    checkOptions("cancel the message", options);
    const item = this.#core.itemOf(msg);
    if (item !== null) this.#core.cancel(item, status, options);
  }

  /** Cancels every message on the queue and closes every connection (`soup_session_abort`). */
  abort(): void {
    this.#core.abort();
  }

  /**
   * Stops I/O of a message at its next step (`soup_session_pause_message`): no further piece of a body is sent or read.
   * It keeps its connection, and the server feels the back-pressure. With `transport: "fetch"` a body of bytes is the
   * runtime's from the start and goes out.
   *
   * @throws {TypeError} If the message is not on the queue.
   */
  pauseMessage(msg: HttpMessage): void {
    checkMessage("pause the message", msg);
    const item = this.#core.itemOf(msg);
    if (item === null) throw new TypeError("Cannot pause the message: it is not on the queue of this session");
    if (item.state !== ItemState.FINISHING) item.pause();
  }

  /** Lets I/O of a message go on, from a microtask (`soup_session_unpause_message`). */
  unpauseMessage(msg: HttpMessage): void {
    checkMessage("unpause the message", msg);
    this.#core.itemOf(msg)?.unpause();
  }

  /** True while the message is paused. */
  isPaused(msg: HttpMessage): boolean {
    checkMessage("look at the message", msg);
    return this.#core.itemOf(msg)?.isPaused ?? false;
  }

  /** Whether the response would be redirected, flags and count aside (`soup_session_would_redirect`). */
  wouldRedirect(msg: HttpMessage): boolean {
    checkMessage("look at the message", msg);
    return wouldRedirect(this.#core, msg);
  }

  /**
   * Points the message to its Location and requeues it (`soup_session_redirect_message`), also where the session would
   * not. False if there is nothing to follow; after 20 redirects the message fails with TOO_MANY_REDIRECTS.
   */
  redirectMessage(msg: HttpMessage): boolean {
    checkMessage("redirect the message", msg);
    const item = this.#core.itemOf(msg);
    return item !== null && redirectMessage(this.#core, item);
  }

  /**
   * Opens a WebSocket (RFC 6455, RFC 8441; `soup_session_websocket_connect_async`): its handshake is a message of the
   * queue, with the session's cookies, credentials, proxies and TLS. A connection of HTTP/1.1 leaves the session's limits
   * when it is open; over HTTP/2, where the server offers that, it is one stream among others.
   *
   * @param url A ws: or wss: URL, or http: and https:, which mean the same.
   * @param options Subprotocols, header fields, limits, and what cancels the opening.
   * @throws {TypeError} For what is no such URL, for bad options, and if the session is closed; the promise rejects.
   * @throws {HttpError} With its status, if the server refuses or cannot be reached; the promise rejects.
   * @throws {NotSupportedError} If no transport of the session can; the promise rejects.
   */
  websocket(url: string | URL, options: HttpWebSocketOptions = {}): Promise<HttpWebSocket> {
    return openWebSocket(this.#core, url, options);
  }

  /**
   * Prepares for a URI that may be requested soon (`soup_session_prepare_for_uri`). Errors are left to the request.
   *
   * @throws {TypeError} For what is no URI.
   */
  async prepareForUri(uri: string | URL): Promise<void> {
    const url = parseUri(uri);
    const scheme = this.schemeOf(url);
    if (scheme === null || url.hostname === "") return;
    const transport = this.#core.transports.preparing;
    const port = url.port === "" ? defaultPort(scheme) : Number(url.port);
    try {
      const { http2, lookup, maxHeaderBytes, unixSocket } = this.#settings.values;
      // Nothing is to be looked up where the file system leads.
      if (socketFor(unixSocket, url) !== null) return;
      const proxy = await this.#core.features.proxyFor(httpUriOf(this, url) ?? url, null) ?? null;
      const tls = this.#settings.tlsFor(`${scheme}://${url.host}`);
      const host = bareHost(url.hostname);
      await transport?.prepare?.({ scheme, host, port, proxy, tls, lookup, maxHeaderBytes, http2 });
    } catch {
      return; // Preparing is a hint (manual); an error is reported by the request itself.
    }
  }

  /**
   * Adds a feature in front of the others and attaches it (`soup_session_add_feature`).
   *
   * @throws {TypeError} If it has no member of SessionFeature.
   */
  addFeature(feature: SessionFeature): void {
    this.#core.features.add(feature);
    this.#notifyOnceConstructed("add-feature");
  }

  /**
   * Adds a new feature of a class, or offers the class to the features as a sub-feature
   * (`soup_session_add_feature_by_type`).
   *
   * @throws {TypeError} If it is no feature and nobody accepts it.
   */
  addFeatureByType(type: ConstructibleFeatureType): void {
    checkClass("add a feature by type", type);
    this.#core.features.addByType(type);
    this.#notifyOnceConstructed("add-feature-by-type");
  }

  /** Removes and detaches a feature; unknown ones are left alone (`soup_session_remove_feature`). */
  removeFeature(feature: SessionFeature): void {
    this.#core.features.remove(checkObject("remove a feature", feature));
  }

  /** Removes all features of a class and its subclasses, or a sub-feature (`soup_session_remove_feature_by_type`). */
  removeFeatureByType(type: FeatureType): void {
    checkClass("remove a feature by type", type);
    this.#core.features.removeByType(type);
    this.#notifyOnceConstructed("remove-feature-by-type");
  }

  /** Features of a class and its subclasses, newest first; all of them without one (`soup_session_get_features`). */
  getFeatures<T = SessionFeature>(type?: FeatureType<T>): T[] {
    const all = this.#core.features.all;
    if (type !== undefined) checkClass("look for features", type);
    return (type === undefined ? [...all] : all.filter((feature) => feature instanceof type)) as T[];
  }

  /** The newest feature of a class, or null (`soup_session_get_feature`). */
  getFeature<T extends object>(type: FeatureType<T>): T | null {
    checkClass("look for a feature", type);
    return (this.#core.features.all.find((feature) => feature instanceof type) ?? null) as T | null;
  }

  /** The newest feature of a class, or null if the message disables it (`soup_session_get_feature_for_message`). */
  getFeatureForMessage<T extends object>(type: FeatureType<T>, msg: HttpMessage): T | null {
    checkMessage("look for a feature", msg);
    const feature = this.getFeature(type);
    return feature !== null && msg.isFeatureDisabled(feature) ? null : feature;
  }

  /** What runs the session's work; null is the runtime's event loop (`soup_session_get_async_context`). */
  getAsyncContext(): AsyncContext | null {
    return this.#context;
  }

  /** The messages on the queue, oldest first: waiting, running and paused ones. */
  *messages(): Generator<HttpMessage, void, undefined> {
    for (const item of this.#core.items.byAge()) yield item.msg;
  }

  /** "http" or "https" for a URI this session can send, aliases included; null otherwise. */
  schemeOf(uri: URL): "http" | "https" | null {
    if (typeof uri?.href !== "string") throw unexpected("tell the scheme", "a URL", uri);
    const { httpAliases, httpsAliases } = this.#settings.values;
    return classOf(uri, httpAliases, httpsAliases);
  }

  /**
   * The proxy of the session, or null (`SoupSession:proxy-uri`); without a scheme it is an HTTP proxy. Setting it aborts
   * what is going on; NotSupportedError for a proxy no transport of the session can go through. @default {null}
   */
  get proxyUri(): URL | null {
    return this.#proxyUri === null ? null : new URL(this.#proxyUri);
  }
  set proxyUri(value: string | URL | null) {
    const { features, transports } = this.#core;
    const uri = value === null ? null : proxyUriOf(value);
    const resolver = uri === null ? null : makeStaticProxyResolver(uri, transports.capabilities);
    if (resolver !== null) {
      for (const feature of features.all.filter((each) => each.resolveProxy !== undefined)) features.remove(feature);
      features.add(resolver);
    } else if (this.#proxyResolver !== null) features.remove(this.#proxyResolver);
    this.#proxyResolver = resolver;
    this.#proxyUri = uri;
    if (this.#isConstructed) this.abort();
    this.#notifyOnceConstructed("proxy-uri");
  }

  /** NTLM authentication (`SoupSession:use-ntlm`). @default {false} */
  get useNtlm(): boolean {
    return this.#core.features.all.some((feature) => feature.hasFeature?.(ntlmType) ?? false);
  }
  set useNtlm(value: boolean) {
    if (flag("use-ntlm", value) && !this.useNtlm) this.#core.features.addByType(ntlmType);
    else if (!value) this.#core.features.removeByType(ntlmType);
    this.#notifyOnceConstructed("use-ntlm");
  }

  /** Connections at once, from 1 (`SoupSession:max-conns`). @default {10} */
  get maxConns(): number {
    return this.#settings.values.maxConns;
  }
  set maxConns(value: number) {
    this.#set("maxConns", value);
  }

  /** Connections at once to one host, from 1 (`SoupSession:max-conns-per-host`). @default {2} */
  get maxConnsPerHost(): number {
    return this.#settings.values.maxConnsPerHost;
  }
  set maxConnsPerHost(value: number) {
    this.#set("maxConnsPerHost", value);
  }

  /** File with the trusted certificates, or null (`SoupSession:ssl-ca-file`). @default {null} */
  get sslCaFile(): string | null {
    return this.#settings.values.sslCaFile;
  }
  set sslCaFile(value: string | null) {
    this.#set("sslCaFile", value);
  }

  /** What runs the session's work (`SoupSession:async-context`); given to the constructor only. @default {null} */
  get asyncContext(): AsyncContext | null {
    return this.#context;
  }

  /**
   * Seconds without progress after which a message fails; 0, null and Infinity are no limit (`SoupSession:timeout`). Of a
   * feature `Timeouts` limits count in milliseconds. @default {0}
   */
  get timeout(): number {
    return this.#settings.values.timeout;
  }
  set timeout(value: number | null) {
    this.#set("timeout", value);
  }

  /** Seconds after which an idle connection is closed; 0, null and Infinity never (`SoupSession:idle-timeout`). @default {0} */
  get idleTimeout(): number {
    return this.#settings.values.idleTimeout;
  }
  set idleTimeout(value: number | null) {
    this.#set("idleTimeout", value);
  }

  /**
   * User-Agent of every message, replacing the message's own; null leaves it alone (`SoupSession:user-agent`). Of a fetch
   * or a WebSocket, its own stays. An empty text is this library's token, trailing space appends it. @default {null}
   */
  get userAgent(): string | null {
    return this.#settings.values.userAgent;
  }
  set userAgent(value: string | null) {
    this.#set("userAgent", value);
  }

  /** Accept-Language of messages that have none (`SoupSession:accept-language`). @default {null} */
  get acceptLanguage(): string | null {
    return this.#settings.values.acceptLanguage;
  }
  set acceptLanguage(value: string | null) {
    this.#set("acceptLanguage", value);
  }

  /** Accept-Language from the user's environment (`SoupSession:accept-language-auto`). @default {false} */
  get acceptLanguageAuto(): boolean {
    return this.#settings.values.acceptLanguageAuto;
  }
  set acceptLanguageAuto(value: boolean) {
    this.#set("acceptLanguageAuto", value);
  }

  /** Refuse certificates that are not trusted (`SoupSession:ssl-strict`). @default {true} */
  get sslStrict(): boolean {
    return this.#settings.values.sslStrict;
  }
  set sslStrict(value: boolean) {
    this.#set("sslStrict", value);
  }

  /** URI schemes that mean http; `["*"]` is every scheme (`SoupSession:http-aliases`). @default {["*"]} */
  get httpAliases(): readonly string[] | null {
    return this.#settings.values.httpAliases;
  }
  set httpAliases(value: readonly string[] | string | null) {
    this.#set("httpAliases", value);
  }

  /** URI schemes that mean https: a list or a comma-separated text (`SoupSession:https-aliases`). @default {null} */
  get httpsAliases(): readonly string[] | null {
    return this.#settings.values.httpsAliases;
  }
  set httpsAliases(value: readonly string[] | string | null) {
    this.#set("httpsAliases", value);
  }

  /** Trust the system's certificates (`SoupSession:ssl-use-system-ca-file`). @default {true} */
  get sslUseSystemCaFile(): boolean {
    return this.#settings.values.sslUseSystemCaFile;
  }
  set sslUseSystemCaFile(value: boolean) {
    this.#set("sslUseSystemCaFile", value);
  }

  /** The trusted certificates; null is the runtime's own choice (`SoupSession:tls-database`). @default {TlsDatabase.system} */
  get tlsDatabase(): TrustRoots | null {
    return this.#settings.values.tlsDatabase;
  }
  set tlsDatabase(value: TrustRoots | null) {
    this.#set("tlsDatabase", value);
  }

  /** The client's certificate: PEM, a ClientTls, or a function of the origin. @default {null} */
  get clientCertificate(): ClientCertificateOption {
    return this.#settings.values.clientCertificate;
  }
  set clientCertificate(value: ClientCertificateOption) {
    this.#set("clientCertificate", value);
  }

  /**
   * HTTP/2 (RFC 9113): "auto" where an https: server agrees to it, "required" alone, false never. Other messages and
   * servers are spoken to by HTTP/1.1; with "required" they fail, but for http: servers, which are then taken to know
   * HTTP/2 already. The transport has to be able to, see `capabilities.http2`. @default {"auto"}
   */
  get http2(): Http2Choice {
    return this.#settings.values.http2;
  }
  set http2(value: Http2Choice) {
    this.#set("http2", value);
  }

  /**
   * The unix socket (on Windows, named pipe) that messages go to in place of the network: a path, a function that knows by
   * URL, or null for none. The URI's host is for the Host field, TLS, cookies and caches alone; proxies are passed by, and
   * no redirect leads from the network, or from another socket, to one. A message's own `unixSocket` wins. @default {null}
   */
  get unixSocket(): UnixSocketOption {
    return this.#settings.values.unixSocket;
  }
  set unixSocket(value: UnixSocketOption) {
    this.#set("unixSocket", value);
  }

  /**
   * Finds the addresses of hosts, of proxies too, in place of the system; null for that. It is not asked about addresses.
   * They are tried as RFC 8305 says, families in turn, each a quarter of a second before the next one. No address is
   * CANT_RESOLVE, as is what it throws. @default {null}
   */
  get lookup(): HostLookup | null {
    return this.#settings.values.lookup;
  }
  set lookup(value: HostLookup | null) {
    this.#set("lookup", value);
  }

  /** Run work in the context current when a message is queued (`SoupSession:use-thread-context`). @default {false} */
  get useThreadContext(): boolean {
    return this.#settings.values.useThreadContext;
  }
  set useThreadContext(value: boolean) {
    this.#set("useThreadContext", value);
  }

  /**
   * A property by its manual name (`g_object_get`). The three that only act when set read as null.
   *
   * @throws {TypeError} If there is no property of the name.
   */
  get<P extends SessionProperty>(name: P): SessionPropertyValues[P] {
    const accessor: string = accessorOf(name);
    return (isActing(name) ? null : Reflect.get(this, accessor, this)) as SessionPropertyValues[P];
  }

  /**
   * Sets a property by its manual name (`g_object_set`).
   *
   * @throws {TypeError} If there is no property of the name, for "async-context", which is given to the constructor only,
   * and for a value of another type than the property's.
   * @throws {RangeError} For a number out of the property's range.
   */
  set<P extends SessionProperty>(name: P, value: SessionPropertyInputs[P]): void {
    const accessor: string = accessorOf(name);
    if (name === "async-context") {
      throw new TypeError("Cannot set async-context: it is given to the constructor only");
    }
    if (isActing(name)) this.#act(name, value);
    else Reflect.set(this, accessor, value, this);
  }

  #act(name: ActingProperty, value: unknown): void {
    if (name === "add-feature") { for (const feature of listOf(value as SessionFeature)) this.addFeature(feature); }
    else if (name === "add-feature-by-type") {
      for (const type of listOf(value as ConstructibleFeatureType)) this.addFeatureByType(type);
    } else for (const type of listOf(value as FeatureType)) this.removeFeatureByType(type);
  }

  /** Ends the session: every message is cancelled, every connection closed, every feature detached. Idempotent. */
  close(): Promise<void> {
    this.#core.close();
    return closeSync(this.#core);
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends keyof HttpSessionEvents & string>(
    type: K,
    listener: TypedListener<HttpSessionEvents[K], this>,
    options?: boolean | ListenerOptions,
  ): void {
    (this.#listened ??= new Set()).add(type);
    super.addEventListener(type, listener, options);
  }

  /** Sets a property, updates what depends on it, and emits "notify" for all that read differently now. */
  #set(name: SessionValueName, value: unknown): void {
    const changed = this.#settings.set(name, value);
    const core = this.#core;
    const { concerns } = sessionValues[name];
    if (concerns === "limits") core.pool?.reconsider();
    else if (concerns === "idle time") core.pool?.idleTimeoutChanged();
    else if (concerns === "connections") core.pool?.closeIdle();
    else if (concerns === "fields") core.fields.changed();
    for (const property of changed) this.#notify(property);
  }

  /** True if the event ever got a listener: events without one are not created. */
  #isListened(type: keyof HttpSessionEvents): boolean {
    return this.#listened !== null && this.#listened.has(type);
  }

  /** Emits "notify" for a property that was set. */
  #notify(property: SessionProperty): void {
    if (this.#isListened("notify")) this.dispatchEvent(new NotifyEvent(property));
  }

  #notifyOnceConstructed(property: SessionProperty): void {
    if (this.#isConstructed) this.#notify(property);
  }

  #emitRequest(type: "request-queued" | "request-started" | "request-unqueued", item: QueueItem): void {
    if (!this.#isListened(type)) return;
    this.dispatchEvent(
      type === "request-started"
        ? new RequestStartedEvent(item.msg, item.connection!)
        : new RequestEvent(type, item.msg),
    );
  }

  #emitConnection(type: "connection-created" | "tunneling", connection: Connection): void {
    if (this.#isListened(type)) this.dispatchEvent(new ConnectionEvent(type, connection));
  }
}

let sending: typeof import("./sending.ts") | null = null;

/** Makes what a session sends with. The first one of a program loads it, with what makes connections beside it. */
function makeSending(core: HttpSessionCore): Sending | Promise<Sending> {
  if (sending !== null) return sending.sendingOf(core);
  // Where features answer, a connection may never be opened.
  if (core.features.rounds.respond.length === 0) core.transports.preload();
  return import("./sending.ts").then((loaded) => (sending = loaded).sendingOf(core));
}

/** The signal among the options of a send; throws its reason if it is aborted already. */
function signalOf(options: SendOptions): AbortSignal | null {
  const signal = checkOptions("send the message", options).signal ?? null;
  checkSignal("send the message", signal);
  if (signal?.aborted) throw signal.reason;
  return signal;
}
