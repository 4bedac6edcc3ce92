/** Reading attributes: all there is to know of one object, and the same of many, as many in one step as there is room for. */
import { BlockCopy, CopiedAttributes } from "../attributes/attribute_copy.ts";
import type { ReadPlan } from "../attributes/read_plan.ts";
import type { ReadAttribute } from "../attributes/attribute.ts";
import { CKR } from "../constants/ckr.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { NativeCall } from "../workers/worker_pool.ts";

/** Most objects whose attributes are read in one step. */
const MOST = 32;
/** Enough for CK_SESSION_INFO. */
const SESSION_INFO_ROOM = 32;
/** Answers of C_GetAttributeValue that say nothing about an attribute: no other of them can be read either. */
const ENDS_READING: ReadonlySet<number> = new Set([
  CKR.CRYPTOKI_NOT_INITIALIZED,
  CKR.DEVICE_REMOVED,
  CKR.FUNCTION_CANCELED,
  CKR.FUNCTION_NOT_SUPPORTED,
  CKR.SESSION_CLOSED,
  CKR.SESSION_HANDLE_INVALID,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
]);

/** What a search found, in the token's order. */
export interface Found {
  /** The handles. */
  readonly handles: readonly bigint[];
  /** What was read of each object; `null` where nothing was asked for. */
  readonly attributes: readonly (ReadAttribute[] | CopiedAttributes)[] | null;
}

/**
 * Makes the calls it takes to know all attributes after the first has returned `rv`; `null` when the object is gone. An
 * attribute that cannot be read is that attribute's state, unless the session turns out to be of no use at all.
 */
export function* readCompleted(
  frame: Frame,
  session: bigint,
  object: bigint,
  plan: ReadPlan,
  offset: number,
  rv: number,
): Program<ReadAttribute[] | null> {
  const { block } = frame;
  if (!isAnswer(frame, rv)) return null;
  const collected = plan.collect(block, offset, rv);
  if (collected) return collected;
  const fn = frame.fn(FN.C_GetAttributeValue);
  const more = plan.complete(block, offset, rv);
  let call = more.next(0);
  while (!call.done) {
    const { offset: at, count: n } = call.value;
    const again = yield [{ fn, args: [session, object, block.address(at), BigInt(n)] }];
    if (!isAnswer(frame, again)) return null;
    call = more.next(again);
  }
  const read = call.value;
  const failures = read.flatMap(({ failure }) => typeof failure === "number" ? failure : []);
  if (failures.length === read.length && !(yield* isUsable(frame, session))) {
    throw readFailure(frame, failures[0] ?? rv);
  }
  return read;
}

/** Whether a call tells of attributes; `false` when the object is gone. Throws when nothing more can be read. */
function isAnswer(frame: Frame, rv: number): boolean {
  if (ENDS_READING.has(rv)) throw readFailure(frame, rv);
  return rv !== CKR.OBJECT_HANDLE_INVALID;
}

function readFailure(frame: Frame, rv: number): Error {
  return frame.failure("C_GetAttributeValue", rv);
}

/** Whether a session answers, where not one attribute of an object could be read. */
function* isUsable(frame: Frame, session: bigint): Program<boolean> {
  const info = frame.block.address(frame.block.alloc(SESSION_INFO_ROOM));
  const fn = frame.table.at(FN.C_GetSessionInfo);
  return fn === null || (yield [{ fn, args: [session, info] }]) === CKR.OK;
}

/**
 * Reads the same attributes of many objects; those that are gone are left out. The first few show how long the values
 * are: for the others less room is reserved, so that more of them are read in one step and copied out together.
 */
export function* readAll(
  frame: Frame,
  session: bigint,
  handles: readonly bigint[],
  plan: ReadPlan,
): Program<Found> {
  const { block } = frame;
  const start = block.mark();
  const present: bigint[] = [];
  const attributes: (ReadAttribute[] | CopiedAttributes)[] = [];
  let batch = new Batch(frame, session, plan, handles.length);
  for (let at = 0; at < handles.length;) {
    const prepared = block.mark();
    const step = batch.step(handles, at);
    const rv = yield step;
    // Those before the one that stopped the step returned CKR_OK.
    const { stopped } = frame;
    const copy = batch.fitted && stopped > 0 ? batch.copy(Math.min(stopped, step.length)) : null;
    let alone = 0;
    for (let i = 0; i < Math.min(step.length, stopped + 1); i++) {
      const handle = handles[at + i]!;
      const offset = batch.offsets[i]!;
      if (copy && i < stopped && batch.plan.isComplete(block, offset)) {
        present.push(handle);
        attributes.push(new CopiedAttributes(batch.plan, copy, offset - batch.offsets[0]!));
        continue;
      }
      alone++;
      const outcome = i === stopped ? rv : CKR.OK;
      const read = batch.plan.collect(block, offset, outcome) ??
        (yield* readCompleted(frame, session, handle, batch.plan, offset, outcome));
      // Destroyed by somebody else since it was found.
      if (!read) continue;
      present.push(handle);
      attributes.push(read);
    }
    at += Math.min(step.length, stopped + 1);
    const next = at < handles.length ? batch.after(plan, Math.min(stopped, step.length), alone) : null;
    if (next === batch.plan) {
      block.rewind(prepared);
      batch.renew();
    } else if (next) {
      block.wipe(start);
      batch = new Batch(frame, session, next, handles.length - at, next !== plan);
    }
  }
  return { handles: present, attributes };
}

/** Templates for the objects that are read in one step. */
class Batch {
  readonly plan: ReadPlan;
  /** Whether the room for the values was measured. */
  readonly fitted: boolean;
  /** Where each template lies. */
  readonly offsets: readonly number[];
  readonly #frame: Frame;
  readonly #size: number;
  readonly #words: bigint[][];
  readonly #calls: readonly NativeCall[];
  /** The templates as they are before a call; `null` where one step should be enough. */
  readonly #fresh: Uint8Array<ArrayBuffer> | null;

  /** Prepares templates for `objects` or as many as there is room for. */
  constructor(frame: Frame, session: bigint, plan: ReadPlan, objects: number, fitted = false) {
    const { block } = frame;
    this.plan = plan;
    this.fitted = fitted;
    this.#frame = frame;
    this.#size = plan.byteLength(block.abi);
    const length = Math.max(1, Math.min(MOST, objects, Math.floor(block.room / this.#size)));
    const fn = frame.fn(FN.C_GetAttributeValue);
    const count = BigInt(plan.requests.length);
    this.offsets = Array.from({ length }, () => plan.prepare(block));
    this.#words = this.offsets.map((offset) => [session, 0n, block.address(offset), count]);
    this.#calls = this.#words.map((args) => ({ fn, args }));
    this.#fresh = length < objects ? block.copyOut(this.offsets[0]!, length * this.#size) : null;
  }

  /** The calls for the objects from `at` on. */
  step(handles: readonly bigint[], at: number): readonly NativeCall[] {
    const length = Math.min(this.offsets.length, handles.length - at);
    for (let i = 0; i < length; i++) this.#words[i]![1] = handles[at + i]!;
    return length === this.offsets.length ? this.#calls : this.#calls.slice(0, length);
  }

  /** The first templates and their values. */
  copy(count: number): BlockCopy {
    const first = this.offsets[0]!;
    return new BlockCopy(this.#frame.block, first, this.offsets[count - 1]! - first + this.#size);
  }

  /** Makes the templates anew for the next objects: modules write into all of them, not into their lengths alone. */
  renew(): void {
    const { block } = this.#frame;
    if (this.#fresh) block.bytesAt(this.offsets[0]!, this.#fresh.length).set(this.#fresh);
    else for (const offset of this.offsets) this.plan.write(block, offset);
  }

  /**
   * How to read on after a step in which `count` calls returned CKR_OK: with less room when the first has shown how much
   * is needed, again with the room of the whole plan when that was too little for many.
   */
  after(whole: ReadPlan, count: number, alone: number): ReadPlan {
    if (this.fitted) return alone * 4 > this.offsets.length ? whole : this.plan;
    const { block } = this.#frame;
    const fitted = whole.fitted(block, this.offsets.slice(0, count));
    return fitted && fitted.byteLength(block.abi) * 2 <= this.#size ? fitted : this.plan;
  }
}
