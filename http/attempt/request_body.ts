/**
 * The request body on its way to a transport: events, progress and pausing for streams.
 *
 * @module
 */
import type { AttemptEvents } from "./attempt_events.ts";
import type { BytesRead } from "../../internal/platform_types.ts";
import { TransportError } from "../errors.ts";
import { freshBody } from "../message/body_source.ts";
import { messageState } from "../message/message.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import { HttpStatus } from "../protocol/status.ts";

/** The body of this attempt in the form transports take. */
export function bodyOf(
  item: QueueItem,
  events: AttemptEvents,
  writesEvents: boolean,
  failed: (error: TransportError) => void,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null {
  const body = item.msg.requestBody;
  if (body === null || body instanceof Uint8Array) return body;
  if (typeof body === "function") return watched(item, freshBody(body), events, writesEvents, failed);
  if (item.isStreamUsed || body.locked) {
    throw new TypeError("Cannot send the message again: its body is a stream that was already read");
  }
  item.isStreamUsed = true;
  return watched(item, body, events, writesEvents, failed);
}

/** A stream that reports what is pulled through it, holds still while the message is paused and ends with its attempt. */
function watched(
  item: QueueItem,
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  events: AttemptEvents,
  writesEvents: boolean,
  failed: (error: TransportError) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  const attempt = item.attempt;
  let end: QueueItem["upload"] = null;
  const over = (): void => {
    if (item.upload === end) item.upload = null;
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller): void {
      // Once the whole response has arrived, a source that may never end is not read any further.
      end = item.upload = (reason) => {
        over();
        controller.error(reason);
        reader.cancel(reason).catch(() => {});
      };
    },
    async pull(controller): Promise<void> {
      if (!writesEvents) events.wroteHeaders();
      if (item.isPaused) await item.resumed();
      if (item.attempt !== attempt) {
        over();
        reader.cancel(messageState(item.msg).thrown).catch(() => {});
        controller.error(new Error("Cannot send the body: the attempt has ended"));
        return;
      }
      let read: BytesRead;
      try {
        read = await reader.read();
      } catch (error) {
        over();
        // Not every runtime reports what a source has thrown.
        failed(sourceFailed(error));
        throw error;
      }
      const { done, value } = read;
      if (end !== item.upload) return;
      if (done) {
        over();
        controller.close();
        if (!writesEvents) events.wroteBody();
        return;
      }
      if (!(value instanceof Uint8Array)) {
        over();
        const error = new TypeError("Cannot send the body: its stream gave something that is no Uint8Array");
        reader.cancel(error).catch(() => {});
        throw error;
      }
      controller.enqueue(value);
      if (!writesEvents) events.wroteBodyData(value);
    },
    cancel(reason): Promise<void> {
      over();
      // Not every runtime says why; the message knows.
      return reader.cancel(item.attempt === attempt ? reason : messageState(item.msg).thrown ?? reason);
    },
  }, { highWaterMark: 0 });
}

/** The phase keeps a connection that is in order from being taken for a stale one. */
function sourceFailed(error: unknown): TransportError {
  const said = error instanceof Error ? error.message : String(error);
  const text = `Cannot send the body: ${said.replace(/^Cannot read the body: /, "")}`;
  return new TransportError(HttpStatus.IO_ERROR, "response", text, { cause: error });
}
