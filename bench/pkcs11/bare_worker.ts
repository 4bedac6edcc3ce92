// What a thread does at least for asynchronous calls: it waits, makes both calls of those that were asked for with the words
// it was given, and answers once for all of them.
import { parentPort, workerData } from "node:worker_threads";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { BARE, type BareCalls } from "./bare_calls.ts";

const { path, calls, shared } = workerData as BareCalls;
const library = nativeRuntime().open(path);
const [signInit, signOnce] = [library.bind("C_SignInit", 3, "u32")!, library.bind("C_Sign", 5, "u32")!];
const numbers = new Int32Array(shared);
for (let made = 0;;) {
  parentPort!.postMessage(0);
  Atomics.wait(numbers, BARE.asked, made);
  if (numbers[BARE.ended] !== 0) break;
  for (const asked = Atomics.load(numbers, BARE.asked); made !== asked; made++) {
    const { init, sign } = calls[numbers[BARE.places + made % calls.length]!]!;
    const begun = signInit(init[0]!, init[1]!, init[2]!);
    if (begun !== 0 || signOnce(sign[0]!, sign[1]!, sign[2]!, sign[3]!, sign[4]!) !== 0) {
      throw new Error("Cannot measure: a call failed");
    }
  }
  Atomics.store(numbers, BARE.made, made);
}
