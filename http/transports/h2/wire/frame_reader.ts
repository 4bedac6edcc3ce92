/** Cutting a stream of bytes into HTTP/2 frames (RFC 9113 §4.1). */
import { beginningOf, isTlsAlert } from "../../failure_words.ts";
import { ConnectionFault, ErrorCode } from "./errors.ts";
import { DEFAULT_FRAME_SIZE, Flag, FRAME_HEADER, FrameType, MAX_31_BITS, uint32 } from "./frames.ts";

/** Takes one frame, whose payload is good until the next bytes are taken; false when no more of them are wanted. */
export type FrameTaker = (type: number, flags: number, stream: number, payload: Uint8Array) => boolean;

/** Push parser of frames. Only a frame that has arrived in pieces is copied. */
export class FrameReader {
  readonly #take: FrameTaker;
  /** Room for one frame; made when the first one arrives in pieces. */
  #store: Uint8Array | null = null;
  #held = 0;
  /** What the frame before was held in, whose payload is still of use. */
  #spare: Uint8Array | null = null;

  constructor(take: FrameTaker) {
    this.#take = take;
  }

  /**
   * Takes the next bytes.
   *
   * @throws {ConnectionFault} FRAME_SIZE_ERROR for a frame larger than we take.
   */
  push(bytes: Uint8Array): void {
    let offset = 0;
    if (this.#held > 0) {
      offset = this.#complete(bytes);
      if (offset < 0) return;
    }
    while (bytes.byteLength - offset >= FRAME_HEADER) {
      const length = lengthAt(bytes, offset);
      if (bytes.byteLength - offset < FRAME_HEADER + length) break;
      if (!this.#hand(bytes, offset, length)) return;
      offset += FRAME_HEADER + length;
    }
    if (offset < bytes.byteLength) this.#hold(bytes.subarray(offset));
  }

  /** Adds to the frame that is held; how much was taken for it, or -1 when nothing more is to be looked at. */
  #complete(bytes: Uint8Array): number {
    const store = this.#store!;
    let offset = 0;
    if (this.#held < FRAME_HEADER) {
      offset = Math.min(FRAME_HEADER - this.#held, bytes.byteLength);
      this.#hold(bytes.subarray(0, offset));
      if (this.#held < FRAME_HEADER) return -1;
    }
    const length = lengthAt(store, 0);
    const missing = FRAME_HEADER + length - this.#held;
    this.#hold(bytes.subarray(offset, offset + missing));
    if (this.#held < FRAME_HEADER + length) return -1;
    this.#held = 0;
    this.#store = this.#spare;
    this.#spare = store;
    return this.#hand(store, 0, length) ? offset + missing : -1;
  }

  #hold(bytes: Uint8Array): void {
    this.#store ??= new Uint8Array(FRAME_HEADER + DEFAULT_FRAME_SIZE);
    this.#store.set(bytes, this.#held);
    this.#held += bytes.byteLength;
  }

  #hand(bytes: Uint8Array, offset: number, length: number): boolean {
    const start = offset + FRAME_HEADER;
    const stream = uint32(bytes, offset + 5) & MAX_31_BITS;
    return this.#take(bytes[offset + 3]!, bytes[offset + 4]!, stream, bytes.subarray(start, start + length));
  }
}

function lengthAt(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset]! << 16 | bytes[offset + 1]! << 8 | bytes[offset + 2]!;
  if (length <= DEFAULT_FRAME_SIZE) return length;
  throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes is larger than allowed`);
}

/** The first bytes of a server, which may come one by one: a SETTINGS frame (RFC 9113 §3.4), told from what others send. */
export class ServerPreface {
  #seen = 0;

  /**
   * Looks at the next bytes.
   *
   * @throws {ConnectionFault} If they do not begin a SETTINGS frame.
   */
  check(bytes: Uint8Array): void {
    const before = this.#seen;
    if (before >= FRAME_HEADER) return;
    this.#seen = Math.min(before + bytes.byteLength, FRAME_HEADER);
    for (let at = before; at < this.#seen; at++) {
      if (!begins(at, bytes[at - before]!)) {
        throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, before === 0 ? told(bytes) : NO_SETTINGS);
      }
    }
  }
}

/** Whether a byte may stand there in the header of a SETTINGS frame that says something. */
function begins(at: number, byte: number): boolean {
  switch (at) {
    case 0:
      return byte === 0;
    case 1:
    case 2:
      return true;
    case 3:
      return byte === FrameType.SETTINGS;
    case 4:
      return (byte & Flag.ACK) === 0;
    default:
      // The stream is the connection; what its number has before it is to be ignored.
      return at === 5 ? (byte & 0x7f) === 0 : byte === 0;
  }
}

const NO_SETTINGS = "the server does not begin with its settings, so it does not speak HTTP/2";

/** What a server speaks that does not speak HTTP/2, as far as its first bytes show it. */
function told(bytes: Uint8Array): string {
  if (bytes[0] === 0) return NO_SETTINGS;
  if (isTlsAlert(bytes)) return "the server speaks TLS; use https:";
  const beginning = beginningOf(bytes);
  return beginning.startsWith('"HTTP/1')
    ? 'the server answers in HTTP/1.1, and http2: "required" is for servers that speak HTTP/2'
    : `the server begins with ${beginning}, which is not HTTP/2`;
}
