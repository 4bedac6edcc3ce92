/**
 * The hooks of a session's features during a synchronous send: run on the caller's thread, for the worker.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { type Connection, newConnection } from "../transports/connection.ts";
import { NotSupportedError, TransportError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { noteHeaderSection } from "../message/message_events.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { bodyAtOnce, noteLookup, setBlocking } from "../contract/blocking.ts";
import { forgetResponse } from "../queue/message_reset.ts";
import { beginTrace, endSyncTrace } from "../queue/announcements.ts";
import { chooseSocket } from "../attempt/message_way.ts";
import { ItemState, QueueItem } from "../queue/queue_item.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import {
  applySnapshot,
  type FromWorker,
  type HookReply,
  type MessageSnapshot,
  type PlainConnection,
  plainError,
  plainProxy,
  type PlainResponse,
  revivedError,
  snapshotOf,
} from "./sync_protocol.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import type { ProxyTarget, TransportConnection, TransportResponse } from "../transports/transport.ts";
import { httpUriOf } from "../protocol/uri.ts";

type Done = Extract<FromWorker, { kind: "done" }>;
type HookCall = Extract<FromWorker, { kind: "hook" }>;

/** Connections of workers, known here by an object each, as long as somebody holds on to it. */
const connections = new WeakMap<HttpSessionCore, Map<number, Connection>>();
const MAX_CONNECTIONS = 64;

/** One message that is being sent: on the session's queue for everybody who looks, though the worker does the work. */
export class SyncHooks {
  readonly item: QueueItem;
  readonly #core: HttpSessionCore;
  readonly #msg: HttpMessage;
  #thrown: { error: unknown } | null = null;
  #proxy: ProxyTarget | null | undefined;
  #answer: Response | null = null;
  #wireSinks: ((body: Uint8Array) => void)[] = [];

  constructor(core: HttpSessionCore, msg: HttpMessage) {
    this.#core = core;
    this.#msg = msg;
    const state = messageState(msg);
    if (core.isClosed) throw new TypeError("Cannot send the message: the session is closed");
    if (state.item !== null) throw new TypeError("Cannot send the message: it is already on a queue");
    this.item = state.item = new QueueItem(msg);
    this.item.leaveEarly = () => this.#leave();
    core.items.add(this.item);
    this.item.trace = beginTrace(core.session, msg);
    setBlocking(msg, true);
  }

  /** A new worker counts its connections anew. */
  static forgetConnections(core: HttpSessionCore): void {
    connections.delete(core);
  }

  /** True when a hook has ended the message. */
  get isOver(): boolean {
    return this.item.state === ItemState.FINISHED;
  }

  /** Puts the message on the queue; returns it as it starts. */
  begin(): MessageSnapshot {
    const { features } = this.#core;
    const { item } = this;
    const msg = this.#msg;
    forgetResponse(msg);
    messageState(msg).lastEvent = "";
    messageState(msg).connectionId = 0;
    writable(msg.metrics).queued = performance.now();
    writable(msg.metrics).attempts = 0;
    item.state = ItemState.RUNNING;
    item.emitting++;
    item.announcedTo = features.rounds.queued;
    features.announce(item);
    item.announcedTo = null;
    item.emitting--;
    return snapshotOf(msg);
  }

  /** One round of hooks, with what came of it. */
  run(call: HookCall): HookReply {
    const { item } = this;
    const msg = this.#msg;
    if (this.isOver) return this.#reply(msg.requestBody, null);
    if (call.hook === "requestStarting") item.attemptOver(null);
    applySnapshot(msg, call.snapshot);
    if (call.body !== undefined) {
      messageState(msg).clearBody();
      messageState(msg).append(new Uint8Array(call.body));
    }
    const bodyBefore = msg.requestBody;
    this.#proxy = undefined;
    this.#answer = null;
    item.isBodyRead = call.hook === "gotBody" || call.hook === "attemptEnded";
    let failure: unknown = null;
    item.emitting++;
    try {
      if (call.hook === "lookup") chooseSocket(this.#core, item);
      if (call.wireBody !== undefined) { for (const take of this.#wireSinks) take(call.wireBody); }
      if (call.hook === "requestStarting") this.#attemptBegins();
      const connection = this.connectionOf(call.connection);
      if (item.trace !== null && connection !== null) item.trace.connection = connection;
      item.within(() => this.#round(call, connection));
    } catch (error) {
      failure = error ?? new Error("A feature has failed");
      this.#thrown = { error: failure };
    }
    item.emitting--;
    return this.#reply(bodyBefore, failure);
  }

  /** An attempt of the worker is known here by its first hook. */
  #attemptBegins(): void {
    writable(this.#msg.metrics).attempts++;
    this.item.watches = this.#core.features.watch(this.#msg);
  }

  /** The message is done. */
  end({ body, error, metrics, snapshot }: Done): void {
    const msg = this.#msg;
    if (this.isOver) return;
    applySnapshot(msg, snapshot);
    const state = messageState(msg);
    state.clearBody();
    if (body.byteLength > 0) state.append(body);
    const thrown = this.#thrown?.error;
    const own = thrown instanceof TransportError ? thrown.cause ?? thrown : thrown;
    state.error = error === null ? null : own ?? revivedError(error);
    const { attempts, finished, firstByte, responseHeaderBytes, started, ...sizes } = metrics;
    const here = (time: number) => time === 0 ? 0 : time - performance.timeOrigin;
    const times = { started: here(started), firstByte: here(firstByte), finished: here(finished) };
    Object.assign(msg.metrics, sizes, times, { attempts });
    noteHeaderSection(msg.metrics, responseHeaderBytes);
    this.#leave();
  }

  /** Sending itself has failed. */
  abandon(error: unknown): void {
    messageState(this.#msg).end(HttpStatus.IO_ERROR, reasonPhrase(HttpStatus.IO_ERROR), error);
    this.#leave();
  }

  /** The worker's connections that are authenticated as somebody else than this message. */
  #excluded(): number[] {
    const known = [...connections.get(this.#core) ?? []];
    return known.filter(([, connection]) => !connection.mayCarry(this.#msg)).map(([id]) => id);
  }

  /** The object that stands for a connection of the worker; the same one each time. */
  connectionOf(plain: PlainConnection | null): Connection | null {
    if (plain === null) return null;
    let known = connections.get(this.#core);
    if (known === undefined) connections.set(this.#core, known = new Map());
    let connection = known.get(plain.id);
    if (connection === undefined) {
      const { scheme, host, port, exact } = plain;
      const tls = this.#core.tlsFor(`${scheme}://${this.#msg.uri.host}`, this.#msg);
      const proxy = plain.proxy === null ? null : { ...plain.proxy, uri: new URL(plain.proxy.uri) };
      const { http2, maxHeaderBytes } = this.#core.limits;
      connection = newConnection({ scheme, host, port, proxy, tls, maxHeaderBytes, http2 }, inWorker, exact);
      known.set(plain.id, connection);
      for (const [id, { identities }] of known) if (known.size > MAX_CONNECTIONS && !identities) known.delete(id);
    }
    writable(connection).uses = plain.uses;
    writable(connection).protocol = plain.protocol;
    return connection;
  }

  #round({ hook, received }: HookCall, connection: Connection | null): void {
    const msg = this.#msg;
    messageState(msg).remoteConnection = connection;
    if (connection !== null) messageState(msg).connectionId = connection.id;
    const { features, session } = this.#core;
    const { rounds } = features;
    const asked = {
      requestStarting: rounds.starting,
      lookup: rounds.lookup,
      replaceResponse: rounds.replace,
      resolveProxy: rounds.proxy,
      connecting: rounds.connecting,
      tunnelRefused: rounds.refused,
      requestStarted: rounds.started,
      gotHeaders: rounds.headers,
      gotBody: rounds.body,
      attemptEnded: rounds.ended,
    }[hook];
    for (const feature of asked) {
      if (msg.isFeatureDisabled(feature)) continue;
      if (hook === "resolveProxy") {
        this.#proxy = this.#settled(
          feature,
          hook,
          feature.resolveProxy!(httpUriOf(session, msg.uri) ?? msg.uri, msg),
        );
        if (this.#proxy !== undefined) return;
      } else if (hook === "lookup") {
        this.#answer = this.#settled(feature, hook, feature.lookup!(session, msg));
        noteLookup(msg, this.#answer);
      } else if (hook === "replaceResponse") {
        this.#answer = this.#settled(feature, hook, feature.replaceResponse!(session, msg, unread(received!)));
      } else if (hook === "requestStarted" || hook === "connecting" || hook === "tunnelRefused") {
        this.#settled(feature, hook, feature[hook]!(session, msg, connection!));
      } else this.#settled(feature, hook, feature[hook]!(session, msg));
      if (this.#answer !== null || this.item.state === ItemState.FINISHED || this.item.requeue === "now") return;
    }
    if (hook === "replaceResponse") this.#wireSinks = this.#sinks();
  }

  /** Those who want the body as it comes over the wire. */
  #sinks(): ((body: Uint8Array) => void)[] {
    const { features, session } = this.#core;
    const sinks = [];
    for (const feature of features.all) {
      const sink = this.#msg.isFeatureDisabled(feature) ? null : feature.wireBodySink?.(session, this.#msg) ?? null;
      if (sink !== null) sinks.push(sink);
    }
    return sinks;
  }

  /** A feature's own answer, as far as it can be had at once. */
  #plainAnswer(): HookReply["answer"] {
    const answer = this.#answer;
    if (answer === null) return undefined;
    const body = bodyAtOnce(answer);
    if (body === undefined) {
      const { runtime } = this.#core.transports.capabilities;
      throw new NotSupportedError("read a feature's answer", runtime, "it cannot be read while the thread is blocked");
    }
    const { headers, status, statusText } = answer;
    return { status, statusText, headers: [...headers], hasBody: answer.body !== null, body };
  }

  /** What a hook returned; a promise cannot be waited for, as nothing it waits for can happen. */
  #settled<T>(feature: SessionFeature, hook: string, result: T | Promise<T>): T {
    if (typeof (result as { then?: unknown } | undefined)?.then !== "function") return result as T;
    (result as Promise<T>).catch(() => {});
    throw new NotSupportedError(
      `wait for ${feature.constructor.name}.${hook}`,
      this.#core.transports.capabilities.runtime,
      "it answers later, and nothing happens while the thread is blocked",
    );
  }

  #reply(bodyBefore: unknown, failure: unknown): HookReply {
    const { item } = this;
    const msg = this.#msg;
    const requeue = item.requeue === null ? null : {
      ...(item.requeue === "body" ? { after: "body" as const } : {}),
      sameConnection: item.sameConnection,
    };
    item.requeue = null;
    const body = msg.requestBody;
    let answer: HookReply["answer"];
    try {
      if (failure === null) answer = this.#plainAnswer();
    } catch (error) {
      failure = error;
      this.#thrown = { error };
    }
    if (item.isPaused && failure === null && item.state !== ItemState.FINISHED) {
      item.unpause();
      failure = new NotSupportedError(
        "pause the message",
        this.#core.transports.capabilities.runtime,
        "nobody can let it go on while the thread is blocked",
      );
      this.#thrown = { error: failure };
    }
    return {
      kind: "reply",
      snapshot: snapshotOf(msg),
      ...(body !== bodyBefore && (body === null || body instanceof Uint8Array) ? { body } : {}),
      requeue,
      excluded: this.#excluded(),
      needsHttp1: item.needsHttp1,
      cancelled: item.state === ItemState.FINISHED,
      error: failure === null ? null : plainError(failure),
      ...(answer === undefined ? {} : { answer }),
      ...(this.#wireSinks.length > 0 ? { wantsWireBody: true } : {}),
      ...(this.#proxy === undefined ? {} : { proxy: this.#proxy === null ? null : plainProxy(this.#proxy) }),
    };
  }

  #leave(): void {
    const { features, items } = this.#core;
    const msg = this.#msg;
    this.item.state = ItemState.FINISHED;
    items.delete(this.item);
    messageState(msg).item = null;
    messageState(msg).remoteConnection = null;
    messageState(msg).lastEvent = "finished";
    setBlocking(msg, false);
    this.item.attemptOver(msg.error);
    features.notify(features.rounds.unqueued, "requestUnqueued", msg);
    if (this.item.trace !== null) endSyncTrace(this.item.trace);
  }
}

/** A response whose header section is here and whose body is in the worker. */
function unread({ hasBody, headers, status, statusText }: PlainResponse): TransportResponse {
  const body = hasBody ? new ReadableStream<Uint8Array<ArrayBuffer>>() : null;
  const bytes = () => Promise.reject(new TypeError("Cannot read the body: it is in the worker"));
  return { status, statusText, headers: new Headers(headers), body, bytes };
}

/** A connection in the worker: here it can only be looked at. */
const inWorker: TransportConnection = {
  isOpen: true,
  send: () => Promise.reject(new TypeError("Cannot send on this connection: it belongs to a worker")),
  close() {},
};
