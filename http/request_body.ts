/**
 * The request body on its way to a transport: events, progress and pausing for streams.
 *
 * @module
 */
import type { AttemptEvents } from "./attempt_events.ts";
import type { QueueItem } from "./queue_item.ts";

/** The body of this attempt in the form transports take. */
export function bodyOf(
  item: QueueItem,
  events: AttemptEvents,
  writesEvents: boolean,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null {
  const body = item.msg.requestBody;
  if (body === null || body instanceof Uint8Array) return body;
  if (typeof body === "function") return watched(item, body(), events, writesEvents);
  if (item.isStreamUsed || body.locked) {
    throw new TypeError("Cannot send the message again: its body is a stream that was already read");
  }
  item.isStreamUsed = true;
  return watched(item, body, events, writesEvents);
}

/** A stream that reports what is pulled through it, holds still while the message is paused and ends with its attempt. */
function watched(
  item: QueueItem,
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  events: AttemptEvents,
  writesEvents: boolean,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  const attempt = item.attempt;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      if (!writesEvents) events.wroteHeaders();
      if (item.isPaused) await item.resumed();
      if (item.attempt !== attempt) {
        await reader.cancel();
        controller.error(new Error("Cannot send the body: the attempt has ended"));
        return;
      }
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        if (!writesEvents) events.wroteBody();
        return;
      }
      if (!(value instanceof Uint8Array)) {
        const error = new TypeError("Cannot send the body: its stream gave something that is no Uint8Array");
        await reader.cancel(error);
        throw error;
      }
      controller.enqueue(value);
      if (!writesEvents) events.wroteBodyData(value);
    },
    cancel(reason): Promise<void> {
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
