// Sessions over TLS, through proxies and against nginx, with the transports chosen as users get them.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  FetchTransport,
  HttpError,
  HttpMessage,
  HttpSession,
  HttpStatus,
  MessageFlags,
  NotSupportedError,
  TlsDatabase,
} from "../../../http/mod.ts";
import { nginxPath, startNginx } from "../../_support/nginx.ts";
import { proxyServer, socksServer } from "../../_support/proxy_server.ts";
import { freePort } from "../../_support/server_programs.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";
import { opensslServer } from "../../_support/token_clients.ts";

let certificates: TestCertificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

const tlsServer = (kind: "good" | "expired" | "wrongName" = "good", more = {}): Promise<SocketServer> => {
  const { cert, key } = certificates[kind];
  return socketServer((request, socket) => void socket.write(reply("200 OK", `tls ${request.target}`)), {
    tls: { cert, key, ...more },
  });
};
const text = (msg: HttpMessage) => new TextDecoder().decode(msg.responseBody);
const trusting = () => TlsDatabase.fromPem(certificates.ca.cert);

describe("TLS in sessions", () => {
  it("a private authority is trusted through tlsDatabase and through sslCaFile, and reads as trusted", async () => {
    await using server = await tlsServer();
    for (const options of [{ tlsDatabase: trusting() }, { sslCaFile: certificates.ca.certFile }]) {
      await using session = new HttpSession(options);
      const msg = new HttpMessage("GET", `${server.origin}/a`);
      assertEquals(await session.sendMessage(msg), 200, String(msg.error));
      assertEquals(text(msg), "tls /a");
      assertEquals(msg.hasFlag(MessageFlags.CERTIFICATE_TRUSTED), true);
      assert(msg.tlsCertificate!.subject.length > 0);
      assertEquals(await (await session.fetch(`${server.origin}/b`)).text(), "tls /b");
    }
  });

  it("unknown, expired and misnamed certificates are SSL_FAILED without got-headers", async () => {
    for (const kind of ["good", "expired", "wrongName"] as const) {
      await using server = await tlsServer(kind);
      for (const transport of ["auto", "node"] as const) {
        const tlsDatabase = kind === "good" ? TlsDatabase.fromPem(certificates.stranger.cert) : trusting();
        await using session = new HttpSession({ transport, tlsDatabase });
        const msg = new HttpMessage("GET", `${server.origin}/`);
        let heads = 0;
        msg.addEventListener("got-headers", () => heads++);
        assertEquals(await session.sendMessage(msg), HttpStatus.SSL_FAILED, `${kind} on ${transport}`);
        assertEquals([heads, msg.error instanceof Error], [0, true]);
        const error = await assertRejects(() => session.fetch(server.origin), HttpError);
        assertEquals(error.status, HttpStatus.SSL_FAILED);
      }
    }
  });

  it("the runtime's own roots do not know a private authority; an empty database trusts nobody", async () => {
    await using server = await tlsServer();
    for (const tlsDatabase of [TlsDatabase.system, null, TlsDatabase.fromPem("")]) {
      await using session = new HttpSession({ tlsDatabase });
      assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), HttpStatus.SSL_FAILED);
    }
  });

  it("sslStrict false accepts them and says what is wrong with them", async () => {
    for (const kind of ["expired", "wrongName"] as const) {
      await using server = await tlsServer(kind);
      await using session = new HttpSession({ tlsDatabase: trusting(), sslStrict: false });
      const msg = new HttpMessage("GET", server.origin);
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(msg.tlsErrors.length > 0, true, kind);
      assertEquals(msg.hasFlag(MessageFlags.CERTIFICATE_TRUSTED), false);
      assert(msg.tlsCertificate !== null);
    }
  });

  it("changing a TLS property closes idle connections and holds from the next request on", async () => {
    await using server = await tlsServer();
    await using session = new HttpSession({ tlsDatabase: trusting() });
    assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), 200);
    session.tlsDatabase = TlsDatabase.fromPem(certificates.stranger.cert);
    assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), HttpStatus.SSL_FAILED);
    session.sslStrict = false;
    assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), 200);
  });

  it("a client certificate is shown, chosen by origin", async () => {
    const { cert: ca } = certificates.ca;
    await using server = await tlsServer("good", { requestCert: true, rejectUnauthorized: true, ca });
    const { cert, key } = certificates.client;
    await using session = new HttpSession({
      tlsDatabase: trusting(),
      clientCertificate: (origin) => origin === server.origin ? { cert, key } : null,
    });
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/mine`)), 200);
    await using without = new HttpSession({ tlsDatabase: trusting() });
    const msg = new HttpMessage("GET", `${server.origin}/mine`);
    assert(await without.sendMessage(msg) < 100, String(msg.statusCode));
  });

  it("a server that demands a client certificate and gets none says so, over every version and however early", async () => {
    const alpn = ["-alpn", "h2,http/1.1"];
    await using server = await opensslServer({ certificates }, certificates.ca.certFile, ...alpn);
    const url = `https://localhost:${server.port}/`;
    for (const http2 of ["auto", false] as const) {
      // What the server sends crosses what is sent to it, so that each try may go another way.
      for (let attempt = 0; attempt < 20; attempt++) {
        await using session = new HttpSession({ tlsDatabase: trusting(), http2 });
        const body = attempt % 2 === 0 ? null : "x".repeat(attempt * 1000);
        const error = await assertRejects(
          () => session.fetch(url, body === null ? {} : { method: "POST", body }),
          HttpError,
        );
        assertEquals([error.status, error.message.replace(/^.* with fetch: /, "")], [
          HttpStatus.TLS_FAILED,
          "Cannot finish the exchange: the server demands a certificate of the client; " +
          "give one as clientCertificate, or its key with --client-key",
        ]);
      }
    }
  });

  it("a function that knows client certificates by origin is asked about those over TLS alone", async () => {
    await using secure = await tlsServer("good");
    await using plain = await socketServer((request, socket) =>
      void socket.write(
        request.target === "/away" ? reply("302 Found", "", [`Location: ${secure.origin}/`]) : reply("200 OK"),
      )
    );
    const asked: string[] = [];
    const clientCertificate = (origin: string) => (asked.push(origin), null);
    await using session = new HttpSession({ tlsDatabase: trusting(), clientCertificate });
    await session.prepareForUri(plain.origin);
    assertEquals(await session.sendMessage(new HttpMessage("GET", plain.origin)), 200);
    await (await session.fetch(plain.origin)).text();
    const own = new HttpMessage("GET", plain.origin, { tls: { clientCertificate } });
    assertEquals([await session.sendMessage(own), asked], [200, []]);
    assertEquals(await (await session.fetch(`${plain.origin}/away`)).text(), "tls /");
    assertEquals([asked.length > 0, [...new Set(asked)]], [true, [secure.origin]]);
  });

  it("a plain HTTP server behind https: is TLS_FAILED", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")), {
      onConnection: (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
    });
    for (const transport of ["auto", "node"] as const) {
      await using session = new HttpSession({ transport, timeout: 20 });
      const msg = new HttpMessage("GET", server.origin.replace("http:", "https:"));
      const status = await session.sendMessage(msg);
      assert(status === HttpStatus.TLS_FAILED || status === HttpStatus.SSL_FAILED, `${status} ${String(msg.error)}`);
    }
  });
});

describe("proxies in sessions", () => {
  it("http goes through in absolute form, with the connection saying so", async () => {
    await using server = await socketServer((request, socket) => void socket.write(reply("200 OK", request.target)));
    await using proxy = await proxyServer();
    await using session = new HttpSession({ proxyUri: `http://127.0.0.1:${proxy.port}` });
    let through = "";
    session.addEventListener("request-started", ({ connection }) => through = connection!.proxy!.uri.host);
    const msg = new HttpMessage("GET", `${server.origin}/p`);
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals([text(msg), through, proxy.heads.length], ["/p", `127.0.0.1:${proxy.port}`, 1]);
    assert(proxy.heads[0]!.startsWith(`GET ${server.origin}/p HTTP/1.1`), proxy.heads[0]);
  });

  it("a tunnel through a proxy is told, and its refusal ends the message", async () => {
    await using server = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:secret" });
    await using session = new HttpSession({
      proxyUri: `http://127.0.0.1:${proxy.port}`,
      tlsDatabase: trusting(),
    });
    let tunnels = 0;
    session.addEventListener("tunneling", ({ connection }) => {
      tunnels++;
      assertEquals(connection.port, server.port);
    });
    const refused = new HttpMessage("GET", `${server.origin}/x`);
    assertEquals(await session.sendMessage(refused), 407);
    assertEquals(refused.responseHeaders.get("proxy-authenticate"), 'Basic realm="proxy"');
    assert(tunnels > 0);
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      assertEquals(auth.isForProxy, true);
      if (!retrying) auth.authenticate("user", "secret");
    });
    const msg = new HttpMessage("GET", `${server.origin}/x`);
    assertEquals(await session.sendMessage(msg), 200, String(msg.error));
    assertEquals(text(msg), "tls /x");
    assert(!server.requests.some((request) => request.headers.has("proxy-authorization")));
  });

  it("credentials in the proxy's URI are used and not sent to the origin", async () => {
    await using server = await tlsServer();
    await using proxy = await proxyServer({ credentials: "user:secret" });
    await using session = new HttpSession({
      proxyUri: `http://user:secret@127.0.0.1:${proxy.port}`,
      tlsDatabase: trusting(),
    });
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/`)), 200);
    assert(!/proxy-auth/i.test(server.requests[0]!.head), server.requests[0]!.head);
  });

  it("SOCKS5 proxies carry http and https", async () => {
    await using plain = await socketServer((_request, socket) => void socket.write(reply("200 OK", "plain")));
    await using secure = await tlsServer();
    await using proxy = await socksServer();
    await using session = new HttpSession({
      proxyUri: `socks5://127.0.0.1:${proxy.port}`,
      tlsDatabase: trusting(),
    });
    assertEquals(await session.sendMessage(new HttpMessage("GET", plain.origin)), 200);
    assertEquals(await session.sendMessage(new HttpMessage("GET", secure.origin)), 200);
    assertEquals(proxy.destinations.length, 2);
  });

  it("a proxy that is not there is CANT_CONNECT_PROXY", async () => {
    const port = await freePort();
    for (const transport of ["auto", "node"] as const) {
      await using session = new HttpSession({ transport, proxyUri: `http://127.0.0.1:${port}` });
      const msg = new HttpMessage("GET", "http://127.0.0.1:9/");
      assertEquals(await session.sendMessage(msg), HttpStatus.CANT_CONNECT_PROXY, String(msg.error));
    }
  });

  it("what no transport can go through is refused when it is set", async () => {
    await using session = new HttpSession({ transport: new FetchTransport() });
    try {
      session.proxyUri = "http://127.0.0.1:1";
      throw new Error("Accepted");
    } catch (error) {
      assert(error instanceof NotSupportedError, String(error));
    }
    assertEquals(session.proxyUri, null);
  });
});

describe("the choice of a transport", () => {
  it("sends methods, bodies and hosts that fetch would change as they are", async () => {
    await using server = await socketServer((request, socket) => {
      socket.write(reply("200 OK", `${request.method} ${request.headers.get("host")} ${request.body}`));
    });
    await using session = new HttpSession();
    const sent = async (method: string, init = {}) => {
      const msg = new HttpMessage(method, server.origin, init);
      assertEquals(await session.sendMessage(msg), 200, String(msg.error));
      return text(msg);
    };
    const host = `127.0.0.1:${server.port}`;
    assertEquals(await sent("VERSION-CONTROL"), `VERSION-CONTROL ${host} `);
    assertEquals(await sent("PatCh"), `PatCh ${host} `);
    assertEquals(await sent("get"), `get ${host} `);
    assertEquals(await sent("GET", { body: "in a GET" }), `GET ${host} in a GET`);
    assertEquals(await sent("GET", { headers: { host: "other.example" } }), "GET other.example ");
  });

  it("tells informational responses to who listens", async () => {
    await using server = await socketServer((_request, socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      socket.write(reply("200 OK", "x"));
    });
    await using session = new HttpSession();
    const msg = new HttpMessage("GET", server.origin);
    const seen: string[] = [];
    msg.addEventListener("got-informational", ({ status, headers }) => seen.push(`${status} ${headers.get("link")}`));
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(seen, ["103 </a>"]);
  });

  it("holds the body back for 100-continue, in the documented order", async () => {
    await using server = await socketServer((request, socket) => {
      socket.write(reply("200 OK", `${request.body}`));
    }, {
      onHead: (request, socket) => {
        if (request.headers.get("expect") === "100-continue") socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      },
    });
    await using session = new HttpSession();
    const msg = new HttpMessage("PUT", server.origin, { body: "late", headers: { expect: "100-continue" } });
    const seen: string[] = [];
    for (const type of ["wrote-headers", "got-informational", "wrote-body", "got-headers", "finished"] as const) {
      msg.addEventListener(type, () => seen.push(type));
    }
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(seen, ["wrote-headers", "got-informational", "wrote-body", "got-headers", "finished"]);
    assertEquals(text(msg), "late");
  });

  it("follows what a message requires", async () => {
    await using server = await tlsServer();
    await using session = new HttpSession({ tlsDatabase: trusting() });
    const msg = new HttpMessage("GET", server.origin, { requires: ["peerCertificate", "connectionEvents"] });
    const steps: string[] = [];
    msg.addEventListener("network-event", ({ event }) => steps.push(event));
    assertEquals(await session.sendMessage(msg), 200);
    assert(steps.includes("tls-handshaked") && steps.at(-1) === "complete", steps.join());
    assert(msg.tlsCertificate!.altNames.length > 0);
  });
});

describe("sessions against nginx", { skip: nginxPath === null && "nginx is not installed" }, () => {
  it("fetch, redirects, errors, large files and keep-alive over http and https", async () => {
    await using nginx = await startNginx({
      certificate: certificates.good,
      files: { "large.bin": new Uint8Array(3_000_000).fill(7) },
    });
    for (const transport of ["auto", "node"] as const) {
      await using session = new HttpSession({ transport, tlsDatabase: trusting() });
      for (const origin of [nginx.origin, nginx.tlsOrigin]) {
        assertEquals(await (await session.fetch(`${origin}/small`)).text(), "a small response body");
        assertEquals((await session.fetch(`${origin}/status/404`)).status, 404);
        assertEquals((await (await session.fetch(`${origin}/large.bin`)).arrayBuffer()).byteLength, 3_000_000);
        const redirected = await session.fetch(`${origin}/redirect/echo`);
        assertEquals([redirected.redirected, (await redirected.text()).split(" ")[1]], [true, "/echo"]);
        const loop = new HttpMessage("GET", `${origin}/redirect/self`);
        assertEquals(await session.sendMessage(loop), HttpStatus.TOO_MANY_REDIRECTS);
      }
      assert(session.connections.length <= 4, `${session.connections.length}`);
    }
  });
});
