// What every contestant of the PKCS#11 benchmark is given, and how a row is timed.
import process from "node:process";

/** A contestant's command line: module, token label, PIN, seconds for each row. */
export interface Setting {
  module: string;
  label: string;
  pin: string;
  seconds: number;
}

export function setting(): Setting {
  const [module, label, pin, seconds] = process.argv.slice(2);
  if (!module || !label || !pin || !seconds) throw new Error("Usage: MODULE LABEL PIN SECONDS");
  return { module, label, pin, seconds: Number(seconds) };
}

export const P256: Uint8Array<ArrayBuffer> = Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
export const data32: Uint8Array<ArrayBuffer> = new Uint8Array(32);
export const data1k: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
export const data1m: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 20);
export const iv: Uint8Array<ArrayBuffer> = new Uint8Array(16);

/** How many objects the search finds. */
export const OBJECTS = 1000;

/**
 * Makes the objects that the search finds, whether the search is measured or not: what a module keeps of them makes every
 * call longer that uses a key.
 */
export function makeObjects(create: (label: string) => unknown): void {
  for (let i = 0; i < OBJECTS; i++) create(`object ${i}`);
}

/** Calls per second of something synchronous, after a warm-up of the same time. */
export function rate(seconds: number, call: () => void): number {
  run(seconds, call);
  return run(seconds, call);
}

function run(seconds: number, call: () => void): number {
  let count = 0;
  const start = performance.now();
  let end = start;
  let batch = 1;
  do {
    for (let i = 0; i < batch; i++) call();
    count += batch;
    end = performance.now();
    if (end - start < seconds * 100) batch = Math.min(batch * 2, 64);
  } while (end - start < seconds * 1000);
  return count / (end - start) * 1000;
}

/**
 * Calls per second of something asynchronous, by so many loops at once. Compilers take a second or two with what happens on
 * two threads.
 */
export async function rateAsync(seconds: number, loops: readonly (() => Promise<unknown>)[]): Promise<number> {
  await runAsync(4 * seconds, loops);
  return await runAsync(seconds, loops);
}

async function runAsync(seconds: number, loops: readonly (() => Promise<unknown>)[]): Promise<number> {
  let count = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(loops.map(async (call) => {
    while (performance.now() < end) {
      await call();
      count++;
    }
  }));
  return count / (performance.now() - start) * 1000;
}

/** Prints the rates for the benchmark to read. */
export function report(rates: Record<string, number>): void {
  process.stdout.write(`${JSON.stringify(rates)}\n`);
}
