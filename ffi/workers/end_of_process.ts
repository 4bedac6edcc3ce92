/** What becomes of worker threads when the process ends. */
import { builtin } from "../../internal/builtin_modules.ts";
import { nativeRuntime } from "../runtime/runtime.ts";

/** A pool, as the end of the process sees it. */
export interface EndingPool {
  /** Ends its threads. */
  close(): Promise<void>;
  /** Begins no other call, and waits in place until those under way have returned, up to a time of `performance.now`. */
  settle(end: number): boolean;
}

/** Calls under way are waited for so many milliseconds, where the process must end. */
const GRACE = 2000;
/** The pools of this thread that have threads. */
const pools = new Set<EndingPool>();
let isWatching = false;
/** What nobody catches, which Node writes after its end was told. */
let uncaught: { readonly error: unknown } | null = null;

/** A pool has threads, until it says otherwise. */
export function hasThreads(pool: EndingPool): void {
  if (pools.has(pool)) return;
  pools.add(pool);
  nativeRuntime().leaveAtOnce?.();
  if (isWatching) return;
  isWatching = true;
  if (nativeRuntime().threadAlive !== undefined) builtin.process.on("beforeExit", closeAll);
  // What ends in another thread is not the process.
  if (nativeRuntime().endProcess === undefined || !builtin.workerThreads.isMainThread) return;
  builtin.process.on("uncaughtExceptionMonitor", (error) => {
    if (builtin.process.listenerCount("uncaughtException") === 0) uncaught = { error };
  });
  builtin.process.on("exit", leave);
}

/** A pool has none any more. */
export function hasNoThreads(pool: EndingPool): void {
  pools.delete(pool);
}

/**
 * Deno ends its worker threads while the process already runs its exit handlers. A thread that has called a module then
 * runs that module's destructors beside the ones of its libraries, OpenSSL's for one, and crashes now and then. The
 * threads are ended before that. `exit()` leaves no time for it, and a thread may be inside a call for long: then the
 * handlers are passed over.
 */
function closeAll(): void {
  for (const pool of pools) void pool.close();
}

/**
 * Node waits at its end for threads that are inside C, and for ever where C does not return: a reader's PIN pad that nobody
 * touches, a token that hangs. Whoever listens after this is told, then the process ends without them.
 */
function leave(code: number): void {
  const end = performance.now() + GRACE;
  if ([...pools].every((pool) => pool.settle(end))) return;
  const { process } = builtin;
  try {
    const listeners = process.rawListeners("exit");
    for (const listener of listeners.slice(listeners.indexOf(leave) + 1)) listener.call(process, code);
  } catch {
    process.exitCode = 1;
  } finally {
    if (uncaught !== null) process.stderr.write(`Uncaught ${textOf(uncaught.error)}\n`);
    nativeRuntime().endProcess!(Number(process.exitCode ?? code));
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? String(error) : String(error);
}
