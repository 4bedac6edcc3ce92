/** The calls it takes beyond the first to know every attribute that was asked for. */
import type { AttributeState, ReadAttribute, ReadCall, ReadRequest } from "./attribute_reads.ts";
import { type AttributeKind, type DecodedValue, decodeValue } from "./attribute_values.ts";
import { CKR } from "./constants/ckr.ts";
import type { Block, ReadableMemory } from "./memory.ts";
import { clearBytes, setPointer } from "./structs.ts";
import { attributeLayout } from "./templates.ts";

/** How often a value may grow between two calls before it is given up. */
const MAX_ROUNDS = 4;
/** No attribute is longer: a module that says so is not believed. */
const MAX_VALUE = 2 ** 31;

/**
 * Why an attribute came back without a length, as far as the one return value of the whole call tells; `undefined`
 * where it may mean another attribute. `asked` says that no buffer was given, so that none can have been too small.
 */
export function stateWithoutValue(
  request: ReadRequest,
  unavailable: readonly ReadRequest[],
  rv: number,
  asked: boolean,
): AttributeState | undefined {
  if (rv !== CKR.ATTRIBUTE_TYPE_INVALID && rv !== CKR.ATTRIBUTE_SENSITIVE) return undefined;
  if (unavailable.length === 1) return rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : "invalid";
  if (!request.secret) return asked || hasFixedSize(request) ? "invalid" : undefined;
  const onlyOne = unavailable.filter(({ secret }) => secret).length === 1;
  return asked && onlyOne && rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : undefined;
}

/** Whether every value of the kind has the same length. */
export function hasFixedSize({ kind }: ReadRequest): boolean {
  return kind === "boolean" || kind === "ulong";
}

/** Asks for the lengths of attributes that came back without one, all in one call. */
export function* findLengths(
  block: Block,
  unknown: readonly ReadRequest[],
  results: Map<ReadRequest, ReadAttribute>,
  longer: SizedRequest[],
): Generator<ReadCall, void, number> {
  if (unknown.length === 0) return;
  const { size, offsets } = attributeLayout(block.abi);
  const start = block.alloc(unknown.length * size);
  unknown.forEach((request, index) => writeRead(block, start + index * size, request, 0, 0));
  const rv = yield { offset: start, count: unknown.length };
  const lengths = unknown.map((_, index) => block.getLength(start + index * size + offsets.ulValueLen));
  const unavailable = unknown.filter((_, index) => lengths[index] === undefined);
  unknown.forEach((request, index) => {
    const length = lengths[index];
    const state = length === undefined ? stateWithoutValue(request, unavailable, rv, true) : undefined;
    if (state) results.set(request, missing(request, state));
    else if (length && request.kind !== "template") longer.push({ request, length });
  });
}

/** An attribute whose length is known by now. */
export interface SizedRequest {
  /** The attribute. */
  readonly request: ReadRequest;
  /** Bytes of its value. */
  readonly length: number;
}

/** Reads attributes of known lengths in one call; those that have grown since are left out. */
export function* readSized(
  block: Block,
  sized: readonly SizedRequest[],
  results: Map<ReadRequest, ReadAttribute>,
): Generator<ReadCall, void, number> {
  for (const { request, length } of sized) if (length > MAX_VALUE) results.set(request, missing(request, "invalid"));
  sized = sized.filter(({ length }) => length <= MAX_VALUE);
  if (sized.length === 0) return;
  const { size, offsets } = attributeLayout(block.abi);
  const values = sized.map(({ length }) => block.alloc(length));
  const start = block.alloc(sized.length * size);
  sized.forEach(({ request, length }, index) => {
    writeRead(block, start + index * size, request, values[index]!, length);
  });
  const rv = yield { offset: start, count: sized.length };
  sized.forEach(({ request, length }, index) => {
    const read = block.getLength(start + index * size + offsets.ulValueLen);
    if (read === undefined || read > length || (rv !== CKR.OK && read === length)) return;
    results.set(request, decoded(block, request, values[index]!, read));
  });
}

/** Writes one attribute to read; without room it asks for the length. */
function writeRead(block: Block, at: number, { type }: ReadRequest, value: number, room: number): void {
  const { offsets } = attributeLayout(block.abi);
  block.setUlong(at + offsets.type, type);
  setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
  block.setUlong(at + offsets.ulValueLen, room);
}

/** An attribute without a value. */
export function missing({ type }: ReadRequest, state: AttributeState): ReadAttribute {
  return { type, state, value: undefined };
}

/** Reads one attribute on its own: first its length, then its value. */
export function* readAlone(
  block: Block,
  request: ReadRequest,
  describe: (type: number) => ReadRequest,
): Generator<ReadCall, ReadAttribute, number> {
  const { size, offsets } = attributeLayout(block.abi);
  const at = block.alloc(size);
  let room = 0;
  let value = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    writeRead(block, at, request, value, room);
    const rv = yield { offset: at, count: 1 };
    const length = block.getLength(at + offsets.ulValueLen);
    if (length === undefined) {
      if (rv !== CKR.BUFFER_TOO_SMALL) {
        return missing(request, rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : "invalid");
      }
      room = 0;
    } else if (length === 0 || (room > 0 && length <= room)) {
      if (request.kind !== "template" || length === 0) return decoded(block, request, value, length);
      return { type: request.type, state: "ok", value: yield* readNested(block, at, value, length, describe) };
    } else if (length > MAX_VALUE) {
      break;
    } else {
      room = length;
      value = block.alloc(room);
      clearBytes(block, value, room);
    }
  }
  return missing(request, "invalid");
}

/** Reads the values of a nested template whose types and lengths C has just written at `inner`. */
function* readNested(
  block: Block,
  outer: number,
  inner: number,
  length: number,
  describe: (type: number) => ReadRequest,
): Generator<ReadCall, ReadAttribute[], number> {
  const { size, offsets } = attributeLayout(block.abi);
  const requests: ReadRequest[] = [];
  const values: number[] = [];
  const rooms: number[] = [];
  for (let at = inner; at + size <= inner + length; at += size) {
    const wanted = block.getLength(at + offsets.ulValueLen) ?? 0;
    const room = wanted > MAX_VALUE ? 0 : wanted;
    const value = block.alloc(room || 1);
    rooms.push(room);
    requests.push(describe(Number(block.getUlong(at + offsets.type))));
    values.push(value);
    setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
  }
  block.setUlong(outer + offsets.ulValueLen, length);
  yield { offset: outer, count: 1 };
  return requests.map((request, index) => {
    const valueLength = block.getLength(inner + index * size + offsets.ulValueLen);
    if (valueLength === undefined || valueLength > rooms[index]! || request.kind === "template") {
      return missing(request, "invalid");
    }
    return decoded(block, request, values[index]!, valueLength);
  });
}

/** Kinds that have a value without a single byte. */
const EMPTY_VALUES: { readonly [kind in AttributeKind]?: () => DecodedValue } = {
  bytes: () => new Uint8Array(0),
  string: () => "",
  template: () => [],
  ulongs: () => [],
};

/** An attribute with the value C has left at an offset. */
export function decoded(block: ReadableMemory, request: ReadRequest, offset: number, length: number): ReadAttribute {
  const { type, kind } = request;
  if (length === 0) return { type, state: "empty", value: EMPTY_VALUES[kind]?.() };
  if (kind === "template") return missing(request, "invalid");
  const value = decodeValue(block, kind, offset, length);
  if (value !== undefined) return { type, state: "ok", value };
  return missing(request, kind === "ulong" && length === block.abi.ulong ? "empty" : "invalid");
}
