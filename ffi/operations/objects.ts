/** Operations on objects: create, copy, destroy, size, attributes, search. */
import { runtimeCrypto } from "../../internal/runtime.ts";
import { CKA, CKR } from "../constants/mod.ts";
import type { ReadPlan } from "../attributes/read_plan.ts";
import type { ReadAttribute } from "../attributes/attribute.ts";
import { mayWait, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import { endActive } from "./ending.ts";
import type { FunctionName } from "../tables/functions.ts";
import { type TemplateEntry, writeTemplate } from "../memory/templates.ts";
import { isKnownToKeepHalves, keepsHalves, overflowsBuffers } from "./quirks.ts";
import { type Found, readAll, readCompleted } from "./read_all.ts";

export type { Found };

/** An object of a session. */
export interface ObjectArgs {
  /** The session. */
  readonly session: bigint;
  /** The object. */
  readonly object: bigint;
}

/** Fails with the function's name unless the last call returned CKR.OK. */
export function expectOk(frame: Frame, rv: number, fn: FunctionName): void {
  if (rv !== CKR.OK) throw frame.failure(fn, rv);
}

/** Makes one call that gives a handle. */
export function* handleOf(frame: Frame, fn: FunctionName, words: (handle: bigint) => bigint[]): Program<bigint> {
  const handle = frame.ulong();
  const rv = yield [{ fn: frame.fn(FN[fn]), args: words(frame.block.address(handle)) }];
  expectOk(frame, rv, fn);
  return frame.block.getHandle(handle);
}

/** Address and count of a template. */
export function template(frame: Frame, entries: readonly TemplateEntry[]): [address: bigint, count: bigint] {
  frame.block.secret = true;
  if (entries.length === 0) return [0n, 0n];
  return [frame.block.address(writeTemplate(frame.block, entries)), BigInt(entries.length)];
}

/** C_CreateObject. */
export function createObject(
  frame: Frame,
  { session, attributes }: { readonly session: bigint; readonly attributes: readonly TemplateEntry[] },
): Program<bigint> {
  return makeObject(frame, "C_CreateObject", session, attributes, (entries, handle) => [session, ...entries, handle]);
}

/** Words of a call that makes an object of a template. */
type CreationWords = (template: readonly [address: bigint, count: bigint], handle: bigint) => bigint[];

/**
 * Makes an object of a template by one call; of one that is refused nothing stays. With a module that keeps half of it an
 * object of the session is tried before, which has a label by which its half is found: half of a token's object has none.
 */
export function* makeObject(
  frame: Frame,
  fn: FunctionName,
  session: bigint,
  attributes: readonly TemplateEntry[],
  words: CreationWords,
): Program<bigint> {
  const whole = template(frame, attributes);
  if (isKnownToKeepHalves(frame.table) !== false) {
    const mark = { type: CKA.LABEL, value: runtimeCrypto().getRandomValues(new Uint8Array(16)) };
    const more = markedAttributes(attributes, mark);
    const marked = template(frame, more);
    if (more.length <= MOST_ATTRIBUTES && (yield* keepsHalves(frame))) {
      yield* tryObject(frame, session, mark, handleOf(frame, fn, (handle) => words(marked, handle)));
    }
  }
  return yield* handleOf(frame, fn, (handle) => words(whole, handle));
}

/** A module that keeps halves refuses templates with more attributes before it makes anything of them. */
const MOST_ATTRIBUTES = 32;

/** The template of an object that is tried: what a label cannot be read without comes before it. */
function markedAttributes(attributes: readonly TemplateEntry[], mark: TemplateEntry): TemplateEntry[] {
  const first: readonly number[] = [CKA.CLASS, CKA.KEY_TYPE, CKA.PRIVATE];
  const without: readonly number[] = [...first, CKA.TOKEN, CKA.LABEL, CKA.DESTROYABLE];
  return [
    ...attributes.filter(({ type }) => first.includes(type)),
    { type: CKA.TOKEN, value: false },
    mark,
    ...attributes.filter(({ type }) => !without.includes(type)),
  ];
}

/** Makes an object and destroys it; where it is refused, what has its mark. */
function* tryObject(frame: Frame, session: bigint, mark: TemplateEntry, made: Program<bigint>): Program<void> {
  let object: bigint;
  try {
    object = yield* made;
  } catch (refused) {
    yield* discardMarked(frame, session, mark);
    throw refused;
  }
  try {
    yield* discardObjects(frame, session, [object]);
  } catch (error) {
    // An abort that comes meanwhile must not leave it.
    yield* discardObjects(frame, session, [object]);
    throw error;
  }
}

function* discardMarked(frame: Frame, session: bigint, mark: TemplateEntry): Program<void> {
  // A search would end what is open; an object of the session ends with it.
  if (frame.lane === null || frame.lane.open !== null) return;
  try {
    const { handles } = yield* findObjects(frame, { session, attributes: [mark], plan: null, limit: Infinity });
    yield* discardObjects(frame, session, handles);
  } catch {
    // What is told is why the object was refused.
  }
}

/** C_CopyObject. */
export function copyObject(
  frame: Frame,
  { session, object, attributes }: ObjectArgs & { readonly attributes: readonly TemplateEntry[] },
): Program<bigint> {
  const [address, count] = template(frame, attributes);
  // Some tokens take no template at all for a mistake; one of no attributes is an exact copy to them, too.
  return handleOf(frame, "C_CopyObject", (handle) => [session, object, address || handle, count, handle]);
}

/** C_DestroyObject. */
export function* destroyObject(frame: Frame, { session, object }: ObjectArgs): Program<void> {
  const rv = yield [{ fn: frame.fn(FN.C_DestroyObject), args: [session, object] }];
  expectOk(frame, rv, "C_DestroyObject");
}

/** Destroys objects that nobody is waiting for any more; what a token refuses to destroy stays. */
export function* discardObjects(frame: Frame, session: bigint, objects: readonly bigint[]): Program<void> {
  for (const object of objects) yield [{ fn: frame.fn(FN.C_DestroyObject), args: [session, object] }];
}

/** C_GetObjectSize; `undefined` where the token does not say. */
export function* objectSize(frame: Frame, { session, object }: ObjectArgs): Program<number | undefined> {
  const size = frame.ulong();
  const rv = yield [{ fn: frame.fn(FN.C_GetObjectSize), args: [session, object, frame.block.address(size)] }];
  expectOk(frame, rv, "C_GetObjectSize");
  return frame.block.getLength(size);
}

/** C_SetAttributeValue. */
export function* setAttributes(
  frame: Frame,
  { session, object, attributes }: ObjectArgs & { readonly attributes: readonly TemplateEntry[] },
): Program<void> {
  const [address, count] = template(frame, attributes);
  const rv = yield [{ fn: frame.fn(FN.C_SetAttributeValue), args: [session, object, address, count] }];
  expectOk(frame, rv, "C_SetAttributeValue");
}

/** C_GetAttributeValue, as often as it takes to know every attribute or why it has no value. */
export function* getAttributes(
  frame: Frame,
  args: ObjectArgs & { readonly plan: ReadPlan },
): Program<ReadAttribute[]> {
  const read = yield* getAttributesIfPresent(frame, args);
  if (!read) throw frame.failure("C_GetAttributeValue", CKR.OBJECT_HANDLE_INVALID);
  return read;
}

/** {@linkcode getAttributes}, or `null` when the object is gone: somebody has destroyed it since it was found. */
export function* getAttributesIfPresent(
  frame: Frame,
  { session, object, plan }: ObjectArgs & { readonly plan: ReadPlan },
): Program<ReadAttribute[] | null> {
  frame.block.secret = true;
  const safe = yield* safePlan(frame, plan);
  return yield* readPrepared(frame, session, object, safe, safe.prepare(frame.block));
}

/** The plan as the module can be trusted with it. */
function* safePlan(frame: Frame, plan: ReadPlan): Program<ReadPlan> {
  return (yield* overflowsBuffers(frame)) ? plan.cautious : plan;
}

function* readPrepared(
  frame: Frame,
  session: bigint,
  object: bigint,
  plan: ReadPlan,
  offset: number,
): Program<ReadAttribute[] | null> {
  const count = BigInt(plan.requests.length);
  const fn = frame.fn(FN.C_GetAttributeValue);
  const rv = yield [{ fn, args: [session, object, frame.block.address(offset), count] }];
  return yield* readCompleted(frame, session, object, plan, offset, rv);
}

/** Handles per C_FindObjects. */
const FIRST_BATCH = 64;
const MAX_BATCH = 1024;
/** More objects than any token holds. */
const MOST_OBJECTS = 1 << 22;

/** Input of {@linkcode findObjects}. */
export interface FindArgs {
  /** The session. */
  readonly session: bigint;
  /** What the objects must have; everything matches an empty list. */
  readonly attributes: readonly TemplateEntry[];
  /** Attributes to read of each object that is found. */
  readonly plan: ReadPlan | null;
  /** Stop after so many objects. */
  readonly limit: number;
}

/** C_FindObjectsInit, C_FindObjects until nothing is left, C_FindObjectsFinal; then the attributes asked for. */
export function* findObjects(frame: Frame, args: FindArgs): Program<Found> {
  const handles = yield* findHandles(frame, args);
  const { plan } = args;
  if (!plan) return { handles, attributes: null };
  frame.block.secret = true;
  return yield* readAll(frame, args.session, handles, yield* safePlan(frame, plan));
}

function* findHandles(frame: Frame, { session, attributes, limit }: FindArgs): Program<bigint[]> {
  const { block } = frame;
  const [address, count] = template(frame, attributes);
  let batch = FIRST_BATCH;
  let room = frame.output(batch * block.abi.ulong);
  const found = frame.ulong();
  const init = { fn: frame.fn(FN.C_FindObjectsInit), args: [session, address, count] };
  const find = frame.fn(FN.C_FindObjects);
  const final = { fn: frame.fn(FN.C_FindObjectsFinal), args: [session] };
  const search = () => ({ fn: find, args: [session, room.address, BigInt(batch), block.address(found)] });
  const handles: bigint[] = [];
  const known = new Set<bigint>();
  let [last, before] = [0, 0];
  let active = false;
  try {
    let rv = yield [init, search()];
    if (frame.stopped === 0 && rv === CKR.OPERATION_ACTIVE) {
      yield* endActive(frame, "find", session);
      rv = yield [init, search()];
    }
    if (frame.stopped === 0) expectOk(frame, rv, "C_FindObjectsInit");
    active = true;
    for (;;) {
      expectOk(frame, rv, "C_FindObjects");
      const n = Number(block.getUlong(found));
      if (n > batch) throw new RangeError(`Cannot use the module's answer: ${n} objects found where ${batch} had room`);
      readHandles(room.take(n * block.abi.ulong), block.abi.ulong, handles);
      if (n === 0 || handles.length >= limit) break;
      // A module that never says that it is done would fill the memory.
      if (before > 0 && !findsMore(handles, last, before, known)) {
        throw new RangeError("Cannot use the module's answer: it finds the same objects again");
      }
      [last, before] = [before, handles.length];
      if (before > MOST_OBJECTS) {
        throw new RangeError(`Cannot use the module's answer: it finds more than ${MOST_OBJECTS} objects`);
      }
      if (n === batch && batch < MAX_BATCH) {
        batch = Math.min(batch * 4, MAX_BATCH);
        room = frame.output(batch * block.abi.ulong);
      }
      // A module may leave the count as it is where nothing more is found.
      block.setUlong(found, 0);
      rv = yield [search()];
    }
    // Until this call has been made the search is active: an abort may come first.
    rv = yield [final];
    active = false;
    expectOk(frame, rv, "C_FindObjectsFinal");
  } catch (error) {
    if (active || (frame.interrupted && frame.stopped === 1)) yield [final];
    throw error;
  }
  return handles.length > limit ? handles.slice(0, limit) : handles;
}

/** Whether the last objects, those from `now` on, are not all known; those before them, from `last` on, are by then. */
function findsMore(handles: readonly bigint[], last: number, now: number, known: Set<bigint>): boolean {
  for (let index = last; index < now; index++) known.add(handles[index]!);
  for (let index = now; index < handles.length; index++) if (!known.has(handles[index]!)) return true;
  return false;
}

function readHandles(bytes: Uint8Array<ArrayBuffer>, ulong: 4 | 8, into: bigint[]): void {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += ulong) {
    into.push(ulong === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)));
  }
}

mayWait(createObject);
mayWait(copyObject);
mayWait(destroyObject);
mayWait(objectSize);
mayWait(setAttributes);
mayWait(getAttributes);
mayWait(getAttributesIfPresent);
mayWait(findObjects);
