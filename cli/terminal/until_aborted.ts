/**
 * Waiting that ends when the command is interrupted.
 *
 * @module
 */
import { orAborted } from "../../internal/signals.ts";

/**
 * What comes until the command is interrupted. A pipe may stay silent for ever, and so may a person: what would come then
 * is not waited for, nor is the end of what it comes from.
 *
 * @throws {InterruptedError} What the signal says.
 */
export async function* untilAborted<T>(pieces: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted();
  const reading = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await orAborted(reading.next(), signal);
      if (done) return;
      yield value;
    }
  } finally {
    const ending = Promise.resolve(reading.return?.());
    if (signal.aborted) ending.catch(() => {});
    else await ending;
  }
}
