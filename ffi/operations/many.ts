/** The same operation on many inputs, as few jobs on a worker as their size allows. */
import { CKR } from "../constants/mod.ts";
import type { Program } from "../engine/program.ts";
import type { Frame } from "../engine/frame.ts";
import { batchEnds, PlacedInputs, ResultRooms, Rows } from "../memory/batches.ts";
import { type JobCall, type Progress, RepeatedCalls } from "../workers/repeated_calls.ts";
import { wantsLogin } from "./authentication.ts";
import { type MechanismUse, writeMechanism } from "../memory/mechanisms.ts";
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
  hasKnownSignature,
  isVerified,
  SIGN,
  sign,
  signatureRoom,
  VERIFY,
  verify,
} from "./crypto.ts";
import { endOperation } from "./ending.ts";
import { checkKey, wantsFit } from "./key_checks.ts";

/** An operation on many inputs. */
export interface ManyArgs extends Omit<CryptoArgs, "data"> {
  /** The inputs, which are copied before the first call. */
  readonly inputs: readonly Uint8Array[];
}

type Bytes = Uint8Array<ArrayBuffer>;

/** An operation that gives bytes, as it is done on each input. */
interface Kind {
  readonly functions: CryptoFunctions;
  /** The operation on one input. */
  readonly single: (frame: Frame, args: CryptoArgs) => Program<Bytes>;
  /** Bytes to leave for the result of data of a length. */
  readonly room: (length: number) => number;
  /** Whether the result has that length, so that a room that is filled is no sign of a longer one. */
  readonly known: boolean;
}

/** C_SignInit and C_Sign for each input. */
export function signMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  const room = signatureRoom(type);
  return many(frame, args, { functions: SIGN, single: sign, room: () => room, known: hasKnownSignature(type) });
}

/** C_EncryptInit and C_Encrypt for each input. */
export function encryptMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  const room = (length: number) => encryptedRoom(type, length);
  return many(frame, args, { functions: ENCRYPT, single: encrypt, room, known: hasKnownLength(type) });
}

/** C_DecryptInit and C_Decrypt for each input. */
export function decryptMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  const { type } = args.mechanism;
  const room = (length: number) => decryptedRoom(type, length);
  return many(frame, args, { functions: DECRYPT, single: decrypt, room, known: hasKnownLength(type) });
}

/** C_DigestInit and C_Digest for each input. */
export function digestMany(frame: Frame, args: ManyArgs): Program<Bytes[]> {
  return many(frame, args, { functions: DIGEST, single: digest, room: () => HASH_ROOM, known: false });
}

/** {@linkcode verifyMany}'s input. */
type VerifyManyArgs = ManyArgs & { readonly signatures: readonly Uint8Array[] };

/** C_VerifyInit and C_Verify for each input. */
export function* verifyMany(frame: Frame, args: VerifyManyArgs): Program<boolean[]> {
  const { session, inputs, signatures } = args;
  frame.block.secret = true;
  const ends = batchEnds(inputs.length, (index) => inputs[index]!.length + signatures[index]!.length);
  const data = new PlacedInputs(frame.block, inputs, ends);
  const claimed = new PlacedInputs(frame.block, signatures, ends);
  yield* checkKey(frame, args, VERIFY.init);
  const alone = yield* wantsEachAlone(frame, args);
  const results: boolean[] = [];
  const mark = frame.block.mark();
  while (results.length < data.count) {
    frame.block.rewind(mark);
    const from = results.length;
    let rv: number | null = null;
    if (!alone) {
      const rows = new Rows(data.endOf(from) - from).add(session);
      data.addTo(rows, from);
      claimed.addTo(rows, from);
      rv = yield* runBatch(frame, args, VERIFY, rows, (row) => data.lengthOf(from + row));
      for (let i = 0; i < frame.stopped >> 1; i++) results.push(true);
      if (rv === CKR.OK) continue;
    }
    const { length } = results;
    const signature = claimed.at(length);
    frame.args = { ...args, index: length };
    const verified = rv !== null && frame.stopped % 2 === 1
      ? isVerified(frame, rv, "C_Verify", { mechanism: args.mechanism.type, signature })
      // Each goes alone, or the first call failed: alone it shows what is to be done about it.
      : verify(frame, { ...args, data: data.at(length), signature });
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

function* many(frame: Frame, args: ManyArgs, kind: Kind): Program<Bytes[]> {
  const { inputs } = args;
  // The inputs are in it from here on.
  frame.block.secret = true;
  const ends = batchEnds(inputs.length, (index) => inputs[index]!.length + kind.room(inputs[index]!.length));
  const placed = new PlacedInputs(frame.block, inputs, ends);
  yield* checkKey(frame, args, kind.functions.init);
  const alone = yield* wantsEachAlone(frame, args);
  const results: Bytes[] = [];
  const mark = frame.block.mark();
  try {
    while (results.length < placed.count) {
      frame.block.rewind(mark);
      if (!alone) {
        const from = results.length;
        yield* batchOf(frame, args, kind, placed, placed.endOf(from) - from, results);
        frame.block.rewind(mark);
      }
      if (results.length === placed.count) break;
      // Either each use goes alone, or this input stopped the batch: alone it shows what is to be done about it.
      if (alone || frame.rv !== CKR.OK) {
        results.push(yield* oneOf(frame, args, kind.single, placed, results.length));
        frame.rv = CKR.OK;
      }
    }
    return results;
  } catch (error) {
    for (const result of results) result.fill(0);
    throw error;
  }
}

/** The operation on one of the inputs by itself; its errors tell which. */
function oneOf(
  frame: Frame,
  args: ManyArgs,
  single: Kind["single"],
  placed: PlacedInputs,
  index: number,
): Program<Bytes> {
  frame.args = { ...args, index };
  return single(frame, { ...args, data: placed.at(index) });
}

/** One batch of so many inputs, from the first that has no result yet; appends what came of those that succeeded. */
function* batchOf(
  frame: Frame,
  args: ManyArgs,
  { functions, single, room, known }: Kind,
  placed: PlacedInputs,
  count: number,
  results: Bytes[],
): Program<void> {
  const { session } = args;
  const from = results.length;
  const rooms = new ResultRooms(frame.block, placed.lengths(from, count).map(room));
  const rows = new Rows(count).add(session);
  placed.addTo(rows, from);
  rooms.addTo(rows);
  let row = 0;
  const take = (made: number) => {
    row = rooms.take(row, made >> 1, !known, results);
  };
  yield* runBatch(frame, args, functions, rows, (row) => placed.lengthOf(from + row), take);
  const { rv, stopped } = frame;
  const end = stopped >> 1;
  for (take(stopped); row < end; take(stopped)) {
    rooms.assertRoom(row);
    // A room that was a guess and is filled: alone it shows how long the result is.
    results.push(yield* oneOf(frame, args, single, placed, from + row++));
  }
  frame.rv = rv;
  // A result that did not fit leaves its operation active.
  if (rv !== CKR.OK && stopped % 2 === 1) {
    yield* endOperation(frame, functions.kind, session);
    frame.rv = rv;
  }
}

/** Makes both calls on each input of a batch; `lengthOf` tells how long its data is. */
function* runBatch(
  frame: Frame,
  args: Omit<ManyArgs, "inputs">,
  functions: CryptoFunctions,
  rows: Rows,
  lengthOf: (row: number) => number,
  progress: Progress | null = null,
): Program<number> {
  const init = initCall(frame, args, functions, rows.count, lengthOf);
  try {
    return yield new RepeatedCalls([init, { fn: frame.fn(functions.onceIndex), args: rows }], rows.count, progress);
  } catch (error) {
    if (frame.interrupted && frame.stopped % 2 === 1) yield* endOperation(frame, functions.kind, args.session);
    throw error;
  }
}

/** The first call: one serves for all, but where a cipher's parameter may carry the length of the data. */
function initCall(
  frame: Frame,
  { session, key, mechanism }: Omit<ManyArgs, "inputs">,
  functions: CryptoFunctions,
  count: number,
  lengthOf: (row: number) => number,
): JobCall {
  const { block } = frame;
  const { kind } = functions;
  const fn = frame.fn(functions.initIndex);
  const wordsOf = (use?: MechanismUse) => {
    const address = block.address(writeMechanism(block, mechanism, use).offset);
    return key === null ? [session, address] : [session, address, key];
  };
  if (kind !== "encrypt" && kind !== "decrypt" || mechanism.parameter === null) return { fn, args: wordsOf() };
  const rows = Array.from({ length: count }, (_, row) => wordsOf({ operation: kind, dataLength: lengthOf(row) }));
  return { fn, args: { write: (words, at) => words.set(rows.flat(), at) } };
}
