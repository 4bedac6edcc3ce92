// The thread of trips.ts: waits until it is asked, works for a moment, and wakes who has asked.
import { writeSync } from "node:fs";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";

// deno-lint-ignore no-explicit-any
type Untyped = any;

/** What the thread is given. */
export interface TripSetting {
  /** Numbers by their places in {@linkcode SHARED}. */
  readonly numbers: SharedArrayBuffer;
  /** The way to wake who has asked. */
  readonly name: string;
  /** Address of a function to call. */
  readonly callback?: bigint | number;
  /** Descriptor of a pipe to write to. */
  readonly pipe?: number;
}

/** How many milliseconds it works, as for a small signature: without it the other has not gone to sleep yet. */
const WORK = 0.005;

/** How often it was asked and has answered. */
export const SHARED = { asked: 0, answered: 1, length: 2 } as const;

function wakes({ callback, name, pipe }: TripSetting, numbers: Int32Array): () => void {
  if (callback !== undefined) {
    const deno = (globalThis as Untyped).Deno;
    if (deno) {
      const pointer = deno.UnsafePointer.create(callback);
      const call = new deno.UnsafeFnPointer(pointer, { parameters: [], result: "void" });
      return () => call.call();
    }
    return (process as Untyped).getBuiltinModule("bun:ffi").CFunction({ ptr: callback, args: [], returns: "void" });
  }
  if (pipe !== undefined) {
    const one = new Uint8Array(1);
    return () => writeSync(pipe, one);
  }
  if (name.includes("waitAsync")) return () => Atomics.notify(numbers, SHARED.answered);
  return () => parentPort!.postMessage(0);
}

if (parentPort) {
  const setting: TripSetting = workerData;
  const numbers = new Int32Array(setting.numbers);
  const wake = wakes(setting, numbers);
  parentPort.postMessage("ready");
  for (let asked = 0;;) {
    Atomics.wait(numbers, SHARED.asked, asked);
    asked = Atomics.load(numbers, SHARED.asked);
    for (const end = performance.now() + WORK; performance.now() < end;);
    Atomics.store(numbers, SHARED.answered, asked);
    wake();
  }
}
