// A proxy that asks for credentials in any scheme: forwards absolute-form requests one by one and makes tunnels.
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { reply, type SeenRequest, type SocketServer, socketServer } from "./socket_server.ts";

/** Lets a request pass, or names the challenges to send. */
export type ProxyGuard = (authorization: string, request: SeenRequest, socket: Socket) => true | string[];

/** The body of its refusals. */
export const proxyRefusal = "the proxy does not know you";

/** Starts the proxy. Its `requests` are those that came to it, refused ones included. */
export async function authProxy(guard: ProxyGuard, upstreamPort?: number): Promise<SocketServer> {
  const tunnels = new Set<Socket>();
  const proxy = await socketServer((request, socket) => {
    const verdict = guard(request.headers.get("proxy-authorization") ?? "", request, socket);
    if (verdict !== true) {
      const fields = verdict.map((challenge) => `Proxy-Authenticate: ${challenge}`);
      socket.write(reply("407 Proxy Authentication Required", proxyRefusal, fields));
    } else if (request.method === "CONNECT") tunnel(request, socket, tunnels, upstreamPort);
    else forward(request, socket);
  });
  const closeServer = proxy.close;
  const close = async (): Promise<void> => {
    for (const socket of tunnels) socket.destroy();
    await closeServer();
  };
  return Object.assign(proxy, { close, [Symbol.asyncDispose]: close });
}

function tunnel(request: SeenRequest, socket: Socket, tunnels: Set<Socket>, upstreamPort?: number): void {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(request.target) ?? [];
  const upstream = connect(upstreamPort ?? Number(port), host);
  tunnels.add(upstream);
  socket.removeAllListeners("data");
  upstream.once("connect", () => {
    socket.write("HTTP/1.1 200 Connected\r\n\r\n");
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on("error", () => socket.destroy()).on("close", () => {
    tunnels.delete(upstream);
    socket.destroy();
  });
  socket.on("close", () => upstream.destroy());
}

function forward(request: SeenRequest, socket: Socket): void {
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers) if (!/^(proxy-|connection$)/.test(name)) headers[name] = value;
  const upstream = httpRequest(request.target, { method: request.method, headers, agent: false }, (response) => {
    const chunks: Uint8Array[] = [];
    response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    response.on("end", () => {
      const challenges = response.headers["www-authenticate"];
      const fields = challenges === undefined ? [] : [`WWW-Authenticate: ${challenges}`];
      socket.write(reply(`${response.statusCode} Forwarded`, new TextDecoder().decode(join(chunks)), fields));
    });
  });
  upstream.on("error", () => socket.destroy());
  upstream.end(request.body);
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}
