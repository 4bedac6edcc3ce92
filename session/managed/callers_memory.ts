import type { CallLock, NativeFunction, NativeLibrary } from "../../ffi/runtime/native.ts";
import { ProcessMemory } from "../../ffi/runtime/process_memory.ts";
import { platform, processId } from "../../internal/runtime.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { MARKS } from "../../ffi/workers/thread_marks.ts";

/** Numbers of the operating system's threads, to tell a worker that died from one that is merely busy. */
export interface Threads {
  /** The number of the calling thread; 0 where the system does not tell. */
  readonly self: number;
  /** Whether a thread still exists. True where the system does not tell. */
  isAlive(thread: number): boolean;
  /** Whether one of the worker threads still exists whose numbers stand at an address. */
  anyAlive(marks: bigint): boolean;
}

const unknowable: Threads = { self: 0, isAlive: () => true, anyAlive: () => true };
let known: Threads | null = null;

/** The threads of this process. A PKCS#11 library is enough to reach the C library's functions: it depends on it. */
export function threadsThrough(path: string): Threads {
  known ??= linuxThreads(path) ?? unknowable;
  return known;
}

function linuxThreads(path: string): Threads | null {
  if (platform !== "linux") return null;
  let library: NativeLibrary;
  let gettid: NativeFunction | null;
  let tgkill: NativeFunction | null;
  try {
    library = nativeRuntime().open(path);
    gettid = library.bind("gettid", 0, "i32", true);
    tgkill = library.bind("tgkill", 3, "i32", true);
  } catch {
    return null;
  }
  if (gettid === null || tgkill === null) return null;
  const self = gettid() as number;
  const group = BigInt(processId());
  const exists = (thread: number) => tgkill(group, BigInt(thread), 0n) === 0;
  return {
    self,
    isAlive: (thread) => thread === 0 || thread === self || exists(thread),
    anyAlive: (marks) => marks !== 0n && marksAt(marks).some((thread) => thread !== 0n && exists(Number(thread))),
  };
}

function marksAt(address: bigint): bigint[] {
  const words = new BigUint64Array(new ArrayBuffer(MARKS * 8));
  nativeRuntime().read(address, new Uint8Array(words.buffer));
  return [...words];
}

/** Words that all callers of a module see, and a lock. */
export interface CallersMemory {
  /** Takes the lock if it is free, or if the thread that held it has died. */
  tryLock(): boolean;
  /** Gives the lock back. */
  unlock(): void;
  /** Reads a word. */
  get(at: number): bigint;
  /** Writes a word. */
  set(at: number, value: bigint): void;
  /** Reads words that lie side by side. */
  slice(at: number, count: number): BigUint64Array;
  /** Where a word lies, for C to write; `null` where C cannot. */
  addressOf(at: number): bigint | null;
  /** A lock for calls of a module that may be called by one thread at a time; `null` where there is none. */
  readonly callLock: CallLock | null;
}

const MARK = 0x67703132n;
const MARK_AT = 0;
const LOCK_AT = 1;
const HEAD = 2;

/** Words in shared memory, seen by the threads it was sent to. */
class SharedWords implements CallersMemory {
  readonly callLock = null;
  readonly #words: BigInt64Array<SharedArrayBuffer>;
  readonly #threads: Threads;

  constructor(threads: Threads, memory: SharedArrayBuffer) {
    this.#threads = threads;
    this.#words = new BigInt64Array(memory);
  }

  tryLock(): boolean {
    const mine = BigInt(this.#threads.self) + 1n;
    const holder = Atomics.compareExchange(this.#words, LOCK_AT, 0n, mine);
    if (holder === 0n) return true;
    // A copy of this package may hold it for this very thread.
    if (holder === mine || this.#threads.isAlive(Number(holder) - 1)) return false;
    return Atomics.compareExchange(this.#words, LOCK_AT, holder, mine) === holder;
  }

  unlock(): void {
    Atomics.store(this.#words, LOCK_AT, 0n);
    Atomics.notify(this.#words, LOCK_AT);
  }

  get(at: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#words, HEAD + at));
  }

  set(at: number, value: bigint): void {
    Atomics.store(this.#words, HEAD + at, value);
  }

  slice(at: number, count: number): BigUint64Array {
    return BigUint64Array.from({ length: count }, (_, index) => BigInt.asUintN(64, this.get(at + index)));
  }

  addressOf(): null {
    return null;
  }
}

/** The shared memory of each module, known to all copies of this package in a thread. */
function sharedMemories(): Map<string, SharedArrayBuffer> {
  const key = Symbol.for("gp11.callers");
  const room = globalThis as unknown as Record<symbol, Map<string, SharedArrayBuffer> | undefined>;
  return room[key] ??= new Map();
}

/** What a module's callers share. */
export interface CommonMemory {
  /** Where the words are. */
  readonly words: CallersMemory;
  /** What other threads are sent: made when it is asked for, unless the words lie in it. */
  readonly shared: SharedArrayBuffer;
}

/**
 * Memory for callers that other threads are sent.
 *
 * @param memory What another thread has sent; by default memory of its own.
 * @throws {TypeError} when it is none of these
 */
export function sharedMemory(
  size: number,
  threads: Threads,
  memory: SharedArrayBuffer = newMemory(size),
): CommonMemory {
  const length = (HEAD + size) * 8;
  const isOurs = memory instanceof SharedArrayBuffer && memory.byteLength === length &&
    new BigInt64Array(memory)[MARK_AT] === MARK;
  if (!isOurs) throw new TypeError("Cannot use the module share: its memory is not what module.share() gives");
  return { shared: memory, words: new SharedWords(threads, memory) };
}

function newMemory(size: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((HEAD + size) * 8);
  new BigInt64Array(memory)[MARK_AT] = MARK;
  return memory;
}

/**
 * The memory for the callers of a module: found by all of the process where the system allows that, else by all copies
 * of this package in the thread, and by the threads that are given a share.
 *
 * @param path A library to reach the C library through.
 * @param name What the module is known by.
 * @param size How many words there are.
 * @throws {TypeError} when the memory of a share is none
 */
export function callersMemory(
  path: string,
  name: string,
  size: number,
  threads: Threads,
  share: SharedArrayBuffer | undefined,
): CommonMemory {
  const memories = sharedMemories();
  const common = (): CommonMemory => {
    const found = sharedMemory(size, threads, share ?? memories.get(name));
    memories.set(name, found.shared);
    return found;
  };
  const words = ProcessMemory.find(path, name, size);
  if (words === null) return common();
  // Half a MiB, which few programs send to their threads.
  let shared = share === undefined ? undefined : common().shared;
  return {
    words,
    get shared() {
      return shared ??= common().shared;
    },
  };
}

/** Milliseconds between two looks at a lock somebody else holds. */
const PATIENCE = 1;
const never = new Int32Array(new SharedArrayBuffer(4));

/** A lock that a thread holds, for an operation of several steps too. */
export class CallersLock {
  readonly #words: CallersMemory;
  readonly #threads: Threads;
  /** The word that says which thread holds it. */
  readonly #holder: number;
  #heldHere = false;

  /** The lock of memory that is shared. */
  constructor(threads: Threads, words: CallersMemory, holder: number) {
    this.#threads = threads;
    this.#words = words;
    this.#holder = holder;
  }

  /** Takes the lock if it is free, or if the thread that held it has died. */
  tryLock(): boolean {
    if (this.#heldHere || !this.#words.tryLock()) return false;
    this.#heldHere = true;
    this.#words.set(this.#holder, BigInt(this.#threads.self));
    return true;
  }

  /** Whether this very thread holds the lock, for an operation that is not finished; another copy of this package may. */
  get heldHere(): boolean {
    const { self } = this.#threads;
    return this.#heldHere || (self !== 0 && this.#words.get(this.#holder) === BigInt(self));
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
    this.#words.set(this.#holder, 0n);
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
}
