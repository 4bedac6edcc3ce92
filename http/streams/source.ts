/** What the readers of streams read from. */

import { checkObject, checkSignal, unexpected } from "../../internal/expected.ts";
import { type ByteStream, ChunkReader } from "../codings/chunks.ts";

/** A body: a response, or a stream of bytes. */
export type BodySource = Response | ReadableStream<Uint8Array>;

/** Reads a body chunk by chunk; an abort ends a read that is under way and throws the signal's reason. */
export async function* readChunks(
  source: BodySource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const body = source instanceof ReadableStream ? source : checkObject("read the body", source, "a Response").body;
  if (signal !== undefined) checkSignal("read the body", signal);
  signal?.throwIfAborted();
  if (body !== null && !(body instanceof ReadableStream)) throw unexpected("read the body", "a ReadableStream", body);
  if (body === null) return;
  const reader = new ChunkReader(body as ByteStream);
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  let ended = false;
  try {
    for (let step = await reader.next(); !step.done; step = await reader.next()) {
      signal?.throwIfAborted();
      yield step.value;
    }
    signal?.throwIfAborted();
    ended = true;
  } finally {
    signal?.removeEventListener("abort", cancel);
    // A body that broke off rejects its cancellation with the error that is already on its way.
    if (!ended) await reader.cancel(signal?.reason).catch(() => {});
  }
}
