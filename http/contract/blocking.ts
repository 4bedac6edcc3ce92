/**
 * What synchronous sends and asynchronous ones have in common. Work that waits only where something has to be waited for is
 * written once: it is done at once over a store in this process, and is a promise over one elsewhere. Answers of features: a
 * Response can only be read by waiting, so its maker says how to have the bytes at once.
 *
 * @module
 */
import { type HttpMessage, messageState } from "../message/message.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { MAX_TIMER } from "../../internal/expected.ts";

const readers = new WeakMap<Response, () => Uint8Array<ArrayBuffer>>();
const blocking = new WeakSet<HttpMessage>();

/** Says how the body of a Response is had without waiting. */
export function readableAtOnce(response: Response, read: () => Uint8Array<ArrayBuffer>): Response {
  readers.set(response, read);
  return response;
}

/** The body of a Response, without waiting; undefined when nobody has said how. */
export function bodyAtOnce(response: Response): Uint8Array<ArrayBuffer> | undefined {
  return response.body === null ? new Uint8Array(0) : readers.get(response)?.();
}

/** Notes that a message is sent while its thread is blocked. */
export function setBlocking(msg: HttpMessage, isBlocking: boolean): void {
  if (isBlocking) blocking.add(msg);
  else blocking.delete(msg);
}

/** True while a message is sent with its thread blocked: hooks must not wait. */
export function isBlocking(msg: HttpMessage): boolean {
  return blocking.has(msg);
}

const withoutCache = new WeakSet<HttpMessage>();

/** Notes that a message was sent without its cache, whose store answers later than a blocked thread can wait for. */
export function noteWithoutCache(msg: HttpMessage): void {
  withoutCache.add(msg);
}

/** Whether a message was sent without its cache. */
export function isWithoutCache(msg: HttpMessage): boolean {
  return withoutCache.has(msg);
}

const notFound = new WeakSet<Response>();

/** The answer to `only-if-cached` when nothing is (RFC 9111 §5.2.1.7). */
export function notCached(): Response {
  const response = new Response(null, { status: 504, statusText: "Gateway Timeout" });
  notFound.add(response);
  return response;
}

/** Notes who has answered an attempt: what a look-up without a connection gave, or the server where that gave nothing. */
export function noteLookup(msg: HttpMessage, answer: Response | null): void {
  messageState(msg).answeredBy = answer === null ? "server" : notFound.has(answer) ? "nobody" : "cache";
}

/** Resolves after `milliseconds`; an abort clears the timer and rejects with the signal's reason. */
export function wait(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      if (signal) leaveSignal(signal, stop);
      resolve();
    }, Math.min(Math.max(0, milliseconds), MAX_TIMER));
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Waits in front of an attempt; blocks where the message is sent with its thread blocked, as no timer runs there. */
export function waitFor(msg: HttpMessage, milliseconds: number, signal: AbortSignal): void | Promise<void> {
  if (!isBlocking(msg)) return wait(milliseconds, signal);
  if (milliseconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

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
