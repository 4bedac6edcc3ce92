/**
 * How long a request may take.
 *
 * @module
 */
import { checkOptions } from "../../internal/expected.ts";
import { milliseconds } from "../../internal/time_limits.ts";

/** Limits of time in milliseconds. 0 and Infinity set no limit. */
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

/**
 * Checks limits; those that are left out stay so.
 *
 * @throws {RangeError} If a limit is negative or NaN.
 * @throws {TypeError} If a limit is no number.
 */
export function timeLimitsOf(action: string, options: TimeoutsOptions): TimeoutsOptions {
  const { connect, idle, total } = checkOptions(action, options);
  return Object.freeze({
    ...(connect === undefined ? {} : { connect: milliseconds("the connect timeout", connect) }),
    ...(idle === undefined ? {} : { idle: milliseconds("the idle timeout", idle) }),
    ...(total === undefined ? {} : { total: milliseconds("the total timeout", total) }),
  });
}
