import type { Program } from "../../ffi/engine/program.ts";
import { FN, type Frame } from "../../ffi/engine/frame.ts";
import { login, type LoginArgs } from "../../ffi/operations/authentication.ts";
import { logout } from "../../ffi/operations/sessions.ts";
import { CKR, CKU } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";
import type { Callers } from "../managed/callers.ts";

/**
 * A login belongs to the token, not to the caller who made it: without counting, one caller's logout is everybody's. The
 * callers who have logged in to each slot of a module, whether theirs was the real login or found one made.
 */
const logins = new WeakMap<Callers, Map<bigint, Set<ModuleCore>>>();

function holdersOf(core: ModuleCore, slot: bigint): Set<ModuleCore> | null {
  const { callers } = core.backend;
  if (callers === null || !core.countLogins) return null;
  let slots = logins.get(callers);
  if (slots === undefined) logins.set(callers, slots = new Map());
  let holders = slots.get(slot);
  if (holders === undefined) slots.set(slot, holders = new Set());
  return holders;
}

/** A caller without a session on the token has no login there either. */
function holds(core: ModuleCore, slot: bigint): boolean {
  return !core.closed && [...core.sessions].some((session) => session.slot === slot);
}

/** A login or logout of a caller. */
export interface CountedArgs {
  /** The caller. */
  readonly core: ModuleCore;
}

/** C_Login, counted for the caller. One that is refused counts for nothing, whoever is logged in. */
export function* countedLogin(frame: Frame, args: LoginArgs & CountedArgs): Program<boolean> {
  const { core, slot, userType } = args;
  const holders = userType === BigInt(CKU.CONTEXT_SPECIFIC) ? null : holdersOf(core, slot);
  const made = yield* login(frame, args);
  // A real login means that the token had none: what was counted before is over.
  if (made) holders?.clear();
  holders?.add(core);
  return made;
}

/** Where a login was made. */
export interface LoginPlace extends CountedArgs {
  /** The session. */
  readonly session: bigint;
  /** The slot. */
  readonly slot: bigint;
}

/** Undoes a login that came too late for an aborted call, unless another caller has come to count on it. */
export function* undoLogin(frame: Frame, { core, session, slot }: LoginPlace): Program<void> {
  const holders = holdersOf(core, slot);
  holders?.delete(core);
  for (const holder of holders ?? []) if (!holds(holder, slot)) holders!.delete(holder);
  if (!holders?.size) yield [{ fn: frame.fn(FN.C_Logout), args: [session] }];
}

/** C_Logout for the last caller who has logged in; for others the count goes down and the token is left alone. */
export function* countedLogout(
  frame: Frame,
  { core, session, slot }: LoginPlace,
): Program<void> {
  const holders = holdersOf(core, slot);
  for (const holder of holders ?? []) if (!holds(holder, slot)) holders!.delete(holder);
  const others = (holders?.size ?? 0) > (holders?.has(core) ? 1 : 0);
  if (!others) yield* logout(frame, { session });
  else if (!holders!.has(core)) {
    throw new Pkcs11Error(CKR.USER_NOT_LOGGED_IN, "C_Logout", {
      hint: "Another caller of the module has logged in to the token, this one has not.",
    });
  }
  holders?.delete(core);
}
