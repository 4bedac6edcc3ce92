// How work grows with its input. Time alone says nothing on a busy machine: it is compared within one run.
import { assert } from "@std/assert";

const factor = 8;
/** Between what linear growth gives (8) and what quadratic growth gives (64). */
const most = 24;
/** A disturbance passes; growth does not. */
const attempts = 8;

/** Asserts that the time `run` takes grows in step with its size. */
export function assertLinear(run: (size: number) => unknown, size: number, what = "the time"): void {
  const timeOf = (size: number): number => {
    const start = performance.now();
    run(size);
    return performance.now() - start;
  };
  timeOf(size / factor);
  let ratio = Infinity;
  for (let attempt = 0; attempt < attempts && ratio > most; attempt++) {
    // What takes next to no time is not measured but noise.
    const small = Math.max(Math.min(timeOf(size / factor), timeOf(size / factor)), 0.2);
    ratio = Math.min(ratio, timeOf(size) / small);
  }
  assert(ratio <= most, `${what} grows ${ratio.toFixed(0)} times as its input grows ${factor} times`);
}
