/** Reading attributes: buffers guessed large enough that one `C_GetAttributeValue` is usually all it takes. */
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
import { AttributeCalls } from "./attribute_calls.ts";
import { decoded, forget, missing, stateWithoutValue } from "./attribute_states.ts";
import { CKR } from "../constants/ckr.ts";
import type { Block, ReadableMemory } from "../memory/block.ts";
import type { Abi } from "../runtime/native.ts";
import { setPointer } from "../memory/structs.ts";
import { attributeLayout } from "../memory/templates.ts";

/** Room beyond the guess: a length that still equals the whole room shows an attribute the module passed over. */
const SLACK = 8;
/** Room that is always left, however short the values were so far. */
const LEAST_FITTED = 32;

/**
 * The attributes to read from one object or from many. `prepare` lays out a template, the caller makes the call,
 * `collect` takes the values; where that gives nothing, `complete` says which further calls are needed.
 */
export class ReadPlan {
  /** The attributes in order. */
  readonly requests: readonly ReadRequest[];
  readonly #describe: (type: number) => ReadRequest;
  readonly #guess: boolean;
  #cautious: ReadPlan | undefined;
  #abi: Abi | undefined;
  #rooms: readonly number[] = [];
  /** Where each value lies, from the start of the template. */
  #places: readonly number[] = [];
  #valueBytes = 0;

  /**
   * Plans to read these attributes.
   *
   * @param describe How to read an attribute found inside a nested template.
   * @param guess Whether buffers of a guessed size may be given for values that vary in length.
   */
  constructor(requests: readonly ReadRequest[], describe: (type: number) => ReadRequest, guess = true) {
    this.requests = requests;
    this.#describe = describe;
    this.#guess = guess;
  }

  /**
   * The same plan for modules that write past the end of a buffer that is too small: asks for the lengths first and
   * reads in a second call.
   */
  get cautious(): ReadPlan {
    if (!this.#guess) return this;
    return this.#cautious ??= new ReadPlan(this.requests, this.#describe, false);
  }

  /** Bytes of native memory `prepare` takes. */
  byteLength(abi: Abi): number {
    this.#layOut(abi);
    return this.#templateBytes(attributeLayout(abi).size) + this.#valueBytes || 8;
  }

  /** Lays out the template with a buffer for each value and returns its offset. */
  prepare(block: Block): number {
    const start = block.alloc(this.byteLength(block.abi));
    this.write(block, start);
    return start;
  }

  /**
   * Writes the template at the offset where it was prepared, anew for each call: a module may write into all of it, not
   * into lengths and values alone.
   */
  write(block: Block, start: number): void {
    const { size, offsets } = attributeLayout(block.abi);
    let at = start;
    let value = start + this.#templateBytes(size);
    markRoom(block, value, this.#valueBytes, MARKS[0]);
    for (let index = 0; index < this.requests.length; index++) {
      const room = this.#rooms[index]!;
      block.setUlong(at + offsets.type, this.requests[index]!.type);
      setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
      block.setUlong(at + offsets.ulValueLen, room);
      at += size;
      value += aligned(room);
    }
  }

  /** The values after a call that returned `rv`; `undefined` when more calls are needed to know all of them. */
  collect(block: Block, offset: number, rv: number): ReadAttribute[] | undefined {
    if (!isReadOutcome(rv)) return undefined;
    const { size, offsets } = attributeLayout(block.abi);
    const results: ReadAttribute[] = [];
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const request = this.requests[index]!;
      const length = block.getLength(at);
      if (this.#isSettled(block, index, length, value, rv)) {
        results.push(decoded(block, request, value, length));
      } else {
        const state = length === undefined
          ? stateWithoutValue(request, this.#unavailable(block, offset), rv, false)
          : undefined;
        if (!state) {
          forget(this.requests, results);
          return undefined;
        }
        results.push(missing(request, state));
      }
      at += size;
      value += aligned(this.#rooms[index]!);
    }
    return results;
  }

  /** Whether a call that returned CKR_OK has filled the template at `offset` with all there is to know. */
  isComplete(block: Block, offset: number): boolean {
    const { size, offsets } = attributeLayout(block.abi);
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      if (!this.#isSettled(block, index, block.getLength(at), value, CKR.OK)) return false;
      at += size;
      value += aligned(this.#rooms[index]!);
    }
    return true;
  }

  /**
   * Takes one attribute of a template that {@linkcode ReadPlan.isComplete} out of a copy of it. Where it may be secret its
   * value is overwritten there, with what may lie behind it in its room.
   */
  takeOut(memory: ReadableMemory, offset: number, index: number): ReadAttribute {
    const { size, offsets } = attributeLayout(memory.abi);
    const request = this.requests[index]!;
    const value = offset + this.#places[index]!;
    const length = Number(memory.getUlong(offset + index * size + offsets.ulValueLen));
    const attribute = decoded(memory, request, value, length);
    if (request.secret) memory.bytes.fill(0, value, value + this.#rooms[index]!);
    return attribute;
  }

  /**
   * The same plan with room for values half as long again as those in templates that calls have filled and returned
   * CKR_OK; `null` where such a template tells nothing.
   */
  fitted(block: Block, templates: readonly number[]): ReadPlan | null {
    if (!this.#guess || templates.length === 0) return null;
    const { size, offsets } = attributeLayout(block.abi);
    const longest = this.requests.map(() => 0);
    for (const template of templates) {
      if (!this.isComplete(block, template)) return null;
      for (let index = 0; index < longest.length; index++) {
        const length = block.getLength(template + index * size + offsets.ulValueLen)!;
        if (length > longest[index]!) longest[index] = length;
      }
    }
    const requests = this.requests.map((request, index) => ({
      ...request,
      size: Math.min(request.size, Math.max(LEAST_FITTED, Math.ceil(longest[index]! * 1.5))),
    }));
    return new ReadPlan(requests, this.#describe);
  }

  /** The place of an attribute among those asked for; -1 when it is none of them. */
  indexOf(type: number): number {
    const { requests } = this;
    for (let index = 0; index < requests.length; index++) if (requests[index]!.type === type) return index;
    return -1;
  }

  /**
   * The further calls after the first returned `rv`: reads what did not fit, all of it in one call, asks on its own
   * about what may be sensitive or missing, and descends into nested templates. Where a call failed altogether, each
   * attribute is read on its own: one that cannot be read takes none of the others with it. Takes the return value of
   * each call it yields.
   */
  *complete(block: Block, offset: number, rv: number): Generator<ReadCall, ReadAttribute[], number> {
    const calls = new AttributeCalls(block, this.#describe);
    if (isReadOutcome(rv)) {
      this.#sort(block, offset, rv, calls);
      yield* calls.findLengths();
      yield* calls.readSized();
    }
    const complete: ReadAttribute[] = [];
    for (const request of this.requests) {
      complete.push(calls.results.get(request) ?? (yield* calls.readAlone(request)));
    }
    return complete;
  }

  /** What the first call has settled, what is longer than guessed, and what came back without a length. */
  #sort(block: Block, offset: number, rv: number, { results, longer, unknown }: AttributeCalls): void {
    const { size, offsets } = attributeLayout(block.abi);
    const unavailable = this.#unavailable(block, offset);
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const request = this.requests[index]!;
      const length = block.getLength(at);
      if (this.#isSettled(block, index, length, value, rv)) {
        results.set(request, decoded(block, request, value, length));
      } else if (length === undefined) {
        const state = stateWithoutValue(request, unavailable, rv, false);
        if (state) results.set(request, missing(request, state));
        else unknown.push(request);
      } else if (request.kind !== "template") {
        if (length > this.#rooms[index]!) longer.push({ request, length });
        else unknown.push(request);
      }
      at += size;
      value += aligned(this.#rooms[index]!);
    }
  }

  #unavailable(block: Block, offset: number): ReadRequest[] {
    const { size, offsets } = attributeLayout(block.abi);
    return this.requests.filter((_, index) =>
      block.getLength(offset + index * size + offsets.ulValueLen) === undefined
    );
  }

  #templateBytes(size: number): number {
    return aligned(this.requests.length * size);
  }

  #layOut(abi: Abi): void {
    if (abi === this.#abi) return;
    this.#abi = abi;
    this.#rooms = this.requests.map((request) => roomFor(request, abi, this.#guess));
    const start = this.#templateBytes(attributeLayout(abi).size);
    let end = start;
    this.#places = this.#rooms.map((room) => {
      const place = end;
      end += aligned(room);
      return place;
    });
    this.#valueBytes = end - start;
  }

  /** Whether a length, and with it the value before it, is to be believed: a module may have passed the attribute over. */
  #isSettled(block: Block, index: number, length: number | undefined, value: number, rv: number): length is number {
    if (length === undefined) return false;
    const { kind } = this.requests[index]!;
    if (kind === "template") return rv === CKR.OK && length === 0;
    const room = this.#rooms[index]!;
    if (length === 0) return room > 0 || rv === CKR.OK;
    if (length > room || (length === room && fixedLength(kind, block.abi) === 0)) return false;
    return !isUnwritten(block, value, length, MARKS[0]);
  }
}

/** Bytes to reserve for a value: none where its length must be asked for first. */
function roomFor(request: ReadRequest, abi: Abi, guess: boolean): number {
  const fixed = fixedLength(request.kind, abi);
  if (fixed > 0) return fixed;
  return request.kind === "template" || !guess ? 0 : aligned(request.size + SLACK);
}
