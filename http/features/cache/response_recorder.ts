/** Stores responses while they are delivered, for readers that may be faster or slower than the store. */
import { drive, isPromise, type Steps } from "../../contract/blocking.ts";
import type { CacheWriter } from "./store.ts";
import type { BodyTransform } from "../../contract/feature.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { TransportResponse } from "../../transports/transport.ts";
import { type Exchange, restoreFields, type Storing } from "./exchange.ts";
import type { CacheRequest, StoredResponses } from "./stored_responses.ts";
import type { Turns } from "./turns.ts";

type Chunk = Uint8Array<ArrayBuffer>;

/** What a recorded body reports to. */
interface RecordedBodyObserver {
  /** Called once: when everything is written, so many bytes, or with null as soon as that cannot happen any more. */
  finish(length: number | null): void;
  /** Storing has failed; the reader is not concerned. */
  fail(error: unknown): void;
}

/**
 * Reads a body once and gives it to one reader and one writer. The reader decides how fast, unless others wait for the
 * stored response: then `drain` reads ahead of the reader, who gets the rest back from the writer.
 */
export class RecordedBody {
  /** What the message reads. */
  readonly readable: ReadableStream<Chunk>;
  readonly #source: ReadableStreamDefaultReader<Chunk>;
  readonly #writer: CacheWriter;
  readonly #limit: number;
  readonly #observer: RecordedBodyObserver;
  /** Bytes the reader has. */
  #position = 0;
  /** Bytes that came from the source. */
  #length = 0;
  /** What the writer cannot give back and a reader that is behind has not had yet. */
  #kept: { readonly position: number; readonly chunk: Chunk }[] = [];
  /** The piece that is being written. */
  #writing: Promise<void> | null = null;
  #isStoring = true;
  #isOver = false;
  #failure: { reason: unknown } | null = null;
  #reading: Promise<Chunk | null> | null = null;

  constructor(source: ReadableStream<Chunk>, writer: CacheWriter, limit: number, observer: RecordedBodyObserver) {
    this.#source = source.getReader();
    this.#writer = writer;
    this.#limit = limit;
    this.#observer = observer;
    this.readable = new ReadableStream<Chunk>({
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => this.#cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** Reads to the end without waiting for the reader, as long as the body is being stored. */
  async drain(): Promise<void> {
    try {
      while (this.#isStoring && !this.#isOver) await this.#next();
    } catch {
      // The reader gets the same error; `finish` has informed whoever waits for the stored response.
    }
  }

  async #pull(controller: ReadableStreamDefaultController<Chunk>): Promise<void> {
    let chunk: Chunk | null = null;
    if (this.#position < this.#length) chunk = this.#stored();
    else if (!this.#isOver) chunk = await this.#next();
    if (chunk !== null) {
      this.#position += chunk.length;
      controller.enqueue(chunk);
    } else {
      if (this.#failure) throw this.#failure.reason;
      controller.close();
    }
    if (this.#kept.length > 0) this.#kept = this.#kept.filter(({ position }) => position >= this.#position);
    if (!this.#isStoring && this.#position === this.#length) this.#discard();
  }

  /** The next piece of the source; `null` at its end. Several callers share one read. */
  #next(): Promise<Chunk | null> {
    return this.#reading ??= this.#read();
  }

  async #read(): Promise<Chunk | null> {
    let result;
    try {
      await this.#writing;
      result = await this.#source.read();
    } catch (reason) {
      this.#isOver = true;
      this.#failure = { reason };
      this.#stopStoring();
      throw reason;
    } finally {
      // In the same turn as what has been read counts, so that nobody waits for it a second time.
      this.#reading = null;
    }
    if (result.done) {
      this.#isOver = true;
      this.#complete();
      return null;
    }
    const chunk = result.value;
    const position = this.#length;
    const isWritten = this.#isStoring && this.#write(chunk);
    if (!isWritten || this.#writer.read === undefined) this.#kept.push({ position, chunk });
    if (!isWritten) this.#stopStoring();
    this.#length += chunk.length;
    return chunk;
  }

  /** Hands a piece to the writer, whose answer the next piece waits for. */
  #write(chunk: Chunk): boolean {
    if (this.#length + chunk.length > this.#limit) return false;
    try {
      const written = this.#writer.write(chunk);
      if (!isPromise(written)) return true;
      this.#writing = written.then(() => {}, (error) => {
        this.#observer.fail(error);
        this.#stopStoring();
      }).finally(() => this.#writing = null);
      return true;
    } catch (error) {
      this.#observer.fail(error);
      return false;
    }
  }

  /** All of it is there: the response may be found once its last piece is written. */
  #complete(): void {
    if (!this.#isStoring) return;
    if (this.#writing !== null) return void this.#writing.then(() => this.#complete());
    this.#isStoring = false;
    this.#observer.finish(this.#length);
  }

  #stored(): Chunk {
    const kept = this.#kept.find(({ position }) => position === this.#position);
    return kept?.chunk ?? this.#writer.read!(this.#position);
  }

  /** What the writer has is of no more use; an error of discarding it is ignored. */
  #discard(): void {
    try {
      const done = this.#writer.discard();
      if (isPromise(done)) done.then(undefined, (error) => this.#observer.fail(error));
    } catch (error) {
      this.#observer.fail(error);
    }
  }

  #stopStoring(): void {
    if (!this.#isStoring) return;
    this.#isStoring = false;
    this.#observer.finish(null);
    // A reader that is behind needs nothing of what was written.
    if (this.#writer.read === undefined) this.#discard();
  }

  #cancel(reason: unknown): Promise<void> {
    this.#isOver = true;
    this.#stopStoring();
    this.#discard();
    return this.#source.cancel(reason);
  }
}

/** What of an exchange is stored, and who waits for it. */
export class ResponseRecorder {
  readonly #stored: StoredResponses;
  readonly #turns: Turns;
  readonly #failed: (error: unknown) => void;

  /** `failed` is told what a store fails with while a body passes. */
  constructor(stored: StoredResponses, turns: Turns, failed: (error: unknown) => void) {
    this.#stored = stored;
    this.#turns = turns;
    this.#failed = failed;
  }

  /** The response is here: begins to store it, if it may be; without a body it is stored at once. */
  *begin(exchange: Exchange, request: CacheRequest, response: TransportResponse): Steps<void> {
    const storing = yield* this.#stored.begin(request, response);
    if (!storing) return;
    if (exchange.isOver) return void (yield* this.#stored.ask(() => storing.writer.discard(), undefined));
    // Other requests could not use it without validation; they need not wait for its body.
    if (!storing.isFresh) this.endWaiting(exchange, false);
    if (response.body === null) yield* this.#storeWhole(exchange, storing, null);
    else exchange.storing = storing;
  }

  /** What the body passes through, if it is to be stored. */
  transform(exchange: Exchange): BodyTransform | null {
    const { storing } = exchange;
    if (!storing) return null;
    exchange.storing = null;
    return (source) => {
      const body = new RecordedBody(source, storing.writer, this.#stored.limits.entryBytes, {
        finish: (length) => {
          if (length === null) this.endWaiting(exchange, false);
          else void drive(this.#commit(exchange, storing, length));
        },
        fail: this.#failed,
      });
      exchange.leading?.store(body);
      return body.readable;
    };
  }

  /** What takes a body that comes in one piece, if it is to be stored. */
  sink(exchange: Exchange): ((body: Uint8Array) => void) | null {
    const { storing } = exchange;
    if (!storing) return null;
    return (body) => {
      exchange.storing = null;
      void drive(this.#storeWhole(exchange, storing, body));
    };
  }

  /** The exchange is over, however it ended. */
  settle(msg: HttpMessage, exchange: Exchange): void {
    exchange.isOver = true;
    restoreFields(msg, exchange);
    const { storing } = exchange;
    if (storing) this.#stored.tell(() => storing.writer.discard());
    exchange.storing = null;
    if (!exchange.leading?.isStoring) this.endWaiting(exchange, false);
  }

  /** Those who wait for the exchange go on. */
  endWaiting(exchange: Exchange, isStored: boolean): void {
    const { leading } = exchange;
    exchange.leading = null;
    if (leading) this.#turns.end(leading, isStored);
  }

  /** Stores a body that is here as a whole, or none. */
  *#storeWhole(exchange: Exchange, storing: Storing, body: Uint8Array | null): Steps<void> {
    const stored = this.#stored;
    const isWritten = body === null || body.length <= stored.limits.entryBytes && (yield* stored.ask(() => {
          const written = storing.writer.write(body);
          return isPromise(written) ? written.then(() => true) : true;
        }, false));
    if (isWritten) yield* this.#commit(exchange, storing, body?.length ?? 0);
    yield* stored.ask(() => storing.writer.discard(), undefined);
    this.endWaiting(exchange, false);
  }

  /** Makes a response findable; who waits goes on when it is. */
  *#commit(exchange: Exchange, storing: Storing, length: number): Steps<void> {
    this.endWaiting(exchange, yield* storing.commit(length));
  }
}
