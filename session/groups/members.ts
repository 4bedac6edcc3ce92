/** The members of a group: who has the fewest calls, whose fault an error is, who is left out, and when it is tried again. */
import { builtin } from "../../internal/builtin_modules.ts";
import { milliseconds } from "../../internal/expected.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import {
  ObjectAmbiguousError,
  ObjectNotFoundError,
  Pkcs11Error,
  SessionBusyError,
  SessionClosedError,
} from "../errors.ts";

/** One member and what is known of it. */
export class Member<T> {
  /** What does the work. */
  readonly part: T;
  /** Calls that it has not answered. */
  calls = 0;
  /** Whether calls go to it. */
  state: "in" | "out" = "in";
  /** Why it is out; null while it is in. */
  error: unknown = null;
  /** When it was chosen last, counted in choices: of equals the one that has rested longest comes next. */
  turn = 0;
  /** When it may be tried again, in milliseconds of the process; Infinity is never. */
  dueAt: number = Infinity;
  /** Whether it is being tried at the moment. */
  isTried = false;
  /** The timer until it is tried. */
  timer: ReturnType<typeof builtin.timers.setTimeout> | undefined;

  /** A member that is in. */
  constructor(part: T) {
    this.part = part;
  }
}

/** What a group has to say about its members. */
export interface MemberEvents<T> {
  /** Finds out whether a member that is out works again: rejects where it does not. */
  tryAgain(member: Member<T>): Promise<void>;
  /** A member has left. */
  left(member: Member<T>): void;
  /** A member has come back. */
  cameBack(member: Member<T>): void;
}

const DEFAULT_RETRY_AFTER = 5000;

/** Reads how long a member is left out. */
export function readRetryAfter(value: number | undefined): number {
  return milliseconds("retryAfter", value ?? DEFAULT_RETRY_AFTER);
}

/** The members of one group. */
export class Members<T> {
  readonly all: readonly Member<T>[];
  readonly #retryAfter: number;
  readonly #events: MemberEvents<T>;
  #turn = 0;
  #lastError: unknown = null;
  #isClosed = false;

  /** All of them are in; `retryAfter` in milliseconds, 0 is never. */
  constructor(parts: readonly T[], retryAfter: number, events: MemberEvents<T>) {
    this.all = parts.map((part) => new Member(part));
    this.#retryAfter = retryAfter;
    this.#events = events;
  }

  /** What the member said that left last. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Who gets a call that these have not done: the one with the fewest calls; null where nobody is left. */
  next(passed: ReadonlySet<Member<T>>): Member<T> | null {
    const now = performance.now();
    let best: Member<T> | null = null;
    for (const member of this.all) {
      if (passed.has(member) || member.state === "out" && (member.isTried || member.dueAt > now)) continue;
      if (best === null || isBefore(member, best)) best = member;
    }
    if (best !== null) best.turn = ++this.#turn;
    return best;
  }

  /** Leaves a member out, to be tried again later unless its PIN was refused. */
  leave(member: Member<T>, error: unknown): void {
    const wasIn = member.state === "in";
    member.state = "out";
    member.error = this.#lastError = error;
    builtin.timers.clearTimeout(member.timer);
    member.dueAt = Infinity;
    if (faultOf(error) !== "pin" && this.#retryAfter > 0 && !this.#isClosed) this.#schedule(member);
    if (wasIn) this.#events.left(member);
  }

  /** Takes a member back that has done a call. */
  comeBack(member: Member<T>): void {
    if (member.state === "in") return;
    builtin.timers.clearTimeout(member.timer);
    member.state = "in";
    member.error = null;
    member.dueAt = Infinity;
    this.#events.cameBack(member);
  }

  /** Nobody is tried again. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.all) builtin.timers.clearTimeout(timer);
  }

  /** The process does not wait for it. */
  #schedule(member: Member<T>): void {
    member.dueAt = performance.now() + this.#retryAfter;
    member.timer = builtin.timers.setTimeout(() => void this.#tryAgain(member), this.#retryAfter);
    member.timer.unref();
  }

  async #tryAgain(member: Member<T>): Promise<void> {
    if (member.state === "in" || member.isTried || this.#isClosed) return;
    member.isTried = true;
    try {
      await this.#events.tryAgain(member);
    } catch (error) {
      if (faultOf(error) !== "input") return this.leave(member, error);
    } finally {
      member.isTried = false;
    }
    // What the token answers to, even with a refusal, it can be asked again.
    if (!this.#isClosed) this.comeBack(member);
  }
}

/** Those that are in come first, then those with fewer calls. */
function isBefore<T>(one: Member<T>, other: Member<T>): boolean {
  if (one.state !== other.state) return one.state === "in";
  return one.calls < other.calls || one.calls === other.calls && one.turn < other.turn;
}

/**
 * Whose fault an error is: `token` the member's; `pin` the member's, and another try could lock its token; `busy` nobody's,
 * another member may be free; `unclear` the member's if another one can do the same; `input` the caller's.
 */
export type Fault = "token" | "pin" | "busy" | "unclear" | "input";

const faults: ReadonlyMap<number, Fault> = new Map<number, Fault>([
  [CKR.SLOT_ID_INVALID, "token"],
  [CKR.CRYPTOKI_NOT_INITIALIZED, "token"],
  [CKR.SESSION_CLOSED, "token"],
  [CKR.SESSION_HANDLE_INVALID, "token"],
  [CKR.SESSION_COUNT, "token"],
  [CKR.KEY_HANDLE_INVALID, "token"],
  [CKR.OBJECT_HANDLE_INVALID, "token"],
  [CKR.USER_NOT_LOGGED_IN, "token"],
  // A locked token takes no more tries; somebody may unlock it.
  [CKR.PIN_LOCKED, "token"],
  [CKR.PIN_INCORRECT, "pin"],
  [CKR.PIN_EXPIRED, "pin"],
  [CKR.PIN_INVALID, "pin"],
  [CKR.PIN_LEN_RANGE, "pin"],
  [CKR.USER_PIN_NOT_INITIALIZED, "pin"],
  [CKR.GENERAL_ERROR, "unclear"],
  [CKR.FUNCTION_FAILED, "unclear"],
  [CKR.HOST_MEMORY, "unclear"],
]);

/** Return values of vendors begin here: many say in one of their own that the connection to the device is lost. */
const VENDOR_DEFINED = 0x8000_0000;

/** Whose fault an error is. */
export function faultOf(error: unknown): Fault {
  if (isOfDevice(error)) return "token";
  if (error instanceof Pkcs11Error) {
    return faults.get(error.code) ?? (error.code >= VENDOR_DEFINED ? "unclear" : "input");
  }
  if (error instanceof SessionClosedError || isNoObject(error)) return "token";
  if (error instanceof SessionBusyError) return "busy";
  return error instanceof DOMException && error.name === "TimeoutError" ? "token" : "unclear";
}

/** A token that does not show the key that is meant, or several that may be it. */
function isNoObject(error: unknown): boolean {
  return error instanceof ObjectNotFoundError || error instanceof ObjectAmbiguousError;
}

const ofDevice: ReadonlySet<number> = new Set([
  CKR.DEVICE_ERROR,
  CKR.DEVICE_MEMORY,
  CKR.DEVICE_REMOVED,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
]);

/** Whether an error says that the device itself is away or broken, whatever was asked of it. */
export function isOfDevice(error: unknown): boolean {
  return error instanceof Pkcs11Error && ofDevice.has(error.code);
}
