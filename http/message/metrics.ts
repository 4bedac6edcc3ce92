/**
 * Times and sizes of one message.
 *
 * @module
 */

/** Times are `performance.now()` milliseconds and never decrease within an attempt; 0 means it has not happened. */
export class MessageMetrics {
  /** Put on the queue. */
  queued = 0;
  /** Handed to the transport, in the last attempt. */
  started = 0;
  /** The response's header section was there, in the last attempt. */
  firstByte = 0;
  /** The response was complete or had failed, in the last attempt. */
  finished = 0;
  /** Attempts begun. */
  attempts = 0;
  /** Body bytes sent in the last attempt. */
  requestBodyBytes = 0;
  /** Body bytes received in the last attempt, before content decoding. */
  responseBodyBytes = 0;
  /** Bytes of the response's header section in the last attempt, reckoned from its fields. */
  responseHeaderBytes = 0;

  /** Milliseconds between queueing and hand-over: time spent waiting for a connection. */
  get waiting(): number {
    return this.started === 0 ? 0 : this.started - this.queued;
  }

  /** Milliseconds between hand-over and end of the last attempt. */
  get duration(): number {
    return this.finished === 0 ? 0 : this.finished - this.started;
  }
}
