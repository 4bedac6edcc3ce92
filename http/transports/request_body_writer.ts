/** The body of a request on its way out, in every version of HTTP: when it begins, its pieces, its length, its end. */
import { setImmediate } from "node:timers";
import type { ExchangeObserver, RequestTrailers, TransportRequest } from "./transport.ts";
import { type BodyFraming, wrongLength } from "./request_rules.ts";

/** How long a server may leave `Expect: 100-continue` unanswered before the body is sent all the same (RFC 9110 §10.1.1). */
const CONTINUE_TIMEOUT = 1000;

/** Length of the pieces in which a long body is handed over: none is longer. */
export const PIECE: number = 64 * 1024;

/** After so many bytes other messages, and the program, go on before more is written: a socket may take all of a body. */
export const BURST: number = 1024 * 1024;

/** Resolves when the others have gone on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What a body is written to. */
export interface BodySink {
  /** True once nothing more is to be written. */
  readonly isOver: boolean;
  /** Writes a piece, after which only an end can come if it is the last; the promise, if any, is waited for. */
  writePiece(piece: Uint8Array, isLast: boolean): Promise<void> | void;
  /** Every piece has been handed over: as many bytes as were announced. */
  sentAll(): void;
  /** Ends the body, with the fields behind it. */
  writeEnd(trailers: Headers | null): void;
  /** The request is out. */
  wroteAll(): void;
}

/** What a {@linkcode RequestBodyWriter} must know of its request. */
export interface WrittenBody {
  readonly request: Pick<TransportRequest, "expectContinue" | "trailers">;
  /** Tells while the message is paused. */
  readonly observer: ExchangeObserver;
  readonly framing: BodyFraming;
  /** Bytes of the body when the framing is "length". */
  readonly contentLength: number;
}

/** Writes one body. */
export class RequestBodyWriter {
  readonly #sink: BodySink;
  readonly #body: WrittenBody;
  #source: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #continue: ((proceed: boolean) => void) | null = null;
  #isAnswered = false;

  constructor(body: WrittenBody, sink: BodySink) {
    this.#body = body;
    this.#sink = sink;
  }

  /** Writes everything; what is there at once is handed over before this returns. */
  async write(body: NonNullable<TransportRequest["body"]>): Promise<void> {
    if (this.#body.request.expectContinue && !await this.#mayContinue()) return;
    const resumed = this.#resumed();
    if (resumed !== null) await resumed;
    if (this.#sink.isOver) return;
    if (body instanceof Uint8Array) await this.#writeBytes(body);
    else await this.#writeStream(body);
    if (!this.#sink.isOver) this.#sink.wroteAll();
  }

  /** The server has said 100: who waits for it goes on. */
  proceed(): void {
    this.#continue?.(true);
  }

  /** A final response is there: a body that still waits for its 100 is not sent. */
  answered(): void {
    this.#isAnswered = true;
    this.#continue?.(false);
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): void {
    this.#continue?.(false);
    const source = this.#source;
    this.#source = null;
    source?.cancel(reason).catch(() => {});
  }

  /** False when a final response came instead of 100 Continue. */
  #mayContinue(): Promise<boolean> {
    if (this.#isAnswered) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#continue?.(true), CONTINUE_TIMEOUT);
      this.#continue = (proceed) => {
        clearTimeout(timer);
        this.#continue = null;
        resolve(proceed);
      };
    });
  }

  /** What is waited for in front of the next piece; null where nothing is. */
  #resumed(): Promise<void> | null {
    return this.#body.observer.resumed?.() ?? null;
  }

  async #writeBytes(body: Uint8Array): Promise<void> {
    if (body.byteLength > 0) await this.#writePieces(body, true);
    if (this.#sink.isOver) return;
    this.#sink.sentAll();
    this.#sink.writeEnd(null);
  }

  /** What is long goes in pieces, so that progress means something. What is not waited for is over when this returns. */
  #writePieces(bytes: Uint8Array, endsBody: boolean): Promise<void> | void {
    return bytes.byteLength <= PIECE ? this.#sink.writePiece(bytes, endsBody) : this.#writeLong(bytes, endsBody);
  }

  async #writeLong(bytes: Uint8Array, endsBody: boolean): Promise<void> {
    for (let offset = 0; offset < bytes.byteLength; offset += PIECE) {
      const resumed = this.#resumed();
      if (resumed !== null) await resumed;
      if (this.#sink.isOver) return;
      const piece = bytes.subarray(offset, offset + PIECE);
      const isLast = endsBody && offset + PIECE >= bytes.byteLength;
      const flushed = this.#sink.writePiece(piece, isLast);
      if (flushed !== undefined) await flushed;
    }
  }

  async #writeStream(body: ReadableStream<Uint8Array>): Promise<void> {
    const { framing, contentLength, request: { trailers } } = this.#body;
    const sink = this.#sink;
    const isCounted = framing === "length";
    const reader = this.#source = body.getReader();
    let sent = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (sink.isOver) return;
      if (done) break;
      sent += value.byteLength;
      if (isCounted && sent > contentLength) throw wrongLength("longer", contentLength);
      if (value.byteLength === 0) continue;
      for (const each of trailers ?? []) each.update(value);
      const isLast = isCounted && sent === contentLength;
      const flushed = this.#writePieces(value, isLast);
      if (flushed !== undefined) await flushed;
      if (sink.isOver) return;
      if (isLast) sink.sentAll();
    }
    if (isCounted && sent < contentLength) throw wrongLength("shorter", contentLength);
    const fields = trailers ? await fieldsOf(trailers) : null;
    if (sink.isOver) return;
    this.#source = null;
    reader.releaseLock();
    sink.sentAll();
    sink.writeEnd(fields);
  }
}

/** The fields behind a body whose last piece is out. */
async function fieldsOf(trailers: readonly RequestTrailers[]): Promise<Headers> {
  const fields = new Headers();
  for (const each of trailers) await each.finish(fields);
  return fields;
}
