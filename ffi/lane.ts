/** The order of one session: at most one operation at a time, first come, first served. */

/** An operation waiting for its turn. */
export interface LaneEntry {
  /** Begins it. */
  start(): void;
  /** Gives it up before it began. */
  drop(reason: unknown): void;
}

/** The queue of one session handle, shared by every wrapper of that handle. */
export class Lane {
  /** The session handle. */
  readonly handle: bigint;
  /** How many wrappers hold it. */
  users = 0;
  /** Whether an operation runs in place. */
  inPlace = false;
  /** The asynchronous operation that runs. */
  current: LaneEntry | null = null;
  #open: string | null = null;
  #turn = 0;
  readonly #waiting: LaneEntry[] = [];
  readonly #idle: (() => void)[] = [];

  /** An empty lane. */
  constructor(handle: bigint) {
    this.handle = handle;
  }

  /** Name of the multi-part operation that is open on the session, such as `signer`. */
  get open(): string | null {
    return this.#open;
  }

  set open(name: string | null) {
    this.#open = name;
    this.#turn++;
  }

  /** A number that changes with each operation in parts that is opened or ended, to tell one signer from the next. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether an operation runs or waits. */
  get busy(): boolean {
    return this.inPlace || this.current !== null || this.#waiting.length > 0;
  }

  /** Operations that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Appends an operation; it starts at once if nothing else runs. */
  add(entry: LaneEntry): void {
    this.#waiting.push(entry);
    this.proceed();
  }

  /** Takes a waiting operation out. Returns whether it was still waiting. */
  remove(entry: LaneEntry): boolean {
    const index = this.#waiting.indexOf(entry);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  /** Gives up everything that waits. */
  dropWaiting(reason: unknown): void {
    for (const entry of this.#waiting.splice(0)) entry.drop(reason);
  }

  /** Starts the next operation if none runs. */
  proceed(): void {
    if (this.inPlace || this.current) return;
    const next = this.#waiting.shift();
    if (next) {
      this.current = next;
      next.start();
    } else if (this.#idle.length > 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** The running operation has ended. */
  finished(entry: LaneEntry): void {
    if (this.current !== entry) return;
    this.current = null;
    this.proceed();
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
