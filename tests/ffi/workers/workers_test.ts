import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { nativeAbi, nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import type { FunctionName } from "../../../ffi/tables/functions.ts";
import { Block } from "../../../ffi/memory/block.ts";
import { AnotherThread } from "../../../ffi/workers/another_thread.ts";
import { RepeatedCalls, type Step } from "../../../ffi/workers/repeated_calls.ts";
import { type JobResult, type NativeCall, type PendingJob, WorkerPool } from "../../../ffi/workers/worker_pool.ts";
import { StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";

describe("WorkerPool", () => {
  let strict: StrictModule;
  let table: Cryptoki;
  let block: Block;
  before(() => {
    if (skip) return;
    strict = new StrictModule();
    table = Cryptoki.open(strict.path);
    table.call("C_Initialize", 0n);
    block = new Block(nativeRuntime(), nativeAbi(), 4096);
  });
  after(() => {
    if (!skip) table.call("C_Finalize", 0n);
  });

  const call = (name: FunctionName, ...args: bigint[]): NativeCall => ({ fn: table.get(name)!, args });
  const info = () => call("C_GetInfo", block.base);
  const run = (pool: WorkerPool, calls: Step): { job: PendingJob; done: Promise<JobResult> } => {
    let job!: PendingJob;
    const done = new Promise<JobResult>((resolve, reject) => {
      job = pool.run(calls, (result, error) => result ? resolve(result) : reject(error));
    });
    return { job, done };
  };

  it("runs the calls of a job in order, up to the first that fails", { skip }, async () => {
    const pool = new WorkerPool(1);
    const result = await run(pool, [info(), call("C_GetSlotInfo", 99n, block.base), info()]).done;
    assertEquals([result.value, result.stopped, result.cancelled], [3, 1, false]);
    assertEquals((await run(pool, [info(), info()]).done).stopped, 2);
    await pool.close();
    assertEquals(pool.threads, 0);
  });

  it("makes calls again and again, with the next words of each that has some", { skip }, async () => {
    const pool = new WorkerPool(1);
    const repeated = (slots: bigint[]) => {
      const rows = slots.flatMap((slot) => [slot, block.base]);
      const args = { write: (words: BigUint64Array, at: number) => words.set(rows, at) };
      const calls = [info(), { fn: table.get("C_GetSlotInfo")!, args }];
      return new RepeatedCalls(calls, slots.length);
    };
    const counted = () => [strict.calls("C_GetInfo"), strict.calls("C_GetSlotInfo")];
    strict.reset();
    const all = await run(pool, repeated(new Array(100).fill(5n))).done;
    assertEquals([all.value, all.stopped, ...counted()], [0, 200, 100, 100]);
    const failing = await run(pool, repeated([5n, 5n, 99n, 5n])).done;
    assertEquals([failing.value, failing.stopped, failing.cancelled, ...counted()], [3, 5, false, 103, 103]);
    assertEquals(repeated([5n, 99n]).all().map(({ args }) => args[0]), [block.base, 5n, block.base, 99n]);
    await pool.close();
  });

  it("takes more jobs at once than it has places, and jobs longer than a place", { skip }, async () => {
    const pool = new WorkerPool(2);
    const results = await Promise.all(Array.from({ length: 1000 }, () => run(pool, [info()]).done));
    assert(results.every(({ value }) => value === 0));
    const long = await run(pool, Array.from({ length: 300 }, info)).done;
    assertEquals([long.value, long.stopped], [0, 300]);
    assertLess(pool.threads, 3);
    await pool.close();
  });

  it("a job cancelled before it starts never runs, one that runs stops before its next call", { skip }, async () => {
    const pool = new WorkerPool(1);
    strict.reset();
    strict.block("C_GetInfo");
    const running = run(pool, [info(), call("C_GetSlotInfo", 5n, block.base)]);
    await strict.blocked();
    const waiting = run(pool, [call("C_GetSlotInfo", 5n, block.base)]);
    assertEquals(waiting.job.cancel(), true);
    assertEquals((await waiting.done).cancelled, true);
    assertEquals(running.job.cancel(), false);
    strict.release();
    const { stopped, cancelled } = await running.done;
    assertEquals([stopped, cancelled, strict.calls("C_GetSlotInfo")], [1, true, 0]);
    await pool.close();
  });

  it(
    "a job is finished in place: waited for where it runs, made here where no worker has begun it",
    { skip },
    async () => {
      const pool = new WorkerPool(1);
      const order: string[] = [];
      const start = (name: string, calls: NativeCall[]): PendingJob =>
        pool.run(calls, (result) => order.push(`${name} ${result?.value} ${result?.stopped}`));
      // No worker is there yet, then one that is asked to run more jobs than it has begun.
      start("first", [info(), call("C_GetSlotInfo", 99n, block.base), info()]).finish();
      assertEquals([order, pool.threads], [["first 3 1"], 0]);
      const jobs = Array.from({ length: 20 }, (_, index) => start(String(index), [info(), info()]));
      await Promise.resolve();
      for (const job of jobs) job.finish();
      assertEquals(order.slice(1), jobs.map((_, index) => `${index} 0 2`));
      for (const job of jobs) job.finish();
      // The places of settled jobs come back with the worker's answer, and no job is told of twice.
      const more = await Promise.all(Array.from({ length: 600 }, () => run(pool, [info()]).done));
      assert(more.every(({ value }) => value === 0));
      assertEquals(order.length, 21);
      await pool.close();
    },
  );

  it("an abandoned call does not hold up the others, and its worker comes back or goes", { skip }, async () => {
    const pool = new WorkerPool(1);
    strict.reset();
    strict.block("C_GetInfo");
    const stuck = run(pool, [info()]);
    await strict.blocked();
    stuck.job.abandon();
    assertEquals((await run(pool, [call("C_GetSlotInfo", 5n, block.base)]).done).value, 0);
    assertEquals(pool.threads, 2);
    strict.release();
    assertEquals((await stuck.done).value, 0);
    assertEquals((await run(pool, [info()]).done).value, 0);
    assertEquals(pool.threads, 1);
    await pool.close();
  });

  it("the places of jobs behind abandoned calls come back, however many calls are abandoned", { skip }, async () => {
    const pool = new WorkerPool(1);
    for (let round = 0; round < 9; round++) {
      strict.reset();
      strict.block("C_GetInfo");
      const stuck = run(pool, [info()]);
      await strict.blocked();
      const behind = Array.from({ length: 30 }, () => run(pool, [call("C_GetSlotInfo", 5n, block.base)]).done);
      // They have their places by then.
      await Promise.resolve();
      stuck.job.abandon();
      for (const { value } of await Promise.all(behind)) assertEquals(value, 0);
      strict.release();
      assertEquals((await stuck.done).value, 0);
    }
    // As many as there are places.
    const after = Array.from({ length: 256 }, () => run(pool, [info()]).done);
    for (const { value } of await Promise.all(after)) assertEquals(value, 0);
    await pool.close();
  });

  it("tells of each of many jobs once, whatever is done to them, and gets every place back", { skip }, async () => {
    const pool = new WorkerPool(2);
    strict.reset();
    let seed = 1;
    const random = (below: number) => (seed = seed * 48271 % 0x7fffffff) % below;
    for (let round = 0; round < 60; round++) {
      const told: string[] = [];
      const jobs = Array.from({ length: 1 + random(40) }, (_, index) => {
        told.push("");
        let job!: PendingJob;
        const isGood = random(8) > 0;
        const calls = isGood ? [info()] : [info(), call("C_GetSlotInfo", 99n, block.base)];
        const done = new Promise<void>((resolve) => {
          job = pool.run(calls, (result, error) => {
            const right = isGood ? "0 1" : "3 1";
            const came = error ?? (result!.cancelled ? "cancelled" : `${result!.value} ${result!.stopped}`);
            told[index] += came === right || came === "cancelled" ? "." : `${came} in place of ${right}`;
            resolve();
          });
        });
        return { job, done };
      });
      if (random(2) === 0) await Promise.resolve();
      for (const { job } of jobs) {
        const what = random(12);
        if (what === 0) job.cancel();
        else if (what === 1) job.finish();
        else if (what === 2 && round % 10 === 0) job.abandon();
      }
      await Promise.all(jobs.map(({ done }) => done));
      assertEquals(told.filter((each) => each !== "."), [], `in round ${round}`);
    }
    // More jobs than places are under way at once only if none was lost.
    const more = await Promise.all(Array.from({ length: 600 }, () => run(pool, [info()]).done));
    assert(more.every(({ value }) => value === 0));
    await pool.close();
  });

  it("lets a job wait for a thread that is busy, and starts another where that takes as long", { skip }, async () => {
    const pool = new WorkerPool(2);
    strict.reset();
    strict.block("C_GetInfo");
    const held = run(pool, [info()]);
    const waiting = run(pool, [call("C_GetSlotInfo", 5n, block.base)]);
    await Promise.resolve();
    assertEquals(pool.threads, 1);
    assertEquals((await waiting.done).value, 0);
    assertEquals(pool.threads, 2);
    strict.release();
    await held.done;
    await pool.close();
  });

  it("is made for a number of workers and a time that can be", () => {
    for (const size of [0, -1, 1.5, NaN]) assertThrows(() => new WorkerPool(size), RangeError, `got ${size}`);
    for (const patience of [-1, NaN, Infinity]) {
      assertThrows(() => new WorkerPool(2, patience), RangeError, `got ${patience}`);
    }
  });

  it("starts another at once where it has no patience", { skip }, async () => {
    const pool = new WorkerPool(2, 0);
    strict.reset();
    strict.block("C_GetInfo");
    const held = run(pool, [info()]);
    await Promise.resolve();
    const other = run(pool, [call("C_GetSlotInfo", 5n, block.base)]);
    await Promise.resolve();
    assertEquals(pool.threads, 2);
    assertEquals((await other.done).value, 0);
    strict.release();
    await held.done;
    await pool.close();
  });

  it("adds up for how long jobs have waited", async () => {
    let told = false;
    const another = new AnotherThread(20, () => told = true);
    let rounds = 0;
    for (; !told && rounds < 10_000; rounds++) {
      another.wait();
      await new Promise((resolve) => setTimeout(resolve, 1));
      another.rest();
    }
    assert(told);
  });

  it("adds up waits that are over before any timer could tell of them", () => {
    const another = new AnotherThread(5, () => {});
    let rounds = 0;
    for (; !another.isImpatient; rounds++) {
      another.wait();
      for (const begun = performance.now(); performance.now() - begun < 0.2;);
      another.rest();
    }
    another.started();
    assertEquals([rounds <= 25, another.isImpatient], [true, false]);
  });

  it("tells of a job though the next one of its worker does not return", { skip }, async () => {
    const pool = new WorkerPool(1);
    strict.reset();
    const slotInfo = () => call("C_GetSlotInfo", 5n, block.base);
    // Both are known to be short: they travel together.
    for (let i = 0; i < 30; i++) await Promise.all([run(pool, [info()]).done, run(pool, [slotInfo()]).done]);
    strict.block("C_GetSlotInfo");
    const [first, second] = [run(pool, [info()]), run(pool, [slotInfo()])];
    assertEquals((await first.done).value, 0);
    strict.release();
    assertEquals((await second.done).value, 0);
    await pool.close();
  });

  it("takes short jobs away from a worker whose call was not short after all", { skip }, async () => {
    const pool = new WorkerPool(2);
    strict.reset();
    const slotInfo = () => call("C_GetSlotInfo", 5n, block.base);
    for (let i = 0; i < 30; i++) await Promise.all([run(pool, [info()]).done, run(pool, [slotInfo()]).done]);
    strict.block("C_GetInfo");
    // All are known to be short: they go to one worker, the first of them blocks it.
    const jobs = [run(pool, [info()]), ...Array.from({ length: 10 }, () => run(pool, [slotInfo()]))];
    const done = await Promise.all(jobs.slice(1).map((job) => job.done));
    assert(done.every(({ value, stopped }) => value === 0 && stopped === 1));
    strict.release();
    assertEquals((await jobs[0]!.done).value, 0);
    await pool.close();
  });
});
