/** Reading attributes with raw calls of C_GetAttributeValue. */
import type { Block } from "../memory/block.ts";
import { clearBytes, setPointer } from "../memory/structs.ts";
import { attributeLayout, writeTemplate } from "../memory/templates.ts";
import { aligned } from "./attribute_rooms.ts";

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
  readonly #rooms: { readonly offset: number; readonly length: number }[] = [];

  /** Writes a template that asks for lengths into a block. */
  constructor(block: Block, types: readonly number[]) {
    this.#block = block;
    this.#count = types.length;
    this.#start = writeTemplate(block, types.map((type) => ({ type, value: null })));
  }

  /** The template's address and the number of its attributes: the last words of C_GetAttributeValue. */
  words(): [pTemplate: bigint, ulCount: bigint] {
    return [this.#block.address(this.#start), BigInt(this.#count)];
  }

  /**
   * Makes room for values of the lengths that the module has written, filled with zeros.
   *
   * @throws {RangeError} When it has written lengths that no object can have.
   */
  makeRoom(): void {
    const block = this.#block;
    let all = 0;
    const lengths = Array.from({ length: this.#count }, (_, index) => block.getLength(this.#lengthAt(index)) ?? 0);
    for (const length of lengths) all += length;
    if (all > MAX_VALUES) {
      throw new RangeError(`Cannot use the module's answer: it wants room for ${all} bytes in C_GetAttributeValue`);
    }
    lengths.forEach((length, index) => {
      const offset = block.alloc(aligned(length) || 1);
      clearBytes(block, offset, length);
      this.#rooms[index] = { offset, length };
      const { offsets } = attributeLayout(block.abi);
      setPointer(block, this.#at(index) + offsets.pValue, length === 0 ? 0n : block.address(offset));
      block.setUlong(this.#lengthAt(index), length);
    });
  }

  /**
   * A copy of the value of an attribute, by its place in the template; `undefined` where the module gives none.
   *
   * @throws {RangeError} When the module says that it has written more than there was room for.
   */
  value(index: number): Uint8Array<ArrayBuffer> | undefined {
    const length = this.#block.getLength(this.#lengthAt(index));
    const room = this.#rooms[index];
    if (length === undefined || room === undefined) return undefined;
    if (length > room.length) {
      throw new RangeError(`Cannot use the module's answer: ${length} bytes where ${room.length} had room`);
    }
    return this.#block.copyOut(room.offset, length);
  }

  #at(index: number): number {
    return this.#start + index * attributeLayout(this.#block.abi).size;
  }

  #lengthAt(index: number): number {
    return this.#at(index) + attributeLayout(this.#block.abi).offsets.ulValueLen;
  }
}
