/** Calls of modules that do no locking of their own. Self-contained: its text also runs inside worker threads. */
import type { CallLock, NativeFunction, NativeRuntime } from "./native.ts";

/** A function that is called by one thread at a time among all that are guarded by the same lock. */
export function oneAtATime(runtime: NativeRuntime, lock: CallLock, fn: NativeFunction): NativeFunction {
  const library = runtime.open(lock.path);
  const bind = (name: string): NativeFunction => {
    const bound = library.bind(name, 1, "i32");
    if (!bound) throw new Error(`Cannot call one at a time: ${lock.path} gives no ${name}`);
    return bound;
  };
  const take = bind("pthread_mutex_lock");
  const give = bind("pthread_mutex_unlock");
  const mend = bind("pthread_mutex_consistent");
  return (...words) => {
    // 130 is EOWNERDEAD: a thread was ended between its call and the unlocking.
    if (take(lock.address) === 130) mend(lock.address);
    try {
      return fn(...words);
    } finally {
      give(lock.address);
    }
  };
}
