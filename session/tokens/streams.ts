/** Streams through operations in parts. */
import { reportUncaught } from "../../internal/report_error.ts";
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Decryptor, Encryptor } from "./parts_async.ts";

/** A transform stream through a cipher; ending it early frees the session. */
export function cipherStream(cipher: Encryptor | Decryptor): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
  const transformer: Transformer<BytesInput, Uint8Array<ArrayBuffer>> & { cancel(): Promise<void> } = {
    async transform(chunk, controller) {
      const output = await cipher.update(chunk);
      if (output.length > 0) controller.enqueue(output);
    },
    async flush(controller) {
      const output = await cipher.final();
      if (output.length > 0) controller.enqueue(output);
    },
    async cancel() {
      await cipher.close();
    },
  };
  return new TransformStream(transformer);
}

/** Does what `await using` does; Node 22 cannot read that declaration. */
export async function closing<T>(owner: { close(): Promise<void> }, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await owner.close();
  }
}

/**
 * Feeds a stream to an operation in parts; when the stream fails, the operation is ended. Aborted, it rejects at once,
 * whether it waits for the module or for the stream.
 */
export async function feed(
  stream: ReadableStream<Uint8Array>,
  parts: { update(chunk: Uint8Array<ArrayBuffer>, options?: CallOptions): Promise<unknown>; close(): Promise<void> },
  options: CallOptions | undefined,
): Promise<void> {
  const signal = options?.signal;
  const reader = stream.getReader();
  const reading = new AbortableRead(reader, signal);
  try {
    for (;;) {
      const { done, value } = await reading.next();
      if (done) return;
      await parts.update(value as Uint8Array<ArrayBuffer>, options);
    }
  } catch (error) {
    // What the source makes of it is its own affair, and may take for ever; so may the call that was aborted.
    reader.cancel(error).catch(() => {});
    const closing = parts.close();
    if (signal?.aborted && options?.abort !== "wait") closing.catch(reportUncaught);
    // The first error is the one to tell.
    else await closing.catch(() => {});
    throw error;
  } finally {
    reading.stop();
    reader.releaseLock();
  }
}

/** Reads that end when a signal does. */
class AbortableRead {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #reject: ((reason: unknown) => void) | null = null;
  readonly #abort = () => this.#reject?.(this.#signal!.reason);

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
    this.#reader = reader;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort);
  }

  next(): Promise<ReadableStreamReadResult<Uint8Array>> {
    if (!this.#signal) return this.#reader.read();
    return new Promise((resolve, reject) => {
      this.#signal!.throwIfAborted();
      this.#reject = reject;
      this.#reader.read().then(resolve, reject);
    });
  }

  stop(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
