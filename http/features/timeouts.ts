/** The feature that limits how long requests may take. */

import { brandClass } from "../../internal/error_brand.ts";
import { checkOptions } from "../../internal/expected.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { HttpMessage } from "../message/message.ts";
import type { NetworkEvent } from "../message/message_events.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { HttpStatus } from "../protocol/status.ts";
import { milliseconds } from "../../internal/time_limits.ts";

/** Options of {@linkcode Timeouts}, in milliseconds. 0 and Infinity set no limit. */
export interface TimeoutsOptions {
  /**
   * For making one connection: name look-up, TCP, proxy tunnel and TLS. Only a transport that sees these steps can
   * honour it, so such messages go over `node:http`'s sockets; where that is excluded they fail with
   * `NotSupportedError`.
   *
   * @default {0}
   */
  readonly connect?: number | undefined;
  /**
   * For every pause without progress in one attempt, from the moment the request is sent.
   *
   * @default {0}
   */
  readonly idle?: number | undefined;
  /**
   * For the message as a whole, from queueing to the end of the body: waiting, redirects, authentication and retries
   * included.
   *
   * @default {0}
   */
  readonly total?: number | undefined;
}

/** Which limit a message has exceeded. */
export type TimeoutKind = "connect" | "total";

/** What a message that took too long ends with: a `TimeoutError`, as `AbortSignal.timeout` gives. */
export class RequestTimeoutError extends DOMException {
  /** Which limit was exceeded. */
  readonly kind: TimeoutKind;
  /** The limit in milliseconds. */
  readonly limit: number;

  /** Makes an error; sessions make them, users catch them. */
  constructor(kind: TimeoutKind, limit: number, uri: URL) {
    const what = kind === "connect" ? `connect to ${uri.host}` : `finish the request to ${uri.host}`;
    super(`Cannot ${what}: more than ${limit} ms have passed`, "TimeoutError");
    this.kind = kind;
    this.limit = limit;
  }
}

brandClass(RequestTimeoutError, "RequestTimeoutError");

/** The timers of a message. */
interface Watch {
  total: ReturnType<typeof setTimeout> | undefined;
  connect: ReturnType<typeof setTimeout> | undefined;
  readonly listener: AbortController | undefined;
}

/**
 * Limits how long requests may take: making a connection, a pause without progress, everything together. A message that
 * takes too long ends with the status `IO_ERROR` and a `TimeoutError`; with `session.fetch` that is the `cause` of an
 * `HttpError` of the same name. Messages with a `timeout` of their own keep it in place of `idle`.
 *
 * @example Two seconds for everything
 * ```ts
 * import { HttpSession, MockTransport, Timeouts } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * session.addFeature(new Timeouts({ total: 2000 }));
 * session.addFeature(new MockTransport(() => new Response("in time")));
 * assertEquals(await (await session.fetch("http://example.org/")).text(), "in time");
 * ```
 */
export class Timeouts implements SessionFeature {
  /** Limit for making a connection in milliseconds; 0 for none. */
  readonly connect: number;
  /** Limit for a pause in milliseconds; 0 for none. */
  readonly idle: number;
  /** Limit for everything in milliseconds; 0 for none. */
  readonly total: number;
  #watches = new WeakMap<HttpMessage, Watch>();

  /**
   * Makes the feature.
   *
   * @throws {RangeError} If a limit is negative or NaN.
   * @throws {TypeError} If a limit is no number.
   */
  constructor(options: TimeoutsOptions = {}) {
    checkOptions("make Timeouts", options);
    this.connect = milliseconds("the connect timeout", options.connect ?? 0);
    this.idle = milliseconds("the idle timeout", options.idle ?? 0);
    this.total = milliseconds("the total timeout", options.total ?? 0);
  }

  /** Begins to watch a message. Called by the session. */
  requestQueued(session: FeatureSession, msg: HttpMessage): void {
    if (this.idle > 0 && msg.timeout === null) msg.timeout = this.idle / 1000;
    if (this.total === 0 && this.connect === 0) return;
    const watch: Watch = {
      total: undefined,
      connect: undefined,
      listener: this.connect === 0 ? undefined : new AbortController(),
    };
    this.#watches.set(msg, watch);
    if (this.total > 0) watch.total = setTimeout(() => this.#expire(session, msg, "total", this.total), this.total);
    if (watch.listener === undefined) return;
    if (!msg.requires.includes("connectionEvents")) msg.requires = [...msg.requires, "connectionEvents"];
    const { signal } = watch.listener;
    msg.addEventListener("network-event", (event) => this.#onNetworkEvent(session, msg, watch, event), { signal });
  }

  /** Ends the watch. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    const watch = this.#watches.get(msg);
    if (watch === undefined) return;
    this.#watches.delete(msg);
    clearTimeout(watch.total);
    clearTimeout(watch.connect);
    watch.listener?.abort();
  }

  #onNetworkEvent(session: FeatureSession, msg: HttpMessage, watch: Watch, { event }: NetworkEvent): void {
    if (event === "complete") {
      clearTimeout(watch.connect);
      watch.connect = undefined;
    } else {
      watch.connect ??= setTimeout(() => this.#expire(session, msg, "connect", this.connect), this.connect);
    }
  }

  #expire(session: FeatureSession, msg: HttpMessage, kind: TimeoutKind, time: number): void {
    const error = new RequestTimeoutError(kind, time, msg.uri);
    session.cancelMessage(msg, HttpStatus.IO_ERROR, { error, reason: error.message });
  }
}
