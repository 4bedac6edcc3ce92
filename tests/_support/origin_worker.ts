// An origin in a worker thread, http: and https:, so that it answers while a synchronous send blocks the test's own thread.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

const PROGRAM = `
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, createServer as createSocketServer } from "node:net";
import { gzipSync } from "node:zlib";
import { parentPort, workerData } from "node:worker_threads";
let count = 0;
const answer = (secure) => (request, response) => {
  count++;
  const { pathname, searchParams } = new URL(request.url, "http://x");
  for (const [name, value] of searchParams) if (name !== "status") response.appendHeader(name, value);
  response.setHeader("x-count", count);
  if (request.headers["if-none-match"]) return response.writeHead(304).end();
  const body = JSON.stringify({ count, path: pathname, secure, cookie: request.headers.cookie ?? null });
  response.statusCode = Number(searchParams.get("status") ?? 200);
  if (pathname !== "/gzip") return response.end(body);
  response.setHeader("content-encoding", "gzip");
  response.end(gzipSync(body));
};
// A SOCKS5 proxy that asks for nothing, in front of this machine.
const socks = createSocketServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", () => {
    socket.write(Uint8Array.of(5, 0));
    socket.once("data", (asked) => {
      const upstream = connect(asked.readUInt16BE(asked.length - 2), "127.0.0.1", () => {
        socket.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on("error", () => socket.destroy());
    });
  });
});
const servers = [createServer(answer(false)), socks, ...workerData.tls ? [createTlsServer(workerData.tls, answer(true))] : []];
const unix = createServer(answer("unix"));
// A busy machine may pause for longer than an idle connection is kept.
for (const server of [...servers, unix]) server.keepAliveTimeout = 0;
const ports = await Promise.all(servers.map((server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)))));
if (workerData.path) await new Promise((resolve) => unix.listen({ path: workerData.path }, resolve));
parentPort.postMessage(ports);
`;

/** A running origin. */
export interface OriginWorker extends AsyncDisposable {
  /** Port of the plain server. */
  port: number;
  /** Port of the TLS server; 0 without one. */
  tlsPort: number;
  /** Port of a SOCKS5 proxy that leads to this machine. */
  socksPort: number;
}

/** What the origin says about a request. */
export interface OriginAnswer {
  count: number;
  path: string;
  /** "unix" for what came by the unix socket. */
  secure: boolean | "unix";
  cookie: string | null;
}

/**
 * Starts the origin. It answers with a JSON text about the request; each query parameter becomes a header field of the
 * response, \`status\` its status. With \`path\` it listens on a unix socket too.
 */
export async function originWorker(
  tls: { cert: string; key: string } | null = null,
  path: string | null = null,
): Promise<OriginWorker> {
  const address = new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`);
  const worker = new Worker(address, { workerData: { tls, path } });
  const [[port, socksPort, tlsPort = 0]] = await once(worker, "message") as [number[]];
  return {
    port: port!,
    tlsPort,
    socksPort: socksPort!,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
