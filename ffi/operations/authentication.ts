/** Logging in, and the login for one operation that a key with CKA_ALWAYS_AUTHENTICATE wants (PKCS#11 §5.6.8). */
import { Ask, type Program } from "../engine.ts";
import { FN, type Frame } from "../frame.ts";

/** A PIN as it goes to the token: text is encoded as UTF-8, `null` is the protected authentication path. */
export type PinBytes = string | Uint8Array | null;

/** What is told to whoever is asked for a PIN. */
export interface PinAttempt {
  /** Whether the PIN given before was wrong. */
  readonly retry: boolean;
}

/** Asks for a PIN; `undefined` declines. */
export type PinQuestion = (attempt: PinAttempt, signal: AbortSignal | undefined) => unknown;

const CKR_OK = 0;
const CKR_FUNCTION_CANCELED = 0x50;
const CKR_PIN_INCORRECT = 0xa0;
const CONTEXT_SPECIFIC = 2n;
const MAX_PIN_BYTES = 3;

const encoder = new TextEncoder();

/** Address and length of a PIN in the block, which is overwritten when the operation ends. */
export function putPin(frame: Frame, pin: PinBytes): [address: bigint, length: bigint] {
  if (pin === null) return [0n, 0n];
  const { block } = frame;
  block.secret = true;
  if (typeof pin !== "string") return [block.address(block.putBytes(pin)), BigInt(pin.length)];
  const room = pin.length * MAX_PIN_BYTES || 1;
  const offset = block.alloc(room);
  const { written } = encoder.encodeInto(pin, block.bytesAt(offset, room));
  return [block.address(offset), BigInt(written)];
}

/** Input of {@linkcode login}. */
export interface LoginArgs {
  /** The session. */
  readonly session: bigint;
  /** CKU number. */
  readonly userType: bigint;
  /** The PIN. */
  readonly pin: PinBytes;
}

/** C_Login, answering its CK_RV. */
export function* login(frame: Frame, { session, userType, pin }: LoginArgs): Program<number> {
  const [address, length] = putPin(frame, pin);
  return yield [{ fn: frame.fn(FN.C_Login), args: [session, userType, address, length] }];
}

/**
 * C_Login for one operation, asked until the PIN is right or the question is declined. Returns the CK_RV of the login,
 * CKR_FUNCTION_CANCELED when it was declined.
 */
export function* loginForOperation(frame: Frame, session: bigint, question: PinQuestion): Program<number> {
  for (let retry = false;; retry = true) {
    yield new Ask((signal) => question({ retry }, signal));
    const pin = frame.answer as PinBytes | undefined;
    if (pin === undefined) return CKR_FUNCTION_CANCELED;
    const rv = yield* login(frame, { session, userType: CONTEXT_SPECIFIC, pin });
    if (rv === CKR_OK || rv !== CKR_PIN_INCORRECT || pin === null) return rv;
  }
}
