/** Server-sent events (HTML §9.2): what takes a stream of them apart, and what reads one and connects anew. */
import {
  checkBytes,
  checkFunction,
  checkObject,
  checkOptions,
  checkSignal,
  wholeLimit,
  zeroOrMore,
} from "../../internal/expected.ts";
import { type BodySource, LineSplitter, readChunks, RecordTooLongError, StreamingTextDecoder } from "./source.ts";
import { brandError } from "../../internal/error_brand.ts";
import { callersHeaders } from "../protocol/headers.ts";
import { parseMediaType } from "../protocol/media_type.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import type { HttpFetchInit } from "../contract/message_options.ts";
import { wait } from "../contract/blocking.ts";

/** One event of a stream. */
export interface ServerSentEvent {
  /** The event's name; "message" when the server gives none. */
  readonly type: string;
  /** The data; several `data` lines are joined with line feeds. */
  readonly data: string;
  /** The last id the server gave, in this event or an earlier one. */
  readonly lastEventId: string;
}

/** Options of {@linkcode EventStreamParser}. */
export interface EventStreamParserOptions {
  /**
   * The last event id known when the stream begins.
   *
   * @default {""}
   */
  readonly lastEventId?: string | undefined;
  /**
   * The most characters one event may have; a stream that goes beyond fails.
   *
   * @default {16777216}
   */
  readonly maxEventSize?: number | undefined;
}

const DEFAULT_MAX_EVENT_SIZE = 2 ** 24;

/** Reads an event stream that comes in pieces. */
export class EventStreamParser {
  #lines: LineSplitter;
  #maxEventSize: number;
  #decoder = new StreamingTextDecoder();
  #data: string[] = [];
  #size = 0;
  #type = "";
  #idBuffer: string;
  #lastEventId: string;
  #retry: number | undefined;

  /**
   * Makes a parser for one stream.
   *
   * @throws {RangeError} If the limit is negative or no whole number.
   * @throws {TypeError} If the limit is no number.
   */
  constructor(options: EventStreamParserOptions = {}) {
    checkOptions("make an EventStreamParser", options);
    this.#maxEventSize = wholeLimit("maxEventSize", options.maxEventSize ?? DEFAULT_MAX_EVENT_SIZE);
    this.#lines = new LineSplitter({ carriageReturn: true, maxLength: this.#maxEventSize });
    this.#lastEventId = this.#idBuffer = options.lastEventId ?? "";
  }

  /** The id to send as `Last-Event-ID` when the stream is opened again. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** The reconnection time in milliseconds the server asked for, if it did. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /** The events that `chunk` completes. What is incomplete when a stream ends is no event and is dropped. */
  *push(chunk: Uint8Array): Generator<ServerSentEvent, void, undefined> {
    checkBytes("read events", chunk);
    for (const line of this.#lines.push(this.#decoder.decode(chunk))) {
      if (line !== "") {
        this.#readField(line);
        continue;
      }
      const event = this.#dispatch();
      if (event !== undefined) yield event;
    }
  }

  #readField(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#addData(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#idBuffer = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
  }

  #addData(value: string): void {
    this.#size += value.length + 1;
    if (this.#size > this.#maxEventSize) {
      throw new RecordTooLongError(`Cannot read on: an event is longer than ${this.#maxEventSize} characters`);
    }
    this.#data.push(value);
  }

  #dispatch(): ServerSentEvent | undefined {
    this.#lastEventId = this.#idBuffer;
    const data = this.#data;
    const type = this.#type;
    this.#data = [];
    this.#size = 0;
    this.#type = "";
    if (data.length === 0) return undefined;
    return { type: type === "" ? "message" : type, data: data.join("\n"), lastEventId: this.#lastEventId };
  }
}

/** Options of {@linkcode readServerSentEvents}. */
export interface ReadServerSentEventsOptions extends EventStreamParserOptions {
  /** Ends the reading: the body is cancelled and the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Why a stream is opened again. */
export interface ReconnectInfo {
  /** The failure, or `undefined` when the server ended the stream. */
  readonly error: unknown;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** How many attempts in a row brought no response. */
  readonly failures: number;
}

/** Options of {@linkcode serverSentEvents}. */
export interface ServerSentEventsOptions extends ReadServerSentEventsOptions {
  /** What the request says besides: header fields, method, body. A body has to be replayable. */
  readonly init?: HttpFetchInit | undefined;
  /**
   * Milliseconds to wait before the stream is opened again, until the server names a time of its own.
   *
   * @default {3000}
   */
  readonly reconnectDelay?: number | undefined;
  /**
   * The longest wait in milliseconds; attempts in a row that bring no response double it up to here.
   *
   * @default {60000}
   */
  readonly maxReconnectDelay?: number | undefined;
  /**
   * How many attempts in a row may fail before the failure is thrown.
   *
   * @default {Infinity}
   */
  readonly maxFailures?: number | undefined;
  /** Called with every response that opens the stream. */
  readonly onOpen?: ((response: Response) => void) | undefined;
  /** Called before every wait. */
  readonly onReconnect?: ((info: ReconnectInfo) => void) | undefined;
}

/** Raised when the server answers with something that is no event stream; such a request is not repeated. */
export class EventStreamError extends Error {
  /** The response; its body is cancelled. */
  readonly response: Response;

  /** Makes an error; readers make them, users catch them. */
  constructor(message: string, response: Response) {
    super(message);
    this.response = response;
  }
}

brandError(EventStreamError, "EventStreamError");

/**
 * The events of a body, as they arrive. Ends where the body ends and throws what the body throws.
 *
 * @example Read a response
 * ```ts
 * import { readServerSentEvents } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response("event: greeting\ndata: hello\n\n");
 * for await (const event of readServerSentEvents(response)) {
 *   assertEquals(event, { type: "greeting", data: "hello", lastEventId: "" });
 * }
 * ```
 */
export async function* readServerSentEvents(
  source: BodySource,
  options: ReadServerSentEventsOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const parser = new EventStreamParser(checkOptions("read events", options));
  for await (const chunk of readChunks(source, options.signal)) yield* parser.push(chunk);
}

/**
 * Opens an event stream and keeps it open, as `EventSource` does: when it ends or breaks off, it is opened again after
 * the server's `retry` time with the `Last-Event-ID` received last. The iteration ends when the server answers 204,
 * throws an {@linkcode EventStreamError} for any other answer that is no event stream, and throws the signal's reason
 * when it is aborted. Leaving the loop closes the stream.
 *
 * @example A stream that ends with 204
 * ```ts
 * import { HttpSession, MockTransport, serverSentEvents } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * const answers = [
 *   new Response("retry: 1\nid: 7\ndata: first\n\n", { headers: { "content-type": "text/event-stream" } }),
 *   new Response(null, { status: 204 }),
 * ];
 * session.addFeature(new MockTransport(() => answers.shift() ?? null));
 * const data: string[] = [];
 * for await (const event of serverSentEvents(session, "http://example.org/")) data.push(event.data);
 * assertEquals(data, ["first"]);
 * ```
 */
export async function* serverSentEvents(
  session: Pick<FeatureSession, "fetch">,
  input: string | URL,
  options: ServerSentEventsOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  checkObject("open an event stream", session, "a session");
  checkFunction("open an event stream", session.fetch, "a session");
  let lastEventId = checkOptions("open an event stream", options, ["onOpen", "onReconnect"]).lastEventId ?? "";
  checkSignal("open an event stream", options.signal);
  let reconnectDelay = zeroOrMore("reconnectDelay", options.reconnectDelay ?? 3000, "ms");
  const maxReconnectDelay = zeroOrMore("maxReconnectDelay", options.maxReconnectDelay ?? 60_000, "ms");
  const maxFailures = wholeLimit("maxFailures", options.maxFailures ?? Infinity);
  let failures = 0;
  while (true) {
    let error: unknown = undefined;
    try {
      const response = await open(session, input, lastEventId, options);
      if (response === undefined) return;
      failures = 0;
      options.onOpen?.(response);
      const parser = new EventStreamParser({ ...options, lastEventId });
      try {
        for await (const chunk of readChunks(response, options.signal)) yield* parser.push(chunk);
      } finally {
        lastEventId = parser.lastEventId;
        reconnectDelay = parser.retry ?? reconnectDelay;
      }
    } catch (thrown) {
      options.signal?.throwIfAborted();
      // Fetch's network errors are TypeErrors; nothing else heals, and those of a session that is closed do not.
      if (!(thrown instanceof TypeError) || (session as { closed?: unknown }).closed === true) throw thrown;
      error = thrown;
      if (++failures > maxFailures) throw error;
    }
    const limit = Math.max(reconnectDelay, maxReconnectDelay);
    const delay = Math.min(limit, reconnectDelay * 2 ** Math.max(0, failures - 1));
    options.onReconnect?.({ error, delay, failures });
    await wait(delay, options.signal);
  }
}

/** One attempt; `undefined` when the server wants no further one. */
async function open(
  session: Pick<FeatureSession, "fetch">,
  input: string | URL,
  lastEventId: string,
  options: ServerSentEventsOptions,
): Promise<Response | undefined> {
  const headers = callersHeaders(options.init?.headers ?? {});
  if (!headers.has("accept")) headers.set("accept", "text/event-stream");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  if (lastEventId !== "") headers.set("last-event-id", toByteString(lastEventId));
  const init: HttpFetchInit = { ...options.init, headers };
  if (options.signal) init.signal = options.signal;
  const response = await session.fetch(input, init);
  if (response.status === 204) return undefined;
  const type = parseMediaType(response.headers.get("content-type") ?? "")?.essence;
  if (response.status === 200 && type === "text/event-stream") return response;
  await response.body?.cancel();
  const what = response.status === 200 ? `the type is ${type ?? "missing"}` : `the status is ${response.status}`;
  throw new EventStreamError(`Cannot read events from ${new URL(input).origin}: ${what}`, response);
}

/** The field carries the id in UTF-8, one character per byte. */
function toByteString(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
