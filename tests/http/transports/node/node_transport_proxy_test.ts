import { assert, assertEquals, assertFalse, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import type { ConnectionTarget, ProxyTarget } from "../../../../http/transports/transport.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { ending, listening } from "../../../_support/listening.ts";
import { proxyServer, socksServer, startTinyproxy, tinyproxyPath } from "../../../_support/proxy_server.ts";
import { freePort } from "../../../_support/server_programs.ts";
import { reply, type SocketServer, socketServer } from "../../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";
import {
  exchange,
  localProxy,
  localTarget,
  RecordingObserver,
  requestFor,
  textOf,
} from "../../../_support/transport_driver.ts";
import { until } from "../../../_support/http_sessions.ts";

const transport = new NodeTransport();
const CREDENTIALS = { username: "user", password: "pa:ss" };
const BASIC = `Basic ${Buffer.from("user:pa:ss").toString("base64")}`;
let certificates: TestCertificates;

before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

function server(): Promise<SocketServer> {
  return socketServer((request, socket) => void socket.write(reply("200 OK", `${request.method} ${request.target}`)));
}

function tlsServer(): Promise<SocketServer> {
  const { cert, key } = certificates.good;
  return socketServer((request, socket) => void socket.write(reply("200 OK", `tls ${request.target}`)), {
    tls: { cert, key },
  });
}

function through(proxy: ProxyTarget, port: number, overrides: Partial<ConnectionTarget> = {}): ConnectionTarget {
  const roots = TlsDatabase.fromPem(certificates.ca.cert);
  return localTarget(port, { host: "localhost", proxy, tls: { strict: true, roots, client: null }, ...overrides });
}

async function failureOf(target: ConnectionTarget): Promise<TransportError> {
  const connection = transport.createConnection(target);
  return await assertRejects(() => exchange(connection, requestFor(target, "/")), TransportError);
}

describe("NodeTransport proxies", () => {
  it("forwards http requests in absolute form and keeps credentials to the proxy", async () => {
    await using origin = await server();
    await using proxy = await proxyServer({ credentials: "user:pa:ss" });
    const target = through(localProxy(proxy.port, "http", CREDENTIALS), origin.port);
    const connection = transport.createConnection(target);
    assertEquals(await textOf(await exchange(connection, requestFor(target, "/p?q"))), "GET /p?q");
    assertStringIncludes(
      proxy.heads[0]!,
      `GET http://localhost:${origin.port}/p?q HTTP/1.1\r\nHost: localhost:${origin.port}`,
    );
    assertFalse(origin.requests[0]!.headers.has("proxy-authorization"));
    connection.close();
  });

  it("surfaces the 407 of an http request, and sends the message's own credentials", async () => {
    await using origin = await server();
    await using proxy = await proxyServer({ credentials: "user:pa:ss" });
    const target = through(localProxy(proxy.port), origin.port);
    const connection = transport.createConnection(target);
    const refusal = await exchange(connection, requestFor(target, "/"));
    assertEquals([refusal.status, await textOf(refusal)], [407, "secret"]);
    const again = await exchange(connection, requestFor(target, "/", { headers: [["proxy-authorization", BASIC]] }));
    assertEquals(await textOf(again), "GET /");
    assertEquals(proxy.connections, 1);
    connection.close();
  });

  it("makes a tunnel for https, once, and speaks TLS with the origin through it", async () => {
    await using origin = await tlsServer();
    await using proxy = await proxyServer();
    const target = through(localProxy(proxy.port), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    for (let i = 0; i < 3; i++) {
      assertEquals(await textOf(await exchange(connection, requestFor(target, `/${i}`), observer)), `tls /${i}`);
    }
    assertEquals(proxy.destinations, [`localhost:${origin.port}`]);
    assertEquals(proxy.heads, [
      `CONNECT localhost:${origin.port} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Connection: Keep-Alive`,
    ]);
    assertEquals(observer.events.slice(0, 13), [
      ...["resolving", "resolved", "connecting", "connected", "tunneling", "proxy-negotiating", "proxy-negotiated"],
      ...["tls-handshaking", "tls-handshaked", "tls-info", "complete", "wrote-headers", "wrote-body"],
    ]);
    assertEquals(observer.tls?.certificate?.subject, "O=gp11, CN=localhost");
    connection.close();
  });

  it("gives the refusal of a tunnel as a response and asks again on the same connection", async () => {
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:pa:ss" });
    const target = through(localProxy(proxy.port), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const refusal = await exchange(connection, requestFor(target, "/"));
    assertEquals([refusal.status, refusal.statusText, refusal.keepAlive], [407, "Who Are You", true]);
    assertEquals(refusal.headers.get("proxy-authenticate"), 'Basic realm="proxy"');
    assertEquals(await textOf(refusal), "secret");
    assertFalse(connection.isOpen);
    const open = { proxyAuthorization: BASIC, userAgent: "tester/1" };
    const response = await exchange(connection, requestFor(target, "/in"), new RecordingObserver(), open);
    assertEquals(await textOf(response), "tls /in");
    assertEquals(proxy.connections, 1);
    assertStringIncludes(proxy.heads[1]!, "User-Agent: tester/1");
    assertEquals(origin.requests[0]!.headers.get("proxy-authorization"), undefined);
    connection.close();
  });

  it("makes a new connection for the next CONNECT when the proxy closed the first", async () => {
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:pa:ss", refusalHeaders: ["Connection: close"] });
    const target = through(localProxy(proxy.port), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const refusal = await exchange(connection, requestFor(target, "/"));
    assertEquals([refusal.keepAlive, await textOf(refusal)], [false, "secret"]);
    const open = { proxyAuthorization: BASIC, userAgent: null };
    assertEquals(
      await textOf(await exchange(connection, requestFor(target, "/"), new RecordingObserver(), open)),
      "tls /",
    );
    assertEquals(proxy.connections, 2);
    connection.close();
  });

  it("uses the credentials of the proxy's URI for the tunnel", async () => {
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:pa:ss" });
    const target = through(localProxy(proxy.port, "http", CREDENTIALS), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    assertEquals(await textOf(await exchange(connection, requestFor(target, "/"))), "tls /");
    connection.close();
  });

  it("surfaces every other refusal of a tunnel with its body", async () => {
    await using proxy = await proxyServer({ connectReply: reply("403 Not Here", "go away") });
    const target = through(localProxy(proxy.port), 443, { scheme: "https" });
    const connection = transport.createConnection(target);
    const refusal = await exchange(connection, requestFor(target, "/"));
    assertEquals([refusal.status, await textOf(refusal)], [403, "go away"]);
    connection.close();
  });

  it("fails when a proxy talks before the tunnel is used, or does not speak HTTP", async () => {
    await using early = await proxyServer({ connectReply: "HTTP/1.1 200 OK\r\n\r\nearly" });
    const error = await failureOf(through(localProxy(early.port), 443, { scheme: "https" }));
    assertEquals([error.status, error.code], [HttpStatus.CANT_CONNECT_PROXY, "ERR_PROXY_TUNNEL"]);
    for (const connectReply of ["nonsense\r\n", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(300_000)}\r\n\r\n`]) {
      await using nonsense = await proxyServer({ connectReply });
      const { message, status } = await failureOf(through(localProxy(nonsense.port), 443, { scheme: "https" }));
      assertEquals(status, HttpStatus.CANT_CONNECT_PROXY);
      assertStringIncludes(message, "Cannot connect through the proxy: its answer to CONNECT cannot be read");
    }
  });

  it("asks for the tunnel anew when a proxy closed after its refusal without saying so", async () => {
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:pa:ss", closesAfterRefusal: true });
    const target = through(localProxy(proxy.port), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const refusal = await exchange(connection, requestFor(target, "/"));
    assertEquals([refusal.keepAlive, await textOf(refusal)], [true, "secret"]);
    const open = { proxyAuthorization: BASIC, userAgent: null };
    const response = await exchange(connection, requestFor(target, "/"), new RecordingObserver(), open);
    assertEquals([await textOf(response), proxy.connections], ["tls /", 2]);
    connection.close();
  });

  it("speaks TLS with an https: proxy, for both kinds of targets, and checks its certificate", async () => {
    const { cert, key } = certificates.good;
    await using plain = await server();
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ tls: { cert, key } });
    for (const [port, scheme, text] of [[plain.port, "http", "GET /x"], [origin.port, "https", "tls /x"]] as const) {
      const target = through(localProxy(proxy.port, "https"), port, { scheme });
      const connection = transport.createConnection(target);
      assertEquals(await textOf(await exchange(connection, requestFor(target, "/x"))), text);
      connection.close();
    }
    const roots = TlsDatabase.fromPem(certificates.stranger.cert);
    const untrusted = through(localProxy(proxy.port, "https"), plain.port, {
      tls: { strict: true, roots, client: null },
    });
    assertEquals((await failureOf(untrusted)).status, HttpStatus.SSL_FAILED);
  });

  it("asks for no more of a body than an https: proxy takes, which is read as slowly as that", async () => {
    const { cert, key } = certificates.good;
    await using origin = await tlsServer();
    await using proxy = await proxyServer({ tls: { cert, key } });
    // Stands still in front of the proxy as soon as the body comes: between two sockets, which hold back everywhere.
    let isStill = false;
    const relayed: Socket[] = [];
    const relay = createServer((socket) => {
      const upstream = connect(proxy.port, "127.0.0.1");
      relayed.push(socket, upstream);
      upstream.on("data", (bytes) => socket.write(bytes)).on("error", () => {});
      socket.on("data", (bytes) => {
        if (!upstream.write(bytes)) {
          socket.pause();
          upstream.once("drain", () => void (isStill || socket.resume()));
        }
        if (isStill) socket.pause();
      }).on("error", () => {});
    });
    const relayPort = await listening(relay);
    const piece = new Uint8Array(1 << 16);
    let most = 1024;
    let pulled = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (pulled === 0) isStill = true;
        if (++pulled > most) controller.close();
        else controller.enqueue(piece);
      },
    }, { highWaterMark: 0 });
    const target = through(localProxy(relayPort, "https"), origin.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const answer = exchange(connection, requestFor(target, "/", { method: "PUT", body }));
    answer.catch(() => {});
    for (let last = -1, quiet = 0; quiet < 50 && pulled <= most; quiet = pulled === last ? quiet + 1 : 0) {
      last = pulled;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assertLess(pulled, most);
    most = pulled + 8;
    isStill = false;
    for (const socket of relayed) socket.resume();
    assertEquals(await textOf(await answer), "tls /");
    assertEquals(origin.requests.at(-1)!.body.length, most * piece.length);
    connection.close();
    await ending(relay, new Set(relayed));
  });

  it("goes through SOCKS5, names resolved here or by the proxy, with and without a password", async () => {
    await using plain = await server();
    await using origin = await tlsServer();
    for (const credentials of [undefined, "user:pa:ss"]) {
      await using proxy = await socksServer({ ...(credentials ? { credentials } : {}), resolve: () => "127.0.0.1" });
      for (const scheme of ["socks5", "socks5h"]) {
        for (
          const [port, targetScheme, text] of [[plain.port, "http", "GET /s"], [
            origin.port,
            "https",
            "tls /s",
          ]] as const
        ) {
          const target = through(localProxy(proxy.port, scheme, credentials ? CREDENTIALS : {}), port, {
            scheme: targetScheme,
          });
          const connection = transport.createConnection(target);
          assertEquals(await textOf(await exchange(connection, requestFor(target, "/s"))), text);
          connection.close();
        }
      }
      assertEquals(proxy.destinations.slice(2), [`localhost:${plain.port}`, `localhost:${origin.port}`]);
      assert(proxy.destinations.slice(0, 2).every((destination) => !destination.startsWith("localhost")));
    }
  });

  it("sends IPv6 addresses to a SOCKS5 proxy as addresses", async () => {
    await using plain = await server();
    await using proxy = await socksServer({ resolve: () => "127.0.0.1" });
    const target = through(localProxy(proxy.port, "socks5h"), plain.port, { host: "2001:db8::7" });
    const connection = transport.createConnection(target);
    assertEquals(await textOf(await exchange(connection, requestFor(target, "/6"))), "GET /6");
    assertEquals(proxy.destinations, [`2001:db8:0:0:0:0:0:7:${plain.port}`]);
    assertEquals(plain.requests[0]!.headers.get("host"), `[2001:db8::7]:${plain.port}`);
    connection.close();
  });

  it("says what a SOCKS5 proxy objects to", async () => {
    await using locked = await socksServer({ credentials: "user:other" });
    const wrong = await failureOf(through(localProxy(locked.port, "socks5h", CREDENTIALS), 80));
    assertEquals([wrong.status, wrong.code], [HttpStatus.CANT_CONNECT_PROXY, "ERR_SOCKS_AUTHENTICATION"]);
    const missing = await failureOf(through(localProxy(locked.port, "socks5h"), 80));
    assertEquals([missing.status, missing.code], [HttpStatus.CANT_CONNECT_PROXY, "ERR_SOCKS_AUTHENTICATION"]);
    await using open = await socksServer();
    const refused = await failureOf(through(localProxy(open.port, "socks5h"), 1));
    assertEquals([refused.status, refused.code], [HttpStatus.CANT_CONNECT_PROXY, "ERR_SOCKS_5"]);
    await using deaf = await socketServer(() => {}, {
      onConnection: (socket) => {
        socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        return true;
      },
    });
    const other = await failureOf(through(localProxy(deaf.port, "socks5h"), 80));
    assertEquals([other.status, other.code], [HttpStatus.CANT_CONNECT_PROXY, "ERR_SOCKS"]);
  });

  it("tells a proxy that cannot be found from one that refuses", async () => {
    for (const scheme of ["http", "https", "socks5h"]) {
      const lost = { uri: new URL("http://no-such-proxy.invalid:8080/"), scheme };
      assertEquals((await failureOf(through(lost, 80))).status, HttpStatus.CANT_RESOLVE_PROXY);
      assertEquals(
        (await failureOf(through(localProxy(await freePort(), scheme), 80))).status,
        HttpStatus.CANT_CONNECT_PROXY,
      );
    }
  });

  it("rejects with the reason of close while a proxy is silent", async () => {
    await using silent = await socketServer(() => {}, { onConnection: () => true });
    for (const scheme of ["http", "https", "socks5h"]) {
      const target = through(localProxy(silent.port, scheme), 443, { scheme: "https" });
      const connection = transport.createConnection(target);
      const reason = { scheme };
      const sending = exchange(connection, requestFor(target, "/"));
      setTimeout(() => connection.close(reason), 30);
      assertEquals(await sending.catch((error) => error), reason);
    }
  });

  it("leaves no connection to a silent proxy, at whatever step it is closed", async () => {
    await using silent = await socketServer(() => {}, { onConnection: (socket) => socket.resume() !== null });
    const target = through(localProxy(silent.port), 443, { scheme: "https" });
    for (const step of ["resolving", "resolved", "connecting", "connected", "proxy-negotiating"]) {
      const connection = transport.createConnection(target);
      const reason = { step };
      class Closing extends RecordingObserver {
        override networkEvent(event: string): void {
          if (event === step) connection.close(reason);
        }
      }
      assertEquals(await exchange(connection, requestFor(target, "/"), new Closing()).catch((error) => error), reason);
      await until(() => silent.open.size === 0);
    }
  });

  it("works with tinyproxy, with and without a password", {
    skip: tinyproxyPath === null ? "tinyproxy is not installed" : false,
  }, async () => {
    await using plain = await server();
    await using origin = await tlsServer();
    for (const credentials of [{}, { username: "user", password: "secret" }]) {
      await using proxy = await startTinyproxy("username" in credentials ? { user: "user", password: "secret" } : {});
      for (const [port, scheme, text] of [[plain.port, "http", "GET /t"], [origin.port, "https", "tls /t"]] as const) {
        const target = through(localProxy(proxy.port, "http", credentials), port, { scheme });
        const connection = transport.createConnection(target);
        assertEquals(await textOf(await exchange(connection, requestFor(target, "/t"))), text);
        connection.close();
        if (!("username" in credentials)) continue;
        const anonymous = through(localProxy(proxy.port), port, { scheme });
        const refused = await exchange(transport.createConnection(anonymous), requestFor(anonymous, "/"));
        assertEquals(refused.status, 407);
        assertStringIncludes(refused.headers.get("proxy-authenticate") ?? "", "Basic");
        await refused.bytes();
      }
    }
  });
});
