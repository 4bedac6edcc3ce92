// An HTTP/2 server of the runtime's own with TLS: it counts connections and requests, and says what it has received.
import process from "node:process";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import type { Socket } from "node:net";
import { ending, listening } from "./listening.ts";
import type { TestCertificate } from "./tls_certificates.ts";

/** For tests with servers of node:http2: why there is none to be had, else false. */
export const http2ServerSkip: string | false = "deno" in process.versions
  ? "a GOAWAY may end the process in Deno's node:http2 server (an assertion of its nghttp2)"
  : false;

/** Answers a request of HTTP/2. */
export type StreamAnswer = (stream: ServerHttp2Stream, path: string, server: Http2Server) => void;

/** Options of {@linkcode http2Server}. */
export interface Http2ServerOptions {
  certificate: TestCertificate;
  /** HTTP/1.1 is spoken too. @default {false} */
  allowHttp1?: boolean;
  /** Answers requests of HTTP/1.1; otherwise method and path are told. */
  answerHttp1?(request: Http2ServerRequest, response: Http2ServerResponse): void;
  settings?: Settings;
  /** Paths that are answered otherwise. */
  routes?: Readonly<Record<string, StreamAnswer>>;
}

/** A running server. */
export interface Http2Server extends AsyncDisposable {
  port: number;
  origin: string;
  /** Connections that speak HTTP/2, in order. */
  sessions: Http2Session[];
  /** TCP connections so far. */
  connections: number;
  /** Methods and paths of requests, in order. */
  requests: string[];
  /** Breaks every connection, without a word. */
  breakOff(): void;
}

/** Starts a server; unknown paths are answered with method, path, connection and length of the body. */
export async function http2Server(options: Http2ServerOptions): Promise<Http2Server> {
  const { allowHttp1 = false, certificate, routes = {}, settings = {} } = options;
  const server: Http2SecureServer = createSecureServer({
    key: certificate.key,
    cert: certificate.cert,
    allowHTTP1: allowHttp1,
    settings,
  });
  const sockets = new Set<Socket>();
  server.on("secureConnection", (socket: Socket) => {
    running.connections++;
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("session", (session) => running.sessions.push(session));
  server.on("stream", (stream, headers) => {
    const path = String(headers[":path"]);
    running.requests.push(`${headers[":method"]} ${path}`);
    stream.on("error", () => {});
    const route = routes[path.split("?")[0]!];
    if (route !== undefined) return route(stream, path, running);
    let length = 0;
    stream.on("data", (piece: Uint8Array) => length += piece.byteLength);
    stream.on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "text/plain" });
      stream.end(`${headers[":method"]} ${path} ${running.sessions.indexOf(stream.session!) + 1} ${length}`);
    });
  });
  // Whoever listens for these has every stream made a request of the old kind, which answers in its own ways.
  if (allowHttp1) {
    server.on("request", (request, response) => {
      if (request.httpVersionMajor !== 1) return;
      if (options.answerHttp1 !== undefined) options.answerHttp1(request, response);
      else response.end(`HTTP/1.1 ${request.method} ${request.url}`);
    });
  }
  const port = await listening(server);
  const running: Http2Server = {
    port,
    origin: `https://127.0.0.1:${port}`,
    sessions: [],
    connections: 0,
    requests: [],
    breakOff: () => {
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of running.sessions) session.destroy();
      await ending(server, sockets);
    },
  };
  return running;
}
