/** Asking for a PIN: what the token has refused is not tried again, and never is its last try taken by a repetition. */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKF, CKR, CKU } from "../constants/mod.ts";
import { paddedText, withoutNuls } from "../memory/structs.ts";
import { Ask, type Program } from "../engine/program.ts";
import type { Frame } from "../engine/frame.ts";
import { tokenInfo } from "./modules.ts";
import { type PinTry, tryOnce } from "./one_try.ts";
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
  /** Runs a part of an asynchronous call in its context. */
  readonly within: ((part: () => void) => void) | null;
}

/** A PIN at hand, or whom to ask for it. */
export type PinOrQuestion = PinBytes | PinQuestion;

/** Whether a PIN is to be asked for. */
export function isQuestion(pin: PinOrQuestion): pin is PinQuestion {
  return typeof pin === "object" && pin !== null && !(pin instanceof Uint8Array);
}

const CKU_SO = BigInt(CKU.SO);

/**
 * Asks and tries until a PIN is right, nobody gives another one, or the token has one try left; answers the CK_RV of the
 * last C_Login. A token with a protected authentication path is tried once, and nobody is asked.
 *
 * @throws what `errors.declined` makes when nobody gives a PIN
 */
export function* tryPins(
  frame: Frame,
  slot: bigint,
  userType: bigint,
  question: PinQuestion,
  attempt: PinTry,
): Program<number> {
  const isOfficer = userType === CKU_SO;
  const refused: Uint8Array[] = [];
  try {
    for (;;) {
      const asked = yield* attemptAt(frame, slot, isOfficer, refused.length > 0);
      if (asked === null) return yield* attempt(null);
      if (asked.retry && (asked.finalTry || refused.length >= question.maxTries)) return CKR.PIN_INCORRECT;
      const pin = yield* ask(frame, question, asked);
      const known = refused.some((other) => isSameBytes(other, pin));
      refused.push(pin);
      if (known) return CKR.PIN_INCORRECT;
      const rv = yield* tryOnce(frame, { slot, userType, fn: "C_Login" }, pin, attempt);
      if (rv !== CKR.PIN_INCORRECT) return rv;
    }
  } finally {
    refused.forEach(forgetPin);
  }
}

/** A question that has been asked for the first time, before its answer is needed. */
export interface AskedAhead extends PinQuestion {
  /** Overwrites the answer, where it is not needed any more. */
  forget(): void;
}

/** Asks before the PIN is needed: when nobody gives one, nothing has begun. */
export function* askAhead(frame: Frame, slot: bigint, question: PinQuestion): Program<AskedAhead> {
  const asked = yield* attemptAt(frame, slot, false, false);
  const pin = asked === null ? null : yield* ask(frame, question, asked);
  return {
    maxTries: question.maxTries,
    within: question.within,
    ask: (attempt, signal) => attempt.retry ? question.ask(attempt, signal) : pin,
    forget: () => forgetPin(pin),
  };
}

/** What is told to whoever is asked for the PIN of a token; `null` where it has a protected authentication path. */
function* attemptAt(frame: Frame, slot: bigint, isOfficer: boolean, retry: boolean): Program<PinAttempt | null> {
  const info = yield* tokenInfo(frame, { slot });
  const flags = Number(info.flags);
  if (flags & CKF.PROTECTED_AUTHENTICATION_PATH) return null;
  const low = isOfficer ? CKF.SO_PIN_COUNT_LOW : CKF.USER_PIN_COUNT_LOW;
  return {
    retry,
    countLow: (flags & low) !== 0,
    // CKF_USER_PIN_FINAL_TRY and CKF_SO_PIN_FINAL_TRY are the flags beside.
    finalTry: (flags & (low << 1)) !== 0,
    tokenLabel: withoutNuls(paddedText(info.label)),
  };
}

function* ask(frame: Frame, question: PinQuestion, attempt: PinAttempt): Program<Uint8Array> {
  yield new Ask((signal) => question.ask(attempt, signal), true, question.within);
  const answer = frame.answer as PinBytes | undefined;
  frame.answer = undefined;
  if (answer === null || answer === undefined) throw frame.engine.errors.declined("C_Login", frame.turn?.label);
  return ownPin(answer);
}
