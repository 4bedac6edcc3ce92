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
/** Those of them that were closed because the process ends. */
const ending = new Set<EndingPool>();
let isWatching = false;

/** A pool has threads, until it says otherwise. */
export function hasThreads(pool: EndingPool): void {
  if (pools.has(pool)) return;
  pools.add(pool);
  ending.delete(pool);
  nativeRuntime().leaveAtOnce?.();
  if (isWatching) return;
  isWatching = true;
  nativeRuntime().beforeEnd?.(closeAll);
  // What ends in another thread is not the process.
  if (nativeRuntime().endProcess !== undefined && builtin.workerThreads.isMainThread) endWithoutThreads();
}

/** A pool has none any more. */
export function hasNoThreads(pool: EndingPool): void {
  pools.delete(pool);
  ending.delete(pool);
}

/**
 * Deno ends its worker threads while the process already runs its exit handlers. A thread that has called a module then
 * runs that module's destructors beside the ones of its libraries, OpenSSL's for one, and crashes now and then. The
 * threads are ended before that. `exit()` leaves no time for it, and a thread may be inside a call for long: then the
 * handlers are passed over. Returns whether there are such threads.
 */
function closeAll(): boolean {
  const open = [...pools].filter((pool) => !ending.has(pool));
  for (const pool of open) {
    ending.add(pool);
    void pool.close();
  }
  return open.length > 0;
}

/** The process of Node, with the functions of its end that Node lets programs replace. */
interface ExitingProcess {
  /** What `exit` calls behind the listeners. */
  reallyExit(code?: number): void;
  /** Tells listeners of an error that nobody has caught; when one of them throws, too, Node ends without telling more. */
  _fatalException?(error: unknown, fromPromise: boolean): boolean;
}

/** How Node ends when a listener for uncaught errors throws. */
const LISTENER_FAILED = 7;

/**
 * Node waits at its end for threads that are inside C, and for ever where C does not return: a reader's PIN pad that nobody
 * touches, a token that hangs. With this the process ends without them, once all who listen were told.
 */
function endWithoutThreads(): void {
  const { process } = builtin;
  const exiting = process as unknown as ExitingProcess;
  const { reallyExit, _fatalException: tellOfError } = exiting;
  exiting.reallyExit = (code) => {
    if (isHeldUp()) nativeRuntime().endProcess!(Number(code ?? 0));
    reallyExit.call(process, code);
  };
  // An error that nobody catches ends the process in another way.
  process.on("uncaughtExceptionMonitor", (error) => {
    const isCaught = process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (isCaught || !isHeldUp()) return;
    try {
      writeUncaught(error);
    } finally {
      process.exit(1);
    }
  });
  if (tellOfError === undefined) return;
  exiting._fatalException = (error, fromPromise) => {
    try {
      return tellOfError.call(process, error, fromPromise);
    } catch (failure) {
      if (isHeldUp()) {
        try {
          writeUncaught(failure);
        } finally {
          nativeRuntime().endProcess!(LISTENER_FAILED);
        }
      }
      throw failure;
    }
  };
}

function writeUncaught(error: unknown): void {
  builtin.process.stderr.write(`Uncaught ${builtin.util.inspect(error)}\n`);
}

/** Whether calls are under way that do not return. */
function isHeldUp(): boolean {
  const end = performance.now() + GRACE;
  return ![...pools].every((pool) => pool.settle(end));
}
