/**
 * The engine of a session: entries from queueing to unqueueing. What happens during one attempt is in http/attempt/.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { Announcements, beginTrace, endTrace, queuedTrace, type SessionCoreEvents } from "./announcements.ts";
import type { Connection } from "../transports/connection.ts";
import type { ConnectionPool } from "../pool/connection_pool.ts";
import type { PoolLimits, PoolOwner } from "../pool/pool_owner.ts";
import { TransportError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { FeatureList } from "./feature_list.ts";
import { HttpError } from "../message/http_error.ts";
import { type HttpMessage, MessageFlags, messageState } from "../message/message.ts";
import { type ItemAttempt, ItemState, QueueItem, type ResponseSink } from "./queue_item.ts";
import { forgetResponse, noteFailure, statusOf } from "./message_reset.ts";
import { QueueItems } from "./queue_items.ts";
import { type ResponseHolder, runsCallersCode, type Sending, StartingTurn } from "./starting_turn.ts";
import type { CancelOptions, RequeueOptions } from "../contract/message_options.ts";
import { DefaultFields, type SessionSettings } from "./session_settings.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import type { TlsSettings, UpgradedStream } from "../transports/transport.ts";
import type { TransportList } from "../transports/choice/select.ts";

/** Makes what messages are sent with; a promise where it has to be loaded. */
export type MakeSending = (core: HttpSessionCore) => Sending | Promise<Sending>;

/** Why a message or a body ends with its session. */
const CLOSED = "Cannot finish the exchange: the session was closed; await the response and read its body before that";

/** The engine of one session. */
export class HttpSessionCore implements PoolOwner {
  readonly session: FeatureSession;
  readonly settings: SessionSettings;
  readonly limits: PoolLimits;
  readonly transports: TransportList;
  readonly features: FeatureList;
  /** What messages get that lack it. */
  readonly fields: DefaultFields;
  /** Its connections; null before a message has started. */
  pool: ConnectionPool | null = null;
  readonly items: QueueItems = new QueueItems();
  /** What servers speak in place of HTTP, until it is over. */
  readonly upgraded: Set<UpgradedStream> = new Set();
  /** Who holds the responses that were handed out; null before a message has started. */
  responses: ResponseHolder | null = null;
  readonly announcements: Announcements;
  readonly #events: SessionCoreEvents;
  readonly #makeSending: MakeSending;
  readonly #refile = (item: object): void => this.pool?.refile(item as QueueItem);
  readonly #starting = new StartingTurn(this);
  #sending: Sending | null = null;
  #isClosed = false;

  constructor(
    session: FeatureSession,
    settings: SessionSettings,
    transports: TransportList,
    events: SessionCoreEvents,
    makeSending: MakeSending,
  ) {
    this.session = session;
    this.settings = settings;
    this.limits = settings.values;
    this.transports = transports;
    this.#events = events;
    this.#makeSending = makeSending;
    this.features = new FeatureList(session, () => this.fields.changed());
    this.fields = new DefaultFields(settings, this.features);
    this.announcements = new Announcements(this.features, (type, item) => events.request(type, item));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** A client certificate identifies the user: a message that omits credentials is sent without it. */
  tlsFor(origin: string, msg: HttpMessage): TlsSettings {
    const { own } = messageState(msg);
    if (own !== null && own.tls !== null) return this.settings.ownTls(origin, own.tls, msg.omitsCredentials);
    return msg.omitsCredentials ? this.settings.anonymousTls : this.settings.tlsFor(origin);
  }

  connectionCreated(connection: Connection): void {
    this.#events.connection("connection-created", connection);
  }

  /** A CONNECT is about to be sent. */
  tunneling(connection: Connection): void {
    this.#events.connection("tunneling", connection);
  }

  /** The entry of a message on this session's queue, or null. */
  itemOf(msg: HttpMessage): QueueItem | null {
    const item = messageState(msg).item as QueueItem | null;
    return item !== null && this.items.has(item) ? item : null;
  }

  /** Puts a message on the queue; its work starts from a microtask. */
  queue(
    msg: HttpMessage,
    callback: (() => void) | null,
    sink: ResponseSink | null,
    onDone: (() => void) | null,
  ): QueueItem {
    if (this.#isClosed) throw new TypeError("Cannot queue the message: the session is closed");
    const state = messageState(msg);
    if (state.item !== null) throw new TypeError("Cannot queue the message: it is already on a queue");
    const item = new QueueItem(msg, callback, sink, onDone);
    sink?.queued(item);
    state.item = item;
    state.defaults = null;
    state.lastEvent = "";
    state.connectionId = 0;
    state.onPriority = this.#refile;
    this.items.add(item);
    writable(msg.metrics).queued = performance.now();
    if (msg.metrics.attempts > 0 || msg.statusCode !== 0) forgetResponse(msg);
    writable(msg.metrics).attempts = 0;
    item.trace = beginTrace(this.session, msg);
    this.announcements.queued(item);
    item.watchTimes(this.session);
    if (item.trace !== null) queuedTrace(item.trace);
    if (item.state === ItemState.STARTING) this.#starting.add(item);
    return item;
  }

  /** Makes ready what messages are sent with; a promise where it has to be loaded, as for the first of a program. */
  prepare(): Promise<void> | null {
    if (this.#sending !== null) return null;
    const made = this.#makeSending(this);
    if (made instanceof Promise) return made.then((sending) => this.#use(sending));
    this.#use(made);
    return null;
  }

  #use(sending: Sending): void {
    this.#sending = sending;
    this.pool = sending.pool;
    this.responses = sending.responses;
  }

  /** The next attempt of an entry begins. */
  begin(item: QueueItem): void {
    if (item.requeue === "now") this.restart(item);
    else this.#sending!.attempt(item).begin();
  }

  /** An entry waits for others. */
  waits(item: QueueItem): void {
    if (this.session.getAsyncContext() !== null) return;
    // What is loaded takes turns, in which listeners may come that nobody hears of now.
    const mayRun = this.#sending === null || runsCallersCode(item, this.features.isExtended || this.#events.areHeard());
    if (mayRun) item.keepContext();
  }

  connectionFailed(item: QueueItem, error: unknown): void {
    this.fail(item, error);
  }

  starved(): void {
    this.responses?.starved();
  }

  requeue(msg: HttpMessage, options: RequeueOptions): void {
    const item = this.itemOf(msg);
    if (item === null) throw new TypeError("Cannot requeue the message: it is not on the queue of this session");
    if (item.isHandedOut) throw new TypeError("Cannot requeue the message: its Response has been handed out");
    messageState(msg).sentTo = null;
    item.sameConnection = options.sameConnection ?? false;
    item.requeue = options.after === "body" && !item.isBodyRead ? "body" : "now";
    if (item.requeue === "now" && item.emitting === 0 && item.state !== ItemState.FINISHING) this.restart(item);
  }

  /** Begins the next attempt. */
  restart(item: QueueItem, error: unknown = null): void {
    const { attempt: before, msg } = item;
    item.attemptOver(error);
    if (error !== null) noteFailure(msg, error);
    messageState(msg).sentTo = null;
    this.#leave(item, item.sameConnection && item.isBodyRead);
    if (item.attempt !== before) return;
    item.state = ItemState.RESTARTING;
    item.attempt++;
    item.requeue = null;
    if (msg.hasFlag(MessageFlags.CAN_REBUILD)) msg.requestBody = null;
    const { attempt } = item;
    item.emit("restarted");
    if (item.attempt !== attempt) return;
    forgetResponse(msg);
    if (item.isStreamUsed && msg.requestBody instanceof ReadableStream && msg.requestBody.locked) {
      this.fail(
        item,
        new TransportError(
          HttpStatus.IO_ERROR,
          "send",
          "Cannot send the message again: its body is a stream that was already read",
        ),
      );
      return;
    }
    item.isStreamUsed = false;
    item.isBodyRead = false;
    item.state = ItemState.STARTING;
    this.#starting.add(item);
    // Its old connection goes to others only after the entry stands at its place in the queue again, which may take
    // the answer of a hook; one that takes longer than this turn is not waited for.
    const { pool } = this;
    if (pool?.isWaitedFor) setTimeout(() => pool.dispatch(), 0);
  }

  /** Ends an entry with a status of the caller's. Everything has happened when it returns. */
  cancel(item: QueueItem, status: number, options: CancelOptions): void {
    this.announcements.complete(item);
    if (item.state === ItemState.FINISHING || item.state === ItemState.FINISHED) return;
    const { msg } = item;
    const error = options.error ?? null;
    const state = messageState(msg);
    state.end(status, options.reason ?? reasonPhrase(status), error);
    if (this.#isClosed && error === null) state.errorText = CLOSED;
    // The source of its body, and others who are told of the end, may end it too.
    item.state = ItemState.FINISHING;
    item.attemptOver(error);
    item.unpause();
    if (item.leaveEarly !== null) return item.leaveEarly();
    item.attempt++;
    item.requeue = null;
    this.#leave(item, false, error);
    this.finish(item);
  }

  /** Ends the present attempt with an error: its status goes to the message, its cause to `msg.error`. */
  fail(item: QueueItem, error: unknown): void {
    if (item.state === ItemState.FINISHING || item.state === ItemState.FINISHED) return;
    const { msg } = item;
    const attempt = ++item.attempt;
    item.requeue = null;
    noteFailure(msg, error);
    item.attemptOver(error);
    this.#leave(item, false, messageState(msg).thrown);
    if (item.attempt === attempt) this.end(item);
  }

  /** An attempt is over: features may ask for another one, else the message is finished. */
  end(item: QueueItem, now: number = performance.now()): void {
    const { attempt } = item;
    item.attemptOver(null);
    if (item.attempt !== attempt) return;
    const { ended } = this.features.rounds;
    if (ended.length === 0 || item.isHandedOut || this.#sending === null) this.finish(item, now);
    else this.#askForAnother(this.#sending.attempt(item), item, ended);
  }

  #askForAnother(attempt: ItemAttempt, item: QueueItem, features: readonly SessionFeature[]): void {
    const { msg } = item;
    const next = (): void => {
      if (!attempt.isCurrent) return;
      if (item.requeue !== null) this.restart(item);
      else this.finish(item);
    };
    const broken = (error: unknown): void => {
      if (!attempt.isCurrent) return;
      const status = statusOf(error);
      messageState(msg).end(status, reasonPhrase(status), error);
      this.finish(item);
    };
    item.emitting++;
    try {
      const pending = this.features.run(features, "attemptEnded", attempt);
      item.emitting--;
      if (pending === undefined) next();
      else {
        this.pool!.dispatch();
        pending.then(next, broken);
      }
    } catch (error) {
      item.emitting--;
      broken(error);
    }
  }

  /** `finished`, callback, then a new attempt or the end. */
  finish(item: QueueItem, now: number = performance.now()): void {
    const { msg } = item;
    item.state = ItemState.FINISHING;
    item.attemptOver(null);
    item.unwatch();
    item.requeue = null;
    messageState(msg).sentTo = null;
    writable(msg.metrics).finished = now;
    // The next message begins once the listeners of this one have run, unless it is sent again.
    const { pool } = this;
    pool?.hold();
    try {
      item.emit("finished");
      if (item.callback !== null) callBack(item.callback);
      if (item.requeue !== null && !this.#isClosed) this.restart(item);
      else this.#unqueue(item);
    } finally {
      pool?.resume();
    }
    // What starts again wants its connection back first.
    if (!item.isScheduled) this.pool?.dispatch();
  }

  #unqueue(item: QueueItem): void {
    const { msg } = item;
    const state = messageState(msg);
    item.state = ItemState.FINISHED;
    this.items.delete(item);
    item.times?.end();
    state.item = null;
    state.onPriority = null;
    this.announcements.unqueued(item);
    if (item.trace !== null) endTrace(item.trace);
    item.sink?.done(item);
    item.onDone?.();
  }

  /**
   * Takes the entry off its place: out of the waiting lists, off its connection, which is not given to others yet. Who is
   * told of it, the source of a body for one, may end the entry meanwhile, or queue it again.
   */
  #leave(item: QueueItem, keep: boolean, reason: unknown = null): void {
    item.unwatch();
    this.pool?.withdraw(item);
    const { connection } = item;
    if (connection === null || keep) return;
    item.connection = null;
    if (item.isBodyRead && item.upload === null) this.pool!.release(connection, performance.now(), true);
    else {
      const why = reason ?? this.cancelReason(item.msg);
      this.pool!.abandon(connection, item.observer, why);
      item.upload?.(why);
    }
  }

  /** What those read who hold something of a message that nobody named a reason for ending. */
  cancelReason(msg: HttpMessage): Error {
    if (!this.#isClosed) return new DOMException("The request was cancelled", "AbortError");
    return new HttpError(msg, HttpStatus.CANCELLED, CLOSED, { code: "CANCELLED" });
  }

  /** Gives a connection back whose response has been read; to who is next at once, unless `keep` says wait. */
  releaseConnection(item: QueueItem, now: number = performance.now(), keep = false): void {
    const { connection } = item;
    if (connection === null) return;
    item.connection = null;
    this.pool!.release(connection, now, keep);
  }

  /** Cancels everything and closes all connections; what listeners queue meanwhile survives. */
  abort(): void {
    const { pool } = this;
    pool?.hold();
    for (const item of this.items.byAge()) this.cancel(item, HttpStatus.CANCELLED, {});
    pool?.resume();
    for (const stream of this.upgraded) stream.destroy();
    pool?.closeAll();
    pool?.reconsider();
  }

  /** Ends the session. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Nothing can be queued or started again any more; what stands in its own "finished" ends when its listeners return.
    this.abort();
    this.responses?.close();
    // Whatever a feature throws when it is detached: the others are detached as well, and nothing stays open.
    for (const feature of [...this.features.all]) callBack(() => this.features.remove(feature));
    this.transports.close();
  }
}

function callBack(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    reportUncaught(error);
  }
}
