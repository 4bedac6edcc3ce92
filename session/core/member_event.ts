/** The event of a group that has lost a member, or has got one back. */

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
