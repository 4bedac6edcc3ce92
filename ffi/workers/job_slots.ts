/** Shared memory in which jobs lie: their calls, how far they are, what came of them. */
import type { BoundFunction } from "../tables/cryptoki.ts";
import type { Job, JobResult } from "./pooled_worker.ts";
import { JOB_STATE, LAYOUT } from "./worker_main.ts";

/** Words of a call before its arguments: the function and what it returned. */
const CALL_HEAD = 2;
/** No call has as many arguments. */
const MAX_COUNT = 256;
/** First words that are kept. */
const MAX_HEADS = 4096;

/** What came of a job, and the function that ran last. */
export interface Outcome {
  readonly result: JobResult;
  /** `null` where none has run. */
  readonly last: BoundFunction | null;
}

/** The places of the jobs of one pool. */
export class JobSlots {
  /** The memory, for the workers. */
  readonly memory: SharedArrayBuffer = new SharedArrayBuffer(LAYOUT.slots * LAYOUT.words * 8);
  readonly #states: Int32Array = new Int32Array(this.memory);
  readonly #words: BigUint64Array = new BigUint64Array(this.memory);
  readonly #heads = new Map<number, bigint>();
  readonly #free: number[] = Array.from({ length: LAYOUT.slots }, (_, i) => LAYOUT.slots - 1 - i);

  /** Places that are free. */
  get room(): number {
    return this.#free.length;
  }

  /** Gives places back that no worker will look at. */
  give(slots: Iterable<number>): void {
    for (const slot of slots) this.#free.push(slot);
  }

  /** Writes a job into a free place, ready to be run. */
  place(job: Job): void {
    const slot = this.#free.pop()!;
    let needed: number = LAYOUT.calls;
    for (const { args } of job.calls) needed += CALL_HEAD + args.length;
    const long = needed > LAYOUT.words;
    job.slot = slot;
    job.area = long ? { slot, words: new BigUint64Array(new SharedArrayBuffer(needed * 8)) } : null;
    const words = this.#wordsOf(job);
    let at = this.#callsOf(job);
    for (const { fn, args } of job.calls) {
      words[at] = this.#headOf(fn.id, args.length);
      for (let i = 0; i < args.length; i++) words[at + CALL_HEAD + i] = args[i]!;
      at += CALL_HEAD + args.length;
    }
    const head = slot * LAYOUT.words * 2;
    this.#states[head + LAYOUT.count] = job.calls.length;
    Atomics.store(this.#states, head + LAYOUT.state, JOB_STATE.queued);
  }

  /** The first word of a call. A job of many calls is one of few functions. */
  #headOf(id: number, count: number): bigint {
    if (this.#heads.size >= MAX_HEADS) this.#heads.clear();
    const key = id * MAX_COUNT + count;
    let head = this.#heads.get(key);
    if (head === undefined) this.#heads.set(key, head = BigInt(id) | BigInt(count) << 32n);
    return head;
  }

  /** Keeps a job from being run. Returns whether it had not been begun. */
  revoke(job: Job): boolean {
    return this.#exchange(job, JOB_STATE.queued, JOB_STATE.revoked);
  }

  /** Whether a job has been begun and has not ended. */
  isRunning(job: Job): boolean {
    return Atomics.load(this.#states, stateOf(job)) === JOB_STATE.running;
  }

  /** Keeps a job that runs from making its next call. */
  stop(job: Job): void {
    this.#exchange(job, JOB_STATE.running, JOB_STATE.cancelled);
  }

  /** Waits in place until a job has run. */
  wait(job: Job): void {
    const state = stateOf(job);
    for (let now = Atomics.load(this.#states, state); now !== JOB_STATE.done;) {
      Atomics.wait(this.#states, state, now);
      now = Atomics.load(this.#states, state);
    }
  }

  /** What came of a job that has run. */
  outcome(job: Job): Outcome {
    const head = job.slot * LAYOUT.words * 2;
    const { calls } = job;
    const stopped = this.#states[head + LAYOUT.stopped]!;
    const cancelled = this.#states[head + LAYOUT.cancelled] === 1;
    const microseconds = this.#states[head + LAYOUT.duration]!;
    // What ran last: the call that failed, or the one before the first that did not run.
    const last = cancelled ? stopped - 1 : Math.min(stopped, calls.length - 1);
    if (last < 0) return { result: { value: 0, stopped, cancelled, microseconds }, last: null };
    let at = this.#callsOf(job);
    for (let i = 0; i < last; i++) at += CALL_HEAD + calls[i]!.args.length;
    const { fn } = calls[last]!;
    const word = this.#wordsOf(job)[at + 1]!;
    const value = fn.result === "u64" ? word : Number(fn.result === "i32" ? BigInt.asIntN(32, word) : word);
    return { result: { value, stopped, cancelled, microseconds }, last: fn };
  }

  #exchange(job: Job, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#states, stateOf(job), from, to) === from;
  }

  #wordsOf({ area }: Job): BigUint64Array {
    return area?.words ?? this.#words;
  }

  /** Where the calls of a job begin among its words. */
  #callsOf({ area, slot }: Job): number {
    return (area ? 0 : slot * LAYOUT.words) + LAYOUT.calls;
  }
}

function stateOf({ slot }: Job): number {
  return slot * LAYOUT.words * 2 + LAYOUT.state;
}
