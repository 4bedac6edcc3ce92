/** Operations on one piece of data: encrypt, decrypt, digest, sign, verify and the recovering pair. */
import type { Program } from "../engine.ts";
import { FN, type Frame, type Output } from "../frame.ts";
import type { FunctionName } from "../functions.ts";
import { type PreparedMechanism, writeMechanism } from "../mechanisms.ts";
import type { NativeCall } from "../workers.ts";
import { type KeyAuthentication, loginForOperation, wantsLogin } from "./authentication.ts";
import { type ActiveKind, endOperation } from "./ending.ts";

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
  /** Does it. */
  readonly once: FunctionName;
}

const CKR_OK = 0;
const CKR_OPERATION_ACTIVE = 0x90;
const CKR_SIGNATURE_INVALID = 0xc0;
const CKR_SIGNATURE_LEN_RANGE = 0xc1;
const CKR_USER_NOT_LOGGED_IN = 0x101;
const CKR_BUFFER_TOO_SMALL = 0x150;
const MAX_GROWTHS = 4;

const ENCRYPT: CryptoFunctions = { kind: "encrypt", init: "C_EncryptInit", once: "C_Encrypt" };
const DECRYPT: CryptoFunctions = { kind: "decrypt", init: "C_DecryptInit", once: "C_Decrypt" };
const DIGEST: CryptoFunctions = { kind: "digest", init: "C_DigestInit", once: "C_Digest" };
const SIGN: CryptoFunctions = { kind: "sign", init: "C_SignInit", once: "C_Sign" };
const SIGN_RECOVER: CryptoFunctions = { kind: "signRecover", init: "C_SignRecoverInit", once: "C_SignRecover" };
const VERIFY_RECOVER: CryptoFunctions = { kind: "verifyRecover", init: "C_VerifyRecoverInit", once: "C_VerifyRecover" };
const VERIFY: CryptoFunctions = { kind: "verify", init: "C_VerifyInit", once: "C_Verify" };

/** Enough for RSA with 8192 bits; the few longer signatures cost one more call. */
const SIGNATURE_ROOM = 1024;

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
  const words = [session, frame.input(data), BigInt(data.length), frame.input(signature), BigInt(signature.length)];
  const rv = yield* begin(frame, args, VERIFY, { fn: frame.fn(FN.C_Verify), args: words });
  return isVerified(frame, rv, "C_Verify");
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
  const { session, data } = args;
  const { block } = frame;
  const input = frame.input(data);
  let output: Output = frame.output(room);
  const length = frame.ulong(room);
  const fn = frame.fn(FN[functions.once]);
  const words = [session, input, BigInt(data.length), output.address, block.address(length)];
  let rv = yield* begin(frame, args, functions, { fn, args: words });
  for (let growths = 0; rv === CKR_BUFFER_TOO_SMALL; growths++) {
    if (growths === MAX_GROWTHS) {
      yield* endOperation(frame, functions.kind, session);
      throw frame.engine.errors.failure(rv, functions.once);
    }
    output = frame.output(Math.max(output.capacity * 2, block.getLength(length) ?? 0));
    block.setUlong(length, output.capacity);
    rv = yield [{ fn, args: [session, input, BigInt(data.length), output.address, block.address(length)] }];
  }
  if (rv !== CKR_OK) throw frame.failure(functions.once);
  return output.take(Number(block.getUlong(length)));
}

/** Makes the first call and `once`, with the login a key may want between them; answers the CK_RV of `once`. */
export function* begin(
  frame: Frame,
  args: CryptoArgs,
  functions: CryptoFunctions,
  once: NativeCall,
): Program<number> {
  const { session, key, authentication } = args;
  const operation = functions.kind === "encrypt" || functions.kind === "decrypt" ? functions.kind : undefined;
  const mechanism = writeMechanism(frame.block, args.mechanism, { operation, dataLength: args.data.length });
  const words = [session, frame.block.address(mechanism.offset)];
  if (key !== null) words.push(key);
  const init = { fn: frame.fn(FN[functions.init]), args: words };
  let active = false;
  try {
    if (authentication && key !== null && (yield* wantsLogin(frame, session, key, authentication))) {
      yield* start(frame, functions, init, session);
      active = true;
      yield* loginForOperation(frame, session, authentication);
      active = false;
      return yield [once];
    }
    let rv = yield [init, once];
    if (frame.stopped === 0) {
      yield* recover(frame, functions, rv, session);
      rv = yield [init, once];
      if (frame.stopped === 0) throw frame.failure(functions.init);
    }
    if (rv === CKR_USER_NOT_LOGGED_IN && authentication) {
      // Some tokens speak up only now: once more, with the login in between.
      yield* start(frame, functions, init, session);
      active = true;
      yield* loginForOperation(frame, session, authentication);
      active = false;
      rv = yield [once];
    }
    return rv;
  } catch (error) {
    if (active || (frame.interrupted && frame.stopped === 1)) yield* endOperation(frame, functions.kind, session);
    throw error;
  } finally {
    mechanism.readBack();
  }
}

/** Makes the first call alone. */
export function* start(frame: Frame, functions: CryptoFunctions, init: NativeCall, session: bigint): Program<void> {
  const rv = yield [init];
  if (rv === CKR_OK) return;
  yield* recover(frame, functions, rv, session);
  if ((yield [init]) !== CKR_OK) throw frame.failure(functions.init);
}

/** Ends what somebody left active on the session, as this library's own operations never are; throws otherwise. */
function* recover(frame: Frame, functions: CryptoFunctions, rv: number, session: bigint): Program<void> {
  if (rv !== CKR_OPERATION_ACTIVE) throw frame.engine.errors.failure(rv, functions.init);
  yield* endOperation(frame, functions.kind, session);
}

const CKM_AES_CBC_PAD = 0x1085;
const CKM_AES_GCM = 0x1087;
const LENGTH_KEEPING = new Set([0x1081, 0x1082, 0x1086]);

/** Room for a ciphertext; exact for the common modes, so that large results need no second copy. */
function encryptedRoom(mechanism: number, length: number): number {
  if (mechanism === CKM_AES_CBC_PAD) return length - length % 16 + 16;
  if (mechanism === CKM_AES_GCM) return length + 16;
  if (LENGTH_KEEPING.has(mechanism)) return length;
  return Math.max(length + 64, SIGNATURE_ROOM);
}
