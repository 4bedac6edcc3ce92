// Messages to unix sockets: which socket, by what connection, and what their host still decides.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import {
  CookieJar,
  HttpCache,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  HttpStatus,
  NotSupportedError,
  TlsDatabase,
} from "../../../http/mod.ts";
import { http2Front } from "../../_support/http2_front.ts";
import { type OriginAnswer, type OriginWorker, originWorker } from "../../_support/origin_worker.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

const skip = process.platform === "win32" ? "unix sockets of Windows are named pipes" : false;

describe("unix sockets", { skip }, () => {
  const folder = temporaryFolder("unix");
  const [one, other, synchronous] = ["one", "other", "sync"].map((name) => `${folder}/${name}.sock`) as [
    string,
    string,
    string,
  ];
  let first: SocketServer;
  let second: SocketServer;
  let network: SocketServer;
  let worker: OriginWorker;
  let certificates: TestCertificates;

  const answering = (name: string, path?: string) =>
    socketServer((request, socket) => {
      const [, kind, to = ""] = /^\/(to|cached|cookie)?(?:\?(.*))?/.exec(request.target) ?? [];
      if (kind === "to") socket.write(reply("302 Found", "", [`Location: ${decodeURIComponent(to)}`]));
      else if (kind === "cached") socket.write(reply("200 OK", name, ["Cache-Control: max-age=600"]));
      else if (kind === "cookie") socket.write(reply("200 OK", name, [`Set-Cookie: from=${name}`]));
      else socket.write(reply("200 OK", name));
    }, path === undefined ? {} : { path });

  before(async () => {
    certificates = await makeCertificates();
    first = await answering("first", one);
    second = await answering("second", other);
    network = await answering("network");
    worker = await originWorker(null, synchronous);
  });
  after(async () => {
    await worker[Symbol.asyncDispose]();
    for (const server of [first, second, network]) await server.close();
    await certificates.remove();
  });

  const told = async (session: HttpSession, url: string, init: Parameters<HttpSession["fetch"]>[1] = {}) =>
    await (await session.fetch(url, init)).text();

  it("are reached by option, by function, per message and per fetch, past every proxy, with the Host of the URI", async () => {
    const before = first.requests.length;
    const options: HttpSessionOptions[] = [
      { unixSocket: one },
      { unixSocket: (url) => url.host === "docker" ? one : undefined },
      { unixSocket: one, proxyUri: "http://127.0.0.1:1/" },
    ];
    for (const option of options) {
      await using session = new HttpSession(option);
      assertEquals(await told(session, "http://docker/v1.43/info"), "first");
    }
    await using session = new HttpSession({ proxyUri: "socks5://127.0.0.1:1/" });
    const msg = new HttpMessage("GET", "http://docker:8080/v1.43/info", { unixSocket: one });
    assertEquals([await session.sendMessage(msg), msg.unixSocket], [200, one]);
    assertEquals(await told(session, "http://docker/v1.43/info", { unix: one }), "first");
    const seen = first.requests.slice(before);
    assertEquals(seen.map(({ target }) => target), seen.map(() => "/v1.43/info"));
    const hosts = seen.map(({ headers }) => headers.get("host"));
    assertEquals(hosts, ["docker", "docker", "docker", "docker:8080", "docker"]);
  });

  it("have connections and limits of their own, kept and used again", async () => {
    await using session = new HttpSession({ maxConnsPerHost: 1 });
    const before = [first, second, network].map(({ connections }) => connections);
    const url = `${network.origin}/`;
    const created: unknown[] = [];
    session.addEventListener("connection-created", ({ connection }) => created.push(connection.target.unixSocket));
    for (let round = 0; round < 3; round++) {
      const answers = [{ unix: one }, { unix: other }, {}].map((init) => told(session, url, init));
      assertEquals(await Promise.all(answers), ["first", "second", "network"]);
    }
    assertEquals([first, second, network].map(({ connections }, index) => connections - before[index]!), [1, 1, 1]);
    assertEquals(created, [one, other, null]);
    session.unixSocket = other;
    assertEquals(await told(session, url), "second");
    assertEquals(await told(session, url, { unix: null }), "network");
    assertStringIncludes(String(JSON.stringify(session.connections)), other);
  });

  it("speak TLS with the host of the URI, and HTTP/2 where it is asked for", async () => {
    const { cert, key } = certificates.good;
    const tls = { path: `${folder}/tls.sock`, tls: { cert, key } };
    await using encrypted = await socketServer((_request, socket) => void socket.write(reply("200 OK", "tls")), tls);
    await using plain = await http2Front((_, socket) => void socket.write(reply("200 OK", "h2")), {
      path: `${folder}/h2.sock`,
    });
    const tlsDatabase = TlsDatabase.fromPem(certificates.ca.cert);
    await using session = new HttpSession({ unixSocket: tls.path, tlsDatabase, http2: false });
    assertEquals(await told(session, "https://localhost/"), "tls");
    const refused = new HttpMessage("GET", "https://elsewhere.example/");
    assertEquals(await session.sendMessage(refused), HttpStatus.SSL_FAILED);
    await using knowing = new HttpSession({ unixSocket: `${folder}/h2.sock`, http2: "required" });
    const msg = new HttpMessage("GET", "http://service/x");
    assertEquals([await knowing.sendMessage(msg), msg.httpVersion], [200, "2"]);
    assertEquals([encrypted.requests.length, plain.connections], [1, 1]);
  });

  it("that are not there, or not for this, fail with CANT_CONNECT and the path", async () => {
    const file = `${folder}/file`;
    writeFileSync(file, "");
    await using session = new HttpSession();
    for (const [unixSocket, code] of [[`${folder}/none.sock`, "ENOENT"], [file, "ECONNREFUSED"]] as const) {
      const msg = new HttpMessage("GET", "http://localhost/", { unixSocket });
      assertEquals(await session.sendMessage(msg), HttpStatus.CANT_CONNECT);
      assertStringIncludes(msg.reasonPhrase, `unix:${unixSocket}`);
      assertEquals((msg.error as { code?: string }).code, code);
      const error = await assertRejects(() => session.fetch("http://localhost/", { unix: unixSocket }), TypeError);
      assertStringIncludes(error.message, `Cannot connect to unix:${unixSocket}: ${code}`);
    }
    for (const path of ["", "a\0b", "\0"]) {
      assertThrows(() => new HttpMessage("GET", "http://localhost/", { unixSocket: path }), TypeError, "unix socket");
      assertThrows(() => new HttpSession({ unixSocket: path }), TypeError, "unix socket");
    }
    await using fetching = new HttpSession({ transport: "fetch" });
    const msg = new HttpMessage("GET", "http://localhost/", { unixSocket: one });
    await assertRejects(() => fetching.sendMessage(msg), NotSupportedError, "unixSocket");
  });

  const noAbstract = process.platform === "linux" ? false : "only Linux has sockets of the abstract name space";
  it("may be of the abstract name space", { skip: noAbstract }, async () => {
    const path = `\0gp11-${process.pid}-${crypto.randomUUID()}`;
    await using server = await answering("abstract", path);
    await using session = new HttpSession({ unixSocket: path });
    assertEquals(await told(session, "http://bus/"), "abstract");
    assertEquals(server.connections, 1);
  });

  it("are never where a redirect leads that comes from elsewhere", async () => {
    const unixSocket = (url: URL) => url.host === "docker" ? one : url.host === "podman" ? other : null;
    await using session = new HttpSession({ unixSocket });
    const before = [first.requests.length, second.requests.length];
    const away = (target: string) => `/to?${encodeURIComponent(target)}`;
    for (const from of [network.origin, "http://podman"]) {
      const msg = new HttpMessage("GET", `${from}${away("http://docker/secrets")}`);
      assertEquals(await session.sendMessage(msg), HttpStatus.MALFORMED, from);
      const error = await assertRejects(() => session.fetch(`${from}${away("http://docker/secrets")}`), TypeError);
      assertStringIncludes(error.message, "Cannot follow the redirect to docker");
    }
    assertEquals([first.requests.length, second.requests.length], [before[0]!, before[1]! + 2]);
    assertEquals(await told(session, `http://docker${away("http://docker/")}`), "first");
    // From the socket into the network a redirect leads as any other; a message's own socket stays its own.
    assertEquals(await told(session, `http://docker${away(`${network.origin}/`)}`), "network");
    assertEquals(await told(session, `http://docker${away(`${network.origin}/`)}`, { unix: one }), "first");
  });

  it("share cookies with their origin and nothing of a cache with others", async () => {
    await using session = new HttpSession({ features: [new CookieJar(), new HttpCache()] });
    const url = `${network.origin}/cached`;
    for (let round = 0; round < 2; round++) {
      assertEquals(await told(session, url, { unix: one }), "first");
      assertEquals(await told(session, url, { unix: other }), "second");
      assertEquals(await told(session, url), "network");
    }
    const cached = (server: SocketServer) => server.requests.filter(({ target }) => target === "/cached").length;
    assertEquals([first, second, network].map(cached), [1, 1, 1]);
    await told(session, "http://docker/cookie", { unix: one });
    await told(session, "http://docker/with", { unix: one });
    await told(session, "http://podman/without", { unix: one });
    assertEquals(first.requests.slice(-2).map(({ headers }) => headers.get("cookie")), ["from=first", undefined]);
  });

  it("are reached by synchronous sends too", async () => {
    await using session = new HttpSession({ features: [new HttpCache()] });
    const url = `http://127.0.0.1:${worker.port}/x?cache-control=max-age%3D600`;
    const answer = (unixSocket?: string | null) => {
      const msg = new HttpMessage("GET", url, { unixSocket });
      assertEquals(session.sendMessageSync(msg), 200, msg.error?.message);
      return (JSON.parse(new TextDecoder().decode(msg.responseBody)) as OriginAnswer).secure;
    };
    assertEquals([answer(), answer(synchronous), answer(), answer(synchronous)], [false, "unix", false, "unix"]);
    session.unixSocket = synchronous;
    assertEquals([answer(), answer(null)], ["unix", false]);
    const asked: string[] = [];
    session.unixSocket = (asking) => {
      asked.push(asking.host);
      return synchronous;
    };
    assertEquals(answer(), "unix");
    assert(asked.length > 0 && asked.every((host) => host === `127.0.0.1:${worker.port}`), asked.join());
    const missing = new HttpMessage("GET", "http://localhost/", { unixSocket: `${folder}/none.sock` });
    assertEquals(session.sendMessageSync(missing), HttpStatus.CANT_CONNECT);
  });
});
