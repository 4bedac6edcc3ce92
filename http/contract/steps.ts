/**
 * Work that waits only where something has to be waited for: written once, done at once over a store in this process, and
 * as a promise over one elsewhere.
 *
 * @module
 */

/** Work that gives a value; each thing it yields is waited for. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** What a value is, or what comes of it where it is a promise. */
export function* settled<T>(value: T | PromiseLike<T>): Steps<T> {
  return isPromise(value) ? (yield value) as T : value;
}

/** Does the work: the value itself, unless something had to be waited for. */
export function drive<T>(steps: Steps<T>): T | Promise<T> {
  const first = steps.next();
  return first.done ? first.value : driveOn(steps, first.value);
}

async function driveOn<T>(steps: Steps<T>, first: PromiseLike<unknown>): Promise<T> {
  for (let pending = first;;) {
    let outcome: { readonly value: unknown } | { readonly error: unknown };
    try {
      outcome = { value: await pending };
    } catch (error) {
      outcome = { error };
    }
    const step = "error" in outcome ? steps.throw(outcome.error) : steps.next(outcome.value);
    if (step.done) return step.value;
    pending = step.value;
  }
}

/** Whether something has to be waited for. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
