/**
 * Logging in: with a PIN at hand, by asking for one until it is right, and for one operation with a key that has
 * CKA.ALWAYS_AUTHENTICATE (PKCS#11 §5.6.8).
 */
import { CKA, CKF, CKR, CKU } from "../constants/mod.ts";
import { decodeUtf8 } from "../memory/inputs.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import { attributeLayout } from "../memory/templates.ts";
import { tokenInfo } from "./modules.ts";
import { isQuestion, type PinOrQuestion, tryOnce, tryPins } from "./pin_tries.ts";
import { placePin, putPin } from "./pins.ts";

/** Who is asked for the PIN of a key. */
export interface KeyAuthentication {
  /** The slot of the key's token. */
  readonly slot: bigint;
  /** The PIN, or whom to ask for it. */
  readonly pin: PinOrQuestion;
  /** What is known of the key; filled in when it is first used. */
  readonly traits: KeyTraits;
}

/** What decides about a login for each use of a key. */
export interface KeyTraits {
  /** CKA.ALWAYS_AUTHENTICATE. */
  alwaysAuthenticate?: boolean;
  /** CKA_KEY_TYPE; `null` for what is no key. */
  keyType?: number | null;
  /** CKA.LABEL. */
  label?: string;
}

/** Whether somebody may be asked before the key is used: it wants a login for each use, or has not told yet. */
export function mayAsk(authentication: KeyAuthentication | null): boolean {
  return authentication !== null && authentication.traits.alwaysAuthenticate !== false;
}

/** Whether code of the caller may run before the key is used, and change its data: some tokens want a PIN only at the use. */
export function mayRunCaller(authentication: KeyAuthentication | null): boolean {
  return authentication !== null && isQuestion(authentication.pin);
}

const CKU_SO = BigInt(CKU.SO);
const LABEL_ROOM = 256;

/** Input of {@linkcode login}. */
export interface LoginArgs {
  /** The session. */
  readonly session: bigint;
  /** CKU number. */
  readonly userType: bigint;
  /** The PIN, or whom to ask for it. */
  readonly pin: PinOrQuestion;
  /** The slot, where somebody is asked. */
  readonly slot: bigint;
  /** Whether a login that is not needed counts as done. */
  readonly ifNeeded: boolean;
  /** Told before each C_Login. */
  readonly trying?: (() => void) | undefined;
  /** Asked where the token says that somebody is logged in: whether that is over, and the PIN can be tried. */
  readonly hasEnded?: (() => Program<boolean>) | undefined;
}

/** C_Login. Returns `false` where `ifNeeded` found nothing to do. */
export function* login(frame: Frame, args: LoginArgs): Program<boolean> {
  const { session, slot, userType, pin, ifNeeded } = args;
  if (ifNeeded && !(yield* needsLogin(frame, session, slot, userType))) return false;
  const rv = yield* askAndLogin(frame, args);
  if (rv === CKR.USER_ALREADY_LOGGED_IN && ifNeeded) return false;
  if (rv === CKR.ARGUMENTS_BAD && pin === null) throw frame.engine.errors.noPinPad(rv, "C_Login", frame.turn?.label);
  if (rv !== CKR.OK) throw frame.failure("C_Login", rv);
  return true;
}

/** Whether the token wants a login and the session has none; a security officer's login is always wanted. */
function* needsLogin(frame: Frame, session: bigint, slot: bigint, userType: bigint): Program<boolean> {
  if (userType === CKU_SO) return true;
  const info = yield* tokenInfo(frame, { slot });
  if ((Number(info.flags) & CKF.LOGIN_REQUIRED) === 0) return false;
  const state = frame.block.alloc(32);
  const rv = yield [{ fn: frame.fn(FN.C_GetSessionInfo), args: [session, frame.block.address(state)] }];
  if (rv !== CKR.OK) throw frame.failure("C_GetSessionInfo");
  // CKS_RO_PUBLIC_SESSION and CKS_RW_PUBLIC_SESSION
  const value = Number(frame.block.getUlong(state + frame.table.abi.ulong));
  return value === 0 || value === 2;
}

/** One C_Login with a PIN at hand, or those that the answers to a question give. */
function* askAndLogin(frame: Frame, args: LoginArgs): Program<number> {
  const { session, slot, userType, pin, trying, hasEnded } = args;
  const fn = frame.fn(FN.C_Login);
  const attempt = function* ([address, length]: readonly [bigint, bigint]): Program<number> {
    trying?.();
    const call = { fn, args: [session, userType, address, length] };
    const rv = yield [call];
    // The token has not looked at the PIN so far.
    return rv === CKR.USER_ALREADY_LOGGED_IN && hasEnded && (yield* hasEnded()) ? yield [call] : rv;
  };
  if (!isQuestion(pin)) {
    return yield* tryOnce(frame, { slot, userType, fn: "C_Login" }, pin, (pin) => attempt(putPin(frame, pin)));
  }
  return yield* tryPins(frame, slot, userType, pin, (pin) => attempt(placePin(frame, pin)));
}

/**
 * Whether a key wants a login for each use. The two attributes are read one by one: a key without a label must not
 * look like a key without CKA.ALWAYS_AUTHENTICATE.
 */
export function* wantsLogin(
  frame: Frame,
  session: bigint,
  key: bigint,
  { traits }: KeyAuthentication,
): Program<boolean> {
  if (traits.alwaysAuthenticate !== undefined) return traits.alwaysAuthenticate;
  const flag = yield* readRaw(frame, session, key, CKA.ALWAYS_AUTHENTICATE, 1);
  traits.alwaysAuthenticate = flag?.[0] === 1;
  if (traits.alwaysAuthenticate) {
    const label = yield* readRaw(frame, session, key, CKA.LABEL, LABEL_ROOM);
    traits.label = label ? decodeUtf8(label) : "";
  }
  return traits.alwaysAuthenticate;
}

function* readRaw(
  frame: Frame,
  session: bigint,
  object: bigint,
  type: number,
  room: number,
): Program<Uint8Array | null> {
  const { block } = frame;
  const { size, offsets } = attributeLayout(block.abi);
  const value = block.alloc(room);
  const template = block.alloc(size);
  block.setUlong(template + offsets.type, type);
  block.setPointer(template + offsets.pValue, block.address(value));
  block.setUlong(template + offsets.ulValueLen, room);
  const rv = yield [{ fn: frame.fn(FN.C_GetAttributeValue), args: [session, object, block.address(template), 1n] }];
  const length = block.getLength(template + offsets.ulValueLen);
  return rv !== CKR.OK || length === undefined || length > room ? null : block.copyOut(value, length);
}
