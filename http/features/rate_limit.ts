/** The feature that keeps requests below a rate. */

import { checkOptions } from "../../internal/expected.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { HttpMessage } from "../message/message.ts";
import { parseRateLimit } from "../protocol/rate_limit_fields.ts";
import { parseRetryAfter } from "../protocol/retry_after.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { isBlocking } from "../contract/blocking.ts";
import { moreThanZero, zeroOrMore } from "../../internal/time_limits.ts";
import { wait, waitFor } from "../contract/wait.ts";

/** Options of {@linkcode RateLimit}. */
export interface RateLimitOptions {
  /**
   * Requests to one origin in every interval; `Infinity` leaves the rate to the server.
   *
   * @default {Infinity}
   */
  readonly requests?: number | undefined;
  /**
   * The interval in milliseconds.
   *
   * @default {1000}
   */
  readonly interval?: number | undefined;
  /** Requests that may follow each other at once after a pause. Left out, as many as `requests`. */
  readonly burst?: number | undefined;
  /**
   * Whether the origin's own limits are kept: Retry-After with a 429 or 503, and `RateLimit` fields that say that
   * nothing remains.
   *
   * @default {true}
   */
  readonly obeyServer?: boolean | undefined;
  /**
   * The longest time in milliseconds a server can hold requests back; what it asks beyond is cut.
   *
   * @default {60000}
   */
  readonly maxHold?: number | undefined;
  /** Names what shares a limit; the origin of the URI unless given. */
  readonly keyOf?: ((msg: HttpMessage) => string) | undefined;
}

/** The tokens of one origin. */
interface Bucket {
  /** Tokens at {@linkcode Bucket.time}; negative when requests wait that were promised one. */
  tokens: number;
  time: number;
  /** Nothing is sent before this moment. */
  heldUntil: number;
}

/** Origins that are remembered; those without traffic are full again and need no record. */
const MAX_BUCKETS = 1000;

/**
 * Holds requests back so that no origin gets more than a rate of them: a token bucket per origin, filled at a constant
 * rate. It also keeps the limits servers announce. Requests wait in the order they came, without a connection; every
 * attempt counts, redirects and retries included. A message that is cancelled while it waits gives its turn back.
 *
 * @example Ten requests a second, five at once
 * ```ts
 * import { HttpSession, MockTransport, RateLimit } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * session.addFeature(new RateLimit({ requests: 10, interval: 1000, burst: 5 }));
 * session.addFeature(new MockTransport(() => new Response("hello")));
 * assertEquals((await session.fetch("http://example.org/")).status, 200);
 * ```
 */
export class RateLimit implements SessionFeature {
  #rate: number;
  #burst: number;
  #obeyServer: boolean;
  #maxHold: number;
  #keyOf: (msg: HttpMessage) => string;
  #buckets = new Map<string, Bucket>();
  #waiting = new WeakMap<HttpMessage, AbortController>();

  /**
   * Makes the feature.
   *
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: RateLimitOptions = {}) {
    checkOptions("make a RateLimit", options);
    const requests = moreThanZero("requests", options.requests ?? Infinity);
    const interval = moreThanZero("interval", options.interval ?? 1000, "ms");
    this.#rate = requests === Infinity ? requests : requests / interval;
    this.#burst = zeroOrMore("burst", options.burst ?? Math.max(1, requests));
    if (this.#burst < 1) throw new RangeError(`Cannot set burst to ${this.#burst}: it must be 1 or more`);
    this.#obeyServer = options.obeyServer ?? true;
    this.#maxHold = zeroOrMore("maxHold", options.maxHold ?? 60_000, "ms");
    this.#keyOf = options.keyOf?.bind(options) ?? originOf;
  }

  /** Origins (or keys) with a limit in use. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Waits for a token. Called by the session. */
  requestStarting(_session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const key = this.#keyOf(msg);
    const bucket = this.#bucket(key);
    if (bucket === undefined) return;
    const now = performance.now();
    this.#fill(bucket, now);
    bucket.tokens--;
    const forToken = bucket.tokens >= 0 ? 0 : -bucket.tokens / this.#rate;
    const delay = Math.max(forToken, bucket.heldUntil - now);
    if (delay <= 0) return;
    if (!isBlocking(msg)) return this.#hold(msg, bucket, delay);
    waitFor(msg, delay, new AbortController().signal);
  }

  /** Reads the server's limits. Called by the session. */
  gotHeaders(_session: FeatureSession, msg: HttpMessage): void {
    if (!this.#obeyServer) return;
    const hold = holdOf(msg);
    if (hold <= 0) return;
    const bucket = this.#bucket(this.#keyOf(msg), true)!;
    bucket.heldUntil = Math.max(bucket.heldUntil, performance.now() + Math.min(hold, this.#maxHold));
  }

  /** Ends the wait of a message. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#waiting.get(msg)?.abort();
  }

  async #hold(msg: HttpMessage, bucket: Bucket, firstDelay: number): Promise<void> {
    const controller = new AbortController();
    this.#waiting.set(msg, controller);
    try {
      let delay = firstDelay;
      // The server may ask for more while a message waits.
      for (; delay > 0; delay = bucket.heldUntil - performance.now()) await wait(delay, controller.signal);
    } catch {
      bucket.tokens++; // The message has left the queue unsent.
    } finally {
      this.#waiting.delete(msg);
    }
  }

  #bucket(key: string, isNeeded = false): Bucket | undefined {
    const known = this.#buckets.get(key);
    if (known !== undefined || (this.#rate === Infinity && !isNeeded)) return known;
    if (this.#buckets.size >= MAX_BUCKETS) this.#forgetFull();
    const bucket = { tokens: this.#burst, time: performance.now(), heldUntil: 0 };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #fill(bucket: Bucket, now: number): void {
    if (this.#rate === Infinity) bucket.tokens = Infinity;
    else bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.time) * this.#rate);
    bucket.time = now;
  }

  #forgetFull(): void {
    const now = performance.now();
    for (const [key, bucket] of this.#buckets) {
      this.#fill(bucket, now);
      if (bucket.tokens >= this.#burst && bucket.heldUntil <= now) this.#buckets.delete(key);
    }
  }
}

function originOf(msg: HttpMessage): string {
  return `${msg.uri.protocol}//${msg.uri.host}`;
}

/** Milliseconds the server wants nothing to be sent; 0 when it does not say so. */
function holdOf(msg: HttpMessage): number {
  const headers = msg.responseHeaders;
  if (msg.statusCode === 429 || msg.statusCode === 503) {
    const field = headers.get("retry-after");
    const retryAfter = field === null ? undefined : parseRetryAfter(field);
    if (retryAfter !== undefined) return retryAfter;
  }
  const limit = parseRateLimit(headers);
  return limit?.remaining === 0 ? limit.resetAfter ?? 0 : 0;
}
