/**
 * The content codings a session can undo (RFC 9110 §8.4.1, RFC 7932, RFC 9659), and what lies between the streams of the platform
 * and async iteration, with a reader that can take back what was read too far.
 *
 * @module
 */
import { brandError } from "../../internal/error_brand.ts";
import { checkText } from "../../internal/expected.ts";
import { hasZstandard } from "../../internal/runtime.ts";
import { HttpStatus } from "../protocol/status.ts";
import { joinBytes } from "../../internal/bytes.ts";

/** A content coding under its registered name. */
export type ContentCoding = "gzip" | "deflate" | "br" | "zstd";

/** More layers than this is never an honest server; each layer multiplies what one byte can expand to. */
export const MAX_LAYERS = 5;

/** What this runtime can undo, as Accept-Encoding lists it. */
export const knownCodings: readonly ContentCoding[] = Object.freeze<ContentCoding[]>([
  "gzip",
  "deflate",
  "br",
  ...hasZstandard ? ["zstd"] as const : [],
]);

/** A coding by its name; undefined where this runtime cannot undo it. */
function codingOf(name: string): ContentCoding | undefined {
  return name === "x-gzip" ? "gzip" : knownCodings.find((coding) => coding === name);
}

/** Raised when a body is not what its Content-Encoding says, or expands beyond the limit. */
export class ContentDecodingError extends Error {
  /** `ERR_CONTENT_CORRUPT`, `ERR_CONTENT_TRUNCATED`, `ERR_CONTENT_TOO_LARGE` or `ERR_CONTENT_LAYERS`. */
  readonly code: string;
  /** The status a message ends with. */
  readonly status: number = HttpStatus.MALFORMED;

  /** Makes an error; sessions make them, users catch them. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

brandError(ContentDecodingError, "ContentDecodingError");

/**
 * The codings of a Content-Encoding value in the order they were applied; `identity` is dropped. Returns `undefined`
 * when one is unknown: then nothing can be decoded.
 */
export function parseContentCodings(value: string): ContentCoding[] | undefined {
  const codings: ContentCoding[] = [];
  for (const member of checkText("parse Content-Encoding", value).split(",")) {
    const name = member.trim().toLowerCase();
    if (name === "" || name === "identity") continue;
    const coding = codingOf(name);
    if (coding === undefined) return undefined;
    codings.push(coding);
  }
  return codings;
}

/** A body as a session passes it on. */
export type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** Reads a stream chunk by chunk; leaving the iteration early cancels it. */
export class ChunkReader implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #cancelled: { readonly reason: unknown } | null = null;

  constructor(stream: ByteStream) {
    this.#reader = stream.getReader();
  }

  /** The next chunk. Once the stream was cancelled it fails with the reason: that is not the end of the body. */
  async next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    const { value, done } = await this.#reader.read();
    if (this.#cancelled !== null) throw this.#cancelled.reason;
    return done ? { value: undefined, done } : { value, done };
  }

  /** Cancels the stream. */
  async return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    await this.#reader.cancel();
    return { value: undefined, done: true };
  }

  /** Cancels the stream with a reason; a read that is under way ends at once. */
  async cancel(reason: unknown): Promise<void> {
    this.#cancelled = { reason };
    await this.#reader.cancel(reason);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Passes a body through a generator: nothing is read before it is asked for, and cancelling the result cancels the
 * body even while the generator waits for it.
 */
export function pipeThroughGenerator(
  body: ByteStream,
  generate: (chunks: AsyncIterable<Uint8Array<ArrayBuffer>>) => AsyncGenerator<Uint8Array, void, undefined>,
): ByteStream {
  const reader = new ChunkReader(body);
  const output = generate(reader);
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { value, done } = await output.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    async cancel(reason) {
      const cancelled = reader.cancel(reason);
      // The generator ends where it reads its input; nobody is to see what it still produces.
      output.return().catch(() => {});
      await cancelled;
    },
  }, { highWaterMark: 0 });
}

/** Passes a body on as it is and shows each chunk to `look`, which may throw to end it. Cheaper than a generator. */
export function watchChunks(body: ByteStream, look: (chunk: Uint8Array<ArrayBuffer>) => void): ByteStream {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) return controller.close();
      try {
        look(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        throw error;
      }
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

const MAX_DRAIN = 65_536;

/** A reader over a source of chunks that can take back what was read too far. */
export class ChunkInput {
  #source: AsyncIterator<Uint8Array>;
  /** What was put back, the next chunk last. */
  #pending: Uint8Array[] = [];
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next chunk, never empty; `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const pending = this.#pending.pop();
    if (pending !== undefined) return pending;
    while (!this.#ended) {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else if (value.byteLength > 0) return value;
    }
    return undefined;
  }

  /** Puts `chunk` in front of what comes next. */
  unread(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#pending.push(chunk);
  }

  /** Exactly `length` bytes, or fewer when the source ends before. */
  async take(length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.read();
      if (chunk === undefined) break;
      const piece = chunk.subarray(0, missing);
      this.unread(chunk.subarray(piece.byteLength));
      pieces.push(piece);
      missing -= piece.byteLength;
    }
    return pieces.length === 1 ? pieces[0]! : joinBytes(pieces);
  }

  /** Exactly `length` bytes; where the source ends before, it throws what `truncated` makes. */
  async takeAll(length: number, truncated: () => Error): Promise<Uint8Array> {
    const bytes = await this.take(length);
    if (bytes.byteLength < length) throw truncated();
    return bytes;
  }

  /** Like {@linkcode ChunkInput.take}, leaving the bytes in place. */
  async peek(length: number): Promise<Uint8Array> {
    const bytes = await this.take(length);
    this.unread(bytes);
    return bytes;
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) yield chunk;
  }

  /**
   * Reads what is left and drops it, so that the connection behind the source can be used again; an endless rest is
   * given up.
   */
  async drain(): Promise<void> {
    let size = 0;
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      size += chunk.byteLength;
      if (size > MAX_DRAIN) return await this.close();
    }
  }

  /** Tells the source that nothing more will be read. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.return?.();
  }
}
