/** How single calls are made, and what the pool of closed sessions keeps. */

/** How a single call to a PKCS#11 module is made. */
export interface CallOptions {
  /** Cancels the call; it rejects, or throws, with `signal.reason`. */
  readonly signal?: AbortSignal | null | undefined;
  /**
   * When an aborted asynchronous call rejects: at once, or when the native call has returned, as GP11 does.
   *
   * @default {"now"}
   */
  readonly abort?: "now" | "wait" | undefined;
}

/** How a call is made that gives bytes in an array of their own. */
export interface ResultOptions extends CallOptions {
  /** See {@linkcode IntoOptions}. */
  readonly into?: undefined;
}

/** How a call is made that writes the bytes it gives into memory of the caller. */
export interface IntoOptions extends CallOptions {
  /**
   * Where the result is written, from the beginning; the call answers with the number of bytes. An asynchronous call
   * writes when it resolves, and never after an abort. A result that is longer is a RangeError that names its length.
   * What a call that fails leaves in it is no result: a large one in place is overwritten with zeros.
   */
  readonly into: Uint8Array;
}

/**
 * Limits of what `module.poolSessions` keeps, closed PKCS#11 sessions for the next who opens one
 * (`gp11_module_set_pool_sessions`). The options of `slot.sessionPool()` are `SharedSessionsOptions`, those of
 * `sessionPool(slots)` are `SessionGroupOptions`. Only sessions that `openSession` has opened are
 * kept, none through which session objects may have been made, and none that would keep a token logged in when every
 * other session on it is closed.
 */
export interface SessionPoolOptions {
  /**
   * Sessions kept for each slot.
   *
   * @default {8}
   */
  readonly maxPerSlot?: number | undefined;
  /**
   * Milliseconds after which an unused session is closed; 0 and Infinity are no limit.
   *
   * @default {60000}
   */
  readonly maxIdleMs?: number | null | undefined;
  /**
   * Whether a session is checked with C_GetSessionInfo before it is used again. One that is alone on its token always is.
   *
   * @default {true}
   */
  readonly validate?: boolean | undefined;
}
