/**
 * The start of the worker that sends synchronously.
 *
 * @module
 */
import type { MessagePort, Worker } from "node:worker_threads";
import { builtin } from "../../internal/builtin_modules.ts";

/**
 * What runs in the worker before the library does. It names the module to load by its address, because a worker made of
 * a file would need a file on every runtime and in every package. It reports what ends the worker, as nobody can look.
 */
const BOOTSTRAP = `
import process from "node:process";
import { workerData } from "node:worker_threads";
const { port, shared, module } = workerData;
const report = (thrown) => {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  port.postMessage({ kind: "broken", error: { name, message, stack: "", code: "ERR_WORKER_DIED", status: 0, cause: null } });
  Atomics.add(shared, 0, 1);
  Atomics.notify(shared, 0);
};
process.on("uncaughtException", report).on("unhandledRejection", report);
process.on("exit", (code) => report(new Error("the worker has ended with exit code " + code)));
try {
  (await import(module)).serveSync(port, shared);
} catch (error) {
  report(error);
}`;

/** Starts a worker with the module that serves the port; what ends it is reported there. */
export function startSyncWorker(port: MessagePort, shared: Int32Array, module: string): Worker {
  return new builtin.workerThreads.Worker(new URL(`data:text/javascript,${encodeURIComponent(BOOTSTRAP)}`), {
    workerData: { port, shared, module },
    transferList: [port],
  });
}
