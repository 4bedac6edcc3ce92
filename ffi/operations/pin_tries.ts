/** Asking for a PIN: what the token has refused is not tried again, and never is its last try taken by a repetition. */
import { decodeUtf8 } from "../bytes.ts";
import { Ask, type Program } from "../engine.ts";
import type { Frame } from "../frame.ts";
import { tokenInfo } from "./modules.ts";
import { forgetPin, ownPin, type PinBytes } from "./pins.ts";

/** What is told to whoever is asked for a PIN. */
export interface PinAttempt {
  /** Whether the PIN given before was wrong. */
  readonly retry: boolean;
  /** Whether a wrong PIN has been given lately. */
  readonly countLow: boolean;
  /** Whether the next wrong PIN locks the token. */
  readonly finalTry: boolean;
  /** The token's label. */
  readonly tokenLabel: string;
}

/** Whom to ask for a PIN. */
export interface PinQuestion {
  /** Asks; `null` declines. */
  ask(attempt: PinAttempt, signal: AbortSignal | undefined): unknown;
  /** PINs one call may try. */
  readonly maxTries: number;
}

/** A PIN at hand, or whom to ask for it. */
export type PinOrQuestion = PinBytes | PinQuestion;

/** Whether a PIN is to be asked for. */
export function isQuestion(pin: PinOrQuestion): pin is PinQuestion {
  return typeof pin === "object" && pin !== null && !(pin instanceof Uint8Array);
}

const CKR_PIN_INCORRECT = 0xa0;
const CKF_PROTECTED_AUTHENTICATION_PATH = 0x100;
const CKF_USER_PIN_COUNT_LOW = 0x10000;
const CKF_SO_PIN_COUNT_LOW = 0x100000;

/** Tries one PIN and answers the CK_RV of its C_Login. */
export type PinTry = (pin: PinBytes) => Program<number>;

/**
 * Asks and tries until a PIN is right, nobody gives another one, or the token has one try left; answers the CK_RV of the
 * last C_Login. A token with a protected authentication path is tried once, and nobody is asked.
 *
 * @throws what `errors.declined` makes when nobody gives a PIN
 */
export function* tryPins(
  frame: Frame,
  slot: bigint,
  isOfficer: boolean,
  question: PinQuestion,
  attempt: PinTry,
): Program<number> {
  const refused: Uint8Array[] = [];
  try {
    for (;;) {
      const info = yield* tokenInfo(frame, { slot });
      const flags = Number(info.flags);
      if (flags & CKF_PROTECTED_AUTHENTICATION_PATH) return yield* attempt(null);
      const low = isOfficer ? CKF_SO_PIN_COUNT_LOW : CKF_USER_PIN_COUNT_LOW;
      // CKF_USER_PIN_FINAL_TRY and CKF_SO_PIN_FINAL_TRY are the flags beside.
      const finalTry = (flags & (low << 1)) !== 0;
      const retry = refused.length > 0;
      if (retry && (finalTry || refused.length >= question.maxTries)) return CKR_PIN_INCORRECT;
      const tokenLabel = decodeUtf8(info.label).trimEnd();
      const asked = { retry, countLow: (flags & low) !== 0, finalTry, tokenLabel };
      yield new Ask((signal) => question.ask(asked, signal));
      const answer = frame.answer as PinBytes | undefined;
      frame.answer = undefined;
      if (answer === null || answer === undefined) throw frame.engine.errors.declined("C_Login");
      const pin = ownPin(answer);
      const known = refused.some((other) => isSame(other, pin));
      refused.push(pin);
      if (known) return CKR_PIN_INCORRECT;
      const rv = yield* attempt(pin);
      if (rv !== CKR_PIN_INCORRECT) return rv;
    }
  } finally {
    refused.forEach(forgetPin);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
