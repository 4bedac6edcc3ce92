/** Room for the values of attributes, and how to tell whether C has written there. */
import type { AttributeKind } from "./attribute.ts";
import type { Block, ReadableMemory } from "../memory/block.ts";
import type { Abi } from "../runtime/native.ts";
import { getByte } from "../memory/structs.ts";

/**
 * What lies in the room of a value before C writes. A value that begins with nothing else is not believed until it was
 * read again over the other mark: a module may leave a template as it was and say that all is well.
 */
export const MARKS: readonly [number, number] = [0xa5, 0x5a];

/**
 * The bytes of every value of a kind; 0 for kinds whose values vary. Numbers get exactly this room: NSS softokn's
 * databases refuse more.
 */
export function fixedLength(kind: AttributeKind, abi: Abi): number {
  switch (kind) {
    case "boolean":
      return 1;
    case "ulong":
      return abi.ulong;
    case "date":
      return 8;
    case "version":
      return 2;
    default:
      return 0;
  }
}

/** Fills the room of a value with a mark. */
export function markRoom(block: Block, offset: number, length: number, mark: number): void {
  if (offset < block.bytes.length) block.bytes.fill(mark, offset, offset + length);
  else block.bytesAt(offset, length).fill(mark);
}

/** So many bytes of a value are looked at. */
const LOOKED_AT = 64;

/** Whether the bytes at the start of a value are all of them the mark still. */
export function isUnwritten(memory: ReadableMemory, offset: number, length: number, mark: number): boolean {
  const end = Math.min(length, LOOKED_AT);
  for (let at = 0; at < end; at++) if (getByte(memory, offset + at) !== mark) return false;
  return length > 0;
}

/** Bytes from one value's room to the next. */
export function aligned(length: number): number {
  return (length + 7) & ~7;
}
