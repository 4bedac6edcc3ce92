/**
 * Reading a response body into its message.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import type { Attempt } from "./attempt.ts";
import type { DrainLimit } from "./drain.ts";
import { TransportError } from "../errors.ts";
import { announcedLength, contentLength } from "../protocol/headers.ts";
import { isListened, MessageFlags, messageState } from "../message/message.ts";
import { ChunkEvent, TransferProgressEvent } from "../message/message_events.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { TransportResponse } from "../transports/transport.ts";

/** Bodies up to this many bytes are read at once when their length is known. */
export const smallBody: number = 64 * 1024;

/** True for a body whose length is known, small and the same as its wire length. */
export function isSmall(response: TransportResponse): boolean {
  const length = contentLength(response.headers);
  return length !== null && length <= smallBody;
}

/** Lets a response go that belongs to an attempt that is over. Its connection is closed already. */
export function discard(response: TransportResponse): void {
  response.upgraded?.destroy();
  if (response.body !== null && !response.body.locked) response.body.cancel().catch(() => {});
}

/** Reads the body to its end; false when the attempt is over before. Rejects when it breaks off. */
export async function readBody(attempt: Attempt, response: TransportResponse, limit?: DrainLimit): Promise<boolean> {
  const { core, item } = attempt;
  if (response.body === null) return true;
  if (item.msg.method === "HEAD") {
    discard(response);
    return true;
  }
  if (item.transforms.length === 0) messageState(item.msg).expectBody(announcedLength(response.headers));
  const reader = transformed(item, response).getReader();
  limit?.onExceeded(() => abandon(reader));
  for (;;) {
    const { done, value } = await reader.read();
    if (!attempt.isCurrent || limit?.isExceeded === true) return abandon(reader);
    if (done) {
      if (item.transforms.length === 0) checkLength(response, item.msg.metrics.responseBodyBytes);
      return true;
    }
    if (limit?.takes(value.byteLength, item.msg.metrics.responseBodyBytes) === false) return abandon(reader);
    gotChunk(core, item, value);
    if (item.isPaused) await item.resumed();
    if (!attempt.isCurrent) return abandon(reader);
    if (item.requeue === "now") {
      core.restart(item);
      return abandon(reader);
    }
  }
}

/** The attempt is over: the rest of the body is not read. */
function abandon(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): false {
  reader.cancel().catch(() => {});
  return false;
}

/**
 * The body as the message's reader sees it: counted on the wire, then through the features' transforms. Without any of
 * these its reader counts, and checks the length at its end.
 */
export function transformed(
  item: QueueItem,
  response: TransportResponse,
  source: ReadableStream<Uint8Array<ArrayBuffer>> = response.body!,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (item.transforms.length === 0) return source;
  let stream = counted(item, response, source);
  for (const transform of item.transforms) stream = transform(stream);
  return stream;
}

/** Counts what comes over the wire in front of the transforms, which are to see no end that comes too early. */
function counted(
  item: QueueItem,
  response: TransportResponse,
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  let received = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const { done, value } = await reader.read();
      if (done) {
        checkLength(response, received);
        controller.close();
      } else {
        received += value.byteLength;
        countBytes(item, value.byteLength);
        controller.enqueue(value);
      }
    },
    cancel(reason): Promise<void> {
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/**
 * A body that has ended has to be as long as was announced, whatever has delivered it.
 *
 * @throws {TransportError} If it is shorter.
 */
export function checkLength({ contentDecoded, headers }: TransportResponse, received: number): void {
  const announced = contentDecoded === true ? null : announcedLength(headers);
  if (announced === null || received >= announced) return;
  const message = `Cannot read the response: its body has ended after ${received} of ${announced} bytes`;
  throw new TransportError(HttpStatus.IO_ERROR, "response", message, { code: "ERR_HTTP_TRUNCATED_RESPONSE" });
}

/** Bytes of the body have come over the wire. */
export function countBytes(item: QueueItem, length: number): void {
  writable(item.msg.metrics).responseBodyBytes += length;
  item.progressed();
}

/** One piece of the decoded body: keeps it within the limit, and emits its events. */
export function gotChunk(core: HttpSessionCore, item: QueueItem, chunk: Uint8Array<ArrayBuffer>): void {
  const { msg, attempt } = item;
  if (item.transforms.length === 0) countBytes(item, chunk.byteLength);
  if (item.sink === null && !msg.hasFlag(MessageFlags.OVERWRITE_CHUNKS)) {
    const state = messageState(msg);
    if (state.bodyLength + chunk.byteLength > core.settings.values.maxBodyBytes) {
      throw new TransportError(
        HttpStatus.IO_ERROR,
        "response",
        `Cannot keep the response body: it is larger than maxBodyBytes (${core.settings.values.maxBodyBytes})`,
        { code: "ERR_BODY_TOO_LARGE", reason: "Response body too large" },
      );
    }
    state.append(chunk);
  }
  if (isListened(msg, "got-chunk")) item.dispatch(new ChunkEvent("got-chunk", chunk));
  if (item.attempt === attempt && isListened(msg, "progress")) {
    const total = messageState(msg).encodedLength ?? contentLength(msg.responseHeaders);
    item.dispatch(new TransferProgressEvent("download", msg.metrics.responseBodyBytes, total));
  }
}
