/** HTTP/2 frames (RFC 9113 §4 and §6): their types, and how they are written. */
import { Buffer } from "node:buffer";

/** Types of frames. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of frames. */
export const Flag = { NONE: 0, ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** Parameters of SETTINGS frames. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
} as const;

/** What a client sends first (RFC 9113 §3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** Bytes in front of every payload. */
export const FRAME_HEADER = 9;
/** Largest payload everybody takes, and the largest we take. */
export const DEFAULT_FRAME_SIZE = 16384;
/** Flow-control window before anybody says otherwise (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW = 65535;
/** Largest flow-control window, and largest number of a stream. */
export const MAX_31_BITS = 0x7fffffff;

/** The nine bytes in front of a payload of `length` bytes. */
export function frameHeader(type: number, flags: number, stream: number, length: number): Buffer {
  return writeHeader(Buffer.allocUnsafe(FRAME_HEADER), 0, type, flags, stream, length);
}

/** A whole frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + payload.byteLength);
  bytes.set(payload, FRAME_HEADER);
  return writeHeader(bytes, 0, type, flags, stream, payload.byteLength);
}

/** A frame whose payload is one number of 32 bits: RST_STREAM and WINDOW_UPDATE. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + 4);
  bytes.writeUInt32BE(value, FRAME_HEADER);
  return writeHeader(bytes, 0, type, Flag.NONE, stream, 4);
}

/** A SETTINGS frame. */
export function settingsFrame(settings: ReadonlyArray<readonly [setting: number, value: number]>): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  settings.forEach(([setting, value], index) => {
    payload.writeUInt16BE(setting, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FrameType.SETTINGS, Flag.NONE, 0, payload);
}

/** A GOAWAY frame; no stream of the server's was ever processed, as it may open none. */
export function goAwayFrame(errorCode: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(errorCode, 4);
  return frame(FrameType.GOAWAY, Flag.NONE, 0, payload);
}

/** A header block as one HEADERS frame and as many CONTINUATION frames as it takes. */
export function headersFrames(stream: number, block: Uint8Array, isEnd: boolean, maxFrameSize: number): Buffer[] {
  const end = isEnd ? Flag.END_STREAM : Flag.NONE;
  if (block.byteLength <= maxFrameSize) return [frame(FrameType.HEADERS, end | Flag.END_HEADERS, stream, block)];
  const frames = [frame(FrameType.HEADERS, end, stream, block.subarray(0, maxFrameSize))];
  for (let offset = maxFrameSize; offset < block.byteLength; offset += maxFrameSize) {
    const isLast = offset + maxFrameSize >= block.byteLength;
    const piece = block.subarray(offset, offset + maxFrameSize);
    frames.push(frame(FrameType.CONTINUATION, isLast ? Flag.END_HEADERS : Flag.NONE, stream, piece));
  }
  return frames;
}

/** A piece of a body as DATA frames: one, or as many as it takes. They are made where they are written from, at once. */
export class DataFrames {
  readonly #stream: number;
  readonly #piece: Uint8Array;
  readonly #isEnd: boolean;
  readonly #maxFrameSize: number;
  /** How many there are. */
  readonly count: number;
  /** Bytes of all of them, with their headers. */
  readonly byteLength: number;

  constructor(stream: number, piece: Uint8Array, isEnd: boolean, maxFrameSize: number) {
    this.#stream = stream;
    this.#piece = piece;
    this.#isEnd = isEnd;
    this.#maxFrameSize = maxFrameSize;
    this.count = Math.max(1, Math.ceil(piece.byteLength / maxFrameSize));
    this.byteLength = piece.byteLength + this.count * FRAME_HEADER;
  }

  /** The frames in memory of their own. */
  toBytes(): Buffer {
    const bytes = Buffer.allocUnsafe(this.byteLength);
    this.writeTo(bytes, 0);
    return bytes;
  }

  /** Writes them one behind the other. */
  writeTo(room: Buffer, offset: number): void {
    const piece = this.#piece;
    let at = offset;
    for (let left = this.count, from = 0; left > 0; left--) {
      const part = this.count === 1 ? piece : piece.subarray(from, from + this.#maxFrameSize);
      const flags = this.#isEnd && left === 1 ? Flag.END_STREAM : Flag.NONE;
      writeHeader(room, at, FrameType.DATA, flags, this.#stream, part.byteLength);
      room.set(part, at + FRAME_HEADER);
      from += part.byteLength;
      at += FRAME_HEADER + part.byteLength;
    }
  }
}

/** A number of 32 bits. */
export function uint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24 | bytes[offset + 1]! << 16 | bytes[offset + 2]! << 8 | bytes[offset + 3]!) >>> 0;
}

function writeHeader(
  bytes: Buffer,
  offset: number,
  type: number,
  flags: number,
  stream: number,
  length: number,
): Buffer {
  bytes[offset] = length >> 16;
  bytes[offset + 1] = length >> 8;
  bytes[offset + 2] = length;
  bytes[offset + 3] = type;
  bytes[offset + 4] = flags;
  bytes[offset + 5] = stream >> 24;
  bytes[offset + 6] = stream >> 16;
  bytes[offset + 7] = stream >> 8;
  bytes[offset + 8] = stream;
  return bytes;
}
