/** Errors that are not the library's own: handing on what a caller's function or signal threw, and telling what the system said. */

/** Hands an error to the global error handling, as an event target does with what its listeners throw. */
export function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else {
    queueMicrotask(() => {
      throw error;
    });
  }
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

/** What the system said, without the call and the path, which whoever tells it has said already. */
export function systemReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [, code, why] = /^(E[A-Z]+): (.*?), \w+(?: '[^]*')?$/.exec(text) ?? [];
  return code === undefined ? text : `${why} (${code})`;
}
