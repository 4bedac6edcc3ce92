/** One try of a PIN, wherever it is given: in a login, for the use of a key, to change it. */
import { CKR, CKU } from "../constants/mod.ts";
import { Ask, type Program } from "../engine/program.ts";
import type { Frame } from "../engine/frame.ts";
import { type PinTries, TriedPin } from "../engine/pin_tries.ts";
import { paddedText, withoutNuls } from "../memory/structs.ts";
import type { FunctionName } from "../tables/functions.ts";
import { tokenInfo } from "./modules.ts";
import type { PinBytes } from "./pins.ts";

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
