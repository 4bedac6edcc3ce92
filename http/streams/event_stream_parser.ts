/** The event stream format (HTML standard §9.2.5 and §9.2.6). */

import { checkBytes, checkOptions } from "../../internal/expected.ts";
import { wholeLimit } from "../../internal/time_limits.ts";
import { LineSplitter, RecordTooLongError, StreamingTextDecoder } from "./source.ts";

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
