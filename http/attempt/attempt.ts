/**
 * One attempt to send a message: from the choice of a connection to the header section of the response. What follows is
 * in response_phase.ts. Nothing here waits unless a hook, a pause or the network makes it wait, and what has to be
 * remembered then is made then: a closure costs memory whenever its function is entered, whether it is made or not.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { AttemptEvents, noteTls, watchTime } from "./attempt_events.ts";
import type { Connection } from "../transports/connection.ts";
import { ownStatus, TransportError } from "../errors.ts";
import type { MessageHook } from "../queue/feature_list.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { ItemState, type QueueItem } from "../queue/queue_item.ts";
import { isRepeated } from "./repeated_attempt.ts";
import { bodyOf } from "./request_body.ts";
import { expectsContinue, headerFields, needsHttp1, openRequest, selectTransport } from "./requirements.ts";
import { discard } from "./response_body.ts";
import { receive } from "./response_phase.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { TransportConnection, TransportRequest, TransportResponse } from "../transports/transport.ts";
import { notCached, noteLookup } from "../contract/blocking.ts";
import { tunnelRefused } from "./tunnel_refusal.ts";
import { chooseSocket, ownProxy } from "./message_way.ts";
import { classOf, httpUriOf, type SchemeClass, wireUrl } from "../protocol/uri.ts";

/**
 * What an attempt does next. Steps get their attempt, so that the ordinary ones are made once and not for every message.
 */
export type Step = (attempt: Attempt) => void;

/** One attempt. It is void once `item.attempt` has moved on: a restart, a cancel or an end has taken over. */
export class Attempt {
  readonly core: HttpSessionCore;
  readonly item: QueueItem;
  readonly number: number;
  connection: Connection | null = null;
  /** What has come back. */
  response: TransportResponse | null = null;
  #events: AttemptEvents | null = null;
  #wasUsed = false;

  constructor(core: HttpSessionCore, item: QueueItem) {
    this.core = core;
    this.item = item;
    this.number = item.attempt;
  }

  /** The message. */
  get msg(): HttpMessage {
    return this.item.msg;
  }

  /** True while this attempt is the message's present one. */
  get isCurrent(): boolean {
    return this.item.attempt === this.number;
  }

  /** Whether further hooks of a round are to be asked. */
  get mayContinue(): boolean {
    return this.item.attempt === this.number && this.item.requeue !== "now";
  }

  /** First part, without a connection: hooks, answers from a cache, the way to the host. */
  begin(): void {
    writable(this.msg.metrics).attempts++;
    try {
      this.item.watches = this.core.features.watch(this.msg);
      if (!this.isCurrent) return this.item.attemptOver(null);
      this.proceed(Attempt.#starting);
    } catch (error) {
      this.broke(error);
    }
  }

  static readonly #starting: Step = (attempt) => {
    attempt.#setDefaults();
    messageState(attempt.msg).requestTrailers = null;
    attempt.hooks(attempt.core.features.rounds.starting, "requestStarting", Attempt.#started);
  };

  static readonly #started: Step = (attempt) => {
    chooseSocket(attempt.core, attempt.item);
    if (!attempt.isCurrent) return;
    if (attempt.core.features.rounds.lookup.length > 0) attempt.#lookUp();
    else attempt.#chooseProxy();
  };

  #lookUp(): void {
    const { features, session } = this.core;
    const look = () => features.answer(features.rounds.lookup, this.msg, (f) => f.lookup!(session, this.msg));
    this.settle(this.item.within(look), (response) => {
      if (response === null) this.#chooseProxy();
      else this.#receive(response);
    }, (response) => response && discard(response));
  }

  #receive(response: Response): void {
    noteLookup(this.msg, response);
    this.item.state = ItemState.RUNNING;
    receive(this, response);
  }

  #chooseProxy(): void {
    // Whatever features there are, such a message never gets to the network.
    if (messageState(this.msg).cacheMode === "only-if-cached") return this.#receive(notCached());
    const own = ownProxy(this.item);
    if (own === undefined && this.core.features.rounds.proxy.length > 0) return this.#askForProxy();
    this.item.proxy = own ?? null;
    this.#route();
  }

  #askForProxy(): void {
    const { core, item } = this;
    // The proxy is chosen for the URI that is sent to, not for that of an alias.
    const uri = httpUriOf(core.session, this.msg.uri) ?? this.msg.uri;
    this.wait(core.features.proxyFor(uri, this.msg), (proxy) => {
      item.proxy = proxy ?? null;
      this.#route();
    });
  }

  /** Finds host and transport, then waits for a connection, unless the entry has kept its own. */
  #route(): void {
    const { core, item, msg } = this;
    const { uri } = msg;
    const scheme = this.#scheme;
    if (scheme === null) {
      throw new TransportError(HttpStatus.MALFORMED, "connect", `Cannot send to ${uri.protocol}: no http or https URI`);
    }
    const host = item.host = core.pool!.host(scheme, uri, item.unixSocket ?? null);
    item.needsHttp1 = needsHttp1(item);
    item.transport = selectTransport(core, item, scheme === "https" ? core.tlsFor(host.origin, msg) : null);
    if (!this.isCurrent) return;
    const kept = item.connection;
    const isSame = kept !== null && item.sameConnection && core.pool!.mayKeep(item, kept);
    item.sameConnection = false;
    if (isSame) return this.run(kept);
    core.releaseConnection(item);
    // Where features answer, a connection may never be opened.
    const loading = core.features.rounds.respond.length > 0 ? null : core.transports.loading(item.transport);
    if (loading === null) core.pool!.enqueue(item, this);
    else this.wait(loading, () => this.proceed(Attempt.#loaded));
  }

  static readonly #loaded: Step = (attempt) => attempt.core.pool!.enqueue(attempt.item, attempt);

  get #scheme(): SchemeClass | null {
    const { httpAliases, httpsAliases } = this.core.settings.values;
    return classOf(this.msg.uri, httpAliases, httpsAliases);
  }

  /** The session's own header fields; on a message whose header nobody has touched they are shared, not copied. */
  #setDefaults(): void {
    const { core, msg } = this;
    const isFetch = this.item.sink !== null;
    const state = messageState(msg);
    const fields = core.fields.of(msg, this.#scheme ?? "http", isFetch);
    if (!msg.hasRequestHeaders) {
      state.defaults = fields;
      return;
    }
    const headers = msg.requestHeaders;
    // The manual's user-agent replaces a message's own; a caller of fetch or of a WebSocket keeps what he has given.
    const replaced = !isFetch && state.upgrade === null && core.settings.values.userAgent !== null ? "user-agent" : "";
    for (const [name, value] of fields) if (name === replaced || !headers.has(name)) headers.set(name, value);
  }

  /** Second part, on a connection. */
  run(connection: Connection): void {
    const { core, item } = this;
    this.connection = connection;
    item.connected(connection);
    this.#wasUsed = connection.uses > 0;
    this.#events = item.observer = new AttemptEvents(item, connection, core);
    try {
      watchTime(core, item, this.number);
      const { transport } = connection;
      const opens = transport.open !== undefined && !transport.isOpen && core.features.rounds.respond.length === 0;
      this.proceed(opens ? Attempt.#opening : Attempt.#ready);
    } catch (error) {
      this.broke(error);
    }
  }

  static readonly #opening: Step = (attempt) => attempt.#open(Attempt.#ready);

  /** Makes the connection, unless a proxy on the way refuses. */
  #open(next: Step): void {
    const { core, item, connection } = this;
    item.state = ItemState.CONNECTING;
    this.hooks(core.features.rounds.connecting, "connecting", () => {
      core.pool!.sharing.opening(connection!);
      const opening = item.within(() => connection!.transport.open!(openRequest(item), this.#events!));
      this.wait(opening, (refusal) => {
        core.pool!.sharing.opened(connection!);
        if (refusal) tunnelRefused(this, refusal);
        else next(this);
        core.pool!.dispatch();
      });
    });
  }

  static readonly #ready: Step = (attempt) => {
    const { core, item, connection, msg } = attempt;
    messageState(msg).sentTo = msg.uri;
    messageState(msg).isWritten = false;
    item.state = ItemState.READY;
    writable(connection!).state = "busy";
    attempt.hooks(core.features.rounds.started, "requestStarted", Attempt.#announce);
  };

  static readonly #announce: Step = (attempt) => {
    attempt.core.announcements.started(attempt.item);
    attempt.proceed(Attempt.#exchange);
  };

  /** Sends the request, or lets a feature answer it. */
  static readonly #exchange: Step = (attempt) => {
    const { item, msg, core } = attempt;
    item.state = ItemState.RUNNING;
    item.freshNext = false;
    writable(msg.metrics).started = performance.now();
    if (core.features.rounds.respond.length === 0) attempt.#send();
    else attempt.#askForAnswer();
  };

  #askForAnswer(): void {
    const { msg, core } = this;
    const ask = () => core.features.answer(core.features.rounds.respond, msg, (f) => f.respond!(msg, core.session));
    const drop = (response: Response | null) => response && discard(response);
    this.settle(this.item.within(ask), (response) => {
      this.proceed(() => {
        if (response !== null) {
          this.#events!.assumeWritten();
          return this.#respond(response);
        }
        const { transport } = this.connection!;
        if (transport.open !== undefined && !transport.isOpen) this.#open(Attempt.#sending);
        else this.#send();
      }, () => drop(response));
    }, drop);
  }

  static readonly #sending: Step = (attempt) => attempt.#send();

  #send(): void {
    const { item, msg } = this;
    const connection = this.connection!;
    const { transport } = connection;
    writable(connection).uses++;
    messageState(msg).sentTo = msg.uri;
    messageState(msg).isWritten = true;
    const request: TransportRequest = {
      method: msg.method,
      url: wireUrl(msg.uri, connection.target.scheme),
      headers: headerFields(item),
      spelling: messageState(msg).spelling,
      body: msg.requestBody === null ? null : this.#body(),
      bodyLength: msg.requestBodyLength,
      expectContinue: expectsContinue(msg),
      trailers: messageState(msg).requestTrailers,
      upgrade: messageState(msg).upgrade?.protocol,
    };
    if (item.watches === null) this.#await(transport.send(request, this.#events!), request);
    else this.#await(this.#sendWatched(transport, request), request);
  }

  #body(): TransportRequest["body"] {
    const { item } = this;
    return bodyOf(item, this.#events!, item.transport!.capabilities.writeEvents, (error) => this.broke(error));
  }

  #sendWatched(transport: TransportConnection, request: TransportRequest): Promise<TransportResponse> {
    return this.item.within(() => transport.send(request, this.#events!));
  }

  #await(sending: Promise<TransportResponse>, request: TransportRequest): void {
    sending.then((response) => this.#received(response, request), (error: unknown) => this.broke(error));
  }

  #received(received: TransportResponse, request: TransportRequest): void {
    if (!this.isCurrent) return discard(received);
    const { transport } = this.connection!;
    try {
      const response = transport.adapt === undefined ? received : transport.adapt(received, request);
      if (!this.item.transport!.capabilities.writeEvents) this.#events!.assumeWritten();
      this.#respond(response);
    } catch (error) {
      this.broke(error);
    }
  }

  #respond(response: TransportResponse): void {
    // A listener may have ended the attempt as it heard that the request is written.
    if (!this.isCurrent) return discard(response);
    const { tls } = this.connection!;
    if (tls !== null) noteTls(this.item, tls);
    receive(this, response);
  }

  /** Runs a round of hooks, then goes on. */
  hooks(features: readonly SessionFeature[], hook: MessageHook, next: Step): void {
    if (features.length === 0) return next(this);
    const pending = this.round(features, hook);
    if (pending === undefined) this.proceed(next);
    else this.#proceedAfter(pending, next);
  }

  /** Runs a round of hooks as those want it who watch; a promise only if one of the hooks returned one. */
  round(features: readonly SessionFeature[], hook: MessageHook): void | Promise<void> {
    const { item, core } = this;
    item.emitting++;
    try {
      return item.watches === null ? core.features.run(features, hook, this) : this.#watchedRound(features, hook);
    } finally {
      item.emitting--;
    }
  }

  #watchedRound(features: readonly SessionFeature[], hook: MessageHook): void | Promise<void> {
    return this.item.within(() => this.core.features.run(features, hook, this));
  }

  #proceedAfter(pending: Promise<void>, next: Step, otherwise?: Step): void {
    this.wait(pending, () => this.proceed(next, otherwise), otherwise && (() => otherwise(this)));
  }

  /**
   * Looks what became of the message after listeners or hooks have run: stops when this attempt is void, waits while
   * the message is paused, does what a requeue asked for; else goes on.
   */
  proceed(next: Step, otherwise?: Step): void {
    const { item } = this;
    if (item.attempt !== this.number) otherwise?.(this);
    else if (item.requeue === "now") {
      otherwise?.(this);
      this.core.restart(item);
    } else if (item.isPaused) this.#proceedAfter(item.resumed(), next, otherwise);
    else next(this);
  }

  /** Goes on when a promise has settled, if the attempt still stands; else `otherwise` gets the result. */
  wait<T>(pending: PromiseLike<T>, next: (value: T) => void, otherwise?: (value: T) => void): void {
    pending.then((value) => {
      if (!this.isCurrent) {
        otherwise?.(value);
        return;
      }
      try {
        next(value);
      } catch (error) {
        this.broke(error);
      }
    }, (error: unknown) => this.broke(error));
  }

  /** Takes a step when a promise has settled, if the attempt still stands. */
  waitThen(pending: PromiseLike<unknown>, next: Step): void {
    this.wait(pending, () => next(this));
  }

  /** As `wait`, for what may be there already: then nothing is waited for. */
  settle<T>(pending: T | Promise<T>, next: (value: T) => void, otherwise?: (value: T) => void): void {
    if (pending instanceof Promise) this.wait(pending, next, otherwise);
    else if (this.isCurrent) next(pending);
    else otherwise?.(pending);
  }

  /** Runs a step; what it throws ends the attempt. */
  guard(step: Step): void {
    try {
      step(this);
    } catch (error) {
      this.broke(error);
    }
  }

  /** The attempt broke. A used connection that died before it answered is no failure of the request: it is sent again. */
  broke(thrown: unknown): void {
    const { core, item, msg, connection } = this;
    if (!this.isCurrent) return;
    const explain = connection?.transport.explain;
    const error = isNative(thrown) && explain !== undefined
      ? explain.call(connection!.transport, thrown, wireUrl(msg.uri, connection!.target.scheme))
      : thrown;
    const isEarly = error instanceof TransportError && error.phase !== "connect" && msg.statusCode === 0;
    if (isEarly && !item.transport!.capabilities.writeEvents) this.#events?.assumeWritten();
    if (!this.isCurrent) return;
    if (error instanceof TransportError && isRepeated(this, error, this.#wasUsed)) core.restart(item, error);
    else core.fail(item, error);
  }
}

/** True for what a runtime's fetch and streams throw, false for errors of ours, which carry their own status. */
function isNative(error: unknown): boolean {
  return error instanceof Error && !("runtime" in error) && ownStatus(error) === null;
}
