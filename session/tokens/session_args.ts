/** What logins, changes of PINs, random numbers, saved states, cancelled operations and pools are asked with. */
import { CKF, CKU, type UserType } from "../../ffi/constants/mod.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { ArgsOf, Program } from "../../ffi/engine/program.ts";
import { type BytesInput, checkUlong, describeType, isPlainObject, viewBytes } from "../../ffi/memory/inputs.ts";
import type { cancelBegun } from "../../ffi/operations/parts.ts";
import type { generateRandom, initPin, setOperationState, setPin } from "../../ffi/operations/sessions.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import { milliseconds, type OptionNames, refuseUnknown, wholeNumber } from "../../internal/expected.ts";
import { type countedLogin, type countedLogout, type LoginPlace, undoLogin } from "../core/logins.ts";
import type { SessionCore } from "../core/session_core.ts";
import { keyHandle } from "./crypto_args.ts";
import { contextOf } from "./session_contexts.ts";
import type { Pkcs11Object } from "./object.ts";
import type {
  Interaction,
  LoginOptions,
  LoginSpec,
  OperationStateOptions,
  Pin,
  SharedSessionsOptions,
} from "./options.ts";
import { keptPin, pinCallbackOf, plainPin, preparePin, readLogin } from "./pin.ts";

/** Everything that can be active on a session. */
const ALL_OPERATIONS = CKF.MESSAGE_ENCRYPT | CKF.MESSAGE_DECRYPT | CKF.MESSAGE_SIGN | CKF.MESSAGE_VERIFY |
  CKF.FIND_OBJECTS | CKF.ENCRYPT | CKF.DECRYPT | CKF.DIGEST | CKF.SIGN | CKF.SIGN_RECOVER | CKF.VERIFY |
  CKF.VERIFY_RECOVER;

/** The flag of each operation in parts. */
const OPEN_FLAGS: Readonly<Record<string, number>> = {
  encryptor: CKF.ENCRYPT,
  decryptor: CKF.DECRYPT,
  digester: CKF.DIGEST,
  signer: CKF.SIGN,
  verifier: CKF.VERIFY,
};

/** C_GenerateRandom is asked for at most this many bytes. */
const MAX_RANDOM = 0x7fff_ffff;

const loginNames: OptionNames<LoginOptions> = { ifNeeded: true, maxTries: true, signal: true, abort: true };

/** A login. */
export function loginArgs(
  core: SessionCore,
  userType: UserType,
  pin: Pin | null,
  options: LoginOptions | undefined,
): ArgsOf<typeof countedLogin> {
  refuseUnknown("log in", options ?? {}, loginNames);
  const ifNeeded = options?.ifNeeded ?? false;
  return {
    core: core.module,
    session: core.handle,
    slot: core.slot,
    userType: BigInt(checkUlong(userType, "a user type")),
    pin: preparePin(pin, contextOf(core).slot, {
      maxTries: options?.maxTries,
      assertOpen: () => core.assertAsks(),
    }),
    ifNeeded,
  };
}

/** A logout. */
export function logoutArgs(core: SessionCore): ArgsOf<typeof countedLogout> {
  return { core: core.module, session: core.handle, slot: core.slot };
}

/** One PIN. */
export function pinArgs(core: SessionCore, pin: string | BytesInput | null): ArgsOf<typeof initPin> {
  return { session: core.handle, slot: core.slot, pin: plainPin(pin, "a PIN") };
}

/** The PIN there was, and the one that is to be. */
export function twoPins(
  core: SessionCore,
  oldPin: string | BytesInput | null,
  newPin: string | BytesInput | null,
): ArgsOf<typeof setPin> {
  const { handle, slot } = core;
  const old = plainPin(oldPin, "the old PIN");
  try {
    return { session: handle, slot, oldPin: old, newPin: plainPin(newPin, "the new PIN") };
  } catch (error) {
    forgetPin(old);
    throw error;
  }
}

/** What an aborted login has done after all is undone. A login for one use ends with it. */
export function* undoneLogin(
  frame: Frame,
  args: LoginPlace & { readonly userType: bigint },
  made: boolean,
): Program<void> {
  if (made && args.userType !== BigInt(CKU.CONTEXT_SPECIFIC)) yield* undoLogin(frame, args);
}

/** A number of random bytes. */
export function lengthArgs(core: SessionCore, length: number): ArgsOf<typeof generateRandom> {
  if (checkUlong(length, "a number of random bytes") > MAX_RANDOM) {
    throw new RangeError(`Cannot generate random bytes: ${length} is no integer from 0 to ${MAX_RANDOM}`);
  }
  return { session: core.handle, length: Number(length) };
}

/** A saved state and the keys it needs. */
export function stateArgs(
  core: SessionCore,
  state: BytesInput,
  options: OperationStateOptions | undefined,
): ArgsOf<typeof setOperationState> {
  return {
    session: core.handle,
    state: viewBytes(state, "an operation state"),
    encryptionKey: stateKey(core, options?.encryptionKey),
    authenticationKey: stateKey(core, options?.authenticationKey),
  };
}

function stateKey(core: SessionCore, key: Pkcs11Object | undefined): bigint {
  return key === undefined ? 0n : keyHandle(core, "restore the operation's state", key);
}

/** The operations to end: those named, or whatever is open. */
export function cancelArgs(core: SessionCore, flags: number | undefined): ArgsOf<typeof cancelBegun> {
  const { handle: session, lane } = core;
  if (flags !== undefined) {
    return { session, flags: BigInt(checkUlong(flags, "flags of operations")), ifAny: false };
  }
  const open = lane.open === null ? undefined : OPEN_FLAGS[lane.open];
  return { session, flags: BigInt(open ?? ALL_OPERATIONS), ifAny: true };
}

/** The options of a pool. */
export const poolNames: OptionNames<SharedSessionsOptions> = {
  max: true,
  readWrite: true,
  login: true,
  interaction: true,
  maxIdleMs: true,
};
const DEFAULT_MAX = 8;
const DEFAULT_IDLE_MS = 60_000;

/** The options of a pool as it keeps them. */
export interface PoolSettings {
  readonly max: number;
  /** 0 is never. */
  readonly maxIdleMs: number;
  readonly readWrite: boolean | undefined;
  readonly login: LoginSpec | undefined;
  readonly interaction: Interaction | undefined;
}

/** A checked copy: the options may be changed, or answer differently, and the PIN be overwritten, while the pool lives. */
export function readPoolOptions(options: SharedSessionsOptions): PoolSettings {
  if (!isPlainObject(options)) {
    throw new TypeError(`Cannot make a session pool: expected options, got ${describeType(options)}`);
  }
  // module.poolSessions has this name.
  if ("maxPerSlot" in options) throw new TypeError("Cannot make a session pool: its limit is max, not maxPerSlot");
  refuseUnknown("make a session pool", options, poolNames);
  const { interaction, login: given, max, maxIdleMs, readWrite } = options;
  pinCallbackOf(interaction);
  const login = readLogin(given);
  return {
    max: wholeNumber("max", max ?? DEFAULT_MAX, 1),
    maxIdleMs: milliseconds("maxIdleMs", maxIdleMs ?? DEFAULT_IDLE_MS),
    readWrite,
    interaction,
    // At the end: whatever throws after it would leave the copy.
    login: login && { ...login, pin: keptPin(login.pin) as Pin | null },
  };
}
