// The roads of a WebSocket: TLS, HSTS, redirects between them, proxies, nginx in front.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { TLSSocket } from "node:tls";
import { after, before, describe, it } from "node:test";
import {
  CookieJar,
  HstsEnforcer,
  HttpError,
  HttpSession,
  type HttpSessionOptions,
  HttpStatus,
  type HttpWebSocket,
  TlsDatabase,
} from "../../../http/mod.ts";
import { nginxPath, startNginx } from "../../_support/nginx.ts";
import { proxyServer, socksServer } from "../../_support/proxy_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";
import {
  type HandshakeAnswer,
  serveFrames,
  type ServerParts,
  serverParts,
  switching,
  type WebSocketServer,
  webSocketServer,
} from "../../_support/websocket_server.ts";

let parts: ServerParts;
let certificates: TestCertificates;
let plain: WebSocketServer;
let encrypted: WebSocketServer;
before(async () => {
  parts = await serverParts();
  certificates = await makeCertificates();
  const answer: HandshakeAnswer = (handshake, socket) => {
    const redirect = /^\/to\/(.*)$/.exec(handshake.target)?.[1];
    if (redirect !== undefined) {
      const location = decodeURIComponent(redirect);
      return void socket.write(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    }
    const user = (socket as Partial<TLSSocket>).getPeerCertificate?.()?.subject?.CN ?? "nobody";
    socket.write(switching(handshake, [`X-User: ${user}`]));
    serveFrames(parts, socket);
  };
  const { cert, key } = certificates.good;
  plain = await webSocketServer(answer);
  encrypted = await webSocketServer(answer, {
    ...{ cert, key, ca: certificates.ca.cert, requestCert: true, rejectUnauthorized: false },
  });
});
after(async () => {
  await plain[Symbol.asyncDispose]();
  await encrypted[Symbol.asyncDispose]();
  await certificates.remove();
});

function open(options: HttpSessionOptions = {}): HttpSession {
  return new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert), ...options });
}

/** Sends a message there and back, and closes. */
async function use(socket: HttpWebSocket): Promise<void> {
  const answered = new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
  socket.send("hello");
  assertEquals(await answered, "hello");
  await socket[Symbol.asyncDispose]();
}

describe("A WebSocket by wss:", () => {
  it("goes to trusted servers alone, and shows the client's certificate", async () => {
    await using stranger = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.stranger.cert) });
    const error = await assertRejects(() => stranger.websocket(encrypted.origin), HttpError);
    assertEquals(error.status, HttpStatus.SSL_FAILED);
    const { cert, key } = certificates.client;
    await using session = open({ clientCertificate: { cert, key } });
    const socket = await session.websocket(encrypted.origin);
    assertEquals([socket.url, socket.msg.tlsErrors], [`${encrypted.origin}/`, []]);
    assertStringIncludes(socket.msg.responseHeaders.get("x-user")!, "client");
    await use(socket);
  });

  it("has the cookies of an encrypted connection, and ws: has not", async () => {
    const jar = new CookieJar();
    await using session = open({ features: [jar] });
    jar.setCookie("encrypted=1; Path=/; Secure", encrypted.origin.replace("ws", "http"));
    await use(await session.websocket(encrypted.origin));
    await use(await session.websocket(plain.origin));
    assertEquals(encrypted.handshakes.at(-1)!.headers.get("cookie"), "encrypted=1");
    assertEquals(plain.handshakes.at(-1)!.headers.get("cookie"), undefined);
  });

  it("takes the place of ws: where HSTS says so", async () => {
    const hsts = new HstsEnforcer();
    await using session = open({ features: [hsts] });
    hsts.setSessionPolicy("localhost");
    const socket = await session.websocket(`ws://localhost:${encrypted.port}/x`);
    assertEquals(socket.url, `wss://localhost:${encrypted.port}/x`);
    await use(socket);
  });

  it("is never led to what is not encrypted, from where it is", async () => {
    await using session = open();
    const before = plain.connections;
    for (const target of [plain.origin, plain.origin.replace("ws", "http"), "ftp://127.0.0.1/"]) {
      const url = `${encrypted.origin}/to/${encodeURIComponent(target)}`;
      const error = await assertRejects(() => session.websocket(url), HttpError);
      assertEquals([error.status, error.code], [302, "ERR_WEBSOCKET_REFUSED"]);
      assertStringIncludes(error.message, "where that leads is not followed");
    }
    assertEquals(plain.connections, before);
    // The other way it may go, without the credentials of where it comes from.
    const authorization = { authorization: "Bearer secret" };
    const socket = await session.websocket(`${plain.origin}/to/${encodeURIComponent(encrypted.origin)}`, {
      headers: authorization,
    });
    assertEquals(plain.handshakes.at(-1)!.headers.get("authorization"), "Bearer secret");
    assertEquals(encrypted.handshakes.at(-1)!.headers.get("authorization"), undefined);
    await use(socket);
  });
});

describe("A WebSocket through a proxy", () => {
  it("has a tunnel for ws: too, and credentials for the proxy alone", async () => {
    await using proxy = await proxyServer({ credentials: "user:secret" });
    await using session = open({ proxyUri: `http://user:secret@127.0.0.1:${proxy.port}` });
    const tunnels: string[] = [];
    session.addEventListener("tunneling", ({ connection }) => tunnels.push(connection.host));
    for (const { origin, port } of [plain, encrypted]) {
      await use(await session.websocket(`${origin}/x`));
      assertEquals(proxy.destinations.at(-1), `127.0.0.1:${port}`);
    }
    assertEquals(proxy.heads.every((head) => head.startsWith("CONNECT ")), true);
    assertEquals(tunnels.length, 2);
    for (const { handshakes } of [plain, encrypted]) {
      assertEquals([handshakes.at(-1)!.target, handshakes.at(-1)!.headers.has("proxy-authorization")], ["/x", false]);
    }
  });

  it("answers a proxy that asks, and says what one has answered that does not connect", async () => {
    await using proxy = await proxyServer({ credentials: "user:secret" });
    await using session = open({ proxyUri: `http://127.0.0.1:${proxy.port}` });
    assertEquals((await assertRejects(() => session.websocket(plain.origin), HttpError)).status, 407);
    session.addEventListener("authenticate", ({ auth }) => {
      if (auth.isForProxy) auth.authenticate("user", "secret");
    });
    await use(await session.websocket(plain.origin));
    assertEquals(plain.handshakes.at(-1)!.headers.has("proxy-authorization"), false);

    await using refusing = await proxyServer({ connectReply: "HTTP/1.1 403 Never\r\nContent-Length: 0\r\n\r\n" });
    session.proxyUri = `http://127.0.0.1:${refusing.port}`;
    const error = await assertRejects(() => session.websocket(plain.origin), HttpError);
    assertEquals(error.status, HttpStatus.CANT_CONNECT_PROXY);
    assertStringIncludes(error.message, "it answered 403 Never");
  });

  it("goes by SOCKS", async () => {
    await using proxy = await socksServer();
    await using session = open({ proxyUri: `socks5://127.0.0.1:${proxy.port}` });
    for (const { origin } of [plain, encrypted]) await use(await session.websocket(origin));
    assertEquals(proxy.destinations, [`127.0.0.1:${plain.port}`, `127.0.0.1:${encrypted.port}`]);
  });
});

describe("A WebSocket behind nginx", { skip: nginxPath === null && "nginx is not installed" }, () => {
  it("passes through it, with TLS in front and HTTP/2 beside", async () => {
    const server = `location /chat { proxy_pass http://127.0.0.1:${plain.port}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`;
    await using nginx = await startNginx({ certificate: certificates.good, http2: true, server });
    await using session = open();
    const address = nginx.tlsOrigin.replace("http", "ws");
    // This nginx offers no WebSockets over HTTP/2: the first asks, the second knows.
    for (const attempts of [2, 1]) {
      const socket = await session.websocket(`${address}/chat`);
      assertEquals([socket.msg.httpVersion, socket.msg.metrics.attempts], ["1.1", attempts]);
      await use(socket);
    }
    const error = await assertRejects(() => session.websocket(`${address}/status/404`), HttpError);
    assertEquals([error.status, error.msg.httpVersion], [404, "1.1"]);
  });
});
