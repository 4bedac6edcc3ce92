/**
 * The events of a synchronous send, dispatched after it has returned.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import {
  ChunkEvent,
  type ChunkEventName,
  ContentSniffedEvent,
  InformationalEvent,
  NetworkEvent,
  TransferProgressEvent,
} from "../message/message_events.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import {
  ConnectionEvent,
  type HttpSessionEvents,
  RequestEvent,
  RequestStartedEvent,
} from "../contract/session_events.ts";
import { applySnapshot, type EventDetail, type FromWorker, type MessageSnapshot, snapshotOf } from "./sync_protocol.ts";
import type { NetworkEventName } from "../transports/transport.ts";

type MessageEventCall = Extract<FromWorker, { kind: "event" }>;

/** Keeps the events of one send and dispatches them from a microtask, each with the message as it was then. */
export class SyncReplay {
  readonly #session: FeatureSession;
  readonly #msg: HttpMessage;
  readonly #events: (() => void)[] = [];
  #isFinished = false;

  constructor(session: FeatureSession, msg: HttpMessage) {
    this.#session = session;
    this.#msg = msg;
  }

  /** The events of a message somebody listens for. */
  static listenedOf(msg: HttpMessage): string[] {
    return [...messageState(msg).listened ?? []];
  }

  /** Keeps an event of the message. */
  event({ detail, snapshot, type }: MessageEventCall): void {
    if (type === "finished") this.#isFinished = true;
    this.#events.push(() => this.#as(snapshot, () => this.#msg.dispatchEvent(eventOf(type, detail))));
  }

  /** Keeps an event of the session. */
  session(type: Exclude<keyof HttpSessionEvents, "authenticate" | "notify">, connection: Connection | null): void {
    this.#events.push(() => {
      if (type === "request-queued" || type === "request-unqueued") {
        this.#session.dispatchEvent(new RequestEvent(type, this.#msg));
      } else if (connection === null) return;
      else if (type === "request-started") {
        this.#session.dispatchEvent(new RequestStartedEvent(this.#msg, connection));
      } else this.#session.dispatchEvent(new ConnectionEvent(type, connection));
    });
  }

  /** Keeps the end of a message of which the worker will not report it. */
  end(): void {
    if (!this.#isFinished) {
      this.event({ kind: "event", type: "finished", snapshot: snapshotOf(this.#msg), detail: {} });
    }
    this.session("request-unqueued", null);
  }

  /** Dispatches everything once the caller has gone on, then calls `after`. */
  start(after: () => void): void {
    queueMicrotask(() => {
      for (const dispatch of this.#events) dispatch();
      after();
    });
  }

  /** Runs listeners with the message as it was. What they change stays, and so does all of it when they send it again. */
  #as(then: MessageSnapshot, run: () => void): void {
    const msg = this.#msg;
    const { queued } = msg.metrics;
    const now = snapshotOf(msg);
    applySnapshot(msg, then);
    run();
    if (msg.metrics.queued === queued) applySnapshot(msg, withChanges(now, then, snapshotOf(msg)));
  }
}

/** `now`, with what has changed between `before` and `after`. */
function withChanges(now: MessageSnapshot, before: MessageSnapshot, after: MessageSnapshot): MessageSnapshot {
  const changed = Object.entries(after).filter(([name, value]) =>
    isChanged(before[name as keyof MessageSnapshot], value)
  );
  return { ...now, ...Object.fromEntries(changed) };
}

function isChanged(before: unknown, after: unknown): boolean {
  return before !== after && JSON.stringify(before) !== JSON.stringify(after);
}

function eventOf(type: string, detail: EventDetail): Event {
  if (detail.chunk !== undefined) return new ChunkEvent(type as ChunkEventName, detail.chunk);
  if (detail.contentType !== undefined) return new ContentSniffedEvent(detail.contentType, detail.parameters ?? {});
  if (detail.event !== undefined) return new NetworkEvent(detail.event as NetworkEventName);
  if (detail.status !== undefined) {
    return new InformationalEvent(detail.status, detail.reasonPhrase ?? "", new Headers(detail.headers ?? []));
  }
  if (detail.loaded !== undefined) {
    const direction = detail.direction === "upload" ? "upload" : "download";
    return new TransferProgressEvent(direction, detail.loaded, detail.total ?? null);
  }
  return new Event(type);
}
