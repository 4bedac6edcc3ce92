// How work grows with its input. Time alone says nothing on a busy machine: the process's own is compared within one run.
import { assert } from "@std/assert";
import { ownTime } from "./own_time.ts";

const factor = 8;
/** Between what linear growth gives (8) and what quadratic growth gives (64). */
const most = 24;
/** A disturbance passes; growth does not. */
const attempts = 8;

/** Asserts that the time of its own that `run` takes grows in step with its size. */
export function assertLinear(run: (size: number) => unknown, size: number, what = "the time"): void {
  const timeOf = (size: number): number => {
    const start = ownTime();
    run(size);
    return ownTime() - start;
  };
  timeOf(size / factor);
  let [ratio, small, large] = [Infinity, Infinity, Infinity];
  for (let attempt = 0; attempt < attempts && ratio > most; attempt++) {
    small = Math.min(small, timeOf(size / factor), timeOf(size / factor));
    large = Math.min(large, timeOf(size));
    // What takes next to no time is noise: compilers and collectors work in the same process, and a collection of all that
    // other tests have left there is the work of the larger input alone.
    ratio = large / Math.max(small, 8);
  }
  assert(ratio <= most, `${what} grows ${ratio.toFixed(0)} times as its input grows ${factor} times`);
}
