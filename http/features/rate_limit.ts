/** The feature that keeps requests below a rate. */

import { TypedEventTarget } from "../../internal/events.ts";
import {
  checkMethods,
  checkOwnOptions,
  moreThanZero,
  type OptionNames,
  wholeLimit,
  zeroOrMore,
} from "../../internal/expected.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { StoreErrorEvent, type StoreEvents, StoreUse, type WhenUnreachable } from "../contract/shared_store.ts";
import type { HttpMessage } from "../message/message.ts";
import { parseRateLimit, parseRetryAfter } from "../protocol/retry_times.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { isBlocking, wait, waitFor } from "../contract/blocking.ts";
import { reportUncaught } from "../../internal/report_error.ts";

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
  /** Requests that may follow each other at once after a pause: a whole number. Left out, as many as `requests`. */
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
  /** What counts the requests of several processes together. @default {null} */
  readonly store?: RateLimitStore | null | undefined;
}

const optionNames: OptionNames<RateLimitOptions> = {
  requests: true,
  interval: true,
  burst: true,
  obeyServer: true,
  maxHold: true,
  keyOf: true,
  store: true,
};

/** A rate, as stores count by it: tokens that come back at a constant rate, and how many there are at most. */
export interface TokenRate {
  /** Tokens in a millisecond; `Infinity` where the server's own limits alone count. */
  readonly perMillisecond: number;
  /** Most tokens at a time. */
  readonly burst: number;
}

/** Counts the requests of several processes together. */
export interface RateLimitStore {
  /** What becomes of a message while the store cannot be reached. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
  /** Takes a token, which may be one that is yet to come: the milliseconds until the request may be sent. */
  take(key: string, rate: TokenRate): Promise<number>;
  /** Gives a token back that was not used. */
  giveBack(key: string, rate: TokenRate): Promise<void>;
  /** Lets nothing be sent for so many milliseconds. */
  hold(key: string, milliseconds: number): Promise<void>;
  /** For how many milliseconds nothing may be sent. */
  held(key: string): Promise<number>;
  /** Frees what the store holds open. */
  close?(): void | Promise<void>;
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
 * attempt counts, redirects and retries included. A message that is cancelled while it waits gives its turn back. With a
 * store several processes keep to the limit together, within one burst; synchronous sends cannot wait for one, and are
 * refused.
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
export class RateLimit extends TypedEventTarget<StoreEvents> implements SessionFeature {
  /** The store, where others count, too. */
  readonly #shared: StoreUse<RateLimitStore> | null;
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
   * @throws {TypeError} For a store that is none of rate limits.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: RateLimitOptions = {}) {
    super();
    checkOwnOptions("make a RateLimit", options, optionNames, ["keyOf"]);
    const requests = moreThanZero("requests", options.requests ?? Infinity);
    const interval = moreThanZero("interval", options.interval ?? 1000, "ms");
    this.#rate = requests === Infinity ? requests : requests / interval;
    this.#burst = wholeLimit("burst", options.burst ?? Math.max(1, Math.floor(requests)), 1);
    this.#obeyServer = options.obeyServer ?? true;
    this.#maxHold = zeroOrMore("maxHold", options.maxHold ?? 60_000, "ms");
    this.#keyOf = options.keyOf?.bind(options) ?? originOf;
    const methods = ["take", "giveBack", "hold", "held"];
    const store = options.store
      ? checkMethods("make a RateLimit", options.store, "a store of rate limits", methods)
      : null;
    const failed = (error: unknown) => void this.dispatchEvent(new StoreErrorEvent(error));
    this.#shared = store && new StoreUse(store, "the store of its rate limit", failed);
  }

  /** Synchronous sends cannot wait for a store. */
  get answersLater(): string | undefined {
    return this.#shared === null ? undefined : "the store of a rate limit";
  }

  /** Origins (or keys) with a limit in use. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Waits for a token. Called by the session. */
  requestStarting(_session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const key = this.#keyOf(msg);
    if (this.#shared !== null) return this.#waitForShared(msg, key, this.#shared);
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
  gotHeaders(_session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    if (!this.#obeyServer) return;
    const hold = holdOf(msg);
    if (hold <= 0) return;
    const shared = this.#shared;
    if (shared !== null) {
      return shared.tried(() => shared.store.hold(this.#keyOf(msg), Math.min(hold, this.#maxHold)));
    }
    const bucket = this.#bucket(this.#keyOf(msg), true)!;
    bucket.heldUntil = Math.max(bucket.heldUntil, performance.now() + Math.min(hold, this.#maxHold));
  }

  /** Ends the wait of a message. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#waiting.get(msg)?.abort();
  }

  /** Frees what the store holds open. */
  async close(): Promise<void> {
    await this.#shared?.store.close?.();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Same as `close`, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }

  async #waitForShared(msg: HttpMessage, key: string, shared: StoreUse<RateLimitStore>): Promise<void> {
    const { store } = shared;
    const rate = { perMillisecond: this.#rate, burst: this.#burst };
    const controller = new AbortController();
    this.#waiting.set(msg, controller);
    try {
      let delay = await shared.forMessage(shared.told(() => store.take(key, rate)), "connect") ?? 0;
      // The server may ask any of the processes for more while a message waits.
      for (; delay > 0; delay = await shared.tried(() => store.held(key)) ?? 0) await wait(delay, controller.signal);
      controller.signal.throwIfAborted();
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      await shared.tried(() => store.giveBack(key, rate)); // The message has left the queue unsent.
    } finally {
      this.#waiting.delete(msg);
    }
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
