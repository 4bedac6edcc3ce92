/** Native memory that is used again. */
import type { Abi, NativeRuntime } from "../runtime/native.ts";
import { Block, type PieceSource } from "./block.ts";

/** Blocks a pool keeps. */
const KEPT = 64;
/** Bytes of further pieces it keeps. */
const KEPT_BYTES = 0x800000;
/** What the size of a further piece is a multiple of, so that it serves for other data of about the same length. */
const STEP = 0x10000;

/**
 * Blocks of one runtime, reused: taking and giving back costs no native allocation on a warm path. So are the pieces that
 * large data needs beside them: the kernel clears new ones page by page, and hundreds would pile up before the garbage
 * collector came.
 */
export class BlockPool implements PieceSource {
  /** Layout of the structures written into its blocks. */
  readonly abi: Abi;
  readonly #runtime: NativeRuntime;
  readonly #size: number;
  readonly #free: Block[] = [];
  #made = 0;
  /** Those that were given back last stand last. */
  readonly #pieces: Block[] = [];
  #pieceBytes = 0;

  /** Keeps blocks of `size` bytes. */
  constructor(runtime: NativeRuntime, abi: Abi, size: number) {
    this.#runtime = runtime;
    this.abi = abi;
    this.#size = size;
  }

  /** An empty block for the caller alone. */
  take(): Block {
    return this.#free.pop() ?? new Block(this.#runtime, this.abi, this.#size, this.#made++ < KEPT, this);
  }

  /** Overwrites a block and keeps it for the next caller. */
  give(block: Block): void {
    block.clear();
    if (block.pooled) this.#free.push(block);
  }

  takePiece(size: number): Block {
    const wanted = Math.ceil(size / STEP) * STEP;
    const at = this.#pieces.findLastIndex(({ bytes: { length } }) => length >= wanted && length <= 2 * wanted);
    if (at < 0) return new Block(this.#runtime, this.abi, wanted);
    const [piece] = this.#pieces.splice(at, 1) as [Block];
    this.#pieceBytes -= piece.bytes.length;
    return piece;
  }

  givePiece(piece: Block): boolean {
    const { length } = piece.bytes;
    if (length > KEPT_BYTES) return false;
    piece.clear();
    this.#pieces.push(piece);
    this.#pieceBytes += length;
    while (this.#pieceBytes > KEPT_BYTES) this.#pieceBytes -= this.#pieces.shift()!.bytes.length;
    return true;
  }
}
