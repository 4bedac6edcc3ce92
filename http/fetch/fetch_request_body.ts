/**
 * The body of a fetch: of any kind the Fetch standard and the runtimes take, or that of a `Request`, which is always a
 * stream, whatever it was made of.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { joinBytes } from "../../internal/bytes.ts";
import type { BytesRead } from "../../internal/platform_types.ts";
import { sentBodyOf } from "../message/body_source.ts";
import { type HttpMessage, type MessageBody, putBody } from "../message/message.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** For so many bytes of a body a moment is waited, as they may still be on their way. */
const largestAwaited = 64 * 1024;
/** Milliseconds in which a body that is there already gives its bytes; one that is still being made takes longer. */
const maxWait = 10;
/** So many bytes, besides the largest piece, are taken of what is there at once: more would be gathered in memory. */
const largestGathered = 4 * 1024 * 1024;

/**
 * Puts a body on a message, with the Content-Type that goes with it. What is neither bytes, stream nor form is sent as its
 * text (Fetch §5.2), but for objects whose text says nothing of what is in them.
 *
 * @throws {TypeError} If the body is a stream that is locked or of Node and read already, or one without `duplex` (Fetch §5.4,
 * step 38), or an object that would go out as "[object Object]".
 */
export function setBody(msg: HttpMessage, body: unknown, hasDuplex: boolean): void {
  if (body instanceof ReadableStream && body.locked) {
    throw new TypeError("Cannot fetch: the body is a stream that is locked");
  }
  const source = sentBodyOf(typeof body === "function" ? String(body) : body) ?? sentBodyOf(textOf(body))!;
  if (source.body instanceof ReadableStream && !hasDuplex) {
    throw new TypeError('Cannot fetch: a body that is a stream needs the option duplex: "half"');
  }
  putBody(msg, source);
  if (source.type !== null && !msg.requestHeaders.has("content-type")) {
    msg.requestHeaders.set("content-type", source.type);
  }
}

function textOf(body: unknown): string {
  const text = String(body);
  if (typeof body !== "object" || !/^\[object .*\]$/.test(text)) return text;
  throw new TypeError(
    `Cannot fetch: the body is an object that would be sent as "${text}"; give its text (JSON.stringify), bytes, a Blob, a form or a stream`,
  );
}

/**
 * Takes the body out of a Request, whose `bodyUsed` is true from now on. Bytes if they are there, as those of a text, of
 * bytes or of a Blob are: a refusal or a redirect can then be answered by sending them again, and they have a
 * Content-Length. A body that is still being written stays a stream that is sent once.
 *
 * @throws {TypeError} If the body is locked or was read before.
 */
export async function takeBody(request: Request): Promise<MessageBody> {
  const body = request.body as ReadableStream<Bytes>;
  if (body.locked || request.bodyUsed) throw new TypeError("Cannot fetch: the body of the Request is locked or used");
  const reader = body.getReader();
  const pieces: Bytes[] = [];
  let length = 0;
  let largest = 0;
  let waiting: ReturnType<typeof builtin.timers.setTimeout> | undefined;
  const late = new Promise<null>((resolve) => waiting = builtin.timers.setTimeout(resolve, maxWait, null));
  try {
    while (length - largest <= largestGathered) {
      const reading: Promise<BytesRead> = reader.read();
      const read = await Promise.race([reading, length <= largestAwaited ? late : nextTurn()]);
      if (read === null) return rest(reader, pieces, reading);
      if (read.done) return pieces.length === 1 ? pieces[0]! : joinBytes(pieces);
      if (!(read.value instanceof Uint8Array)) {
        const error = new TypeError("Cannot fetch: the body of the Request gave something that is no Uint8Array");
        reader.cancel(error).catch(() => {});
        throw error;
      }
      pieces.push(read.value);
      length += read.value.byteLength;
      largest = Math.max(largest, read.value.byteLength);
    }
  } finally {
    builtin.timers.clearTimeout(waiting);
  }
  return rest(reader, pieces, null);
}

/** What is there is read before this resolves, and nothing that has to come from elsewhere. */
function nextTurn(): Promise<null> {
  return new Promise((resolve) => void builtin.timers.setImmediate(resolve, null));
}

/** What has been read, then what is being read, then the rest. */
function rest(
  reader: ReadableStreamDefaultReader<Bytes>,
  pieces: Bytes[],
  reading: Promise<BytesRead> | null,
): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      const piece = pieces.shift();
      if (piece !== undefined) return controller.enqueue(piece);
      const { done, value } = await (reading ?? reader.read());
      reading = null;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason): Promise<void> => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
