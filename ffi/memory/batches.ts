/** Inputs of an operation on many in native memory, and the words of the calls on them: a batch of them at a time. */
import { assertWithin, type Block } from "./block.ts";
import { assertPresent } from "./inputs.ts";

/** Bytes of native memory one batch may take. */
const BATCH_BYTES = 0x100000;
const MAX_BATCH = 2048;
/** How many inputs are tried first, to learn how long they take. */
const FIRST_BATCH = 64;
/** What a batch may take, in µs, before a worker thread turns to what others want of it. */
const BATCH_TIME = 50_000;
const ALIGNMENT = 8;
const UINT32 = 0x1_0000_0000;

/** Bytes that something takes with what follows it aligned. */
export function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** Where each batch ends: it has as many inputs as their number and their bytes allow, and one at least. */
export function batchEnds(count: number, bytesOf: (index: number) => number): number[] {
  const ends: number[] = [];
  for (let index = 0; index < count;) {
    const from = index;
    let bytes = 0;
    do bytes += bytesOf(index++); while (index < count && index - from < MAX_BATCH && bytes < BATCH_BYTES);
    ends.push(index);
  }
  return ends;
}

/** How many inputs a batch has: few ways to a worker thread are made, and none keeps it for long. */
export class BatchSize {
  #most: number;

  /** Begins with a few inputs, but in place, where nobody is waiting for the thread. */
  constructor(inPlace: boolean) {
    this.#most = inPlace ? MAX_BATCH : FIRST_BATCH;
  }

  /** How many of the inputs that are left of a piece are next. */
  next(left: number): number {
    return Math.min(left, this.#most);
  }

  /** A batch took so long, in µs; 0 where that is not known. */
  took(count: number, microseconds: number): void {
    if (count > 0 && microseconds > 0) this.#most = Math.ceil(Math.min(MAX_BATCH, count * BATCH_TIME / microseconds));
  }
}

/** Inputs copied into a block, those of a batch side by side. */
export class PlacedInputs {
  /** How many there are. */
  readonly count: number;
  readonly #block: Block;
  readonly #ends: readonly number[];
  /** Where the inputs of each batch lie. */
  readonly #pieces: readonly number[];
  /** Where each input begins among those of its batch. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  /** Copies inputs whose batches end where `ends` says. */
  constructor(block: Block, inputs: readonly Uint8Array[], ends: readonly number[]) {
    this.#block = block;
    this.#ends = ends;
    this.count = inputs.length;
    this.#pieces = ends.map((end, batch) => this.#place(inputs, ends[batch - 1] ?? 0, end));
  }

  #place(inputs: readonly Uint8Array[], from: number, end: number): number {
    let size = 0;
    for (let index = from; index < end; index++) {
      const { length } = inputs[index]!;
      this.#starts.push(size);
      this.#lengths.push(length);
      size += aligned(length || 1);
    }
    const piece = this.#block.alloc(size);
    const bytes = this.#block.bytesAt(piece, size);
    for (let index = from; index < end; index++) {
      assertPresent(inputs[index]!);
      bytes.set(inputs[index]!, this.#starts[index]);
    }
    return piece;
  }

  /** The bytes of an input, not copied. */
  at(index: number): Uint8Array<ArrayBuffer> {
    return this.#block.bytesAt(this.#pieces[this.#batchOf(index)]! + this.#starts[index]!, this.#lengths[index]!);
  }

  /** How long an input is. */
  lengthOf(index: number): number {
    return this.#lengths[index]!;
  }

  /** How long so many of them are. */
  lengths(from: number, count: number): number[] {
    return this.#lengths.slice(from, from + count);
  }

  /** Where the batch ends that an input is in. */
  endOf(index: number): number {
    return this.#ends[this.#batchOf(index)]!;
  }

  /** Writes addresses and lengths, beginning with the input `from`, into two columns of rows. */
  write(rows: Rows, column: number, from: number): void {
    const address = this.#block.address(this.#pieces[this.#batchOf(from)]!);
    rows.setAddresses(column, address, (row) => this.#starts[from + row]!);
    for (let row = 0; row < rows.count; row++) rows.set(row, column + 1, this.#lengths[from + row]!);
  }

  #batchOf(index: number): number {
    return this.#ends.findIndex((end) => index < end);
  }
}

/** Bytes that the length of a result takes. */
const LENGTH = 8;

/** Rooms for the results of a batch side by side; before them stand their lengths. */
export class ResultRooms {
  readonly #capacities: readonly number[];
  /** Where each room begins. */
  readonly #starts: readonly number[];
  readonly #address: bigint;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** The lengths in halves of their words. */
  readonly #lengths: Uint32Array;
  readonly #halves: 1 | 2;

  /** Makes a room of each capacity. */
  constructor(block: Block, capacities: readonly number[]) {
    const { length } = capacities;
    const starts: number[] = [];
    let size = length * LENGTH;
    for (const capacity of capacities) {
      starts.push(size);
      size += aligned(capacity || 1);
    }
    const piece = block.alloc(size);
    this.#capacities = capacities;
    this.#starts = starts;
    this.#address = block.address(piece);
    this.#bytes = block.bytesAt(piece, size);
    this.#lengths = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, 2 * length);
    this.#halves = block.abi.ulong === 8 ? 2 : 1;
    for (let row = 0; row < length; row++) {
      this.#lengths[2 * row] = capacities[row]!;
      this.#lengths[2 * row + 1] = 0;
    }
  }

  /** Writes the addresses of rooms and lengths into two columns of rows. */
  write(rows: Rows, column: number): void {
    rows.setAddresses(column, this.#address, (row) => this.#starts[row]!);
    rows.setAddresses(column + 1, this.#address, (row) => row * LENGTH);
  }

  /**
   * Appends copies of the results of the rows from `row` on, up to `end`, or to one that fills its room where such a one
   * `mayBeLonger`. Returns the row after the last.
   *
   * @throws {RangeError} When the module says that it has written more than there was room for.
   */
  take(row: number, end: number, mayBeLonger: boolean, results: Uint8Array<ArrayBuffer>[]): number {
    for (; row < end; row++) {
      const capacity = this.#capacities[row]!;
      const length = this.#lengths[2 * row]! + (this.#halves === 2 ? this.#lengths[2 * row + 1]! * UINT32 : 0);
      if (mayBeLonger && length === capacity) break;
      assertWithin(length, capacity);
      const start = this.#starts[row]!;
      results.push(this.#bytes.slice(start, start + length));
    }
    return row;
  }
}

/** Words of calls, a row for each. No bigint is made for the most of them. */
export class Rows {
  /** How many there are. */
  readonly count: number;
  /** The rows, one after the other. */
  readonly words: BigUint64Array<ArrayBuffer>;
  readonly #halves: Uint32Array;
  readonly #width: number;

  /** Rows of `width` words that are 0. */
  constructor(count: number, width: number) {
    this.count = count;
    this.#width = width;
    this.words = new BigUint64Array(count * width);
    this.#halves = new Uint32Array(this.words.buffer);
  }

  /** Writes the same word into each row. */
  fill(column: number, word: bigint): void {
    for (let at = column; at < this.words.length; at += this.#width) this.words[at] = word;
  }

  /** Writes a number into a row. */
  set(row: number, column: number, value: number): void {
    const at = (row * this.#width + column) * 2;
    this.#halves[at] = value;
    this.#halves[at + 1] = value / UINT32;
  }

  /** Writes what lies so far behind an address as `offset` tells of each row. */
  setAddresses(column: number, address: bigint, offset: (row: number) => number): void {
    const low = Number(BigInt.asUintN(32, address));
    const high = Number(address >> 32n);
    for (let row = 0; row < this.count; row++) {
      const at = (row * this.#width + column) * 2;
      const behind = low + offset(row);
      this.#halves[at] = behind;
      this.#halves[at + 1] = high + behind / UINT32;
    }
  }
}
