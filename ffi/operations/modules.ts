/** Operations on a module, its slots and tokens. */
import { CKF, CKR } from "../constants/mod.ts";
import { nativeRuntime } from "../runtime/runtime.ts";
import { encodeText } from "../memory/inputs.ts";
import {
  paddedText,
  readStruct,
  type StructDefinition,
  structLayout,
  type StructRead,
  withoutNuls,
} from "../memory/structs.ts";
import { mayWait, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import {
  CK_C_INITIALIZE_ARGS,
  CK_INFO,
  CK_MECHANISM_INFO,
  CK_SLOT_INFO,
  CK_TOKEN_INFO,
} from "../memory/structs_infos.ts";
import { expectOk } from "./objects.ts";

/** The values of a structure C filled. */
export type StructValues<D extends StructDefinition> = { [K in keyof D]: StructRead<D[K]> };

const CKF_DONT_BLOCK = BigInt(CKF.DONT_BLOCK);
/** Entries of a list before its length is known. */
const FIRST_ROOM = 512;
/** How often a list may outgrow the number its module has told. */
const MAX_ASKED = 4;
/** A module that wants more is not believed: there is one entry for each slot or mechanism. */
const MAX_ENTRIES = 2 ** 20;
/** Some modules read one word beyond CK_C_INITIALIZE_ARGS; it must be NULL. */
const INITIALIZE_MARGIN = 8;

/** How C_Initialize is called. */
export interface InitializeArgs {
  /** The text some modules expect in `pReserved`. */
  readonly reserved: string | null;
  /** Whether the module may use the locks of the operating system; otherwise it is called by one thread at a time. */
  readonly locking: boolean;
}

/** C_Initialize, answering its CK_RV; no callbacks are ever given. */
export function* initialize(frame: Frame, { reserved, locking }: InitializeArgs): Program<number> {
  const { block } = frame;
  const { size, offsets } = structLayout(CK_C_INITIALIZE_ARGS, block.abi);
  const offset = block.alloc(size + INITIALIZE_MARGIN);
  block.setUlong(offset + offsets.flags, locking ? CKF.OS_LOCKING_OK : 0);
  if (reserved !== null) {
    const text = block.putBytes(encodeText(`${reserved}\0`, "the reserved text of a module"));
    block.setPointer(offset + offsets.pReserved, block.address(text));
  }
  const rv = yield [{ fn: frame.fn(FN.C_Initialize), args: [block.address(offset)] }];
  // The module has loaded its libraries and made its exit handlers now.
  if (!frame.inPlace) nativeRuntime().leaveAtOnce?.();
  return rv;
}

/** C_Finalize, answering its CK_RV. */
export function* finalize(frame: Frame): Program<number> {
  return yield [{ fn: frame.fn(FN.C_Finalize), args: [0n] }];
}

/** C_GetInfo. */
export function moduleInfo(frame: Frame): Program<StructValues<typeof CK_INFO>> {
  return structOf(frame, "C_GetInfo", CK_INFO, []);
}

/** C_GetSlotInfo. */
export function slotInfo(
  frame: Frame,
  { slot }: { readonly slot: bigint },
): Program<StructValues<typeof CK_SLOT_INFO>> {
  return structOf(frame, "C_GetSlotInfo", CK_SLOT_INFO, [slot]);
}

/** C_GetTokenInfo. */
export function* tokenInfo(
  frame: Frame,
  { slot }: { readonly slot: bigint },
): Program<StructValues<typeof CK_TOKEN_INFO>> {
  if (frame.turn) frame.turn.label = undefined;
  const info = yield* structOf(frame, "C_GetTokenInfo", CK_TOKEN_INFO, [slot]);
  if (frame.turn) frame.turn.label = withoutNuls(paddedText(info.label));
  return info;
}

/** C_GetMechanismInfo. */
export function mechanismInfo(
  frame: Frame,
  { slot, type }: { readonly slot: bigint; readonly type: bigint },
): Program<StructValues<typeof CK_MECHANISM_INFO>> {
  return structOf(frame, "C_GetMechanismInfo", CK_MECHANISM_INFO, [slot, type]);
}

/** C_GetSlotList. */
export function slotList(frame: Frame, { tokenPresent }: { readonly tokenPresent: boolean }): Program<bigint[]> {
  return list(frame, "C_GetSlotList", [tokenPresent ? 1n : 0n], true);
}

/** C_GetMechanismList. */
export function mechanismList(frame: Frame, { slot }: { readonly slot: bigint }): Program<bigint[]> {
  return list(frame, "C_GetMechanismList", [slot]);
}

/** C_WaitForSlotEvent without blocking. `happened` hears of the slot, when the call was aborted too: it is told once. */
export function* slotEvent(
  frame: Frame,
  { happened }: { readonly happened: (slot: bigint) => void },
): Program<void> {
  const slot = frame.ulong();
  const args = [CKF_DONT_BLOCK, frame.block.address(slot), 0n];
  const rv = yield [{ fn: frame.fn(FN.C_WaitForSlotEvent), args }];
  if (rv === CKR.NO_EVENT) return;
  expectOk(frame, rv, "C_WaitForSlotEvent");
  happened(frame.block.getHandle(slot));
}

/** Slots with whether a token is in them. */
export type SlotFlags = ReadonlyMap<bigint, boolean>;

/** Every slot and whether a token is in it. */
export function* moduleSlotFlags(frame: Frame): Program<SlotFlags> {
  const present = new Set(yield* slotList(frame, { tokenPresent: true }));
  const all = yield* slotList(frame, { tokenPresent: false });
  return new Map(all.map((slot) => [slot, present.has(slot)]));
}

function* structOf<D extends StructDefinition>(
  frame: Frame,
  fn: FunctionName,
  definition: D,
  words: readonly bigint[],
): Program<StructValues<D>> {
  const offset = frame.block.alloc(structLayout(definition, frame.table.abi).size);
  const rv = yield [{ fn: frame.fn(FN[fn]), args: [...words, frame.block.address(offset)] }];
  expectOk(frame, rv, fn);
  return readStruct(frame.block, definition, offset);
}

/** The number of entries of a list, as the module tells it. */
function* entriesOf(frame: Frame, name: FunctionName, words: readonly bigint[]): Program<number> {
  const count = frame.ulong();
  const rv = yield [{ fn: frame.fn(FN[name]), args: [...words, 0n, frame.block.address(count)] }];
  if (rv === CKR.BUFFER_TOO_SMALL) throw tooSmall(0, name);
  if (rv !== CKR.OK) throw frame.failure(name);
  const entries = frame.block.getUlong(count);
  if (entries <= MAX_ENTRIES) return Number(entries);
  throw new RangeError(`Cannot use the module's answer: it wants room for ${entries} entries in ${name}`);
}

function tooSmall(room: number, name: FunctionName): RangeError {
  return new RangeError(
    `Cannot use the module's answer: it wants room for more than the ${room} entries it tells of in ${name}`,
  );
}

/**
 * A list of unknown length. The room is guessed; where it was too small, or is filled to the last entry, the module is asked
 * for the number: nothing larger is guessed. `fresh` asks for it before, not for its sake: a module looks for new readers
 * only then (C_GetSlotList, PKCS#11 2.40 §5.5).
 */
function* list(frame: Frame, name: FunctionName, words: readonly bigint[], fresh = false): Program<bigint[]> {
  const { block } = frame;
  const fn = frame.fn(FN[name]);
  const { ulong } = block.abi;
  let room = FIRST_ROOM;
  for (let asked = 0;; asked++) {
    const offset = block.alloc(room * ulong);
    const count = frame.ulong(room);
    const call = { fn, args: [...words, block.address(offset), block.address(count)] };
    const length = { fn, args: [...words, 0n, block.address(frame.ulong())] };
    const rv = yield fresh ? [length, call] : [call];
    if (rv === CKR.BUFFER_TOO_SMALL) {
      if (asked === MAX_ASKED) throw tooSmall(room, name);
      room = yield* entriesOf(frame, name, words);
      continue;
    }
    const found = Number(block.getUlong(count));
    if (rv !== CKR.OK) throw frame.failure(name);
    if (found > room) throw new RangeError(`Cannot use the module's answer: ${found} entries where ${room} had room`);
    // A module may leave the number as it is.
    if (found === room && asked === 0 && (room = yield* entriesOf(frame, name, words)) !== found) continue;
    const bytes = block.bytesAt(offset, found * ulong);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from(
      { length: found },
      (_, i) => ulong === 8 ? view.getBigUint64(i * ulong, true) : BigInt(view.getUint32(i * ulong, true)),
    );
  }
}

mayWait(moduleInfo);
mayWait(slotInfo);
mayWait(tokenInfo);
mayWait(mechanismInfo);
mayWait(slotList);
mayWait(mechanismList);
