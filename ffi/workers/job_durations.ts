/** How long jobs take, learned from those that have run: what is short travels and waits differently from what is long. */
import type { BoundFunction } from "../tables/cryptoki.ts";
import type { Job } from "./job_slots.ts";

/** Longest known run of a job, in µs, that goes to a worker that is awake rather than to one that is idle. */
export const SHORT_JOB = 30;
/** Calls of a job whose run is told by its last call. */
const MAX_CALLS = 4;
/** Kinds of jobs whose runs are remembered. */
const MAX_KINDS = 4096;
/** Functions that are told apart. */
const MAX_FUNCTIONS = 4096;

/** What the jobs of a pool have taken, by their kind and the function they end with. */
export class JobDurations {
  readonly #known = new Map<number, number>();

  /** How long a job is likely to run, in µs; Infinity where that is not known. */
  of({ calls, times, kind }: Pick<Job, "calls" | "times" | "kind">): number {
    if (calls.length * times > MAX_CALLS) return Infinity;
    return this.#known.get(keyOf(calls[calls.length - 1]!.fn, kind)) ?? Infinity;
  }

  /** A job has run. */
  took(last: BoundFunction, kind: number, microseconds: number): void {
    const key = keyOf(last, kind);
    const known = this.#known.get(key);
    if (known === undefined && this.#known.size >= MAX_KINDS) this.#known.clear();
    // One run that the system has interrupted says little.
    const counted = known === undefined ? microseconds : Math.min(microseconds, known * 2 + SHORT_JOB);
    this.#known.set(key, (known ?? counted) * 0.75 + counted * 0.25);
  }
}

function keyOf({ id }: BoundFunction, kind: number): number {
  return kind * MAX_FUNCTIONS + id % MAX_FUNCTIONS;
}
