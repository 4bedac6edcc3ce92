/** The request's half of a stream: its header section, its body as far as windows allow, its end. */
import { TransportError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { type BodySink, BURST, nextTurn, RequestBodyWriter } from "../request_body_writer.ts";
import type { ExchangeObserver, TransportRequest } from "../transport.ts";
import { ErrorCode, StreamFault } from "./wire/errors.ts";
import { MAX_31_BITS } from "./wire/frames.ts";
import type { Field } from "./wire/hpack_table.ts";
import { type RequestSection, trailerSection } from "./request_fields.ts";

const NOTHING = new Uint8Array(0);

/** What an upload asks of its connection. None of it throws. */
export interface UploadLink {
  /** Bytes of bodies the peer takes on all streams together. */
  readonly window: number;
  /** Whether more may be handed to the socket. */
  readonly hasRoom: boolean;
  /** Resolves when it is worth looking at window and room again; who has written since it last waited lets others go first. */
  room(hasWritten: boolean): Promise<void>;
  writeHeaders(stream: number, fields: readonly Field[], isEnd: boolean): void;
  writeData(stream: number, piece: Uint8Array, isEnd: boolean): void;
}

/** The stream an upload belongs to. */
export interface UploadOwner {
  readonly id: number;
  readonly observer: ExchangeObserver;
  /** Both directions are over. */
  readonly isOver: boolean;
  /** All of the request has been handed over. */
  uploaded(): void;
  /** The body cannot be sent. */
  uploadFailed(error: TransportError): void;
}

/** Writes one request. */
export class Upload implements BodySink {
  readonly #owner: UploadOwner;
  readonly #link: UploadLink;
  readonly #request: TransportRequest;
  #writer: RequestBodyWriter | null = null;
  /** Bytes written since others could last go on. */
  #burst = 0;
  /** Bytes the peer takes on this stream. */
  window: number;
  /** The end of the request was handed over. */
  hasEnded = false;
  /** Everything was sent, and reported. */
  isWritten = false;

  constructor(owner: UploadOwner, link: UploadLink, request: TransportRequest, window: number) {
    this.#owner = owner;
    this.#link = link;
    this.#request = request;
    this.window = window;
  }

  /** Writes what can be written at once. */
  begin({ contentLength, fields, framing }: RequestSection): void {
    const request = this.#request;
    const { body } = request;
    const { observer } = this.#owner;
    this.hasEnded = body === null;
    this.#link.writeHeaders(this.#owner.id, fields, this.hasEnded);
    observer.wroteHeaders();
    if (this.isOver) return;
    if (body === null) return this.wroteAll();
    // What is spoken in place of HTTP is no body: the request is complete.
    if (request.upgrade) observer.wroteBody();
    const writer = this.#writer = new RequestBodyWriter({ request, observer, framing, contentLength }, this);
    writer.write(body).catch((error: unknown) => this.#owner.uploadFailed(failure(error)));
  }

  /** The server has said 100. */
  proceed(): void {
    this.#writer?.proceed();
  }

  /** The final header section has come. */
  answered(): void {
    this.#writer?.answered();
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): void {
    this.#writer?.cancel(reason);
  }

  /** The peer takes so many bytes more. */
  windowUpdated(bytes: number): void {
    if (bytes === 0) throw new StreamFault("its window is opened by nothing");
    this.window += bytes;
    if (this.window <= MAX_31_BITS) return;
    throw new StreamFault("its window is opened too far", ErrorCode.FLOW_CONTROL_ERROR);
  }

  get isOver(): boolean {
    return this.#owner.isOver;
  }

  writePiece(piece: Uint8Array, isLast: boolean): Promise<void> | void {
    const written = this.#writeSome(piece, 0, isLast);
    return written < piece.byteLength ? this.#writeRest(piece, written, isLast) : this.#wrote(piece, isLast);
  }

  async #writeRest(piece: Uint8Array, offset: number, isLast: boolean): Promise<void> {
    for (let before = 0, written = offset; written < piece.byteLength;) {
      await this.#link.room(written > before);
      if (this.isOver) return;
      before = written;
      written = this.#writeSome(piece, written, isLast);
    }
    await this.#wrote(piece, isLast);
  }

  /** The next piece is not asked for while the socket has enough to do, or it is the turn of others. */
  #wrote(piece: Uint8Array, isLast: boolean): Promise<void> | void {
    if (!this.#request.upgrade) this.#owner.observer.wroteBodyData(piece);
    if (isLast || this.isOver) return;
    this.#burst += piece.byteLength;
    const { hasRoom } = this.#link;
    if (hasRoom && this.#burst < BURST) return;
    this.#burst = 0;
    return hasRoom ? nextTurn() : this.#link.room(true);
  }

  /** Writes as much as the peer and the socket take now; the offset behind it. */
  #writeSome(piece: Uint8Array, offset: number, isLast: boolean): number {
    const link = this.#link;
    const most = Math.min(piece.byteLength - offset, this.window, link.window);
    if (most <= 0 || !link.hasRoom) return offset;
    const end = offset + most;
    this.window -= most;
    this.hasEnded = isLast && end === piece.byteLength && !this.#request.trailers;
    link.writeData(this.#owner.id, most === piece.byteLength ? piece : piece.subarray(offset, end), this.hasEnded);
    return end;
  }

  /** The end is sent with the last piece, or by itself. */
  sentAll(): void {}

  writeEnd(trailers: Headers | null): void {
    if (this.isOver || this.hasEnded) return;
    const fields = trailers === null ? [] : trailerSection(trailers);
    this.hasEnded = true;
    if (fields.length === 0) this.#link.writeData(this.#owner.id, NOTHING, true);
    else this.#link.writeHeaders(this.#owner.id, fields, true);
  }

  wroteAll(): void {
    this.isWritten = true;
    if (!this.#request.upgrade) this.#owner.observer.wroteBody();
    this.#owner.uploaded();
  }
}

/** The phase keeps what may be the caller's fault from being taken for that of a stale connection. */
function failure(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const message = why.startsWith("Cannot ") ? why : `Cannot finish the exchange: ${why}`;
  return new TransportError(HttpStatus.IO_ERROR, "response", message, { cause: error });
}
