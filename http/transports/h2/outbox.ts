/** Frames on their way out: those of one turn of the event loop leave together. */
import { setImmediate } from "node:timers";
import { ConnectionFault, ErrorCode } from "./errors.ts";

/** What frames are written to. */
export interface FrameSink {
  /** Writes bytes; the promise, if any, resolves when more are wanted. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** Writes pieces as one, and keeps none of them. */
  writeJoined(pieces: readonly Uint8Array[]): Promise<void> | void;
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

/** Collects frames. Bodies ask whether there is room, everything else is short. */
export class Outbox {
  readonly #sink: FrameSink;
  readonly #isCrowded: () => boolean;
  readonly #hasRoomAgain: () => void;
  #pieces: Uint8Array[] = [];
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
   * Adds bytes.
   *
   * @throws {ConnectionFault} ENHANCE_YOUR_CALM when far too much waits for a peer that does not read.
   */
  add(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#pieces.push(bytes);
    this.#size += bytes.byteLength;
    if (this.#isBlocked) {
      if (this.#size > TOO_MUCH) {
        throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the server does not read what it has asked for");
      }
    } else if (this.#size >= ENOUGH || this.#pieces.length >= FULL_BATCH) this.flush();
    else if (!this.#isScheduled) this.#schedule();
  }

  /** Writes what has been collected. */
  flush(): void {
    if (this.#isBlocked || this.#size === 0) return;
    const [first] = this.#pieces;
    const room = this.#pieces.length === 1 ? this.#sink.write(first!) : this.#sink.writeJoined(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    if (room === undefined) return;
    this.#isBlocked = true;
    room.then(() => {
      this.#isBlocked = false;
      this.flush();
      if (!this.#isBlocked) this.#hasRoomAgain();
    });
  }

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
