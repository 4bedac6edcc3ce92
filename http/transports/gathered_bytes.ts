/** Bytes that come in pieces and are wanted in one. */
import { joinBytes } from "../../internal/bytes.ts";

/** What is shorter is kept in its pieces and joined: memory that is touched for the first time costs more than to copy. */
const LONG = 8 * 1024 * 1024;
/** Once so large a part of it has come, what is announced is believed, and there is room for all of it. */
const EARNEST = 1 / 16;

/** Whether it pays to make room for so many bytes before they come. */
export function isLong(length: number | null): length is number {
  return length !== null && length >= LONG;
}

/**
 * Gathers pieces. Those of something long whose length is known are copied into their place as they come: joined at the end,
 * all of it would be in memory twice.
 */
export class GatheredBytes {
  /** How many bytes are expected; less or more may come. */
  readonly #expected: number;
  /** What has come, until there is room for all. */
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  /** Room for what is expected; null while there are pieces. */
  #room: Uint8Array<ArrayBuffer> | null = null;
  #length = 0;

  /** `expected`: how many bytes will come; null where nobody knows. */
  constructor(expected: number | null = null) {
    this.#expected = expected ?? 0;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** Takes the next piece, which belongs to nobody else. */
  add(piece: Uint8Array<ArrayBuffer>): void {
    const length = this.#length + piece.byteLength;
    if (this.#room !== null && length > this.#expected) this.#leaveRoom();
    if (this.#room === null) this.#pieces.push(piece);
    else this.#room.set(piece, this.#length);
    this.#length = length;
    if (this.#room === null && this.#isEarnest) this.#makeRoom();
  }

  /** All that has come, in one array; it does not change when more comes. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#room !== null) this.#leaveRoom();
    if (this.#pieces.length !== 1) this.#pieces = [joinBytes(this.#pieces)];
    return this.#pieces[0]!;
  }

  get #isEarnest(): boolean {
    return isLong(this.#expected) && this.#length >= this.#expected * EARNEST && this.#length < this.#expected;
  }

  #makeRoom(): void {
    const room = this.#room = new Uint8Array(this.#expected);
    let offset = 0;
    for (const piece of this.#pieces) {
      room.set(piece, offset);
      offset += piece.byteLength;
    }
    this.#pieces = [];
  }

  /** From now on there are pieces: the whole of the room where it is full, else a copy of what is used of it. */
  #leaveRoom(): void {
    const room = this.#room!;
    this.#pieces = [room.byteLength === this.#length ? room : room.slice(0, this.#length)];
    this.#room = null;
  }
}
