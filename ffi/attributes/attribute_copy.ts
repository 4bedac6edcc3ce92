/** Attributes of many objects copied out of native memory together, and decoded where somebody looks at them. */
import type { ReadPlan } from "./read_plan.ts";
import type { ReadAttribute } from "./attribute.ts";
import { type Block, type ReadableMemory, readUlong } from "../memory/block.ts";
import type { Abi } from "../runtime/native.ts";

/** Up to this size a loop has copied bytes before there is a view of them. */
const SHORT = 64;

/** A copy of a part of a block's first piece; offsets count from the start of the part. */
export class BlockCopy implements ReadableMemory {
  readonly abi: Abi;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /** Copies `length` bytes from `offset` on. */
  constructor(block: Block, offset: number, length: number) {
    this.abi = block.abi;
    this.bytes = block.copyOut(offset, length);
    this.#view = new DataView(this.bytes.buffer);
  }

  getUlong(offset: number): number | bigint {
    return readUlong(this.#view, offset, this.abi);
  }

  bytesAt(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(offset, offset + length);
  }

  copyOut(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(offset, offset + length);
  }

  copyInto(offset: number, length: number, target: Uint8Array): void {
    if (length > SHORT) return target.set(this.bytesAt(offset, length));
    const { bytes } = this;
    for (let i = 0; i < length; i++) target[i] = bytes[offset + i]!;
  }
}

/**
 * The attributes of one object as a single call has read them. Programs often look at one or two values of each of many
 * objects: a value is decoded, and its bytes copied into an array of its own, when it is first asked for. What may be secret
 * is overwritten here then: whoever overwrites such a value must not leave another one behind.
 */
export class CopiedAttributes {
  /** Shared with the objects that were read together; nobody else sees it. */
  readonly memory: BlockCopy;
  /** What is decoded by now. It is open, as the memory is, to be overwritten when nobody waits for it any more. */
  decoded: (ReadAttribute | undefined)[] | null = null;
  readonly #plan: ReadPlan;
  readonly #offset: number;

  /** The attributes of a template that lies at `offset` of the copy and {@linkcode ReadPlan.isComplete}. */
  constructor(plan: ReadPlan, memory: BlockCopy, offset: number) {
    this.memory = memory;
    this.#plan = plan;
    this.#offset = offset;
  }

  /** An attribute by its type; `undefined` when it was not asked for. */
  find(type: number): ReadAttribute | undefined {
    const index = this.#plan.indexOf(type);
    return index < 0 ? undefined : this.#at(index);
  }

  /** All attributes in the order they were asked for. */
  all(): ReadAttribute[] {
    return this.#plan.requests.map((_, index) => this.#at(index));
  }

  #at(index: number): ReadAttribute {
    const decoded = this.decoded ??= new Array(this.#plan.requests.length);
    return decoded[index] ??= this.#plan.takeOut(this.memory, this.#offset, index);
  }
}
