/** The event of a session that gives up its handle. */

/**
 * Sent once when a session is closed, before its handle is closed. A listener that wants to keep the handle claims it;
 * unclaimed, it is closed with C_CloseSession (`GP11Session::discard-handle`).
 *
 * @example Keep the handle of a session that is closed
 * ```ts
 * import { DiscardHandleEvent } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const event = new DiscardHandleEvent(7n);
 * event.claim();
 * assertEquals(event.claimed, true);
 * ```
 */
export class DiscardHandleEvent extends Event {
  /** The handle that is given up. */
  readonly handle: bigint;
  #claimed = false;

  /** An event for a handle. */
  constructor(handle: bigint) {
    super("discard-handle");
    this.handle = handle;
  }

  /** Whether somebody has taken the handle over. */
  get claimed(): boolean {
    return this.#claimed;
  }

  /** Takes the handle over: it is not closed, and no later listener is told. */
  claim(): void {
    this.#claimed = true;
    this.stopImmediatePropagation();
  }
}
