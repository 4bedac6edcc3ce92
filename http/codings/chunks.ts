/** Between the streams of the platform and async iteration. */

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
