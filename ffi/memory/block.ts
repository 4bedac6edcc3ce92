/** Native memory: pieces of it that JavaScript can see, write and hand to C by address. */
import type { Abi, NativeRuntime } from "../runtime/native.ts";

/** Memory as C left it, to be read: a block, or a copy of a part of one. */
export interface ReadableMemory {
  /** Layout of the structures in it. */
  readonly abi: Abi;
  /** Its bytes, those of a block's first piece. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Reads a `CK_ULONG`: a number when safe, else a bigint. */
  getUlong(offset: number): number | bigint;
  /** The `length` bytes at `offset`, not copied. */
  bytesAt(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** A copy of the `length` bytes at `offset`. */
  copyOut(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** Copies the `length` bytes at `offset` to the beginning of `target`. */
  copyInto(offset: number, length: number, target: Uint8Array): void;
}

/** Offsets count up to this within a piece; further pieces, for what did not fit into the first, follow at multiples. */
const PIECE = 2 ** 40;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const ALIGNMENT = 8;
/** Pieces up to this size are always overwritten; larger ones only if they may hold a secret. */
const SMALL = 0x10000;
/** Up to this size a loop overwrites memory faster than the runtime's `fill`. */
const SHORT = 0x200;
/** Up to this size a loop copies bytes as fast as the runtime. */
const SHORTEST = 16;
/** The runtime's own: a program may have given its array another. */
const { set } = Uint8Array.prototype;
/** Bytes of a further piece, which takes what comes until it is full; what is larger than half of it gets its own. */
const FURTHER = 0x10000;

/** Where a block has further pieces from. */
export interface PieceSource {
  /** A zero-filled piece of at least `size` bytes. */
  takePiece(size: number): Block;
  /** Overwrites a piece and keeps it; `false` where it has no room for it. */
  givePiece(piece: Block): boolean;
}

/**
 * A bump-allocated piece of native memory. Offsets count from its start; {@linkcode Block.address} turns one into an
 * address for C. Data that does not fit lives in pieces of its own, so allocation never fails for lack of room and
 * addresses already handed out stay valid.
 */
export class Block {
  /** Layout of the structures written here. */
  readonly abi: Abi;
  /** The first piece as bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The first piece as a view; offsets of small allocations can be used with it directly. */
  readonly view: DataView<ArrayBuffer>;
  /** Address of the first byte. */
  readonly base: bigint;
  /** Bytes of the first piece in use. */
  used = 0;
  /** Whether a pool keeps it for good. */
  readonly pooled: boolean;
  /** Whether the content must be overwritten when the block is given back, however large it is. */
  secret = false;
  /** How the last operation laid its memory out, for the next one that looks like it; no bytes are kept. */
  kept: object | null = null;
  readonly #runtime: NativeRuntime;
  readonly #pieces: PieceSource | null;
  /** The whole words of the first piece, to overwrite it. */
  readonly #doubles: Float64Array<ArrayBuffer>;
  readonly #short: number;
  /** The part that was copied last: programs repeat themselves, and a view costs more than the copy. */
  #copied: Uint8Array<ArrayBuffer>;
  /** Addresses that were asked for: an operation lays its memory out in the same way each time. */
  #addresses: (bigint | undefined)[] | null = null;
  #extensions: Block[] | null = null;
  #peak = 0;

  /** Reserves `size` bytes of native memory, filled with zeros. */
  constructor(runtime: NativeRuntime, abi: Abi, size: number, pooled = false, pieces: PieceSource | null = null) {
    this.#runtime = runtime;
    this.#pieces = pieces;
    this.abi = abi;
    this.pooled = pooled;
    this.bytes = new Uint8Array(runtime.allocate?.(size) ?? new ArrayBuffer(size));
    this.#copied = this.bytes;
    this.view = new DataView(this.bytes.buffer);
    this.#doubles = new Float64Array(this.bytes.buffer, 0, size / ALIGNMENT | 0);
    // What threads may share `fill` overwrites word by word, too, and takes longer.
    const shared = (this.bytes.buffer as ArrayBufferLike) instanceof SharedArrayBuffer;
    this.#short = shared ? this.#doubles.byteLength : Math.min(SHORT, this.#doubles.byteLength);
    this.base = runtime.address(this.bytes);
  }

  /** Bytes the first piece can still take. */
  get room(): number {
    return this.bytes.length - this.used;
  }

  /** Whether nothing was written since the block was overwritten: what is allocated then is zero-filled. */
  get isFresh(): boolean {
    return this.used === 0 && this.#peak === 0;
  }

  /** Reserves `size` bytes, zero-filled unless the block was rewound, and returns their offset. */
  alloc(size: number, align: number = ALIGNMENT): number {
    const start = (this.used + align - 1) & -align;
    const end = start + size;
    if (end > this.bytes.length) return this.#extend(size);
    this.used = end;
    return start;
  }

  /**
   * The address of an offset. An address keeps nothing alive: hold the block until C has returned, or its memory may be
   * given to somebody else meanwhile.
   */
  address(offset: number): bigint {
    if (offset < SMALL && offset % ALIGNMENT === 0) {
      const known = this.#addresses ??= new Array(Math.min(SMALL, this.bytes.length) / ALIGNMENT | 0).fill(undefined);
      return known[offset / ALIGNMENT] ??= this.base + BigInt(offset);
    }
    if (offset < PIECE) return this.base + BigInt(offset);
    return this.#extension(offset).base + BigInt(offset % PIECE);
  }

  /** Copies `data` in and returns its offset; empty data gets a valid offset too. */
  putBytes(data: Uint8Array): number {
    const offset = this.alloc(data.length || 1);
    if (offset < PIECE) this.bytes.set(data, offset);
    else this.#extension(offset).bytes.set(data, offset % PIECE);
    return offset;
  }

  /** The `length` bytes at `offset`, not copied. */
  bytesAt(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset < PIECE) return this.bytes.subarray(offset, offset + length);
    const start = offset % PIECE;
    return this.#extension(offset).bytes.subarray(start, start + length);
  }

  /** A copy of the `length` bytes at `offset`. */
  copyOut(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset < PIECE) return this.bytes.slice(offset, offset + length);
    const start = offset % PIECE;
    return this.#extension(offset).bytes.slice(start, start + length);
  }

  /** Copies the `length` bytes at `offset` to the beginning of `target`. */
  copyInto(offset: number, length: number, target: Uint8Array): void {
    if (offset >= PIECE) return this.#extension(offset).copyInto(offset % PIECE, length, target);
    const { bytes } = this;
    if (length <= SHORTEST) {
      for (let i = 0; i < length; i++) target[i] = bytes[offset + i]!;
      return;
    }
    let part = this.#copied;
    if (part.byteOffset !== offset || part.length !== length) {
      this.#copied = part = bytes.subarray(offset, offset + length);
    }
    set.call(target, part);
  }

  /** Writes a `CK_ULONG`. */
  setUlong(offset: number, value: number | bigint): void {
    if (offset >= PIECE) return this.#extension(offset).setUlong(offset % PIECE, value);
    if (this.abi.ulong === 4) {
      this.view.setUint32(offset, Number(value), true);
    } else if (typeof value === "number" && value >= 0 && value <= 0xffffffff) {
      this.view.setUint32(offset, value, true);
      this.view.setUint32(offset + 4, 0, true);
    } else {
      this.view.setBigUint64(offset, BigInt(value), true);
    }
  }

  /** Reads a `CK_ULONG`: a number when safe, else a bigint. */
  getUlong(offset: number): number | bigint {
    if (offset >= PIECE) return this.#extension(offset).getUlong(offset % PIECE);
    return readUlong(this.view, offset, this.abi);
  }

  /** Reads a handle or any `CK_ULONG` that is always wanted as bigint. */
  getHandle(offset: number): bigint {
    if (offset >= PIECE) return this.#extension(offset).getHandle(offset % PIECE);
    return this.abi.ulong === 4 ? BigInt(this.view.getUint32(offset, true)) : this.view.getBigUint64(offset, true);
  }

  /** Reads a length C has written, `undefined` for `CK_UNAVAILABLE_INFORMATION`. */
  getLength(offset: number): number | undefined {
    const value = this.getUlong(offset);
    if (typeof value === "bigint") return undefined;
    return this.abi.ulong === 4 && value === 0xffffffff ? undefined : value;
  }

  /** Writes a pointer. */
  setPointer(offset: number, address: bigint): void {
    if (offset >= PIECE) return this.#extension(offset).setPointer(offset % PIECE, address);
    this.view.setBigUint64(offset, address, true);
  }

  /** Reads a pointer. */
  getPointer(offset: number): bigint {
    if (offset >= PIECE) return this.#extension(offset).getPointer(offset % PIECE);
    return this.view.getBigUint64(offset, true);
  }

  /** What lies in buffers of its own beside the first piece. */
  get extensions(): readonly Block[] {
    return this.#extensions ?? [];
  }

  /** Where the block stands now, for {@linkcode Block.rewind}. */
  mark(): BlockMark {
    const extensions = this.#extensions?.length ?? 0;
    return { used: this.used, extensions, usedOfLast: extensions === 0 ? 0 : this.#extensions![extensions - 1]!.used };
  }

  /** Gives up what was allocated since a mark, without overwriting it: for loops that allocate the same again. */
  rewind({ used, extensions, usedOfLast }: BlockMark): void {
    this.#overwriteExtensions(extensions);
    this.used = used;
    if (extensions > 0) this.#extensions![extensions - 1]!.rewind({ used: usedOfLast, extensions: 0, usedOfLast: 0 });
  }

  /** Gives up what was allocated since a mark, overwritten: for what is copied out whole, gaps and all. */
  wipe(mark: BlockMark): void {
    this.rewind(mark);
    this.bytes.fill(0, mark.used, this.#peak);
    this.#extensions?.at(-1)?.bytes.fill(0, mark.usedOfLast);
  }

  /** Overwrites the first bytes, however many of them were reserved. */
  overwrite(length: number): void {
    if (length <= this.#short) {
      const words = this.#doubles;
      for (let i = length + ALIGNMENT - 1 >> 3; i-- > 0;) words[i] = 0;
    } else {
      this.bytes.fill(0, 0, length);
    }
  }

  /** Overwrites everything that was written, and starts over. */
  clear(): void {
    this.overwrite(Math.max(this.used, this.#peak));
    if (this.#extensions) this.#overwriteExtensions(0);
    this.used = 0;
    this.#peak = 0;
    this.secret = false;
  }

  #overwriteExtensions(from: number): void {
    this.#peak = Math.max(this.#peak, this.used);
    if (!this.#extensions) return;
    for (const extension of this.#extensions.splice(from)) {
      if (this.#pieces?.givePiece(extension)) continue;
      if (this.secret || extension.bytes.length <= SMALL) extension.clear();
    }
  }

  #extend(size: number): number {
    const extensions = this.#extensions ??= [];
    const last = extensions.at(-1);
    if (last !== undefined && (last.used + ALIGNMENT - 1 & -ALIGNMENT) + size <= last.bytes.length) {
      return extensions.length * PIECE + last.alloc(size);
    }
    const room = size > FURTHER / 2 ? size : FURTHER;
    const further = this.#pieces?.takePiece(room) ?? new Block(this.#runtime, this.abi, room);
    extensions.push(further);
    return extensions.length * PIECE + further.alloc(size);
  }

  #extension(offset: number): Block {
    const extension = this.#extensions?.[Math.floor(offset / PIECE) - 1];
    if (!extension) throw new RangeError(`Cannot use offset ${offset} of a native block: it was never allocated`);
    return extension;
  }
}

/**
 * Throws where the module says that it has written more than there was room for.
 *
 * @throws {RangeError} when it says so
 */
export function assertWithin(length: number, capacity: number): void {
  if (length <= capacity) return;
  throw new RangeError(`Cannot use the module's answer: ${length} bytes where ${capacity} had room`);
}

/** A state of a block to go back to. */
export interface BlockMark {
  /** Bytes of the first piece in use. */
  readonly used: number;
  /** Further pieces. */
  readonly extensions: number;
  /** Bytes in use of the last of them. */
  readonly usedOfLast: number;
}

/** Reads a `CK_ULONG`: a number when safe, else a bigint. */
export function readUlong(view: DataView, offset: number, abi: Abi): number | bigint {
  const low = view.getUint32(offset, true);
  if (abi.ulong === 4) return low;
  const high = view.getUint32(offset + 4, true);
  if (high < 0x200000) return high * 0x100000000 + low;
  return view.getBigUint64(offset, true);
}

const WORDS: bigint[] = new Array(1025);

/** A length as a word; small ones are not made anew each time. */
export function word(value: number): bigint {
  return WORDS[value] ?? madeWord(value);
}

function madeWord(value: number): bigint {
  const made = BigInt(value);
  if (value >= 0 && value < WORDS.length) WORDS[value] = made;
  return made;
}

/** A `CK_ULONG` as a number when that loses nothing, else as a bigint. */
export function ulongValue(value: bigint): number | bigint {
  return value <= MAX_SAFE ? Number(value) : value;
}
