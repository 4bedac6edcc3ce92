import { assert, assertEquals, assertInstanceOf, assertLess, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { HttpError } from "../../../http/message/http_error.ts";
import { HttpMessage, type HttpMessageInit } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import type { HttpSessionOptions } from "../../../http/session/session_options.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { TlsDatabase } from "../../../http/transports/tls_database.ts";
import { type Nginx, nginxPath, startNginx } from "../../_support/nginx.ts";
import { startTinyproxy, tinyproxyPath } from "../../_support/proxy_server.ts";
import { freePort } from "../../_support/server_programs.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificate, type TestCertificates } from "../../_support/tls_certificates.ts";

/** The runtime's fetch where it has pools of our own, and sockets. */
const choices = process.versions["bun"] || process.versions["deno"] ? ["fetch", "node"] as const : ["node"] as const;
const needsNginx = { skip: nginxPath === null ? "nginx is not installed" : false };

async function send(options: HttpSessionOptions, url: string, init: HttpMessageInit & { method?: string } = {}) {
  await using session = new HttpSession(options);
  const msg = new HttpMessage(init.method ?? "GET", url, init);
  await session.sendMessage(msg);
  return msg;
}

function text(msg: HttpMessage): string {
  return new TextDecoder().decode(msg.responseBody);
}

describe("real servers: nginx", () => {
  let certificates: TestCertificates;
  let nginx: Nginx;
  const large = Buffer.alloc(6 * 1024 * 1024, "0123456789abcdef");

  before(async () => {
    certificates = await makeCertificates();
    if (nginxPath === null) return;
    nginx = await startNginx({
      certificate: certificates.good,
      clientAuthority: certificates.ca.certFile,
      files: { "large.bin": large, "index.html": "<p>hello</p>" },
    });
  });
  after(async () => {
    await nginx?.[Symbol.asyncDispose]();
    await certificates.remove();
  });

  for (const transport of choices) {
    it(`${transport}: serves files, statuses, HEAD and ranges`, needsNginx, async () => {
      await using session = new HttpSession({ transport });
      const get = async (path: string, init?: HttpMessageInit, method = "GET") => {
        const msg = new HttpMessage(method, nginx.origin + path, init);
        await session.sendMessage(msg);
        return msg;
      };
      assertEquals([(await get("/")).statusCode, text(await get("/"))], [200, "<p>hello</p>"]);
      const missing = await get("/status/404");
      assertEquals([missing.statusCode, missing.reasonPhrase, text(missing)], [404, "Not Found", "missing"]);
      assertEquals([(await get("/status/500")).statusCode, (await get("/status/204")).responseBody.byteLength], [
        500,
        0,
      ]);
      const head = await get("/large.bin", {}, "HEAD");
      assertEquals([head.responseHeaders.get("content-length"), head.responseBody.byteLength], [
        String(large.byteLength),
        0,
      ]);
      const part = await get("/large.bin", { headers: { range: "bytes=16-31" } });
      assertEquals([part.statusCode, text(part)], [206, "0123456789abcdef"]);
      const posted = await get("/echo?x=%20y", { body: "ignored", headers: { "x-echo": "z" } }, "POST");
      assertEquals(text(posted).split(" ").slice(0, 3), ["POST", "/echo?x=%20y", "z"]);
      assertEquals(session.connections.length <= 2, true);
    });

    it(
      `${transport}: downloads a large body whole, many at once, on no more connections than allowed`,
      needsNginx,
      async () => {
        await using session = new HttpSession({ transport, maxConnsPerHost: 3 });
        let most = 0;
        session.addEventListener("request-started", () => most = Math.max(most, session.connections.length));
        const digest = createHash("sha256").update(large).digest("hex");
        const messages = Array.from({ length: 6 }, () => new HttpMessage("GET", `${nginx.origin}/large.bin`));
        await Promise.all(messages.map((msg) => session.sendMessage(msg)));
        for (const msg of messages) assertEquals(createHash("sha256").update(msg.responseBody).digest("hex"), digest);
        const echoes = Array.from({ length: 60 }, () => new HttpMessage("GET", `${nginx.origin}/echo`));
        await Promise.all(echoes.map((msg) => session.sendMessage(msg)));
        const connections = new Set(echoes.map((msg) => text(msg).split(" ").at(-1))).size;
        // A fetch may take a moment to give its connection back, and open another one meanwhile.
        assertEquals([most, connections < (transport === "node" ? 4 : echoes.length)], [3, true], `${connections}`);
      },
    );

    it(`${transport}: gives up on a redirect to itself after 20`, needsNginx, async () => {
      const msg = await send({ transport }, `${nginx.origin}/redirect/self`);
      assertEquals([msg.statusCode, msg.reasonPhrase], [HttpStatus.TOO_MANY_REDIRECTS, "Too many redirects"]);
      assertEquals((await send({ transport }, `${nginx.origin}/redirect/echo`)).uri.pathname, "/echo");
    });
  }

  it("trusts a private authority and shows its client certificate", needsNginx, async () => {
    const { ca, client } = certificates;
    const tlsDatabase = TlsDatabase.fromPem(ca.cert);
    const clientCertificate = { cert: client.cert, key: client.key };
    for (const transport of ["auto", "node"] as const) {
      const msg = await send({ transport, tlsDatabase, clientCertificate }, `${nginx.tlsOrigin}/echo`);
      assertEquals([msg.statusCode, text(msg).includes("CN=gp11 test client")], [200, true]);
      const anonymous = await send({ transport, tlsDatabase }, `${nginx.tlsOrigin}/echo`);
      assertEquals([anonymous.statusCode, text(anonymous).includes("No required SSL certificate")], [400, true]);
    }
  });
});

describe("real servers: synchronous sends", () => {
  let certificates: TestCertificates;
  before(async () => {
    certificates = await makeCertificates();
  });
  after(() => certificates.remove());

  it("have the session's trust, client certificate and proxy", {
    skip: nginxPath === null || tinyproxyPath === null ? "nginx or tinyproxy is not installed" : false,
  }, async () => {
    const { ca, client, good, stranger } = certificates;
    await using nginx = await startNginx({ certificate: good, clientAuthority: ca.certFile });
    await using proxy = await startTinyproxy({ user: "user", password: "secret" });
    const clientCertificate = { cert: client.cert, key: client.key };
    const trusted = TlsDatabase.fromPem(ca.cert);
    await using session = new HttpSession({ tlsDatabase: trusted, clientCertificate });
    const sent = () => {
      const msg = new HttpMessage("GET", `${nginx.tlsOrigin}/echo`);
      assertEquals(session.sendMessageSync(msg), msg.statusCode);
      return msg;
    };
    const named = "CN=gp11 test client";
    assert(text(sent()).includes(named));
    session.clientCertificate = (origin) => origin === nginx.tlsOrigin ? clientCertificate : null;
    assert(text(sent()).includes(named));
    session.proxyUri = `http://user:secret@127.0.0.1:${proxy.port}/`;
    assert(text(sent()).includes(named));
    session.proxyUri = `http://127.0.0.1:${proxy.port}/`;
    assertEquals(sent().statusCode, HttpStatus.PROXY_UNAUTHORIZED);
    session.proxyUri = null;
    session.clientCertificate = null;
    assertEquals(sent().statusCode, 400);
    session.tlsDatabase = TlsDatabase.fromPem(stranger.cert);
    const refused = sent();
    assertEquals([refused.statusCode, refused.error instanceof Error], [HttpStatus.SSL_FAILED, true]);
    session.sslStrict = false;
    const accepted = sent();
    assertEquals([accepted.statusCode, accepted.tlsErrors.length > 0], [400, true]);
  });
});

describe("real servers: certificates", () => {
  let certificates: TestCertificates;
  before(async () => {
    certificates = await makeCertificates();
  });
  after(() => certificates.remove());

  const serve = ({ cert, key }: TestCertificate) =>
    socketServer((_request, socket) => void socket.write(reply("200 OK", "secret")), { tls: { cert, key } });

  for (const transport of ["auto", "node"] as const) {
    it(`${transport}: refuses expired, misnamed and unknown certificates before anything is sent`, async () => {
      const { expired, good, wrongName, ca, stranger } = certificates;
      for (const [certificate, root] of [[expired, ca], [wrongName, ca], [good, stranger]] as const) {
        await using server = await serve(certificate);
        const tlsDatabase = TlsDatabase.fromPem(root.cert);
        const msg = await send({ transport, tlsDatabase }, server.origin.replace("127.0.0.1", "localhost"));
        assertEquals([msg.statusCode, msg.reasonPhrase], [HttpStatus.SSL_FAILED, "SSL handshake failed"]);
        assertInstanceOf(msg.error, Error);
        assertEquals([server.requests.length, msg.flags.has("certificate-trusted")], [0, false]);
      }
    });

    it(`${transport}: accepts them with sslStrict false and says what is wrong`, async () => {
      const { expired, ca } = certificates;
      await using server = await serve(expired);
      const url = server.origin.replace("127.0.0.1", "localhost");
      const msg = await send({ transport, sslStrict: false, tlsDatabase: TlsDatabase.fromPem(ca.cert) }, url);
      assertEquals([msg.statusCode, msg.tlsErrors], [200, ["CERT_HAS_EXPIRED"]]);
      assertEquals([msg.tlsCertificate?.subject, msg.flags.has("certificate-trusted")], [
        "O=gp11, CN=localhost",
        false,
      ]);
    });
  }
});

describe("real servers: misbehaving ones", () => {
  const head = "HTTP/1.1 200 OK\r\n";
  const body = new Uint8Array(65536);
  const pour = (socket: Socket, piece: Uint8Array | string, count: number) => {
    let left = count;
    const more = () => {
      while (left-- > 0 && !socket.destroyed) if (!socket.write(piece)) return void socket.once("drain", more);
    };
    more();
  };
  const failures: [string, (socket: Socket) => void, number[]][] = [
    ["closes at once", (socket) => socket.end(), [HttpStatus.IO_ERROR]],
    ["resets", (socket) => socket.resetAndDestroy(), [HttpStatus.IO_ERROR]],
    ["stalls before its header", () => {}, [HttpStatus.IO_ERROR]],
    ["stalls in its body", (socket) => socket.write(`${head}Content-Length: 99999\r\n\r\nabc`), [HttpStatus.IO_ERROR]],
    ["truncates its body", (socket) => socket.end(`${head}Content-Length: 9\r\n\r\nabc`), [HttpStatus.IO_ERROR]],
    ["ends in a chunk", (socket) => socket.end(`${head}Transfer-Encoding: chunked\r\n\r\n9\r\nabc`), [
      HttpStatus.IO_ERROR,
    ]],
    ["sends garbage", (socket) => socket.end("\u0000\u0001 garbage\r\n\r\n"), [
      HttpStatus.MALFORMED,
      HttpStatus.IO_ERROR,
    ]],
    ["speaks another protocol", (socket) => socket.end("220 mail.example ESMTP\r\n"), [
      HttpStatus.MALFORMED,
      HttpStatus.IO_ERROR,
    ]],
    ["sends broken chunks", (socket) => socket.end(`${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`), [
      HttpStatus.MALFORMED,
      HttpStatus.IO_ERROR,
    ]],
    ["sends 10 MB of header", (socket) => {
      socket.write(head);
      pour(socket, `X-Long: ${"y".repeat(50_000)}\r\n`, 200);
    }, [HttpStatus.MALFORMED, HttpStatus.IO_ERROR]],
    ["sends a body without end", (socket) => {
      socket.write(`${head}\r\n`);
      pour(socket, body, Infinity);
    }, [HttpStatus.IO_ERROR]],
  ];
  for (const transport of choices) {
    it(`${transport}: every failure is a status with a reason and the original error`, async () => {
      for (const [what, act, possible] of failures) {
        // A fetch cannot always tell what it did not understand from what broke.
        const statuses = transport === "node" ? possible.slice(0, 1) : possible;
        // Only what stalls runs into its time: that passes when the server has the request.
        using time = new ScriptedTime(20_000);
        await using server = await socketServer((_request, socket) => {
          act(socket);
          if (what.startsWith("stalls")) setTimeout(() => time.pass(30_000));
        });
        const options = { transport, timeout: 30, maxBodyBytes: 4 << 20 };
        const msg = await send(options, server.origin, { method: "POST", body: "once" });
        assert(statuses.includes(msg.statusCode), `${what}: ${msg.statusCode} ${msg.error}`);
        assert(msg.reasonPhrase !== "" && msg.error instanceof Error, what);
        assertEquals([what, server.requests.length], [what, 1]);
        assertLess(msg.responseBody.byteLength, (4 << 20) + 1);
        await using session = new HttpSession(options);
        if (what === "sends a body without end") continue;
        const error = await assertRejects(async () => {
          await (await session.fetch(server.origin, { method: "POST", body: "once" })).bytes();
        });
        // A small body is read through the runtime's own Response, which has errors of its own.
        if (transport === "fetch" && what === "truncates its body") assertInstanceOf(error, Error);
        else {
          assertInstanceOf(error, HttpError, what);
          assert(statuses.includes(error.status), `${what}: ${error.status}`);
        }
        assertEquals([what, server.requests.length], [what, 2]);
      }
    });

    it(`${transport}: keeps what had arrived of a body that broke off`, async () => {
      let end = (): void => {};
      await using server = await socketServer((_request, socket) => {
        socket.write(`${head}Content-Length: 9\r\n\r\nabc`);
        end = () => socket.end();
      });
      await using session = new HttpSession({ transport });
      const msg = new HttpMessage("GET", server.origin);
      // Bun's streams drop bytes that arrive together with the error.
      msg.addEventListener("got-chunk", () => end());
      await session.sendMessage(msg);
      assertEquals([msg.statusCode, text(msg)], [HttpStatus.IO_ERROR, "abc"]);
    });

    it(`${transport}: tells refusing hosts from unknown ones, and proxies from both`, async () => {
      const refusing = `http://127.0.0.1:${await freePort()}/`;
      const unknown = "http://no-such-host.invalid/";
      assertEquals((await send({ transport }, refusing)).statusCode, HttpStatus.CANT_CONNECT);
      assertEquals((await send({ transport }, unknown)).statusCode, HttpStatus.CANT_RESOLVE);
      assertEquals((await send({ transport, proxyUri: refusing }, unknown)).statusCode, HttpStatus.CANT_CONNECT_PROXY);
      assertEquals((await send({ transport, proxyUri: unknown }, refusing)).statusCode, HttpStatus.CANT_RESOLVE_PROXY);
    });

    it(`${transport}: never sends a POST twice, and a GET only when its connection had gone stale`, async () => {
      for (
        const [method, requests, status] of [["POST", 2, HttpStatus.IO_ERROR], ["PATCH", 2, HttpStatus.IO_ERROR], [
          "GET",
          3,
          200,
        ]] as const
      ) {
        await using server = await socketServer((_request, socket) => {
          if (server.requests.length === 2) socket.resetAndDestroy();
          else socket.write(reply("200 OK", "ok"));
        });
        await using session = new HttpSession({ transport });
        await session.sendMessage(new HttpMessage("GET", server.origin));
        const msg = new HttpMessage(method, server.origin, method === "GET" ? {} : { body: "pay 1 EUR" });
        let restarts = 0;
        msg.addEventListener("restarted", () => restarts++);
        await session.sendMessage(msg);
        await new Promise((resolve) => setTimeout(resolve, 30));
        assertEquals([method, server.requests.length, msg.statusCode], [method, requests, status]);
        if (transport === "node") assertEquals(restarts, requests - 2);
      }
    });
  }

  it("writes every method as it was given, on whichever transport can", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const methods = [
      "GET",
      "POST",
      "FOO",
      "VERSION-CONTROL",
      "PatCh",
      "propfind",
      "TRACE",
      "DESCRIBE",
      "M-SEARCH",
      "get",
      "PROPFIND",
    ];
    await using session = new HttpSession();
    for (const method of methods) {
      assertEquals([method, await session.sendMessage(new HttpMessage(method, server.origin))], [method, 200]);
    }
    assertEquals(server.requests.map((request) => request.method), methods);
  });

  it("takes credentials to no other origin", async () => {
    for (const transport of choices) {
      await using other = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
      await using server = await socketServer((_request, socket) =>
        void socket.write(reply("302 Found", "", [`Location: ${other.origin}/`]))
      );
      const headers = {
        authorization: "Basic c2VjcmV0",
        cookie: "a=b",
        "proxy-authorization": "Basic eA==",
        "x-own": "1",
      };
      await using session = new HttpSession({ transport });
      await session.sendMessage(new HttpMessage("GET", server.origin, { headers }));
      await (await session.fetch(server.origin, { headers })).text();
      for (const { headers: sent } of other.requests) {
        assertEquals(["authorization", "cookie", "proxy-authorization"].filter((name) => sent.has(name)), []);
        assertEquals(sent.get("x-own"), "1");
      }
      assertEquals([server.requests.length, other.requests.length], [2, 2]);
      assertEquals(server.requests[0]!.headers.get("authorization"), headers.authorization);
    }
  });

  it("never lets CR, LF or NUL through in methods, headers and URLs", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const attempts: (() => HttpMessage)[] = [
      () => new HttpMessage("GET / HTTP/1.1\r\nX: y", server.origin),
      () => new HttpMessage("G\0T", server.origin),
      () => new HttpMessage("GET", server.origin, { headers: { "x": "a\r\nInjected: 1" } }),
      () => new HttpMessage("GET", server.origin, { headers: { "x\r\ny": "a" } }),
      () => new HttpMessage("GET", server.origin, { headers: { x: "a\0b" } }),
    ];
    for (const transport of choices) {
      await using session = new HttpSession({ transport });
      for (const attempt of attempts) {
        await assertRejects(async () => await session.sendMessage(attempt()), TypeError);
      }
      assertEquals(server.requests.length, 0);
      for (const path of ["/a\r\nInjected:%201", "/a\n\tb", "/a b\u00e9", "/a\0b"]) {
        await session.sendMessage(new HttpMessage("GET", server.origin + path));
      }
      for (const { head: sent } of server.requests.splice(0)) {
        assert(!/[\r\n]injected/i.test(sent) && /^GET \/[\x21-\x7e]* HTTP\/1\.1\r\n/.test(sent), sent);
      }
    }
  });
});
