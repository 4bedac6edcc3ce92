/** A header section that comes in several frames (RFC 9113 §4.3). */
import { joinBytes } from "../../../../internal/bytes.ts";
import { ConnectionFault, ErrorCode } from "./errors.ts";
import { DEFAULT_FRAME_SIZE } from "./frames.ts";

/** Frames besides those that are full. */
const SPARE_FRAMES = 8;

/** The pieces of one section. */
export class HeaderBlock {
  readonly stream: number;
  /** Nothing follows the section on its stream. */
  readonly isEnd: boolean;
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  /** `most`: bytes it may have. */
  constructor(stream: number, isEnd: boolean, most: number) {
    this.stream = stream;
    this.isEnd = isEnd;
    this.#most = most;
  }

  /**
   * Adds a copy of a piece.
   *
   * @throws {ConnectionFault} ENHANCE_YOUR_CALM when there is too much, or comes in too many frames.
   */
  add(piece: Uint8Array): void {
    this.#size += piece.byteLength;
    const mostFrames = SPARE_FRAMES + Math.ceil(this.#most / DEFAULT_FRAME_SIZE);
    if (this.#size > this.#most || this.#pieces.length >= mostFrames) {
      throw new ConnectionFault(
        ErrorCode.ENHANCE_YOUR_CALM,
        `a header section has more than ${this.#most} bytes or ${mostFrames} frames`,
      );
    }
    this.#pieces.push(piece.slice());
  }

  /** All of it. */
  joined(): Uint8Array {
    return joinBytes(this.#pieces);
  }
}
