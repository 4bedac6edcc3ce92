/** Calls that are made again and again, each time with other words: a job of many calls that is laid out as a few. */
import type { BoundFunction } from "../tables/cryptoki.ts";
import { invoke } from "../tables/invoke.ts";
import type { JobResult, NativeCall } from "./job_slots.ts";

/** A call of a job: its words, as many as it has parameters, or a row of as many for each time it is made. */
export interface JobCall {
  /** The function. */
  readonly fn: BoundFunction;
  /** Its words. */
  readonly args: ArrayLike<bigint>;
}

/** Calls to make in order, up to the first that does not return CKR_OK. */
export type Step = readonly NativeCall[] | RepeatedCalls;

/** Calls made in order, as many times as there are rows of words, up to the first that fails. */
export class RepeatedCalls {
  /** The calls: their words are rows, or the same each time. */
  readonly calls: readonly JobCall[];
  /** How many times they are made. */
  readonly times: number;

  /** Repeats calls. */
  constructor(calls: readonly JobCall[], times: number) {
    this.calls = calls;
    this.times = times;
  }

  /** How many calls that are. */
  get length(): number {
    return this.calls.length * this.times;
  }

  /** The calls as they are made one by one. */
  all(): NativeCall[] {
    const all: NativeCall[] = [];
    for (let time = 0; time < this.times; time++) {
      for (const { fn, args } of this.calls) {
        const words: bigint[] = [];
        for (let at = args.length > fn.arity ? time * fn.arity : 0; words.length < fn.arity; at++) {
          words.push(args[at]!);
        }
        all.push({ fn, args: words });
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
