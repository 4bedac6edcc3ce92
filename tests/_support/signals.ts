// Signals for tests of cancellation.

/** A signal that is aborted already, with the very reason a call must reject with. */
export function abortedSignal(): { signal: AbortSignal; reason: Error } {
  const reason = new Error("the caller changed its mind");
  return { signal: AbortSignal.abort(reason), reason };
}
