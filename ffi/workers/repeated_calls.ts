/** Calls that are made again and again, each time with other words: a job of many calls that is laid out as a few. */
import { type BoundFunction, invoke } from "../tables/cryptoki.ts";
import type { JobResult, NativeCall } from "./job_slots.ts";

/** Words of a call that is repeated: a row for each time. */
export interface RowWords {
  /** Writes them one after the other. */
  write(words: BigUint64Array, at: number): void;
}

/** A call of a job: its words, as many as it has parameters, or a row of as many for each time it is made. */
export interface JobCall {
  /** The function. */
  readonly fn: BoundFunction;
  /** Its words. */
  readonly args: readonly bigint[] | RowWords;
}

/** How many words those of a call are that is made so many times. */
export function wordCount({ fn, args }: JobCall, times: number): number {
  return "write" in args ? fn.arity * times : args.length;
}

/** Calls to make in order, up to the first that does not return CKR_OK. */
export type Step = readonly NativeCall[] | RepeatedCalls;

/** Told how many calls of a job have succeeded while others are still made. */
export type Progress = (succeeded: number) => void;

/**
 * Calls made in order, as many times as there are rows of words, up to the first that fails. On a worker thread they end
 * sooner where that takes long, as others may wait for it: what is left is for the next job.
 */
export class RepeatedCalls {
  /** The calls: their words are rows, or the same each time. */
  readonly calls: readonly JobCall[];
  /** How many times they are made. */
  readonly times: number;
  /** Told now and then while they are made. */
  readonly progress: Progress | null;

  /** Repeats calls. */
  constructor(calls: readonly JobCall[], times: number, progress: Progress | null = null) {
    this.calls = calls;
    this.times = times;
    this.progress = progress;
  }

  /** How many calls that are. */
  get length(): number {
    return this.calls.length * this.times;
  }

  /** The calls as they are made one by one. */
  all(): NativeCall[] {
    const { calls, times } = this;
    const all: NativeCall[] = new Array(this.length);
    for (const [index, call] of calls.entries()) {
      const { fn, args } = call;
      const rows = new BigUint64Array("write" in args ? wordCount(call, times) : 0);
      if ("write" in args) args.write(rows, 0);
      for (let time = 0, at = 0; time < times; time++) {
        let words = args as readonly bigint[];
        if ("write" in args) {
          const row: bigint[] = words = [];
          for (const end = at + fn.arity; at < end; at++) row.push(rows[at]!);
        }
        all[time * calls.length + index] = { fn, args: words };
      }
    }
    return all;
  }
}

/** The calls of a step one by one. */
export function callsOf(step: Step): readonly NativeCall[] {
  return step instanceof RepeatedCalls ? step.all() : step;
}

/** Runs calls in place, up to the first that answers anything but 0. */
export function runHere(calls: readonly NativeCall[]): JobResult {
  const started = performance.now();
  let value: number | bigint = 0;
  let stopped = 0;
  for (; stopped < calls.length; stopped++) {
    const { fn, args } = calls[stopped]!;
    value = invoke(fn, args) ?? 0;
    if (typeof value === "number" && value !== 0) break;
  }
  return { value, stopped, cancelled: false, microseconds: (performance.now() - started) * 1000 };
}
