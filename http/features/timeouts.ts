/** The feature that limits how long requests may take. */

import { checkOwnOptions } from "../../internal/expected.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { timeLimitsOf, timeoutNames, type TimeoutsOptions } from "../message/own_settings.ts";

/**
 * Limits how long requests may take: making a connection, a pause without progress, everything together. A message that
 * takes too long ends with the status `IO_ERROR` and a `TimeoutError`; with `session.fetch` that is the `cause` of an
 * `HttpError` of the same name. Messages with a `timeout` of their own keep it in place of `idle`, and those with
 * `timeouts` each limit that they have.
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

  /**
   * Makes the feature.
   *
   * @throws {RangeError} If a limit is negative or NaN.
   * @throws {TypeError} If a limit is no number.
   */
  constructor(options: TimeoutsOptions = {}) {
    const { connect = 0, idle = 0, total = 0 } = timeLimitsOf(
      "make Timeouts",
      checkOwnOptions("make Timeouts", options, timeoutNames),
    );
    this.connect = connect;
    this.idle = idle;
    this.total = total;
  }

  /** Limits a message. Called by the session, which keeps the limits. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    const { connect, idle, total } = this;
    if (idle > 0 && msg.timeouts?.idle === undefined && msg.timeout === null) msg.timeout = idle / 1000;
    messageState(msg).item?.limitTime({ connect, total });
  }
}
