/**
 * Signals of callers: leaving them, and waiting that they end.
 *
 * @module
 */
import { reportUncaught } from "./report_error.ts";

/**
 * Takes a listener off a signal. One of a library's own, or what a caller takes for one, may throw: that is reported, and
 * what is over is not held by it.
 */
export function leaveSignal(signal: AbortSignal, listener: () => void): void {
  try {
    signal.removeEventListener("abort", listener);
  } catch (error) {
    reportUncaught(error);
  }
}

/** What a promise gives, unless the signal is aborted first; nobody looks at the promise then. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => leaveSignal(signal, onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  });
}
