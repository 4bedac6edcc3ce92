/**
 * Times and sizes of one message.
 *
 * @module
 */

import { sectionSize } from "../protocol/headers.ts";

let makeMetrics: () => MessageMetrics;

/** Notes a header section: its fields, which are counted when somebody asks, or their size. */
export let noteHeaderSection: (metrics: MessageMetrics, section: Headers | number) => void;

/** Times are `performance.now()` milliseconds and never decrease within an attempt; 0 means it has not happened. */
export class MessageMetrics {
  static {
    makeMetrics = () => new MessageMetrics();
    noteHeaderSection = (metrics, section) => metrics.#headerSection = section;
  }

  /** Put on the queue. */
  readonly queued: number = 0;
  /** Handed to the transport, in the last attempt. */
  readonly started: number = 0;
  /** The response's header section was there, in the last attempt. */
  readonly firstByte: number = 0;
  /** The response was complete or had failed, in the last attempt. */
  readonly finished: number = 0;
  /** Attempts begun. */
  readonly attempts: number = 0;
  /** Body bytes sent in the last attempt. */
  readonly requestBodyBytes: number = 0;
  /** Body bytes received in the last attempt, before content decoding. */
  readonly responseBodyBytes: number = 0;
  #headerSection: Headers | number = 0;

  private constructor() {}

  /** Bytes of the response's header section in the last attempt, reckoned from its fields. */
  get responseHeaderBytes(): number {
    const section = this.#headerSection;
    return typeof section === "number" ? section : this.#headerSection = sectionSize(section);
  }

  /** Milliseconds between queueing and hand-over: time spent waiting for a connection. */
  get waiting(): number {
    return this.started === 0 ? 0 : this.started - this.queued;
  }

  /** Milliseconds between hand-over and end of the last attempt. */
  get duration(): number {
    return this.finished === 0 ? 0 : this.finished - this.started;
  }
}

/** The metrics of a new message. */
export function newMetrics(): MessageMetrics {
  return makeMetrics();
}
