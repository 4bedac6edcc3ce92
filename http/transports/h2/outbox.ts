/** Frames on their way out: those of one turn of the event loop leave together. */
import type { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { ConnectionFault, ErrorCode } from "./wire/errors.ts";
import { DataFrames, FRAME_HEADER } from "./wire/frames.ts";

/** What frames are written to. */
export interface FrameSink {
  /** Writes bytes; the promise, if any, resolves when more are wanted. */
  write(bytes: Uint8Array): Promise<void> | void;
  /**
   * Writes what `join` puts into so many bytes of memory, from `begin` on: a header of `header` bytes, data and more. The
   * promise is that of `write`.
   */
  writeJoined(size: number, header: number, join: (room: Buffer, begin: number) => void): Promise<void> | void;
}

/** With so many bytes nothing is waited for. */
const ENOUGH = 64 * 1024;
/**
 * With so many requests, or frames, the server has enough to do while this thread goes on with the turn: else one of the two
 * would always wait for the other.
 */
export const FULL_BATCH = 16;
/** A peer that makes us answer and does not read the answers. */
const TOO_MUCH = 1024 * 1024;

/**
 * The bodies that wait for room. Those that have found none go before those that have written since: else the first would
 * take all there is, time after time.
 */
export class WaitingBodies {
  #unserved: (() => void)[] = [];
  #served: (() => void)[] = [];

  /** Resolves when it is worth looking for room again. */
  wait(hasWritten: boolean): Promise<void> {
    return new Promise((resolve) => void (hasWritten ? this.#served : this.#unserved).push(resolve));
  }

  /** Has all of them look again, in their order. */
  wake(): void {
    if (this.#unserved.length === 0 && this.#served.length === 0) return;
    const waiting = [...this.#unserved, ...this.#served];
    this.#unserved = [];
    this.#served = [];
    for (const go of waiting) go();
  }
}

/** Collects frames. Bodies ask whether there is room, everything else is short. */
export class Outbox {
  readonly #sink: FrameSink;
  readonly #isCrowded: () => boolean;
  readonly #hasRoomAgain: () => void;
  #pieces: (Uint8Array | DataFrames)[] = [];
  #size = 0;
  #isScheduled = false;
  #isBlocked = false;
  #isClosed = false;

  /** `isCrowded`: more is likely to come within this turn, so that its end is waited for. */
  constructor(sink: FrameSink, isCrowded: () => boolean, hasRoomAgain: () => void) {
    this.#sink = sink;
    this.#isCrowded = isCrowded;
    this.#hasRoomAgain = hasRoomAgain;
  }

  /** Whether a piece of a body may be added. */
  get hasRoom(): boolean {
    return !this.#isBlocked;
  }

  /**
   * Adds frames.
   *
   * @throws {ConnectionFault} ENHANCE_YOUR_CALM when far too much waits for a peer that does not read.
   */
  add(frames: Uint8Array | DataFrames): void {
    if (this.#isClosed) return;
    this.#pieces.push(frames);
    this.#size += frames.byteLength;
    if (!this.#isBlocked && (this.#size >= ENOUGH || this.#pieces.length >= FULL_BATCH)) return this.flush();
    // What leaves later is copied: a body's source may use its memory for the next piece.
    if (frames instanceof DataFrames) this.#pieces[this.#pieces.length - 1] = frames.toBytes();
    if (!this.#isBlocked) {
      if (!this.#isScheduled) this.#schedule();
    } else if (this.#size > TOO_MUCH) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the server does not read what it has asked for");
    }
  }

  /** Writes what has been collected. */
  flush(): void {
    if (this.#isBlocked || this.#size === 0) return;
    const [first] = this.#pieces;
    const room = this.#pieces.length === 1 && first instanceof Uint8Array
      ? this.#sink.write(first)
      : this.#sink.writeJoined(this.#size, FRAME_HEADER, this.#join);
    this.#pieces = [];
    this.#size = 0;
    if (room === undefined) return;
    this.#isBlocked = true;
    room.then(this.#unblock);
  }

  readonly #unblock = (): void => {
    this.#isBlocked = false;
    this.flush();
    if (!this.#isBlocked) this.#hasRoomAgain();
  };

  readonly #join = (room: Buffer, begin: number): void => {
    let offset = begin;
    for (const frames of this.#pieces) {
      if (frames instanceof Uint8Array) room.set(frames, offset);
      else frames.writeTo(room, offset);
      offset += frames.byteLength;
    }
  };

  /** Nothing more is written, and nobody waits. */
  close(): void {
    this.#isClosed = true;
    this.#isBlocked = false;
    this.#pieces = [];
    this.#size = 0;
  }

  #schedule(): void {
    this.#isScheduled = true;
    const flush = (): void => {
      this.#isScheduled = false;
      this.flush();
    };
    if (this.#isCrowded()) setImmediate(flush);
    else queueMicrotask(flush);
  }
}
