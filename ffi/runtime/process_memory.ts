/**
 * Memory outside JavaScript that every worker thread, and every copy of this package, finds by a name: what they have to
 * agree on about a library of the process lies there. Linux only.
 */
import { platform } from "../../internal/runtime.ts";
import { nativeAbi, nativeRuntime } from "./runtime.ts";
import type { CallLock, NativeFunction, NativeLibrary, NativeResult } from "./native.ts";

const WORD = 8;
/** Room for a mutex of any of the C libraries. */
const MUTEX_WORDS = 16;
const PTHREAD_MUTEX_ROBUST = 1n;
/** What pthread_mutex_trylock answers when the thread that held the mutex has died. */
const EOWNERDEAD = 130;
/** How the place is told from the folder that the C library answers for a name it does not know. */
const PREFIX = "gp11:";
const MAX_TEXT = 64;

/** The C library's functions this is made of: how many parameters each has and what it returns. */
const FUNCTIONS = {
  calloc: [2, "u64"],
  memcpy: [3, "u64"],
  bindtextdomain: [2, "u64"],
  dlsym: [2, "u64"],
  ftrylockfile: [1, "i32"],
  funlockfile: [1, "void"],
  pthread_mutexattr_init: [1, "i32"],
  pthread_mutexattr_setrobust: [2, "i32"],
  pthread_mutex_init: [2, "i32"],
  pthread_mutex_trylock: [1, "i32"],
  pthread_mutex_unlock: [1, "i32"],
  pthread_mutex_consistent: [1, "i32"],
} as const satisfies Record<string, readonly [number, NativeResult]>;

type CLibrary = { readonly [name in keyof typeof FUNCTIONS]: NativeFunction } & { readonly path: string };

let library: CLibrary | null | undefined;

/** The C library's functions, found through a library that depends on it; `null` where one of them is missing. */
function cLibrary(path: string): CLibrary | null {
  if (library === undefined) library = platform === "linux" ? bindAll(path) : null;
  return library;
}

function bindAll(path: string): CLibrary | null {
  const opened: NativeLibrary = nativeRuntime().open(path);
  const functions: Record<string, NativeFunction> = {};
  for (const [name, [arity, result]] of Object.entries(FUNCTIONS)) {
    const fn = opened.bind(name, arity, result, true);
    if (fn === null) return null;
    functions[name] = fn;
  }
  return { ...functions, path } as CLibrary;
}

/** Bytes with an address, kept until C has used them. */
function lend<T>(text: string, use: (address: bigint) => T): T {
  const encoded = new TextEncoder().encode(`${text}\0`);
  const bytes = new Uint8Array(new ArrayBuffer(encoded.length));
  bytes.set(encoded);
  const result = use(nativeRuntime().address(bytes));
  bytes.fill(0);
  return result;
}

/** One piece of memory, with a lock that a thread gives up when it dies. */
export class ProcessMemory {
  readonly #c: CLibrary;
  readonly #address: bigint;
  readonly #word = new BigUint64Array(new ArrayBuffer(WORD));
  readonly #wordBytes = new Uint8Array(this.#word.buffer);

  private constructor(c: CLibrary, address: bigint) {
    this.#c = c;
    this.#address = address;
  }

  /**
   * The memory of a name, made by whoever asks first and never given back; `null` where the system does not offer what
   * it takes.
   *
   * @param path A library to reach the C library through.
   * @param words Its size in 64-bit words, the same for all who ask.
   */
  static find(path: string, name: string, words: number): ProcessMemory | null {
    const c = cLibrary(path);
    if (c === null) return null;
    // The C library keeps a text for each name of a message catalogue: a table that all of the process see.
    return lend(`gp11 ${name}`, (domain) => {
      const known = placeOf(c, domain);
      if (known !== null) return new ProcessMemory(c, known);
      const first = makingAlone(c, () => placeOf(c, domain) ?? make(c, domain, words));
      return first === null ? null : new ProcessMemory(c, first);
    });
  }

  /** Takes the lock if it is free, or if the thread that held it has died. */
  tryLock(): boolean {
    const answer = this.#c.pthread_mutex_trylock(this.#address);
    if (answer === EOWNERDEAD) this.#c.pthread_mutex_consistent(this.#address);
    return answer === 0 || answer === EOWNERDEAD;
  }

  /** Gives the lock back. */
  unlock(): void {
    this.#c.pthread_mutex_unlock(this.#address);
  }

  /** A second lock, for calls of a module that may be called by one thread at a time. */
  get callLock(): CallLock {
    return { path: this.#c.path, address: this.#address + BigInt(MUTEX_WORDS * WORD) };
  }

  /** Reads a word. */
  get(at: number): bigint {
    nativeRuntime().read(this.#at(at), this.#wordBytes);
    return this.#word[0]!;
  }

  /** Writes a word. */
  set(at: number, value: bigint): void {
    this.#word[0] = value;
    this.#c.memcpy(this.#at(at), nativeRuntime().address(this.#wordBytes), BigInt(WORD));
  }

  /** Reads words that lie side by side. */
  slice(at: number, count: number): BigUint64Array {
    const words = new BigUint64Array(new ArrayBuffer(count * WORD));
    if (count > 0) nativeRuntime().read(this.#at(at), new Uint8Array(words.buffer));
    return words;
  }

  /** Where a word lies, for C to write; `null` where C writes handles of another size. */
  addressOf(at: number): bigint | null {
    return nativeAbi().ulong === WORD ? this.#at(at) : null;
  }

  #at(word: number): bigint {
    return this.#address + BigInt((2 * MUTEX_WORDS + word) * WORD);
  }
}

function placeOf(c: CLibrary, domain: bigint): bigint | null {
  let at = c.bindtextdomain(domain, 0n) as bigint;
  if (at === 0n) return null;
  const byte = new Uint8Array(new ArrayBuffer(1));
  let text = "";
  for (; text.length < MAX_TEXT; at++) {
    nativeRuntime().read(at, byte);
    if (byte[0] === 0) break;
    text += String.fromCharCode(byte[0]!);
  }
  return text.startsWith(PREFIX) ? BigInt(text.slice(PREFIX.length)) : null;
}

function make(c: CLibrary, domain: bigint, words: number): bigint {
  const address = c.calloc(BigInt(2 * MUTEX_WORDS + words), BigInt(WORD)) as bigint;
  if (address === 0n) throw new RangeError("Cannot share the callers of a module: the system has no memory left");
  const attributes = address + BigInt(2 * MUTEX_WORDS * WORD);
  c.pthread_mutexattr_init(attributes);
  c.pthread_mutexattr_setrobust(attributes, PTHREAD_MUTEX_ROBUST);
  for (const mutex of [0, 1]) c.pthread_mutex_init(address + BigInt(mutex * MUTEX_WORDS * WORD), attributes);
  const nothing = new Uint8Array(new ArrayBuffer(WORD));
  c.memcpy(attributes, nativeRuntime().address(nothing), BigInt(WORD));
  lend(`${PREFIX}0x${address.toString(16)}`, (text) => c.bindtextdomain(domain, text));
  return address;
}

/** Milliseconds between two looks at a lock somebody else holds, and how many looks are taken. */
const PATIENCE = 1;
const LOOKS = 2000;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Does something while no other thread does. The lock is the one of C's standard input: there from the beginning, and no
 * runtime reads through it.
 */
function makingAlone<T>(c: CLibrary, body: () => T): T | null {
  const variable = lend("stdin", (name) => c.dlsym(0n, name) as bigint);
  if (variable === 0n) return null;
  const stream = new BigUint64Array(new ArrayBuffer(WORD));
  nativeRuntime().read(variable, new Uint8Array(stream.buffer));
  for (let look = 0; c.ftrylockfile(stream[0]!) !== 0; look++) {
    if (look === LOOKS) return null;
    Atomics.wait(never, 0, 0, PATIENCE);
  }
  try {
    return body();
  } finally {
    c.funlockfile(stream[0]!);
  }
}
