/**
 * What a JavaScript runtime must offer to call C: open a library, bind a symbol or an address, take an address, read
 * memory. Each of deno.ts, bun.ts and node.ts makes one from a self-contained function, so that the same text runs on
 * the caller's thread and inside worker threads.
 */

/** What a bound function returns: CK_RV and other 32-bit results as `u32`, C ints as `i32`, pointers as `u64`. */
export type NativeResult = "u32" | "i32" | "u64" | "void";

/**
 * A bound C function. Every parameter is a 64-bit word, given as a bigint; `u32` and `i32` results are numbers,
 * `u64` results bigints, `void` gives `undefined`.
 */
export type NativeFunction = (...words: bigint[]) => number | bigint | undefined;

/** An open shared library; it stays open for the life of the process. */
export interface NativeLibrary {
  /** The path it was opened by. */
  readonly path: string;
  /** The address of an exported symbol; `null` where it is missing or the runtime cannot tell. */
  symbol(name: string): bigint | null;
  /**
   * Binds an exported function; `null` where it is missing.
   *
   * @param seldom Whether it is called so seldom that what it takes to bind it counts more than what a call does.
   */
  bind(name: string, arity: number, result: NativeResult, seldom?: boolean): NativeFunction | null;
}

/** One runtime's way to call C. */
export interface NativeRuntime {
  /** Which runtime this is. */
  readonly name: "deno" | "bun" | "node";
  /** Whether bound functions take whole numbers, too, as words that a number holds. */
  readonly takesNumbers?: boolean | undefined;
  /** The address of a view's first byte. The buffer must stay referenced while C may use it. */
  address(view: Uint8Array): bigint;
  /**
   * Memory for C, zero-filled, where an ordinary buffer would be freed with the thread that made it, though a worker
   * thread's call still writes there: this lives on while that thread holds it.
   */
  allocate?(size: number): ArrayBuffer;
  /** Memory for words that outlive the calling thread, zero-filled and never given back; its address. */
  allocateForGood?(words: number): bigint;
  /** Takes memory from the C library and gives it back at once, where ordinary buffers are not from there. */
  allocateAndFree?(size: number): void;
  /** Writes a word. */
  write?(address: bigint, word: number): void;
  /** Copies native memory at `address` into `into`. */
  read(address: bigint, into: Uint8Array): void;
  /** Whether a library may be opened without asking the program's user for permission first. */
  allows(path: string): boolean;
  /** Whether something may be looked at without the user being asked, in the words of Deno's permissions. */
  permits?(descriptor: Record<string, string>): boolean;
  /** Opens a library; throws the loader's own error. */
  open(path: string): NativeLibrary;
  /** A value the kernel gave this process (getauxval(3)); null where it cannot be told without asking for permission. */
  auxiliaryValue?(type: bigint): bigint | null;
  /** A number of the calling thread, by which another can ask whether it is still there; 0 where that cannot be told. */
  threadId?(): number;
  /** Whether a thread is still there. */
  threadAlive?(id: number): boolean;
  /**
   * For a runtime that ends the process while its threads may be inside C: the exit handlers of the libraries that are
   * open now, which free what those threads use, will not run.
   */
  leaveAtOnce?(): void;
  /** Asks, where `leaveAtOnce` is there and the program has nothing more to do, whether something is to be done first. */
  beforeEnd?(isHeldUp: () => boolean): void;
  /** For a runtime that waits at its end for threads that may be inside C for ever: ends the process at once (_exit(2)). */
  endProcess?(code: number): void;
  /** Binds a function by its address. */
  bindAddress(address: bigint, arity: number, result: NativeResult): NativeFunction;
}

/** A lock of the C library, for calls that must be made by one thread at a time. */
export interface CallLock {
  /** A library to reach the C library through. */
  readonly path: string;
  /** Address of the mutex. */
  readonly address: bigint;
}

/** Where a bound function comes from, in a form that another thread can bind again. */
export type NativeSource =
  | { readonly kind: "symbol"; readonly path: string; readonly name: string }
  | { readonly kind: "address"; readonly address: bigint };

/** How the C compiler of this platform lays out PKCS#11 structures. */
export interface Abi {
  /** Bytes of a `CK_ULONG`: 8 on LP64 systems, 4 on Windows and 32-bit systems. */
  readonly ulong: 4 | 8;
  /** Whether structures are packed to one byte, as Cryptoki requires on Windows. */
  readonly packed: boolean;
}
