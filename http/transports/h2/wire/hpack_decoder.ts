/** Reading header sections (RFC 7541 §3 and §6). */
import { Buffer } from "node:buffer";
import { ConnectionFault, ErrorCode } from "./errors.ts";
import { readHuffman } from "./hpack_huffman.ts";
import { DEFAULT_TABLE_SIZE, DynamicTable, type Field, sizeOf, staticTable } from "./hpack_table.ts";

/** Sections that stand for so many times more than is allowed are made to be costly. */
const BOMB = 4;

/** A header section. */
export interface Section {
  /** The fields in order; those that were read before there were too many when there are. */
  readonly fields: readonly Field[];
  /** They are larger, or more, than is allowed. */
  readonly isTooLarge: boolean;
}

/** What a section may be. */
export interface SectionLimits {
  /** Bytes of the fields, each counted with 32 more (RFC 9113 §6.5.2). */
  readonly maxBytes: number;
  /** Number of fields. */
  readonly maxFields: number;
}

/** The decoder of one connection: what it has read before decides what the next section says. */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  readonly #limits: SectionLimits;
  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #scratch: Buffer = Buffer.alloc(0);

  constructor(limits: SectionLimits) {
    this.#limits = limits;
  }

  /**
   * Reads a header section. One that is too large is read to its end, since later ones depend on it, and not kept.
   *
   * @throws {ConnectionFault} COMPRESSION_ERROR for what is no HPACK, ENHANCE_YOUR_CALM for far too much.
   */
  decode(block: Uint8Array): Section {
    this.#bytes = block;
    this.#offset = 0;
    this.#readUpdates();
    const { maxBytes, maxFields } = this.#limits;
    const fields: Field[] = [];
    let size = 0;
    let count = 0;
    while (this.#offset < block.byteLength) {
      const field = this.#readField();
      size += sizeOf(field);
      count++;
      if (size <= maxBytes && count <= maxFields) fields.push(field);
      else if (size > maxBytes * BOMB) {
        throw new ConnectionFault(
          ErrorCode.ENHANCE_YOUR_CALM,
          `a header section of ${block.byteLength} bytes stands for more than ${BOMB} times the limit of ${maxBytes}`,
        );
      }
    }
    return { fields, isTooLarge: count > fields.length };
  }

  /** Changes of the table's size stand in front of the fields (RFC 7541 §4.2). */
  #readUpdates(): void {
    for (let updates = 0; (this.#bytes[this.#offset] ?? 0) >> 5 === 1; updates++) {
      const limit = this.#readInteger(5);
      if (limit > DEFAULT_TABLE_SIZE || updates === 2) throw corrupt("changes the size of its table unasked");
      this.#table.resize(limit);
    }
  }

  #readField(): Field {
    const first = this.#bytes[this.#offset]!;
    if (first >= 0x80) return this.#entry(this.#readInteger(7));
    if (first >= 0x40) {
      const field = this.#readLiteral(6);
      this.#table.add(field);
      return field;
    }
    if (first >= 0x20) throw corrupt("changes the size of its table between fields");
    return this.#readLiteral(4);
  }

  #readLiteral(prefix: 4 | 6): Field {
    const index = this.#readInteger(prefix);
    const name = index === 0 ? this.#readText() : this.#entry(index)[0];
    return [name, this.#readText()];
  }

  #entry(index: number): Field {
    const field = index === 0 ? undefined : staticTable[index - 1] ?? this.#table.at(index - 1 - staticTable.length);
    if (field === undefined) throw corrupt(`names the entry ${index}, which there is not`);
    return field;
  }

  /** An integer of RFC 7541 §5.1 behind a prefix of so many bits; none that means anything has more than four bytes more. */
  #readInteger(prefix: number): number {
    const most = (1 << prefix) - 1;
    let value = this.#bytes[this.#offset++]! & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw corrupt("ends within a number");
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw corrupt("has a number that is too large");
  }

  #readText(): string {
    const first = this.#bytes[this.#offset];
    if (first === undefined) throw corrupt("ends within a field");
    const length = this.#readInteger(7);
    const start = this.#offset;
    const end = start + length;
    if (end > this.#bytes.byteLength) throw corrupt("ends within a text");
    this.#offset = end;
    if (first < 0x80) return latin1(this.#bytes, start, end);
    if (this.#scratch.byteLength < length * 2) this.#scratch = Buffer.allocUnsafe(Math.max(1024, length * 2));
    return this.#scratch.toString("latin1", 0, readHuffman(this.#bytes, start, end, this.#scratch));
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1", start, end);
}

function corrupt(why: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.COMPRESSION_ERROR, `a header section ${why}`);
}
