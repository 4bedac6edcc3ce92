// A server, or proxy, in a worker thread that says whom it takes the sender of a connection for. It believes every NTLM message.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

const PROGRAM = `
import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
const challenge = Buffer.alloc(48);
challenge.write("NTLMSSP\\0", "latin1");
for (const [value, at] of [[2, 8], [0x8201, 20], [48, 16], [48, 44]]) challenge.writeUInt32LE(value, at);
const users = new WeakMap();
let connections = 0;
const server = createServer((request, response) => {
  const isProxy = request.url.startsWith("http:");
  const [field, ask, status] = isProxy
    ? ["proxy-authorization", "proxy-authenticate", 407]
    : ["authorization", "www-authenticate", 401];
  const [scheme, text = ""] = (request.headers[field] ?? "").split(" ");
  const token = Buffer.from(text, "base64");
  const type = scheme === workerData.scheme && token.length >= 12 && token.toString("latin1", 0, 8) === "NTLMSSP\\0"
    ? token.readUInt32LE(8) : 0;
  if (type === 1) {
    response.writeHead(status, { [ask]: workerData.scheme + " " + challenge.toString("base64") }).end();
    return;
  }
  if (type === 3) {
    const offset = token.readUInt32LE(40);
    users.set(request.socket, token.toString("utf16le", offset, offset + token.readUInt16LE(36)));
  } else if (scheme === workerData.scheme && text !== "") users.set(request.socket, token.toString("latin1"));
  const user = users.get(request.socket);
  if (user === undefined && !request.url.endsWith("/open")) {
    response.writeHead(status, { [ask]: workerData.scheme }).end("who are you?");
    return;
  }
  const own = scheme === "Bearer" ? " with " + text : "";
  response.writeHead(200, { "cache-control": workerData.cacheControl, "x-connections": connections }).end((user ?? "nobody") + own);
});
// A busy machine may pause for longer than an idle connection is kept.
server.keepAliveTimeout = 0;
server.on("connection", () => connections++);
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

/** A running server. */
export interface IdentityServer extends AsyncDisposable {
  /** Where it listens. */
  origin: string;
}

/** Starts a server; \`/open\` lets everybody in, everything else those who have said who they are. */
export async function identityServer(
  options: { scheme?: "NTLM" | "Negotiate"; cacheControl?: string } = {},
): Promise<IdentityServer> {
  const workerData = { scheme: "NTLM", cacheControl: "no-store", ...options };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`), { workerData });
  const [port] = await once(worker, "message") as [number];
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
