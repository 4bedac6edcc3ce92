import { platform, processId } from "../../internal/runtime.ts";
import type { NativeFunction, NativeLibrary } from "../../ffi/runtime/native.ts";
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
