/** Waiting that can be called off. */

import type { HttpMessage } from "../message/message.ts";
import { isBlocking } from "./blocking.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { MAX_TIMER } from "../../internal/time_limits.ts";

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
