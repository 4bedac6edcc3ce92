/**
 * The asynchronous context of a call (`AsyncLocalStorage`), for code of the caller that is run from elsewhere: a callback
 * that another thread's message brings on, say. Promises keep it, so that nobody loads `node:async_hooks` for it.
 *
 * @module
 */

/** Runs a part of the program, once, in the context that was kept, from a microtask. The part does not throw. */
export type KeptContext = (part: () => void) => void;

/** Keeps the context that this is called in. */
export function keepContext(): KeptContext {
  let goOn!: KeptContext;
  void new Promise<() => void>((resolve) => goOn = resolve).then((part) => part());
  return goOn;
}
