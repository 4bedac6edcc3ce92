// HTTP/2 in front of the routes of the session tests: a route writes HTTP/1.1 to what it takes for its socket, and the client gets frames.
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { FrameReader } from "../../http/transports/h2/wire/frame_reader.ts";
import {
  DEFAULT_FRAME_SIZE,
  DEFAULT_WINDOW,
  Flag,
  frame,
  FrameType,
  headersFrames,
  numberFrame,
  PREFACE,
  Setting,
  settingsFrame,
  uint32,
} from "../../http/transports/h2/wire/frames.ts";
import { HpackDecoder } from "../../http/transports/h2/wire/hpack_decoder.ts";
import { HpackEncoder } from "../../http/transports/h2/wire/hpack_encoder.ts";
import type { Field } from "../../http/transports/h2/wire/hpack_table.ts";
import type { ResponseHead } from "../../http/transports/node/node_response_head.ts";
import { ResponseParser } from "../../http/transports/node/node_response_parser.ts";
import { goAway } from "./http2_peer.ts";
import { ending, listening } from "./listening.ts";
import type { Responder, SeenRequest, SocketServer, SocketServerOptions } from "./socket_server.ts";

const PLENTY = 0x3fffffff;
const dropped = ["connection", "keep-alive", "transfer-encoding"];

/** Where and how {@linkcode http2Front} listens. */
export interface Http2FrontOptions {
  /** Certificate and key make it a TLS server. */
  tls?: TlsOptions;
  /** Unix socket to listen on in place of an address. */
  path?: string;
  /** Called when the header section has arrived and the body may not have. */
  onHead?: SocketServerOptions["onHead"];
}

/** Starts a server that speaks HTTP/2 without being asked (RFC 9113 §3.3), for routes that know HTTP/1.1. */
export async function http2Front(respond: Responder, options: Http2FrontOptions = {}): Promise<SocketServer> {
  const { onHead, path, tls } = options;
  const onSocket = (socket: Socket): void => {
    running.connections++;
    running.open.add(socket);
    socket.on("close", () => running.open.delete(socket));
    socket.on("error", () => {});
    new FrontConnection(socket, running, { respond, onHead });
  };
  const server = tls === undefined
    ? createServer(onSocket)
    : createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, onSocket);
  const port = await listening(server, { path });
  const close = () => ending(server, running.open);
  const running: SocketServer = {
    port,
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    connections: 0,
    open: new Set(),
    requests: [],
    close,
    [Symbol.asyncDispose]: close,
  };
  return running;
}

class FrontConnection {
  readonly socket: Socket;
  readonly number: number;
  readonly encoder = new HpackEncoder();
  /** Bytes the client takes on all streams. */
  window: number = DEFAULT_WINDOW;
  streamWindow: number = DEFAULT_WINDOW;
  lastStream = 0;
  readonly streams = new Map<number, FrontStream>();
  readonly #server: SocketServer;
  readonly #respond: Responder;
  readonly #onHead: SocketServerOptions["onHead"];
  readonly #decoder = new HpackDecoder({ maxBytes: 1_000_000, maxFields: 10_000 });
  readonly #reader = new FrameReader((type, flags, stream, payload) => {
    this.#take(type, flags, stream, payload);
    return true;
  });
  #block: Uint8Array[] = [];
  #prefaceLeft = PREFACE.length;

  constructor(
    socket: Socket,
    server: SocketServer,
    { respond, onHead }: { respond: Responder; onHead: SocketServerOptions["onHead"] },
  ) {
    this.socket = socket;
    this.number = server.connections;
    this.#server = server;
    this.#respond = respond;
    this.#onHead = onHead;
    socket.setNoDelay(true);
    this.write(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, PLENTY]]));
    this.write(numberFrame(FrameType.WINDOW_UPDATE, 0, PLENTY));
    socket.on("data", (bytes: Uint8Array) => {
      const start = Math.min(this.#prefaceLeft, bytes.byteLength);
      this.#prefaceLeft -= start;
      this.#reader.push(bytes.subarray(start));
    });
    socket.on("drain", () => this.#moreRoom());
    socket.on("close", () => {
      for (const stream of this.streams.values()) stream.destroyed = true;
    });
  }

  write(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  #moreRoom(): void {
    for (const stream of this.streams.values()) {
      if (stream.flush()) stream.emit("drain");
    }
  }

  #take(type: number, flags: number, stream: number, payload: Uint8Array): void {
    if (type === FrameType.SETTINGS && flags === 0) {
      for (let offset = 0; offset < payload.length; offset += 6) {
        if (payload[offset + 1] === Setting.INITIAL_WINDOW_SIZE) this.streamWindow = uint32(payload, offset + 2);
      }
      this.write(frame(FrameType.SETTINGS, Flag.ACK, 0, new Uint8Array(0)));
    } else if (type === FrameType.PING && flags === 0) this.write(frame(FrameType.PING, Flag.ACK, 0, payload));
    else if (type === FrameType.WINDOW_UPDATE) {
      const open = this.streams.get(stream);
      if (stream === 0) this.window += uint32(payload, 0);
      else if (open !== undefined) open.window += uint32(payload, 0);
      this.#moreRoom();
    } else if (type === FrameType.RST_STREAM) {
      this.streams.get(stream)?.wasReset();
    } else if (type === FrameType.DATA) {
      const open = this.streams.get(stream);
      open?.body.push(payload.slice());
      if ((flags & Flag.END_STREAM) !== 0) this.#answer(open);
    } else if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) {
      this.#block.push(payload.slice());
      if (type === FrameType.HEADERS) this.#begin(stream, (flags & Flag.END_STREAM) !== 0);
      if ((flags & Flag.END_HEADERS) !== 0) this.#hasFields(stream);
    }
  }

  #begin(stream: number, isEnd: boolean): void {
    const open = this.streams.get(stream);
    this.lastStream = Math.max(this.lastStream, stream);
    if (open === undefined) this.streams.set(stream, new FrontStream(this, stream, isEnd));
    else open.hasEnded = isEnd;
  }

  #hasFields(stream: number): void {
    const { fields } = this.#decoder.decode(Buffer.concat(this.#block));
    this.#block = [];
    const open = this.streams.get(stream)!;
    if (open.fields.length === 0) {
      open.fields = fields;
      this.#onHead?.(open.request(), open as unknown as Socket);
    } else open.trailers = fields;
    if (open.hasEnded) this.#answer(open);
  }

  #answer(stream: FrontStream | undefined): void {
    if (stream === undefined || stream.destroyed) return;
    const request = stream.request();
    this.#server.requests.push(request);
    this.#respond(request, stream as unknown as Socket);
  }
}

/** What a route takes for its socket. */
class FrontStream extends EventEmitter {
  readonly #connection: FrontConnection;
  readonly #id: number;
  fields: readonly Field[] = [];
  trailers: readonly Field[] = [];
  readonly body: Uint8Array[] = [];
  hasEnded: boolean;
  destroyed = false;
  window: number;
  #parser: ResponseParser | null = null;
  #closes = false;
  #waiting: Uint8Array[] = [];
  #end: readonly Field[] | null = null;

  constructor(connection: FrontConnection, id: number, hasEnded: boolean) {
    super();
    this.#connection = connection;
    this.#id = id;
    this.hasEnded = hasEnded;
    this.window = connection.streamWindow;
  }

  request(): SeenRequest {
    const pseudo = new Map(this.fields.filter(([name]) => name.startsWith(":")));
    const fields = this.fields.filter(([name]) => !name.startsWith(":"));
    const method = pseudo.get(":method")!;
    const target = pseudo.get(":path")!;
    this.#parser = new ResponseParser({
      onInformational: (head) => this.#headers(head, false),
      onHead: (head) => this.#headers(head, true),
      onData: (piece) => {
        for (let at = 0; at < piece.length; at += DEFAULT_FRAME_SIZE) {
          this.#waiting.push(piece.slice(at, at + DEFAULT_FRAME_SIZE));
        }
      },
      onEnd: (trailers) => this.#end = trailers.map(([name, value]): Field => [name.toLowerCase(), value]),
    }, { method, maxHeaderBytes: 1_000_000 });
    return {
      method,
      target,
      headers: new Map([["host", pseudo.get(":authority")!], ...fields]),
      head: [`${method} ${target} HTTP/2`, ...fields.map(([name, value]) => `${name}: ${value}`)].join("\r\n"),
      body: Buffer.concat(this.body),
      trailers: new Map(this.trailers),
      connection: this.#connection.number,
    };
  }

  write(data: string | Uint8Array, encoding?: BufferEncoding): boolean {
    if (this.destroyed) return false;
    try {
      this.#parser!.push(typeof data === "string" ? Buffer.from(data, encoding) : data);
    } catch {
      // What is no HTTP here is none there either, and nothing follows it: a route that writes for ever is to wait.
      this.destroyed = true;
      this.#connection.streams.delete(this.#id);
      this.#connection.write(Buffer.from(data));
      return false;
    }
    this.flush();
    return this.#waiting.length === 0;
  }

  end(data?: string): void {
    if (data !== undefined) this.write(data);
    if (this.destroyed && !this.#closes) return;
    if (!this.#parser!.done) this.#connection.socket.end();
  }

  destroy(): void {
    this.#connection.socket.destroy();
  }

  resetAndDestroy(): void {
    const { socket } = this.#connection;
    // Reset while its end is on its way, a socket of Node's fails with EINVAL, and neither closes nor lets the process end.
    if (socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  }

  wasReset(): void {
    this.destroyed = true;
    this.#connection.streams.delete(this.#id);
    this.emit("close");
  }

  /** Sends as much as the client takes; true when that was all there is for now. */
  flush(): boolean {
    if (this.destroyed) return false;
    const connection = this.#connection;
    while (this.#waiting.length > 0) {
      const [piece] = this.#waiting;
      if (Math.min(this.window, connection.window) < piece!.length || connection.socket.writableNeedDrain) return false;
      this.#waiting.shift();
      this.window -= piece!.length;
      connection.window -= piece!.length;
      connection.write(frame(FrameType.DATA, 0, this.#id, piece!));
    }
    if (this.#end === null) return true;
    const trailers = this.#end;
    this.destroyed = true;
    connection.streams.delete(this.#id);
    if (trailers.length === 0) connection.write(frame(FrameType.DATA, Flag.END_STREAM, this.#id, new Uint8Array(0)));
    else this.#write(trailers, true);
    if (this.#closes) {
      connection.write(goAway(connection.lastStream, 0));
      connection.socket.end();
    }
    return false;
  }

  #headers({ headers, statusCode }: ResponseHead, isFinal: boolean): void {
    const fields = headers.map(([name, value]): Field => [name.toLowerCase(), value]);
    if (isFinal) this.#closes = fields.some(([name, value]) => name === "connection" && value === "close");
    const kept = fields.filter(([name]) => !dropped.includes(name));
    this.#write([[":status", `${statusCode}`], ...kept], false);
  }

  #write(fields: readonly Field[], isEnd: boolean): void {
    const block = this.#connection.encoder.encode(fields);
    for (const each of headersFrames(this.#id, block, isEnd, DEFAULT_FRAME_SIZE)) this.#connection.write(each);
  }
}
