// A server for WebSockets over HTTP/2 (RFC 8441) without TLS, in frames of its own, so that it runs on every runtime.
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { FrameReader } from "../../http/transports/h2/wire/frame_reader.ts";
import {
  DEFAULT_FRAME_SIZE,
  Flag,
  frame,
  frameHeader,
  FrameType,
  numberFrame,
  PREFACE,
} from "../../http/transports/h2/wire/frames.ts";
import { HpackDecoder } from "../../http/transports/h2/wire/hpack_decoder.ts";
import { HpackEncoder } from "../../http/transports/h2/wire/hpack_encoder.ts";
import type { Field } from "../../http/transports/h2/wire/hpack_table.ts";
import { data } from "./http2_peer.ts";
import { ending, listening } from "./listening.ts";

const ENABLE_CONNECT_PROTOCOL = 8;

/** Answers a request: its fields by name, and its stream, which is written to once it has been answered. */
export type Http2Answer = (fields: ReadonlyMap<string, string>, stream: Http2SocketStream) => void;

/** One stream of the server's. */
export interface Http2SocketStream {
  /** Sends a header section. */
  respond(fields: Field[], isEnd?: boolean): void;
  /** Both directions. */
  duplex: Duplex;
  reset(errorCode: number): void;
}

/** A running server. */
export interface Http2Sockets extends AsyncDisposable {
  port: number;
  /** Connections accepted so far. */
  connections: number;
  open: Set<Socket>;
  /** Fields of each request. */
  requests: ReadonlyMap<string, string>[];
}

/** Starts a server that offers extended CONNECT, or says nothing of it. */
export async function http2Sockets(answer: Http2Answer, isOffered = true): Promise<Http2Sockets> {
  const server = createServer((socket) => {
    running.connections++;
    running.open.add(socket);
    socket.on("close", () => running.open.delete(socket)).on("error", () => {});
    serve(socket, running, answer, isOffered);
  });
  const port = await listening(server);
  const running: Http2Sockets = {
    port,
    connections: 0,
    open: new Set(),
    requests: [],
    [Symbol.asyncDispose]: () => ending(server, running.open),
  };
  return running;
}

function serve(socket: Socket, server: Http2Sockets, answer: Http2Answer, isOffered: boolean): void {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxBytes: 1_000_000, maxFields: 1000 });
  const streams = new Map<number, Duplex>();
  let prefaceLeft = PREFACE.length;
  const write = (bytes: Uint8Array) => void (socket.destroyed || socket.write(bytes));
  const open = (stream: number, fields: ReadonlyMap<string, string>, isEnd: boolean) => {
    const duplex = new Duplex({
      read() {},
      write: (bytes: Uint8Array, _encoding, done) => {
        for (let offset = 0; offset < bytes.byteLength; offset += DEFAULT_FRAME_SIZE) {
          write(data(stream, bytes.subarray(offset, offset + DEFAULT_FRAME_SIZE)));
        }
        done();
      },
      final: (done) => {
        write(data(stream, "", true));
        done();
      },
    });
    duplex.on("error", () => {});
    if (isEnd) duplex.push(null);
    streams.set(stream, duplex);
    const respond = (all: Field[], isLast = false) => {
      const block = encoder.encode(all);
      write(Buffer.concat([
        frameHeader(FrameType.HEADERS, Flag.END_HEADERS | (isLast ? Flag.END_STREAM : 0), stream, block.byteLength),
        block,
      ]));
    };
    const reset = (errorCode: number) => write(numberFrame(FrameType.RST_STREAM, stream, errorCode));
    answer(fields, { respond, duplex, reset });
  };
  const reader = new FrameReader((type, flags, stream, payload) => {
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    if (type === FrameType.SETTINGS && flags === 0) write(frame(FrameType.SETTINGS, Flag.ACK, 0, new Uint8Array(0)));
    else if (type === FrameType.PING && flags === 0) write(frame(FrameType.PING, Flag.ACK, 0, payload));
    else if (type === FrameType.RST_STREAM) streams.get(stream)?.destroy();
    else if (type === FrameType.HEADERS) {
      const fields = new Map(decoder.decode(payload).fields.map(([name, value]): [string, string] => [name, value]));
      server.requests.push(fields);
      open(stream, fields, isEnd);
    } else if (type === FrameType.DATA) {
      if (payload.byteLength > 0) {
        streams.get(stream)?.push(payload.slice());
        for (const each of [0, stream]) write(numberFrame(FrameType.WINDOW_UPDATE, each, payload.byteLength));
      }
      if (isEnd) streams.get(stream)?.push(null);
    }
    return true;
  });
  const settings = isOffered ? new Uint8Array([0, ENABLE_CONNECT_PROTOCOL, 0, 0, 0, 1]) : new Uint8Array(0);
  write(frame(FrameType.SETTINGS, 0, 0, settings));
  socket.on("data", (bytes: Uint8Array) => {
    const start = Math.min(prefaceLeft, bytes.byteLength);
    prefaceLeft -= start;
    reader.push(bytes.subarray(start));
  });
}
