/**
 * Closing connections that have been idle for too long.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type { Connection } from "../transports/connection.ts";
import { MAX_TIMER } from "../../internal/expected.ts";

/** What the sweep asks of its pool. */
export interface SweptPool {
  /** Seconds an idle connection is kept; 0 is for ever. */
  readonly idleTimeout: number;
  /** Idle connections, longest idle first. */
  idleByAge(): Connection[];
  /** Closes a connection. */
  drop(connection: Connection): void;
}

/** One timer for all idle connections of a pool. */
export class IdleSweep {
  readonly #pool: SweptPool;
  #at = 0;
  #timer: ReturnType<typeof builtin.timers.setTimeout> | null = null;

  constructor(pool: SweptPool) {
    this.#pool = pool;
  }

  /** A connection has become idle. */
  watch(connection: Connection, now: number): void {
    this.#schedule(this.#limitOf(connection), now);
  }

  /** Looks at all of them anew, after the idle time has changed. */
  restart(): void {
    this.stop();
    this.#sweep();
  }

  /** Ends the watch. */
  stop(): void {
    if (this.#timer !== null) builtin.timers.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Milliseconds a connection may be idle: by the session's own limit, and by what its server has said. */
  #limitOf({ keepAliveTimeout }: Connection): number {
    return Math.min(this.#pool.idleTimeout * 1000 || Infinity, keepAliveTimeout);
  }

  #schedule(delay: number, now: number): void {
    const at = now + delay;
    if (delay === Infinity || (this.#timer !== null && this.#at <= at)) return;
    this.stop();
    this.#at = at;
    this.#timer = builtin.timers.setTimeout(() => {
      this.#timer = null;
      this.#sweep();
    }, Math.min(delay, MAX_TIMER));
    this.#timer.unref();
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#pool.idleByAge()) {
      const left = connection.idleSince + this.#limitOf(connection) - now;
      if (left > 1) this.#schedule(left, now);
      else this.#pool.drop(connection);
    }
  }
}
