/**
 * Calls that have to wait for their turn. Native memory is laid out when a call begins; until then one that waits holds
 * its inputs alone, so that many of them take no more memory than what they were given.
 */
import type { Operation } from "./program.ts";

/** Copies bytes that are the caller's. */
export type CopyBytes = (bytes: Uint8Array) => Uint8Array;

/** Arguments without anything that the caller may change. */
export type OwnArgs<A> = (args: A, copy: CopyBytes) => A;

const waiting = new WeakMap<object, unknown>();

/**
 * Lets calls of an operation wait before they are laid out. It must look at no input that may change later but through
 * `own`, and hold no secret that has to be overwritten when the call is given up. Others are laid out when they are made.
 */
export function mayWait<T, A>(operation: Operation<T, A>, own: OwnArgs<A> = (args) => args): void {
  waiting.set(operation, own);
}

/** Arguments of a call that has to wait; `null` where its operation is to be laid out now. `copies` takes the copies. */
export function argsToWait<T, A>(operation: Operation<T, A>, args: A, copies: Uint8Array[]): A | null {
  const own = waiting.get(operation) as OwnArgs<A> | undefined;
  if (!own) return null;
  return own(args, (bytes) => {
    const copy = new Uint8Array(bytes);
    copies.push(copy);
    return copy;
  });
}
