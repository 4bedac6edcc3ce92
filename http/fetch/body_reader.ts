/**
 * The reader of one body that `session.fetch` has handed out.
 *
 * @module
 */
import type { Attempt } from "../attempt/attempt.ts";
import { watchTime } from "../attempt/attempt_events.ts";
import { ownBytes } from "../transports/byte_pieces.ts";
import { TransportError } from "../errors.ts";
import { bodyFailure } from "./fetch_error.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import { ReadAhead } from "./read_ahead.ts";
import { checkLength, gotChunk, smallBody } from "../attempt/response_body.ts";
import { ended, giveBack, isWatched } from "../attempt/response_phase.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { TransportResponse } from "../transports/transport.ts";

/** Who checks bodies that hold a connection. */
export interface UnreadReaders {
  /** A response has been handed out. */
  add(reader: BodyReader): void;
  /** Its body is over. */
  delete(reader: BodyReader): void;
}

/** Reads the body of one handed-out response and ends its message. */
export class BodyReader {
  readonly core: HttpSessionCore;
  readonly item: QueueItem;
  readonly response: TransportResponse;
  readonly #attempt: Attempt;
  /** Weak, so that a stream nobody references is collected. */
  #controller: WeakRef<ReadableByteStreamController> | null = null;
  #source: ReadAhead | null = null;
  #hasReadAhead = false;
  #isOver = false;
  #isWatched = false;
  /** Somebody waits for the next piece. */
  isBeingRead = false;
  readonly #unread: UnreadReaders;

  constructor(attempt: Attempt, response: TransportResponse, unread: UnreadReaders) {
    this.#unread = unread;
    this.core = attempt.core;
    this.item = attempt.item;
    this.response = response;
    this.#attempt = attempt;
  }

  /** It holds its connection, and nobody may be reading it. */
  watch(): void {
    this.#isWatched = true;
    this.#unread.add(this);
  }

  /** True once the body has ended, one way or the other. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** True once somebody has begun to read it. */
  get isBegun(): boolean {
    return this.#source?.isBegun ?? false;
  }

  /** Reads the beginning while nobody else does. If that is all there is, its connection is free. */
  readAhead(): void {
    const { core, item, response } = this;
    if (this.#source === null || this.#hasReadAhead || this.isBegun || item.isPaused) return;
    this.#hasReadAhead = true;
    this.#source.fill(smallBody).then((isAll) => {
      if (isAll && this.#attempt.isCurrent) giveBack(core, item, response);
    });
  }

  /** Too many hold their connections: this one is not waited for any longer. */
  giveUp(most: number): void {
    if (this.#isOver || !this.#attempt.isCurrent) return;
    const message =
      `Cannot read the response: its connection was given up, since ${most} responses fetched later were ` +
      "left unread too; read responses or cancel their bodies before fetching more";
    this.core.fail(
      this.item,
      new TransportError(HttpStatus.IO_ERROR, "response", message, { code: "ERR_BODY_GIVEN_UP" }),
    );
  }

  #end(): void {
    this.#isOver = true;
    if (this.#isWatched) this.#unread.delete(this);
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
    this.#controller?.deref()?.error(error ?? this.core.cancelReason(this.item.msg));
  }

  /** The body as a byte stream of our own, as fetch gives: counted, shown to listeners, paused with the message. */
  stream(source: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { core, item, response } = this;
    const isStill = (): boolean => !this.#isOver && this.#attempt.isCurrent;
    const isShared = item.transforms.length > 0;
    const pull = async (controller: ReadableByteStreamController): Promise<void> => {
      this.isBeingRead = true;
      try {
        watchTime(core, item, this.#attempt.number);
        const { done, value } = await reader.next();
        item.unwatch();
        if (!isStill()) return;
        if (done) {
          if (!isShared) checkLength(response, item.msg.metrics.responseBodyBytes);
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
        end();
      }
    };
    /** Ends the stream as soon as its source has, whether anybody asks for more or not. */
    const end = (): void => {
      if (this.isBeingRead || !reader.isDrained || !isStill() || item.isPaused) return;
      const controller = this.#controller?.deref();
      if (controller !== undefined) void pull(controller);
    };
    const reader = this.#source = new ReadAhead(source, end);
    item.unwatch();
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller: ReadableByteStreamController) => {
        this.#controller = new WeakRef(controller);
      },
      pull,
      cancel: (reason: unknown) => {
        // Who gives the body up is not told what its source fails with.
        const cancelled = reader.cancel(reason).catch(() => {});
        this.drop(reason);
        return cancelled;
      },
    }, { highWaterMark: 0 });
    this.watch();
    unreachable.register(stream, new WeakRef(this));
    return stream;
  }
}

/** A stream nobody holds any more gives its slot back. */
const unreachable = new FinalizationRegistry<WeakRef<BodyReader>>((reader) => reader.deref()?.drop());
