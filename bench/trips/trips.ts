// How long a thread takes that is asked, works for a moment and answers, by each way to wake the one that has asked out of
// its event loop: microseconds, and those of the processor. Runs on Deno, Bun and Node.
import { execFileSync } from "node:child_process";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { report } from "../pkcs11/rows.ts";
import { SHARED, type TripSetting } from "./trip_thread.ts";

const seconds = Number(process.argv[2]);

// deno-lint-ignore no-explicit-any
type Untyped = any;

/** What a thread needs to wake this one, which calls `woken` then; `null` where the runtime has no such way. */
type Way = (woken: () => void) => Partial<TripSetting> | null;

/** A function of this thread that others may call. */
function callable(woken: () => void): bigint | number | null {
  const deno = (globalThis as Untyped).Deno;
  if (deno) {
    const { pointer } = deno.UnsafeCallback.threadSafe({ parameters: [], result: "void" }, woken);
    return deno.UnsafePointer.value(pointer);
  }
  const ffi = (process as Untyped).getBuiltinModule("bun:ffi");
  return ffi ? new ffi.JSCallback(woken, { args: [], returns: "void", threadsafe: true }).ptr : null;
}

/** A pipe by its name, which `woken` is told of when there is something in it; its descriptor. */
function pipe(woken: () => void): number {
  const path = `${temporaryFolder("trips")}/pipe`;
  execFileSync("mkfifo", [path]);
  const open = () => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const onread = { buffer: new Uint8Array(64), callback: () => (woken(), true) };
  new Socket({ fd: open(), readable: true, writable: false, onread } as Untyped).resume();
  return open();
}

const ways: Record<string, Way> = {
  "a message": () => ({}),
  "a promise of Atomics.waitAsync": () => ({}),
  "a function of the one that waits": (woken) => {
    const callback = callable(woken);
    return callback === null ? null : { callback };
  },
  // The others read no pipe as a socket.
  "a pipe": (woken) => ["Deno", "Bun"].some((name) => name in globalThis) ? null : { pipe: pipe(woken) },
};

async function measured(name: string, way: Way): Promise<[median: number, processor: number] | null> {
  const numbers = new Int32Array(new SharedArrayBuffer(4 * SHARED.length));
  let woken = (): void => {};
  const setting = way(() => woken());
  if (setting === null) return null;
  const workerData: TripSetting = { numbers: numbers.buffer, name, ...setting };
  const worker = new Worker(new URL("trip_thread.ts", import.meta.url), { workerData });
  await new Promise((resolve) => worker.once("message", resolve));
  worker.on("message", () => woken());
  const trip = (): Promise<unknown> | undefined => {
    const answered = name.includes("waitAsync")
      ? (Atomics as Untyped).waitAsync(numbers, SHARED.answered, numbers[SHARED.answered]!).value
      : new Promise<void>((resolve) => woken = resolve);
    Atomics.add(numbers, SHARED.asked, 1);
    Atomics.notify(numbers, SHARED.asked);
    return answered;
  };
  const run = async (milliseconds: number): Promise<[number, number]> => {
    const times: number[] = [];
    const before = process.cpuUsage();
    const end = performance.now() + milliseconds;
    for (let now = performance.now(); now < end;) {
      const started = now;
      await trip();
      times.push((now = performance.now()) - started);
    }
    const { user, system } = process.cpuUsage(before);
    return [times.sort((a, b) => a - b)[times.length >> 1]! * 1000, (user + system) / times.length];
  };
  await run(seconds * 1000);
  const result = await run(seconds * 1000);
  await worker.terminate();
  return result;
}

// A promise of Atomics.waitAsync keeps no event loop going.
const going = setInterval(() => {}, 1000);
const rates: Record<string, number> = {};
for (const [name, way] of Object.entries(ways)) {
  const result = await measured(name, way);
  if (result !== null) [rates[name], rates[`${name}, processor`]] = result;
}
clearInterval(going);
report(rates);
process.exit(0);
