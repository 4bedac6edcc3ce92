/** Signals, checked and listened to: one listener for each, as a list of thousands takes the runtimes quadratic time. */
import { checkSignal, describeType, describeValue } from "../../internal/expected.ts";
import type { RunOptions } from "./program.ts";
import { leaveSignal } from "../../internal/signals.ts";

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

/** What is used of a signal. */
const SIGNAL_METHODS = ["addEventListener", "removeEventListener", "throwIfAborted"] as const;

/** What cancels a call, and how. */
type CallSettings = Pick<RunOptions<never>, "signal" | "abort">;

/**
 * Checks the options of a call: what is no signal would be found out only after the call had begun. Gives what it has read
 * and checked, as another reading may give something else.
 *
 * @throws {TypeError} when the signal or the kind of abort is none
 */
export function checkOptions(options: CallSettings): CallSettings {
  if (options === null || options === undefined || getPrototypeOf(options) !== prototype) checkKind(options);
  const { signal, abort } = options;
  return signal === undefined && abort === undefined ? NOTHING_SET : checkEach(signal, abort);
}

const { getPrototypeOf, prototype } = Object;
const NOTHING_SET: CallSettings = Object.freeze({ signal: undefined, abort: undefined });

function checkKind(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot make the call: its options are ${describeType(options)}, not an object`);
  }
  if (options instanceof AbortSignal) {
    throw new TypeError("Cannot make the call: its options are an AbortSignal, not an object with it; pass { signal }");
  }
}

function checkEach(signal: CallSettings["signal"], abort: CallSettings["abort"]): CallSettings {
  if (signal !== undefined) checkSignal("make the call", signal, SIGNAL_METHODS);
  if (abort !== undefined && abort !== "now" && abort !== "wait") {
    throw new TypeError(`Cannot make the call: abort is "now" or "wait", not ${describeValue(abort)}`);
  }
  return { signal: signal ?? undefined, abort };
}
