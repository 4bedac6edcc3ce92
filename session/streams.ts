/** Streams through operations in parts. */
import type { Decryptor, Encryptor } from "./parts_async.ts";

/** A transform stream through a cipher; ending it early frees the session. */
export function cipherStream(cipher: Encryptor | Decryptor): TransformStream<Uint8Array, Uint8Array> {
  const transformer: Transformer<Uint8Array, Uint8Array> & { cancel(): Promise<void> } = {
    async transform(chunk, controller) {
      const output = await cipher.update(chunk as Uint8Array<ArrayBuffer>);
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

/** Feeds a stream to an operation in parts; when the stream fails, the operation is ended. */
export async function feed(
  stream: ReadableStream<Uint8Array>,
  parts: { update(chunk: Uint8Array<ArrayBuffer>): Promise<unknown>; close(): Promise<void> },
  signal: AbortSignal | undefined,
): Promise<void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return;
      await parts.update(value as Uint8Array<ArrayBuffer>);
    }
  } catch (error) {
    await parts.close();
    await reader.cancel(error);
    throw error;
  } finally {
    reader.releaseLock();
  }
}
