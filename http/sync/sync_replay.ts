/**
 * The events of a synchronous send, told after it has returned.
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

/** Keeps the events of one send and tells them from a microtask, each with the message as it was then. */
export class SyncReplay {
  readonly #session: FeatureSession;
  readonly #msg: HttpMessage;
  readonly #told: (() => void)[] = [];

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
    this.#told.push(() => this.#as(snapshot, () => this.#msg.dispatchEvent(eventOf(type, detail))));
  }

  /** Keeps an event of the session. */
  session(type: Exclude<keyof HttpSessionEvents, "authenticate" | "notify">, connection: Connection | null): void {
    this.#told.push(() => {
      if (type === "request-queued" || type === "request-unqueued") {
        this.#session.dispatchEvent(new RequestEvent(type, this.#msg));
      } else if (connection === null) return;
      else if (type === "request-started") {
        this.#session.dispatchEvent(new RequestStartedEvent(this.#msg, connection));
      } else this.#session.dispatchEvent(new ConnectionEvent(type, connection));
    });
  }

  /** Tells everything once the caller has gone on, then calls `after`. */
  start(after: () => void): void {
    queueMicrotask(() => {
      for (const tell of this.#told) tell();
      after();
    });
  }

  #as(snapshot: MessageSnapshot, run: () => void): void {
    const now = snapshotOf(this.#msg);
    applySnapshot(this.#msg, snapshot);
    run();
    applySnapshot(this.#msg, now);
  }
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
