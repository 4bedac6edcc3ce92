/** Ending what an operation has begun and will not finish, so that the session stays usable. */
import { CKF, CKR } from "../constants/mod.ts";
import type { ActiveKind } from "../engine/active.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";

/** CKF flags of C_SessionCancel (PKCS#11 3.0 §5.6.11). */
export const CANCEL_FLAG: { readonly [Kind in ActiveKind]: bigint } = {
  messageEncrypt: BigInt(CKF.MESSAGE_ENCRYPT),
  messageDecrypt: BigInt(CKF.MESSAGE_DECRYPT),
  find: BigInt(CKF.FIND_OBJECTS),
  encrypt: BigInt(CKF.ENCRYPT),
  decrypt: BigInt(CKF.DECRYPT),
  digest: BigInt(CKF.DIGEST),
  sign: BigInt(CKF.SIGN),
  signRecover: BigInt(CKF.SIGN_RECOVER),
  verify: BigInt(CKF.VERIFY),
  verifyRecover: BigInt(CKF.VERIFY_RECOVER),
};

const SCRATCH = 0x2000;

/** How the last call of each kind looks like, given scratch memory: whatever it answers, the operation is over. */
const FINISH: {
  readonly [Kind in ActiveKind]: (s: bigint, at: bigint, length: bigint) => readonly [number, bigint[]];
} = {
  encrypt: (s, at, length) => [FN.C_EncryptFinal, [s, at, length]],
  decrypt: (s, at, length) => [FN.C_DecryptFinal, [s, at, length]],
  digest: (s, at, length) => [FN.C_DigestFinal, [s, at, length]],
  sign: (s, at, length) => [FN.C_SignFinal, [s, at, length]],
  signRecover: (s, at, length) => [FN.C_SignRecover, [s, at, 0n, at, length]],
  verify: (s, at) => [FN.C_VerifyFinal, [s, at, 1n]],
  verifyRecover: (s, at, length) => [FN.C_VerifyRecover, [s, at, 1n, at, length]],
  find: (s) => [FN.C_FindObjectsFinal, [s]],
  messageEncrypt: (s) => [FN.C_MessageEncryptFinal, [s]],
  messageDecrypt: (s) => [FN.C_MessageDecryptFinal, [s]],
};

/** Kinds whose single-part call ends them where their final call does not know an operation without parts. */
const FINISH_AT_ONCE: { readonly [Kind in ActiveKind]?: number } = {
  encrypt: FN.C_Encrypt,
  decrypt: FN.C_Decrypt,
  digest: FN.C_Digest,
  sign: FN.C_Sign,
};

/** What is ended may have ended by itself, or in another way: no answer is a failure. */
const leadsOn = () => true;

/** Ends an active operation: by C_SessionCancel where the module has it, else by finishing it into scratch memory. */
export function* endOperation(frame: Frame, kind: ActiveKind, session: bigint): Program<void> {
  try {
    yield* end(frame, kind, session);
  } catch (error) {
    // An abort that comes meanwhile must not leave the operation half ended.
    yield* end(frame, kind, session);
    throw error;
  }
}

/**
 * Ends what keeps an operation from beginning: the call that failed last on the session, which some modules leave active,
 * and what somebody has left of the kind that is to begin.
 */
export function* endActive(frame: Frame, kind: ActiveKind, session: bigint): Program<void> {
  const failed = frame.lane?.handle === session ? frame.lane.failed : null;
  if (failed !== null && failed !== kind) yield* endOperation(frame, failed, session);
  if (frame.lane) frame.lane.failed = null;
  // Nothing but a use of its key ends it, and that would log everybody out.
  if (frame.lane?.handle === session && frame.lane.unused?.kind === kind) return;
  yield* endOperation(frame, kind, session);
}

/** C_SessionCancel, where the module has it. Returns whether nothing is active afterwards. */
export function* tryCancel(frame: Frame, kind: ActiveKind, session: bigint): Program<boolean> {
  const cancel = frame.table.at(FN.C_SessionCancel);
  if (!cancel) return false;
  const rv = yield [{ fn: cancel, args: [session, CANCEL_FLAG[kind]], leadsOn }];
  return rv === CKR.OK || rv === CKR.OPERATION_NOT_INITIALIZED;
}

function* end(frame: Frame, kind: ActiveKind, session: bigint): Program<void> {
  const { table, block } = frame;
  if (yield* tryCancel(frame, kind, session)) return;
  block.secret = true;
  const scratch = block.address(block.alloc(SCRATCH));
  const length = frame.ulong(SCRATCH);
  const once = FINISH_AT_ONCE[kind];
  if (once !== undefined) {
    const fn = table.at(once);
    if (fn) {
      const rv = yield [{ fn, args: [session, scratch, 0n, scratch, block.address(length)], leadsOn }];
      // Anything else may be the refusal of an operation that has had parts.
      if (rv === CKR.OK) return;
    }
  }
  const [index, args] = FINISH[kind](session, scratch, block.address(length));
  const fn = table.at(index);
  if (!fn) return;
  block.setUlong(length, SCRATCH);
  const rv = yield [{ fn, args, leadsOn }];
  if (rv !== CKR.BUFFER_TOO_SMALL) return;
  const needed = block.getLength(length) ?? 0;
  const large = frame.output(Math.min(Math.max(needed, 2 * SCRATCH), 2 ** 30));
  block.setUlong(length, large.capacity);
  const [again, words] = FINISH[kind](session, large.address, block.address(length));
  yield [{ fn: frame.fn(again), args: words, leadsOn }];
}

/** What is to be ended on a session. */
export interface CancelArgs {
  /** The session. */
  readonly session: bigint;
  /** CKF_ flags of the operations. */
  readonly flags: bigint;
  /** Whether the flags may name operations that are not active: some modules call that a failure. */
  readonly ifAny: boolean;
}

/** C_SessionCancel; where the module cannot do that, the operations are finished into scratch memory. */
export function* cancelOperations(frame: Frame, { session, flags, ifAny }: CancelArgs): Program<void> {
  const cancel = frame.table.at(FN.C_SessionCancel);
  const kinds = (Object.keys(CANCEL_FLAG) as ActiveKind[]).filter((kind) => CANCEL_FLAG[kind] & flags);
  const isOver = (rv: number) => rv === CKR.OK || ifAny && rv === CKR.OPERATION_NOT_INITIALIZED;
  const isUnable = (rv: number) => rv === CKR.FUNCTION_NOT_SUPPORTED || ifAny && rv === CKR.OPERATION_CANCEL_FAILED;
  const leadsOn = (rv: number) => isOver(rv) || isUnable(rv) && kinds.length > 0;
  const rv = cancel ? yield [{ fn: cancel, args: [session, flags], leadsOn }] : CKR.FUNCTION_NOT_SUPPORTED;
  if (isOver(rv)) return;
  if (!leadsOn(rv)) throw frame.failure("C_SessionCancel", rv);
  const kept = frame.lane?.unused?.kind;
  for (const kind of kinds) if (kind !== kept) yield* endOperation(frame, kind, session);
  if (kept && kinds.includes(kept)) throw frame.failure("C_SessionCancel", CKR.OPERATION_CANCEL_FAILED);
}
