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

/** How many tries a PIN has left, as far as the token tells. */
export function triesLeft({ flags }: TokenInfo): string {
  if (flags & CKF.USER_PIN_LOCKED) return "The PIN is locked now; the security officer can set a new one";
  if (flags & CKF.USER_PIN_FINAL_TRY) return "One try is left: the next wrong PIN locks the token";
  if (flags & CKF.USER_PIN_COUNT_LOW) return "The token counts wrong PINs and locks itself after a few";
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
