/** Sessions on several tokens: a pool that goes on with the others when one of them is away. */
import { describeType } from "../../ffi/memory/inputs.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { isPlainObject, type OptionNames, refuseUnknown, unexpected } from "../../internal/expected.ts";
import { MemberEvent } from "../core/events.ts";
import { SessionClosedError } from "../errors.ts";
import type { Session } from "../tokens/session.ts";
import type { SharedSessionsOptions, UseOptions } from "../tokens/options.ts";
import { poolNames } from "../tokens/session_args.ts";
import { poolOver, type SessionPool, type SessionPoolMember } from "../tokens/shared_sessions.ts";
import { Slot } from "../tokens/slot.ts";
import { type LentSessions, TokenSessions } from "../tokens/token_sessions.ts";
import { faultOf, isOfDevice, type Member, Members, readRetryAfter } from "./members.ts";

/**
 * The options of `sessionPool(slots)`: how the sessions of a pool over several tokens are opened, and when a token that was
 * left out is tried again.
 */
export interface SessionGroupOptions extends SharedSessionsOptions {
  /**
   * Milliseconds after which a token that was left out is tried again; 0 and Infinity mean never.
   *
   * @default {5000}
   */
  readonly retryAfter?: number | undefined;
}

const MAKE = "make a session pool";

const groupNames: OptionNames<SessionGroupOptions> = { ...poolNames, retryAfter: true };

/** The sessions of each token, and which tokens are in. */
class SeveralTokens implements LentSessions {
  readonly #members: Members<TokenSessions>;
  #isClosed = false;

  constructor(
    slots: readonly Slot[],
    options: SessionGroupOptions,
    tell: (type: "member-out" | "member-in", member: SessionPoolMember) => void,
  ) {
    const { retryAfter, ...own }: SessionGroupOptions = isPlainObject(options) ? options : {};
    // What may be wrong is read first: the sessions of a token keep its PIN.
    const after = readRetryAfter(retryAfter);
    const parts = sessionsOf(slots, isPlainObject(options) ? own : options);
    this.#members = new Members(parts, after, {
      tryAgain: async ({ part }) => void await part.use((session) => session.getInfo()),
      left: (member) => tell("member-out", shown(member)),
      cameBack: (member) => tell("member-in", shown(member)),
    });
  }

  get members(): readonly SessionPoolMember[] {
    return this.#members.all.map(shown);
  }

  get size(): number {
    return this.#sum(({ size }) => size);
  }

  get idle(): number {
    return this.#sum(({ idle }) => idle);
  }

  get waiting(): number {
    return this.#sum(({ waiting }) => waiting);
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  get isUsedHere(): boolean {
    return this.#members.all.some(({ part }) => part.isUsedHere);
  }

  async use<T>(work: (session: Session) => T | PromiseLike<T>, options: UseOptions): Promise<T> {
    const passed = new Set<Member<TokenSessions>>();
    let last = this.#members.lastError;
    for (;;) {
      if (this.#isClosed) throw new SessionClosedError("use a session of the pool");
      const member = this.#members.next(passed);
      if (member === null) throw last;
      passed.add(member);
      // What the function has begun is not done twice: only a call that got no session goes to the next token.
      let hasBegun = false;
      const wasOut = member.state === "out";
      member.calls++;
      try {
        const result = await member.part.use((session) => {
          hasBegun = true;
          return work(session);
        }, options);
        if (wasOut) this.#members.comeBack(member);
        return result;
      } catch (error) {
        if (options.signal?.aborted === true && !hasBegun) throw error;
        const fault = faultOf(error);
        const isMembers = hasBegun ? isOfDevice(error) : fault !== "busy" && fault !== "input";
        if (isMembers && !this.#isClosed) this.#members.leave(member, error);
        if (hasBegun || fault === "input") throw error;
        last = error;
      } finally {
        member.calls--;
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#members.close();
    const results = await Promise.allSettled(this.#members.all.map(({ part }) => part.close()));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #sum(count: (part: TokenSessions) => number): number {
    return this.#members.all.reduce((sum, { part }) => sum + count(part), 0);
  }
}

/** The sessions of each token. Where those of one cannot be made, none of the others keeps its PIN. */
function sessionsOf(slots: readonly Slot[], options: SharedSessionsOptions): TokenSessions[] {
  const parts: TokenSessions[] = [];
  try {
    for (const slot of slots) parts.push(new TokenSessions(slot, options));
    return parts;
  } catch (error) {
    for (const part of parts) part.close().catch(reportUncaught);
    throw error;
  }
}

function shown({ error, part, state }: Member<TokenSessions>): SessionPoolMember {
  return { slot: part.slot, state, ...(state === "out" ? { error } : {}) };
}

/**
 * Sessions on several tokens that hold the same: see {@linkcode SessionPool}. A call gets a session on the token with the
 * fewest calls; a token on which none can be opened, or whose device answers with an error, is left out and tried again
 * later. What a function has begun is never done again on another token: its error is the caller's.
 *
 * Limits and the login hold for each token; objects belong to their token, so a function finds its own. Nothing is
 * opened before the first use. A token whose PIN was refused stays out: another try could lock it.
 *
 * @param slots The slots of the tokens.
 * @param options How many sessions each token has, how they are opened, and when a token is tried again.
 * @returns The pool; it is the caller's to close.
 * @throws {TypeError} When there is no slot, or something else than slots.
 * @throws {RangeError} When a limit is out of range.
 *
 * @example Random numbers from whichever token is there
 * ```ts
 * import { sessionPool, type Slot } from "@gp11/gp11";
 *
 * async function random(slots: Slot[]): Promise<Uint8Array> {
 *   await using pool = sessionPool(slots);
 *   return await pool.use((session) => session.generateRandom(32));
 * }
 * ```
 */
export function sessionPool(slots: readonly Slot[], options: SessionGroupOptions = {}): SessionPool {
  if (!Array.isArray(slots)) throw unexpected(MAKE, "one slot or more", slots);
  // A hole in the list is looked at, too.
  const given = [...slots as readonly Slot[]];
  if (given.length === 0 || !given.every((slot) => slot instanceof Slot)) {
    const types = given.map(describeType).join(", ") || "none";
    throw new TypeError(`Cannot ${MAKE}: expected one slot or more, got ${types}`);
  }
  refuseUnknown(MAKE, options, groupNames);
  const tokens = new SeveralTokens(given, options, (type, member) => {
    pool.dispatchEvent(new MemberEvent(type, member));
  });
  const pool = poolOver(tokens, () => tokens.members);
  return pool;
}
