/** Operations on one piece of data: encrypt, decrypt, digest, sign, verify and the recovering pair. */
import type { Program } from "../engine.ts";
import { FN, type Frame, type Output } from "../frame.ts";
import { type Block, word } from "../memory.ts";
import type { FunctionName } from "../functions.ts";
import {
  type BuiltParameter,
  type PreparedMechanism,
  rewriteMechanism,
  writeMechanism,
  type WrittenMechanism,
} from "../mechanisms.ts";
import type { NativeCall } from "../workers.ts";
import { type KeyAuthentication, loginForOperation, wantsLogin } from "./authentication.ts";
import { type ActiveKind, endOperation } from "./ending.ts";
import { MAX_GROWTHS } from "./output.ts";

/** What every operation with a key is given. */
export interface CryptoArgs {
  /** The session. */
  readonly session: bigint;
  /** The key; none for a digest. */
  readonly key: bigint | null;
  /** The mechanism. */
  readonly mechanism: PreparedMechanism;
  /** What is encrypted, signed and so on. */
  readonly data: Uint8Array;
  /** Whom to ask for the PIN of a key that wants one for each use; `null` where nobody can be asked. */
  readonly authentication: KeyAuthentication | null;
}

/** The C functions of one kind of operation. */
export interface CryptoFunctions {
  /** What becomes active. */
  readonly kind: ActiveKind;
  /** Begins it. */
  readonly init: FunctionName;
  /** Place of `init` in the list. */
  readonly initIndex: number;
  /** Does it. */
  readonly once: FunctionName;
  /** Place of `once` in the list. */
  readonly onceIndex: number;
}

function functionsOf(kind: ActiveKind, init: FunctionName, once: FunctionName): CryptoFunctions {
  return { kind, init, initIndex: FN[init], once, onceIndex: FN[once] };
}

const CKR_OK = 0;
const CKR_OPERATION_ACTIVE = 0x90;
const CKR_SIGNATURE_INVALID = 0xc0;
const CKR_SIGNATURE_LEN_RANGE = 0xc1;
const CKR_USER_NOT_LOGGED_IN = 0x101;
const CKR_BUFFER_TOO_SMALL = 0x150;

/** C_EncryptInit and C_Encrypt. */
export const ENCRYPT: CryptoFunctions = functionsOf("encrypt", "C_EncryptInit", "C_Encrypt");
/** C_DecryptInit and C_Decrypt. */
export const DECRYPT: CryptoFunctions = functionsOf("decrypt", "C_DecryptInit", "C_Decrypt");
/** C_DigestInit and C_Digest. */
export const DIGEST: CryptoFunctions = functionsOf("digest", "C_DigestInit", "C_Digest");
/** C_SignInit and C_Sign. */
export const SIGN: CryptoFunctions = functionsOf("sign", "C_SignInit", "C_Sign");
const SIGN_RECOVER = functionsOf("signRecover", "C_SignRecoverInit", "C_SignRecover");
const VERIFY_RECOVER = functionsOf("verifyRecover", "C_VerifyRecoverInit", "C_VerifyRecover");
/** C_VerifyInit and C_Verify. */
export const VERIFY: CryptoFunctions = functionsOf("verify", "C_VerifyInit", "C_Verify");

/** Enough for RSA with 8192 bits; the few longer signatures cost one more call. */
export const SIGNATURE_ROOM = 1024;

/** C_EncryptInit and C_Encrypt. */
export function encrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, ENCRYPT, encryptedRoom(args.mechanism.type, args.data.length));
}

/** C_DecryptInit and C_Decrypt. */
export function decrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, DECRYPT, Math.max(args.data.length, 64));
}

/** C_DigestInit and C_Digest. */
export function digest(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, DIGEST, 64);
}

/** C_SignInit and C_Sign. */
export function sign(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, SIGN, SIGNATURE_ROOM);
}

/** C_SignRecoverInit and C_SignRecover. */
export function signRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, SIGN_RECOVER, SIGNATURE_ROOM);
}

/** C_VerifyRecoverInit and C_VerifyRecover. */
export function verifyRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, VERIFY_RECOVER, Math.max(args.data.length, SIGNATURE_ROOM));
}

/** C_VerifyInit and C_Verify; `false` for a signature that is wrong or has a wrong length. */
export function* verify(frame: Frame, args: CryptoArgs & { readonly signature: Uint8Array }): Program<boolean> {
  const { session, data, signature } = args;
  const words = [session, frame.input(data), word(data.length), frame.input(signature), word(signature.length)];
  const begun = beginning(frame, args, VERIFY, { fn: frame.fn(VERIFY.onceIndex), args: words });
  try {
    let rv = begun.asks ? yield* beginAuthenticated(frame, begun) : yield begun.both;
    if (rv !== CKR_OK) rv = yield* settle(frame, begun, rv);
    begun.mechanism.readBack();
    return isVerified(frame, rv, "C_Verify");
  } catch (error) {
    if (begun.active || frame.interrupted && frame.stopped === 1) yield* endOperation(frame, VERIFY.kind, session);
    throw error;
  }
}

/** What a verification came to; throws for anything else than a right or a wrong signature. */
export function isVerified(frame: Frame, rv: number, fn: FunctionName): boolean {
  if (rv === CKR_OK) return true;
  if (rv === CKR_SIGNATURE_INVALID || rv === CKR_SIGNATURE_LEN_RANGE) return false;
  throw frame.engine.errors.failure(rv, fn);
}

function* transform(
  frame: Frame,
  args: CryptoArgs,
  functions: CryptoFunctions,
  room: number,
): Program<Uint8Array<ArrayBuffer>> {
  const { session } = args;
  const { block } = frame;
  const begun = sameLayout(block, args, functions, room) ?? layOut(frame, args, functions, room);
  const { input, length, once } = begun;
  let { output } = begun;
  try {
    // The common case is spelt out here: delegating to another generator for each call costs as much as the call.
    let rv = begun.asks ? yield* beginAuthenticated(frame, begun) : yield begun.both;
    if (rv !== CKR_OK) rv = yield* settle(frame, begun, rv);
    for (let growths = 0; rv === CKR_BUFFER_TOO_SMALL; growths++) {
      begun.active = true;
      if (growths === MAX_GROWTHS) throw frame.engine.errors.failure(rv, functions.once);
      output = frame.grow(output, length);
      const words = [session, input, word(args.data.length), output.address, block.address(length)];
      rv = yield [{ fn: once.fn, args: words }];
      begun.active = false;
    }
    begun.mechanism.readBack();
    if (rv !== CKR_OK) throw frame.failure(functions.once);
    return output.take(Number(block.getUlong(length)));
  } catch (error) {
    if (begun.active || frame.interrupted && frame.stopped === 1) yield* endOperation(frame, functions.kind, session);
    throw error;
  } finally {
    // The layout may be kept; the caller's data is not.
    begun.args = null;
  }
}

/** The two calls of an operation, and whether it is active on the session. */
interface Beginning {
  /** `null` once the operation has ended. */
  args: CryptoArgs | null;
  readonly functions: CryptoFunctions;
  readonly mechanism: WrittenMechanism;
  readonly init: NativeCall;
  readonly once: NativeCall;
  readonly both: readonly NativeCall[];
  /** Whether the key may want a login for this use, and somebody can be asked. */
  readonly asks: boolean;
  /** Whether the last step was made of both calls. */
  paired: boolean;
  active: boolean;
}

/** A transformation as it lies in the memory of its operation. */
interface Transformation extends Beginning {
  readonly room: number;
  readonly input: bigint;
  readonly inputOffset: number;
  readonly output: Output;
  readonly length: number;
  /** Memory in use when everything was laid out. */
  readonly used: number;
  readonly session: bigint;
  readonly key: bigint | null;
  readonly type: number;
  /** Bytes of a raw parameter; -1 for one that is long or built anew for each call. */
  readonly parameterLength: number;
  readonly dataLength: number;
}

/** Layouts larger than this are not kept. */
const KEPT_BYTES = 0x2000;
const KEPT_PARAMETER = 256;
/** What was laid out last in a block: programs repeat themselves, and words made once serve again. */
const layouts = new WeakMap<Block, Transformation>();

function layOut(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, room: number): Transformation {
  const { session, data } = args;
  const { block } = frame;
  const fresh = block.used === 0;
  const small = data.length + room < KEPT_BYTES;
  const inputOffset = small ? block.putBytes(data) : 0;
  const input = small ? block.address(inputOffset) : frame.input(data);
  const output = frame.output(room);
  const length = frame.ulong(room);
  const words = [session, input, word(data.length), output.address, block.address(length)];
  const begun = beginning(frame, args, functions, { fn: frame.fn(functions.onceIndex), args: words });
  const { type, parameter } = args.mechanism;
  const parameterLength = parameter === null
    ? 0
    : parameter instanceof Uint8Array && parameter.length <= KEPT_PARAMETER
    ? parameter.length
    : -1;
  const shape = { session, key: args.key, type, parameterLength, dataLength: data.length };
  const transformation = { ...begun, ...shape, room, input, inputOffset, output, length, used: block.used };
  if (fresh && small && parameterLength >= 0) layouts.set(block, transformation);
  return transformation;
}

/** The layout of the last call in this block, filled with this call's data, where nothing else is different. */
function sameLength(parameter: Uint8Array | BuiltParameter, { parameterLength }: Transformation): boolean {
  return parameterLength > 0 && parameter instanceof Uint8Array && parameter.length === parameterLength;
}

function sameLayout(
  block: Block,
  args: CryptoArgs,
  functions: CryptoFunctions,
  room: number,
): Transformation | undefined {
  const last = layouts.get(block);
  if (!last || block.used !== 0 || last.functions !== functions || last.room !== room) return undefined;
  const { data } = args;
  const { type, parameter } = args.mechanism;
  if (
    last.session !== args.session || last.key !== args.key || last.dataLength !== data.length || last.type !== type ||
    args.authentication !== null || last.asks
  ) return undefined;
  if (parameter === null ? last.parameterLength !== 0 : !sameLength(parameter, last)) return undefined;
  block.used = last.used;
  block.bytes.set(data, last.inputOffset);
  block.setUlong(last.length, room);
  rewriteMechanism(block, args.mechanism, last.mechanism);
  last.args = args;
  last.paired = true;
  last.active = false;
  return last;
}

function beginning(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, once: NativeCall): Beginning {
  const { session, key } = args;
  const { kind } = functions;
  const use = kind === "encrypt" || kind === "decrypt" ? { operation: kind, dataLength: args.data.length } : undefined;
  const mechanism = writeMechanism(frame.block, args.mechanism, use);
  const address = frame.block.address(mechanism.offset);
  const init = { fn: frame.fn(functions.initIndex), args: key === null ? [session, address] : [session, address, key] };
  const asks = args.authentication !== null;
  return { args, functions, mechanism, init, once, both: [init, once], asks, paired: true, active: false };
}

/** Makes both calls, with a login between them if the key wants one; answers the CK_RV of the last that ran. */
function* beginAuthenticated(frame: Frame, begun: Beginning): Program<number> {
  const { session, key, authentication } = begun.args!;
  if (key === null || !authentication || !(yield* wantsLogin(frame, session, key, authentication))) {
    return yield begun.both;
  }
  return yield* loginBetween(frame, begun, authentication);
}

function* loginBetween(frame: Frame, begun: Beginning, authentication: KeyAuthentication): Program<number> {
  const { session } = begun.args!;
  yield* start(frame, begun.functions, begun.init, session);
  begun.active = true;
  begun.paired = false;
  yield* loginForOperation(frame, session, authentication);
  const rv = yield [begun.once];
  begun.active = false;
  return rv;
}

/** What to do about calls that failed: end what others left behind, log in where the token asks for it only now. */
function* settle(frame: Frame, begun: Beginning, failed: number): Program<number> {
  const { session, authentication } = begun.args!;
  const { functions, init, once } = begun;
  let rv = failed;
  if (begun.paired && frame.stopped === 0) {
    if (rv !== CKR_OPERATION_ACTIVE) throw frame.failure(functions.init);
    yield* endOperation(frame, functions.kind, session);
    rv = yield [init, once];
    if (frame.stopped === 0 && rv !== CKR_OK) throw frame.failure(functions.init);
  }
  if (rv === CKR_USER_NOT_LOGGED_IN && authentication) return yield* loginBetween(frame, begun, authentication);
  return rv;
}

/** Makes the first call alone; what somebody left active on the session is ended. */
export function* start(frame: Frame, functions: CryptoFunctions, init: NativeCall, session: bigint): Program<void> {
  let rv = yield [init];
  if (rv === CKR_OPERATION_ACTIVE) {
    yield* endOperation(frame, functions.kind, session);
    rv = yield [init];
  }
  if (rv !== CKR_OK) throw frame.failure(functions.init);
}

const CKM_AES_CBC_PAD = 0x1085;
const CKM_AES_GCM = 0x1087;
const LENGTH_KEEPING = new Set([0x1081, 0x1082, 0x1086]);

/** Room for a ciphertext; exact for the common modes, so that large results need no second copy. */
export function encryptedRoom(mechanism: number, length: number): number {
  if (mechanism === CKM_AES_CBC_PAD) return length - length % 16 + 16;
  if (mechanism === CKM_AES_GCM) return length + 16;
  if (LENGTH_KEEPING.has(mechanism)) return length;
  return Math.max(length + 64, SIGNATURE_ROOM);
}
