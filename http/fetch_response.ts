/**
 * Responses of `session.fetch`: the runtime's own object where nothing has to be changed, and the slot given back when
 * its body is read, cancelled or out of reach.
 *
 * @module
 */
import { type Attempt, watchTime } from "./attempt.ts";
import { bodyFailure } from "./fetch_error.ts";
import { FetchedResponse, type ResponseOrigin } from "./fetched_response.ts";
import { lend, lendWithoutBody } from "./loans.ts";
import { ended, giveBack, isBodyless, isWatched } from "./response_phase.ts";
import { countBytes, discard, gotChunk, isSmall, transformed } from "./response_body.ts";
import { nextPiece, ownBytes } from "./byte_pieces.ts";
import type { QueueItem } from "./queue_item.ts";
import type { SessionCore } from "./session_core.ts";
import { HttpStatus } from "./status.ts";
import type { TransportResponse } from "./transport.ts";
import { bareUrl } from "./uri.ts";

/** Reads the body of one handed-out response and ends its message. */
export class BodyReader {
  readonly core: SessionCore;
  readonly item: QueueItem;
  readonly response: TransportResponse;
  readonly #attempt: Attempt;
  /** Weak, so that a stream nobody holds can be found out. */
  #controller: WeakRef<ReadableByteStreamController> | null = null;
  #isOver = false;
  /** Somebody waits for the next piece. */
  isBeingRead = false;

  constructor(attempt: Attempt, response: TransportResponse) {
    this.core = attempt.core;
    this.item = attempt.item;
    this.response = response;
    this.#attempt = attempt;
  }

  /** True once the body has ended, one way or the other. */
  get isOver(): boolean {
    return this.#isOver;
  }

  #end(): void {
    this.#isOver = true;
    this.core.unread.delete(this);
  }

  /** The body has ended well. */
  finish(): void {
    if (this.#isOver) return;
    this.#end();
    if (!this.#attempt.isCurrent) return;
    this.item.unwatch();
    this.#attempt.guard(ended);
  }

  /** The body broke off. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#attempt.broke(error);
  }

  /** Nobody wants the rest. */
  drop(reason?: unknown): void {
    if (this.#isOver) return;
    this.#end();
    if (!this.#attempt.isCurrent) return;
    this.core.cancel(this.item, HttpStatus.CANCELLED, { error: reason ?? null });
  }

  /** The message was ended from elsewhere: the reader of a stream learns why. */
  ended(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    const reason = error ?? new DOMException("The request was cancelled", "AbortError");
    this.#controller?.deref()?.error(reason);
  }

  /** The body as a byte stream of our own, as fetch gives: counted, shown to listeners, paused with the message. */
  stream(source: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { core, item } = this;
    const reader = source.getReader();
    item.unwatch();
    const isStill = (): boolean => !this.#isOver && this.#attempt.isCurrent;
    const isShared = item.transforms.length > 0;
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller: ReadableByteStreamController) => {
        this.#controller = new WeakRef(controller);
      },
      pull: async (controller: ReadableByteStreamController) => {
        this.isBeingRead = true;
        try {
          watchTime(core, item, this.#attempt.number);
          const { done, value } = await nextPiece(reader);
          item.unwatch();
          if (!isStill()) return;
          if (done) {
            controller.close();
            // Who waits with a buffer of its own gets it back.
            controller.byobRequest?.respond(0);
            this.finish();
            return;
          }
          gotChunk(core, item, value);
          if (item.isPaused) await item.resumed();
          if (isStill()) controller.enqueue(isShared || isWatched(item) ? value.slice() : ownBytes(value));
        } catch (error) {
          if (!isStill()) return;
          this.fail(error);
          controller.error(bodyFailure(item.msg, error));
        } finally {
          this.isBeingRead = false;
        }
      },
      cancel: (reason: unknown) => {
        const cancelled = reader.cancel(reason);
        this.drop(reason);
        return cancelled;
      },
    }, { highWaterMark: 0 });
    core.unread.add(this);
    unreachable.register(stream, new WeakRef(this));
    return stream;
  }
}

/** A stream nobody holds any more gives its slot back. */
const unreachable = new FinalizationRegistry<WeakRef<BodyReader>>((reader) => reader.deref()?.drop());

/** Makes the Response a caller gets. */
export function handOut(reader: BodyReader, signal: AbortSignal | null): Response {
  const { core, item, response } = reader;
  const { arrived } = response;
  const { msg } = item;
  const isUntouched = msg.responseHeaders === response.headers && item.transforms.length === 0 && !isWatched(item);
  if (response.ready !== undefined && isUntouched) return handOutReady(reader, response.ready, signal);
  const isSame = response instanceof Response && msg.responseHeaders === response.headers;
  if (isBodyless(msg, response)) return withoutBody(reader, isSame);
  const isSmallBody = response.whole !== undefined || isSmall(response);
  if (isSame && isUntouched && isSmallBody && item.connection !== null && !item.isTimed) {
    return lend(core.loans, reader, response, item.redirects > 0);
  }
  if (response.body === null) return withoutBody(reader, isSame);
  if (isSmallBody) return build(reader, reader.stream(transformed(item, readAtOnce(core, item, response))));
  if (arrived !== undefined) giveBackAfter(core, item, response, arrived);
  return build(reader, reader.stream(transformed(item, response.body)));
}

/** The transport has made the Response, and all of it is here: the message ends before anybody reads. */
function handOutReady(reader: BodyReader, ready: Response, signal: AbortSignal | null): Response {
  const { item, response } = reader;
  if (ready instanceof FetchedResponse) FetchedResponse.place(ready, originOf(item, signal));
  if (response.whole !== undefined) countBytes(item, response.whole.byteLength);
  reader.finish();
  return ready;
}

function originOf(item: QueueItem, signal: AbortSignal | null): ResponseOrigin {
  const { msg, redirects } = item;
  return { url: bareUrl(msg.uri), redirected: redirects > 0, signal };
}

function withoutBody(reader: BodyReader, isSame: boolean): Response {
  const { response, item } = reader;
  if (isSame && response instanceof Response) {
    const result = lendWithoutBody(response, item.redirects > 0);
    reader.finish();
    return result;
  }
  // A body where none may be is not read; the connection it comes on is of no more use.
  discard(response);
  const result = build(reader, null);
  reader.finish();
  return result;
}

/** A Response around a stream of ours. */
function build(reader: BodyReader, body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Response {
  const { msg } = reader.item;
  const response = FetchedResponse.of(body, {
    status: msg.statusCode,
    statusText: reader.response.statusText,
    headers: msg.responseHeaders,
  });
  return FetchedResponse.place(response, originOf(reader.item, null));
}

/** The bytes of a small body as a stream; they are fetched now, whoever reads them later, and the slot is free then. */
function readAtOnce(
  core: SessionCore,
  item: QueueItem,
  response: TransportResponse,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  // Where time counts, every piece that arrives does.
  const reading = item.isTimed && response.body !== null
    ? readPieces(response.body, () => item.progressed())
    : response.bytes();
  // Who reads learns of a failure; nobody may.
  reading.catch(() => {});
  giveBackAfter(core, item, response, response.arrived ?? reading);
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const bytes = await reading;
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
    },
  }, { highWaterMark: 0 });
}

async function readPieces(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  progressed: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of source) {
    progressed();
    pieces.push(piece);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Frees the slot of a response as soon as all of it has arrived, whoever reads it later. */
function giveBackAfter(
  core: SessionCore,
  item: QueueItem,
  response: TransportResponse,
  arrival: Promise<unknown>,
): void {
  const { attempt } = item;
  arrival.then(() => {
    if (item.attempt === attempt) giveBack(core, item, response);
  }, () => {});
}
