/** A body of unknown length on its way out, in chunks (RFC 9112 §7.1). */
import type { Buffer } from "node:buffer";
import { PIECE } from "../request_body_writer.ts";

/** Where the data of a chunk begins in its room, behind the line with its length: copying to odd places takes longer. */
const DATA = 64;
/** As much goes into one chunk while the socket is busy: servers spend a tenth of their time on chunks of {@linkcode PIECE}. */
const FULL = 4 * PIECE;
const LINE_END = "\r\n";

/** What chunks are written to. */
export interface ChunkSink {
  /** Memory of at least so many bytes, which belongs to the caller until it is written. */
  takeRoom(size: number): Buffer;
  /** Writes what lies there; the promise, if any, resolves when more is wanted. */
  writeRoom(room: Buffer, begin: number, end: number): Promise<void> | void;
}

/**
 * Writes a piece at once as long as the socket takes it, as a chunk. What comes while it does not is joined, and leaves as one
 * chunk when it does.
 */
export class ChunkWriter {
  readonly #sink: ChunkSink;
  /** What is being joined; null while nothing is. */
  #room: Buffer | null = null;
  #end = DATA;
  /** Resolves when what was joined is on its way; null while the socket takes more. */
  #busy: Promise<void> | null = null;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** Takes a copy of at most {@linkcode PIECE} bytes; the promise, if any, resolves when there is room for more. */
  write(piece: Uint8Array): Promise<void> | void {
    const most = this.#busy === null ? piece.byteLength : FULL;
    const room = this.#room ??= this.#sink.takeRoom(DATA + most + LINE_END.length);
    room.set(piece, this.#end);
    this.#end += piece.byteLength;
    if (this.#busy === null) this.flush();
    else if (this.#end + PIECE > DATA + FULL) return this.#busy;
  }

  /** Hands over what has been joined, whether the socket is busy or not. */
  flush(): void {
    const room = this.#room;
    if (room === null) return;
    const end = this.#end;
    this.#room = null;
    this.#end = DATA;
    const line = `${(end - DATA).toString(16)}${LINE_END}`;
    room.write(line, DATA - line.length, "latin1");
    room.write(LINE_END, end, "latin1");
    const drained = this.#sink.writeRoom(room, DATA - line.length, end + LINE_END.length);
    this.#busy = drained?.then(this.#goOn) ?? null;
  }

  readonly #goOn = (): void => {
    this.#busy = null;
    this.flush();
  };
}
