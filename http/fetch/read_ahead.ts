/**
 * A body that is read a little ahead of whoever is to read it: what is small then no longer holds its connection.
 *
 * @module
 */
import type { BytesRead } from "../../internal/platform_types.ts";
import { nextPiece } from "../transports/byte_pieces.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The pieces of one stream, in order, some of them read before they were asked for. */
export class ReadAhead {
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  readonly #pieces: Bytes[] = [];
  readonly #ended: () => void;
  /** The step that is being read ahead. */
  #reading: Promise<BytesRead> | null = null;
  #isAskedFor = false;
  #hasEnded = false;
  #isComplete = false;

  /** @param ended Called when there is an end or an error behind the pieces that are here. */
  constructor(source: ReadableStream<Bytes>, ended: () => void) {
    this.#reader = source.getReader();
    this.#ended = ended;
    const settled = (isComplete: boolean): void => {
      this.#hasEnded = true;
      this.#isComplete = isComplete;
      ended();
    };
    this.#reader.closed.then(() => settled(true), () => settled(false));
  }

  /** True once an end or an error is all there is to come; a piece that is being read ahead may be the last. */
  get isDrained(): boolean {
    return this.#hasEnded && this.#pieces.length === 0 && this.#reading === null;
  }

  /** True once somebody has asked for a piece. */
  get isBegun(): boolean {
    return this.#isAskedFor;
  }

  /** The next piece; an error of the stream is reported once all pieces before it are gone. */
  async next(): Promise<BytesRead> {
    this.#isAskedFor = true;
    if (this.#pieces.length === 0 && this.#reading !== null) await this.#reading.catch(() => {});
    const value = this.#pieces.shift();
    // An end and an error are there for every further read as well.
    return value === undefined ? nextPiece(this.#reader) : { done: false, value };
  }

  /** Reads on until there are `most` bytes, or somebody asks for a piece. True when that was all of the body. */
  async fill(most: number): Promise<boolean> {
    const isAll = await this.#fill(most);
    if (this.isDrained) this.#ended();
    return isAll;
  }

  async #fill(most: number): Promise<boolean> {
    for (let size = 0; size < most && !this.#isAskedFor;) {
      this.#reading = nextPiece(this.#reader);
      try {
        const { done, value } = await this.#reading;
        if (done) return true;
        this.#pieces.push(value);
        size += value.byteLength;
      } catch {
        return false; // Reported to whoever reads.
      } finally {
        this.#reading = null;
      }
    }
    return this.#isComplete;
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): Promise<void> {
    this.#pieces.length = 0;
    return this.#reader.cancel(reason);
  }
}
