// A server for WebSockets on bare sockets: handshakes and frames are as a test wants them, or as the library has them.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex, Writable } from "node:stream";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { ending, listening } from "./listening.ts";

/** A handshake as it came. */
export interface SeenHandshake {
  /** Path and query. */
  target: string;
  /** Names lower-cased. */
  headers: Map<string, string>;
  /** Start line and fields as sent. */
  head: string;
}

/** Answers a handshake, by whatever bytes. */
export type HandshakeAnswer = (handshake: SeenHandshake, socket: Socket, server: WebSocketServer) => void;

/** A running server. */
export interface WebSocketServer extends AsyncDisposable {
  port: number;
  /** ws: or wss: with the port, without a path. */
  origin: string;
  /** Connections accepted so far. */
  connections: number;
  /** Connections open now. */
  open: Set<Socket>;
  handshakes: SeenHandshake[];
}

/** Starts a server on a free port. */
export async function webSocketServer(answer: HandshakeAnswer, tls?: TlsOptions): Promise<WebSocketServer> {
  const onSocket = (socket: Socket) => {
    running.connections++;
    running.open.add(socket);
    socket.on("close", () => running.open.delete(socket)).on("error", () => {});
    let bytes: Buffer = Buffer.alloc(0);
    const onData = (piece: Uint8Array) => {
      bytes = Buffer.concat([bytes, piece]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      const handshake = parsed(bytes.toString("latin1", 0, end));
      bytes = bytes.subarray(end + 4);
      running.handshakes.push(handshake);
      // A server that answers by HTTP reads on; one that switches takes the socket.
      const isTaken = handshake.headers.has("upgrade");
      if (isTaken) socket.off("data", onData).pause();
      answer(handshake, socket, running);
      if (isTaken && socket.listenerCount("data") === 0) socket.on("data", onData).resume();
    };
    socket.on("data", onData);
  };
  const server: Server = tls ? createTlsServer(tls, onSocket) : createServer(onSocket);
  server.on("tlsClientError", () => {});
  const port = await listening(server);
  const running: WebSocketServer = {
    port,
    origin: `${tls ? "wss" : "ws"}://127.0.0.1:${port}`,
    connections: 0,
    open: new Set(),
    handshakes: [],
    [Symbol.asyncDispose]: () => ending(server, running.open),
  };
  return running;
}

function parsed(head: string): SeenHandshake {
  const [start = "", ...fields] = head.split("\r\n");
  const headers = new Map(fields.map((field): [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  }));
  return { target: start.split(" ")[1] ?? "", headers, head };
}

/** What a server answers to a key. */
export function acceptOf({ headers }: SeenHandshake): string {
  const text = `${headers.get("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  return createHash("sha1").update(text).digest("base64");
}

/** A handshake that is right, with more fields. */
export function switching(handshake: SeenHandshake, fields: readonly string[] = []): string {
  const own = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${acceptOf(handshake)}`];
  return ["HTTP/1.1 101 Switching Protocols", ...own, ...fields, "", ""].join("\r\n");
}

/** A frame of a server's: first byte, then length and payload, masked or not. */
export function serverFrame(first: number, payload: string | Uint8Array = "", isMasked = false): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
  const { length } = bytes;
  const mask = isMasked ? 0x80 : 0;
  const size = length < 126
    ? [mask | length]
    : length < 65536
    ? [mask | 126, length >> 8, length & 255]
    : [mask | 127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  const key = isMasked ? [0, 0, 0, 0] : [];
  return Buffer.concat([Buffer.from([first, ...size, ...key]), bytes]);
}

/** The parts of npm's ws that make a server. */
export interface ServerParts {
  Receiver: new (options: object) => Writable;
  Sender: new (stream: Duplex, extensions: object) => {
    send(data: unknown, options: object): void;
    close(code: number | undefined, reason: unknown, mask: false, done: () => void): void;
    pong(data: unknown, mask: false): void;
    ping(data: unknown, mask: false): void;
  };
  PerMessageDeflate: new (options: object) => { accept(offers: object[]): object };
  extension: { parse(field: string): Record<string, object[]>; format(extensions: object): string };
}

/** Loads them. */
export async function serverParts(): Promise<ServerParts> {
  return await import("@gp11/ws") as unknown as ServerParts;
}

/** What the server's side of a conversation has seen. */
export interface ServedSocket {
  messages: (string | Buffer)[];
  /** Code and reason of the client's close frame. */
  conclusion: [code: number, reason: string] | null;
  pongs: string[];
  /** What the client did that no client may. */
  error: Error | null;
  send(data: string | Buffer): void;
  ping(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Speaks the protocol as it should be on a stream; messages are sent back. */
export function serveFrames(parts: ServerParts, stream: Duplex, extensions: object = {}, isEcho = true): ServedSocket {
  const receiver = new parts.Receiver({ isServer: true, extensions, maxPayload: 256 * 1024 * 1024 });
  const sender = new parts.Sender(stream, extensions);
  const compress = Object.keys(extensions).length > 0;
  let isClosed = false;
  const served: ServedSocket = {
    messages: [],
    conclusion: null,
    pongs: [],
    error: null,
    send: (data) => sender.send(data, { binary: typeof data !== "string", compress, fin: true, mask: false }),
    ping: (data) => sender.ping(data, false),
    close: (code, reason = "") => {
      if (isClosed) return;
      isClosed = true;
      sender.close(code, reason, false, () => void stream.end());
    },
  };
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    const message = isBinary ? data : data.toString();
    served.messages.push(message);
    if (isEcho) served.send(message);
  });
  receiver.on("ping", (data: Buffer) => sender.pong(data, false));
  receiver.on("pong", (data: Buffer) => served.pongs.push(data.toString()));
  receiver.on("conclude", (code: number, reason: Buffer) => {
    served.conclusion = [code, reason.toString()];
    served.close(code === 1005 ? undefined : code, reason.toString());
  });
  receiver.on("error", (error: Error) => {
    served.error = error;
    stream.destroy();
  });
  stream.on("data", (piece: Uint8Array) => {
    if (!receiver.write(piece)) stream.pause();
  });
  receiver.on("drain", () => stream.resume());
  stream.on("error", () => {});
  stream.on("end", () => void stream.end());
  stream.resume();
  return served;
}

/** Agrees to permessage-deflate if it is offered: the field of the answer, and the extension. */
export function agreedDeflate(parts: ServerParts, offer: string | undefined): { field: string; extensions: object } {
  const offers = parts.extension.parse(offer ?? "x")["permessage-deflate"];
  if (offers === undefined) throw new Error("Cannot agree: permessage-deflate is not offered");
  const deflate = new parts.PerMessageDeflate({ isServer: true, maxPayload: 256 * 1024 * 1024 });
  const agreed = deflate.accept(offers);
  const field = parts.extension.format({ "permessage-deflate": [agreed] });
  return { field: `Sec-WebSocket-Extensions: ${field}`, extensions: { "permessage-deflate": deflate } };
}
