/** Who listens to a signal: one listener for each signal, as a list of thousands takes the runtimes quadratic time. */

import { leaveSignal } from "../../internal/report_error.ts";

/** Something that a signal aborts. */
export interface Abortable {
  /** The signal was aborted. */
  abort(reason: unknown): void;
}

interface Listening {
  readonly entries: Set<Abortable>;
  readonly heard: () => void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/** Aborts `entry` when the signal does, until {@linkcode stopListening}. */
export function listen(signal: AbortSignal, entry: Abortable): void {
  let known = listening.get(signal);
  if (!known) {
    const entries = new Set<Abortable>();
    const heard = () => {
      listening.delete(signal);
      // The last first: those that wait are given up before one that runs makes room for them.
      for (const each of [...entries].reverse()) each.abort(signal.reason);
    };
    signal.addEventListener("abort", heard, { once: true });
    listening.set(signal, known = { entries, heard });
  }
  known.entries.add(entry);
}

/** Ends what {@linkcode listen} began. */
export function stopListening(signal: AbortSignal, entry: Abortable): void {
  const known = listening.get(signal);
  if (!known?.entries.delete(entry) || known.entries.size > 0) return;
  listening.delete(signal);
  leaveSignal(signal, known.heard);
}
