/**
 * Worker threads that make native calls against the caller's memory. A job is a list of calls, run in order up to the
 * first that fails; its words lie in shared memory, so messages carry only the numbers of jobs. Several ready jobs for a
 * worker travel in one message; results come back as they are there, as many at a time as the caller finds.
 */
import type { Block } from "../memory/block.ts";
import { AnotherThread, processors, START } from "./another_thread.ts";
import { hasNoThreads, hasThreads } from "./end_of_process.ts";
import {
  Job,
  type JobDone,
  JobDurations,
  type JobOwner,
  type JobResult,
  JobSlots,
  type NativeCall,
  type PendingJob,
  SHORT_JOB,
} from "./job_slots.ts";
import { PooledWorker } from "./pooled_worker.ts";
import { RepeatedCalls, runHere, type Step } from "./repeated_calls.ts";
import { threadMark } from "./thread_marks.ts";

export { runHere };
export type { JobDone, JobResult, NativeCall, PendingJob };

/** Longest known run of a job, in µs, that may travel together with others. */
const FAST_JOB = 200;
const MAX_BATCH = 16;
/** Fast jobs a worker may hold before more are given to it; with a batch more they fit its inbox. */
const MAX_AHEAD = 8;
/** So much work, in µs, is done by a worker that is awake before another would have woken up. */
const WAKE_UP = 200;
/** Short jobs a worker may hold: they fit its inbox. */
const MAX_HELD = 24;
/** After so many milliseconds without an answer a worker is given no more short jobs. */
const HELD_UP = 1;
/** After so many those that wait there go to another. */
const TAKEN_BACK = 10;
const NEVER_RAN: JobResult = { value: 0, stopped: 0, cancelled: true, microseconds: 0 };

/** A pool of worker threads: started on first use, unref'ed when idle, replaced when stuck in an abandoned call. */
export class WorkerPool {
  readonly #size: number;
  readonly #slots: JobSlots = new JobSlots();
  readonly #ready: Job[] = [];
  readonly #workers: PooledWorker[] = [];
  readonly #durations = new JobDurations();
  readonly #ending = new Map<PooledWorker, Promise<void>>();
  readonly #another: AnotherThread;
  readonly #owner: JobOwner = {
    cancel: (job) => this.#cancel(job),
    abandon: (job) => this.#abandon(job),
    finish: (job) => this.#finish(job),
  };
  #scheduled = false;
  #relief: ReturnType<typeof setTimeout> | undefined;

  /**
   * A pool of workers.
   *
   * @param size How many at most; by default as many as there are processors, at least 2 and at most 8.
   * @param patience How many milliseconds jobs wait for workers that are busy before another is started; by default about
   *   as long as that takes.
   * @throws {RangeError} When there would be no worker, or for a time that is none.
   */
  constructor(size?: number, patience: number = START) {
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      throw new RangeError(`Cannot make a pool of worker threads: size must be an integer above 0, got ${size}`);
    }
    if (!(patience >= 0 && patience < Infinity)) {
      throw new RangeError(`Cannot make a pool of worker threads: patience must be 0 or more ms, got ${patience}`);
    }
    this.#size = size ?? Math.min(8, Math.max(2, processors()));
    this.#another = new AnotherThread(patience, () => {
      if (this.#ready.length > 0 && this.#live() < this.#size) this.#addWorker();
      this.#dispatch();
    });
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
   * Queues a job; it starts in a microtask, together with others that are ready by then, or at once where a worker runs
   * beside this thread.
   *
   * @param block Memory the calls use, which is held meanwhile. Other memory must be held by who gives its address: what
   *   nobody holds is collected while C writes to it.
   * @param kind A number that jobs have in common which take about as long when they end with the same call.
   */
  run(step: Step, done: JobDone, block: Block | null = null, kind = 0): PendingJob {
    const { calls, times, progress } = step instanceof RepeatedCalls ? step : { calls: step, times: 1, progress: null };
    const job = new Job(this.#owner, calls, times, done, block, kind, progress);
    this.#ready.push(job);
    // A worker that would take this thread's processor is not woken before it is given all jobs of the turn.
    if (this.#workers.some(({ beside }) => beside)) this.#dispatch();
    else this.#schedule();
    return job;
  }

  /** Ends every worker; for programs and tests that want no thread left. Jobs under way must have ended. */
  async close(): Promise<void> {
    this.#another.rest();
    clearTimeout(this.#relief);
    this.#relief = undefined;
    for (const worker of this.#workers.splice(0)) this.#end(worker);
    await Promise.all(this.#ending.values());
  }

  /**
   * Begins no other call, and waits in place until those under way have returned; for the end of the process.
   *
   * @param end How long at most, as `performance.now` tells it.
   * @returns Whether they have.
   */
  settle(end: number): boolean {
    const jobs = [...this.#workers, ...this.#ending.keys()].flatMap((worker) => worker.pending());
    const begun = jobs.filter((job) => !this.#slots.revoke(job));
    for (const job of begun) this.#slots.stop(job);
    return begun.every((job) => this.#slots.wait(job, end));
  }

  #end(worker: PooledWorker): void {
    this.#slots.giveAll(worker.settled);
    worker.settled.clear();
    const ended = worker.end().finally(() => {
      // It will look at none of them any more.
      this.#slots.giveAll(worker.retired.splice(0));
      this.#ending.delete(worker);
      if (this.#workers.length === 0 && this.#ending.size === 0) hasNoThreads(this);
    });
    this.#ending.set(worker, ended);
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
    this.#giveOut();
    if (this.#ready.length === 0) this.#another.rest();
  }

  #giveOut(): void {
    while (this.#ready.length > 0) {
      const ahead = this.#worksAhead();
      const awake = ahead > 0 ? this.#awakeWorker(ahead) : null;
      const worker = awake ?? this.#nextWorker();
      if (!worker) return;
      const { jobs, longest } = this.#takeBatch(awake ? ahead - awake.jobs : Math.max(ahead, this.#share()));
      if (jobs.length === 0) return;
      worker.fast = longest < FAST_JOB;
      worker.short = longest < SHORT_JOB;
      worker.send(jobs);
      if (worker.jobs > 1) this.#watchHeldUp();
    }
  }

  /** Looks after a while whether jobs wait behind one that was taken for short, and may never return. */
  #watchHeldUp(): void {
    if (this.#relief !== undefined) return;
    this.#relief = setTimeout(() => this.#relieve(), TAKEN_BACK);
    (this.#relief as { unref?(): void }).unref?.();
  }

  #relieve(): void {
    this.#relief = undefined;
    const late = performance.now() - TAKEN_BACK;
    for (const worker of this.#workers) {
      if (worker.heard > late) continue;
      // It may have told of none before one that was not short after all.
      this.#settleAll(worker, worker.answers());
      // One that runs nothing is only about to start, or to be given a processor.
      if (worker.pending().some((job) => this.#slots.isRunning(job))) {
        worker.fast = worker.short = false;
        this.#takeAllBack(worker);
      }
    }
    if (this.#workers.some(({ jobs }) => jobs > 1)) this.#watchHeldUp();
    this.#dispatch();
  }

  /** Takes the jobs back that a worker has not begun; they are the next for others. */
  #takeAllBack(worker: PooledWorker, except: Job | null = null): void {
    for (const job of worker.pending().reverse()) if (job !== except && this.#takeBack(job)) this.#ready.unshift(job);
  }

  /** Jobs like the next that are done before another worker would have woken up; 0 where they are not that short. */
  #worksAhead(): number {
    const duration = this.#durations.of(this.#ready[0]!);
    return duration < SHORT_JOB ? Math.min(MAX_HELD, Math.ceil(WAKE_UP / duration)) : 0;
  }

  /** A worker that runs short jobs, holds fewer than so many, and is not held up by one that was not short after all. */
  #awakeWorker(ahead: number): PooledWorker | null {
    for (const worker of this.#workers) {
      if (worker.stuck || !worker.short || worker.jobs === 0 || worker.jobs >= ahead) continue;
      if (performance.now() - worker.heard < HELD_UP) return worker;
    }
    return null;
  }

  /** The worker for the next job. Of fast ones this thread has as much work, and is left a processor. */
  #nextWorker(): PooledWorker | null {
    if (this.#durations.of(this.#ready[0]!) >= FAST_JOB) return this.#idleWorker();
    const busy = this.#workers.filter(({ jobs, stuck }) => jobs > 0 && !stuck).length;
    const fast = busy < this.#size - 1 ? null : this.#shortlyIdleWorker();
    if (fast !== null && performance.now() - fast.heard < HELD_UP) return fast;
    return this.#idleWorker() ?? this.#shortlyIdleWorker();
  }

  /** A worker whose jobs are all fast may have a few more waiting, so that it never waits for an answer to arrive. */
  #shortlyIdleWorker(): PooledWorker | null {
    const some = this.#workers.filter(({ fast, jobs, stuck }) => fast && !stuck && jobs > 0 && jobs < MAX_AHEAD);
    return some.sort((a, b) => a.jobs - b.jobs)[0] ?? null;
  }

  #idleWorker(): PooledWorker | null {
    for (const worker of this.#workers) if (worker.idle) return worker;
    const live = this.#live();
    if (live === 0 || live < this.#size && this.#another.isImpatient) return this.#addWorker();
    if (live < this.#size) this.#another.wait();
    return null;
  }

  /** How many workers are not stuck. */
  #live(): number {
    return this.#workers.filter(({ stuck }) => !stuck).length;
  }

  #addWorker(): PooledWorker {
    const worker: PooledWorker = new PooledWorker(
      this.#slots.memory,
      threadMark(),
      (slots) => this.#finished(worker, slots),
      (error, slots) => this.#lost(worker, error, slots),
    );
    this.#workers.push(worker);
    this.#another.started();
    hasThreads(this);
    return worker;
  }

  /** What of the jobs that wait is one worker's part. */
  #share(): number {
    return Math.min(MAX_BATCH, Math.ceil(this.#ready.length / this.#size));
  }

  /** The jobs of the next message: several only if all of them are known to be fast; of short ones as many as `most`. */
  #takeBatch(most: number): { readonly jobs: readonly Job[]; readonly longest: number } {
    const share = this.#share();
    const jobs: Job[] = [];
    let longest = 0;
    while (this.#ready.length > 0 && this.#slots.room > 0) {
      const job = this.#ready[0]!;
      const duration = this.#durations.of(job);
      const fast = duration < FAST_JOB;
      if (jobs.length >= (duration < SHORT_JOB ? most : share)) break;
      if (!fast && jobs.length > 0) break;
      this.#ready.shift();
      this.#slots.place(job);
      jobs.push(job);
      longest = Math.max(longest, duration);
      if (!fast) break;
    }
    return { jobs, longest };
  }

  #finished(worker: PooledWorker, slots: readonly number[]): void {
    this.#settleAll(worker, slots);
    if (worker.long !== null) worker.long.progress!(this.#slots.succeeded(worker.long));
    if (worker.retired.length > 0 && worker.quiet) this.#slots.giveAll(worker.retired.splice(0));
    if (worker.jobs === 0 && worker.stuck) this.#takeIn(worker);
    if (this.#ready.length > 0) this.#dispatch();
  }

  #settleAll(worker: PooledWorker, slots: readonly number[]): void {
    for (const slot of slots) {
      const job = worker.take(slot);
      if (job === undefined && !worker.settled.delete(slot)) continue;
      this.#slots.give(slot);
      if (job !== undefined) this.#settle(job);
    }
  }

  /** The call that held a worker has returned: the worker works again, unless another has taken its place. */
  #takeIn(worker: PooledWorker): void {
    if (this.#live() < this.#size) {
      worker.stuck = false;
      return;
    }
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    this.#end(worker);
  }

  #settle(job: Job): void {
    const { result, last } = this.#slots.outcome(job);
    if (last !== null) this.#durations.took(last, job.kind, result.microseconds);
    job.slot = -1;
    job.worker = null;
    job.done(result, null);
  }

  /** Waits in place for a job that runs; one that no worker has begun is run here. */
  #finish(job: Job): void {
    const { slot, worker } = job;
    if (slot < 0) {
      if (!this.#takeOut(job)) return;
    } else if (!this.#takeBack(job)) {
      this.#slots.wait(job);
      // The worker's answer is still to come, and with it the slot.
      worker!.take(slot);
      worker!.settled.add(slot);
      return this.#settle(job);
    }
    job.done(runHere(new RepeatedCalls(job.calls, job.times).all()), null);
  }

  #cancel(job: Job): boolean {
    if (job.slot < 0 ? this.#takeOut(job) : this.#takeBack(job)) {
      job.done(NEVER_RAN, null);
      return true;
    }
    if (job.slot >= 0) this.#slots.stop(job);
    return false;
  }

  /** Takes a job that no worker has away from those that wait. */
  #takeOut(job: Job): boolean {
    const index = this.#ready.indexOf(job);
    if (index >= 0) this.#ready.splice(index, 1);
    if (this.#ready.length === 0) this.#another.rest();
    return index >= 0;
  }

  /** Takes a job that has not started away from its worker. */
  #takeBack(job: Job): boolean {
    const worker = job.worker;
    if (!worker || !this.#slots.revoke(job)) return false;
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
    this.#takeAllBack(worker, job);
    if (this.#ready.length > 0) this.#schedule();
  }

  #lost(worker: PooledWorker, error: Error, slots: readonly number[]): void {
    const index = this.#workers.indexOf(worker);
    if (index >= 0) this.#workers.splice(index, 1);
    this.#settleAll(worker, slots);
    this.#slots.giveAll([...worker.retired.splice(0), ...worker.settled]);
    worker.settled.clear();
    for (const job of worker.pending()) {
      this.#slots.give(job.slot);
      job.slot = -1;
      job.worker = null;
      job.done(null, error);
    }
    if (this.#ready.length > 0) this.#schedule();
  }
}

let shared: WorkerPool | null = null;

/** The pool of this thread, made on first use. */
export function workerPool(): WorkerPool {
  shared ??= new WorkerPool();
  return shared;
}
