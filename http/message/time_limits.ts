/**
 * How long a request may take.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../internal/expected.ts";
import { milliseconds, seconds } from "../../internal/time_limits.ts";

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

/** The options of Timeouts. */
export const timeoutNames: OptionNames<TimeoutsOptions> = { connect: true, idle: true, total: true };

/** The limits of {@linkcode TimeoutsOptions} for one message, in seconds as all times of messages. 0 and Infinity set none. */
export interface MessageTimeouts {
  /** For making one connection. */
  readonly connect?: number | undefined;
  /** For every pause without progress in one attempt. */
  readonly idle?: number | undefined;
  /** For the message as a whole. */
  readonly total?: number | undefined;
}

type Limits = { readonly connect?: number; readonly idle?: number; readonly total?: number };

function checked(action: string, options: TimeoutsOptions, check: (name: string, value: unknown) => number): Limits {
  const { connect, idle, total } = checkOptions(action, options);
  return Object.freeze({
    ...(connect === undefined ? {} : { connect: check("the connect timeout", connect) }),
    ...(idle === undefined ? {} : { idle: check("the idle timeout", idle) }),
    ...(total === undefined ? {} : { total: check("the total timeout", total) }),
  });
}

/**
 * Checks limits in milliseconds; those that are left out stay so.
 *
 * @throws {RangeError} If a limit is negative or NaN.
 * @throws {TypeError} If a limit is no number.
 */
export function timeLimitsOf(action: string, options: TimeoutsOptions): TimeoutsOptions {
  return checked(action, options, milliseconds);
}

/** As `timeLimitsOf`, for those of a message, in seconds. */
export function messageTimeoutsOf(action: string, options: MessageTimeouts): MessageTimeouts {
  return checked(action, options, seconds);
}

/** The limits of a message in milliseconds. */
export function inMilliseconds({ connect, idle, total }: MessageTimeouts): Limits {
  return {
    ...(connect === undefined ? {} : { connect: connect * 1000 }),
    ...(idle === undefined ? {} : { idle: idle * 1000 }),
    ...(total === undefined ? {} : { total: total * 1000 }),
  };
}
