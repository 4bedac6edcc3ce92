// Signals of other libraries, which need not take a listener nor let one go.

/** What the parts of a program's error handling were told while `work` ran. */
export async function reportedWhile(work: () => Promise<void>): Promise<unknown[]> {
  const reported: unknown[] = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error) => void reported.push(error);
  try {
    await work();
    return reported;
  } finally {
    globalThis.reportError = before;
  }
}

/** A signal that nobody aborts, and that throws `error` at who calls one of its methods. */
export function foreignSignal(method: "addEventListener" | "removeEventListener", error: unknown): AbortSignal {
  return {
    aborted: false,
    throwIfAborted() {},
    addEventListener() {},
    removeEventListener() {},
    [method]() {
      throw error;
    },
  } as unknown as AbortSignal;
}
