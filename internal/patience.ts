/** How long a peer is waited for. */
import { builtin } from "./builtin_modules.ts";

/** Parts of a wait: of a turn of the event loop that takes long, one part counts at most. */
const PARTS = 10;

/**
 * Waits for a peer, for so many milliseconds in which its answer could have been seen: while this thread was busy with
 * something else, what has come lies unread.
 */
export class Patience {
  #left = PARTS;
  readonly #timer: ReturnType<typeof builtin.timers.setInterval>;

  /** `over` is called once, unless the wait ends before. */
  constructor(milliseconds: number, over: () => void) {
    this.#timer = builtin.timers.setInterval(() => {
      if (--this.#left > 0) return;
      this.end();
      over();
    }, milliseconds / PARTS);
  }

  /** Does not keep the process alive. */
  unref(): this {
    this.#timer.unref();
    return this;
  }

  /** Nothing more is waited for. */
  end(): void {
    builtin.timers.clearInterval(this.#timer);
  }
}
