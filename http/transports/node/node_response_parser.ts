/** Reading an HTTP/1.x response from a stream of bytes (RFC 9112), with limits on everything a server may make long. */
import { partOf } from "../byte_pieces.ts";
import {
  framingOf,
  latin1,
  MalformedResponseError,
  notHttp,
  ResponseLimitError,
  TruncatedResponseError,
} from "./node_response_grammar.ts";
import {
  type HeaderField,
  type KnownLines,
  parseFields,
  parseHead,
  repeatedSection,
  type ResponseHead,
} from "./node_response_head.ts";

/** What a {@linkcode ResponseParser} reports, in wire order. */
export interface ResponseHandler {
  onInformational(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** A piece of the body, to be copied by whoever keeps it: it is a part of what was received. */
  onData(chunk: Uint8Array): void;
  onEnd(trailers: HeaderField[]): void;
}

/** What the parser must know about the request. */
export interface ResponseParserOptions {
  /** A response to HEAD has no body whatever its header says, nor has a successful one to CONNECT. */
  method: string;
  /** Longest start line and header section, and longest trailer section, in bytes. */
  maxHeaderBytes: number;
  /** What the connection's last response looked like. */
  readonly known?: KnownLines | undefined;
  /** Informational responses accepted before the final one. @default {64} */
  readonly maxInformational?: number | undefined;
}

type State = "head" | "length" | "chunk-size" | "chunk-data" | "chunk-end" | "trailers" | "until-close" | "done";

const NOTHING = new Uint8Array(0);
const LF = 10;
const CR = 13;
const MAX_CHUNK_LINE = 4096;
/** Push parser of exactly one final response with the informational ones before it. */
export class ResponseParser {
  readonly #handler: ResponseHandler;
  readonly #method: string;
  readonly #maxHeaderBytes: number;
  readonly #known: KnownLines | undefined;
  #informationalLeft: number;
  #state: State = "head";
  #pending: Uint8Array = NOTHING;
  #store: ArrayBuffer | null = null;
  #scanned = 0;
  #remaining = 0;
  #persistent = false;
  #isChunked = false;
  #received = 0;
  #trailers: HeaderField[] = [];

  constructor(handler: ResponseHandler, options: ResponseParserOptions) {
    this.#handler = handler;
    this.#method = options.method;
    this.#maxHeaderBytes = options.maxHeaderBytes;
    this.#known = options.known;
    this.#informationalLeft = options.maxInformational ?? 64;
  }

  /** True when the final response has been read to its end. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** True when the response allows another request on this connection (RFC 9112 §9.3). */
  get persistent(): boolean {
    return this.#persistent;
  }

  /** True when the final response has a place for trailer fields. */
  get isChunked(): boolean {
    return this.#isChunked;
  }

  /** Bytes received so far. */
  get received(): number {
    return this.#received;
  }

  /**
   * Takes the next bytes. Returns what is left over after the end of the response, which no server may send.
   *
   * @throws {MalformedResponseError}
   */
  push(input: Uint8Array): number {
    this.#received += input.byteLength;
    const bytes = this.#pending.byteLength === 0 ? input : this.#joined(input);
    this.#pending = NOTHING;
    let offset = 0;
    while (offset < bytes.byteLength && this.#state !== "done") {
      const next = this.#step(bytes, offset);
      if (next < 0) {
        this.#pending = bytes.subarray(offset);
        return 0;
      }
      offset = next;
    }
    return bytes.byteLength - offset;
  }

  /**
   * Tells the parser that the stream has ended, which completes a response delimited by the end of its connection.
   *
   * @throws {TruncatedResponseError}
   */
  end(): void {
    if (this.#state === "done") return;
    if (this.#state === "until-close") return this.#finish();
    throw new TruncatedResponseError(
      this.#received === 0
        ? "Cannot read the response: the server closed the connection without answering"
        : this.#state === "head"
        ? "Cannot read the response: the connection ended inside its header"
        : "Cannot read the response: the connection ended inside its body",
    );
  }

  /** The pending bytes and the new ones, in a store that doubles, so that a header sent byte by byte costs linear time. */
  #joined(input: Uint8Array): Uint8Array {
    const pending = this.#pending;
    const length = pending.byteLength + input.byteLength;
    const inStore = this.#store !== null && pending.buffer === this.#store;
    if (this.#store === null || !inStore || pending.byteOffset + length > this.#store.byteLength) {
      this.#store = new ArrayBuffer(2 * length);
      new Uint8Array(this.#store).set(pending);
    }
    const start = pending.buffer === this.#store ? pending.byteOffset : 0;
    const joined = new Uint8Array(this.#store, start, length);
    joined.set(input, pending.byteLength);
    return joined;
  }

  /** Takes one step and returns the new offset, or -1 when more bytes are needed. */
  #step(bytes: Uint8Array, offset: number): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes, offset);
      case "length":
      case "chunk-data":
        return this.#readCounted(bytes, offset);
      case "chunk-size":
        return this.#readChunkSize(bytes, offset);
      case "chunk-end":
        return this.#readChunkEnd(bytes, offset);
      case "trailers":
        return this.#readTrailers(bytes, offset);
      default:
        this.#handler.onData(bytes.subarray(offset));
        return bytes.byteLength;
    }
  }

  #readHead(bytes: Uint8Array, offset: number): number {
    let start = offset;
    // An empty line before the start line is the rest of an earlier message of a careless server.
    while (start < bytes.byteLength && start - offset < 4 && (bytes[start] === CR || bytes[start] === LF)) start++;
    const repeated = repeatedSection(bytes, start, this.#known);
    const end = repeated === null ? this.#sectionEnd(bytes, start) : start + repeated.length;
    if (end < 0) return -1;
    const head = repeated === null ? parseHead(latin1(bytes, start, end), this.#known) : this.#known!.head!;
    if (head.statusCode < 200 && head.statusCode !== 101) {
      if (--this.#informationalLeft < 0) {
        throw new ResponseLimitError("Cannot read the response: too many informational responses");
      }
      this.#handler.onInformational(head);
      return end;
    }
    this.#frame(head);
    this.#handler.onHead(head);
    if (this.#state === "length" && this.#remaining === 0) this.#finish();
    return end;
  }

  /** Offset behind the empty line that ends a header section, or -1 when it has not arrived. */
  #sectionEnd(bytes: Uint8Array, start: number): number {
    let from = Math.max(start, this.#scanned);
    for (;;) {
      const lineEnd = bytes.indexOf(LF, from);
      if ((lineEnd < 0 ? bytes.byteLength : lineEnd) - start > this.#maxHeaderBytes) {
        throw new ResponseLimitError(
          `Cannot read the response: its header is longer than the limit of ${this.#maxHeaderBytes} bytes`,
        );
      }
      if (lineEnd < 0) return this.#needMore(bytes, start);
      const before = bytes[lineEnd - 1] === CR ? lineEnd - 2 : lineEnd - 1;
      if (before < start || bytes[before] === LF) {
        this.#scanned = 0;
        return lineEnd + 1;
      }
      from = lineEnd + 1;
    }
  }

  #needMore(bytes: Uint8Array, start: number): number {
    // Kept relative to the section, because what precedes it is dropped before the next push.
    this.#scanned = start === 0 ? bytes.byteLength : 0;
    this.#rejectEarly(bytes, start);
    return -1;
  }

  /** A peer that does not speak HTTP is recognized by its first bytes, not by the limit or the timeout. */
  #rejectEarly(bytes: Uint8Array, start: number): void {
    if (this.#state !== "head") return;
    const expected = "HTTP/1.";
    for (let i = 0; i < expected.length && start + i < bytes.byteLength; i++) {
      if (bytes[start + i] !== expected.charCodeAt(i)) throw notHttp(bytes.subarray(start));
    }
  }

  #frame(head: ResponseHead): void {
    const { codings, closes, keepsAlive, length } = head.framing ??= framingOf(head);
    this.#persistent = head.httpVersion === "1.1" ? !closes : keepsAlive;
    const { statusCode } = head;
    // A tunnel outlives its response, even one of an HTTP/1.0 proxy.
    const isTunnel = this.#method === "CONNECT" && statusCode >= 200 && statusCode < 300;
    const bodiless = isTunnel || this.#method === "HEAD" || statusCode < 200 || statusCode === 204 ||
      statusCode === 304;
    if (bodiless) {
      if (isTunnel) this.#persistent = true;
      else if (statusCode === 101) this.#persistent = false;
      this.#state = "length";
      this.#remaining = 0;
    } else if (codings.length > 0) {
      if (codings.length > 1 || codings[0] !== "chunked") {
        throw new MalformedResponseError(
          `Cannot read the response: the transfer coding ${JSON.stringify(codings.join(", "))} was not asked for`,
        );
      }
      // RFC 9112 §6.1: such framing may be an attempt at smuggling, so nothing more is read from the connection.
      if (length !== null || head.httpVersion === "1.0") this.#persistent = false;
      this.#isChunked = true;
      this.#state = "chunk-size";
    } else if (length !== null) {
      this.#state = "length";
      this.#remaining = length;
    } else {
      this.#persistent = false;
      this.#state = "until-close";
    }
  }

  #readCounted(bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.byteLength, offset + this.#remaining);
    this.#remaining -= end - offset;
    const state = this.#state;
    if (this.#remaining === 0 && state === "chunk-data") this.#state = "chunk-end";
    this.#handler.onData(partOf(bytes, offset, end));
    if (this.#remaining === 0 && state === "length") this.#finish();
    return end;
  }

  #readChunkSize(bytes: Uint8Array, offset: number): number {
    const lineEnd = bytes.indexOf(LF, offset);
    if ((lineEnd < 0 ? bytes.byteLength : lineEnd) - offset > MAX_CHUNK_LINE) {
      throw new MalformedResponseError("Cannot read the response: a chunk size line is too long");
    }
    if (lineEnd < 0) return -1;
    const line = latin1(bytes, offset, lineEnd);
    // Fields may end with LF alone, chunk lines may not (RFC 9112 §7.1): whoever sits between reads them in another way.
    const match = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;[^\0\r]*)?\r$/.exec(line);
    if (!match?.[1]) throw new MalformedResponseError("Cannot read the response: a chunk size is not a number");
    this.#remaining = Number.parseInt(match[1], 16);
    this.#state = this.#remaining === 0 ? "trailers" : "chunk-data";
    return lineEnd + 1;
  }

  #readChunkEnd(bytes: Uint8Array, offset: number): number {
    if (bytes[offset] !== CR) throw new MalformedResponseError("Cannot read the response: a chunk is too long");
    if (offset + 1 >= bytes.byteLength) return -1;
    if (bytes[offset + 1] !== LF) throw new MalformedResponseError("Cannot read the response: a chunk is too long");
    this.#state = "chunk-size";
    return offset + 2;
  }

  #readTrailers(bytes: Uint8Array, offset: number): number {
    const end = this.#sectionEnd(bytes, offset);
    if (end < 0) return -1;
    this.#trailers = parseFields(latin1(bytes, offset, end));
    this.#finish();
    return end;
  }

  #finish(): void {
    this.#state = "done";
    this.#handler.onEnd(this.#trailers);
  }
}
