// Time that a test moves itself: no machine is too slow for it, and nothing has to be waited for.

type Run = (...args: unknown[]) => void;

/**
 * Stops `performance.now()` and holds back timers from a length on, until the test passes their time. Shorter ones run as
 * ever, so that servers and waits of the test itself go on.
 */
export class ScriptedTime implements Disposable {
  readonly #held = new Map<object, { readonly due: number; readonly run: () => void }>();
  readonly #restore: () => void;
  #now: number = performance.now();

  /** Takes the clock over; timers from `shortest` milliseconds on are held. */
  constructor(shortest = 1000) {
    const { clearTimeout, setTimeout } = globalThis;
    const own = Object.getOwnPropertyDescriptor(performance, "now");
    const hold = (run: Run, milliseconds: number, args: unknown[]): object => {
      const timer = { ref: () => timer, unref: () => timer };
      this.#held.set(timer, { due: this.#now + milliseconds, run: () => run(...args) });
      return timer;
    };
    const set = (run: Run, milliseconds = 0, ...args: unknown[]): unknown =>
      milliseconds < shortest ? setTimeout(run, milliseconds, ...args) : hold(run, milliseconds, args);
    const clear = (timer: unknown): void => {
      if (!this.#held.delete(timer as object)) clearTimeout(timer as number);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Object.defineProperty(performance, "now", { value: () => this.#now, configurable: true, writable: true });
    this.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      if (own === undefined) delete (performance as { now?: unknown }).now;
      else Object.defineProperty(performance, "now", own);
    };
  }

  /** Milliseconds, on the clock that the test moves. */
  get now(): number {
    return this.#now;
  }

  /** Timers that are held now. */
  get held(): number {
    return this.#held.size;
  }

  /** Timers that are due in so many milliseconds, to one: a runtime's own are held beside those of the session. */
  dueIn(milliseconds: number): number {
    return [...this.#held.values()].filter(({ due }) => Math.abs(due - this.#now - milliseconds) <= 1).length;
  }

  /** Lets milliseconds pass, and runs the timers that are due then. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#held].filter(([, timer]) => timer.due <= end).sort(([, a], [, b]) => a.due - b.due)[0];
      if (due === undefined) break;
      const [timer, { due: moment, run }] = due;
      this.#held.delete(timer);
      this.#now = Math.max(this.#now, moment);
      run();
    }
    this.#now = end;
  }

  /** Gives the clock back; timers that are still held never run. */
  [Symbol.dispose](): void {
    this.#restore();
  }
}
