/** A body of unknown length on its way out, in chunks (RFC 9112 §7.1). */
import type { Buffer } from "node:buffer";
import { PIECE } from "../request_body_writer.ts";
import { EVEN } from "./node_wire.ts";

/** As much goes into one chunk while the socket is busy: nginx takes a seventh less time than for each piece by itself. */
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
  #end = EVEN;
  /** Resolves when what was joined is on its way; null while the socket takes more. */
  #busy: Promise<void> | null = null;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** Takes a copy of at most {@linkcode PIECE} bytes; the promise, if any, resolves when there is room for more. */
  write(piece: Uint8Array): Promise<void> | void {
    const most = this.#busy === null ? piece.byteLength : FULL;
    const room = this.#room ??= this.#sink.takeRoom(EVEN + most + LINE_END.length);
    room.set(piece, this.#end);
    this.#end += piece.byteLength;
    if (this.#busy === null) this.flush();
    else if (this.#end + PIECE > EVEN + FULL) return this.#busy;
  }

  /** Hands over what has been joined, whether the socket is busy or not. */
  flush(): void {
    const room = this.#room;
    if (room === null) return;
    const end = this.#end;
    this.#room = null;
    this.#end = EVEN;
    const line = `${(end - EVEN).toString(16)}${LINE_END}`;
    room.write(line, EVEN - line.length, "latin1");
    room.write(LINE_END, end, "latin1");
    const drained = this.#sink.writeRoom(room, EVEN - line.length, end + LINE_END.length);
    this.#busy = drained?.then(this.#goOn) ?? null;
  }

  readonly #goOn = (): void => {
    this.#busy = null;
    this.flush();
  };
}
