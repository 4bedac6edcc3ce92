/** Frames on their way in: whether each may come now and has the right form, before anybody acts on it (RFC 9113 §6). */
import { ConnectionFault, ErrorCode } from "./errors.ts";
import type { FloodGuard } from "./flood_guard.ts";
import { FrameReader, ServerPreface } from "./frame_reader.ts";
import { Flag, FrameType, MAX_31_BITS, uint32 } from "./frames.ts";
import { HeaderBlock } from "./header_block.ts";
import { HpackDecoder, type Section } from "./hpack_decoder.ts";

/** A thousand fields are more than anybody sends; the runtimes' `Headers` take quadratic time for more. */
const MAX_FIELDS = 1000;
/** A section so much larger than the limit is still read, since later ones depend on it; a larger one ends the connection. */
const TOLERANCE = 4;
const MAX_HEADER_BLOCK = 64 * 1024;

/** Who acts on frames. A stream's number is one that we have opened, or 0 where that is the connection. */
export interface FrameHandler {
  /** The newest stream. */
  readonly lastStream: number;
  /** Nothing more is to be reported. */
  readonly isOver: boolean;
  onHeaders(stream: number, section: Section, isEnd: boolean): void;
  /** `length`: what counts against the windows, padding included. */
  onData(stream: number, piece: Uint8Array, length: number, isEnd: boolean): void;
  onReset(stream: number, errorCode: number): void;
  onSettings(payload: Uint8Array): void;
  onPing(payload: Uint8Array, isAnswer: boolean): void;
  onGoAway(lastStream: number, errorCode: number): void;
  onWindowUpdate(stream: number, bytes: number): void;
}

/** Reads the frames of one connection. */
export class FrameInbox {
  readonly #handler: FrameHandler;
  readonly #guard: FloodGuard;
  readonly #decoder: HpackDecoder;
  readonly #maxBlock: number;
  readonly #preface = new ServerPreface();
  readonly #reader = new FrameReader((type, flags, stream, payload) => {
    this.#take(type, flags, stream, payload);
    return !this.#handler.isOver;
  });
  /** A header section whose end has not come. */
  #block: HeaderBlock | null = null;

  constructor(handler: FrameHandler, guard: FloodGuard, maxHeaderBytes: number) {
    this.#handler = handler;
    this.#guard = guard;
    this.#decoder = new HpackDecoder({ maxBytes: maxHeaderBytes, maxFields: MAX_FIELDS });
    this.#maxBlock = Math.max(MAX_HEADER_BLOCK, maxHeaderBytes * TOLERANCE);
  }

  /**
   * Takes the next bytes.
   *
   * @throws {ConnectionFault} If the peer breaks the protocol or asks too much.
   */
  push(bytes: Uint8Array): void {
    this.#preface.check(bytes);
    this.#reader.push(bytes);
  }

  #take(type: number, flags: number, stream: number, payload: Uint8Array): void {
    if (this.#block !== null && (type !== FrameType.CONTINUATION || stream !== this.#block.stream)) {
      throw broken("a header section is interrupted by another frame");
    }
    switch (type) {
      case FrameType.DATA:
        return this.#takeData(flags, this.#ownStream(stream), payload);
      case FrameType.HEADERS:
        return this.#takeHeaders(flags, this.#ownStream(stream), payload);
      case FrameType.CONTINUATION:
        return this.#takeContinuation(flags, payload);
      case FrameType.RST_STREAM:
        checkLength("RST_STREAM", payload, 4);
        return this.#handler.onReset(this.#ownStream(stream), uint32(payload, 0));
      case FrameType.SETTINGS:
        return this.#takeSettings(flags, stream, payload);
      case FrameType.PING:
        checkLength("PING", payload, 8);
        return this.#takePing(flags, stream, payload);
      case FrameType.GOAWAY:
        checkConnection("GOAWAY", stream);
        if (payload.byteLength < 8) throw wrongSize("GOAWAY", payload);
        this.#guard.spend("GOAWAY");
        return this.#handler.onGoAway(uint32(payload, 0) & MAX_31_BITS, uint32(payload, 4));
      case FrameType.WINDOW_UPDATE:
        checkLength("WINDOW_UPDATE", payload, 4);
        this.#guard.spend("WINDOW_UPDATE");
        return this.#handler.onWindowUpdate(
          stream === 0 ? 0 : this.#ownStream(stream),
          uint32(payload, 0) & MAX_31_BITS,
        );
      case FrameType.PUSH_PROMISE:
        throw broken("the server pushes a response, which was refused beforehand");
      case FrameType.PRIORITY:
        if (stream === 0) throw broken("a PRIORITY frame is for the connection in place of a stream");
        checkLength("PRIORITY", payload, 5);
        return this.#guard.spend("PRIORITY");
      default:
        // Frames of types that nobody knows are left alone (RFC 9113 §4.1).
        return this.#guard.spend(`frames of the type ${type}`);
    }
  }

  /** The number of a stream, if we have opened it. */
  #ownStream(stream: number): number {
    if (stream === 0 || stream % 2 === 0 || stream > this.#handler.lastStream) {
      throw broken(`a frame is for the stream ${stream}, which was never opened`);
    }
    return stream;
  }

  #takeData(flags: number, stream: number, payload: Uint8Array): void {
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    const piece = withoutPadding(flags, payload);
    if (piece.byteLength === 0 && !isEnd) this.#guard.spend("empty DATA");
    this.#handler.onData(stream, piece, payload.byteLength, isEnd);
  }

  #takeHeaders(flags: number, stream: number, payload: Uint8Array): void {
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    let piece = withoutPadding(flags, payload);
    if ((flags & Flag.PRIORITY) !== 0) {
      if (piece.byteLength < 5) throw wrongSize("HEADERS", payload);
      piece = piece.subarray(5);
    }
    if ((flags & Flag.END_HEADERS) !== 0) {
      return this.#handler.onHeaders(stream, this.#decoder.decode(piece), isEnd);
    }
    this.#block = new HeaderBlock(stream, isEnd, this.#maxBlock);
    this.#block.add(piece);
  }

  #takeContinuation(flags: number, payload: Uint8Array): void {
    const block = this.#block;
    if (block === null) throw broken("a CONTINUATION frame continues nothing");
    block.add(payload);
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#block = null;
    this.#handler.onHeaders(block.stream, this.#decoder.decode(block.joined()), block.isEnd);
  }

  #takeSettings(flags: number, stream: number, payload: Uint8Array): void {
    checkConnection("SETTINGS", stream);
    this.#guard.spend("SETTINGS");
    if ((flags & Flag.ACK) !== 0) return checkLength("acknowledging SETTINGS", payload, 0);
    this.#handler.onSettings(payload);
  }

  #takePing(flags: number, stream: number, payload: Uint8Array): void {
    checkConnection("PING", stream);
    this.#guard.spend("PING");
    this.#handler.onPing(payload, (flags & Flag.ACK) !== 0);
  }
}

function withoutPadding(flags: number, payload: Uint8Array): Uint8Array {
  if ((flags & Flag.PADDED) === 0) return payload;
  const [padding] = payload;
  if (padding === undefined) throw wrongSize("padded", payload);
  if (padding >= payload.byteLength) throw broken("a frame has more padding than it is long");
  return payload.subarray(1, payload.byteLength - padding);
}

function checkConnection(name: string, stream: number): void {
  if (stream !== 0) throw broken(`a ${name} frame is for the stream ${stream} in place of the connection`);
}

function checkLength(name: string, payload: Uint8Array, length: number): void {
  if (payload.byteLength !== length) throw wrongSize(name, payload);
}

function wrongSize(name: string, { byteLength }: Uint8Array): ConnectionFault {
  return new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `a ${name} frame has ${byteLength} bytes`);
}

function broken(why: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.PROTOCOL_ERROR, why);
}
