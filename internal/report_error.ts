/**
 * Errors that are not the library's own: handing on what a caller's function threw, and telling what the system said. Signals of
 * callers: leaving them, and waiting that they end.
 *
 * @module
 */
/** Hands an error to the global error handling, as an event target does with what its listeners throw. */
export function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** What a part gives that must not fail the whole it tells about; `null` where it throws, which is reported. */
export function harmless<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    reportUncaught(error);
    return null;
  }
}

/** What the system said, without the call and the path, which whoever tells it has said already. */
export function systemReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [, code, why] = /^(E[A-Z]+): (.*?), \w+(?: '[^]*')?$/.exec(text) ?? [];
  return code === undefined ? text : `${why} (${code})`;
}

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
