import { describe, it } from "node:test";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { assertEquals } from "@std/assert";
import { threadsThrough } from "../../../session/managed/callers_memory.ts";
import { Module } from "../../../session/tokens/module.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, mockModuleSkip } from "../../_support/mock_module.ts";
import type { ManagedWork } from "../../_support/managed_worker.ts";

const p11KitSkip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);
const CYCLES = 12;

interface Answer {
  readonly done: number;
  readonly error: string | null;
  /** The number of the thread, of one that waits to be terminated. */
  readonly thread?: number;
  /** Where the numbers of the threads stand that make its calls. */
  readonly marks?: bigint;
}

function start(work: ManagedWork): { worker: Worker; answer: Promise<Answer> } {
  const worker = new Worker(new URL("../../_support/managed_worker.ts", import.meta.url), { workerData: work });
  const answer = new Promise<Answer>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { worker, answer };
}

for (const managed of ["gp11", "p11-kit"] as const) {
  describe(`managed: "${managed}" across threads`, { skip: managed === "gp11" ? mockModuleSkip : p11KitSkip }, () => {
    it("four threads load, use and close the module while another caller's session lives on", async () => {
      const module = compileMockModule(`threads-${managed}`);
      const keeper = await Module.load(module.path, { managed });
      const session = await (await keeper.slots())[0]!.openSession();
      const share = keeper.share();
      const threads = Array.from({ length: 4 }, () => start({ path: module.path, options: { share }, cycles: CYCLES }));
      for (const { worker, answer } of threads) {
        assertEquals(await answer, { done: CYCLES, error: null });
        await session.getInfo();
        await worker.terminate();
      }
      assertEquals([module.initializes(), module.finalizes(), module.sessions()], [1, 0, 1]);
      await keeper.close();
      assertEquals([module.initializes(), module.finalizes()], [1, 1]);
    });

    it("real initialisations equal real finalisations when nobody keeps the module", async () => {
      const module = compileMockModule(`churn-${managed}`);
      const seed = await Module.load(module.path, { managed });
      const share = seed.share();
      const threads = Array.from({ length: 2 }, () => start({ path: module.path, options: { share }, cycles: CYCLES }));
      await seed.close();
      for (const { worker, answer } of threads) {
        assertEquals(await answer, { done: CYCLES, error: null });
        await worker.terminate();
      }
      assertEquals(module.initializes(), module.finalizes());
      assertEquals(module.sessions(), 0);
    });

    it("the count survives a thread that dies", { skip: process.platform !== "linux" && "needs Linux" }, async () => {
      const module = compileMockModule(`dying-${managed}`);
      const keeper = await Module.load(module.path, { managed });
      const { worker, answer } = start({ path: module.path, options: { share: keeper.share() }, cycles: 0 });
      const { thread, marks, error } = await answer;
      assertEquals([error, module.sessions()], [null, 1]);
      await worker.terminate();
      // A thread that is terminated takes its time, and so do those that have made its calls.
      const { isAlive, anyAlive } = threadsThrough(module.path);
      while (isAlive(thread!) || anyAlive(marks!)) await new Promise((resolve) => setTimeout(resolve, 1));
      const session = await (await keeper.slots())[0]!.openSession();
      await session.getInfo();
      assertEquals(module.sessions(), 1);
      await keeper.close();
      assertEquals([module.initializes(), module.finalizes()], [1, 1]);
    });
  });
}
