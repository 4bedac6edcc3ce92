// A program whose worker threads are terminated while the module writes the result of their asynchronous calls.
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Module } from "../../session/tokens/module.ts";

const ROUNDS = 4;
/** Long enough to be under way when the thread is ended, and to be written for long after that. */
const LONG = 48 << 20;

const path = isMainThread ? process.argv[2]! : workerData as string;
const module = await Module.load(path);
const session = await (await module.slots({ tokenPresent: true }))[0]!.openSession();
if (isMainThread) {
  for (let round = 0; round < ROUNDS; round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: path });
    await new Promise((resolve) => worker.once("message", resolve));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await worker.terminate();
    // Memory that was given back is given to others meanwhile.
    for (let i = 0; i < 10; i++) {
      await session.generateRandom(64 << 10);
      new Uint8Array(4 << 20).fill(i);
    }
  }
  await module.close();
  process.stdout.write("done\n");
} else {
  await session.generateRandom(8);
  parentPort!.postMessage("running");
  await session.generateRandom(LONG);
}
