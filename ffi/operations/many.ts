/** The same operation on many inputs, as few jobs on a worker as their size allows. */
import { CKR } from "../constants/mod.ts";
import type { Program } from "../engine/program.ts";
import type { Frame, Output } from "../engine/frame.ts";
import { type BlockMark, word } from "../memory/block.ts";
import { wantsLogin } from "./authentication.ts";
import { writeMechanism } from "../memory/mechanisms.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import {
  type CryptoArgs,
  type CryptoFunctions,
  DECRYPT,
  decrypt,
  decryptedRoom,
  DIGEST,
  digest,
  ENCRYPT,
  encrypt,
  encryptedRoom,
  HASH_ROOM,
  hasKnownLength,
  isVerified,
  SIGN,
  sign,
  signatureRoom,
  VERIFY,
  verify,
} from "./crypto.ts";
import { endOperation } from "./ending.ts";
import { wantsFit } from "./key_fit.ts";
import { checkKey } from "./key_types.ts";

/** An operation on many inputs. */
export interface ManyArgs extends Omit<CryptoArgs, "data"> {
  /** The inputs: copies of the operation's own, overwritten when it ends. */
  readonly inputs: readonly Uint8Array[];
}

/** Bytes of native memory one batch may take. */
const BATCH_BYTES = 0x100000;
const MAX_BATCH = 256;

type Bytes = Uint8Array<ArrayBuffer>;

/** An operation that gives bytes, as it is done on each input. */
interface Kind {
  readonly functions: CryptoFunctions;
  /** The operation on one input. */
  readonly single: (frame: Frame, args: CryptoArgs) => Program<Bytes>;
  /** Bytes to leave for the result. */
  readonly room: (data: Uint8Array) => number;
  /** Whether the result has that length, so that a room that is filled is no sign of a longer one. */
  readonly known: boolean;
}

/** C_SignInit and C_Sign for each input. */
export function signMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  return many(frame, args, { functions: SIGN, single: sign, room: () => signatureRoom(type), known: false });
}

/** C_EncryptInit and C_Encrypt for each input. */
export function encryptMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  const room = (data: Uint8Array) => encryptedRoom(type, data.length);
  return many(frame, args, { functions: ENCRYPT, single: encrypt, room, known: hasKnownLength(type) });
}

/** C_DecryptInit and C_Decrypt for each input. */
export function decryptMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  const room = (data: Uint8Array) => decryptedRoom(type, data.length);
  return many(frame, args, { functions: DECRYPT, single: decrypt, room, known: hasKnownLength(type) });
}

/** C_DigestInit and C_Digest for each input. */
export function digestMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  return many(frame, args, { functions: DIGEST, single: digest, room: () => HASH_ROOM, known: false });
}

/** {@linkcode verifyMany}'s input. */
type VerifyManyArgs = ManyArgs & { readonly signatures: readonly Uint8Array[] };

/** C_VerifyInit and C_Verify for each input. */
export function verifyMany(frame: Frame, args: VerifyManyArgs): Program<boolean[]> {
  return overwriting(frame, args.inputs, verifyEach(frame, args));
}

function* verifyEach(frame: Frame, args: VerifyManyArgs): Program<boolean[]> {
  const { session, inputs, signatures } = args;
  yield* checkKey(frame, args, VERIFY.init);
  const results: boolean[] = [];
  if (yield* wantsEachAlone(frame, args)) {
    for (let i = 0; i < inputs.length; i++) {
      results.push(yield* verify(frame, { ...args, data: inputs[i]!, signature: signatures[i]! }));
    }
    return results;
  }
  const mark = frame.block.mark();
  const fn = frame.fn(VERIFY.onceIndex);
  while (results.length < inputs.length) {
    frame.block.rewind(mark);
    const init = initCall(frame, args, VERIFY, undefined);
    const step: NativeCall[] = [];
    const from = results.length;
    for (let i = from, bytes = 0; i < inputs.length && i - from < MAX_BATCH && bytes < BATCH_BYTES; i++) {
      const data = inputs[i]!;
      const signature = signatures[i]!;
      bytes += data.length + signature.length;
      const words = [session, frame.input(data), word(data.length), frame.input(signature), word(signature.length)];
      step.push(init, { fn, args: words });
    }
    const rv = yield* runBatch(frame, VERIFY, session, step);
    for (let i = 0; i < frame.stopped >> 1; i++) results.push(true);
    if (rv === CKR.OK) continue;
    const { length } = results;
    const signature = signatures[length]!;
    const verified = frame.stopped % 2 === 1
      ? isVerified(frame, rv, "C_Verify", { mechanism: args.mechanism.type, signature })
      // The first call failed: alone it shows what is to be done about it.
      : verify(frame, { ...args, data: inputs[length]!, signature });
    results.push(yield* verified);
  }
  return results;
}

/** Whether each use of the key goes alone: it wants a login for each, or its mechanism a look at it. */
function* wantsEachAlone(frame: Frame, args: Omit<ManyArgs, "inputs">): Program<boolean> {
  const { session, key, authentication } = args;
  if (wantsFit(args)) return true;
  return authentication !== null && key !== null && (yield* wantsLogin(frame, session, key, authentication));
}

function many(frame: Frame, args: ManyArgs, kind: Kind): Program<Bytes[]> {
  return overwriting(frame, args.inputs, each(frame, args, kind));
}

/** Overwrites the inputs, and every copy of them, when the operation on them has ended. */
function* overwriting<T>(frame: Frame, inputs: readonly Uint8Array[], program: Program<T>): Program<T> {
  frame.block.secret = true;
  try {
    return yield* program;
  } finally {
    for (const input of inputs) input.fill(0);
  }
}

function* each(frame: Frame, args: ManyArgs, kind: Kind): Program<Bytes[]> {
  const { inputs } = args;
  yield* checkKey(frame, args, kind.functions.init);
  const alone = yield* wantsEachAlone(frame, args);
  const results: Bytes[] = [];
  const mark = frame.block.mark();
  try {
    while (results.length < inputs.length) {
      frame.block.rewind(mark);
      if (!alone) yield* batchOf(frame, args, kind, results, mark);
      if (results.length === inputs.length) break;
      // Either each use goes alone, or this input stopped the batch: alone it shows what is to be done about it.
      if (alone || frame.rv !== CKR.OK) {
        results.push(yield* kind.single(frame, { ...args, data: inputs[results.length]! }));
        frame.rv = CKR.OK;
      }
    }
    return results;
  } catch (error) {
    for (const result of results) result.fill(0);
    throw error;
  }
}

/** One batch with as many inputs as fit; appends what came of those that succeeded. */
function* batchOf(
  frame: Frame,
  args: ManyArgs,
  { functions, single, room, known }: Kind,
  results: Bytes[],
  mark: BlockMark,
): Program<void> {
  const { session, inputs } = args;
  const { block } = frame;
  const fn = frame.fn(functions.onceIndex);
  const step: NativeCall[] = [];
  const outputs: Output[] = [];
  const lengths: number[] = [];
  const from = results.length;
  // What has no parameter says nothing of the data: one serves for all.
  const shared = args.mechanism.parameter === null ? initCall(frame, args, functions, undefined) : null;
  for (let i = from, bytes = 0; i < inputs.length && i - from < MAX_BATCH && bytes < BATCH_BYTES; i++) {
    const data = inputs[i]!;
    const output = frame.output(room(data));
    const length = frame.ulong(output.capacity);
    bytes += data.length + output.capacity;
    outputs.push(output);
    lengths.push(length);
    const words = [session, frame.input(data), word(data.length), output.address, block.address(length)];
    step.push(shared ?? initCall(frame, args, functions, data.length), { fn, args: words });
  }
  yield* runBatch(frame, functions, session, step);
  const { rv, stopped } = frame;
  for (let i = 0; i < stopped >> 1; i++) {
    const length = Number(block.getUlong(lengths[i]!));
    // A room that was a guess and is filled: alone it shows how long the result is.
    const doubtful = !known && length === outputs[i]!.capacity;
    results.push(
      doubtful ? yield* single(frame, { ...args, data: inputs[from + i]! }) : outputs[i]!.take(length),
    );
  }
  frame.rv = rv;
  // A result that did not fit leaves its operation active.
  if (rv !== CKR.OK && stopped % 2 === 1) {
    yield* endOperation(frame, functions.kind, session);
    frame.rv = rv;
  }
  block.rewind(mark);
}

/** The first call; some parameters of ciphers carry the length of the data. */
function initCall(
  frame: Frame,
  args: ManyArgs,
  functions: CryptoFunctions,
  dataLength: number | undefined,
): NativeCall {
  const { session, key } = args;
  const { kind } = functions;
  const use = kind === "encrypt" || kind === "decrypt" ? { operation: kind, dataLength } : undefined;
  const address = frame.block.address(writeMechanism(frame.block, args.mechanism, use).offset);
  return { fn: frame.fn(functions.initIndex), args: key === null ? [session, address] : [session, address, key] };
}

function* runBatch(
  frame: Frame,
  functions: CryptoFunctions,
  session: bigint,
  step: readonly NativeCall[],
): Program<number> {
  try {
    return yield step;
  } catch (error) {
    if (frame.interrupted && frame.stopped % 2 === 1) yield* endOperation(frame, functions.kind, session);
    throw error;
  }
}
