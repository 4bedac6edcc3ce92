/** One worker thread of a pool, and the jobs it holds. */
import { nativeRuntime, runtimeSource } from "../runtime/runtime.ts";
import { startThread, type Thread } from "../runtime/threads.ts";
import type { Block } from "../memory/block.ts";
import type { Job } from "./job_slots.ts";
import { oneAtATime } from "../runtime/one_at_a_time.ts";
import { JOB_STATE, LAYOUT, THREAD, workerMain, type WorkerRequest } from "./worker_main.ts";

/** How long a thread that was told to end is waited for. */
const THREAD_END_MS = 2000;

/** One worker thread and the jobs it holds. */
export class PooledWorker {
  /** Whether it runs a call nobody waits for; no further job is given to it. */
  stuck = false;
  /** Whether the jobs it was given last are fast. */
  fast = false;
  /** Whether they are so short that another worker would not have woken up before they are done. */
  short = false;
  /** A job it was given that tells how far it is. */
  long: Job | null = null;
  /** When it was given work while it had none, or has answered; as `performance.now` tells it. */
  heard = 0;
  /** Slots it may still look at though their jobs went elsewhere. */
  readonly retired: number[] = [];
  /** Slots of jobs that were settled before it has answered. */
  readonly settled: Set<number> = new Set();
  readonly #worker: Thread;
  /**
   * The jobs it holds, by their slots. No Map: each table that one leaves behind leads to the next, and once the collector
   * has taken one for old, all that follow, and their jobs, outlive its quick runs.
   */
  readonly #jobs: (Job | undefined)[] = [];
  #held = 0;
  readonly #known = new Set<number>();
  readonly #kept = new WeakSet<Block>();
  readonly #thread = new Int32Array(new SharedArrayBuffer(4 * (THREAD.outbox + LAYOUT.slots)));
  /** Messages with functions or with memory to keep that were sent. */
  #told = 0;
  /** Jobs that were sent. */
  #given = 0;
  /** Answers that were read. */
  #read = 0;
  /** Whether it keeps the program from ending. */
  #keepsAlive = false;
  #ended = false;

  /**
   * Starts a thread, which writes its number to the address `mark` while it makes calls; `finished` is told the slots of
   * jobs that have run, `lost` that it died, and the slots of those that had run by then.
   */
  constructor(
    memory: SharedArrayBuffer,
    mark: bigint,
    finished: (slots: number[]) => void,
    lost: (error: Error, slots: number[]) => void,
  ) {
    const constants = [LAYOUT, JOB_STATE, THREAD].map((each) => JSON.stringify(each)).join(", ");
    const main = `(port, data) => (${workerMain})(${runtimeSource()}, ${oneAtATime}, port, data, ${constants})`;
    this.#worker = startThread(main, { memory, mark, thread: this.#thread.buffer }, {
      message: () => {
        this.heard = performance.now();
        finished(this.answers());
        // Places it has yet to give up may be what jobs wait for.
        if (this.#held > 0 || !this.quiet || !this.#keepsAlive) return;
        this.#keepsAlive = false;
        this.#worker.unref();
      },
      error: (error) => this.#ended || lost(error, this.answers()),
    });
    this.#worker.unref();
  }

  /** Whether it holds nothing and can be given work. */
  get idle(): boolean {
    return this.#held === 0 && !this.stuck;
  }

  /** Whether it runs short jobs on another processor than this thread, which goes on while it does. */
  get beside(): boolean {
    return this.short && !this.stuck && this.#thread[THREAD.beside] === 1;
  }

  /** How many jobs it holds. */
  get jobs(): number {
    return this.#held;
  }

  /** Whether it will look at no slot it was given. */
  get quiet(): boolean {
    return Atomics.load(this.#thread, THREAD.served) === this.#given;
  }

  /** The slots of jobs that have run since it was asked last. */
  answers(): number[] {
    // In this order: see THREAD.
    Atomics.store(this.#thread, THREAD.told, 0);
    const tail = Atomics.load(this.#thread, THREAD.answered);
    const slots: number[] = [];
    for (; this.#read !== tail; this.#read = this.#read + 1 | 0) {
      slots.push(this.#thread[THREAD.outbox + (this.#read >>> 0) % LAYOUT.slots]!);
    }
    return slots;
  }

  /** The jobs it holds, in the order in which it was given them. */
  pending(): Job[] {
    return this.#jobs.filter((job) => job !== undefined).sort((a, b) => a.number - b.number | 0);
  }

  /** Gives it jobs that have their places in shared memory. */
  send(batch: readonly Job[]): void {
    const request: WorkerRequest = { slots: [] };
    if (this.#held === 0) this.heard = performance.now();
    this.#held += batch.length;
    for (const job of batch) {
      job.worker = this;
      job.number = this.#given = this.#given + 1 | 0;
      this.#jobs[job.slot] = job;
      if (job.progress) this.long = job;
      request.slots.push(job.slot);
      if (job.area) (request.areas ??= []).push({ slot: job.slot, memory: job.area.buffer });
      if (job.block) this.#hold(job.block, request);
      for (const { fn } of job.calls) {
        if (this.#known.has(fn.id)) continue;
        this.#known.add(fn.id);
        (request.functions ??= []).push({
          id: fn.id,
          arity: fn.arity,
          result: fn.result,
          source: fn.source,
          lock: fn.lock,
        });
      }
    }
    if (!this.#keepsAlive) {
      this.#keepsAlive = true;
      this.#worker.ref();
    }
    if (request.functions || request.kept) this.#told++;
    // Jobs in the inbox may overtake a message: what they call must have been heard of.
    const heard = Atomics.load(this.#thread, THREAD.heard) === this.#told;
    const plain = !request.areas && !request.functions && !request.kept && !request.held;
    if (heard && plain && this.#hasPlaces(request.slots.length)) {
      if (this.#putIn(request.slots)) return;
      request.slots = [];
    }
    // A worker that listens to its inbox hears no messages: waking it up ends that.
    Atomics.add(this.#thread, THREAD.sent, 1);
    this.#worker.postMessage(request);
    Atomics.notify(this.#thread, THREAD.sent);
  }

  /** Lets the worker hold the memory of a job, which this thread would take along if it was terminated meanwhile. */
  #hold(block: Block, request: WorkerRequest): void {
    if (nativeRuntime().allocate === undefined) return;
    if (!block.pooled) (request.held ??= []).push(block.bytes.buffer);
    else if (!this.#kept.has(block)) {
      this.#kept.add(block);
      (request.kept ??= []).push(block.bytes.buffer);
    }
    for (const { bytes } of block.extensions) (request.held ??= []).push(bytes.buffer);
  }

  #hasPlaces(count: number): boolean {
    const used = this.#thread[THREAD.tail]! - Atomics.load(this.#thread, THREAD.head) | 0;
    return used + count <= THREAD.places;
  }

  /** Puts jobs into the inbox. Returns whether the worker listens to it. */
  #putIn(slots: readonly number[]): boolean {
    const tail = this.#thread[THREAD.tail]!;
    for (let i = 0; i < slots.length; i++) this.#thread[THREAD.inbox + (tail + i >>> 0) % THREAD.places] = slots[i]!;
    Atomics.store(this.#thread, THREAD.tail, tail + slots.length | 0);
    Atomics.add(this.#thread, THREAD.sent, slots.length);
    Atomics.notify(this.#thread, THREAD.sent);
    return Atomics.load(this.#thread, THREAD.listening) === 1;
  }

  /** Takes a job out of those it holds. */
  take(slot: number): Job | undefined {
    const job = this.#jobs[slot];
    if (job === undefined) return undefined;
    this.#jobs[slot] = undefined;
    this.#held--;
    if (job === this.long) this.long = null;
    return job;
  }

  /** Ends the thread. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
    const thread = Atomics.load(this.#thread, THREAD.id);
    const end = performance.now() + THREAD_END_MS;
    while (thread !== 0 && nativeRuntime().threadAlive?.(thread) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
