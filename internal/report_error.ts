/** Reporting what a caller's own function threw, without letting it disturb the library. */

/** Hands an error to the global error handling, as an event target does with what its listeners throw. */
export function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else {
    queueMicrotask(() => {
      throw error;
    });
  }
}
