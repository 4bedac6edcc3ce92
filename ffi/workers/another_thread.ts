/** When another worker thread is worth its start, which takes far longer than most calls. */
import { builtin } from "../../internal/builtin_modules.ts";

/** So many milliseconds a thread takes about to start and to be told its functions. */
export const START: number = 20;

/**
 * Adds up for how long jobs have waited while every thread was busy. As long as a thread takes to start is long enough: who
 * waits once for what is done soon needs none, and who waits again and again has it soon.
 */
export class AnotherThread {
  readonly #patience: number;
  readonly #wanted: () => void;
  #waited = 0;
  #since: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Tells `wanted` when jobs have waited for so many milliseconds. */
  constructor(patience: number, wanted: () => void) {
    this.#patience = patience;
    this.#wanted = wanted;
  }

  /** Whether jobs have waited for long enough: of waits that are shorter than any timer none tells. */
  get isImpatient(): boolean {
    return this.#waited >= this.#patience;
  }

  /** A thread was started. */
  started(): void {
    this.rest();
    this.#waited = 0;
  }

  /** Jobs wait. The threads they wait for keep the program from ending meanwhile. */
  wait(): void {
    if (this.#since !== null) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => {
      this.#since = null;
      this.#waited = 0;
      this.#wanted();
    }, this.#patience - this.#waited);
    (this.#timer as { unref?(): void }).unref?.();
  }

  /** None waits any more. */
  rest(): void {
    if (this.#since === null) return;
    clearTimeout(this.#timer);
    this.#waited = Math.min(this.#patience, this.#waited + performance.now() - this.#since);
    this.#since = null;
  }
}

/** How many processors this process may use. Node's module is asked where nothing else says it: it takes time to load. */
export function processors(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: unknown } };
  const told = navigator?.hardwareConcurrency;
  return Number.isInteger(told) ? told as number : builtin.os.availableParallelism?.() ?? builtin.os.cpus().length;
}
