// What one message says of its own way: proxy, TLS, redirects, times, names of fields; by messages, fetch and synchronous sends.
import {
  assertEquals,
  assertInstanceOf,
  assertIsError,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  type Connection,
  HttpError,
  type HttpFetchInit,
  HttpMessage,
  type HttpMessageInit,
  HttpSession,
  HttpStatus,
  NotSupportedError,
  RequestTimeoutError,
  Timeouts,
  TlsDatabase,
} from "../../../http/mod.ts";
import { http2Front } from "../../_support/http2_front.ts";
import { routeServer } from "../../_support/http_server.ts";
import { type OriginWorker, originWorker } from "../../_support/origin_worker.ts";
import { proxyServer, socksServer } from "../../_support/proxy_server.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

describe("a message's own way", () => {
  let server: SocketServer;
  let tlsServer: SocketServer;
  let worker: OriginWorker;
  let certificates: TestCertificates;

  before(async () => {
    certificates = await makeCertificates();
    const { cert, key } = certificates.good;
    server = await routeServer({
      "/away": (_request, socket) => socket.write(reply("302 Found", "", [`Location: ${tlsServer.origin}/`])),
      "/hop": (request, socket) => {
        const left = Number(request.target.split("?")[1]);
        socket.write(left === 0 ? reply("200 OK", "there") : reply("302 Found", "", [`Location: /hop?${left - 1}`]));
      },
    });
    tlsServer = await socketServer(
      (request, socket) =>
        void socket.write(
          request.target === "/away"
            ? reply("302 Found", "", [`Location: https://localhost:${tlsServer.port}/`])
            : reply("200 OK", "tls"),
        ),
      { tls: { cert, key } },
    );
    worker = await originWorker({ cert, key });
  });
  after(async () => {
    await worker[Symbol.asyncDispose]();
    await server.close();
    await tlsServer.close();
    await certificates.remove();
  });

  const roots = () => TlsDatabase.fromPem(certificates.ca.cert);
  const client = () => ({ cert: certificates.client.cert, key: certificates.client.key });
  const sent = async (session: HttpSession, url: string, init: HttpMessageInit) => {
    const msg = new HttpMessage("GET", url, init);
    return [await session.sendMessage(msg), msg] as const;
  };

  describe("proxy", () => {
    it("is another one than the session's, or none, and has connections of its own", async () => {
      await using own = await proxyServer({ credentials: "user:pass" });
      await using usual = await proxyServer();
      await using session = new HttpSession({ proxyUri: `http://127.0.0.1:${usual.port}` });
      const proxy = `http://user:pass@127.0.0.1:${own.port}`;
      const url = `${server.origin}/302`;
      for (let round = 0; round < 2; round++) {
        assertEquals((await sent(session, url, { proxy }))[0], 200);
        assertEquals(await (await session.fetch(url, { proxy })).text(), "0123456789");
        assertEquals((await sent(session, url, { proxy: null }))[0], 200);
        assertEquals(await (await session.fetch(url, { proxy: null })).text(), "0123456789");
      }
      // Each goes through redirects by the same proxy.
      assertEquals([own.heads.length, usual.heads.length], [8, 0]);
      assertEquals((await sent(session, url, {}))[0], 200);
      assertEquals([own.heads.length, usual.heads.length], [8, 2]);
      const [status, msg] = await sent(session, url, { proxy: "http://127.0.0.1:1" });
      assertEquals([status, msg.proxy?.host], [HttpStatus.CANT_CONNECT_PROXY, "127.0.0.1:1"]);
    });

    it("may be SOCKS5, for http, https and HTTP/2", async () => {
      const { cert, key } = certificates.good;
      await using http2 = await http2Front((_, socket) => void socket.write(reply("200 OK", "h2")), {
        tls: { cert, key },
      });
      await using socks = await socksServer({ credentials: "user:pass" });
      await using session = new HttpSession({ tlsDatabase: roots() });
      for (const scheme of ["socks5", "socks5h"]) {
        const proxy = `${scheme}://user:pass@127.0.0.1:${socks.port}`;
        const seen: unknown[] = [];
        for (const url of [`${server.origin}/ok`, `${tlsServer.origin}/`, `${http2.origin}/`]) {
          const [status, msg] = await sent(session, url, { proxy });
          seen.push([status, msg.httpVersion], (await session.fetch(url, { proxy })).status);
        }
        assertEquals(seen, [[200, "1.1"], 200, [200, "1.1"], 200, [200, "2"], 200]);
      }
      const ports = [server, tlsServer, http2].map(({ port }) => `127.0.0.1:${port}`);
      assertEquals(socks.destinations, [...ports, ...ports]);
    });
  });

  describe("tls", () => {
    it("is shared among messages with the same, and with no others", async () => {
      await using session = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(""), maxConnsPerHost: 9 });
      const url = `${tlsServer.origin}/`;
      const started: Connection[] = [];
      session.addEventListener("request-started", ({ connection }) => started.push(connection!));
      const kinds: (() => HttpFetchInit["tls"])[] = [
        () => ({ tlsDatabase: roots() }),
        () => ({ tlsDatabase: roots(), clientCertificate: client() }),
        () => ({ sslStrict: false }),
        () => ({ sslStrict: false, clientCertificate: client() }),
      ];
      for (let round = 0; round < 2; round++) {
        for (const [index, kind] of kinds.entries()) {
          const [status, msg] = await sent(session, url, { tls: kind() });
          assertEquals([status, msg.tlsErrors.length > 0], [200, index > 1]);
          assertEquals((await session.fetch(url, { tls: kind() })).status, 200);
        }
        assertEquals((await sent(session, url, {}))[0], HttpStatus.SSL_FAILED);
        await assertRejects(() => session.fetch(url), HttpError);
      }
      const used = new Set(started);
      assertEquals([started.length, used.size], [4 * kinds.length, kinds.length]);
      assertEquals(new Set(Array.from(used, ({ target }) => target.tls)).size, kinds.length);
    });

    it("keeps identities apart on HTTP/2, where connections carry many messages", async () => {
      const { cert, key } = certificates.good;
      const http2 = await http2Front((_, socket) => void socket.write(reply("200 OK", "h2")), { tls: { cert, key } });
      await using _ = http2;
      await using session = new HttpSession({ tlsDatabase: roots(), maxConnsPerHost: 4 });
      const inits: HttpFetchInit[] = [
        {},
        { tls: { clientCertificate: client() } },
        { tls: { clientCertificate: client(), sslStrict: false } },
      ];
      const used = new Set<string>();
      session.addEventListener("request-started", ({ connection }) => {
        used.add(`${connection!.target.tls.client === null} ${connection!.target.tls.strict}`);
      });
      const fetches = Array.from({ length: 12 }, (_, index) => session.fetch(`${http2.origin}/`, inits[index % 3]));
      for (const response of await Promise.all(fetches)) assertEquals(await response.text(), "h2");
      assertEquals([http2.connections, used.size], [3, 3]);
      const anonymous = await session.fetch(`${http2.origin}/`, { ...inits[1], credentials: "omit" });
      assertEquals([await anonymous.text(), http2.connections], ["h2", 3]);
    });

    it("shows no other origin its client certificate, unless a function chooses it", async () => {
      await using session = new HttpSession({ tlsDatabase: roots() });
      const clients: boolean[] = [];
      session.addEventListener("request-started", ({ connection }) => {
        clients.push((connection as Connection).target.tls.client !== null);
      });
      const [status, msg] = await sent(session, `${tlsServer.origin}/away`, { tls: { clientCertificate: client() } });
      assertEquals([status, clients, msg.tls?.clientCertificate], [200, [true, false], null]);
      const origins: string[] = [];
      const clientCertificate = (origin: string) => {
        if (!origins.includes(origin)) origins.push(origin);
        return client();
      };
      assertEquals((await sent(session, `${tlsServer.origin}/away`, { tls: { clientCertificate } }))[0], 200);
      assertEquals(clients.slice(2), [true, true]);
      assertEquals(origins, [tlsServer.origin, `https://localhost:${tlsServer.port}`]);
    });
  });

  it("follows as many redirects as it says", async () => {
    await using session = new HttpSession();
    const cases: [maxRedirects: number | undefined, hops: number, isThere: boolean][] = [
      [0, 0, true],
      [0, 1, false],
      [2, 2, true],
      [2, 3, false],
      [25, 22, true],
      [undefined, 21, false],
    ];
    for (const [maxRedirects, hops, isThere] of cases) {
      const url = `${server.origin}/hop?${hops}`;
      const [status, msg] = await sent(session, url, { maxRedirects });
      assertEquals(status, isThere ? 200 : HttpStatus.TOO_MANY_REDIRECTS);
      const fetching = session.fetch(url, { maxRedirects });
      if (isThere) assertEquals(await (await fetching).text(), "there");
      else {
        assertStringIncludes(msg.error!.message, `${maxRedirects ?? 20} were followed already`);
        assertEquals((await assertRejects(() => fetching, HttpError)).status, HttpStatus.TOO_MANY_REDIRECTS);
      }
    }
  });

  it("takes no longer than it says, in place of what a feature says", async () => {
    await using session = new HttpSession({ features: [new Timeouts({ total: 1, connect: 1, idle: 1 })] });
    const timeouts = { total: 0, connect: 0, idle: 0 };
    const [status, msg] = await sent(session, `${server.origin}/slow`, { timeouts });
    assertEquals([status, msg.error, msg.timeouts], [200, null, timeouts]);
    assertEquals((await session.fetch(`${server.origin}/slow`, { timeouts })).status, 200);

    await using plain = new HttpSession({ lookup: () => new Promise(() => {}) });
    const never = `${server.origin}/never`;
    const [late, total] = await sent(plain, never, { timeouts: { total: 0.02 } });
    assertEquals(late, HttpStatus.IO_ERROR);
    assertInstanceOf(total.error, RequestTimeoutError);
    const error = await assertRejects(() => plain.fetch(never, { timeouts: { total: 0.02 } }), Error);
    assertEquals([error.name, (error.cause as RequestTimeoutError).kind], ["TimeoutError", "total"]);
    const [, idle] = await sent(plain, never, { timeouts: { idle: 0.02 } });
    assertEquals([idle.statusCode, idle.error?.name], [HttpStatus.IO_ERROR, "TimeoutError"]);
    const [, connecting] = await sent(plain, "http://nobody.example/", { timeouts: { connect: 0.02 } });
    assertEquals((connecting.error as RequestTimeoutError).kind, "connect");
  });

  it("writes the names of fields as they were given, on HTTP/1.1", async () => {
    await using session = new HttpSession({ transport: "node" });
    const namesOf = async (init: HttpFetchInit) => {
      await (await session.fetch(`${server.origin}/ok`, init)).text();
      return server.requests.at(-1)!.head.split("\r\n").slice(1).map((line) => line.slice(0, line.indexOf(":")));
    };
    const given = { "X-lower-CASE": "1", "soapaction": "2", "ETag": "3", "content-TYPE": "text/plain" };
    const rest = ["Accept", "Accept-Encoding", "Connection", "Content-Length", "Host", "User-Agent"];
    const init = { method: "POST", body: "x" };
    for (const headers of [given, Object.entries(given), new Map(Object.entries(given))]) {
      assertEquals((await namesOf({ ...init, headers })).sort(), [...Object.keys(given), ...rest].sort());
    }
    const usual = ["Content-Type", "Etag", "Soapaction", "X-Lower-Case", ...rest];
    assertEquals((await namesOf({ ...init, headers: new Headers(given) })).sort(), usual.sort());
    const msg = new HttpMessage("GET", `${server.origin}/ok`);
    msg.requestHeaders = given;
    await session.sendMessage(msg);
    assertStringIncludes(`${server.requests.at(-1)!.head}\r\n`, "\r\nX-lower-CASE: 1\r\n");
    msg.requestHeaders = new Headers(given);
    await session.sendMessage(msg);
    assertStringIncludes(`${server.requests.at(-1)!.head}\r\n`, "\r\nX-Lower-Case: 1\r\n");
    await using http2 = await http2Front((request, socket) => void socket.write(reply("200 OK", request.head)));
    await using required = new HttpSession({ http2: "required" });
    const head = await (await required.fetch(`${http2.origin}/`, { headers: given })).text();
    assertStringIncludes(head, "x-lower-case: 1");
  });

  it("is refused where it is wrong, by name", async () => {
    const wrong: [init: unknown, type: typeof TypeError | typeof RangeError, text: string][] = [
      [{ proxy: "ftp://127.0.0.1" }, TypeError, "proxy"],
      [{ tls: { ca: "PEM" } }, TypeError, '"ca"'],
      [{ tls: { sslStrict: "no" } }, TypeError, "sslStrict"],
      [{ tls: { tlsDatabase: "PEM" } }, TypeError, "tlsDatabase"],
      [{ tls: { clientCertificate: { cert: "x", key: "y" } } }, TypeError, "client certificate"],
      [{ tls: true }, TypeError, "tls"],
      [{ maxRedirects: -1 }, RangeError, "maxRedirects"],
      [{ maxRedirects: "3" }, TypeError, "maxRedirects"],
      [{ timeouts: { total: -1 } }, RangeError, "total timeout"],
      [{ timeouts: 3 }, TypeError, "timeouts"],
    ];
    await using session = new HttpSession();
    for (const [init, type, text] of wrong) {
      assertThrows(() => new HttpMessage("GET", server.origin, init as HttpMessageInit), type, text);
      await assertRejects(() => session.fetch(server.origin, init as HttpFetchInit), type, text);
    }
    // What Bun's fetch takes besides, a message does not.
    const ofFetch: [init: unknown, text: string][] = [
      [{ proxy: { url: "http://127.0.0.1" } }, "proxy"],
      [{ tls: { rejectUnauthorized: false } }, '"rejectUnauthorized"'],
    ];
    for (const [init, text] of ofFetch) {
      assertThrows(() => new HttpMessage("GET", server.origin, init as HttpMessageInit), TypeError, text);
    }
    const empty = { proxy: "", unix: "", tls: null, maxRedirects: null, timeouts: null };
    assertEquals((await session.fetch(`${server.origin}/ok`, empty)).status, 200);
    assertThrows(() => session.lookup = "x" as never, TypeError, "lookup");
  });

  it("goes with synchronous sends", async () => {
    await using session = new HttpSession({ tlsDatabase: TlsDatabase.fromPem("") });
    const answer = (url: string, init: HttpMessageInit) => {
      const msg = new HttpMessage("GET", url, init);
      session.sendMessageSync(msg);
      return msg;
    };
    const http = `http://127.0.0.1:${worker.port}`;
    const https = `https://127.0.0.1:${worker.tlsPort}`;
    const tls = () => ({ tlsDatabase: roots(), clientCertificate: client() });
    const proxy = `socks5h://127.0.0.1:${worker.socksPort}`;
    const started: string[] = [];
    session.addEventListener("request-started", ({ connection }) => {
      started.push(`${connection!.proxy?.scheme} ${connection!.id}`);
    });
    assertEquals(answer(`${https}/`, { tls: tls() }).statusCode, 200);
    assertEquals(answer(`${https}/`, { tls: tls() }).statusCode, 200);
    assertEquals(answer(`${https}/`, {}).statusCode, HttpStatus.SSL_FAILED);
    assertEquals(answer(`${https}/`, { tls: { sslStrict: false } }).statusCode, 200);
    assertEquals(answer(`${https}/`, { tls: tls(), proxy }).statusCode, 200);
    assertEquals(answer(`${http}/`, { proxy }).statusCode, 200);
    await Promise.resolve();
    assertEquals(started.map((each) => each.split(" ")[0]), [
      "undefined",
      "undefined",
      "undefined",
      "socks5h",
      "socks5h",
    ]);
    assertEquals(new Set(started).size, 4);
    const redirecting = answer(`${http}/?status=302&location=/`, { maxRedirects: 0 });
    assertEquals(redirecting.statusCode, HttpStatus.TOO_MANY_REDIRECTS);

    // This thread answers nobody while it waits.
    const timed = answer(`${server.origin}/ok`, { timeouts: { total: 0.02 } });
    assertEquals([timed.statusCode, timed.error?.name], [HttpStatus.IO_ERROR, "TimeoutError"]);

    const asked: string[] = [];
    session.lookup = (host) => {
      asked.push(host);
      return [{ address: "127.0.0.1", family: 4 }];
    };
    const named = answer(`http://service.example:${worker.port}/named`, {});
    assertEquals([named.statusCode, asked], [200, ["service.example"]]);
    session.lookup = () => Promise.resolve([]);
    const refused = assertThrows(() => answer(`http://service.example:${worker.port}/`, {}));
    assertIsError(refused, NotSupportedError, "lookup");
    session.lookup = () => {
      throw new Error("not this one");
    };
    const unknown = answer(`http://service.example:${worker.port}/`, {});
    assertEquals(unknown.statusCode, HttpStatus.CANT_RESOLVE);
    assertStringIncludes(String(unknown.error), "not this one");
  });
});
