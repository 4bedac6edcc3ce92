/** One request and its response on a stream of an HTTP/2 connection (RFC 9113 §5.1 and §8.1). */
import { joinBytes } from "../../../internal/bytes.ts";
import { TransportError, type TransportPhase } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import {
  type BodySource,
  hasResponseBody,
  type HeaderField,
  IncomingBody,
  type IncomingHead,
  IncomingResponse,
} from "../incoming_response.ts";
import type { ExchangeObserver, TransportRequest, TransportResponse } from "../transport.ts";
import { ErrorCode, malformedError, resetError, StreamFault } from "./wire/errors.ts";
import type { Section } from "./wire/hpack_decoder.ts";
import { ReceiveWindow } from "./receive_window.ts";
import type { RequestSection } from "./request_fields.ts";
import { announcedLength, responseHead, trailerFields } from "./response_fields.ts";
import { Upload, type UploadLink, type UploadOwner } from "./upload.ts";

/** Bytes of a body that are on their way or wait to be read, at most, as long as nobody has read any. */
export const STREAM_WINDOW: number = 1024 * 1024;
/**
 * The same for a body that is being read: a server that is told now and then that more is wanted works a tenth less than one
 * that is told all the time, and goes on while this thread does something else.
 */
const WINDOW_OF_READER = 4 * 1024 * 1024;

/** Informational responses in front of a final one. */
const MAX_INFORMATIONAL = 64;

/** What a stream asks of its connection. None of it throws. */
export interface StreamLink extends UploadLink {
  /** It has carried an answer: if it breaks before this one has begun, it was stale. */
  readonly hasWorked: boolean;
  /** Gives the stream up. `window` is what may still come on it. */
  reset(stream: number, errorCode: number, window: number): void;
  /** So many bytes more may come. */
  giveCredit(stream: number, bytes: number): void;
  /** Somebody waits for this stream, or nobody does any more. */
  awaited(isAwaited: boolean): void;
  /** Some of a response is there: it is handed on when all that has come with it was looked at. */
  answered(stream: Http2Stream): void;
  /** Both directions are over. */
  streamOver(stream: Http2Stream): void;
}

/** Writes a request and reads its response; nothing is ever written twice. */
export class Http2Stream implements BodySource, UploadOwner {
  readonly id: number;
  readonly observer: ExchangeObserver;
  readonly #link: StreamLink;
  readonly #request: TransportRequest;
  readonly upload: Upload;
  readonly #window = new ReceiveWindow(STREAM_WINDOW, WINDOW_OF_READER);
  #isPaused = false;
  #isAwaited = false;
  #resolve: ((response: TransportResponse) => void) | null = null;
  #reject: ((reason: unknown) => void) | null = null;
  #informationalLeft: number = MAX_INFORMATIONAL;
  /** The header section has come. */
  #hasHead = false;
  /** What goes to the server on a stream where another protocol is to be spoken; null elsewhere. */
  readonly #outgoing: TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> | null;
  readonly #closed: PromiseWithResolvers<void> | null;
  /** The server has agreed to the other protocol. */
  #isAgreed = false;
  /** A header section whose response has not been handed over. */
  #head: IncomingHead | null = null;
  #hasBody = false;
  #body: IncomingBody | null = null;
  /** Frames of the body have come that were not handed on. */
  #isFed = false;
  /** What they hold: parts of what was received, good until all of that was looked at. */
  #pieces: Uint8Array[] = [];
  #trailerFields: readonly HeaderField[] = [];
  #trailers: PromiseWithResolvers<Headers> | null = null;
  #arrived: PromiseWithResolvers<void> | null = null;
  /** Bytes the response has announced and that have not come; null when it has announced nothing. */
  #missing: number | null = null;
  #endReceived = false;
  /** The server has reset it, which is not answered by the same. */
  #isReset = false;
  #finished = false;

  constructor(
    id: number,
    link: StreamLink,
    request: TransportRequest,
    observer: ExchangeObserver,
    sendWindow: number,
  ) {
    this.id = id;
    this.#link = link;
    this.#request = request;
    this.observer = observer;
    const outgoing = this.#outgoing = request.upgrade ? new TransformStream() : null;
    this.#closed = outgoing === null ? null : Promise.withResolvers<void>();
    this.upload = new Upload(
      this,
      link,
      outgoing === null ? request : { ...request, body: outgoing.readable },
      sendWindow,
    );
  }

  /** Sends the request; resolves with the final response's header. */
  run(section: RequestSection): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.awaited(true);
      this.upload.begin(section);
    });
  }

  /** True once both directions are over. */
  get isOver(): boolean {
    return this.#finished;
  }

  /** How far the exchange had come, should the connection end now; "send" for what may be a stale connection's fault. */
  get phase(): TransportPhase {
    return this.#hasHead || !this.#link.hasWorked ? "response" : "send";
  }

  /** Ends the exchange; whoever waits gets `reason` itself. */
  abort(reason: unknown): void {
    if (this.#finished) return;
    this.#reset(ErrorCode.CANCEL);
    this.#finish(reason);
  }

  /** The exchange cannot go on. What has come of a response is handed over first. */
  fail(error: TransportError, errorCode: number | null = null): void {
    this.handOn();
    if (this.#finished) return;
    if (errorCode !== null) this.#reset(errorCode);
    this.#finish(error);
  }

  /** The response breaks the rules. */
  refuse(fault: StreamFault): void {
    this.fail(malformedError(fault), fault.errorCode);
  }

  uploaded(): void {
    if (this.#endReceived && this.#head === null) this.#finish();
  }

  uploadFailed(error: TransportError): void {
    this.fail(error, ErrorCode.CANCEL);
  }

  /** A header section has come: an informational one, the final one, or the fields behind the body. */
  headers(section: Section, isEnd: boolean): void {
    this.observer.received?.();
    if (this.#hasHead) {
      if (!isEnd) throw new StreamFault("it has two header sections");
      return this.#end(trailerFields(section));
    }
    const head = responseHead(section);
    if (head.statusCode < 200) return this.#informational(head, isEnd);
    this.#hasHead = true;
    this.#isAgreed = this.#outgoing !== null && head.statusCode < 300;
    this.#hasBody = this.#isAgreed || hasResponseBody(this.#request.method, head.statusCode);
    this.#missing = this.#hasBody && !this.#isAgreed ? announcedLength(head) : null;
    this.#head = head;
    this.upload.answered();
    this.#link.answered(this);
    if (isEnd) this.#end([]);
  }

  #informational({ headers, statusCode }: IncomingHead, isEnd: boolean): void {
    if (isEnd) throw new StreamFault("it ends with an informational response");
    if (--this.#informationalLeft < 0) throw new StreamFault("too many informational responses");
    this.observer.informational(statusCode, "", headersOf(headers));
    if (statusCode === 100) this.upload.proceed();
  }

  /** A piece of the body has come, in a payload of `length` bytes. */
  data(piece: Uint8Array, length: number, isEnd: boolean): void {
    this.observer.received?.();
    if (!this.#window.take(length)) {
      throw new StreamFault("more comes than its window allows", ErrorCode.FLOW_CONTROL_ERROR);
    }
    if (!this.#hasHead) throw new StreamFault("its body comes before its header");
    if (this.#missing !== null && (this.#missing -= piece.byteLength) < 0) {
      throw new StreamFault("its body is longer than its Content-Length");
    }
    if (piece.byteLength > 0 && this.#hasBody) this.#pieces.push(piece);
    // What belongs to a response that is about to be handed over goes with it.
    if (!this.#isFed && this.#head === null) this.#link.answered(this);
    this.#isFed = true;
    if (isEnd) this.#end([]);
  }

  /** Hands on what has come of the response. */
  handOn(): void {
    if (this.#head !== null) this.#answer(this.#head);
    else if (this.#isFed) this.#feed();
  }

  /** Hands on what has come of the body, in one piece: each costs its reader the same, be it long or short. */
  #feed(): void {
    this.#isFed = false;
    const pieces = this.#pieces;
    this.#pieces = [];
    if (this.#finished) return;
    if (pieces.length > 0) this.#body!.push(pieces.length === 1 ? pieces[0]! : joinBytes(pieces));
    this.#credit();
  }

  #end(trailers: readonly HeaderField[]): void {
    if (this.#missing !== null && this.#missing > 0) {
      throw new StreamFault("its body is shorter than its Content-Length");
    }
    this.#endReceived = true;
    if (this.#head === null) this.#feed();
    this.#body?.end();
    if (this.#head !== null) this.#trailerFields = trailers;
    else {
      this.#trailers?.resolve(headersOf(trailers));
      this.#responseDone();
    }
  }

  /** A response that is over ends the request too; of another protocol each direction ends by itself. */
  #responseDone(): void {
    if (!this.upload.hasEnded && this.#isAgreed) return;
    if (!this.upload.hasEnded) this.#reset(ErrorCode.NO_ERROR);
    if (!this.upload.hasEnded || this.upload.isWritten) this.#finish();
  }

  /**
   * The server has given the stream up. Without an error that is the end of a response of which nothing announced is missing:
   * node:http2 does so where it has not read the request.
   */
  wasReset(errorCode: number): void {
    this.observer.received?.();
    this.#isReset = true;
    const isWhole = this.#hasHead && !this.#isAgreed && !this.#missing;
    if (isWhole && errorCode === ErrorCode.NO_ERROR) return this.#end([]);
    const error = resetError(errorCode, this.#hasHead);
    this.fail(error);
  }

  /** Hands the response over, with all of its body that is there. */
  #answer(head: IncomingHead): void {
    if (this.#finished) return;
    this.#head = null;
    if (this.#isAgreed) return this.#handOver(head);
    const isDone = this.#endReceived;
    const hasBody = this.#hasBody;
    const whole = isDone && hasBody ? joinBytes(this.#pieces) : null;
    const body = this.#body = isDone || !hasBody ? null : new IncomingBody(this);
    if (body !== null) {
      this.#feed();
      this.awaited(false);
      this.#arrived = Promise.withResolvers();
    }
    try {
      const trailers = this.#trailersOf(isDone);
      const arrived = this.#arrived?.promise;
      this.#resolve!(new IncomingResponse(head, { whole, body, keepAlive: true, trailers, arrived }));
    } catch (error) {
      return this.refuse(new StreamFault(error instanceof Error ? error.message : String(error)));
    }
    if (isDone) this.#responseDone();
    else if (!hasBody) {
      // What follows a header section that says there is nothing is of no use to anybody.
      this.#reset(ErrorCode.NO_ERROR);
      this.#finish();
    }
  }

  /** Another protocol is spoken from now on, in frames of DATA. */
  #handOver(head: IncomingHead): void {
    const body = this.#body = new IncomingBody(this);
    this.#feed();
    if (this.#endReceived) body.end();
    const upgraded = {
      readable: body.stream,
      writable: this.#outgoing!.writable,
      closed: this.#closed!.promise,
      destroy: () => this.abort(new DOMException("The stream was closed", "AbortError")),
    };
    const parts = { whole: null, body: null, keepAlive: true, trailers: undefined, arrived: undefined, upgraded };
    this.#resolve!(new IncomingResponse(head, parts));
    if (this.#endReceived) this.#responseDone();
  }

  #trailersOf(isDone: boolean): Promise<Headers> | undefined {
    if (isDone) return this.#trailerFields.length === 0 ? undefined : Promise.resolve(headersOf(this.#trailerFields));
    if (!this.#hasBody) return undefined;
    this.#trailers = Promise.withResolvers();
    // Whoever reads the body learns of a failure there; nobody need look at the trailers.
    this.#trailers.promise.catch(() => {});
    return this.#trailers.promise;
  }

  /** The reader of the body has enough to do. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The reader of the body wants more. */
  resume(): void {
    this.#isPaused = false;
    this.#credit();
  }

  /** Only who waits keeps the process alive, and a request that is still on its way. */
  awaited(value: boolean): void {
    const isAwaited = !this.#finished && (value || !this.upload.hasEnded);
    if (isAwaited === this.#isAwaited) return;
    this.#isAwaited = isAwaited;
    this.#link.awaited(isAwaited);
  }

  /** The reader wants no more of a body that has not ended. */
  abandon(reason: unknown): void {
    this.abort(reason);
  }

  #credit(): void {
    if (this.#isPaused || this.#endReceived || this.#finished) return;
    const credit = this.#window.credit();
    if (credit > 0) this.#link.giveCredit(this.id, credit);
  }

  #reset(errorCode: number): void {
    if (this.#isReset) return;
    this.#link.reset(this.id, errorCode, this.#endReceived ? 0 : Math.max(0, this.#window.left));
  }

  #finish(failure?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.awaited(false);
    this.upload.cancel(failure);
    if (failure !== undefined || !this.#endReceived) {
      const reason = failure ??
        new TransportError(HttpStatus.IO_ERROR, this.phase, "Cannot finish the exchange: closed");
      this.#reject!(reason);
      this.#trailers?.reject(reason);
      this.#body?.fail(reason, !(reason instanceof TransportError));
    } else this.#arrived?.resolve();
    this.#closed?.resolve();
    this.#link.streamOver(this);
  }
}

function headersOf(fields: readonly HeaderField[]): Headers {
  try {
    return new Headers(fields as [string, string][]);
  } catch (error) {
    throw new StreamFault(error instanceof Error ? error.message : String(error));
  }
}
