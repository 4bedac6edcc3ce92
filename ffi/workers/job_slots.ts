/** Jobs, and the shared memory in which they lie: their calls, how far they are, what came of them, how long they take. */
import type { Block } from "../memory/block.ts";
import type { BoundFunction } from "../tables/cryptoki.ts";
import type { PooledWorker } from "./pooled_worker.ts";
import { type JobCall, type Progress, wordCount } from "./repeated_calls.ts";
import { JOB_STATE, LAYOUT } from "./worker_main.ts";

/** Words of a call before its arguments: the function and what it returned. */
const CALL_HEAD = 2;
/** Where in the upper half of a call's first word the pitch of its rows begins. */
const PITCH_SHIFT = 8;

/** One call of a job. */
export interface NativeCall {
  /** The function. */
  readonly fn: BoundFunction;
  /** Its words, as many as it has parameters. */
  readonly args: readonly bigint[];
  /** Whether an answer leads on, though it is no success: the call was only tried. For those who are told of it. */
  readonly leadsOn?: ((rv: number) => boolean) | undefined;
}

/** What came of a job. */
export interface JobResult {
  /** What the last call that ran returned. */
  value: number | bigint;
  /** Index of the call that failed, or of the first that did not run; the number of calls when all succeeded. */
  stopped: number;
  /** Whether the job was cancelled between two calls. */
  cancelled: boolean;
  /** How long the worker ran it. */
  microseconds: number;
}

/** Told what came of a job: a result, or the error of a worker that died. */
export type JobDone = (result: JobResult | null, error: Error | null) => void;

/** A job under way; `cancel` stops it before its next call. */
export interface PendingJob {
  /** No further call of this job starts. Returns whether none had started. */
  cancel(): boolean;
  /** Says that nobody waits for this job any more, so that a call that never returns does not cost a worker. */
  abandon(): void;
  /** Waits in place until the job has run, and tells what came of it; one that has not begun is run here. */
  finish(): void;
}

/** What the pool of a job does to it. */
export interface JobOwner {
  /** {@linkcode PendingJob.cancel} */
  cancel(job: Job): boolean;
  /** {@linkcode PendingJob.abandon} */
  abandon(job: Job): void;
  /** {@linkcode PendingJob.finish} */
  finish(job: Job): void;
}

/** A job of the pool. */
export class Job implements PendingJob {
  /** What is called. */
  readonly calls: readonly JobCall[];
  /** How many times. */
  readonly times: number;
  /** Who is told. */
  readonly done: JobDone;
  /** Memory the calls use. */
  readonly block: Block | null;
  /** Told while it runs how many calls have succeeded. */
  readonly progress: Progress | null;
  /** A number that jobs have in common which take about as long when they end with the same call. */
  readonly kind: number;
  /** Its place in shared memory; -1 while it has none. */
  slot = -1;
  /** Where its words lie when they do not fit there. */
  area: BigUint64Array<SharedArrayBuffer> | null = null;
  /** Who holds it. */
  worker: PooledWorker | null = null;
  /** How many jobs its worker had been given when it was given this one. */
  number = 0;
  readonly #owner: JobOwner;

  /** A job that nobody holds yet. */
  constructor(
    owner: JobOwner,
    calls: readonly JobCall[],
    times: number,
    done: JobDone,
    block: Block | null,
    kind: number,
    progress: Progress | null,
  ) {
    this.#owner = owner;
    this.calls = calls;
    this.times = times;
    this.done = done;
    this.block = block;
    this.kind = kind;
    this.progress = progress;
  }

  cancel(): boolean {
    return this.#owner.cancel(this);
  }

  abandon(): void {
    this.#owner.abandon(this);
  }

  finish(): void {
    this.#owner.finish(this);
  }
}

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
  readonly #free: number[] = Array.from({ length: LAYOUT.slots }, (_, i) => LAYOUT.slots - 1 - i);

  /** Places that are free. */
  get room(): number {
    return this.#free.length;
  }

  /** Gives a place back that no worker will look at. */
  give(slot: number): void {
    this.#free.push(slot);
  }

  /** Gives places back. */
  giveAll(slots: Iterable<number>): void {
    for (const slot of slots) this.give(slot);
  }

  /** Writes a job into a free place, ready to be run. */
  place(job: Job): void {
    const slot = this.#free.pop()!;
    const { times } = job;
    let needed: number = LAYOUT.calls;
    for (const call of job.calls) needed += CALL_HEAD + wordCount(call, times);
    const long = needed > LAYOUT.words;
    job.slot = slot;
    job.area = long ? new BigUint64Array(new SharedArrayBuffer(needed * 8)) : null;
    const words = job.area ?? this.#words;
    const halves = this.#halvesOf(job);
    let at = this.#callsOf(job);
    for (const call of job.calls) {
      const { fn, args } = call;
      halves[at * 2] = fn.id;
      halves[at * 2 + 1] = "write" in args ? fn.arity | fn.arity << PITCH_SHIFT : args.length;
      at += CALL_HEAD;
      if ("write" in args) args.write(words, at);
      else for (let i = 0; i < args.length; i++) words[at + i] = args[i]!;
      at += wordCount(call, times);
    }
    const head = slot * LAYOUT.words * 2;
    this.#states[head + LAYOUT.count] = job.calls.length;
    this.#states[head + LAYOUT.times] = times;
    this.#states[head + LAYOUT.waited] = 0;
    this.#states[head + LAYOUT.stopped] = 0;
    Atomics.store(this.#states, head + LAYOUT.state, JOB_STATE.queued);
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

  /** Waits in place until a job has run, up to a time of `performance.now`. Returns whether it has. */
  wait(job: Job, end: number = Infinity): boolean {
    const state = stateOf(job);
    Atomics.store(this.#states, job.slot * LAYOUT.words * 2 + LAYOUT.waited, 1);
    for (let now = Atomics.load(this.#states, state); now !== JOB_STATE.done;) {
      if (Atomics.wait(this.#states, state, now, end - performance.now()) === "timed-out") return false;
      now = Atomics.load(this.#states, state);
    }
    return true;
  }

  /** How many calls of a job that runs have succeeded, as far as it has told. */
  succeeded(job: Job): number {
    return Atomics.load(this.#states, job.slot * LAYOUT.words * 2 + LAYOUT.stopped);
  }

  /** What came of a job that has run. */
  outcome(job: Job): Outcome {
    const head = job.slot * LAYOUT.words * 2;
    const { calls, times } = job;
    const stopped = this.#states[head + LAYOUT.stopped]!;
    const cancelled = this.#states[head + LAYOUT.cancelled] === 1;
    const microseconds = this.#states[head + LAYOUT.duration]!;
    const made = this.#states[head + LAYOUT.made]!;
    if (made === 0) return { result: { value: 0, stopped, cancelled, microseconds }, last: null };
    const last = (made - 1) % calls.length;
    let at = this.#callsOf(job);
    for (let i = 0; i < last; i++) at += CALL_HEAD + wordCount(calls[i]!, times);
    const { fn } = calls[last]!;
    let value: number | bigint;
    if (fn.result === "u64") value = (job.area ?? this.#words)[at + 1]!;
    else {
      // No bigint is made for it.
      const half = this.#halvesOf(job)[(at + 1) * 2]!;
      value = fn.result === "u32" ? half >>> 0 : half;
    }
    return { result: { value, stopped, cancelled, microseconds }, last: fn };
  }

  #exchange(job: Job, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#states, stateOf(job), from, to) === from;
  }

  /** The words of a job as 32-bit integers. */
  #halvesOf({ area }: Job): Int32Array {
    return area ? new Int32Array(area.buffer) : this.#states;
  }

  /** Where the calls of a job begin among its words. */
  #callsOf({ area, slot }: Job): number {
    return (area ? 0 : slot * LAYOUT.words) + LAYOUT.calls;
  }
}

function stateOf({ slot }: Job): number {
  return slot * LAYOUT.words * 2 + LAYOUT.state;
}

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
