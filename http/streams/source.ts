/** What the readers of streams read from. */

import { checkObject, checkSignal, unexpected } from "../../internal/expected.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { bodySourceOf } from "../message/body_source.ts";
import { type ByteStream, ChunkReader } from "../codings/chunks.ts";

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
