// Proxies for tests: an own small one for HTTP (forwarding and CONNECT) and SOCKS5, with or without a password, and tinyproxy where installed.
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { ending, listening } from "./listening.ts";
import { freePort, spawnServer, stopServer, untilListening } from "./server_programs.ts";

/** Options of {@linkcode proxyServer}. */
export interface ProxyServerOptions {
  /** "user:password" that is demanded. */
  credentials?: string;
  /** What the HTTP proxy demands credentials with. @default {"Basic realm=\"proxy\""} */
  challenge?: string;
  /** Extra header fields of the 407. */
  refusalHeaders?: string[];
  /** Closes the connection after a 407 without saying so, at the first byte that follows. */
  closesAfterRefusal?: boolean;
  /** Certificate and key make it an https: proxy. */
  tls?: TlsOptions;
  /** Answers each CONNECT with these bytes. */
  connectReply?: string;
  /** Gives each destination host another address. */
  resolve?(host: string): string;
}

/** A running proxy. */
export interface ProxyServer extends AsyncDisposable {
  port: number;
  /** Connections accepted so far. */
  connections: number;
  /** Start line and header fields of each request to the proxy. */
  heads: string[];
  /** "host:port" of each tunnel and SOCKS connection made. */
  destinations: string[];
  close(): Promise<void>;
}

/** Starts an HTTP proxy. */
export function proxyServer(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  return listen(options, serveHttp);
}

/** Starts a SOCKS5 proxy. */
export function socksServer(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  return listen(options, serveSocks);
}

type Serve = (socket: Socket, proxy: ProxyServer, options: ProxyServerOptions, open: Set<Socket>) => void;

async function listen(options: ProxyServerOptions, serve: Serve): Promise<ProxyServer> {
  const open = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    proxy.connections++;
    keep(socket, open);
    serve(socket, proxy, options, open);
  };
  const server: Server = options.tls ? createTlsServer(options.tls, onSocket) : createServer(onSocket);
  server.on("tlsClientError", () => {});
  const port = await listening(server);
  const close = () => ending(server, open);
  const proxy: ProxyServer = {
    port,
    connections: 0,
    heads: [],
    destinations: [],
    close,
    [Symbol.asyncDispose]: close,
  };
  return proxy;
}

function keep(socket: Socket, open: Set<Socket>): void {
  open.add(socket);
  socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy());
}

function serveHttp(socket: Socket, proxy: ProxyServer, options: ProxyServerOptions, open: Set<Socket>): void {
  let bytes: Buffer = Buffer.alloc(0);
  let upstream: Socket | null = null;
  let bodyLeft = 0;
  const onData = (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const body = bytes.subarray(0, bodyLeft);
      if (body.byteLength > 0) upstream?.write(body);
      bodyLeft -= body.byteLength;
      bytes = bytes.subarray(body.byteLength);
      const end = bodyLeft > 0 ? -1 : bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = bytes.toString("latin1", 0, end);
      bytes = bytes.subarray(end + 4);
      proxy.heads.push(head);
      if (isRefused(head, options)) {
        const challenge = options.challenge ?? 'Basic realm="proxy"';
        const headers = [`Proxy-Authenticate: ${challenge}`, ...options.refusalHeaders ?? []];
        socket.write(`HTTP/1.1 407 Who Are You\r\n${headers.join("\r\n")}\r\nContent-Length: 6\r\n\r\nsecret`);
        if (options.closesAfterRefusal === true) socket.off("data", onData).once("data", () => socket.destroy());
      } else if (head.startsWith("CONNECT ")) {
        if (options.connectReply !== undefined) return void socket.write(options.connectReply);
        socket.off("data", onData);
        const [host, port] = splitAuthority(head.split(" ")[1] ?? "");
        connectThrough(socket, host, port, proxy, options, open, () => socket.write("HTTP/1.1 200 Go On\r\n\r\n"));
        return;
      } else {
        upstream = forward(socket, upstream, head, options, open);
        bodyLeft = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      }
    }
  };
  socket.on("data", onData);
}

function isRefused(head: string, { credentials }: ProxyServerOptions): boolean {
  if (credentials === undefined) return false;
  const given = /^proxy-authorization: (.*)$/im.exec(head)?.[1];
  return given !== `Basic ${Buffer.from(credentials).toString("base64")}`;
}

/** Sends a header on in origin form; all requests of one client are for one origin here. */
function forward(
  socket: Socket,
  known: Socket | null,
  head: string,
  options: ProxyServerOptions,
  open: Set<Socket>,
): Socket {
  const [start = "", ...fields] = head.split("\r\n");
  const [method, target = "", version] = start.split(" ");
  const url = new URL(target);
  const upstream = known ?? connect(Number(url.port || 80), options.resolve?.(url.hostname) ?? url.hostname);
  if (known === null) {
    keep(upstream, open);
    upstream.pipe(socket);
    socket.on("close", () => upstream.destroy());
  }
  const kept = [...fields.filter((field) => !/^proxy-/i.test(field)), "Via: 1.1 test"];
  upstream.write(`${method} ${url.pathname}${url.search} ${version}\r\n${kept.join("\r\n")}\r\n\r\n`);
  return upstream;
}

function splitAuthority(authority: string): [string, number] {
  const colon = authority.lastIndexOf(":");
  return [authority.slice(0, colon).replace(/^\[|\]$/g, ""), Number(authority.slice(colon + 1))];
}

function connectThrough(
  socket: Socket,
  host: string,
  port: number,
  proxy: ProxyServer,
  options: ProxyServerOptions,
  open: Set<Socket>,
  onConnected: () => void,
): void {
  proxy.destinations.push(`${host}:${port}`);
  const upstream = connect(port, options.resolve?.(host) ?? host);
  keep(upstream, open);
  upstream.once("connect", () => {
    onConnected();
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
  upstream.on("close", () => socket.destroy());
  socket.on("close", () => upstream.destroy());
}

function serveSocks(socket: Socket, proxy: ProxyServer, options: ProxyServerOptions, open: Set<Socket>): void {
  let bytes: Buffer = Buffer.alloc(0);
  let stage: "methods" | "password" | "request" = "methods";
  const onData = (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (stage === "methods" && bytes.byteLength >= 2 + (bytes[1] ?? 0)) {
      const methods = bytes.subarray(2, 2 + (bytes[1] ?? 0));
      bytes = bytes.subarray(2 + methods.byteLength);
      const wanted = options.credentials === undefined ? 0 : 2;
      socket.write(Buffer.from([5, methods.includes(wanted) ? wanted : 0xff]));
      stage = wanted === 2 ? "password" : "request";
    }
    if (stage === "password" && bytes.byteLength >= 3) {
      const userEnd = 2 + (bytes[1] ?? 0);
      const end = userEnd + 1 + (bytes[userEnd] ?? 0);
      if (bytes.byteLength < end) return;
      const given = `${bytes.subarray(2, userEnd)}:${bytes.subarray(userEnd + 1, end)}`;
      bytes = bytes.subarray(end);
      socket.write(Buffer.from([1, given === options.credentials ? 0 : 1]));
      stage = "request";
    }
    if (stage === "request" && bytes.byteLength >= 10) {
      const [host, addressEnd] = socksAddress(bytes);
      if (bytes.byteLength < addressEnd + 2) return;
      const port = bytes.readUInt16BE(addressEnd);
      socket.off("data", onData);
      if (port === 1) return void socket.write(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]));
      connectThrough(
        socket,
        host,
        port,
        proxy,
        options,
        open,
        () => socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])),
      );
    }
  };
  socket.on("data", onData);
}

function socksAddress(bytes: Buffer): [string, number] {
  if (bytes[3] === 1) return [bytes.subarray(4, 8).join("."), 8];
  if (bytes[3] === 3) return [bytes.toString("latin1", 5, 5 + (bytes[4] ?? 0)), 5 + (bytes[4] ?? 0)];
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(4 + 2 * index).toString(16));
  return [groups.join(":"), 20];
}

/** Where Debian puts tinyproxy, or null. */
export const tinyproxyPath: string | null = existsSync("/usr/bin/tinyproxy") ? "/usr/bin/tinyproxy" : null;

/** A running tinyproxy. */
export interface Tinyproxy extends AsyncDisposable {
  port: number;
}

/** Starts tinyproxy in the foreground on a free port, in a directory of its own. */
export async function startTinyproxy(options: { user?: string; password?: string } = {}): Promise<Tinyproxy> {
  if (tinyproxyPath === null) throw new Error("Cannot start tinyproxy: it is not installed");
  const directory = await mkdtemp(join(tmpdir(), "gp11-tinyproxy-"));
  const port = await freePort();
  const config = [
    ...[`Port ${port}`, "Listen 127.0.0.1", "Timeout 20", "MaxClients 20", "LogLevel Critical"],
    ...[`LogFile "${join(directory, "log")}"`, "Allow 127.0.0.1"],
    ...(options.user === undefined ? [] : [`BasicAuth ${options.user} ${options.password}`]),
  ];
  const configFile = join(directory, "tinyproxy.conf");
  await writeFile(configFile, config.join("\n") + "\n");
  const child = spawnServer(tinyproxyPath, ["-d", "-c", configFile]);
  const stop = async () => {
    await stopServer(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilListening(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: stop };
}
