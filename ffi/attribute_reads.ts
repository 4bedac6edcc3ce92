/** Reading attributes: buffers guessed large enough that one `C_GetAttributeValue` is usually all it takes. */
import {
  decoded,
  findLengths,
  hasFixedSize,
  missing,
  readAlone,
  readSized,
  type SizedRequest,
  stateWithoutValue,
} from "./attribute_calls.ts";
import type { AttributeKind, DecodedValue } from "./attribute_values.ts";
import { CKR } from "./constants/ckr.ts";
import type { Abi, Block, ReadableMemory } from "./memory.ts";
import { setPointer } from "./structs.ts";
import { attributeLayout } from "./templates.ts";

/** One attribute to read. */
export interface ReadRequest {
  /** The attribute's type. */
  readonly type: number;
  /** How its value is to be understood. */
  readonly kind: AttributeKind;
  /** Bytes its value usually has; a longer one costs two more calls. */
  readonly size: number;
  /** Whether the standard lets a token keep it to itself; vendors' attributes count as such. */
  readonly secret: boolean;
}

/** Why an attribute has no value, or `ok`. */
export type AttributeState = "ok" | "sensitive" | "invalid" | "empty";

/** One attribute as it was read. */
export interface ReadAttribute {
  /** The attribute's type. */
  readonly type: number;
  /** `sensitive` when the token keeps it, `invalid` when the object has none, `empty` when its length is zero. */
  readonly state: AttributeState;
  /** Its value; `undefined` where there is none. */
  readonly value: DecodedValue | undefined;
}

/** A `C_GetAttributeValue` to make: where its template lies and how many attributes it has. */
export interface ReadCall {
  /** Offset of the template in the block. */
  readonly offset: number;
  /** Number of attributes. */
  readonly count: number;
}

/** Room beyond the guess: a length that still equals the whole capacity shows an attribute the module passed over. */
const SLACK = 8;
/** Room that is always left, however short the values were so far. */
const LEAST_FITTED = 32;

/** Whether `C_GetAttributeValue` has filled the template: each length then says how its attribute fared. */
export function isReadOutcome(rv: number): boolean {
  return rv === CKR.OK || rv === CKR.ATTRIBUTE_SENSITIVE || rv === CKR.ATTRIBUTE_TYPE_INVALID ||
    rv === CKR.BUFFER_TOO_SMALL;
}

/**
 * The attributes to read from one object or from many. `prepare` lays out a template, the caller makes the call,
 * `collect` takes the values; where that gives nothing, `complete` says which further calls are needed.
 */
export class ReadPlan {
  /** The attributes in order. */
  readonly requests: readonly ReadRequest[];
  /** Places of those a token may keep to itself. */
  readonly secrets: readonly number[];
  readonly #describe: (type: number) => ReadRequest;
  readonly #guess: boolean;
  #cautious: ReadPlan | undefined;
  readonly #capacities: readonly number[];
  readonly #valueBytes: number;

  /**
   * Plans to read these attributes.
   *
   * @param describe How to read an attribute found inside a nested template.
   * @param guess Whether buffers of a guessed size may be given for values that vary in length.
   */
  constructor(requests: readonly ReadRequest[], describe: (type: number) => ReadRequest, guess = true) {
    this.requests = requests;
    this.secrets = requests.flatMap(({ secret }, index) => secret ? index : []);
    this.#describe = describe;
    this.#guess = guess;
    this.#capacities = requests.map((request) => capacity(request, guess));
    this.#valueBytes = this.#capacities.reduce((sum, capacity) => sum + capacity, 0);
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
    return this.#templateBytes(attributeLayout(abi).size) + this.#valueBytes || 8;
  }

  /** Lays out the template with a buffer for each value and returns its offset. */
  prepare(block: Block): number {
    const { size, offsets } = attributeLayout(block.abi);
    const start = block.alloc(this.byteLength(block.abi));
    let at = start;
    let value = start + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const capacity = this.#capacities[index]!;
      block.setUlong(at + offsets.type, this.requests[index]!.type);
      setPointer(block, at + offsets.pValue, capacity === 0 ? 0n : block.address(value));
      block.setUlong(at + offsets.ulValueLen, capacity);
      at += size;
      value += capacity;
    }
    return start;
  }

  /** Makes a template that was used ready for the next object. */
  rearm(block: Block, offset: number): void {
    const { size, offsets } = attributeLayout(block.abi);
    let at = offset + offsets.ulValueLen;
    for (const capacity of this.#capacities) {
      block.setUlong(at, capacity);
      at += size;
    }
  }

  /** The values after a call that returned `rv`; `undefined` when more calls are needed to know all of them. */
  collect(block: Block, offset: number, rv: number): ReadAttribute[] | undefined {
    const { size, offsets } = attributeLayout(block.abi);
    const results: ReadAttribute[] = [];
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const request = this.requests[index]!;
      const length = block.getLength(at);
      if (this.#isSettled(index, length, rv)) {
        results.push(decoded(block, request, value, length));
      } else {
        if (length !== undefined) return undefined;
        const state = stateWithoutValue(request, this.#unavailable(block, offset), rv, false);
        if (!state) return undefined;
        results.push(missing(request, state));
      }
      at += size;
      value += this.#capacities[index]!;
    }
    return results;
  }

  /** Whether a call that returned CKR_OK has filled the template at `offset` with all there is to know. */
  isComplete(block: Block, offset: number): boolean {
    const { size, offsets } = attributeLayout(block.abi);
    let at = offset + offsets.ulValueLen;
    for (let index = 0; index < this.requests.length; index++) {
      if (!this.#isSettled(index, block.getLength(at), CKR.OK)) return false;
      at += size;
    }
    return true;
  }

  /** One attribute of a template that {@linkcode ReadPlan.isComplete}, in the block or in a copy of it. */
  decode(memory: ReadableMemory, offset: number, index: number): ReadAttribute {
    const { size, offsets } = attributeLayout(memory.abi);
    const length = Number(memory.getUlong(offset + index * size + offsets.ulValueLen));
    return decoded(memory, this.requests[index]!, this.#valueAt(memory.abi, offset, index), length);
  }

  /** {@linkcode ReadPlan.decode}, and overwrites the value where it was, with what may lie behind it in its room. */
  decodeSecret(memory: ReadableMemory, offset: number, index: number): ReadAttribute {
    const attribute = this.decode(memory, offset, index);
    const value = this.#valueAt(memory.abi, offset, index);
    memory.bytes.fill(0, value, value + this.#capacities[index]!);
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
   * about what may be sensitive or missing, and descends into nested templates. Takes the return value of each call
   * it yields.
   */
  *complete(block: Block, offset: number, rv: number): Generator<ReadCall, ReadAttribute[], number> {
    const results = new Map<ReadRequest, ReadAttribute>();
    const longer: SizedRequest[] = [];
    const unknown: ReadRequest[] = [];
    this.#sort(block, offset, rv, results, longer, unknown);
    yield* findLengths(block, unknown, results, longer);
    yield* readSized(block, longer, results);
    const complete: ReadAttribute[] = [];
    for (const request of this.requests) {
      complete.push(results.get(request) ?? (yield* readAlone(block, request, this.#describe)));
    }
    return complete;
  }

  /** What the first call has settled, what is longer than guessed, and what came back without a length. */
  #sort(
    block: Block,
    offset: number,
    rv: number,
    results: Map<ReadRequest, ReadAttribute>,
    longer: SizedRequest[],
    unknown: ReadRequest[],
  ): void {
    const { size, offsets } = attributeLayout(block.abi);
    const unavailable = this.#unavailable(block, offset);
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const request = this.requests[index]!;
      const length = block.getLength(at);
      if (this.#isSettled(index, length, rv)) {
        results.set(request, decoded(block, request, value, length));
      } else if (length === undefined) {
        const state = stateWithoutValue(request, unavailable, rv, false);
        if (state) results.set(request, missing(request, state));
        else unknown.push(request);
      } else if (length > this.#capacities[index]! && request.kind !== "template") {
        longer.push({ request, length });
      }
      at += size;
      value += this.#capacities[index]!;
    }
  }

  #unavailable(block: Block, offset: number): ReadRequest[] {
    const { size, offsets } = attributeLayout(block.abi);
    return this.requests.filter((_, index) =>
      block.getLength(offset + index * size + offsets.ulValueLen) === undefined
    );
  }

  #valueAt(abi: Abi, offset: number, index: number): number {
    let value = offset + this.#templateBytes(attributeLayout(abi).size);
    for (let i = 0; i < index; i++) value += this.#capacities[i]!;
    return value;
  }

  #templateBytes(size: number): number {
    return (this.requests.length * size + 7) & ~7;
  }

  #isSettled(index: number, length: number | undefined, rv: number): length is number {
    if (length === undefined) return false;
    if (this.requests[index]!.kind === "template") return rv === CKR.OK && length === 0;
    const capacity = this.#capacities[index]!;
    return length < capacity || (rv === CKR.OK && length === capacity);
  }
}

/** Bytes to reserve for a value: none where its length must be asked for first. */
function capacity(request: ReadRequest, guess: boolean): number {
  if (request.kind === "template" || (!guess && !hasFixedSize(request))) return 0;
  return (request.size + SLACK + 7) & ~7;
}
