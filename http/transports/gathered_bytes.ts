/** Bytes that come in pieces and are wanted in one. */
import { joinBytes } from "../../internal/bytes.ts";

/** What is shorter is kept in its pieces and joined: that costs next to nothing. */
const LARGE = 256 * 1024;
/** Room to begin with. */
const FIRST_ROOM = 1024 * 1024;
/** So many times as much as has come is made room for: whoever announces more than is sent costs no more than that. */
const GROWTH = 16;

/** Whether it pays to make room for so many bytes before they come. */
export function isLong(length: number | null): length is number {
  return length !== null && length >= LARGE;
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
  /** Room for what is expected, or for some of it; null while there are pieces. */
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
    if (this.#room !== null || (this.#length === 0 && this.#isWorthRoom(piece))) {
      if (length <= this.#expected) {
        this.#place(piece, length);
        this.#length = length;
        return;
      }
      this.#leaveRoom();
    }
    this.#pieces.push(piece);
    this.#length = length;
  }

  /** All that has come, in one array; it does not change when more comes. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#room !== null) this.#leaveRoom();
    if (this.#pieces.length !== 1) this.#pieces = [joinBytes(this.#pieces)];
    return this.#pieces[0]!;
  }

  #isWorthRoom(first: Uint8Array): boolean {
    return isLong(this.#expected) && first.byteLength < this.#expected;
  }

  #place(piece: Uint8Array, length: number): void {
    if (this.#room === null || length > this.#room.byteLength) {
      const room = new Uint8Array(Math.min(this.#expected, Math.max(FIRST_ROOM, length * GROWTH)));
      if (this.#room !== null) room.set(this.#room.subarray(0, this.#length));
      this.#room = room;
    }
    this.#room.set(piece, this.#length);
  }

  /** From now on there are pieces: the whole of the room where it is full, else a copy of what is used of it. */
  #leaveRoom(): void {
    const room = this.#room!;
    this.#pieces = [room.byteLength === this.#length ? room : room.slice(0, this.#length)];
    this.#room = null;
  }
}
