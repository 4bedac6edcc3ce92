/** Operations on sessions and PINs: open, close, state, login, random numbers, operation state. */
import { CKR, CKU } from "../constants/mod.ts";
import { mayWait, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import { readStruct, structLayout, type StructRead } from "../memory/structs.ts";
import { CK_SESSION_INFO } from "../memory/structs_infos.ts";
import { refuseEmpty, tryOnce } from "./pin_tries.ts";
import { forgetPin, type PinBytes, placePin, putPin } from "./pins.ts";
import { expectOk } from "./objects.ts";
import { outputOf } from "./output.ts";

/** A session. */
export interface SessionArgs {
  /** The handle. */
  readonly session: bigint;
}

const CKU_USER = BigInt(CKU.USER);
const CKU_SO = BigInt(CKU.SO);
const LABEL_LENGTH = 32;
const STATE_ROOM = 4096;
/** What tokens answer that are asked for more random bytes at once than they give. */
const TOO_MANY: ReadonlySet<number> = new Set([CKR.ARGUMENTS_BAD, CKR.DATA_LEN_RANGE, CKR.DEVICE_ERROR]);
/** So few are given by every token: an answer to a request for them means something else. */
const FEW_RANDOM_BYTES = 64;

/** C_OpenSession with CKF_SERIAL_SESSION, without notifications. */
export function* openSession(frame: Frame, args: OpenSessionArgs): Program<bigint> {
  const session = yield* tryOpenSession(frame, args);
  if (session === null) throw frame.failure("C_OpenSession");
  return session;
}

/** Which session is opened. */
export interface OpenSessionArgs {
  /** The slot. */
  readonly slot: bigint;
  /** CKF_ flags. */
  readonly flags: bigint;
}

/** {@linkcode openSession}, answering `null` where the token opens none; its CK_RV is the last of the frame. */
export function* tryOpenSession(frame: Frame, { slot, flags }: OpenSessionArgs): Program<bigint | null> {
  const record = frame.register?.begin(slot) ?? null;
  const handle = frame.ulong();
  const address = record?.address ?? frame.block.address(handle);
  let isOpen = false;
  frame.whenDropped = () => record?.failed();
  try {
    isOpen = (yield [{ fn: frame.fn(FN.C_OpenSession), args: [slot, flags, 0n, 0n, address] }]) === CKR.OK;
  } finally {
    frame.whenDropped = null;
    if (!isOpen) record?.failed();
  }
  if (!isOpen) return null;
  if (record === null) return frame.block.getHandle(handle);
  return record.address === null ? record.opened(frame.block.getHandle(handle)) : record.opened();
}

/** C_CloseSession, answering its CK_RV. */
export function* closeSession(frame: Frame, { session }: SessionArgs): Program<number> {
  // Before the call: as soon as the session is closed its handle may be another's.
  frame.register?.forget(session);
  return yield [{ fn: frame.fn(FN.C_CloseSession), args: [session] }];
}

/** C_GetSessionInfo. */
export function* sessionInfo(
  frame: Frame,
  { session }: SessionArgs,
): Program<{ [K in keyof typeof CK_SESSION_INFO]: StructRead<(typeof CK_SESSION_INFO)[K]> }> {
  const offset = frame.block.alloc(structLayout(CK_SESSION_INFO, frame.table.abi).size);
  const rv = yield [{ fn: frame.fn(FN.C_GetSessionInfo), args: [session, frame.block.address(offset)] }];
  expectOk(frame, rv, "C_GetSessionInfo");
  return readStruct(frame.block, CK_SESSION_INFO, offset);
}

/** C_Logout. */
export function* logout(frame: Frame, { session }: SessionArgs): Program<void> {
  expectOk(frame, yield [{ fn: frame.fn(FN.C_Logout), args: [session] }], "C_Logout");
}

/** C_InitToken; the label is padded with blanks to 32 bytes. */
export function* initToken(
  frame: Frame,
  { slot, pin, label }: { readonly slot: bigint; readonly pin: PinBytes; readonly label: Uint8Array },
): Program<void> {
  const padded = new Uint8Array(LABEL_LENGTH).fill(0x20);
  padded.set(label);
  const place = frame.input(padded);
  try {
    const rv = yield* tryOnce(frame, { slot, userType: CKU_SO, fn: "C_InitToken" }, pin, function* (pin) {
      return yield [{ fn: frame.fn(FN.C_InitToken), args: [slot, ...placePin(frame, pin), place] }];
    });
    if (rv !== CKR.OK) throw frame.failure("C_InitToken", rv);
  } finally {
    forgetPin(pin);
  }
  frame.turn?.pins.changed();
}

/** A session, and the slot of its token. */
interface PlaceArgs extends SessionArgs {
  /** The slot. */
  readonly slot: bigint;
}

/** C_InitPIN. */
export function* initPin(frame: Frame, { session, slot, pin }: PlaceArgs & { readonly pin: PinBytes }): Program<void> {
  yield* refuseEmpty(frame, { slot, fn: "C_InitPIN" }, pin);
  const [address, length] = putPin(frame, pin);
  expectOk(frame, yield [{ fn: frame.fn(FN.C_InitPIN), args: [session, address, length] }], "C_InitPIN");
  frame.turn?.pins.changed();
}

/** C_SetPIN. */
export function* setPin(
  frame: Frame,
  { session, slot, oldPin, newPin }: PlaceArgs & { readonly oldPin: PinBytes; readonly newPin: PinBytes },
): Program<void> {
  const changed = putPin(frame, newPin);
  // A wrong old PIN takes a try as a login does.
  try {
    yield* refuseEmpty(frame, { slot, fn: "C_SetPIN" }, newPin);
    const rv = yield* tryOnce(frame, { slot, userType: CKU_USER, fn: "C_SetPIN" }, oldPin, function* (pin) {
      return yield [{ fn: frame.fn(FN.C_SetPIN), args: [session, ...placePin(frame, pin), ...changed] }];
    });
    if (rv !== CKR.OK) throw frame.failure("C_SetPIN", rv);
  } finally {
    forgetPin(oldPin);
  }
  frame.turn?.pins.changed();
}

/** C_GenerateRandom, in smaller pieces where the token refuses so many bytes at once. */
export function* generateRandom(
  frame: Frame,
  { session, length }: SessionArgs & { readonly length: number },
): Program<Uint8Array<ArrayBuffer>> {
  const output = frame.output(length);
  const fn = frame.fn(FN.C_GenerateRandom);
  let piece = length;
  let done = 0;
  do {
    const size = Math.min(piece, length - done);
    const rv = yield [{ fn, args: [session, output.address + BigInt(done), BigInt(size)] }];
    if (rv === CKR.OK) done += size;
    else if (TOO_MANY.has(rv) && size > FEW_RANDOM_BYTES) piece = Math.ceil(size / 2);
    else throw frame.failure("C_GenerateRandom", rv);
  } while (done < length);
  return output.take(length);
}

/** C_SeedRandom. */
export function* seedRandom(
  frame: Frame,
  { session, data }: SessionArgs & { readonly data: Uint8Array },
): Program<void> {
  const rv = yield [{ fn: frame.fn(FN.C_SeedRandom), args: [session, frame.input(data), BigInt(data.length)] }];
  expectOk(frame, rv, "C_SeedRandom");
}

/** C_GetOperationState. */
export function operationState(frame: Frame, { session }: SessionArgs): Program<Uint8Array<ArrayBuffer>> {
  return outputOf(frame, "C_GetOperationState", STATE_ROOM, (address, length) => [session, address, length], {
    repeats: true,
  });
}

/** C_SetOperationState; a key handle of 0 means none. */
export function* setOperationState(
  frame: Frame,
  { session, state, encryptionKey, authenticationKey }: SessionArgs & {
    readonly state: Uint8Array;
    readonly encryptionKey: bigint;
    readonly authenticationKey: bigint;
  },
): Program<void> {
  const args = [session, frame.input(state), BigInt(state.length), encryptionKey, authenticationKey];
  expectOk(frame, yield [{ fn: frame.fn(FN.C_SetOperationState), args }], "C_SetOperationState");
}

mayWait(sessionInfo);
mayWait(generateRandom);
mayWait(openSession);
mayWait(closeSession);
mayWait(seedRandom, (args, copy) => ({ ...args, data: copy(args.data) }));
mayWait(setOperationState, (args, copy) => ({ ...args, state: copy(args.state) }));
