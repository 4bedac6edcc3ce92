/** Asynchronous contexts (`AsyncLocalStorage`), kept for code of callers that others bring on. */

/** Runs a part of the program, once, in the context that was kept, from a microtask. The part does not throw. */
export type KeptContext = (part: () => void) => void;

/**
 * Keeps the asynchronous context (`AsyncLocalStorage`) that this is called in, for code of the caller that is run from
 * elsewhere: a callback that another thread's message brings on, say. Promises keep it, without `node:async_hooks`.
 */
export function keepContext(): KeptContext {
  let goOn!: KeptContext;
  void new Promise<() => void>((resolve) => goOn = resolve).then((part) => part());
  return goOn;
}
