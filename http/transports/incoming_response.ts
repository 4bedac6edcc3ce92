/** A response on its way in: its body flows as fast as it is read, and no faster. */
import { joinBytes } from "../../internal/bytes.ts";
import { runtimeName } from "../../internal/runtime.ts";
import { HttpStatus, isNullBodyStatus } from "../protocol/status.ts";
import { isConstructible } from "./fetched_response.ts";
import { wholeResponse } from "./held_response.ts";
import { ownBytes } from "./byte_pieces.ts";
import { ownHeaders } from "./immutable_headers.ts";
import type { TransportResponse, UpgradedStream } from "./transport.ts";

/** How much of a body nobody reads yet is taken from the socket. */
const READ_AHEAD = 64 * 1024;
/** How much is taken ahead of somebody who has read as much as no program leaves unread: each stop and start costs time. */
const READ_AHEAD_OF_READER = 512 * 1024;
/** Whoever has taken so much reads the body; what is read of one that is small and unread is less. */
const READER_HAS_TAKEN = 256 * 1024;

/** What a {@linkcode IncomingBody} asks of its connection. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Somebody waits for what comes next, or nobody does; only who waits keeps the process alive. */
  awaited(value: boolean): void;
  /** The reader wants no more of a body that has not ended. */
  abandon(reason: unknown): void;
}

/** The body of one response, read through a stream or all at once. */
export class IncomingBody {
  readonly #source: BodySource;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queued = 0;
  /** How many bytes the reader has taken. */
  #taken = 0;
  #ended = false;
  #failure: { error: unknown } | null = null;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  #wakePull: (() => void) | null = null;
  #collector: { resolve(bytes: Uint8Array<ArrayBuffer>): void; reject(error: unknown): void } | null = null;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** The stream; made when first asked for. */
  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    // No queue of its own: a failure would throw away what it holds, and a partial body must reach the reader.
    this.#stream ??= new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
        if (this.#queue.length === 0) this.#settle();
      },
      pull: () => this.#pull(),
      cancel: (reason) => this.#cancel(reason),
    }, { highWaterMark: 0 });
    return this.#stream;
  }

  /** Reads everything. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      this.#collector = { resolve, reject };
      this.#source.resume();
      this.#source.awaited(true);
      this.#settleCollector();
    });
  }

  /** What has arrived, for one who wants it all at once. */
  taken(): Uint8Array<ArrayBuffer> {
    return this.#joined();
  }

  /** The next piece has arrived. */
  push(piece: Uint8Array): void {
    const chunk = ownBytes(piece);
    if (this.#wakePull !== null && this.#controller !== null) {
      this.#taken += chunk.byteLength;
      this.#controller.enqueue(chunk);
      this.#wake();
      return;
    }
    this.#queue.push(chunk);
    this.#queued += chunk.byteLength;
    if (this.#collector !== null) return;
    if (this.#queued >= (this.#isRead ? READ_AHEAD_OF_READER : READ_AHEAD)) this.#source.pause();
  }

  /** The last piece has arrived. */
  end(): void {
    if (this.#ended || this.#failure) return;
    this.#ended = true;
    this.#settleCollector();
    if (this.#queue.length === 0) this.#settle();
  }

  /** Nothing more will arrive. What has arrived is read first, unless `discard` says it is no longer wanted. */
  fail(error: unknown, discard: boolean): void {
    if (this.#ended && (!discard || this.#queue.length === 0) || this.#failure) return;
    this.#failure = { error };
    if (discard) this.#drop();
    this.#settleCollector();
    if (this.#queue.length === 0) this.#settle();
  }

  get #isRead(): boolean {
    return this.#taken >= READER_HAS_TAKEN;
  }

  #pull(): Promise<void> | void {
    const chunk = this.#queue.shift();
    if (chunk === undefined) {
      if (this.#ended || this.#failure) return this.#settle();
      this.#source.resume();
      this.#source.awaited(true);
      return new Promise((resolve) => this.#wakePull = resolve);
    }
    this.#queued -= chunk.byteLength;
    this.#taken += chunk.byteLength;
    if (this.#isRead && this.#queued < READ_AHEAD_OF_READER / 2) this.#source.resume();
    this.#controller?.enqueue(chunk);
    if (this.#queue.length === 0 && this.#ended) this.#settle();
  }

  #settle(): void {
    const controller = this.#controller;
    if (controller === null) return;
    if (this.#failure) controller.error(this.#failure.error);
    else if (this.#ended) controller.close();
    else return;
    this.#controller = null;
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakePull;
    if (wake === null) return;
    this.#wakePull = null;
    this.#source.awaited(false);
    wake();
  }

  #settleCollector(): void {
    const collector = this.#collector;
    if (collector === null) return;
    if (this.#failure) collector.reject(this.#failure.error);
    else if (this.#ended) collector.resolve(this.#joined());
    else return;
    this.#collector = null;
  }

  #joined(): Uint8Array<ArrayBuffer> {
    const [only] = this.#queue;
    if (only !== undefined && this.#queue.length === 1) {
      this.#drop();
      return only;
    }
    const bytes = joinBytes(this.#queue);
    this.#drop();
    return bytes;
  }

  #cancel(reason: unknown): void {
    this.#drop();
    this.#controller = null;
    this.#wake();
    if (!this.#ended && !this.#failure) this.#source.abandon(reason);
  }

  #drop(): void {
    this.#queue = [];
    this.#queued = 0;
  }
}

const copiesHeaders = runtimeName() === "bun";

/** A name and a value decoded as Latin-1. */
export type HeaderField = readonly [name: string, value: string];

/** What a header section says, in whatever version of HTTP it came. */
export interface IncomingHead {
  /** "1.0", "1.1" or "2". */
  readonly httpVersion: string;
  readonly statusCode: number;
  /** The server's own text, which may be empty. */
  readonly reasonPhrase: string;
  /** In wire order. */
  readonly headers: readonly HeaderField[];
  /** What the fields of HTTP/1.1 say about its connection. */
  readonly framing?: { readonly keepAliveTimeout: number } | undefined;
  /** The fields, to be copied, of a section that comes again and again; null before there is one who does. */
  copied?: Headers | null;
}

/** True where method and status leave room for a body. */
export function hasResponseBody(method: string, statusCode: number): boolean {
  if (method === "HEAD" || isNullBodyStatus(statusCode) || statusCode === HttpStatus.SWITCHING_PROTOCOLS) return false;
  return method !== "CONNECT" || statusCode >= 300;
}

/** What an {@linkcode IncomingResponse} is made of. */
export interface ResponseParts {
  /** The whole body if it came together with the header section; null otherwise, and where there is none. */
  readonly whole: Uint8Array | null;
  /** The body that is on its way; null when there is none or when it is whole. */
  readonly body: IncomingBody | null;
  /** The connection can be used again when the response has ended. */
  readonly keepAlive: boolean;
  /** Where the framing has a place for them. */
  readonly trailers: Promise<Headers> | undefined;
  /** Resolves when a body that is on its way has arrived. */
  readonly arrived: Promise<void> | undefined;
  /** What the server has agreed to speak in place of HTTP. */
  readonly upgraded?: UpgradedStream | undefined;
}

/** A response as the session sees it. */
export class IncomingResponse implements TransportResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly httpVersion: string;
  readonly keepAlive: boolean;
  readonly keepAliveTimeout: number | undefined;
  readonly trailers: Promise<Headers> | undefined;
  readonly arrived: Promise<void> | undefined;
  readonly whole: Uint8Array | undefined;
  readonly ready: Response | undefined;
  readonly upgraded: UpgradedStream | undefined;
  readonly #body: IncomingBody | null;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;

  /** @throws {TypeError} If a header cannot be represented. */
  constructor(head: IncomingHead, parts: ResponseParts) {
    const { statusCode: status, reasonPhrase: statusText } = head;
    this.status = status;
    this.statusText = statusText;
    this.httpVersion = head.httpVersion;
    this.keepAlive = parts.keepAlive;
    this.keepAliveTimeout = head.framing?.keepAliveTimeout;
    this.#body = parts.body;
    this.whole = parts.whole ?? undefined;
    this.trailers = parts.trailers;
    this.arrived = parts.arrived;
    this.upgraded = parts.upgraded;
    this.ready = undefined;
    const copied = copiedFields(head);
    if (parts.body === null && isConstructible(status, statusText)) {
      this.ready = wholeResponse(
        parts.whole,
        copied === null ? { status, statusText } : { status, statusText, headers: copied },
      );
    }
    const headers = this.ready === undefined ? new Headers(copied ?? undefined) : ownHeaders(this.ready);
    this.headers = copied === null ? withFields(headers, head.headers) : headers;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const { whole } = this;
    if (whole === undefined) return this.#body === null ? null : this.#body.stream;
    return this.#stream ??= new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller): void {
        if (whole.byteLength > 0) controller.enqueue(ownBytes(whole));
        controller.close();
      },
    }, { highWaterMark: 0 });
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#body === null ? Promise.resolve(ownBytes(this.whole ?? new Uint8Array(0))) : this.#body.bytes();
  }
}

/** The fields of a section that comes again and again, for the runtime that copies `Headers` faster than it adds to them. */
function copiedFields(head: IncomingHead): Headers | null {
  if (head.copied === undefined || !copiesHeaders) return null;
  return head.copied ??= withFields(new Headers(), head.headers);
}

/** Adding fields one by one costs half of what making `Headers` of a list does. */
function withFields(headers: Headers, fields: IncomingHead["headers"]): Headers {
  for (const [name, value] of fields) headers.append(name, value);
  return headers;
}
