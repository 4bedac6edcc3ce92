// Looks for a secret in the writable memory of this process.
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";

/** For `it(name, { skip: memorySkip }, …)`: why memory cannot be looked through, else false. */
export const memorySkip: string | false = existsSync("/proc/self/mem") ? false : "there is no /proc/self/mem";

const PIECE = 1 << 22;

/** A secret that stands in memory nowhere else; kept with its bits inverted, so that looking for it does not find itself. */
export class SecretInMemory {
  readonly #inverted: Uint8Array<ArrayBuffer>;

  constructor(length = 24) {
    this.#inverted = new Uint8Array(new ArrayBuffer(length));
    this.#inverted.set(randomBytes(length));
    // A rare byte is found faster.
    this.#inverted[0] = 0x1c;
  }

  /** What stands somewhere already, for example a part of a key; the bytes themselves are not kept. */
  static of(bytes: Uint8Array): SecretInMemory {
    const secret = new SecretInMemory(bytes.length);
    for (let i = 0; i < bytes.length; i++) secret.#inverted[i] = bytes[i]! ^ 0xff;
    return secret;
  }

  /** The secret with its bits inverted, in memory that keeps its address. */
  get inverted(): Uint8Array<ArrayBuffer> {
    return this.#inverted;
  }

  /** The secret, for the caller to overwrite. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(this.#inverted.length));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#inverted[i]! ^ 0xff;
    return bytes;
  }

  /** How often the secret stands in the writable memory of this process. */
  occurrences(): number {
    const memory = openSync("/proc/self/mem", "r");
    const buffer = new Uint8Array(new ArrayBuffer(PIECE));
    let found = 0;
    try {
      for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
        const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
        if (!from || !to || !mode?.startsWith("rw") || line.includes("[v")) continue;
        found += this.#inRange(memory, buffer, Number.parseInt(from, 16), Number.parseInt(to, 16));
      }
    } finally {
      closeSync(memory);
    }
    return found;
  }

  #inRange(memory: number, buffer: Uint8Array, from: number, to: number): number {
    const first = this.#inverted[0]! ^ 0xff;
    const { length } = this.#inverted;
    let found = 0;
    for (let at = from; at < to; at += PIECE - length + 1) {
      let read: number;
      try {
        read = readSync(memory, buffer, 0, Math.min(PIECE, to - at), at);
      } catch {
        // Reserved and never used.
        return found;
      }
      let here = 0;
      for (let i = buffer.indexOf(first); i >= 0 && i + length <= read; i = buffer.indexOf(first, i + 1)) {
        if (this.#isAt(buffer, i)) here++;
      }
      // What was read is a copy as well, which must not be found in its turn.
      if (here > 0) buffer.fill(0);
      found += here;
    }
    return found;
  }

  #isAt(buffer: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#inverted.length; i++) if ((buffer[at + i]! ^ 0xff) !== this.#inverted[i]) return false;
    return true;
  }
}
