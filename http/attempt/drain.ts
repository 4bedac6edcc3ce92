/**
 * Bodies that stand between one attempt and the next: of redirects, and of refusals that are answered. They are read to
 * keep their connection, within bounds: a server must not hold up the answer to what it has asked for.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type { Attempt } from "./attempt.ts";
import { contentLength } from "../protocol/headers.ts";
import { discard, readBody, smallBody } from "./response_body.ts";
import type { TransportResponse } from "../transports/transport.ts";

/** Milliseconds a body may take. */
const longest = 1000;

/** Bounds of one body: its bytes, on the wire and decoded, and its time. */
export class DrainLimit {
  /** True once the rest is not wanted any more. */
  isExceeded = false;
  #taken = 0;
  #giveUp: () => void = () => {};
  readonly #timer: ReturnType<typeof builtin.timers.setTimeout> = builtin.timers.setTimeout(() => {
    this.isExceeded = true;
    this.#giveUp();
  }, longest);

  /** What ends the reading when it takes too long. */
  onExceeded(giveUp: () => void): void {
    this.#giveUp = giveUp;
  }

  /** Counts a piece; false when it is too much. */
  takes(length: number, onWire = 0): boolean {
    this.#taken += length;
    if (Math.max(this.#taken, onWire) > smallBody) this.isExceeded = true;
    return !this.isExceeded;
  }

  /** The body is over. */
  end(): void {
    builtin.timers.clearTimeout(this.#timer);
  }
}

/** Reads a body into its message; false when it was given up, or the attempt was over before. */
export function readWithin(attempt: Attempt, response: TransportResponse): Promise<boolean> {
  return within(response, (limit) => readBody(attempt, response, limit));
}

/** Reads a body nobody is to see; false when it was given up. */
export function drain(response: TransportResponse): Promise<boolean> {
  return within(response, async (limit) => {
    if (response.body === null) return true;
    const reader = response.body.getReader();
    const giveUp = (): void => void reader.cancel().catch(() => {});
    limit.onExceeded(giveUp);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return !limit.isExceeded;
      if (limit.takes(value.byteLength)) continue;
      giveUp();
      return false;
    }
  });
}

async function within(
  response: TransportResponse,
  read: (limit: DrainLimit) => Promise<boolean>,
): Promise<boolean> {
  if ((contentLength(response.headers) ?? 0) > smallBody) {
    discard(response);
    return false;
  }
  const limit = new DrainLimit();
  try {
    return await read(limit);
  } finally {
    limit.end();
  }
}
