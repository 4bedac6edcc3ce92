/** One request and its response on one wire. */
import { Buffer } from "node:buffer";
import { TransportError } from "../errors.ts";
import { HttpStatus } from "../status.ts";
import type { ExchangeObserver, TransportRequest, TransportResponse } from "../transport.ts";
import { exchangeError, textOf } from "./node_errors.ts";
import type { RequestHead } from "./node_request_head.ts";
import { IncomingBody, IncomingResponse } from "./node_response.ts";
import { MalformedResponseError, type ResponseHead } from "./node_response_grammar.ts";
import { ResponseParser } from "./node_response_parser.ts";
import type { Wire, WireReader } from "./node_wire.ts";

/** How long a server may leave `Expect: 100-continue` unanswered before the body is sent all the same (RFC 9110 §10.1.1). */
const CONTINUE_TIMEOUT = 1000;

/** Length of the pieces in which a long body is handed over. */
const PIECE = 64 * 1024;

/** What an {@linkcode Exchange} needs besides its wire. */
export interface ExchangeOptions {
  request: Pick<TransportRequest, "method" | "body" | "expectContinue">;
  head: RequestHead;
  observer: ExchangeObserver;
  maxHeaderBytes: number;
  /** Called once, when both directions are over; false means the wire cannot be used again. */
  onFinished(reusable: boolean): void;
}

/** Writes a request and reads its response; nothing is ever written twice. */
export class Exchange implements WireReader {
  readonly #wire: Wire;
  readonly #options: ExchangeOptions;
  readonly #parser: ResponseParser;
  readonly #response = Promise.withResolvers<TransportResponse>();
  readonly #trailers = Promise.withResolvers<Headers>();
  readonly #body: IncomingBody;
  #upload: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #continue: ((proceed: boolean) => void) | null = null;
  /** Every byte of the request has been handed to the wire. */
  #sentAll = false;
  #written = false;
  #answered = false;
  #finished = false;

  constructor(wire: Wire, options: ExchangeOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#parser = new ResponseParser({
      onInformational: (head) => this.#onInformational(head),
      onHead: (head) => this.#onHead(head),
      onData: (chunk) => this.#body.push(chunk),
      onEnd: (trailers) => this.#onResponseEnd(trailers),
    }, { method: options.request.method, maxHeaderBytes: options.maxHeaderBytes });
    this.#body = new IncomingBody({
      pause: () => this.#finished || wire.pause(),
      resume: () => this.#finished || wire.resume(),
      abandon: (reason) => this.#finish(false, reason),
    });
    // Whoever reads the body learns of a failure there; nobody need look at the trailers.
    this.#trailers.promise.catch(() => {});
  }

  /** Sends the request; resolves with the final response's header. */
  run(): Promise<TransportResponse> {
    this.#wire.read(this);
    this.#wire.resume();
    if (!this.#finished) {
      this.#write().catch((error: unknown) => this.#fail(exchangeError(error, "send")));
    }
    return this.#response.promise;
  }

  /** Ends both directions at once; whoever waits gets `reason` itself. */
  abort(reason: unknown): void {
    if (this.#finished) return this.#body.fail(reason, true);
    this.#finish(false, reason);
  }

  onData(bytes: Uint8Array): void {
    try {
      const surplus = this.#parser.push(bytes);
      if (this.#parser.done) this.#onResponseDone(surplus === 0);
    } catch (error) {
      this.#fail(exchangeError(error, "response"));
    }
  }

  onEnd(): void {
    try {
      this.#parser.end();
      if (this.#parser.done) this.#onResponseDone(false);
    } catch (error) {
      this.#fail(exchangeError(error, this.#phase));
    }
  }

  onError(error: Error): void {
    this.#fail(exchangeError(error, this.#phase));
  }

  get #phase(): "send" | "response" {
    return this.#parser.received === 0 ? "send" : "response";
  }

  get #isPersistent(): boolean {
    return this.#parser.persistent && !this.#options.head.isLast;
  }

  async #write(): Promise<void> {
    const { head, observer, request } = this.#options;
    this.#sentAll = request.body === null;
    this.#wire.write(head.bytes);
    observer.wroteHeaders();
    if (this.#finished) return;
    if (request.expectContinue && head.framing !== "none" && !await this.#mayContinue()) return;
    if (this.#finished) return;
    const { body } = request;
    if (body instanceof Uint8Array) await this.#writeBytes(body);
    else if (body !== null) await this.#writeStream(body);
    if (this.#finished) return;
    this.#written = true;
    observer.wroteBody();
    this.#finishWhenDone();
  }

  /** False when a final response came instead of 100 Continue. */
  #mayContinue(): Promise<boolean> {
    if (this.#answered) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#continue?.(true), CONTINUE_TIMEOUT);
      this.#continue = (proceed) => {
        clearTimeout(timer);
        this.#continue = null;
        resolve(proceed);
      };
    });
  }

  /** A long body goes in pieces, so that progress means something. */
  async #writeBytes(body: Uint8Array): Promise<void> {
    for (let offset = 0; offset < body.byteLength; offset += PIECE) {
      const piece = body.byteLength <= PIECE ? body : body.subarray(offset, offset + PIECE);
      const flushed = this.#writePiece(piece);
      // The answer to a body that is out may come before this thread hears that it is out.
      if (offset + PIECE < body.byteLength) await flushed;
      if (this.#finished) return;
    }
    this.#writeEnd();
  }

  async #writeStream(body: ReadableStream<Uint8Array>): Promise<void> {
    const { framing, contentLength } = this.#options.head;
    const reader = this.#upload = body.getReader();
    let sent = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (this.#finished) return;
      if (done) break;
      sent += value.byteLength;
      if (framing === "length" && sent > contentLength) throw wrongLength("longer", contentLength);
      if (value.byteLength === 0) continue;
      const flushed = this.#writePiece(value);
      if (this.#finished) return;
      if (framing === "length" && sent === contentLength) this.#sentAll = true;
      else await flushed;
      if (this.#finished) return;
    }
    if (framing === "length" && sent < contentLength) throw wrongLength("shorter", contentLength);
    this.#upload = null;
    reader.releaseLock();
    this.#writeEnd();
  }

  #writePiece(piece: Uint8Array): Promise<void> | void {
    const flushed = this.#wire.write(this.#options.head.framing === "chunked" ? chunkOf(piece) : piece);
    this.#options.observer.wroteBodyData(piece);
    return flushed;
  }

  #writeEnd(): void {
    if (!this.#finished && this.#options.head.framing === "chunked") this.#wire.write(LAST_CHUNK);
    this.#sentAll = true;
  }

  #onInformational(head: ResponseHead): void {
    this.#options.observer.informational(head.statusCode, head.reasonPhrase, headersOf(head.headers));
    if (head.statusCode === 100) this.#continue?.(true);
  }

  #onHead(head: ResponseHead): void {
    this.#answered = true;
    this.#continue?.(false);
    const reusable = this.#isPersistent && (this.#sentAll || this.#options.head.framing === "none");
    const hasBody = !(this.#options.request.method === "HEAD" || head.statusCode === 204 || head.statusCode === 304 ||
      head.statusCode === 101 || (this.#options.request.method === "CONNECT" && head.statusCode < 300));
    try {
      this.#response.resolve(
        new IncomingResponse(head, hasBody ? this.#body : null, reusable, this.#trailers.promise),
      );
    } catch (error) {
      throw new MalformedResponseError(`Cannot read the response: ${textOf(error)}`, { cause: error });
    }
  }

  #onResponseEnd(trailers: [string, string][]): void {
    this.#trailers.resolve(headersOf(trailers));
    this.#body.end();
  }

  /** Bytes behind the end of a response belong to nobody: such a connection is not used again. */
  #onResponseDone(isClean: boolean): void {
    const isAnsweredEarly = !this.#sentAll && this.#options.head.framing !== "none";
    if (!isClean || isAnsweredEarly) this.#finish(false);
    else this.#finishWhenDone();
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
    this.#continue?.(false);
    const upload = this.#upload;
    this.#upload = null;
    upload?.cancel(failure).catch(() => {});
    if (failure !== undefined || !this.#parser.done) {
      const reason = failure ??
        new TransportError(HttpStatus.IO_ERROR, this.#phase, "Cannot finish the exchange: closed");
      this.#response.reject(reason);
      this.#trailers.reject(reason);
      this.#body.fail(reason, !(reason instanceof TransportError));
    }
    this.#options.onFinished(reusable);
  }
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

function chunkOf(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

function headersOf(fields: [string, string][]): Headers {
  try {
    return new Headers(fields);
  } catch (error) {
    throw new MalformedResponseError(`Cannot read the response: ${textOf(error)}`, { cause: error });
  }
}

function wrongLength(how: string, contentLength: number): TransportError {
  return new TransportError(
    HttpStatus.IO_ERROR,
    "send",
    `Cannot write the body: it is ${how} than its Content-Length ${contentLength}`,
    { code: "ERR_HTTP_CONTENT_LENGTH_MISMATCH" },
  );
}
