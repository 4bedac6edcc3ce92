/** Attributes of many objects copied out of native memory together, and decoded where somebody looks at them. */
import type { ReadAttribute, ReadPlan } from "./attribute_reads.ts";
import { type Abi, type Block, type ReadableMemory, readUlong } from "./memory.ts";

/** Bytes that objects share at most, so that one that is kept does not keep much more than itself alive. */
const PIECE = 0x1000;
/** Up to this length a loop copies faster than `set` from a view made for it. */
const SHORT = 64;

/** A piece of memory values are copied to. */
export class CopyMemory implements ReadableMemory {
  readonly abi: Abi;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /** Reserves `size` bytes. */
  constructor(abi: Abi, size: number) {
    this.abi = abi;
    this.bytes = new Uint8Array(size);
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

  /** Reads the length of a value. */
  getSize(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** Writes the length of a value. */
  setSize(offset: number, length: number): void {
    this.#view.setUint32(offset, length, true);
  }

  /** Copies a value from the first piece of a block. */
  copyIn(offset: number, block: Block, from: number, length: number): void {
    if (length > SHORT) this.bytes.set(block.bytes.subarray(from, from + length), offset);
    else for (let i = 0; i < length; i++) this.bytes[offset + i] = block.bytes[from + i]!;
  }
}

/** Copies what was read of one object after another into pieces of memory that several of them share. */
export class AttributeCopier {
  readonly #plan: ReadPlan;
  #memory: CopyMemory | null = null;
  #used = 0;

  /** A copier of what the plan reads. */
  constructor(plan: ReadPlan) {
    this.#plan = plan;
  }

  /**
   * Copies the attributes of a template in the first piece of a block, which a call has filled and returned CKR_OK;
   * `null` when more calls are needed to know all of them. `more` objects are expected after this one.
   */
  copy(block: Block, offset: number, more: number): CopiedAttributes | null {
    const size = this.#plan.copySize(block, offset);
    if (size === null) return null;
    if (this.#memory === null || this.#used + size > this.#memory.bytes.length) {
      this.#memory = new CopyMemory(block.abi, Math.max(size, Math.min(PIECE, size * (more + 1))));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += size;
    this.#plan.copyTo(this.#memory, at, block, offset);
    return new CopiedAttributes(this.#plan, this.#memory, at);
  }
}

/**
 * The attributes of one object as a single call has read them. Programs often look at one or two values of each of many
 * objects: a value is decoded, and its bytes copied into an array of its own, when it is first asked for.
 */
export class CopiedAttributes {
  /** Shared with objects that were read before and after; nobody else sees it. */
  readonly memory: CopyMemory;
  readonly #plan: ReadPlan;
  readonly #offset: number;
  #decoded: (ReadAttribute | undefined)[] | null = null;

  /** The attributes copied to `offset`. */
  constructor(plan: ReadPlan, memory: CopyMemory, offset: number) {
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
    this.#decoded ??= new Array(this.#plan.requests.length);
    return this.#decoded[index] ??= this.#plan.decode(this.memory, this.#offset, index);
  }
}
