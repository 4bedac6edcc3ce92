import { assert, assertEquals, assertFalse } from "@std/assert";
import { describe, it } from "node:test";
import type { NativeRuntime } from "../../../ffi/runtime/native.ts";
import { oneAtATime } from "../../../ffi/runtime/one_at_a_time.ts";
import type { BoundFunction } from "../../../ffi/tables/cryptoki.ts";
import { Job, type JobOwner, JobSlots } from "../../../ffi/workers/job_slots.ts";
import { JOB_STATE, LAYOUT, THREAD, workerMain, type WorkerRequest } from "../../../ffi/workers/worker_main.ts";

const BATCH = 8;

/** The program of a worker thread in this one. Its caller reads when `reads` says so. */
class Harness {
  /** Messages that it has sent. */
  messages = 0;
  /** Whether its caller reads answers before it comes back from telling of them, or while the next job runs. */
  reads: "instead" | "beside" = "beside";
  /** How many calls had succeeded of a job that is repeated, each time it has told of it. */
  readonly told: number[] = [];
  #repeated: Job | null = null;
  readonly #slots = new JobSlots();
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * (THREAD.outbox + LAYOUT.slots)));
  readonly #call = { id: 1, arity: 0, result: "u32", source: { kind: "address", address: 0n }, lock: null } as const;
  #hear!: (request: WorkerRequest) => void;

  /** What of {@linkcode THREAD} is other than usual. */
  constructor(other: Partial<Record<keyof typeof THREAD, number>> = {}) {
    const runtime = { bindAddress: () => () => this.#work() } as unknown as NativeRuntime;
    const port = {
      on: (_: "message", listener: (request: WorkerRequest) => void) => this.#hear = listener,
      postMessage: () => this.#told(),
    };
    const data = { memory: this.#slots.memory, mark: 0n, thread: this.#control.buffer };
    // It listens for no time, as nothing comes.
    workerMain(runtime, oneAtATime, port, data, LAYOUT, JOB_STATE, { ...THREAD, milliseconds: 0, ...other });
    this.#hear({ slots: [], functions: [{ ...this.#call }] });
  }

  /** Runs so many batches of jobs, and tells how many messages it has sent for them. */
  run(batches: number): number {
    const before = this.messages;
    for (let i = 0; i < batches; i++) {
      const slots = Array.from({ length: BATCH }, () => this.#placed());
      this.#hear({ slots });
      this.#read();
      this.#slots.giveAll(slots);
    }
    return this.messages - before;
  }

  /** Makes two calls so many times, and tells how many of them it has made. */
  repeat(times: number): number {
    const fn = this.#call as unknown as BoundFunction;
    const calls = [{ fn, args: [] }, { fn, args: [] }];
    this.#repeated = new Job({} as JobOwner, calls, times, () => {}, null, 0, () => {});
    this.#slots.place(this.#repeated);
    this.#hear({ slots: [this.#repeated.slot] });
    const { stopped } = this.#slots.outcome(this.#repeated).result;
    this.#slots.give(this.#repeated.slot);
    this.#repeated = null;
    return stopped;
  }

  /** How many jobs it says that it has run. */
  get answered(): number {
    return this.#control[THREAD.answered]!;
  }

  /** Whether it takes its caller for one who runs beside it. */
  get isBeside(): boolean {
    return this.#control[THREAD.beside] === 1;
  }

  #placed(): number {
    const fn = this.#call as unknown as BoundFunction;
    const job = new Job({} as JobOwner, [{ fn, args: [] }], 1, () => {}, null, 0, null);
    this.#slots.place(job);
    return job.slot;
  }

  #work(): number {
    if (this.reads === "beside") this.#read();
    return 0;
  }

  #told(): void {
    this.messages++;
    if (this.#repeated) this.told.push(this.#slots.succeeded(this.#repeated));
    if (this.reads === "instead") this.#read();
  }

  #read(): void {
    Atomics.store(this.#control, THREAD.told, 0);
  }
}

describe("workerMain", () => {
  it("tells of short jobs while others run, where its caller reads beside it", () => {
    const worker = new Harness();
    assert(worker.run(20) > 20 * BATCH / 2);
    assert(worker.isBeside);
    assertEquals(worker.answered, 20 * BATCH);
  });

  it("tells of them when it has none left, where its caller has read before it goes on", () => {
    const worker = new Harness();
    worker.reads = "instead";
    assert(worker.run(40) < 40 * 2);
    assertFalse(worker.isBeside);
    assertEquals(worker.answered, 40 * BATCH);
  });

  it("finds out where its caller reads now", () => {
    const worker = new Harness();
    for (const reads of ["instead", "beside", "instead", "beside"] as const) {
      worker.reads = reads;
      worker.run(THREAD.certain);
      assertEquals(worker.isBeside, reads === "beside");
    }
  });

  it("tells now and then how far calls are that are repeated, but not shortly before their end", () => {
    const worker = new Harness({ turn: Infinity });
    assertEquals([worker.repeat(1000), worker.told[0], worker.told.at(-1)], [2000, 1026, 2000]);
    assertEquals(worker.told.toSorted((a, b) => a - b), worker.told);
    assert(worker.told.slice(0, -1).every((succeeded) => succeeded <= 2000 - 2 * THREAD.look));
    const few = new Harness({ turn: Infinity });
    assertEquals([few.repeat(THREAD.look), few.told], [2 * THREAD.look, [2 * THREAD.look]]);
  });

  it("makes calls that are repeated once, and no more of them when its time is up", () => {
    assertEquals(new Harness({ turn: 0 }).repeat(1000), 2);
    assertEquals(new Harness({ turn: 0 }).repeat(1), 2);
  });
});
