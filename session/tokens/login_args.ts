/** What logins and changes of PINs are asked with. */
import { CKU, type UserType } from "../../ffi/constants/mod.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { ArgsOf, Program } from "../../ffi/engine/program.ts";
import { type BytesInput, checkUlong } from "../../ffi/memory/inputs.ts";
import type { initPin, setPin } from "../../ffi/operations/sessions.ts";
import { type countedLogin, type countedLogout, type LoginPlace, undoLogin } from "../core/logins.ts";
import type { SessionCore } from "../core/session_core.ts";
import { contextOf } from "./session_contexts.ts";
import type { LoginOptions, Pin } from "./options.ts";
import { plainPin, preparePin } from "./pin.ts";

/** A login. */
export function loginArgs(
  core: SessionCore,
  userType: UserType,
  pin: Pin | null,
  options: LoginOptions | undefined,
): ArgsOf<typeof countedLogin> {
  return {
    core: core.module,
    session: core.handle,
    slot: core.slot,
    userType: BigInt(checkUlong(userType, "a user type")),
    pin: preparePin(pin, contextOf(core).slot, options?.maxTries),
    ifNeeded: options?.ifNeeded ?? false,
  };
}

/** A logout. */
export function logoutArgs(core: SessionCore): ArgsOf<typeof countedLogout> {
  return { core: core.module, session: core.handle, slot: core.slot };
}

/** One PIN. */
export function pinArgs(core: SessionCore, pin: string | BytesInput | null): ArgsOf<typeof initPin> {
  return { session: core.handle, pin: plainPin(pin, "a PIN") };
}

/** The PIN there was, and the one that is to be. */
export function twoPins(
  core: SessionCore,
  oldPin: string | BytesInput | null,
  newPin: string | BytesInput | null,
): ArgsOf<typeof setPin> {
  const { handle } = core;
  return { session: handle, oldPin: plainPin(oldPin, "the old PIN"), newPin: plainPin(newPin, "the new PIN") };
}

/** What an aborted login has done after all is undone. A login for one use ends with it. */
export function* undoneLogin(
  frame: Frame,
  args: LoginPlace & { readonly userType: bigint },
  made: boolean,
): Program<void> {
  if (made && args.userType !== BigInt(CKU.CONTEXT_SPECIFIC)) yield* undoLogin(frame, args);
}
