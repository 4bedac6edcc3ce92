/**
 * Deno hands a body it decodes out in pieces of 4 KiB. Each piece costs every stream it passes a few turns, so pieces
 * that are there already are put together before they set out.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type ByobReader = ReadableStreamBYOBReader;

/** Bytes that are read at once; the runtime gives less. */
const readSize = 16 * 1024;
/** Bytes that travel together at most. */
const pieceSize = 64 * 1024;

/** A reader that fills buffers of ours; null for a stream that cannot do that. */
export function byobReader(source: ReadableStream<Bytes>): ByobReader | null {
  try {
    return source.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError && !source.locked) return null;
    throw error;
  }
}

/**
 * The bytes of a reader in larger pieces. Nothing waits for more than one turn of the event loop: what arrives slowly
 * passes as it comes. At most one piece is read ahead of demand.
 */
export function gatheredStream(reader: ByobReader, explain: (error: unknown) => unknown): ReadableStream<Bytes> {
  const gatherer = new Gatherer(reader);
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      try {
        const piece = await gatherer.next();
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      } catch (error) {
        throw explain(error);
      }
    },
    cancel: (reason): Promise<void> => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

class Gatherer {
  readonly #reader: ByobReader;
  /** A read that has begun and is not part of a piece yet; how it ended is for the next piece. */
  #reading: Promise<ReadableStreamReadResult<Bytes>> | null = null;
  #isLate = false;
  #giveUp: ((nothing: null) => void) | null = null;

  constructor(reader: ByobReader) {
    this.#reader = reader;
  }

  /** The next piece; null at the end. */
  async next(): Promise<Bytes | null> {
    const first = await (this.#reading ?? this.#read(new ArrayBuffer(readSize), readSize));
    this.#reading = null;
    if (first.done) return null;
    this.#isLate = false;
    const turn = builtin.timers.setImmediate(this.#turnOver);
    try {
      return await this.#gather(first.value);
    } finally {
      builtin.timers.clearImmediate(turn);
    }
  }

  readonly #turnOver = (): void => {
    this.#isLate = true;
    this.#giveUp?.(null);
  };

  /** Adds to a piece what comes before the turn is over. */
  async #gather(first: Bytes): Promise<Bytes> {
    let piece: Bytes | null = null;
    let filled = first.byteLength;
    let buffer = new ArrayBuffer(readSize);
    while (filled < pieceSize && !this.#isLate) {
      this.#reading = this.#read(buffer, pieceSize - filled);
      const next = await this.#inTurn(this.#reading);
      if (next === null || next.done) break;
      this.#reading = null;
      if (piece === null) {
        piece = new Uint8Array(pieceSize);
        piece.set(first);
      }
      piece.set(next.value, filled);
      filled += next.value.byteLength;
      buffer = next.value.buffer;
    }
    return filled === pieceSize && piece !== null ? piece : (piece ?? first).slice(0, filled);
  }

  /** What is read, or null when the turn ends first. An error, too, is for the next piece to meet. */
  #inTurn(reading: Promise<ReadableStreamReadResult<Bytes>>): Promise<ReadableStreamReadResult<Bytes> | null> {
    return new Promise((resolve) => {
      this.#giveUp = resolve;
      reading.then(resolve, () => resolve(null));
    });
  }

  #read(buffer: ArrayBuffer, most: number): Promise<ReadableStreamReadResult<Bytes>> {
    return this.#reader.read(new Uint8Array(buffer, 0, Math.min(readSize, most))) as Promise<
      ReadableStreamReadResult<Bytes>
    >;
  }
}
