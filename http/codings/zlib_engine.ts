/** Drives one decompressor of `node:zlib` with back-pressure, and knows exactly how much of its input it used. */

import { Buffer } from "node:buffer";
import type { Transform } from "node:stream";
import type { ChunkInput } from "./codings.ts";

/** What `node:zlib` streams add to a Transform. */
export type ZlibStream = Transform & {
  /** Bytes of input the decompressor has used. */
  readonly bytesWritten: number;
};

/** The end of one compressed stream. */
export type EngineResult = "finished" | "truncated";

/** One decompressor and the compressed stream it reads. */
export class ZlibEngine {
  #stream: ZlibStream;
  #error: unknown = null;
  #wake: (() => void) | null = null;
  #produced = 0;

  constructor(stream: ZlibStream) {
    this.#stream = stream;
    stream.on("readable", () => this.#wake?.());
    stream.on("error", (error) => {
      this.#error = error;
      this.#wake?.();
    });
  }

  /** Decompressed bytes so far. */
  get produced(): number {
    return this.#produced;
  }

  /**
   * Decompresses from `input` up to the end of the compressed stream and puts back what lies behind it. The
   * decompressor's own error is thrown as it is.
   */
  async *run(input: ChunkInput): AsyncGenerator<Uint8Array, EngineResult, undefined> {
    for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
      const used = yield* this.feed(chunk);
      if (used < chunk.byteLength) {
        input.unread(chunk.subarray(used));
        return "finished";
      }
    }
    // Not every runtime reports a truncated stream at its end; but a finished one leaves a further byte unused.
    const probe = this.feed(Uint8Array.of(0));
    try {
      for (let step = await probe.next();; step = await probe.next()) {
        if (step.done) return step.value === 0 ? "finished" : "truncated";
      }
    } catch {
      return "truncated";
    }
  }

  /** Decompresses one chunk; returns how many of its bytes were used. */
  async *feed(chunk: Uint8Array): AsyncGenerator<Uint8Array, number, undefined> {
    const stream = this.#stream;
    const before = stream.bytesWritten;
    let written = false;
    stream.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), () => {
      written = true;
      this.#wake?.();
    });
    while (true) {
      if (this.#error !== null) throw this.#error;
      const output = stream.read() as Buffer | null;
      if (output !== null) {
        this.#produced += output.byteLength;
        yield new Uint8Array(output.buffer, output.byteOffset, output.byteLength);
      } else if (written) {
        return stream.bytesWritten - before;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
      }
    }
  }

  /** Frees the decompressor. */
  close(): void {
    this.#stream.destroy();
  }
}
