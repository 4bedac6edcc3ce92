// Seeded random data: a fuzz test that fails fails again with the same seed.

/** Numbers of a generator (mulberry32) that repeats itself for the same seed. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, but not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = this.#state;
    value = Math.imul(value ^ value >>> 15, value | 1);
    value ^= value + Math.imul(value ^ value >>> 7, value | 61);
    return ((value ^ value >>> 14) >>> 0) / 2 ** 32;
  }

  /** A whole number from `minimum` up to, but not including, `limit`. */
  integer(minimum: number, limit: number): number {
    return minimum + Math.floor(this.next() * (limit - minimum));
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length)]!;
  }

  /** `length` bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.integer(0, 256);
    return bytes;
  }

  /** A text of pieces and stray characters, such as a hostile server would put into a header field. */
  fieldValue(pieces: readonly string[], maxPieces = 12): string {
    let text = "";
    for (let count = this.integer(0, maxPieces); count > 0; count--) {
      text += this.next() < 0.8 ? this.pick(pieces) : String.fromCharCode(this.integer(0x20, 0x100));
    }
    return text;
  }

  /** The bytes with some of them changed, removed or doubled. */
  mutate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const list = [...bytes];
    for (let count = this.integer(1, 5); count > 0 && list.length > 0; count--) {
      const at = this.integer(0, list.length);
      const kind = this.integer(0, 4);
      if (kind === 0) list[at] = this.integer(0, 256);
      else if (kind === 1) list.splice(at, this.integer(1, 9));
      else if (kind === 2) list.splice(at, 0, ...list.slice(at, at + this.integer(1, 9)));
      else list.length = at;
    }
    return Uint8Array.from(list);
  }
}
