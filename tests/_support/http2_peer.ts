// A scripted HTTP/2 server in memory: it sees every frame of a client's connection, and sends whatever a test wants.
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { TransportError } from "../../http/errors.ts";
import { HttpStatus } from "../../http/protocol/status.ts";
import { Http2Connection } from "../../http/transports/h2/connection.ts";
import type { Http2Options, Http2Wire } from "../../http/transports/h2/connection_options.ts";
import { FrameReader } from "../../http/transports/h2/wire/frame_reader.ts";
import { Flag, frame, FrameType, numberFrame, PREFACE, uint32 } from "../../http/transports/h2/wire/frames.ts";
import { HpackDecoder } from "../../http/transports/h2/wire/hpack_decoder.ts";
import { HpackEncoder } from "../../http/transports/h2/wire/hpack_encoder.ts";
import type { Field } from "../../http/transports/h2/wire/hpack_table.ts";
import type { TransportRequest, TransportResponse } from "../../http/transports/transport.ts";
import { RecordingObserver } from "./transport_driver.ts";

/** A frame as the peer saw it. */
export interface SeenFrame {
  type: number;
  flags: number;
  stream: number;
  payload: Uint8Array;
}

/** The server's side, and the wire between. */
export class Http2Peer implements Http2Wire {
  readonly frames: SeenFrame[] = [];
  readonly connection: Http2Connection;
  readonly changes: number[] = [];
  /** What was requested, in order. */
  readonly requests: { observer: RecordingObserver; response: Promise<TransportResponse> }[] = [];
  isDestroyed = false;
  hasEnded = false;
  keptAlive = true;
  /** Bytes the client has written. */
  written = 0;
  /** What `write` answers: a promise holds the client back. */
  busy: Promise<void> | undefined;
  #prefaceLeft = PREFACE.length;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxBytes: 1_000_000, maxFields: 10_000 });
  readonly #reader = new FrameReader((type, flags, stream, payload) => {
    this.frames.push({ type, flags, stream, payload: payload.slice() });
    return true;
  });

  constructor(options: Partial<Http2Options> = {}) {
    this.connection = new Http2Connection(this, {
      maxHeaderBytes: 65536,
      explain: (error, phase) => new TransportError(HttpStatus.IO_ERROR, phase, error.message, { cause: error }),
      onChange: () => void this.changes.push(this.connection.maxExchanges),
      onEnded: () => this.hasEnded = true,
      ...options,
    });
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (this.isDestroyed) return;
    this.written += bytes.byteLength;
    const start = Math.min(this.#prefaceLeft, bytes.byteLength);
    this.#prefaceLeft -= start;
    this.#reader.push(bytes.subarray(start));
    return this.busy;
  }

  writeJoined(size: number, header: number, join: (room: Buffer, begin: number) => void): Promise<void> | void {
    const room = Buffer.alloc(header + size);
    join(room, header);
    return this.write(room.subarray(header));
  }

  keepsProcessAlive(value: boolean): void {
    this.keptAlive = value;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  /** Sends a request of the client's. */
  request(path: string, init: Partial<TransportRequest> = {}): Http2Peer["requests"][number] {
    const observer = new RecordingObserver();
    const url = `https://server.example${path}`;
    const request = { method: "GET", url, headers: [], body: null, bodyLength: null, expectContinue: false, ...init };
    const response: Promise<TransportResponse> = this.connection.send(request, observer);
    response.catch(() => {});
    this.requests.push({ observer, response });
    return { observer, response };
  }

  /** Sends bytes to the client, in one piece. */
  send(...frames: Uint8Array[]): void {
    this.connection.received(Buffer.concat(frames));
  }

  /** The server's SETTINGS, and its acknowledgement. */
  greet(...settings: [setting: number, value: number][]): void {
    const payload = Buffer.alloc(settings.length * 6);
    settings.forEach(([setting, value], index) => {
      payload.writeUInt16BE(setting, index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    });
    this.send(frame(FrameType.SETTINGS, 0, 0, payload), frame(FrameType.SETTINGS, Flag.ACK, 0, new Uint8Array(0)));
  }

  /** A header section. */
  headers(stream: number, fields: Field[], flags: number = Flag.END_HEADERS): Uint8Array {
    return frame(FrameType.HEADERS, flags, stream, this.block(fields));
  }

  /** The bytes of a header section. */
  block(fields: Field[]): Uint8Array {
    return this.#encoder.encode(fields).slice();
  }

  /** A whole response. */
  respond(stream: number, body: string, fields: Field[] = [], status = "200"): void {
    this.send(this.headers(stream, [[":status", status], ...fields]), data(stream, body, true));
  }

  /** The frames of a type, of one stream or of all; what was put off to the end of the turn is there. */
  async seen(type: number, stream?: number): Promise<SeenFrame[]> {
    await flushed();
    return this.frames.filter((each) => each.type === type && (stream === undefined || each.stream === stream));
  }

  /** The fields of a HEADERS frame of the client's; each must be asked for once, in order. */
  fieldsOf({ payload }: SeenFrame): readonly Field[] {
    return this.#decoder.decode(payload).fields;
  }

  /** The bodies of a stream so far. */
  async uploaded(stream: number): Promise<number> {
    return (await this.seen(FrameType.DATA, stream)).reduce((sum, { payload }) => sum + payload.byteLength, 0);
  }

  /** The code of the GOAWAY the client has said farewell with; undefined as long as it has not. */
  async farewell(): Promise<number | undefined> {
    const [last] = await this.seen(FrameType.GOAWAY);
    return last === undefined ? undefined : uint32(last.payload, 4);
  }

  /** The codes of the RST_STREAM frames for a stream. */
  async resets(stream: number): Promise<number[]> {
    return (await this.seen(FrameType.RST_STREAM, stream)).map(({ payload }) => uint32(payload, 0));
  }
}

/** A DATA frame. */
export function data(stream: number, body: string | Uint8Array, isEnd = false): Uint8Array {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body;
  return frame(FrameType.DATA, isEnd ? Flag.END_STREAM : Flag.NONE, stream, bytes);
}

/** A RST_STREAM frame. */
export function reset(stream: number, errorCode: number): Uint8Array {
  return numberFrame(FrameType.RST_STREAM, stream, errorCode);
}

/** A WINDOW_UPDATE frame. */
export function windowUpdate(stream: number, bytes: number): Uint8Array {
  return numberFrame(FrameType.WINDOW_UPDATE, stream, bytes);
}

/** A GOAWAY frame. */
export function goAway(lastStream: number, errorCode: number): Uint8Array {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream, 0);
  payload.writeUInt32BE(errorCode, 4);
  return frame(FrameType.GOAWAY, 0, 0, payload);
}

/** Resolves when what was put off to the end of the turn is done. */
export function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
