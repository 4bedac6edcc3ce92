/** The feature that sends failed requests again. */

import {
  checkIterable,
  checkOwnOptions,
  MAX_TIMER,
  type OptionNames,
  wholeLimit,
  wholeNumber,
  zeroOrMore,
} from "../../internal/expected.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { NOT_SIGNED } from "../errors.ts";
import { contentLength } from "../protocol/headers.ts";
import { type HttpMessage, MessageFlags, messageState } from "../message/message.ts";
import { parseRetryAfter } from "../protocol/retry_times.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { HttpStatus } from "../protocol/status.ts";
import { waitFor } from "../contract/blocking.ts";

/** How many retries a session may afford. */
export interface RetryBudgetOptions {
  /**
   * Retries that may be made at once; each takes one from the budget.
   *
   * @default {100}
   */
  readonly capacity?: number | undefined;
  /**
   * What every first attempt adds to the budget, up to its capacity: 0.1 allows one retry for ten requests.
   *
   * @default {0.1}
   */
  readonly ratio?: number | undefined;
}

const budgetNames: OptionNames<RetryBudgetOptions> = { capacity: true, ratio: true };

/** A retry that is about to be made. */
export interface RetryInfo {
  /** The message. */
  readonly msg: HttpMessage;
  /** The number of the retry, from 1. */
  readonly retry: number;
  /** Milliseconds until it is made. */
  readonly delay: number;
  /** The status that is the reason: the server's, or a transport status below 100. */
  readonly status: number;
}

/** Options of {@linkcode Retry}. */
export interface RetryOptions {
  /**
   * How often a message is sent again at most.
   *
   * @default {2}
   */
  readonly limit?: number | undefined;
  /**
   * The longest wait before the first retry, in milliseconds; every further one doubles it.
   *
   * @default {300}
   */
  readonly baseDelay?: number | undefined;
  /**
   * The longest wait, in milliseconds. A server that asks for more with Retry-After is not asked again.
   *
   * @default {30000}
   */
  readonly maxDelay?: number | undefined;
  /**
   * Which part of a wait is left to chance: `true` or 1 all of it (full jitter), `false` or 0 nothing. The wait a server
   * asks for is never shortened.
   *
   * @default {true}
   */
  readonly jitter?: boolean | number | undefined;
  /**
   * The methods that may be sent again. Messages with the flag `IDEMPOTENT` may be besides.
   *
   * @default {["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PROPFIND", "QUERY"]}
   */
  readonly methods?: readonly string[] | ReadonlySet<string> | undefined;
  /**
   * The statuses that are worth another attempt: of responses, and of transports (below 100).
   *
   * @default {[408, 425, 429, 500, 502, 503, 504, 2, 3, 4, 5, 7]}
   */
  readonly statuses?: readonly number[] | ReadonlySet<number> | undefined;
  /**
   * What the retries of all messages together may cost; `false` sets no limit. It keeps a session from multiplying the
   * load of a server that is down.
   *
   * @default {{}}
   */
  readonly budget?: RetryBudgetOptions | false | undefined;
  /** Called before every wait. */
  readonly onRetry?: ((info: RetryInfo) => void) | undefined;
}

const optionNames: OptionNames<RetryOptions> = {
  limit: true,
  baseDelay: true,
  maxDelay: true,
  jitter: true,
  methods: true,
  statuses: true,
  budget: true,
  onRetry: true,
};

const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PROPFIND", "QUERY"];
const STATUSES = [
  HttpStatus.REQUEST_TIMEOUT,
  425,
  429,
  HttpStatus.INTERNAL_SERVER_ERROR,
  HttpStatus.BAD_GATEWAY,
  HttpStatus.SERVICE_UNAVAILABLE,
  HttpStatus.GATEWAY_TIMEOUT,
  HttpStatus.CANT_RESOLVE,
  HttpStatus.CANT_RESOLVE_PROXY,
  HttpStatus.CANT_CONNECT,
  HttpStatus.CANT_CONNECT_PROXY,
  HttpStatus.IO_ERROR,
];
/** A body up to this size is cheaper to read than a new connection is to make. */
const SMALL_BODY = 65_536;

/** The retries of a message. */
interface RetryState {
  retries: number;
  /** The wait in front of the attempt that begins next. */
  delay: number;
  readonly controller: AbortController;
}

/**
 * Sends requests again that failed for a reason that may pass: after a wait that doubles with every attempt and is left
 * to chance (exponential back-off with full jitter), or after the one the server asks for in Retry-After. Only methods
 * that may be repeated are, only bodies that can be sent again (no one-shot streams), and only within a budget all
 * messages share. What is left after the last attempt is the message's result, as it would be without this feature.
 *
 * @example Answer on the second attempt
 * ```ts
 * import { HttpSession, MockTransport, Retry } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * const answers = [new Response("busy", { status: 503 }), new Response("hello")];
 * session.addFeature(new Retry({ baseDelay: 1 }));
 * session.addFeature(new MockTransport(() => answers.shift() ?? null));
 * assertEquals(await (await session.fetch("http://example.org/")).text(), "hello");
 * ```
 */
export class Retry implements SessionFeature {
  #limit: number;
  #baseDelay: number;
  #maxDelay: number;
  #jitter: number;
  #methods: ReadonlySet<string>;
  #statuses: ReadonlySet<number>;
  #capacity: number;
  #ratio: number;
  #budget: number;
  #onRetry: ((info: RetryInfo) => void) | undefined;
  #states = new WeakMap<HttpMessage, RetryState>();

  /**
   * Makes the feature.
   *
   * @throws {RangeError} If a number is out of its range.
   * @throws {TypeError} If something else stands for a number.
   */
  constructor(options: RetryOptions = {}) {
    checkOwnOptions("make a Retry", options, optionNames, ["onRetry"]);
    this.#limit = wholeLimit("limit", options.limit ?? 2);
    this.#baseDelay = zeroOrMore("baseDelay", options.baseDelay ?? 300, "ms");
    this.#maxDelay = zeroOrMore("maxDelay", options.maxDelay ?? 30_000, "ms");
    const { jitter = true } = options;
    this.#jitter = zeroOrMore("jitter", typeof jitter === "boolean" ? Number(jitter) : jitter);
    if (this.#jitter > 1) {
      throw new RangeError(`Cannot set jitter to ${this.#jitter}: it must be 0 to 1`);
    }
    const { methods = METHODS, statuses = STATUSES } = options;
    checkIterable("retry", methods, "a list of methods");
    checkIterable("retry", statuses, "a list of statuses");
    this.#methods = new Set([...methods].map((method) => method.toUpperCase()));
    this.#statuses = new Set([...statuses].map((status) => wholeNumber("a status of statuses", status, 1, 999)));
    const budget = options.budget ?? {};
    if (budget !== false) checkOwnOptions("make the budget of a Retry", budget, budgetNames);
    this.#capacity = budget === false ? Infinity : wholeLimit("budget.capacity", budget.capacity ?? 100);
    this.#ratio = budget === false ? 0 : zeroOrMore("budget.ratio", budget.ratio ?? 0.1);
    this.#budget = this.#capacity;
    this.#onRetry = options.onRetry?.bind(options);
  }

  /** Retries that may be made at once at present. */
  get budget(): number {
    return this.#budget;
  }

  /** How often a message on the queue has been sent again. */
  retries(msg: HttpMessage): number {
    return this.#states.get(msg)?.retries ?? 0;
  }

  /** Adds to the budget. Called by the session. */
  requestQueued(): void {
    this.#budget = Math.min(this.#capacity, this.#budget + this.#ratio);
  }

  /** Waits in front of a retry. Called by the session. */
  requestStarting(_session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const state = this.#states.get(msg);
    if (state === undefined || state.delay === 0) return;
    const { delay } = state;
    state.delay = 0;
    // A message that leaves the queue meanwhile needs no further attempt, and its timer must not stay behind.
    return waitFor(msg, delay, state.controller.signal)?.catch(() => {});
  }

  /** Decides about a response. Called by the session. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void {
    // No server was asked: a cache would say the same again.
    if (messageState(msg).answeredBy !== "server") return;
    if (!this.#statuses.has(msg.statusCode) || !this.#mayRepeat(msg)) return;
    const retryAfter = msg.responseHeaders.get("retry-after");
    const asked = retryAfter === null ? undefined : parseRetryAfter(retryAfter);
    if (asked !== undefined && asked > this.#maxDelay) return;
    if (!this.#prepare(msg, asked ?? 0)) return;
    const length = contentLength(msg.responseHeaders);
    const isSmall = length !== null && length <= SMALL_BODY;
    session.requeueMessage(msg, isSmall ? { after: "body" } : {});
  }

  /** Decides about a transport failure. Called by the session. */
  attemptEnded(session: FeatureSession, msg: HttpMessage): void {
    if (msg.statusCode >= 100 || !this.#statuses.has(msg.statusCode) || !this.#mayRepeat(msg)) return;
    if (this.#prepare(msg, 0)) session.requeueMessage(msg);
  }

  /** Forgets the message. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#states.get(msg)?.controller.abort();
    this.#states.delete(msg);
  }

  #mayRepeat(msg: HttpMessage): boolean {
    if (!this.#methods.has(msg.method.toUpperCase()) && !msg.hasFlag(MessageFlags.IDEMPOTENT)) return false;
    return !(msg.requestBody instanceof ReadableStream) && messageState(msg).errorCode !== NOT_SIGNED;
  }

  /** Takes a retry from limit and budget and sets its wait; false when there is none left. */
  #prepare(msg: HttpMessage, atLeast: number): boolean {
    const state = this.#states.get(msg) ?? { retries: 0, delay: 0, controller: new AbortController() };
    if (state.retries >= this.#limit || this.#budget < 1) return false;
    this.#budget--;
    const whole = Math.min(this.#maxDelay, this.#baseDelay * 2 ** state.retries);
    const delay = whole * (1 - this.#jitter * Math.random());
    state.retries++;
    state.delay = Math.min(MAX_TIMER, Math.max(atLeast, delay));
    this.#states.set(msg, state);
    this.#onRetry?.({ msg, retry: state.retries, delay: state.delay, status: msg.statusCode });
    return true;
  }
}
