// The server of the session tests: the routes whose event sequences are documented, on the socket server that counts connections.
import type { Socket } from "node:net";
import { http2Front } from "./http2_front.ts";
import type { SessionTransport } from "./http_sessions.ts";
import {
  reply,
  type Responder,
  type SeenRequest,
  type SocketServer,
  socketServer,
  type SocketServerOptions,
} from "./socket_server.ts";

/** A route answers a request by writing to the socket. */
export type Route = (request: SeenRequest, socket: Socket, server: SocketServer) => void;

const wait = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Writes pieces with a pause between them, as long as anybody listens. */
async function drip(socket: Socket, pieces: readonly string[], pause: number): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await wait(pause);
  }
}

function refused(request: SeenRequest, socket: Socket, expected: string): void {
  const isRight = request.headers.get("authorization") === `Basic ${btoa(expected)}`;
  socket.write(
    isRight ? reply("200 OK", "welcome") : reply("401 Unauthorized", "who?", ['WWW-Authenticate: Basic realm="r"']),
  );
}

/** The routes every session test can use. */
export const routes: Readonly<Record<string, Route>> = {
  "/ok": (_request, socket) => socket.write(reply("200 OK", "0123456789", ["Content-Type: text/plain"])),
  "/empty": (_request, socket) => socket.write(reply("200 OK")),
  "/echo": (request, socket) => socket.write(reply("200 OK", `${request.method} ${request.body.toString("latin1")}`)),
  "/head": (request, socket) => socket.write(reply("200 OK", request.head)),
  "/301": (_request, socket) => socket.write(reply("301 Moved Permanently", "moved", ["Location: /ok"])),
  "/302": (_request, socket) => socket.write(reply("302 Found", "moved", ["Location: /ok"])),
  "/303": (_request, socket) => socket.write(reply("303 See Other", "moved", ["Location: /echo"])),
  "/307": (_request, socket) => socket.write(reply("307 Temporary Redirect", "moved", ["Location: /echo"])),
  "/308": (_request, socket) => socket.write(reply("308 Permanent Redirect", "moved", ["Location: /echo"])),
  "/loop": (_request, socket) => socket.write(reply("302 Found", "", ["Location: /loop"])),
  "/302-nowhere": (_request, socket) => socket.write(reply("302 Found", "moved")),
  "/302-empty": (_request, socket) => socket.write(reply("302 Found", "moved", ["Location: "])),
  "/302-blank": (_request, socket) => socket.write(reply("302 Found", "moved", ["Location: about:blank"])),
  "/302-ftp": (_request, socket) => socket.write(reply("302 Found", "moved", ["Location: ftp://127.0.0.1/x"])),
  "/401": (request, socket) => refused(request, socket, "user:right"),
  "/slow": (_request, socket) => {
    setTimeout(() => socket.write(reply("200 OK", "0123456789")), 60);
  },
  "/never": () => {},
  "/drip": (_request, socket) => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n0123456789";
    void drip(socket, [head, "0123456789", "0123456789", "0123456789", "0123456789"], 30);
  },
  "/half": (_request, socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789"),
  "/chunked": (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  },
  // The end comes a moment later: Bun's streams drop bytes that arrive together with the error.
  "/truncated": (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    setTimeout(() => socket.end(), 20);
  },
  "/close": (_request, socket) => socket.end(),
  "/reset": (_request, socket) => socket.resetAndDestroy(),
  "/garbage": (_request, socket) => socket.end("this is not HTTP at all\r\n\r\n"),
  "/bye": (_request, socket) => socket.end(reply("200 OK", "bye", ["Connection: close"])),
  "/second-close": (request, socket, server) => {
    const before = server.requests.filter((each) => each.connection === request.connection).length;
    if (before > 1) socket.end();
    else socket.write(reply("200 OK", `connection ${request.connection}`));
  },
  "/where": (request, socket) => socket.write(reply("200 OK", `${request.connection}`)),
  "/big": (_request, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`);
  },
  "/endless": (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const piece = `10000\r\n${"y".repeat(65_536)}\r\n`;
    const more = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on("drain", more);
    more();
  },
};

/** Starts the server; `extra` adds routes. Unknown paths are 404. With `transport` "h2" it speaks HTTP/2. */
export function routeServer(
  extra: Readonly<Record<string, Route>> = {},
  transport: SessionTransport = "node",
): Promise<SocketServer> {
  const started: Promise<SocketServer> = serverOn(transport, (request, socket) => {
    const path = request.target.replace(/^http:\/\/[^/]*/, "").split("?")[0]!;
    const route = extra[path] ?? routes[path];
    if (route === undefined) socket.write(reply("404 Not Found", "no such route"));
    else void started.then((server) => route(request, socket, server));
  });
  return started;
}

/** A server for a session on a transport: it speaks HTTP/2 for "h2". */
export function serverOn(
  transport: SessionTransport,
  respond: Responder,
  options: Pick<SocketServerOptions, "onHead"> = {},
): Promise<SocketServer> {
  return transport === "h2" ? http2Front(respond, options) : socketServer(respond, options);
}
