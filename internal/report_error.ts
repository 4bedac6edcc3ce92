/**
 * Errors that are not the library's own: handing on what a caller's function threw, and telling what the system said.
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
