// A worker thread that uses a module again and again, or holds on to it until it is terminated.
import { parentPort, workerData } from "node:worker_threads";
import { threadMarks } from "../../ffi/workers/thread_marks.ts";
import { threadsThrough } from "../../session/managed/callers_memory.ts";
import { Module } from "../../session/tokens/module.ts";
import type { ModuleOptions } from "../../session/managed/options.ts";

/** What the thread shall do. */
export interface ManagedWork {
  /** The module. */
  readonly path: string;
  /** How to load it. */
  readonly options: ModuleOptions;
  /** Load, use and close it so often; 0 loads it, opens a session and waits to be terminated. */
  readonly cycles: number;
}

const { path, options, cycles } = workerData as ManagedWork;

async function cycle(at: number): Promise<void> {
  const load = at % 2 === 0 ? await Module.load(path, options) : loadInPlace();
  const [slot] = load.slotsSync();
  const sessions = [slot!.openSessionSync(), slot!.openSessionSync({ readWrite: true })];
  for (const session of sessions) session.getInfoSync();
  if (at % 3 === 0) await load.closeAllSessions();
  await load.close();
}

function loadInPlace(): Module {
  return Module.loadSync(path, options);
}

try {
  if (cycles === 0) {
    const module = await Module.load(path, options);
    module.slotsSync()[0]!.openSessionSync();
    parentPort!.postMessage({ done: 0, error: null, thread: threadsThrough(path).self, marks: threadMarks() });
    setInterval(() => module.infoSync(), 1000);
  } else {
    for (let at = 0; at < cycles; at++) await cycle(at);
    parentPort!.postMessage({ done: cycles, error: null });
  }
} catch (error) {
  parentPort!.postMessage({ done: -1, error: String(error) });
}
