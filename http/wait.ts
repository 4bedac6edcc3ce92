/** Waiting that can be called off. */

/** The longest time a timer of the platform can run; a longer one would fire at once. */
export const MAX_TIMER = 2 ** 31 - 1;

/** Resolves after `milliseconds`; an abort clears the timer and rejects with the signal's reason. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, Math.min(Math.max(0, milliseconds), MAX_TIMER));
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
