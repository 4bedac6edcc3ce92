// What a thread does at least for asynchronous calls: it waits, makes both calls with the words it was given, and answers.
import { parentPort, workerData } from "node:worker_threads";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";

/** What the thread is given. */
export interface BareCalls {
  /** The module. */
  path: string;
  /** Words of C_SignInit. */
  init: bigint[];
  /** Words of C_Sign. */
  sign: bigint[];
  /** How many calls were asked for, and whether there will be no more. */
  shared: SharedArrayBuffer;
}

const { path, init, sign, shared } = workerData as BareCalls;
const library = nativeRuntime().open(path);
const [signInit, signOnce] = [library.bind("C_SignInit", 3, "u32")!, library.bind("C_Sign", 5, "u32")!];
const asked = new Int32Array(shared);
const [session, mechanism, key] = init as [bigint, bigint, bigint];
const [, input, length, output, written] = sign as [bigint, bigint, bigint, bigint, bigint];
for (let made = 0; asked[1] === 0; made++) {
  parentPort!.postMessage(0);
  Atomics.wait(asked, 0, made);
  if (asked[1] !== 0) break;
  if (signInit(session, mechanism, key) !== 0 || signOnce(session, input, length, output, written) !== 0) {
    throw new Error("Cannot measure: a call failed");
  }
}
