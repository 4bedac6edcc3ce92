/** What the C library does with memory that was freed. */
import { platform } from "../../internal/runtime.ts";
import { nativeRuntime } from "./runtime.ts";

/** Large enough for buffers of some mebibytes, and no larger than what glibc takes as a sign (mallopt(3)). */
const BLOCK = 0x1000000;

let isKept = false;

/**
 * Before large data goes to a module, which copies it: has the C library keep up to 32 MiB of what is freed from now on, for
 * what is allocated next. By itself glibc gives buffers of 128 KiB and more back to the kernel, which clears each page again
 * when it is touched anew: on a virtual machine that takes longer than to encrypt what is in it. It learns from the largest
 * block that was freed, so a single one is enough; it is never touched, and costs nothing. Elsewhere nothing happens, nor
 * where the program has set limits itself.
 */
export function expectLargeData(): void {
  if (isKept) return;
  isKept = true;
  if (platform !== "linux") return;
  const { allocateAndFree = transferAway } = nativeRuntime();
  allocateAndFree(BLOCK);
}

/** V8 has its buffers from the C library. */
function transferAway(size: number): void {
  try {
    new ArrayBuffer(size).transfer(0);
  } catch {
    // There is no room for it: memory is too dear here to be kept.
  }
}
