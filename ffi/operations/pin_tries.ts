/**
 * One try of a PIN, wherever it is given: in a login, for the use of a key, to change it. Asking for a PIN: what the token
 * has refused is not tried again, and never is its last try taken by a repetition.
 */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKF, CKR, CKU } from "../constants/mod.ts";
import { paddedText, withoutNuls } from "../memory/structs.ts";
import { Ask, type Program } from "../engine/program.ts";
import type { Frame } from "../engine/frame.ts";
import { tokenInfo } from "./modules.ts";
import { forgetPin, ownPin, type PinBytes } from "./pins.ts";
import { type PinTries, TriedPin } from "../engine/pin_tries.ts";
import type { FunctionName } from "../tables/functions.ts";

/** CK_UNAVAILABLE_INFORMATION of four bytes; that of eight is no safe number. */
const UNAVAILABLE_4 = 0xffff_ffff;
const CKU_USER = BigInt(CKU.USER);
const CKU_CONTEXT_SPECIFIC = BigInt(CKU.CONTEXT_SPECIFIC);

/** Tries one PIN and answers the CK_RV of the call it is for. */
export type PinTry = (pin: PinBytes) => Program<number>;

/** Whose PIN is tried, and what for. */
export interface PinUse {
  /** The slot of the token. */
  readonly slot: bigint;
  /** The CKU number of whose PIN it is; keys that want it for each use want the user's. */
  readonly userType: bigint;
  /** The function that is given it. */
  readonly fn: FunctionName;
}

/**
 * Refuses an empty PIN where the token's PINs have a minimum length: an Enter too many, or an empty file, would take one of
 * its tries. Nothing is asked of the token for any other PIN.
 *
 * @throws what `errors.emptyPin` makes
 */
export function* refuseEmpty(frame: Frame, { slot, fn }: Omit<PinUse, "userType">, pin: PinBytes): Program<void> {
  if (pin === null || pin.length > 0) return;
  const { ulMinPinLen, label } = yield* tokenInfo(frame, { slot });
  const isTold = ulMinPinLen < (frame.table.abi.ulong === 4 ? UNAVAILABLE_4 : Number.MAX_SAFE_INTEGER);
  if (ulMinPinLen > 0 && isTold) {
    throw frame.engine.errors.emptyPin(Number(ulMinPinLen), fn, withoutNuls(paddedText(label)));
  }
}

/**
 * Tries a PIN, unless it is empty and cannot be right, or the token refuses it, or has refused it since this call was made, when another call tries it.
 *
 * @throws what `errors.busy` makes in place while an asynchronous call tries the same PIN, and `errors.emptyPin`
 */
export function* tryOnce(frame: Frame, use: PinUse, pin: PinBytes, attempt: PinTry): Program<number> {
  yield* refuseEmpty(frame, use, pin);
  const { userType } = use;
  const tries = frame.turn?.pins;
  if (tries === undefined || pin === null) return yield* attempt(pin);
  // Up to its first step an operation runs when the call is made; it may never begin.
  if (!frame.inPlace) yield new Ask(() => undefined);
  const tried = new TriedPin(userType === CKU_CONTEXT_SPECIFIC ? CKU_USER : userType, pin);
  try {
    return yield* tryAlone(frame, tries, tried, () => attempt(pin));
  } finally {
    tried.forget();
  }
}

/** Makes a try when no other with the same PIN is under way. */
function* tryAlone(frame: Frame, tries: PinTries, pin: TriedPin, attempt: () => Program<number>): Program<number> {
  if (!tries.begin(pin)) {
    if (frame.inPlace) {
      throw frame.engine.errors.busy("an asynchronous login with the same PIN", frame.turn ?? undefined);
    }
    const { turn, leave } = tries.next(pin);
    try {
      yield new Ask(() => turn);
    } catch (error) {
      leave();
      throw error;
    }
  }
  try {
    const refusal = tries.refusalSince(frame.refusals, pin);
    if (refusal !== CKR.OK) return refusal;
    const rv = yield* attempt();
    tries.answered(pin, rv);
    return rv;
  } finally {
    tries.end(pin);
  }
}

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
