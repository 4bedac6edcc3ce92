/**
 * A login belongs to the token, not to the caller who made it: without counting, one caller's logout is everybody's. Each
 * caller's logins are written down where those of all threads are, whether his was the real one or found made.
 */
import { Ask, type Program } from "../../ffi/engine/program.ts";
import { FN, type Frame } from "../../ffi/engine/frame.ts";
import { login, type LoginArgs } from "../../ffi/operations/authentication.ts";
import { logout } from "../../ffi/operations/sessions.ts";
import { CKR, CKU } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";
import { endLeftovers, HELD } from "../managed/leftovers.ts";
import { ENTRY } from "../managed/session_table.ts";

/** A thread that is terminated takes a moment to end: how often it is looked at. */
const LOOKS = 100;

/** A login or logout of a caller. */
export interface CountedArgs {
  /** The caller. */
  readonly core: ModuleCore;
}

/** Whether the logins of a caller keep another's logout from the token. */
function isCounted({ backend, countLogins }: ModuleCore): boolean {
  return countLogins && backend.callers !== null;
}

/**
 * C_Login, counted for the caller. One that is refused counts for nothing, whoever is logged in. A login that a thread has
 * left behind is nobody's: it is ended first.
 */
export function* countedLogin(frame: Frame, args: LoginArgs & CountedArgs): Program<boolean> {
  const { core, slot, userType } = args;
  const { register } = core.backend;
  if (register === null || userType === BigInt(CKU.CONTEXT_SPECIFIC)) return yield* login(frame, args);
  yield* endLeftovers(frame, register.callers);
  const wasHeld = register.holdsLogin(slot);
  let made: boolean;
  try {
    made = yield* login(frame, {
      ...args,
      trying: () => register.tryLogin(slot),
      hasEnded: () => loginHasEnded(frame, core, slot),
    });
  } catch (error) {
    if (!wasHeld) register.endLogin(slot);
    throw error;
  }
  // A real login means that the token had none: what was counted before is over.
  if (made) register.callers.endLogins(slot, register.place);
  register.holdLogin(slot, isCounted(core) ? ENTRY.login : ENTRY.uncounted);
  core.loginTypes.set(slot, userType);
  return made;
}

/** Whether somebody of this thread counts on a login to a slot. The module is not asked. */
export function isLoggedIn({ backend: { register } }: ModuleCore, slot: bigint): boolean {
  return register !== null && (register.holdsLogin(slot) || register.callers.hasLoginHere(slot));
}

/** Whether the login to a slot is the security officer's, as far as is known here. */
export function isSecurityOfficer({ loginTypes }: ModuleCore, slot: bigint): boolean {
  return loginTypes.get(slot) === BigInt(CKU.SO);
}

/**
 * Whether the login that a token says it has is over: it was another thread's, which ends just now. It is waited for a
 * moment.
 */
function* loginHasEnded(frame: Frame, { backend: { register } }: ModuleCore, slot: bigint): Program<boolean> {
  const { callers } = register!;
  if (callers.hasLoginHere(slot) || !callers.hasLoginElsewhere(slot)) return false;
  for (let look = 0; look < LOOKS; look++) {
    yield* endLeftovers(frame, callers);
    if (!callers.hasLoginElsewhere(slot)) return true;
    if (frame.inPlace) callers.pause();
    else yield new Ask(() => callers.rest());
  }
  return false;
}

/** A caller counts on the login a token has, whoever has made it: another's logout leaves it to him. */
export function joinLogin(core: ModuleCore, slot: bigint): void {
  core.backend.register?.holdLogin(slot, isCounted(core) ? ENTRY.login : ENTRY.uncounted);
}

/** Where a login was made. */
export interface LoginPlace extends CountedArgs {
  /** The session. */
  readonly session: bigint;
  /** The slot. */
  readonly slot: bigint;
}

/** Undoes a login that came too late for an aborted call, unless another caller has come to count on it. */
export function* undoLogin(
  frame: Frame,
  { core: { backend: { register } }, session, slot }: LoginPlace,
): Program<void> {
  register?.endLogin(slot);
  if (!register?.callers.hasLogin(slot, HELD, register.place)) {
    yield [{ fn: frame.fn(FN.C_Logout), args: [session] }];
  }
}

/** C_Logout for the last caller who has logged in; for others the count goes down and the token is left alone. */
export function* countedLogout(
  frame: Frame,
  { core, session, slot }: LoginPlace,
): Program<void> {
  const { register } = core.backend;
  if (register === null) return yield* logout(frame, { session });
  yield* endLeftovers(frame, register.callers);
  const others = isCounted(core) && register.callers.hasLogin(slot, [ENTRY.login], register.place);
  if (!others) yield* logout(frame, { session });
  else if (!register.holdsLogin(slot)) {
    throw new Pkcs11Error(CKR.USER_NOT_LOGGED_IN, "C_Logout", {
      token: frame.turn?.label,
      hint: "Another caller of the module has logged in to the token, this one has not.",
    });
  }
  register.endLogin(slot);
}

/**
 * A caller who has no session on a token any more has no login there either: where others still have sessions on it, and
 * nobody else counts on the login, it is ended with C_Logout. Made before the last session is closed.
 */
export function* leaveLogin(frame: Frame, { core, session, slot }: LoginPlace): Program<void> {
  const { register } = core.backend;
  if (register === null || !register.holdsLogin(slot)) return;
  yield* endLeftovers(frame, register.callers);
  const { callers, place } = register;
  register.endLogin(slot);
  if (isCounted(core) && !callers.hasLogin(slot, HELD, place) && callers.hasSession(slot, place)) {
    yield [{ fn: frame.fn(FN.C_Logout), args: [session] }];
  }
}
