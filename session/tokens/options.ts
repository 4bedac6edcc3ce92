/** Options and callbacks shared by modules, slots, sessions and objects. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Pkcs11Object } from "./object.ts";
import type { Slot } from "./slot.ts";

/** What is told to whoever is asked for a PIN. */
export interface PinRequest {
  /** The slot whose token wants it. */
  readonly slot: Slot;
  /** The key that wants a login for each use; `undefined` when the token is logged in to. */
  readonly object?: Pkcs11Object | undefined;
  /** The label of the key, else of the token. */
  readonly label: string;
  /** Whether the PIN given before was wrong. */
  readonly retry: boolean;
  /** Whether a wrong PIN has been given lately (CKF_USER_PIN_COUNT_LOW). */
  readonly countLow: boolean;
  /** Whether the next wrong PIN locks the token (CKF_USER_PIN_FINAL_TRY). */
  readonly finalTry: boolean;
}

/** A PIN that was asked for; `null` declines, and the call fails with CKR_FUNCTION_CANCELED. */
export type PinAnswer = string | BytesInput | null;

/**
 * Asks for a PIN. In a synchronous call it must answer at once. It may use the session and the object it is asked for; what
 * would wait for its own answer, such as closing the session, is refused with SessionBusyError. A PIN that the token has refused is not tried again: the
 * same answer ends the call with CKR_PIN_INCORRECT. Another one is tried, but never in the place of the token's last try.
 */
export type PinCallback = (
  request: PinRequest,
  signal?: AbortSignal,
) => PinAnswer | Promise<PinAnswer>;

/** A PIN: text (encoded as UTF-8), bytes, or a callback that is asked for it. Native copies are overwritten after use. */
export type Pin = string | BytesInput | PinCallback;

/** Asks a person. A token with a protected authentication path is never asked for. */
export interface Interaction {
  /** Asks for a PIN; `null` declines. */
  askPin(request: PinRequest, signal?: AbortSignal): PinAnswer | Promise<PinAnswer>;
}

/** Who is asked when a token, or a key with CKA_ALWAYS_AUTHENTICATE, wants a PIN (`gp11_module_set_auto_authenticate`). */
export interface AutoAuthenticate {
  /** Asked when a session is opened on a token that wants a login. */
  readonly tokens?: PinCallback | undefined;
  /** Asked for each use of a key that wants it. */
  readonly objects?: PinCallback | undefined;
}

/** A login to make when a session is opened; skipped where the token needs none or has one. */
export interface LoginSpec {
  /**
   * Who logs in.
   *
   * @default {CKU.USER}
   */
  readonly userType?: number | undefined;
  /** The PIN; `null` uses the protected authentication path. */
  readonly pin: Pin | null;
  /**
   * PINs that a callback may try.
   *
   * @default {3}
   */
  readonly maxTries?: number | undefined;
}

/** How a session is opened. */
export interface OpenSessionOptions extends CallOptions {
  /**
   * Whether objects on the token may be created and changed.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** A login to make at once. */
  readonly login?: LoginSpec | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE, and the token if it wants a login, are asked for. */
  readonly interaction?: Interaction | undefined;
}
