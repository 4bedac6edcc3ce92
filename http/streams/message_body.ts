/** The response body of a message as a stream. */

import { checkOptions, checkSignal } from "../../internal/expected.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { HttpError } from "../message/http_error.ts";
import { checkMessage, type HttpMessage, MessageFlags } from "../message/message.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { HttpStatus } from "../protocol/status.ts";

/** Options of {@linkcode streamMessage}. */
export interface StreamMessageOptions {
  /** Cancels the message; the promise or the stream then fails with the signal's reason. */
  readonly signal?: AbortSignal | null | undefined;
}

/** What {@linkcode streamMessage} uses of a session. */
export type StreamingSession = Pick<
  FeatureSession,
  "cancelMessage" | "isPaused" | "pauseMessage" | "queueMessage" | "unpauseMessage"
>;

/** What is kept of a response that another one may still replace. */
const MAX_HELD = 2 ** 24;

/**
 * Queues a message and gives its response body as a stream, with back-pressure: the message is paused while nobody
 * reads. Resolves at the headers of a successful response (2xx); of others, which redirects or authentication may still
 * replace, when the message has finished. Cancelling the stream cancels the message. The body is not kept in
 * `msg.responseBody`.
 *
 * @example Events over a message
 * ```ts
 * import { HttpMessage, HttpSession, MockTransport, readServerSentEvents, streamMessage } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * session.addFeature(new MockTransport(() => new Response("data: hello\n\n")));
 * const msg = new HttpMessage("GET", "http://example.org/events");
 * for await (const event of readServerSentEvents(await streamMessage(session, msg))) assertEquals(event.data, "hello");
 * ```
 *
 * @throws {HttpError} If there is no response.
 */
export function streamMessage(
  session: StreamingSession,
  msg: HttpMessage,
  options: StreamMessageOptions = {},
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  return new Promise((resolve, reject) => {
    checkMessage("stream the message", msg);
    const { signal } = checkOptions("stream the message", options);
    checkSignal("stream the message", signal);
    signal?.throwIfAborted();
    const streaming = new StreamingMessage(session, msg, resolve, reject);
    const abort = (): void => session.cancelMessage(msg, HttpStatus.CANCELLED, { error: signal!.reason });
    signal?.addEventListener("abort", abort, { once: true });
    msg.flags.add(MessageFlags.OVERWRITE_CHUNKS);
    session.queueMessage(msg, () => {
      if (signal) leaveSignal(signal, abort);
      streaming.finish(signal);
    });
  });
}

/** One message on its way into a stream. */
class StreamingMessage {
  #session: StreamingSession;
  #msg: HttpMessage;
  #resolve: (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => void;
  #reject: (reason: unknown) => void;
  #listening = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #held: Uint8Array<ArrayBuffer>[] = [];
  #heldSize = 0;
  #isOver = false;

  constructor(
    session: StreamingSession,
    msg: HttpMessage,
    resolve: (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#session = session;
    this.#msg = msg;
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal } = this.#listening;
    msg.addEventListener("got-headers", () => this.#onHeaders(), { signal });
    msg.addEventListener("got-chunk", (event) => this.#onChunk(event.chunk as Uint8Array<ArrayBuffer>), { signal });
    msg.addEventListener("restarted", () => this.#restart(), { signal });
  }

  /** The message has left the queue. */
  finish(signal: AbortSignal | null | undefined): void {
    this.#isOver = true;
    this.#listening.abort();
    const failure = this.#msg.statusCode < 100 || this.#msg.error !== null ? this.#failure(signal) : undefined;
    if (this.#controller === undefined && failure !== undefined) return this.#reject(failure);
    if (this.#controller === undefined) this.#open();
    for (const chunk of this.#held) this.#controller!.enqueue(chunk);
    if (failure === undefined) this.#controller!.close();
    else this.#controller!.error(failure);
  }

  #failure(signal: AbortSignal | null | undefined): unknown {
    const { error, reasonPhrase, statusCode, uri } = this.#msg;
    if (signal?.aborted) return signal.reason;
    if (error instanceof HttpError) return error;
    return new HttpError(this.#msg, statusCode, `Cannot read from ${uri.host}: ${reasonPhrase}`, { cause: error });
  }

  #onHeaders(): void {
    const { statusCode } = this.#msg;
    if (this.#controller === undefined && statusCode >= 200 && statusCode < 300) this.#open();
  }

  #open(): void {
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        if (!this.#isOver && this.#session.isPaused(this.#msg)) this.#session.unpauseMessage(this.#msg);
      },
      cancel: () => {
        this.#listening.abort();
        if (!this.#isOver) this.#session.cancelMessage(this.#msg);
      },
    }, { highWaterMark: 1 });
    this.#resolve(stream);
  }

  #restart(): void {
    this.#held = [];
    this.#heldSize = 0;
  }

  #hold(chunk: Uint8Array<ArrayBuffer>): void {
    this.#held.push(chunk);
    this.#heldSize += chunk.byteLength;
    if (this.#heldSize <= MAX_HELD) return;
    const error = new RangeError(
      `Cannot hold the body of a ${this.#msg.statusCode}: it has more than ${MAX_HELD} bytes`,
    );
    this.#session.cancelMessage(this.#msg, HttpStatus.IO_ERROR, { error });
  }

  #onChunk(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.#controller === undefined) {
      this.#hold(chunk);
      return;
    }
    this.#controller.enqueue(chunk);
    if ((this.#controller.desiredSize ?? 0) <= 0) this.#session.pauseMessage(this.#msg);
  }
}
