// Looks for a secret in the writable memory of this process.
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";

/** For `it(name, { skip: memorySkip }, …)`: why memory cannot be looked through, else false. */
export const memorySkip: string | false = existsSync("/proc/self/mem") ? false : "there is no /proc/self/mem";

const PIECE = 1 << 22;
const PAGE = 4096;
/** Pages that are looked at in one piece. */
const ENTRIES = 1 << 16;

/** A secret that stands in memory nowhere else; kept with its bits inverted, so that looking for it does not find itself. */
export class SecretInMemory {
  readonly #inverted: Uint8Array<ArrayBuffer>;
  /** Where it has a byte that is looked for first. */
  #rare = 0;

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
    secret.#rare = Math.max(0, bytes.findIndex(isRare));
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
    const pages = openSync("/proc/self/pagemap", "r");
    const buffer = new Uint8Array(new ArrayBuffer(PIECE));
    const own = Number(nativeRuntime().address(buffer));
    let found = 0;
    try {
      for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
        const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
        if (!from || !to || !mode?.startsWith("rw") || line.includes("[v")) continue;
        for (const [start, end] of inUse(pages, Number.parseInt(from, 16), Number.parseInt(to, 16))) {
          // Read into itself, the buffer would repeat what stands before it up to its end.
          found += this.#inRange(memory, buffer, start, Math.min(end, own));
          found += this.#inRange(memory, buffer, Math.max(start, own + PIECE), end);
        }
      }
    } finally {
      closeSync(memory);
      closeSync(pages);
    }
    return found;
  }

  #inRange(memory: number, buffer: Uint8Array, from: number, to: number): number {
    const rare = this.#rare;
    const wanted = this.#inverted[rare]! ^ 0xff;
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
      for (
        let i = buffer.indexOf(wanted, rare);
        i >= 0 && i - rare + length <= read;
        i = buffer.indexOf(wanted, i + 1)
      ) {
        if (this.#isAt(buffer, i - rare)) here++;
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

/** Bytes that pointers, numbers, text and empty memory have seldom. */
function isRare(byte: number): boolean {
  return byte > 0x80 && byte < 0xbf || byte > 0x10 && byte < 0x20;
}

/**
 * The parts of a range that have memory behind them (proc_pid_pagemap(5)): runtimes reserve gigabytes that they never
 * touch, and reading those takes longer than all the rest.
 */
function* inUse(pages: number, from: number, to: number): Generator<readonly [start: number, end: number]> {
  const entries = new Uint8Array(new ArrayBuffer(ENTRIES * 8));
  let start = -1;
  for (let at = from; at < to; at += ENTRIES * PAGE) {
    const count = Math.min(ENTRIES, (to - at) / PAGE);
    const read = readSync(pages, entries, 0, count * 8, at / PAGE * 8) / 8;
    for (let i = 0; i < count; i++) {
      // Present, or written to disk.
      const isUsed = i >= read || (entries[i * 8 + 7]! & 0xc0) !== 0;
      if (isUsed && start < 0) start = at + i * PAGE;
      if (isUsed || start < 0) continue;
      yield [start, at + i * PAGE];
      start = -1;
    }
  }
  if (start >= 0) yield [start, to];
}
