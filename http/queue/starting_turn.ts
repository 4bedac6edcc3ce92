/**
 * Entries that were queued in one turn: in which order they begin, and in whose asynchronous context.
 *
 * @module
 */
import { messageState } from "../message/message.ts";
import { ItemState, type QueueItem } from "./queue_item.ts";

/** Its `then` is the cheapest microtask there is on every runtime. */
export const settled: Promise<void> = Promise.resolve();

/**
 * Whether code of the caller, such as listeners and features, runs for an entry beside what waits for its end. Where the
 * turn of another entry brings it on, it has its own asynchronous context all the same.
 */
export function runsCallersCode({ callback, msg }: QueueItem, isSessionHeard: boolean): boolean {
  const body = msg.requestBody;
  return isSessionHeard || callback !== null || messageState(msg).listened !== null ||
    (body !== null && !(body instanceof Uint8Array));
}

/** Begins entries that were queued in one turn: those of higher priority come to a free connection first. */
export function beginAll(items: QueueItem[], begin: (item: QueueItem) => void): void {
  if (items.length > 1 && items.some(({ msg }) => msg.priority !== items[0]!.msg.priority)) {
    items.sort((one, other) => other.msg.priority - one.msg.priority);
  }
  let isLater = false;
  for (const item of items) {
    const next = (): void => {
      item.isScheduled = false;
      if (item.state === ItemState.STARTING) begin(item);
    };
    // Their order stays: behind one that goes on in its context, which takes a microtask, all others do.
    if (item.goOn !== null) {
      isLater = true;
      item.inContext(next);
    } else if (isLater) void settled.then(next);
    else next();
  }
}
