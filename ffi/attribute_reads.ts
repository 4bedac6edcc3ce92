/** Reading attributes: buffers guessed large enough that one `C_GetAttributeValue` is usually all it takes. */
import { CKR } from "./constants/ckr.ts";
import type { Block } from "./memory.ts";
import { clearBytes, setPointer } from "./structs.ts";
import { attributeLayout } from "./templates.ts";
import { type AttributeKind, type DecodedValue, decodeValue } from "./attribute_values.ts";

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
/** How often a value may grow between two calls before it is given up. */
const MAX_ROUNDS = 4;

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

  /** Lays out the template with a buffer for each value and returns its offset. */
  prepare(block: Block): number {
    const { size, offsets } = attributeLayout(block.abi);
    const start = block.alloc(this.#templateBytes(size) + this.#valueBytes || 1);
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
        const state = length === undefined ? this.#stateWithoutValue(block, offset, request, rv) : undefined;
        if (!state) return undefined;
        results.push(missing(request, state));
      }
      at += size;
      value += this.#capacities[index]!;
    }
    return results;
  }

  /**
   * The further calls after the first returned `rv`: reads what did not fit, all of it in one call, asks on its own
   * about what may be sensitive or missing, and descends into nested templates. Takes the return value of each call
   * it yields.
   */
  *complete(block: Block, offset: number, rv: number): Generator<ReadCall, ReadAttribute[], number> {
    const { size, offsets } = attributeLayout(block.abi);
    const results = new Map<ReadRequest, ReadAttribute>();
    const longer: SizedRequest[] = [];
    let at = offset + offsets.ulValueLen;
    let value = offset + this.#templateBytes(size);
    for (let index = 0; index < this.requests.length; index++) {
      const request = this.requests[index]!;
      const length = block.getLength(at);
      const state = length === undefined ? this.#stateWithoutValue(block, offset, request, rv) : undefined;
      if (this.#isSettled(index, length, rv)) results.set(request, decoded(block, request, value, length));
      else if (state) results.set(request, missing(request, state));
      else if (length !== undefined && length > this.#capacities[index]! && request.kind !== "template") {
        longer.push({ request, length });
      }
      at += size;
      value += this.#capacities[index]!;
    }
    for (const [request, attribute] of yield* readSized(block, longer)) results.set(request, attribute);
    const complete: ReadAttribute[] = [];
    for (const request of this.requests) {
      complete.push(results.get(request) ?? (yield* readAlone(block, request, this.#describe)));
    }
    return complete;
  }

  /**
   * Why an attribute came back without a value. One return value speaks for the whole template, so it is known only
   * for attributes no token may hide, and where a single one can be meant.
   */
  #stateWithoutValue(block: Block, offset: number, request: ReadRequest, rv: number): AttributeState | undefined {
    if (rv !== CKR.ATTRIBUTE_TYPE_INVALID && rv !== CKR.ATTRIBUTE_SENSITIVE) return undefined;
    const { size, offsets } = attributeLayout(block.abi);
    const without = this.requests.filter((_, index) =>
      block.getLength(offset + index * size + offsets.ulValueLen) === undefined
    );
    if (without.length === 1) return rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : "invalid";
    if (!request.secret) return "invalid";
    const onlyOne = without.filter(({ secret }) => secret).length === 1;
    return rv === CKR.ATTRIBUTE_SENSITIVE && onlyOne ? "sensitive" : undefined;
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
function capacity({ kind, size }: ReadRequest, guess: boolean): number {
  if (kind === "template" || (!guess && kind !== "boolean" && kind !== "ulong")) return 0;
  return (size + SLACK + 7) & ~7;
}

/** An attribute whose length is known by now. */
interface SizedRequest {
  readonly request: ReadRequest;
  readonly length: number;
}

/** Reads attributes of known lengths in one call; those that have grown since are left out. */
function* readSized(
  block: Block,
  sized: readonly SizedRequest[],
): Generator<ReadCall, Map<ReadRequest, ReadAttribute>, number> {
  const results = new Map<ReadRequest, ReadAttribute>();
  if (sized.length === 0) return results;
  const { size, offsets } = attributeLayout(block.abi);
  const start = block.alloc(sized.length * size);
  const values = sized.map(({ request, length }, index) => {
    const at = start + index * size;
    const value = block.alloc(length);
    block.setUlong(at + offsets.type, request.type);
    setPointer(block, at + offsets.pValue, block.address(value));
    block.setUlong(at + offsets.ulValueLen, length);
    return value;
  });
  const rv = yield { offset: start, count: sized.length };
  sized.forEach(({ request, length }, index) => {
    const read = block.getLength(start + index * size + offsets.ulValueLen);
    if (read === undefined || read > length || (rv !== CKR.OK && read === length)) return;
    results.set(request, decoded(block, request, values[index]!, read));
  });
  return results;
}

function missing({ type }: ReadRequest, state: AttributeState): ReadAttribute {
  return { type, state, value: undefined };
}

/** Reads one attribute on its own: first its length, then its value. */
function* readAlone(
  block: Block,
  request: ReadRequest,
  describe: (type: number) => ReadRequest,
): Generator<ReadCall, ReadAttribute, number> {
  const { size, offsets } = attributeLayout(block.abi);
  const at = block.alloc(size);
  let room = 0;
  let value = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    block.setUlong(at + offsets.type, request.type);
    setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
    block.setUlong(at + offsets.ulValueLen, room);
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
  for (let at = inner; at < inner + length; at += size) {
    const room = block.getLength(at + offsets.ulValueLen) ?? 0;
    const value = block.alloc(room || 1);
    requests.push(describe(Number(block.getUlong(at + offsets.type))));
    values.push(value);
    setPointer(block, at + offsets.pValue, room === 0 ? 0n : block.address(value));
  }
  block.setUlong(outer + offsets.ulValueLen, length);
  yield { offset: outer, count: 1 };
  return requests.map((request, index) => {
    const valueLength = block.getLength(inner + index * size + offsets.ulValueLen);
    if (valueLength === undefined || request.kind === "template") return missing(request, "invalid");
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

function decoded(block: Block, request: ReadRequest, offset: number, length: number): ReadAttribute {
  const { type, kind } = request;
  if (length === 0) return { type, state: "empty", value: EMPTY_VALUES[kind]?.() };
  if (kind === "template") return missing(request, "invalid");
  const value = decodeValue(block, kind, offset, length);
  if (value !== undefined) return { type, state: "ok", value };
  return missing(request, kind === "ulong" && length === block.abi.ulong ? "empty" : "invalid");
}
