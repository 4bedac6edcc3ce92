/**
 * Work that is written once and done in two ways: on the event loop, with what takes long on worker threads, or in place,
 * while the thread waits.
 */
import type { Block } from "../../ffi/memory/block.ts";
import {
  type JobDone,
  type JobResult,
  type NativeCall,
  type PendingJob,
  runHere,
  WorkerPool,
} from "../../ffi/workers/worker_pool.ts";

/** Handshakes that may sign at the same time: tokens do not get faster by more. */
export const MOST_AT_ONCE = 8;

/** Something that takes long. */
export interface Step {
  /** Does it while the thread waits. */
  inPlace(): unknown;
  /** Does it while the event loop goes on. */
  waiting(): Promise<unknown>;
}

/** Work with steps that take long. */
export type Work<T> = Generator<Step, T, unknown>;

/** One step of work. */
export function* step<T>(inPlace: () => T, waiting: () => Promise<T>): Work<T> {
  return (yield { inPlace, waiting }) as T;
}

/**
 * Calls that may take long, as they read from a token or sign on it, up to the first that answers anything but 0.
 *
 * @param block Memory that the calls use.
 * @param begun Told of the job of a worker thread, to give it up.
 */
export function* callInOrder(
  calls: readonly NativeCall[],
  block: Block | null = null,
  begun: (job: PendingJob) => void = () => {},
): Work<JobResult> {
  return yield* step(() => runHere(calls), () => onWorker(calls, block, begun));
}

/** {@linkcode callInOrder} of a single call; its answer. */
export function* callNative(call: NativeCall, block: Block | null = null): Work<number> {
  return Number((yield* callInOrder([call], block)).value);
}

/** Does work on the event loop. */
export async function onEventLoop<T>(work: Work<T>): Promise<T> {
  let next = work.next();
  while (!next.done) {
    let answer: unknown;
    try {
      answer = await next.value.waiting();
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(answer);
  }
  return next.value;
}

/** Does work while the thread waits. */
export function inPlace<T>(work: Work<T>): T {
  let next = work.next();
  while (!next.done) {
    let answer: unknown;
    try {
      answer = next.value.inPlace();
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(answer);
  }
  return next.value;
}

let pool: WorkerPool | null = null;

/** Worker threads of their own, one for each at once: a handshake waits for the token's signature, and must hold up no other. */
function onWorker(
  calls: readonly NativeCall[],
  block: Block | null,
  begun: (job: PendingJob) => void,
): Promise<JobResult> {
  pool ??= new WorkerPool(MOST_AT_ONCE, 0);
  return new Promise((resolve, reject) => {
    const done: JobDone = (result, error) => {
      if (result === null) reject(error);
      else resolve(result);
    };
    begun(pool!.run(calls, done, block));
  });
}
