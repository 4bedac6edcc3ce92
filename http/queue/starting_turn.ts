/**
 * Entries that were queued in one turn: in which order they begin, and in whose asynchronous context. The first of a
 * program waits until what sends messages is loaded; that is one long turn, for all that are queued meanwhile.
 *
 * @module
 */
import { reportUncaught } from "../../internal/report_error.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { TransportError } from "../errors.ts";
import { messageState } from "../message/message.ts";
import type { ConnectionPool } from "../pool/connection_pool.ts";
import { HttpStatus } from "../protocol/status.ts";
import { type ItemAttempt, ItemState, type QueueItem } from "./queue_item.ts";

/** Its `then` is the cheapest microtask there is on every runtime. */
const settled: Promise<void> = Promise.resolve();

/** Who holds responses that were handed out, and with them connections. */
export interface ResponseHolder {
  /** Entries wait, and no connection is free for them. */
  starved(): void;
  /** The session ends. */
  close(): void;
}

/** What the messages of a session are sent with: made with the first that starts. */
export interface Sending {
  readonly pool: ConnectionPool;
  readonly responses: ResponseHolder;
  /** Makes an attempt at an entry. */
  attempt(item: QueueItem): ItemAttempt;
}

/** What entries that begin ask of their queue. */
export interface StartingQueue {
  readonly session: FeatureSession;
  /** Makes ready what messages are sent with; null where that takes no time. */
  prepare(): Promise<void> | null;
  /** The next attempt of an entry begins. */
  begin(item: QueueItem): void;
  /** An entry waits for others. */
  waits(item: QueueItem): void;
  /** What messages are sent with could not be made ready. */
  fail(item: QueueItem, error: unknown): void;
}

/** The entries of one session that begin in the turn to come. */
export class StartingTurn {
  readonly #queue: StartingQueue;
  #items: QueueItem[] = [];

  constructor(queue: StartingQueue) {
    this.#queue = queue;
  }

  /** Starts an entry from a microtask, or from the session's context. One that waits for that already begins once. */
  add(item: QueueItem): void {
    if (item.isScheduled) return;
    item.isScheduled = true;
    if (this.#items.push(item) > 1) return this.#queue.waits(item);
    const pending = this.#queue.prepare();
    if (pending !== null) void pending.then(this.#begin, this.#fail);
    else if (this.#queue.session.getAsyncContext() === null) void settled.then(this.#start);
    else this.#begin();
  }

  /** In the session's context, or else at once. */
  readonly #begin = (): void => {
    const context = this.#queue.session.getAsyncContext();
    if (context === null) return this.#start();
    try {
      context.run(this.#start);
    } catch (error) {
      // The messages go on all the same: nobody would ever start them, nor those that come after.
      reportUncaught(error);
      void settled.then(this.#start);
    }
  };

  readonly #start = (): void => beginAll(this.#taken(), (item) => this.#queue.begin(item));

  readonly #fail = (cause: unknown): void => {
    const text = `Cannot send the message: what sends it cannot be loaded: ${(cause as Error).message}`;
    const error = new TransportError(HttpStatus.IO_ERROR, "connect", text, { cause });
    for (const item of this.#taken()) {
      item.isScheduled = false;
      this.#queue.fail(item, error);
    }
  };

  #taken(): QueueItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

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
function beginAll(items: QueueItem[], begin: (item: QueueItem) => void): void {
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
