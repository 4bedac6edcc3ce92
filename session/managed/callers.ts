import type { Threads } from "./thread.ts";

/**
 * The callers of one module across the worker threads of a process, in shared memory: a lock, what is known about the
 * module, and one place for each caller with the number of its thread, so that any survivor can take over from a thread
 * that died.
 *
 * Layout, in 32-bit words: 0 mark, 1 lock (the holder's thread number + 1), 2 whether our C_Initialize was the real one,
 * then for each place: state, thread number, low and high half of the wrapper's address.
 */
const MARK = 0x67703131;
const LOCK = 1;
const OWNED = 2;
const HEAD = 4;
const PLACE = 4;
const PLACES = 1020;

const FREE = 0;
const TAKEN = 1;

/** Milliseconds between two looks at a lock somebody else holds. */
const PATIENCE = 1;

/** What a dead thread has left behind. */
export interface AbandonedCaller {
  /** Address of its wrapper's function list; 0 where there is none. */
  readonly list: bigint;
}

/** One module's callers in this process. */
export class Callers {
  /** The memory, for other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #threads: Threads;
  #heldHere = false;

  /** Joins the callers in `memory`, or begins with none. */
  constructor(threads: Threads, memory?: SharedArrayBuffer) {
    this.#threads = threads;
    this.memory = memory ?? new SharedArrayBuffer((HEAD + PLACES * PLACE) * 4);
    if (!(this.memory instanceof SharedArrayBuffer) || this.memory.byteLength !== (HEAD + PLACES * PLACE) * 4) {
      throw new TypeError("Cannot use the module share: its memory is not what module.share() gives");
    }
    this.#words = new Int32Array(this.memory);
    if (memory === undefined) this.#words[0] = MARK;
    else if (this.#words[0] !== MARK) {
      throw new TypeError("Cannot use the module share: its memory is not what module.share() gives");
    }
  }

  /** Takes the lock if it is free, or if the thread that held it has died. */
  tryLock(): boolean {
    if (this.#heldHere) return false;
    const mine = this.#threads.self + 1;
    const holder = Atomics.compareExchange(this.#words, LOCK, 0, mine);
    if (holder !== 0) {
      if (this.#threads.isAlive(holder - 1)) return false;
      if (Atomics.compareExchange(this.#words, LOCK, holder, mine) !== holder) return false;
    }
    this.#heldHere = true;
    return true;
  }

  /** Whether this very thread holds the lock, for an operation that is not finished. */
  get heldHere(): boolean {
    return this.#heldHere;
  }

  /** Waits a little for the lock, blocking the thread. */
  pause(): void {
    const holder = Atomics.load(this.#words, LOCK);
    if (holder !== 0) Atomics.wait(this.#words, LOCK, holder, PATIENCE);
  }

  /** Waits a little for the lock. */
  rest(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }

  /** Gives the lock back. */
  unlock(): void {
    this.#heldHere = false;
    Atomics.store(this.#words, LOCK, 0);
    Atomics.notify(this.#words, LOCK);
  }

  /** Whether the module's real C_Initialize was made by one of these callers. Needs the lock. */
  get owned(): boolean {
    return Atomics.load(this.#words, OWNED) === 1;
  }

  set owned(owned: boolean) {
    Atomics.store(this.#words, OWNED, owned ? 1 : 0);
  }

  /** Does something short while holding the lock. */
  exclusively<T>(body: () => T): T {
    while (!this.tryLock()) this.pause();
    try {
      return body();
    } finally {
      this.unlock();
    }
  }

  /** How many callers there are. Needs the lock. */
  get count(): number {
    let count = 0;
    for (let at = HEAD; at < this.#words.length; at += PLACE) {
      if (this.#words[at] === TAKEN) count++;
    }
    return count;
  }

  /** Adds a caller of this thread; answers its place. Needs the lock. */
  add(list: bigint): number {
    for (let at = HEAD; at < this.#words.length; at += PLACE) {
      if (this.#words[at] !== FREE) continue;
      this.#words[at + 1] = this.#threads.self;
      this.#words[at + 2] = Number(BigInt.asIntN(32, list));
      this.#words[at + 3] = Number(BigInt.asIntN(32, list >> 32n));
      Atomics.store(this.#words, at, TAKEN);
      return at;
    }
    throw new RangeError(`Cannot add a caller of the module: it has ${PLACES} already`);
  }

  /** Removes a caller. Needs the lock. */
  remove(place: number): void {
    Atomics.store(this.#words, place, FREE);
  }

  /** Removes the callers of threads that have died, and says who they were. Needs the lock. */
  removeDead(): AbandonedCaller[] {
    const dead: AbandonedCaller[] = [];
    for (let at = HEAD; at < this.#words.length; at += PLACE) {
      if (this.#words[at] !== TAKEN || this.#threads.isAlive(this.#words[at + 1]!)) continue;
      const low = BigInt.asUintN(32, BigInt(this.#words[at + 2]!));
      const high = BigInt.asUintN(32, BigInt(this.#words[at + 3]!));
      dead.push({ list: (high << 32n) | low });
      this.remove(at);
    }
    return dead;
  }
}
