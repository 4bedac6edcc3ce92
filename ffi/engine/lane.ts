/** The order of one session: at most one operation at a time, first come, first served. */
import type { ActiveKind, BegunParts, UnusedKey } from "./active.ts";
import type { Question } from "./question.ts";
import type { SessionRegister } from "./session_register.ts";
import type { TokenTurn } from "./turn.ts";

/** A first-in, first-out queue from whose middle anything can be taken at once: an abort takes many out. */
export class Queue<T> {
  readonly #entries = new Set<T>();
  // One that is kept does not pass what was taken from the front again and again.
  #front: SetIterator<T> = this.#entries.values();

  /** How many wait: a number beside the set, as it is asked for in every call. */
  size = 0;

  /** Appends an entry. */
  add(entry: T): void {
    this.#entries.add(entry);
    this.size = this.#entries.size;
  }

  /** Takes an entry out. Returns whether it was there. */
  remove(entry: T): boolean {
    const removed = this.#entries.delete(entry);
    this.size = this.#entries.size;
    return removed;
  }

  /** Takes the first entry out; `undefined` where there is none. */
  shift(): T | undefined {
    while (this.size > 0) {
      const { done, value } = this.#front.next();
      if (done) {
        this.#front = this.#entries.values();
        continue;
      }
      this.remove(value);
      return value;
    }
    return undefined;
  }

  /** Takes everything out. */
  drain(): T[] {
    const entries = [...this.#entries];
    this.#entries.clear();
    this.size = 0;
    this.#front = this.#entries.values();
    return entries;
  }
}

/** An operation waiting for its place. */
export interface LaneEntry {
  /** Begins it. */
  start(): void;
  /** Gives it up before it began. */
  drop(reason: unknown): void;
}

/** Where operations wait for their turn. */
export interface WaitingRoom {
  /** Operations that wait for their turn. */
  readonly waiting: number;
  /** Appends an operation; it starts at once if it can. */
  add(entry: LaneEntry): void;
  /** Takes a waiting operation out. Returns whether it was still waiting. */
  remove(entry: LaneEntry): boolean;
  /** Nobody waits for a running operation any more. */
  abandoned(entry: LaneEntry): void;
  /** A running operation has ended. */
  finished(entry: LaneEntry): void;
}

/** Operations without a session run beside each other, as many as keep every worker thread busy; the others wait. */
export class Crowd implements WaitingRoom {
  readonly #limit: number;
  readonly #running = new Set<LaneEntry>();
  readonly #waiting = new Queue<LaneEntry>();

  /** Lets `limit` operations run. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Operations that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether an operation that comes now has to wait. */
  get busy(): boolean {
    return this.#running.size >= this.#limit;
  }

  /** Appends an operation; it starts at once if it can. */
  add(entry: LaneEntry): void {
    if (this.busy) return void this.#waiting.add(entry);
    this.#running.add(entry);
    entry.start();
  }

  /** Takes a waiting operation out. Returns whether it was still waiting. */
  remove(entry: LaneEntry): boolean {
    return this.#waiting.remove(entry);
  }

  /** A call that nobody waits for, and that may never return, keeps nobody out. */
  abandoned(entry: LaneEntry): void {
    this.finished(entry);
  }

  /** A running operation has ended. */
  finished(entry: LaneEntry): void {
    if (this.#running.delete(entry)) this.#proceed();
  }

  #proceed(): void {
    while (!this.busy) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#running.add(next);
      next.start();
    }
  }
}

/** The queue of one session handle, shared by every wrapper of that handle. */
export class Lane implements WaitingRoom {
  /** The session handle. */
  readonly handle: bigint;
  /** The turns of the session's token; `null` where nobody takes any. */
  token: TokenTurn | null = null;
  /** Where the session is written down, and those that its operations open; `null` where nowhere. */
  register: SessionRegister | null = null;
  /** What the running operation asks its user. */
  question: Question | null = null;
  /** How many wrappers hold it. */
  users = 0;
  /** Whether an operation runs in place. */
  inPlace = false;
  /** The asynchronous operation that runs. */
  current: LaneEntry | null = null;
  /** The kind of the last call that failed: some modules leave it active. */
  failed: ActiveKind | null = null;
  /**
   * A use of a key that was refused its PIN and that nothing ends but to use the key, which would log everybody out, or
   * the end of the session.
   */
  unused: UnusedKey | null = null;
  /** Operations in parts that are active on the token. */
  readonly begun: Set<BegunParts> = new Set();
  #open: string | null = null;
  #turn = 0;
  readonly #waiting = new Queue<LaneEntry>();
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

  /** Whether an operation runs. None waits where none does. */
  get busy(): boolean {
    return this.inPlace || this.current !== null;
  }

  /** Operations that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Appends an operation; it starts at once if nothing else runs. */
  add(entry: LaneEntry): void {
    if (this.busy) return void this.#waiting.add(entry);
    this.current = entry;
    entry.start();
  }

  /** Takes a waiting operation out. Returns whether it was still waiting. */
  remove(entry: LaneEntry): boolean {
    return this.#waiting.remove(entry);
  }

  /** Gives up everything that waits. */
  dropWaiting(reason: unknown): void {
    for (const entry of this.#waiting.drain()) entry.drop(reason);
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

  /** Nobody waits for the running operation any more: the session is not free before it has ended. */
  abandoned(_entry: LaneEntry): void {}

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
