/** What flags of tokens and mechanisms mean for people. */
import { CKF } from "../../ffi/constants/mod.ts";
import type { TokenInfo } from "../../session/core/infos.ts";

const STATES: readonly (readonly [flag: number, text: string])[] = [
  [CKF.USER_PIN_LOCKED, "PIN locked"],
  [CKF.USER_PIN_FINAL_TRY, "PIN: one try left"],
  [CKF.USER_PIN_COUNT_LOW, "PIN: wrong tries before"],
  [CKF.USER_PIN_TO_BE_CHANGED, "PIN to be changed"],
  [CKF.PROTECTED_AUTHENTICATION_PATH, "PIN pad"],
  [CKF.WRITE_PROTECTED, "read-only"],
  [CKF.ERROR_STATE, "error"],
];

/** The state of a token, the worst first; nothing where there is nothing to say. */
export function tokenState({ flags }: TokenInfo): string {
  if ((flags & CKF.TOKEN_INITIALIZED) === 0) return "not initialised";
  const states = STATES.filter(([flag]) => (flags & flag) !== 0).map(([, text]) => text);
  const needsPin = (flags & CKF.LOGIN_REQUIRED) !== 0;
  if (needsPin && (flags & CKF.USER_PIN_INITIALIZED) === 0) states.unshift("no PIN set");
  return states.join(", ");
}

/** Whose a PIN is, as it stands in messages. */
export const pinOwners = { user: "PIN", so: "security officer's PIN" } as const;

/** What to do about a user's PIN that is locked. */
export const UNBLOCK = "The security officer can set a new one: gp11 pin unblock.";

/** What to do where a token has no user's PIN yet. */
export const FIRST_PIN = "The security officer sets the first: gp11 pin unblock.";

/** What flags tell of the tries of a PIN. */
export interface PinTries {
  /** Whether a wrong one was given lately. */
  readonly countLow: boolean;
  /** Whether the next wrong one locks it. */
  readonly finalTry: boolean;
  /** Whether it is locked. */
  readonly isLocked: boolean;
}

/** What a token tells of the tries of a PIN. */
export function pinTries({ flags }: TokenInfo, whose: keyof typeof pinOwners): PinTries {
  const has = (flag: number) => (flags & flag) !== 0;
  return whose === "so"
    ? {
      countLow: has(CKF.SO_PIN_COUNT_LOW),
      finalTry: has(CKF.SO_PIN_FINAL_TRY),
      isLocked: has(CKF.SO_PIN_LOCKED),
    }
    : {
      countLow: has(CKF.USER_PIN_COUNT_LOW),
      finalTry: has(CKF.USER_PIN_FINAL_TRY),
      isLocked: has(CKF.USER_PIN_LOCKED),
    };
}

/** How many tries a PIN has left, as far as the token tells. */
export function triesLeft(token: TokenInfo, whose: keyof typeof pinOwners): string {
  const { countLow, finalTry, isLocked } = pinTries(token, whose);
  if (isLocked) {
    return whose === "so" ? "It is locked now" : "The PIN is locked now; the security officer can set a new one";
  }
  if (finalTry) return `One try is left: the next wrong PIN locks ${whose === "so" ? "it" : "the token"}`;
  if (countLow) return "The token counts wrong PINs and locks itself after a few";
  return "Repeated wrong PINs lock the token; it does not say how many tries are left";
}

const USES: readonly (readonly [flag: number, text: string])[] = [
  [CKF.SIGN, "sign"],
  [CKF.VERIFY, "verify"],
  [CKF.ENCRYPT, "encrypt"],
  [CKF.DECRYPT, "decrypt"],
  [CKF.DIGEST, "digest"],
  [CKF.GENERATE, "generate"],
  [CKF.GENERATE_KEY_PAIR, "generate pair"],
  [CKF.WRAP, "wrap"],
  [CKF.UNWRAP, "unwrap"],
  [CKF.DERIVE, "derive"],
  [CKF.ENCAPSULATE, "encapsulate"],
  [CKF.DECAPSULATE, "decapsulate"],
];

/** What a mechanism can be used for. */
export function mechanismUses(flags: number): string[] {
  return USES.filter(([flag]) => (flags & flag) !== 0).map(([, text]) => text);
}
