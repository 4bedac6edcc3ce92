/** Which worker threads are making calls, for those who come after the thread that has started them. */
import { nativeRuntime } from "../runtime/runtime.ts";

/** Worker threads whose numbers are written down while they make calls. */
export const MARKS = 64;
let marks: bigint | undefined;
let marked = 0;

/**
 * Where the numbers of the worker threads of this thread stand while they make calls, in memory that outlives it: whoever
 * cleans up after a thread that was terminated can tell whether calls it has begun are still under way. 0 where threads
 * that are terminated wait for their calls themselves.
 */
export function threadMarks(): bigint {
  return marks ??= nativeRuntime().allocateForGood?.(MARKS) ?? 0n;
}

/** Where the next thread writes its own down; 0 where none does. */
export function threadMark(): bigint {
  const first = threadMarks();
  return first === 0n ? 0n : first + BigInt(marked++ % MARKS * 8);
}
