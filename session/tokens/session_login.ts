/** Logins and PINs of a session. */
import { checkUlong } from "../../ffi/memory/inputs.ts";
import { CKU } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import { initPin, setPin } from "../../ffi/operations/sessions.ts";
import { countedLogin, countedLogout, type LoginPlace, undoLogin } from "../core/logins.ts";
import type { Pin } from "./options.ts";
import type { CallOptions } from "../core/call_options.ts";
import { plainPin, preparePin } from "./pin.ts";
import { coreOf, SessionBase } from "./session_base.ts";
import type { SessionCore } from "../core/session_core.ts";
import { faceOf } from "./faces.ts";

/** How {@linkcode SessionLogin.login} is made. */
export interface LoginOptions extends CallOptions {
  /**
   * Whether a login that is not needed, or that another session has made, resolves `false` instead of failing.
   *
   * @default {false}
   */
  readonly ifNeeded?: boolean | undefined;
  /**
   * PINs that a callback may try.
   *
   * @default {3}
   */
  readonly maxTries?: number | undefined;
}

/** The part of {@linkcode Session} that logs in and changes PINs. */
export abstract class SessionLogin extends SessionBase {
  /**
   * Logs in to the token, for every session this program has on it (`gp11_session_login`, C_Login).
   *
   * @param userType A CKU number.
   * @param pin The PIN; `null` uses the protected authentication path.
   * @returns Whether a login was made; `false` only with `ifNeeded`.
   * @throws {Pkcs11Error} CKR_USER_ALREADY_LOGGED_IN, CKR_PIN_INCORRECT, CKR_PIN_LOCKED …
   */
  async login(userType: number, pin: Pin | null, options?: LoginOptions): Promise<boolean> {
    const core = this.#opened("log in");
    const args = this.#loginArgs(userType, pin, options);
    try {
      return await core.run(countedLogin, args, options, (frame, made) => undoneLogin(frame, args, made));
    } finally {
      forgetPin(args.pin);
    }
  }

  /** {@linkcode SessionLogin.login} in place. */
  loginSync(userType: number, pin: Pin | null, options?: LoginOptions): boolean {
    const core = this.#opened("log in");
    const args = this.#loginArgs(userType, pin, options);
    try {
      return core.runSync(countedLogin, args, options);
    } finally {
      forgetPin(args.pin);
    }
  }

  /**
   * Logs out of the token (`gp11_session_logout`, C_Logout). Where the callers of the module are counted and another of
   * them has logged in too, the token stays logged in until the last of them logs out.
   */
  async logout(options?: CallOptions): Promise<void> {
    await this.#opened("log out").run(countedLogout, this.#logoutArgs(), options);
  }

  /** {@linkcode SessionLogin.logout} in place. */
  logoutSync(options?: CallOptions): void {
    this.#opened("log out").runSync(countedLogout, this.#logoutArgs(), options);
  }

  /** Sets the user's PIN, as security officer (C_InitPIN). */
  async initPin(pin: string | BufferSource | null, options?: CallOptions): Promise<void> {
    await this.#opened("set the user's PIN").run(initPin, this.#pinArgs(pin), options);
  }

  /** {@linkcode SessionLogin.initPin} in place. */
  initPinSync(pin: string | BufferSource | null, options?: CallOptions): void {
    this.#opened("set the user's PIN").runSync(initPin, this.#pinArgs(pin), options);
  }

  /** Changes the PIN of whoever is logged in, or of the user in a public session (C_SetPIN). */
  async setPin(
    oldPin: string | BufferSource | null,
    newPin: string | BufferSource | null,
    options?: CallOptions,
  ): Promise<void> {
    await this.#opened("change the PIN").run(setPin, this.#twoPins(oldPin, newPin), options);
  }

  /** {@linkcode SessionLogin.setPin} in place. */
  setPinSync(
    oldPin: string | BufferSource | null,
    newPin: string | BufferSource | null,
    options?: CallOptions,
  ): void {
    this.#opened("change the PIN").runSync(setPin, this.#twoPins(oldPin, newPin), options);
  }

  #opened(action: string): SessionCore {
    const core = coreOf(this);
    core.assertOpen(action);
    return core;
  }

  #loginArgs(userType: number, pin: Pin | null, options: LoginOptions | undefined) {
    return {
      core: coreOf(this).module,
      session: coreOf(this).handle,
      slot: coreOf(this).slot,
      userType: BigInt(checkUlong(userType, "a user type")),
      pin: preparePin(pin, faceOf(coreOf(this)).slot, options?.maxTries),
      ifNeeded: options?.ifNeeded ?? false,
    };
  }

  #logoutArgs() {
    return { core: coreOf(this).module, session: coreOf(this).handle, slot: coreOf(this).slot };
  }

  #pinArgs(pin: string | BufferSource | null) {
    return { session: coreOf(this).handle, pin: plainPin(pin, "a PIN") };
  }

  #twoPins(oldPin: string | BufferSource | null, newPin: string | BufferSource | null) {
    const { handle } = coreOf(this);
    return { session: handle, oldPin: plainPin(oldPin, "the old PIN"), newPin: plainPin(newPin, "the new PIN") };
  }
}

/** What an aborted login has done after all is undone. A login for one use ends with it. */
function* undoneLogin(frame: Frame, args: LoginPlace & { readonly userType: bigint }, made: boolean): Program<void> {
  if (made && args.userType !== BigInt(CKU.CONTEXT_SPECIFIC)) yield* undoLogin(frame, args);
}
