/** Inputs of an operation on many in native memory, and the words of the calls on them: a batch of them at a time. */
import { assertWithin, type Block } from "./block.ts";
import { assertPresent } from "./inputs.ts";

/** Bytes of native memory one batch may take. */
const BATCH_BYTES = 0x100000;
const MAX_BATCH = 2048;
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

  /** Adds addresses and lengths to rows, the first of which is of the input `from`. */
  addTo(rows: Rows, from: number): void {
    const address = this.#block.address(this.#pieces[this.#batchOf(from)]!);
    rows.addBehind(address, this.#starts, from).addBehind(0n, this.#lengths, from);
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

  /** Adds the addresses of rooms and lengths to rows. */
  addTo(rows: Rows): void {
    rows.addBehind(this.#address, this.#starts).add(this.#address, LENGTH);
  }

  /**
   * Appends copies of the results of the rows from `row` on, up to `end`, or to one that has not had room, or fills it
   * where such a one `mayBeLonger`. Returns the row after the last.
   */
  take(row: number, end: number, mayBeLonger: boolean, results: Uint8Array<ArrayBuffer>[]): number {
    for (; row < end; row++) {
      const capacity = this.#capacities[row]!;
      const length = this.#lengthOf(row);
      if (length > capacity || mayBeLonger && length === capacity) break;
      const start = this.#starts[row]!;
      results.push(this.#bytes.slice(start, start + length));
    }
    return row;
  }

  /**
   * Looks at what the module says of a result.
   *
   * @throws {RangeError} When it has written more than there was room for.
   */
  assertRoom(row: number): void {
    assertWithin(this.#lengthOf(row), this.#capacities[row]!);
  }

  #lengthOf(row: number): number {
    return this.#lengths[2 * row]! + (this.#halves === 2 ? this.#lengths[2 * row + 1]! * UINT32 : 0);
  }
}

/** A word of each row: the same with something added to it. */
interface Column {
  /** Its halves. */
  readonly low: number;
  readonly high: number;
  /** What is added in each row, from `first` on; `null` where it is so much more in each. */
  readonly offsets: readonly number[] | null;
  readonly first: number;
  readonly pitch: number;
}

/** Words of calls, a row for each, which are worked out when they are written. No bigint is made for them. */
export class Rows {
  /** How many there are. */
  readonly count: number;
  readonly #columns: Column[] = [];

  /** Rows without a word. */
  constructor(count: number) {
    this.count = count;
  }

  /** Adds a word to each row: `word`, and `pitch` more in each. */
  add(word: bigint, pitch = 0): this {
    return this.#add(word, null, 0, pitch);
  }

  /** Adds a word to each row: `word` and an offset, that of `first` for the first. */
  addBehind(word: bigint, offsets: readonly number[], first = 0): this {
    return this.#add(word, offsets, first, 0);
  }

  #add(word: bigint, offsets: readonly number[] | null, first: number, pitch: number): this {
    const low = Number(BigInt.asUintN(32, word));
    this.#columns.push({ low, high: Number(word >> 32n), offsets, first, pitch });
    return this;
  }

  /** Writes them one after the other. */
  write(words: BigUint64Array, at: number): void {
    const halves = new Uint32Array(words.buffer, words.byteOffset);
    const width = this.#columns.length;
    for (let column = 0; column < width; column++) {
      const { low, high, offsets, first, pitch } = this.#columns[column]!;
      for (let row = 0; row < this.count; row++) {
        const half = (at + row * width + column) * 2;
        const word = low + (offsets === null ? pitch * row : offsets[first + row]!);
        halves[half] = word;
        halves[half + 1] = high + Math.floor(word / UINT32);
      }
    }
  }
}
