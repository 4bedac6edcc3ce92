/**
 * Worker threads that make native calls against the caller's memory. A job is a list of calls, run in order up to the
 * first that fails; its words lie in shared memory, so messages carry only the numbers of jobs. Several ready jobs for a
 * worker travel in one message and their results come back in one.
 */
import os from "node:os";
import process from "node:process";
import { nativeRuntime } from "../runtime/runtime.ts";
import type { Block } from "../memory/block.ts";
import { invoke } from "../tables/invoke.ts";
import {
  type Job,
  type JobDone,
  type JobResult,
  type NativeCall,
  type PendingJob,
  PooledWorker,
} from "./pooled_worker.ts";
import { JOB_STATE, LAYOUT } from "./worker_main.ts";

export type { JobDone, JobResult, NativeCall, PendingJob };

/** Longest known run of a job, in µs, that may travel together with others. */
const FAST_JOB = 200;
const MAX_BATCH = 16;
/** Short jobs a worker may hold before more are given to it; with a batch more they fit its inbox. */
const MAX_AHEAD = 8;
const NEVER_RAN: JobResult = { value: 0, stopped: 0, cancelled: true, microseconds: 0 };
/** Words of a call before its arguments: the function and what it returned. */
const CALL_HEAD = 2;

/** A pool of worker threads: started on first use, unref'ed when idle, replaced when stuck in an abandoned call. */
export class WorkerPool {
  readonly #size: number;
  readonly #memory: SharedArrayBuffer = new SharedArrayBuffer(LAYOUT.slots * LAYOUT.words * 8);
  readonly #states: Int32Array = new Int32Array(this.#memory);
  readonly #words: BigUint64Array = new BigUint64Array(this.#memory);
  readonly #freeSlots: number[] = Array.from({ length: LAYOUT.slots }, (_, i) => LAYOUT.slots - 1 - i);
  readonly #ready: Job[] = [];
  readonly #workers: PooledWorker[] = [];
  readonly #durations = new Map<number, number>();
  readonly #ending = new Set<Promise<void>>();
  #scheduled = false;
  #watching = false;

  /** A pool of at most `size` workers; by default as many as there are processors, at least 2 and at most 8. */
  constructor(size?: number) {
    this.#size = size ?? Math.min(8, Math.max(2, os.availableParallelism?.() ?? os.cpus().length));
  }

  /** Worker threads alive. */
  get threads(): number {
    return this.#workers.length;
  }

  /** Starts the first worker, for a job that comes soon: a thread takes longer to start than a module to be found. */
  start(): void {
    if (this.#workers.length === 0) this.#addWorker();
  }

  /**
   * Queues a job; it starts in a microtask, together with others that are ready by then.
   *
   * @param block Memory the calls use, which the worker holds meanwhile.
   */
  run(calls: readonly NativeCall[], done: JobDone, block: Block | null = null): PendingJob {
    const job: Job = { calls, done, block, slot: -1, area: null, worker: null };
    this.#ready.push(job);
    this.#schedule();
    return {
      cancel: () => this.#cancel(job),
      abandon: () => this.#abandon(job),
      finish: () => this.#finish(job),
    };
  }

  /** Ends every worker; for programs and tests that want no thread left. Jobs under way must have ended. */
  async close(): Promise<void> {
    for (const worker of this.#workers.splice(0)) this.#end(worker);
    await Promise.all(this.#ending);
  }

  #end(worker: PooledWorker): void {
    this.#freeSlots.push(...worker.settled);
    worker.settled.clear();
    const ended = worker.end().finally(() => {
      // It looks at none of them any more.
      this.#freeSlots.push(...worker.retired.splice(0));
      this.#ending.delete(ended);
    });
    this.#ending.add(ended);
  }

  /**
   * Deno ends its worker threads while the process already runs its exit handlers. A thread that has called a module then
   * runs that module's destructors beside the ones of its libraries, OpenSSL's for one, and crashes now and then. The
   * threads are ended before that. `exit()` leaves no time for it, and a thread may be inside a call for long: then the
   * handlers are passed over.
   */
  #watchExit(): void {
    if (this.#watching || nativeRuntime().threadAlive === undefined) return;
    this.#watching = true;
    nativeRuntime().leaveAtOnce?.();
    process.on("beforeExit", () => {
      if (this.#workers.length > 0 || this.#ending.size > 0) void this.close();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#ready.length > 0) {
      const worker = this.#idleWorker() ?? this.#shortlyIdleWorker();
      if (!worker) return;
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      worker.fast = batch.every((job) => this.#isFast(job));
      worker.send(batch);
    }
  }

  /** A worker whose jobs are all short may have a few more waiting, so that it never waits for an answer to arrive. */
  #shortlyIdleWorker(): PooledWorker | null {
    if (!this.#isFast(this.#ready[0]!)) return null;
    let best: PooledWorker | null = null;
    for (const worker of this.#workers) {
      if (worker.stuck || !worker.fast || worker.jobs >= MAX_AHEAD) continue;
      if (!best || worker.jobs < best.jobs) best = worker;
    }
    return best;
  }

  #idleWorker(): PooledWorker | null {
    let live = 0;
    for (const worker of this.#workers) {
      if (worker.idle) return worker;
      if (!worker.stuck) live++;
    }
    return live < this.#size ? this.#addWorker() : null;
  }

  #addWorker(): PooledWorker {
    const worker: PooledWorker = new PooledWorker(
      this.#memory,
      threadMark(),
      (slots) => this.#finished(worker, slots),
      (error) => this.#lost(worker, error),
    );
    this.#workers.push(worker);
    this.#watchExit();
    return worker;
  }

  /** The jobs of the next message: several only if all of them are known to be short. */
  #takeBatch(): Job[] {
    const share = Math.min(MAX_BATCH, Math.ceil(this.#ready.length / this.#size));
    const batch: Job[] = [];
    while (batch.length < share && this.#ready.length > 0 && this.#freeSlots.length > 0) {
      const job = this.#ready[0]!;
      const fast = this.#isFast(job);
      if (!fast && batch.length > 0) break;
      this.#ready.shift();
      this.#place(job);
      batch.push(job);
      if (!fast) break;
    }
    return batch;
  }

  #isFast(job: Job): boolean {
    const last = job.calls[job.calls.length - 1]!;
    return job.calls.length <= 4 && (this.#durations.get(last.fn.id) ?? Infinity) < FAST_JOB;
  }

  #place(job: Job): void {
    const slot = this.#freeSlots.pop()!;
    let needed: number = LAYOUT.calls;
    for (const call of job.calls) needed += CALL_HEAD + call.args.length;
    const long = needed > LAYOUT.words;
    job.slot = slot;
    job.area = long ? { slot, words: new BigUint64Array(new SharedArrayBuffer(needed * 8)) } : null;
    const words = job.area?.words ?? this.#words;
    let at = (long ? 0 : slot * LAYOUT.words) + LAYOUT.calls;
    for (const { fn, args } of job.calls) {
      words[at] = BigInt(fn.id) | BigInt(args.length) << 32n;
      for (let i = 0; i < args.length; i++) words[at + CALL_HEAD + i] = args[i]!;
      at += CALL_HEAD + args.length;
    }
    const head = slot * LAYOUT.words * 2;
    this.#states[head + LAYOUT.count] = job.calls.length;
    Atomics.store(this.#states, head + LAYOUT.state, JOB_STATE.queued);
  }

  #finished(worker: PooledWorker, slots: readonly number[]): void {
    for (const slot of slots) {
      const job = worker.take(slot);
      if (job === undefined && !worker.settled.delete(slot)) continue;
      this.#freeSlots.push(slot);
      if (job !== undefined) this.#settle(job);
    }
    if (worker.quiet) this.#freeSlots.push(...worker.retired.splice(0));
    if (worker.jobs === 0 && worker.stuck) this.#takeIn(worker);
    if (this.#ready.length > 0) this.#dispatch();
  }

  /** The call that held a worker has returned: the worker works again, unless another has taken its place. */
  #takeIn(worker: PooledWorker): void {
    if (this.#workers.filter((other) => !other.stuck).length < this.#size) {
      worker.stuck = false;
      return;
    }
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    this.#end(worker);
  }

  #settle(job: Job): void {
    const head = job.slot * LAYOUT.words * 2;
    const words = job.area?.words ?? this.#words;
    const stopped = this.#states[head + LAYOUT.stopped]!;
    const cancelled = this.#states[head + LAYOUT.cancelled] === 1;
    // What ran last: the call that failed, or the one before the first that did not run.
    const last = cancelled ? stopped - 1 : Math.min(stopped, job.calls.length - 1);
    let at = (job.area ? 0 : job.slot * LAYOUT.words) + LAYOUT.calls;
    for (let i = 0; i < last; i++) at += CALL_HEAD + job.calls[i]!.args.length;
    let value: number | bigint = 0;
    const microseconds = this.#states[head + LAYOUT.duration]!;
    if (last >= 0) {
      const fn = job.calls[last]!.fn;
      const word = words[at + 1]!;
      value = fn.result === "u64" ? word : Number(fn.result === "i32" ? BigInt.asIntN(32, word) : word);
      const known = this.#durations.get(fn.id);
      this.#durations.set(fn.id, known === undefined ? microseconds : known * 0.75 + microseconds * 0.25);
    }
    job.slot = -1;
    job.worker = null;
    job.done({ value, stopped, cancelled, microseconds }, null);
  }

  /** Waits in place for a job that runs; one that no worker has begun is run here. */
  #finish(job: Job): void {
    const { slot, worker } = job;
    if (slot < 0) {
      const index = this.#ready.indexOf(job);
      if (index < 0) return;
      this.#ready.splice(index, 1);
    } else if (!this.#takeBack(job)) {
      const state = slot * LAYOUT.words * 2 + LAYOUT.state;
      for (let now = this.#stateAt(state); now !== JOB_STATE.done; now = this.#stateAt(state)) {
        Atomics.wait(this.#states, state, now);
      }
      // The worker's answer is still to come, and with it the slot.
      worker!.take(slot);
      worker!.settled.add(slot);
      return this.#settle(job);
    }
    job.done(runHere(job.calls), null);
  }

  #stateAt(index: number): number {
    return Atomics.load(this.#states, index);
  }

  #cancel(job: Job): boolean {
    if (job.slot < 0) {
      const index = this.#ready.indexOf(job);
      if (index < 0) return false;
      this.#ready.splice(index, 1);
      job.done(NEVER_RAN, null);
      return true;
    }
    if (this.#takeBack(job)) {
      job.done(NEVER_RAN, null);
      return true;
    }
    const state = job.slot * LAYOUT.words * 2 + LAYOUT.state;
    Atomics.compareExchange(this.#states, state, JOB_STATE.running, JOB_STATE.cancelled);
    return false;
  }

  /** Takes a job that has not started away from its worker. */
  #takeBack(job: Job): boolean {
    const worker = job.worker;
    const state = job.slot * LAYOUT.words * 2 + LAYOUT.state;
    if (!worker) return false;
    if (Atomics.compareExchange(this.#states, state, JOB_STATE.queued, JOB_STATE.revoked) !== JOB_STATE.queued) {
      return false;
    }
    worker.take(job.slot);
    // The worker still holds the number: the slot is not used again before this worker has answered.
    worker.retired.push(job.slot);
    job.slot = -1;
    job.area = null;
    job.worker = null;
    return true;
  }

  #abandon(job: Job): void {
    const worker = job.worker;
    if (!worker || worker.stuck) return;
    worker.stuck = true;
    // Jobs behind the one that may never return go to another worker.
    for (const other of worker.pending().reverse()) {
      if (other !== job && this.#takeBack(other)) this.#ready.unshift(other);
    }
    if (this.#ready.length > 0) this.#schedule();
  }

  #lost(worker: PooledWorker, error: Error): void {
    const index = this.#workers.indexOf(worker);
    if (index >= 0) this.#workers.splice(index, 1);
    this.#freeSlots.push(...worker.retired.splice(0), ...worker.settled);
    worker.settled.clear();
    for (const job of worker.pending()) {
      this.#freeSlots.push(job.slot);
      job.slot = -1;
      job.worker = null;
      job.done(null, error);
    }
    if (this.#ready.length > 0) this.#schedule();
  }
}

function runHere(calls: readonly NativeCall[]): JobResult {
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

function threadMark(): bigint {
  const first = threadMarks();
  return first === 0n ? 0n : first + BigInt(marked++ % MARKS * 8);
}

let shared: WorkerPool | null = null;

/** The pool of this thread, made on first use. */
export function workerPool(): WorkerPool {
  shared ??= new WorkerPool();
  return shared;
}
