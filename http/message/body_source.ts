/**
 * Bodies of every kind, in a form that is read as it is sent and never gathered first.
 *
 * @module
 */
import { runtimeCrypto } from "../../internal/runtime.ts";
import { builtin } from "../../internal/builtin_modules.ts";
import { unexpected } from "../../internal/expected.ts";
import { endStream, heedErrors } from "../../internal/byte_duplex.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const PIECE = 256 * 1024;

/**
 * How many bytes a Blob has; null where nobody knows before it is read. Blobs of pipes and devices have no size. Files of
 * Bun say 0 also when they are not there, when they cannot be looked at, and when the system makes their content as it is
 * read, as below /proc: an empty File of a program cannot be told from these.
 */
export function sizeOf(blob: Blob): number | null {
  const { exists, name } = blob as { exists?: unknown; name?: unknown };
  const isFile = typeof exists === "function" && typeof name === "string";
  // Once asked for its size, a file of Bun gives no more than that: a copy of it is asked.
  const { size } = isFile ? blob.slice() : blob;
  return !Number.isSafeInteger(size) || (isFile && size === 0) ? null : size;
}

/**
 * A stream of a Blob. Most runtimes give a Blob as one piece, which takes its size once more in memory and is no progress
 * to look at: what is one of theirs is read in slices. A Blob that brings its own stream, or whose size nobody knows, is not.
 */
function blobStream(blob: Blob): ReadableStream<Bytes> {
  const size = sizeOf(blob);
  if (size === null || blob.stream !== Blob.prototype.stream) return blob.stream();
  let offset = 0;
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      const piece = offset < size ? await blob.slice(offset, offset + PIECE).arrayBuffer() : null;
      offset += PIECE;
      // A file may have become shorter; whoever has announced its length notices.
      if (piece === null || piece.byteLength === 0) controller.close();
      else controller.enqueue(new Uint8Array(piece));
    },
  }, { highWaterMark: 0 });
}

/** The body of a form, which can be made again for another attempt. */
export function formDataBody(form: FormData): {
  body: () => ReadableStream<Bytes>;
  length: number | null;
  type: string;
} {
  const boundary = `----formdata-gp11-${runtimeCrypto().randomUUID().replaceAll("-", "")}`;
  const parts: (Bytes | Blob)[] = [];
  const encoder = new TextEncoder();
  for (const [name, value] of form.entries()) parts.push(...partOf(encoder, boundary, name, value));
  parts.push(encoder.encode(`--${boundary}--\r\n`));
  const sizes = parts.map((part) => part instanceof Uint8Array ? part.byteLength : sizeOf(part));
  return {
    body: () => streamOfParts(parts),
    length: sizes.reduce((sum, size) => sum === null || size === null ? null : sum + size, 0),
    type: `multipart/form-data; boundary=${boundary}`,
  };
}

function partOf(encoder: TextEncoder, boundary: string, name: string, value: string | File): (Bytes | Blob)[] {
  const start = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(withLineEnds(name))}"`;
  if (typeof value === "string") return [encoder.encode(`${start}\r\n\r\n${withLineEnds(value)}\r\n`)];
  const type = value.type || "application/octet-stream";
  const head = `${start}; filename="${quoted(nameOf(value))}"\r\nContent-Type: ${type}\r\n\r\n`;
  return [encoder.encode(head), value, encoder.encode("\r\n")];
}

/**
 * Bun leaves a Blob without the name forms give it (XMLHttpRequest §4.3), and names one of a file by its path. Where a
 * file lies is nobody's business (RFC 7578 §4.2).
 */
function nameOf({ name = "blob" }: { name?: string }): string {
  return /^(?:[\\/]|[a-z]:[\\/])/i.test(name) ? name.replace(/^.*[\\/]/s, "") : name;
}

/** Every line of a form ends with CR and LF. */
function withLineEnds(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n");
}

function quoted(text: string): string {
  return text.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");
}

/** The parts one after the other, none read before it is asked for. */
function streamOfParts(parts: readonly (Bytes | Blob)[]): ReadableStream<Bytes> {
  let next = 0;
  let reader: ReadableStreamDefaultReader<Bytes> | null = null;
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      for (;;) {
        if (reader !== null) {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          reader = null;
        }
        const part = parts[next++];
        if (part === undefined) return controller.close();
        if (part instanceof Uint8Array) return controller.enqueue(part.slice());
        reader = blobStream(part).getReader();
      }
    },
    cancel: (reason): Promise<void> | void => reader?.cancel(reason),
  }, { highWaterMark: 0 });
}

/** What a body is made of and what is known of it beforehand. */
export interface BodySource {
  /** Bytes, a stream that is sent once, or a function that makes a fresh stream for each attempt. */
  readonly body: Bytes | ReadableStream<Bytes> | (() => ReadableStream<Bytes>);
  /** Bytes of a streamed body; null when nobody knows. */
  readonly length: number | null;
  /** The media type that goes with it; null for none. */
  readonly type: string | null;
}

const encoder = new TextEncoder();
const ended: IteratorResult<unknown> = { done: true, value: undefined };

/**
 * The source of a body to send; null for a kind nobody here knows.
 *
 * @throws {TypeError} For a stream of Node that has been read: it would give nothing, as if the body were empty.
 */
export function sentBodyOf(body: unknown): BodySource | null {
  if ((body as { readableDidRead?: unknown } | null)?.readableDidRead === true) throw usedError();
  return bodySourceOf(body);
}

/** The source of a body; null for a kind nobody here knows. Bytes are copied: later changes have no effect. */
export function bodySourceOf(body: unknown): BodySource | null {
  if (typeof body === "string") return whole(encoder.encode(body), "text/plain;charset=UTF-8");
  if (isStream(body)) return { body: streamOf(body), length: null, type: null };
  if (typeof body === "function") return { body: body as () => ReadableStream<Bytes>, length: null, type: null };
  if (ArrayBuffer.isView(body)) return whole(copied(body), null);
  if (isBuffer(body)) return whole(copied(new Uint8Array(body)), null);
  if (body instanceof URLSearchParams) {
    return whole(encoder.encode(String(body)), "application/x-www-form-urlencoded;charset=UTF-8");
  }
  if (isForm(body)) return formDataBody(body);
  if (typeof body !== "object" || body === null) return null;
  if (isBlob(body)) return blobBody(body);
  if (Symbol.asyncIterator in body) {
    heedErrors(body);
    return once((body as AsyncIterable<unknown>)[Symbol.asyncIterator](), () => endStream(body));
  }
  if (isPiped(body)) return pipedBody(body);
  // What has been begun, as generators have; lists and sets are values, and no bodies.
  if (Symbol.iterator in body && "next" in body) return once((body as Iterable<unknown>)[Symbol.iterator]());
  return null;
}

/**
 * The stream that a function of the caller makes for an attempt: one of the web, of another library or of Node, or an
 * asynchronous iterable.
 *
 * @throws {TypeError} If it makes something else, or a stream that is locked.
 */
export function freshBody(make: () => unknown): ReadableStream<Bytes> {
  const made = make();
  if (!isStream(made) && !isIterable(made)) {
    throw unexpected("send the body", "its function to give a ReadableStream", made);
  }
  if (isStream(made) && made.locked) {
    throw new TypeError("Cannot send the body: the stream that its function has given is locked");
  }
  return bodySourceOf(made)!.body as ReadableStream<Bytes>;
}

function whole(body: Bytes, type: string | null): BodySource {
  return { body, length: null, type };
}

/** Whether a value is a stream as the Streams standard has them: of this realm, another, or a library's own. */
function isStream(value: unknown): value is ReadableStream<Bytes> {
  return typeof (value as { getReader?: unknown } | null)?.getReader === "function";
}

/** Whether a value gives its pieces one by one, when they are there. */
function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" &&
    typeof (value as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";
}

/** A stream of this realm with what another one gives. */
function streamOf(stream: ReadableStream<Bytes>): ReadableStream<Bytes> {
  if (stream instanceof ReadableStream) return stream;
  const reader = (stream as ReadableStream<Bytes>).getReader();
  const pieces = { next: () => reader.read(), return: () => reader.cancel().then(() => ended) };
  return once(pieces as AsyncIterator<unknown>).body as ReadableStream<Bytes>;
}

/** Whether a value is a form, of this realm, another, or a library's own, such as undici's. */
function isForm(value: unknown): value is FormData {
  return value instanceof FormData || (Object.prototype.toString.call(value) === "[object FormData]" &&
    typeof (value as Partial<FormData>).entries === "function");
}

/** A stream of Node's first kind, which only flows. That of npm's `form-data` knows its media type, and often its length. */
interface PipedStream {
  on(event: "error", listener: (error: Error) => void): unknown;
  pipe(target: object): unknown;
  getHeaders?(): Readonly<Record<string, unknown>>;
  hasKnownLength?(): boolean;
  getLengthSync?(): number;
  /** That it flows or has flowed, as `form-data` tells. */
  readonly _released?: boolean;
}

function isPiped(value: object): value is PipedStream {
  const { on, pipe } = value as Partial<PipedStream>;
  return typeof on === "function" && typeof pipe === "function";
}

/** Those that have begun to flow for a body: most do not tell, and they would not flow again. */
const piped = new WeakSet<PipedStream>();

function usedError(): TypeError {
  return new TypeError("Cannot send the body: the stream has been read already");
}

function pipedBody(stream: PipedStream): BodySource {
  const assertUnread = () => {
    if (piped.has(stream) || stream._released === true) throw usedError();
  };
  assertUnread();
  const through = new builtin.stream.PassThrough();
  heedErrors(through);
  stream.on("error", (error) => through.destroy(error));
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    if (!through.destroyed) {
      assertUnread();
      piped.add(stream);
      stream.pipe(through);
    }
    yield* through;
  };
  const { body } = once(pieces(), () => {
    endStream(stream);
    through.destroy();
  });
  const type = stream.getHeaders?.()["content-type"];
  return {
    body,
    length: stream.hasKnownLength?.() === true ? stream.getLengthSync?.() ?? null : null,
    type: typeof type === "string" ? type : null,
  };
}

/** Whether a value is a Blob, of this realm or another. */
function isBlob(value: object): value is Blob {
  if (value instanceof Blob) return true;
  const { size, stream, type } = value as Partial<Blob>;
  return typeof stream === "function" && typeof size === "number" && typeof type === "string";
}

/** Whether a value is a buffer, shared or not, of this realm or another. */
function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

function copied(view: ArrayBufferView): Bytes {
  const copy = new Uint8Array(view.byteLength);
  copy.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return copy;
}

function blobBody(blob: Blob): BodySource {
  return { body: () => blobStream(blob), length: sizeOf(blob), type: blob.type === "" ? null : blob.type };
}

/** Ends an iterator that nobody reads any more. What it makes of that is its own affair, and may take for ever. */
function leave(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  Promise.try(() => iterator.return?.()).catch(() => {});
}

/** What an iterator gives, one piece for each that is asked for; whoever cancels ends the iterator. */
function once(iterator: AsyncIterator<unknown> | Iterator<unknown>, end = () => {}): BodySource {
  const body = new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) return controller.close();
        const piece = typeof value === "string" ? encoder.encode(value) : value;
        if (!(piece instanceof Uint8Array)) {
          const error = new TypeError(
            "Cannot read the body: its iterator gave something that is neither bytes nor text",
          );
          leave(iterator);
          throw error;
        }
        if (piece.byteLength > 0) return controller.enqueue(piece as Bytes);
      }
    },
    cancel(): void {
      end();
      leave(iterator);
    },
  }, { highWaterMark: 0 });
  return { body, length: null, type: null };
}
