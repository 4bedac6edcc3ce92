/** The events of sessions that give up their handles, and of groups whose members come and go. */

/**
 * Tells of a member of a group: `member-out` when it is left out, `member-in` when it has come back.
 *
 * @example See which token has left
 * ```ts
 * import { MemberEvent } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const event = new MemberEvent("member-out", { state: "out", error: new Error("unplugged") });
 * assertEquals([event.type, event.member.state], ["member-out", "out"]);
 * ```
 */
export class MemberEvent<M> extends Event {
  /** The member as it is now. */
  readonly member: M;

  /** An event about a member. */
  constructor(type: "member-out" | "member-in", member: M) {
    super(type);
    this.member = member;
  }
}

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
