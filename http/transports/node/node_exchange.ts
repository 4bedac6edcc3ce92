/** One request and its response on one wire. */
import { TransportError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { type BodySource, hasResponseBody, IncomingBody, IncomingResponse } from "../incoming_response.ts";
import { type BodySink, BURST, nextTurn, RequestBodyWriter } from "../request_body_writer.ts";
import type { ExchangeObserver, TransportRequest, TransportResponse } from "../transport.ts";
import { ChunkWriter } from "./node_chunks.ts";
import { exchangeError, textOf } from "./node_errors.ts";
import { lastChunk, type RequestHead } from "./node_request_head.ts";
import { MalformedResponseError } from "./node_response_grammar.ts";
import type { HeaderField, KnownLines, ResponseHead } from "./node_response_head.ts";
import { type ResponseHandler, ResponseParser } from "./node_response_parser.ts";
import type { Wire, WireReader } from "./node_wire.ts";

/** What becomes of a wire: it is used again, closed, or belongs to others from now on. */
export type WireUse = "again" | "never" | "handed over";

/** What an {@linkcode Exchange} needs besides its wire. */
export interface ExchangeOptions {
  request: Pick<TransportRequest, "method" | "body" | "expectContinue" | "trailers" | "upgrade">;
  head: RequestHead;
  observer: ExchangeObserver;
  maxHeaderBytes: number;
  /** What the last response on this wire looked like. */
  readonly known?: KnownLines | undefined;
  /** Called once, when both directions are over: what can be done with the wire. */
  onFinished(wire: Wire, use: WireUse): void;
}

/** Writes a request and reads its response; nothing is ever written twice. */
export class Exchange implements WireReader, ResponseHandler, BodySource, BodySink {
  readonly #wire: Wire;
  readonly #options: ExchangeOptions;
  readonly #parser: ResponseParser;
  #resolve: ((response: TransportResponse) => void) | null = null;
  #reject: ((reason: unknown) => void) | null = null;
  #trailers: PromiseWithResolvers<Headers> | null = null;
  /** Of a response that was handed over before its end. */
  #arrived: PromiseWithResolvers<void> | null = null;
  /** A header section whose response has not been handed over: what follows in the same bytes is looked at first. */
  #head: ResponseHead | null = null;
  /** The header section by which the server agrees to speak another protocol. */
  #agreement: ResponseHead | null = null;
  /** The first piece of a body that is not handed over. */
  #first: Uint8Array | null = null;
  #trailerFields: HeaderField[] = [];
  /** The body; none as long as one piece holds all of it. */
  #body: IncomingBody | null = null;
  /** The body of the request while there is one. */
  #upload: RequestBodyWriter | null = null;
  /** What its pieces are written to when nobody knows its length. */
  #chunks: ChunkWriter | null = null;
  /** Every byte of the request has been handed to the wire. */
  #sentAll = false;
  #written = false;
  /** Bytes of the body written since others could last go on. */
  #burst = 0;
  #finished = false;

  constructor(wire: Wire, options: ExchangeOptions) {
    this.#wire = wire;
    this.#options = options;
    const { known, maxHeaderBytes, request } = options;
    this.#parser = new ResponseParser(this, { method: request.method, maxHeaderBytes, known });
  }

  /** Sends the request; resolves with the final response's header. */
  run(): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#wire.read(this);
      this.#wire.resume();
      if (!this.#finished) this.#begin();
    });
  }

  /** Ends both directions at once; whoever waits gets `reason` itself. */
  abort(reason: unknown): void {
    if (this.#finished) this.#body?.fail(reason, true);
    else this.#finish(false, reason);
  }

  received(bytes: Uint8Array): void {
    this.#options.observer.received?.();
    try {
      const surplus = this.#push(bytes);
      if (this.#agreement !== null) this.#handOver(this.#agreement, bytes.subarray(bytes.byteLength - surplus));
      else if (this.#parser.done) this.#onResponseDone(surplus === 0);
    } catch (error) {
      this.#fail(exchangeError(error, "response"));
    }
  }

  /** A response is handed over with all of its body that is there, also when what follows cannot be read. */
  #push(bytes: Uint8Array): number {
    try {
      return this.#parser.push(bytes);
    } finally {
      if (this.#head !== null) this.#answer(this.#head);
    }
  }

  ended(): void {
    try {
      this.#parser.end();
      if (this.#parser.done) this.#onResponseDone(false);
    } catch (error) {
      this.#fail(exchangeError(this.#wire.writeError ?? error, this.#phase));
    }
  }

  broke(error: Error): void {
    this.#fail(exchangeError(error, this.#phase));
  }

  /** The reader of the body has enough to do. */
  pause(): void {
    if (!this.#finished) this.#wire.pause();
  }

  /** The reader of the body wants more. */
  resume(): void {
    if (!this.#finished) this.#wire.resume();
  }

  /** A body nobody waits for does not keep the process alive, unless the request is still on its way. */
  awaited(value: boolean): void {
    if (!this.#finished) this.#wire.keepsProcessAlive(value || !this.#written);
  }

  /** The reader wants no more of a body that has not ended. */
  abandon(reason: unknown): void {
    this.#finish(false, reason);
  }

  get #phase(): "send" | "response" {
    return this.#parser.received === 0 ? "send" : "response";
  }

  get #isPersistent(): boolean {
    return this.#parser.persistent && !this.#options.head.isLast;
  }

  #begin(): void {
    const { head, observer, request: { body } } = this.#options;
    this.#sentAll = body === null;
    if (body !== null) return this.#beginUpload(body);
    this.#wire.writeAll(head.text);
    observer.wroteHeaders();
    if (!this.#finished) this.wroteAll();
  }

  #beginUpload(body: NonNullable<TransportRequest["body"]>): void {
    const { head, observer, request } = this.#options;
    this.#wire.outliveWrites();
    // A body that is there leaves in one packet with its header section.
    this.#wire.together(() => {
      this.#wire.write(head.text);
      observer.wroteHeaders();
      if (this.#finished) return;
      const { framing, contentLength } = head;
      if (framing === "chunked") this.#chunks = new ChunkWriter(this.#wire);
      const upload = this.#upload = new RequestBodyWriter({ request, observer, framing, contentLength }, this);
      upload.write(body).catch((error: unknown) => this.#fail(exchangeError(error, "send")));
    });
  }

  /** True once both directions are over. */
  get isOver(): boolean {
    return this.#finished;
  }

  /** The answer to a body that is out may come before this thread hears that it is out: the last piece is not waited for. */
  writePiece(piece: Uint8Array, isLast: boolean): Promise<void> | void {
    const flushed = this.#chunks === null ? this.#wire.write(piece) : this.#chunks.write(piece);
    this.#options.observer.wroteBodyData(piece);
    if (isLast) return;
    this.#burst += piece.byteLength;
    if (this.#burst < BURST) return flushed;
    this.#burst = 0;
    return flushed === undefined ? nextTurn() : flushed.then(nextTurn);
  }

  sentAll(): void {
    this.#sentAll = true;
  }

  writeEnd(trailers: Headers | null): void {
    if (this.#finished || this.#chunks === null) return;
    this.#chunks.flush();
    this.#wire.write(lastChunk(trailers));
  }

  wroteAll(): void {
    this.#written = true;
    this.#options.observer.wroteBody();
    this.#finishWhenDone();
  }

  /** The parser's report of an informational response. */
  onInformational(head: ResponseHead): void {
    this.#options.observer.informational(head.statusCode, head.reasonPhrase, headersOf(head.headers));
    if (head.statusCode === 100) this.#upload?.proceed();
  }

  /** The parser's report of the final header section. */
  onHead(head: ResponseHead): void {
    const { upgrade } = this.#options.request;
    if (head.statusCode === HttpStatus.SWITCHING_PROTOCOLS && upgrade) this.#agreement = head;
    else this.#head = head;
    this.#upload?.answered();
  }

  /** The parser's report of a piece of the body. */
  onData(chunk: Uint8Array): void {
    if (this.#head !== null && this.#body === null) {
      if (this.#first === null) {
        this.#first = chunk;
        return;
      }
      this.#startBody();
    }
    this.#body!.push(chunk);
  }

  /** The parser's report of the end. */
  onEnd(trailers: HeaderField[]): void {
    if (this.#head !== null) this.#trailerFields = trailers;
    else this.#trailers?.resolve(headersOf(trailers));
    this.#body?.end();
  }

  /** What has come behind the header section is of the other protocol already. */
  #handOver(head: ResponseHead, arrived: Uint8Array): void {
    const { observer, onFinished } = this.#options;
    const headers = headersOf(head.headers);
    observer.informational(head.statusCode, head.reasonPhrase, headers);
    if (this.#finished) return;
    this.#finished = true;
    const upgraded = this.#wire.handOver(arrived);
    const parts = { whole: null, body: null, keepAlive: true, trailers: undefined, arrived: undefined, upgraded };
    this.#resolve!(new IncomingResponse(head, parts));
    onFinished(this.#wire, "handed over");
  }

  #startBody(): IncomingBody {
    const body = this.#body = new IncomingBody(this);
    if (this.#first !== null) body.push(this.#first);
    this.#first = null;
    return body;
  }

  #answer(head: ResponseHead): void {
    this.#head = null;
    const { done, isChunked } = this.#parser;
    const hasBody = hasResponseBody(this.#options.request.method, head.statusCode);
    const whole = done && hasBody ? this.#body?.taken() ?? this.#first ?? new Uint8Array(0) : null;
    const body = done || !hasBody ? null : this.#body ?? this.#startBody();
    const keepAlive = this.#isPersistent && (hasBody || done) &&
      (this.#sentAll || this.#options.head.framing === "none");
    if (body !== null) {
      this.awaited(false);
      this.#arrived = Promise.withResolvers();
    }
    try {
      const trailers = isChunked && hasBody ? this.#trailersOf(done) : undefined;
      this.#resolve!(new IncomingResponse(head, { whole, body, keepAlive, trailers, arrived: this.#arrived?.promise }));
      // What follows a header section that says there is nothing is of no use to anybody, nor is the connection.
      if (!hasBody && !done) this.#finish(false);
    } catch (error) {
      throw new MalformedResponseError(`Cannot read the response: ${textOf(error)}`, { cause: error });
    }
  }

  #trailersOf(isDone: boolean): Promise<Headers> {
    if (isDone) return Promise.resolve(headersOf(this.#trailerFields));
    this.#trailers = Promise.withResolvers();
    // Whoever reads the body learns of a failure there; nobody need look at the trailers.
    this.#trailers.promise.catch(() => {});
    return this.#trailers.promise;
  }

  /** Bytes behind the end of a response belong to nobody: such a connection is not used again. */
  #onResponseDone(isClean: boolean): void {
    const isAnsweredEarly = !this.#sentAll && this.#options.head.framing !== "none";
    if (!isClean || isAnsweredEarly) this.#finish(false);
    else if (this.#written) this.#finish(this.#isPersistent);
    // A stream that has given as much as was announced need not end for the request to be over.
    else if (this.#sentAll) this.wroteAll();
  }

  #finishWhenDone(): void {
    if (this.#written && this.#parser.done) this.#finish(this.#isPersistent);
  }

  #fail(error: TransportError): void {
    this.#finish(false, error);
  }

  #finish(reusable: boolean, failure?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#wire.read(null);
    this.#upload?.cancel(failure);
    if (failure !== undefined || !this.#parser.done) {
      const reason = failure ??
        new TransportError(HttpStatus.IO_ERROR, this.#phase, "Cannot finish the exchange: closed");
      this.#reject!(reason);
      this.#trailers?.reject(reason);
      this.#body?.fail(reason, !(reason instanceof TransportError));
    } else this.#arrived?.resolve();
    this.#options.onFinished(this.#wire, reusable ? "again" : "never");
  }
}

function headersOf(fields: readonly HeaderField[]): Headers {
  try {
    return new Headers(fields as [string, string][]);
  } catch (error) {
    throw new MalformedResponseError(`Cannot read the response: ${textOf(error)}`, { cause: error });
  }
}
