/**
 * Responses of `session.fetch`: the runtime's own object where nothing has to be changed, and the slot given back when
 * its body is read, cancelled or out of reach.
 *
 * @module
 */
import { FetchedResponse, type ResponseOrigin } from "../transports/fetched_response.ts";
import { handOutEmpty, handOutSmall, type SmallResponses } from "./small_responses.ts";
import type { BodyReader } from "./body_reader.ts";
import type { Attempt } from "../attempt/attempt.ts";
import { ended, giveBack, isBodyless, isWatched } from "../attempt/response_phase.ts";
import { countBytes, discard, isSmall, smallBody, transformed } from "../attempt/response_body.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import type { TransportResponse } from "../transports/transport.ts";
import { bareUrl } from "../protocol/uri.ts";

/** Makes the Response a caller gets. */
export function handOut(reader: BodyReader, responses: SmallResponses): Response {
  const { core, item, response } = reader;
  const { arrived, encodedLength } = response as TransportResponse;
  const { msg } = item;
  const isUntouched = isLeftAlone(item, response);
  const isSame = response instanceof Response && msg.responseHeaders === response.headers;
  if (isBodyless(msg, response)) return withoutBody(reader, isSame);
  const isSmallBody = response.whole !== undefined || isSmall(response);
  if (isSame && isUntouched && isSmallBody && item.connection !== null && !item.isTimed) {
    return handOutSmall(responses, reader, response, item.redirects > 0);
  }
  if (response.body === null) return withoutBody(reader, isSame);
  if (isSmallBody) return build(reader, reader.stream(transformed(item, response, readAtOnce(core, item, response))));
  if (arrived !== undefined) giveBackAfter(core, item, response, arrived);
  const result = build(reader, reader.stream(transformed(item, response)));
  // What little has come may be much more once it is decoded: only so much of that is read unasked.
  if ((encodedLength ?? Infinity) <= smallBody) reader.readAhead();
  return result;
}

/**
 * The Response that the transport has made, if all of it is here and nobody changes it: the message ends before anybody
 * reads. Null for others.
 */
export function handOutReady(
  attempt: Attempt,
  response: TransportResponse,
  signal: AbortSignal | null,
): Response | null {
  const { item } = attempt;
  const { ready, whole } = response;
  if (ready === undefined || !isLeftAlone(item, response)) return null;
  if (ready instanceof FetchedResponse) FetchedResponse.place(ready, originOf(item, signal));
  if (whole !== undefined) countBytes(item, whole.byteLength);
  item.unwatch();
  attempt.guard(ended);
  return ready;
}

/** True while header fields and body are those the transport has given, and nobody wants to see the pieces. */
function isLeftAlone(item: QueueItem, response: TransportResponse): boolean {
  return item.msg.responseHeaders === response.headers && item.transforms.length === 0 && !isWatched(item);
}

function originOf(item: QueueItem, signal: AbortSignal | null): ResponseOrigin {
  const { msg, redirects } = item;
  return { url: bareUrl(msg.uri), redirected: redirects > 0, signal };
}

function withoutBody(reader: BodyReader, isSame: boolean): Response {
  const { response, item } = reader;
  if (isSame && response instanceof Response) {
    const result = handOutEmpty(response, item.redirects > 0);
    reader.finish();
    return result;
  }
  // A body where none may be is not read; the connection it comes on is of no more use.
  discard(response);
  const result = build(reader, null);
  reader.finish();
  return result;
}

/** A Response around a stream of ours. */
function build(reader: BodyReader, body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Response {
  const { msg } = reader.item;
  const response = FetchedResponse.of(body, {
    status: msg.statusCode,
    statusText: reader.response.statusText,
    headers: msg.responseHeaders,
  });
  return FetchedResponse.place(response, originOf(reader.item, null));
}

/** The bytes of a small body as a stream; they are fetched now, whoever reads them later, and the slot is free then. */
function readAtOnce(
  core: HttpSessionCore,
  item: QueueItem,
  response: TransportResponse,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  // Where time counts, every piece that arrives does.
  const reading = item.isTimed && response.body !== null
    ? readPieces(response.body, () => item.progressed())
    : response.bytes();
  // Who reads learns of a failure; nobody may.
  reading.catch(() => {});
  giveBackAfter(core, item, response, response.arrived ?? reading);
  let broken: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      try {
        const bytes = await reading;
        if (bytes.byteLength > 0) controller.enqueue(bytes);
        controller.close();
      } catch (error) {
        // What has arrived until then is read first, where the transport has kept it.
        if (broken === null && (response.body?.locked ?? true)) throw error;
        const { done, value } = await (broken ??= response.body!.getReader()).read();
        if (done) throw error;
        controller.enqueue(value);
      }
    },
  }, { highWaterMark: 0 });
}

async function readPieces(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  progressed: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of source) {
    progressed();
    pieces.push(piece);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Frees the slot of a response as soon as all of it has arrived, whoever reads it later. */
function giveBackAfter(
  core: HttpSessionCore,
  item: QueueItem,
  response: TransportResponse,
  arrival: Promise<unknown>,
): void {
  const { attempt } = item;
  arrival.then(() => {
    if (item.attempt === attempt) giveBack(core, item, response);
  }, () => {});
}
