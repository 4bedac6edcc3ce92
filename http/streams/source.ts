/** What the readers of streams read: bodies in pieces, their text, and its lines, in linear time and bounded memory. */
import { checkObject, checkSignal, unexpected } from "../../internal/expected.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { bodySourceOf } from "../message/body_source.ts";
import { type ByteStream, ChunkReader } from "../codings/codings.ts";
import { brandError } from "../../internal/error_brand.ts";

/** A body: a response, or bytes as they arrive, from streams of the web and of Node alike. */
export type BodySource = Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Reads a body chunk by chunk; an abort ends a read that is under way and throws the signal's reason. */
export async function* readChunks(
  source: BodySource,
  signal: AbortSignal | null | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const body = bodyOf(checkObject("read the body", source, "a Response"));
  checkSignal("read the body", signal);
  signal?.throwIfAborted();
  if (body === null) return;
  const reader = new ChunkReader(body as ByteStream);
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {});
  let ended = false;
  try {
    signal?.addEventListener("abort", cancel, { once: true });
    for (let step = await reader.next(); !step.done; step = await reader.next()) {
      signal?.throwIfAborted();
      yield step.value;
    }
    signal?.throwIfAborted();
    ended = true;
  } finally {
    if (signal) leaveSignal(signal, cancel);
    // A body that broke off rejects its cancellation with the error that is already on its way.
    if (!ended) await reader.cancel(signal?.reason).catch(() => {});
  }
}

/** The stream of a body; null where there is none. */
function bodyOf(source: BodySource): ReadableStream<Uint8Array> | null {
  const body: unknown = "body" in source ? source.body : source;
  if (body === null || body instanceof ReadableStream) return body;
  const isStream = typeof body === "object" && (Symbol.asyncIterator in body || "getReader" in body);
  const made = isStream ? bodySourceOf(body)?.body : undefined;
  if (!(made instanceof ReadableStream)) throw unexpected("read the body", "a Response or a stream", body);
  return made;
}

/** Decodes UTF-8 that comes in pieces, without the byte order mark in front. */
export class StreamingTextDecoder {
  // Not every runtime's decoder distinguishes a byte order mark at the beginning from one behind a cut, so that this
  // class does.
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #isAtStart = true;

  /** The text that `chunk` completes; without a chunk, what is left at the end. */
  decode(chunk?: Uint8Array): string {
    const text = chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    if (!this.#isAtStart || text === "") return text;
    this.#isAtStart = false;
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

/** Options of {@linkcode LineSplitter}. */
interface LineSplitterOptions {
  /** Whether a carriage return ends a line too, alone or with a line feed behind it. */
  readonly carriageReturn: boolean;
  /** The longest line in UTF-16 units. */
  readonly maxLength: number;
}

/** Raised when a line or a record is longer than its limit. */
export class RecordTooLongError extends Error {}

brandError(RecordTooLongError, "RecordTooLongError");

/** The lines of a text that comes in pieces. */
export class LineSplitter {
  #options: LineSplitterOptions;
  #partial = "";
  #afterCarriageReturn = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  /** The lines that `text` completes, without their ends. */
  *push(text: string): Generator<string, void, undefined> {
    let start = 0;
    if (this.#afterCarriageReturn && text !== "") {
      this.#afterCarriageReturn = false;
      if (text[0] === "\n") start = 1;
    }
    let lineFeed = -2;
    let carriageReturn = this.#options.carriageReturn ? -2 : -1;
    while (true) {
      if (lineFeed !== -1 && lineFeed < start) lineFeed = text.indexOf("\n", start);
      if (carriageReturn !== -1 && carriageReturn < start) carriageReturn = text.indexOf("\r", start);
      const isReturn = carriageReturn >= 0 && (lineFeed < 0 || carriageReturn < lineFeed);
      const end = isReturn ? carriageReturn : lineFeed;
      if (end < 0) break;
      const line = this.#take(text.slice(start, end));
      start = end + 1;
      if (isReturn && lineFeed === start) start++;
      else if (isReturn && start === text.length) this.#afterCarriageReturn = true;
      yield line;
    }
    this.#keep(text.slice(start));
  }

  /** What is left behind the last line end. */
  finish(): string {
    return this.#take("");
  }

  #take(end: string): string {
    this.#keep(end);
    const line = this.#partial;
    this.#partial = "";
    return line;
  }

  #keep(text: string): void {
    if (this.#partial.length + text.length > this.#options.maxLength) {
      throw new RecordTooLongError(`Cannot read on: a line is longer than ${this.#options.maxLength} characters`);
    }
    this.#partial += text;
  }
}
