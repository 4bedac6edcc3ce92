import type { CallLock } from "../../ffi/runtime/native.ts";
import { threadMarks } from "../../ffi/workers/worker_pool.ts";
import { type CallersMemory, callersMemory, type CommonMemory } from "./callers_memory.ts";
import { type Threads, threadsThrough } from "./thread.ts";

/**
 * By whom a caller's use is managed, which tells what its C_Finalize is: the module's own, or for libp11-kit that of the
 * wrapper it has made for the caller.
 */
export const ROAD = { gp11: 0n, p11Kit: 1n, unmanaged: 2n } as const;

/** A place is free, has a caller, has a guest who may be in a call, or a caller whose C_Finalize is still to be made. */
const STATE = { free: 0n, caller: 1n, guest: 2n, calling: 3n, left: 4n } as const;

/**
 * Words before the places: how many places were ever used, how often the module was finalised, whether it is called one
 * at a time, which thread holds the lock.
 */
const HEAD = { used: 0, finalised: 1, oneAtATime: 2, holder: 3, places: 4 } as const;
/** Words of a place. */
const PLACE = { state: 0, thread: 1, list: 2, road: 3, owner: 4, marks: 5, words: 6 } as const;
const PLACES = 2048;
/** Words the callers of a module need. */
export const CALLERS_SIZE = HEAD.places + PLACES * PLACE.words;

/** Milliseconds between two looks at a lock somebody else holds. */
const PATIENCE = 1;
const never = new Int32Array(new SharedArrayBuffer(4));

interface Place {
  readonly at: number;
  readonly state: bigint;
  readonly thread: number;
  readonly list: bigint;
  readonly road: bigint;
  readonly owner: boolean;
}

/**
 * The callers of one library in a process, by whatever road they have loaded it, in all copies of this package and all
 * threads: the module is finalised when the last of them has gone, by him. Each caller has a place in memory they share.
 */
export class Callers {
  /** The memory, for other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #words: CallersMemory;
  readonly #threads: Threads;
  #heldHere = false;

  /** Callers in memory that is shared; {@linkcode Callers.of} finds that of a library. */
  constructor(threads: Threads, { words, shared }: CommonMemory) {
    this.#threads = threads;
    this.#words = words;
    this.memory = shared;
  }

  static readonly #known = new Map<string, Callers>();

  /**
   * The callers of a library.
   *
   * @param path A library to reach the C library through.
   * @param name What the library is known by in this process.
   * @param memory What another thread shares.
   */
  static of(path: string, name: string, memory?: SharedArrayBuffer): Callers {
    const known = Callers.#known.get(name);
    if (known !== undefined && (memory === undefined || known.memory === memory)) return known;
    const threads = threadsThrough(path);
    const callers = new Callers(threads, callersMemory(path, name, CALLERS_SIZE, threads, memory));
    Callers.#known.set(name, callers);
    return callers;
  }

  /** Takes the lock if it is free, or if the thread that held it has died. */
  tryLock(): boolean {
    if (this.#heldHere || !this.#words.tryLock()) return false;
    this.#heldHere = true;
    this.#words.set(HEAD.holder, BigInt(this.#threads.self));
    return true;
  }

  /** Whether this very thread holds the lock, for an operation that is not finished; another copy of this package may. */
  get heldHere(): boolean {
    const { self } = this.#threads;
    return this.#heldHere || (self !== 0 && this.#words.get(HEAD.holder) === BigInt(self));
  }

  /** Waits a little for the lock, blocking the thread. */
  pause(): void {
    Atomics.wait(never, 0, 0, PATIENCE);
  }

  /** Waits a little for the lock. */
  rest(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }

  /** Gives the lock back. */
  unlock(): void {
    this.#heldHere = false;
    this.#words.set(HEAD.holder, 0n);
    this.#words.unlock();
  }

  /** Does something short while nobody else holds the lock. */
  exclusively<T>(body: () => T): T {
    // What this thread holds for an operation of several steps cannot be given back meanwhile, and keeps others out.
    if (this.heldHere) return body();
    while (!this.tryLock()) this.pause();
    try {
      return body();
    } finally {
      this.unlock();
    }
  }

  /** A lock for calls of a module that may be called by one thread at a time; `null` where there is none. */
  get callLock(): CallLock | null {
    return this.#words.callLock;
  }

  /** Whether the module may be called by one thread at a time. */
  get oneAtATime(): boolean {
    return this.#words.get(HEAD.oneAtATime) === 1n;
  }

  set oneAtATime(value: boolean) {
    this.#words.set(HEAD.oneAtATime, value ? 1n : 0n);
  }

  /** How often the module was finalised. */
  get finalised(): bigint {
    return this.#words.get(HEAD.finalised);
  }

  /** Whether the module's real C_Initialize was made by one of these callers himself, and not undone yet. */
  get begun(): boolean {
    return this.#places().some(({ road, owner }) => road !== ROAD.p11Kit && owner);
  }

  /** Whether it was made by one whose callers we count. */
  get owned(): boolean {
    return this.#places().some(({ road, owner }) => road === ROAD.gp11 && owner);
  }

  /**
   * Takes a place for a caller of this thread, before anything is initialised. Needs the lock.
   *
   * @throws {RangeError} when there is none left
   */
  enter(list: bigint, road: bigint): number {
    const used = Number(this.#words.get(HEAD.used));
    let at = HEAD.places;
    while (at < HEAD.places + used * PLACE.words && this.#words.get(at) !== STATE.free) at += PLACE.words;
    const index = (at - HEAD.places) / PLACE.words;
    if (index === PLACES) throw new RangeError(`Cannot add a caller of the module: it has ${PLACES} already`);
    if (index === used) this.#words.set(HEAD.used, BigInt(used + 1));
    this.#words.set(at + PLACE.thread, BigInt(this.#threads.self));
    this.#words.set(at + PLACE.list, list);
    this.#words.set(at + PLACE.road, road);
    this.#words.set(at + PLACE.owner, 0n);
    this.#words.set(at + PLACE.marks, threadMarks());
    this.#words.set(at + PLACE.state, STATE.caller);
    return at;
  }

  /** The caller has initialised: its C_Finalize has to be made some day. Needs the lock. */
  own(place: number): void {
    this.#words.set(place + PLACE.owner, 1n);
  }

  /** The caller has found the module initialised and lets others decide when it ends. Needs the lock. */
  becomeGuest(place: number): void {
    this.#words.set(place + PLACE.state, STATE.guest);
  }

  /** The guest is in a call, or is no longer. Needs the lock. */
  setCalling(place: number, calling: boolean): void {
    this.#words.set(place + PLACE.state, calling ? STATE.calling : STATE.guest);
  }

  /** The caller is gone, nothing of his is left to be finalised. Needs the lock. */
  remove(place: number): void {
    this.#words.set(place + PLACE.state, STATE.free);
  }

  /**
   * The caller goes; {@linkcode Callers.takeDue} says what is to be finalised then. Needs the lock.
   *
   * @param never Whether the module is left initialised by him and those who went before.
   */
  leave(place: number, never: boolean): void {
    const left = this.#words.get(place + PLACE.owner) === 1n && !never;
    this.#words.set(place + PLACE.state, left ? STATE.left : STATE.free);
    if (!never) return;
    for (const { at, state } of this.#places()) if (state === STATE.left) this.remove(at);
  }

  /**
   * The function lists whose C_Finalize is to be made now, by whoever asks. A wrapper's ends only its own use while
   * libp11-kit has others; everything else waits until nobody is left. Needs the lock.
   */
  takeDue(): bigint[] {
    const places = this.#places();
    const here = places.filter(({ state }) => state === STATE.caller || state === STATE.calling);
    const wrapped = here.some(({ road, owner }) => road === ROAD.p11Kit && owner);
    const due = places.filter(({ state, road }) =>
      state === STATE.left && (here.length === 0 || wrapped && road === ROAD.p11Kit)
    );
    for (const { at } of due) this.remove(at);
    if (due.length > 0 && here.length === 0) {
      this.#words.set(HEAD.finalised, this.finalised + 1n);
      this.oneAtATime = false;
    }
    return [...new Set(due.map(({ list }) => list))];
  }

  /** The places in use, those of threads that have died given up. */
  #places(): Place[] {
    const places: Place[] = [];
    const end = HEAD.places + Number(this.#words.get(HEAD.used)) * PLACE.words;
    for (let at = HEAD.places; at < end; at += PLACE.words) {
      let state = this.#words.get(at);
      if (state === STATE.free) continue;
      const thread = Number(this.#words.get(at + PLACE.thread));
      const owner = this.#words.get(at + PLACE.owner) === 1n;
      if (state !== STATE.left && this.#isGone(thread, at)) {
        this.#words.set(at, state = owner && state === STATE.caller ? STATE.left : STATE.free);
        if (state === STATE.free) continue;
      }
      const list = this.#words.get(at + PLACE.list);
      places.push({ at, state, thread, list, road: this.#words.get(at + PLACE.road), owner });
    }
    return places;
  }

  /** Whether a thread has died, and with it those that make its calls. */
  #isGone(thread: number, place: number): boolean {
    return !this.#threads.isAlive(thread) && !this.#threads.anyAlive(this.#words.get(place + PLACE.marks));
  }
}
