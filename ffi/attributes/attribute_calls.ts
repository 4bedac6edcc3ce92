/** The calls it takes beyond the first to know every attribute that was asked for. */
import {
  aligned,
  fixedLength,
  isReadOutcome,
  isUnwritten,
  markRoom,
  MARKS,
  type ReadAttribute,
  type ReadCall,
  type ReadRequest,
} from "./attribute.ts";
import { MAX_VALUES } from "./attribute_query.ts";
import { decoded, failed, missing, stateWithoutValue } from "./attribute_states.ts";
import { CKR } from "../constants/ckr.ts";
import type { Block } from "../memory/block.ts";
import { setPointer } from "../memory/structs.ts";
import { attributeLayout } from "../memory/templates.ts";

/** How often a value may grow between two calls before it is given up. */
const MAX_ROUNDS = 4;

/** An attribute whose length is known by now. */
export interface SizedRequest {
  /** The attribute. */
  readonly request: ReadRequest;
  /** Bytes of its value. */
  readonly length: number;
}

/** The further calls for one object. */
export class AttributeCalls {
  /** What is known by now. */
  readonly results: Map<ReadRequest, ReadAttribute> = new Map();
  /** Attributes whose values are longer than the room they had. */
  readonly longer: SizedRequest[] = [];
  /** Attributes that came back without a length, or with one that is not to be believed. */
  readonly unknown: ReadRequest[] = [];
  readonly #block: Block;
  readonly #describe: (type: number) => ReadRequest;
  #left = MAX_VALUES;

  /** Calls whose templates are laid out in `block`; `describe` as in {@linkcode ReadPlan}. */
  constructor(block: Block, describe: (type: number) => ReadRequest) {
    this.#block = block;
    this.#describe = describe;
  }

  /** Asks for the lengths of attributes that came back without one, all in one call. */
  *findLengths(): Generator<ReadCall, void, number> {
    const { unknown } = this;
    if (unknown.length === 0) return;
    const block = this.#block;
    const { size, offsets } = attributeLayout(block.abi);
    const start = block.alloc(unknown.length * size);
    unknown.forEach((request, index) => this.#write(start + index * size, request, 0, 0));
    const rv = yield { offset: start, count: unknown.length };
    if (!isReadOutcome(rv)) return;
    const lengths = unknown.map((_, index) => block.getLength(start + index * size + offsets.ulValueLen));
    const unavailable = unknown.filter((_, index) => lengths[index] === undefined);
    unknown.forEach((request, index) => {
      const length = lengths[index];
      const state = length === undefined ? stateWithoutValue(request, unavailable, rv, true) : undefined;
      if (state) this.results.set(request, missing(request, state));
      else if (length && request.kind !== "template") this.longer.push({ request, length });
    });
  }

  /** Reads attributes of known lengths in one call; those that have grown since are left out. */
  *readSized(): Generator<ReadCall, void, number> {
    const sized = this.longer.filter(({ request, length }) => {
      const allowed = this.#allows(length);
      if (!allowed) this.results.set(request, tooLong(request, length));
      return allowed;
    });
    if (sized.length === 0) return;
    const block = this.#block;
    const { size, offsets } = attributeLayout(block.abi);
    const values = sized.map(({ length }) => this.#room(length, MARKS[0]));
    const start = block.alloc(sized.length * size);
    sized.forEach(({ request, length }, index) => {
      this.#write(start + index * size, request, values[index]!, length);
    });
    const rv = yield { offset: start, count: sized.length };
    if (!isReadOutcome(rv)) return;
    sized.forEach(({ request, length }, index) => {
      const value = values[index]!;
      const read = block.getLength(start + index * size + offsets.ulValueLen);
      if (read === undefined || read > length || (rv !== CKR.OK && read === length)) return;
      if (!isUnwritten(block, value, read, MARKS[0])) this.results.set(request, decoded(block, request, value, read));
    });
  }

  /** Reads one attribute on its own: first its length, unless every value of its kind has the same, then its value. */
  *readAlone(request: ReadRequest): Generator<ReadCall, ReadAttribute, number> {
    const block = this.#block;
    const { size, offsets } = attributeLayout(block.abi);
    const at = block.alloc(size);
    let room = fixedLength(request.kind, block.abi);
    let value = room === 0 ? 0 : block.alloc(aligned(room));
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const mark = request.kind === "template" ? 0 : MARKS[round % 2]!;
      if (room > 0) markRoom(block, value, room, mark);
      this.#write(at, request, value, room);
      const rv = yield { offset: at, count: 1 };
      if (!isReadOutcome(rv)) return failed(request, rv);
      const length = block.getLength(at + offsets.ulValueLen);
      if (length === undefined) {
        if (rv !== CKR.BUFFER_TOO_SMALL) {
          return missing(request, rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : "invalid");
        }
        room = 0;
      } else if (length === 0) {
        return decoded(block, request, value, 0);
      } else if (room > 0 && length <= room) {
        if (request.kind === "template") return yield* this.#readNested(request, at, value, length);
        if (!isUnwritten(block, value, length, mark)) return decoded(block, request, value, length);
      } else if (!this.#allows(length)) {
        return tooLong(request, length);
      } else {
        room = length;
        value = this.#room(length, 0);
      }
    }
    return failed(
      request,
      room === 0 ? "the module finds any room too small" : "each call of the module tells otherwise",
    );
  }

  /** Reads the values of a nested template whose types and lengths C has just written at `inner`. */
  *#readNested(
    outer: ReadRequest,
    at: number,
    inner: number,
    length: number,
  ): Generator<ReadCall, ReadAttribute, number> {
    const block = this.#block;
    const { size, offsets } = attributeLayout(block.abi);
    if (length % size !== 0) return failed(outer, `its ${length} bytes are no array of CK_ATTRIBUTE`);
    const requests: ReadRequest[] = [];
    const values: number[] = [];
    const rooms: number[] = [];
    for (let each = inner; each < inner + length; each += size) {
      const request = this.#describe(Number(block.getUlong(each + offsets.type)));
      const wanted = block.getLength(each + offsets.ulValueLen) ?? 0;
      const room = this.#allows(wanted) ? wanted : 0;
      const value = this.#room(room || 1, 0);
      rooms.push(room);
      requests.push(request);
      values.push(value);
      block.setUlong(each + offsets.ulValueLen, room);
      setPointer(block, each + offsets.pValue, room === 0 ? 0n : block.address(value));
    }
    block.setUlong(at + offsets.ulValueLen, length);
    const rv = yield { offset: at, count: 1 };
    if (!isReadOutcome(rv)) return failed(outer, rv);
    const read = requests.map((request, index) => {
      const valueLength = block.getLength(inner + index * size + offsets.ulValueLen);
      if (valueLength === undefined || request.kind === "template") return missing(request, "invalid");
      if (valueLength > rooms[index]!) return tooLong(request, valueLength);
      return decoded(block, request, values[index]!, valueLength);
    });
    return { type: outer.type, state: "ok", value: read };
  }

  /** Whether a value may be so long, beside those before it. */
  #allows(length: number): boolean {
    if (length > this.#left) return false;
    this.#left -= length;
    return true;
  }

  #room(length: number, fill: number): number {
    const value = this.#block.alloc(aligned(length));
    // What lies there may be another object's.
    markRoom(this.#block, value, length, fill);
    return value;
  }

  /** Writes one attribute to read; without room it asks for the length. */
  #write(at: number, { type }: ReadRequest, value: number, room: number): void {
    const block = this.#block;
    const { offsets } = attributeLayout(block.abi);
    block.setUlong(at + offsets.type, type);
    setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
    block.setUlong(at + offsets.ulValueLen, room);
  }
}

function tooLong(request: ReadRequest, length: number): ReadAttribute {
  return failed(request, `the module names ${length} bytes, where an object's values may have ${MAX_VALUES} together`);
}
