// An HTTP server on bare sockets: it counts connections, keeps every request as it came over the wire, and answers with whatever bytes a test wants.
import { Buffer } from "node:buffer";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { ending, listening } from "./listening.ts";

/** One request as the server read it. */
export interface SeenRequest {
  method: string;
  target: string;
  /** Names lower-cased; several fields of one name are joined with ", ". */
  headers: Map<string, string>;
  /** Start line and header fields as sent. */
  head: string;
  body: Buffer;
  /** Fields behind the body, named as in `headers`. */
  trailers: Map<string, string>;
  /** Number of the connection, from 1. */
  connection: number;
}

/** Answers a request by writing to the socket. */
export type Responder = (request: SeenRequest, socket: Socket) => void;

/** Options of {@linkcode socketServer}. */
export interface SocketServerOptions {
  /** Certificate and key make it a TLS server. */
  tls?: TlsOptions;
  /** Called for each connection; returning true keeps the server from reading requests there. */
  onConnection?(socket: Socket): boolean | void;
  /** Called when the header has arrived and the body may not have. */
  onHead?(request: SeenRequest, socket: Socket): void;
  /** Address to listen on. @default {"127.0.0.1"} */
  host?: string;
  /** Unix socket to listen on in place of an address. */
  path?: string;
}

/** A running server. */
export interface SocketServer extends AsyncDisposable {
  port: number;
  /** http: or https: with the port, without a path. */
  origin: string;
  /** Connections accepted so far. */
  connections: number;
  /** Connections open now. */
  open: Set<Socket>;
  requests: SeenRequest[];
  close(): Promise<void>;
}

/** A response with a length. */
export function reply(status: string, body = "", headers: string[] = []): string {
  return [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n");
}

/** Starts a server on a free port. */
export async function socketServer(respond: Responder, options: SocketServerOptions = {}): Promise<SocketServer> {
  const onSocket = (socket: Socket) => {
    running.connections++;
    running.open.add(socket);
    socket.on("close", () => running.open.delete(socket));
    socket.on("error", () => {});
    if (options.onConnection?.(socket) !== true) serve(socket, running, respond, options.onHead);
  };
  const server: Server = options.tls ? createTlsServer(options.tls, onSocket) : createServer(onSocket);
  server.on("tlsClientError", () => {});
  const host = options.host ?? "127.0.0.1";
  const port = await listening(server, { host, path: options.path });
  const close = () => ending(server, running.open);
  const running: SocketServer = {
    port,
    origin: `${options.tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    connections: 0,
    open: new Set(),
    requests: [],
    close,
    [Symbol.asyncDispose]: close,
  };
  return running;
}

function serve(
  socket: Socket,
  running: SocketServer,
  respond: Responder,
  onHead?: SocketServerOptions["onHead"],
): void {
  const connection = running.connections;
  let bytes: Buffer = Buffer.alloc(0);
  let current: SeenRequest | null = null;
  socket.on("data", (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      if (current === null) {
        const end = bytes.indexOf("\r\n\r\n");
        if (end < 0) return;
        current = parsed(bytes.toString("latin1", 0, end), connection);
        bytes = bytes.subarray(end + 4);
        onHead?.(current, socket);
      }
      const body = bodyOf(current, bytes);
      if (body === null) return;
      bytes = bytes.subarray(body.used);
      const request: SeenRequest = { ...current, body: body.bytes, trailers: body.trailers };
      current = null;
      running.requests.push(request);
      respond(request, socket);
    }
  });
}

function parsed(head: string, connection: number): SeenRequest {
  const [start = "", ...lines] = head.split("\r\n");
  const [method = "", target = ""] = start.split(" ");
  return { method, target, headers: fieldsOf(lines), head, body: Buffer.alloc(0), trailers: new Map(), connection };
}

function fieldsOf(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value);
  }
  return fields;
}

interface SeenBody {
  bytes: Buffer;
  used: number;
  trailers: Map<string, string>;
}

function bodyOf(request: SeenRequest, bytes: Buffer): SeenBody | null {
  if (request.headers.get("transfer-encoding") !== "chunked") {
    const length = Number(request.headers.get("content-length") ?? 0);
    const body = Buffer.from(bytes.subarray(0, length));
    return bytes.byteLength < length ? null : { bytes: body, used: length, trailers: new Map() };
  }
  const chunks: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", offset);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString("latin1", offset, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (bytes.byteLength < end + 2) return null;
    if (size === 0) {
      // From the line break of the last chunk on, so that a section without fields ends at once.
      const last = bytes.indexOf("\r\n\r\n", lineEnd);
      if (last < 0) return null;
      const lines = bytes.toString("latin1", lineEnd + 2, last).split("\r\n").filter((line) => line !== "");
      return { bytes: Buffer.concat(chunks), used: last + 4, trailers: fieldsOf(lines) };
    }
    chunks.push(Buffer.from(bytes.subarray(lineEnd + 2, end)));
    offset = end + 2;
  }
}
