/**
 * What a transport reports about one attempt, turned into the events of the message; and the end of one about which it has
 * reported nothing for too long.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import type { Connection } from "../transports/connection.ts";
import { isListened } from "../message/message.ts";
import { ChunkEvent, InformationalEvent, NetworkEvent, TransferProgressEvent } from "../message/message_events.ts";
import { messageState, setTrusted } from "../message/message.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { TransportError } from "../errors.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import type { ExchangeObserver, NetworkEventName, TlsInfo } from "../transports/transport.ts";

/** Whom the observer of an attempt tells more than the message. */
interface AttemptOwner {
  /** A CONNECT is about to be sent. */
  tunneling(connection: Connection): void;
  /** Begins the next attempt. */
  restart(item: QueueItem): void;
}

/** The observer of one attempt. Once the attempt is void it emits nothing more. */
export class AttemptEvents implements ExchangeObserver {
  readonly #item: QueueItem;
  readonly #attempt: number;
  readonly #owner: AttemptOwner;
  readonly #connection: Connection;
  #wroteHeaders = false;
  #wroteBody = false;

  constructor(item: QueueItem, connection: Connection, owner: AttemptOwner) {
    this.#item = item;
    this.#attempt = item.attempt;
    this.#connection = connection;
    this.#owner = owner;
  }

  get #isCurrent(): boolean {
    return this.#item.attempt === this.#attempt;
  }

  /** Does what a listener has asked for: a request that is written for ever comes to no step of its own. */
  #requeued(): void {
    const item = this.#item;
    if (this.#isCurrent && item.requeue === "now" && item.emitting === 0) this.#owner.restart(item);
  }

  /** Bytes of a response have arrived: that is progress, however few they are. */
  received(): void {
    if (this.#isCurrent) this.#item.progressed();
  }

  /** A step of making the connection. */
  networkEvent(event: NetworkEventName): void {
    if (!this.#isCurrent) return;
    this.#item.progressed();
    if (isListened(this.#item.msg, "network-event")) this.#item.dispatch(new NetworkEvent(event));
    this.#requeued();
  }

  /** A CONNECT is about to be sent. */
  tunneling(): void {
    if (this.#isCurrent) this.#owner.tunneling(this.#connection);
  }

  /** The TLS handshake is over. */
  tlsInfo(info: TlsInfo): void {
    writable(this.#connection).tls = info;
    if (this.#isCurrent) noteTls(this.#item, info);
  }

  /** The header section was written. */
  wroteHeaders(): void {
    if (!this.#isCurrent || this.#wroteHeaders) return;
    this.#wroteHeaders = true;
    this.#item.progressed();
    this.#item.emit("wrote-headers");
    this.#requeued();
  }

  /** A piece of the body was written. */
  wroteBodyData(chunk: Uint8Array): void {
    if (!this.#isCurrent) return;
    this.wroteHeaders();
    if (!this.#isCurrent) return;
    const { msg } = this.#item;
    this.#item.progressed();
    writable(msg.metrics).requestBodyBytes += chunk.byteLength;
    if (isListened(msg, "wrote-body-data")) {
      this.#item.dispatch(new ChunkEvent("wrote-body-data", chunk as Uint8Array<ArrayBuffer>));
    }
    if (this.#isCurrent) this.#item.emit("wrote-chunk");
    if (this.#isCurrent && isListened(msg, "progress")) {
      const { metrics, requestBodyLength } = msg;
      this.#item.dispatch(new TransferProgressEvent("upload", metrics.requestBodyBytes, requestBodyLength));
    }
    this.#requeued();
  }

  /** The whole request was written. */
  wroteBody(): void {
    if (!this.#isCurrent || this.#wroteBody) return;
    this.wroteHeaders();
    this.#wroteBody = true;
    if (!this.#isCurrent) return;
    this.#item.emit("wrote-body");
    this.#requeued();
  }

  /** A paused message sends no further piece of its body, whatever the body is. */
  resumed(): Promise<void> | null {
    return this.#isCurrent && this.#item.isPaused ? this.#item.resumed() : null;
  }

  /** A 1xx response arrived. */
  informational(status: number, reason: string, headers: Headers): void {
    if (!this.#isCurrent) return;
    this.#item.progressed();
    if (isListened(this.#item.msg, "got-informational")) {
      this.#item.dispatch(new InformationalEvent(status, reason, headers));
    }
    this.#requeued();
  }

  /** For transports that do not say it themselves: the request must have been written, since its end is known. */
  assumeWritten(): void {
    const { msg } = this.#item;
    if (messageIsSilent(this.#item)) {
      if (msg.requestBody instanceof Uint8Array) writable(msg.metrics).requestBodyBytes = msg.requestBody.byteLength;
      return;
    }
    this.wroteHeaders();
    if (this.#isCurrent && !this.#wroteBody && msg.requestBody instanceof Uint8Array) {
      this.wroteBodyData(msg.requestBody);
    }
    this.wroteBody();
  }
}

function messageIsSilent(item: QueueItem): boolean {
  return messageState(item.msg).listened === null;
}

/** Puts what the handshake showed on the message. */
export function noteTls(item: QueueItem, info: TlsInfo): void {
  const { msg } = item;
  const state = messageState(msg);
  state.tlsCertificate = info.certificate;
  state.tlsErrors = info.errors;
  setTrusted(msg, info.certificate !== null && info.errors.length === 0);
}

/** Fails the attempt when nothing has moved for as long as the session allows. */
export function watchTime(core: HttpSessionCore, item: QueueItem, attempt: number): void {
  const { timeout, timeouts } = item.msg;
  const seconds = timeout ?? timeouts?.idle ?? core.settings.values.timeout;
  if (seconds > 0) startWatch(core, item, attempt, seconds);
}

function startWatch(core: HttpSessionCore, item: QueueItem, attempt: number, seconds: number): void {
  item.watch(seconds, () => {
    if (item.attempt !== attempt) return;
    const text = `Cannot wait for the response: nothing has moved for ${seconds} s, the limit that timeout sets`;
    const cause = new DOMException(text, "TimeoutError");
    core.fail(
      item,
      new TransportError(HttpStatus.IO_ERROR, "response", cause.message, { cause, code: "ETIMEDOUT" }),
    );
  });
}
