/** Reading attributes with raw calls of C_GetAttributeValue. */
import { assertWithin, type Block, word } from "../memory/block.ts";
import { clearBytes, setPointer } from "../memory/structs.ts";
import { attributeLayout, writeTemplate } from "../memory/templates.ts";
import { aligned } from "./attribute.ts";

/** Bytes that the values of one object may have together: a module that names more is not believed. */
export const MAX_VALUES: number = 2 ** 26;

/**
 * The template of a C_GetAttributeValue that is called twice: first for the lengths of the values, then, with room for
 * them, for the values.
 *
 * @example Read a label
 * ```ts
 * import { AttributeQuery, Block, CKA, type Cryptoki, nativeAbi, nativeRuntime } from "@gp11/gp11/ffi";
 *
 * function label(module: Cryptoki, session: bigint, object: bigint): Uint8Array | undefined {
 *   const query = new AttributeQuery(new Block(nativeRuntime(), nativeAbi(), 1024), [CKA.LABEL]);
 *   if (module.call("C_GetAttributeValue", session, object, ...query.words()) !== 0) return undefined;
 *   query.makeRoom();
 *   if (module.call("C_GetAttributeValue", session, object, ...query.words()) !== 0) return undefined;
 *   return query.value(0);
 * }
 * ```
 */
export class AttributeQuery {
  readonly #block: Block;
  readonly #count: number;
  readonly #start: number;
  readonly #layout: ReturnType<typeof attributeLayout>;
  /** Where the room of each value is, and how long; none before there is any. */
  readonly #rooms: number[] = [];
  readonly #lengths: number[] = [];

  /** Writes a template that asks for lengths into a block. */
  constructor(block: Block, types: readonly number[]) {
    this.#block = block;
    this.#count = types.length;
    this.#layout = attributeLayout(block.abi);
    this.#start = writeTemplate(block, types.map((type) => ({ type, value: null })));
  }

  /** The template's address and the number of its attributes: the last words of C_GetAttributeValue. */
  words(): [pTemplate: bigint, ulCount: bigint] {
    return [this.#block.address(this.#start), word(this.#count)];
  }

  /**
   * Makes room for values of the lengths that the module has written, filled with zeros.
   *
   * @throws {RangeError} When it has written lengths that no object can have.
   */
  makeRoom(): void {
    const block = this.#block;
    const pValue = this.#layout.offsets.pValue;
    let all = 0;
    for (let index = 0; index < this.#count; index++) {
      const length = block.getLength(this.#lengthAt(index)) ?? 0;
      this.#lengths[index] = length;
      all += length;
    }
    if (all > MAX_VALUES) {
      throw new RangeError(`Cannot use the module's answer: it wants room for ${all} bytes in C_GetAttributeValue`);
    }
    const room = this.#lengths.reduce((before, length) => before + aligned(length), 0);
    let offset = block.alloc(room || 1);
    clearBytes(block, offset, room);
    for (let index = 0; index < this.#count; index++) {
      const length = this.#lengths[index]!;
      this.#rooms[index] = offset;
      setPointer(block, this.#at(index) + pValue, length === 0 ? 0n : block.address(offset));
      block.setUlong(this.#lengthAt(index), length);
      offset += aligned(length);
    }
  }

  /**
   * A copy of the value of an attribute, by its place in the template; `undefined` where the module gives none.
   *
   * @throws {RangeError} When the module says that it has written more than there was room for.
   */
  value(index: number): Uint8Array<ArrayBuffer> | undefined;
  /**
   * A copy of the value of an attribute, by its place in the template; `undefined` where the module gives none.
   *
   * @param make Makes the array that it is copied to.
   * @throws {RangeError} When the module says that it has written more than there was room for.
   */
  value<T extends Uint8Array>(index: number, make: (length: number) => T): T | undefined;
  value(index: number, make: (length: number) => Uint8Array = bytes): Uint8Array | undefined {
    const length = this.#block.getLength(this.#lengthAt(index));
    const room = this.#rooms[index];
    if (length === undefined || room === undefined) return undefined;
    assertWithin(length, this.#lengths[index]!);
    const value = make(length);
    this.#block.copyInto(room, length, value);
    return value;
  }

  #at(index: number): number {
    return this.#start + index * this.#layout.size;
  }

  #lengthAt(index: number): number {
    return this.#at(index) + this.#layout.offsets.ulValueLen;
  }
}

function bytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length);
}
