// WebSockets over HTTP/2 (RFC 8441): http/transports/h2 by a scripted peer, sessions by a server of frames and node:http2.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { Flag } from "../../../http/transports/h2/wire/frames.ts";
import { HttpError, HttpMessage, HttpSession, HttpStatus, type HttpWebSocket, TlsDatabase } from "../../../http/mod.ts";
import { data, Http2Peer } from "../../_support/http2_peer.ts";
import { http2Server, http2ServerSkip } from "../../_support/http2_server.ts";
import { type Http2Answer, type Http2Sockets, http2Sockets } from "../../_support/http2_sockets.ts";
import { until } from "../../_support/http_sessions.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";
import { type ServedSocket, serveFrames, type ServerParts, serverParts } from "../../_support/websocket_server.ts";

const CONNECT_PROTOCOL: [number, number] = [8, 1];
const upgrade = {
  upgrade: "websocket",
  headers: [["sec-websocket-key", "x"], ["sec-websocket-version", "13"]] as const,
};

let parts: ServerParts;
before(async () => {
  parts = await serverParts();
});

async function failureOf(response: Promise<unknown>): Promise<{ code: string; isUnprocessed: boolean }> {
  return await response.then(() => assert(false, "it succeeded"), (error) => error);
}

describe("An extended CONNECT", () => {
  it("waits for the peer's settings, and has the fields of RFC 8441", async () => {
    const peer = new Http2Peer();
    const { observer, response } = peer.request("/chat?a=b", upgrade);
    assertEquals(await peer.seen(1), []);
    peer.greet(CONNECT_PROTOCOL);
    const [headers] = await peer.seen(1);
    assertEquals(headers!.flags & Flag.END_STREAM, 0);
    assertEquals(peer.fieldsOf(headers!), [
      [":method", "CONNECT"],
      [":protocol", "websocket"],
      [":scheme", "https"],
      [":authority", "server.example"],
      [":path", "/chat?a=b"],
      ["sec-websocket-version", "13"],
    ]);
    peer.send(peer.headers(1, [[":status", "200"]]));
    const { body, status, upgraded } = await response;
    assertEquals([status, body, observer.events], [200, null, ["wrote-headers", "wrote-body"]]);
    const writer = upgraded!.writable.getWriter();
    await writer.write(Buffer.from("to the server"));
    assertEquals((await peer.seen(0, 1)).map(({ payload }) => Buffer.from(payload).toString()), ["to the server"]);
    const reader = upgraded!.readable.getReader();
    peer.send(data(1, "to the client"));
    assertEquals(Buffer.from((await reader.read()).value!).toString(), "to the client");
    // Each direction ends by itself.
    peer.send(data(1, "", true));
    assertEquals((await reader.read()).done, true);
    await writer.write(Buffer.from("last"));
    await writer.close();
    await upgraded!.closed;
    const frames = await peer.seen(0, 1);
    assertEquals([frames.length, frames.at(-1)!.flags, await peer.resets(1)], [3, Flag.END_STREAM, []]);
    assertEquals(observer.events, ["wrote-headers", "wrote-body"]);
  });

  it("goes to nobody who does not offer it, nor with a proof that its method is GET", async () => {
    const peer = new Http2Peer();
    const { response } = peer.request("/", upgrade);
    peer.greet();
    const error = await failureOf(response);
    assertEquals([error.code, error.isUnprocessed], ["ERR_HTTP2_HTTP_1_1_REQUIRED", true]);
    assertEquals([await peer.seen(1), peer.connection.mayUpgrade], [[], false]);

    const other = new Http2Peer();
    other.greet(CONNECT_PROTOCOL);
    for (const field of [["authorization", "Digest username=x"], ["signature-input", "x=()"], ["dpop", "x"]] as const) {
      const refused = await failureOf(other.request("/", { upgrade: "websocket", headers: [field] }).response);
      assertEquals(refused.code, "ERR_HTTP2_HTTP_1_1_REQUIRED");
    }
  });

  it("that is refused is answered as any request, and its half is given up", async () => {
    const peer = new Http2Peer();
    peer.greet(CONNECT_PROTOCOL);
    const { response } = peer.request("/", upgrade);
    await peer.seen(1);
    peer.respond(1, "no", [], "403");
    const refused = await response;
    assertEquals([refused.status, refused.upgraded, Buffer.from(await refused.bytes()).toString()], [
      403,
      undefined,
      "no",
    ]);
    assertEquals(await peer.resets(1), [0]);
  });

  it("ends with its stream, its connection, and who waits for it", async () => {
    const peer = new Http2Peer();
    peer.greet(CONNECT_PROTOCOL);
    const open = async () => {
      const { response } = peer.request("/", upgrade);
      const stream = 2 * peer.requests.length - 1;
      await peer.seen(1, stream);
      peer.send(peer.headers(stream, [[":status", "200"]]));
      return { stream, upgraded: (await response).upgraded! };
    };
    const one = await open();
    one.upgraded.destroy();
    await one.upgraded.closed;
    assertEquals(await peer.resets(one.stream), [8]);
    await assertRejects(() => one.upgraded.readable.getReader().read());

    const two = await open();
    peer.connection.close(new Error("over"));
    await two.upgraded.closed;
    const error = await assertRejects(() => two.upgraded.readable.getReader().read(), Error);
    assertEquals(error.message, "over");

    const waiting = new Http2Peer();
    const { observer, response } = waiting.request("/", upgrade);
    waiting.connection.cancel(observer, new Error("not any more"));
    assertEquals((await assertRejects(() => response, Error)).message, "not any more");
    const lost = waiting.request("/", upgrade).response;
    waiting.connection.ended();
    assertEquals((await failureOf(lost)).isUnprocessed, true);
  });

  it("is not taken back once it was offered", async () => {
    const peer = new Http2Peer();
    peer.greet(CONNECT_PROTOCOL);
    assertEquals(peer.connection.mayUpgrade, true);
    peer.greet([8, 0]);
    assertEquals(await peer.farewell(), 1);
    const other = new Http2Peer();
    other.greet([8, 2]);
    assertEquals(await other.farewell(), 1);
  });
});

function next(socket: HttpWebSocket): Promise<unknown> {
  return new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data), { once: true }));
}

function end(socket: HttpWebSocket): Promise<[number, string, boolean]> {
  return new Promise((resolve) => {
    socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]), { once: true });
  });
}

describe("A WebSocket over HTTP/2", () => {
  let server: Http2Sockets;
  let served: ServedSocket;
  const answer: Http2Answer = (fields, { duplex, reset, respond }) => {
    const path = fields.get(":path");
    if (fields.get(":method") !== "CONNECT") {
      respond([[":status", "200"]]);
      return void duplex.end("plain");
    }
    if (path === "/refused") return respond([[":status", "403"]], true);
    respond([[":status", "200"], ...(path === "/bad" ? [["sec-websocket-protocol", "x"] as const] : [])]);
    served = serveFrames(parts, duplex);
    if (path === "/reset") reset(2);
  };
  before(async () => {
    server = await http2Sockets(answer);
  });
  after(() => server[Symbol.asyncDispose]());
  const at = (path: string) => `ws://127.0.0.1:${server.port}${path}`;
  const open = () => new HttpSession({ http2: "required", maxConnsPerHost: 1 });

  it("is one stream among others, and its connection is busy as long as it is open", async () => {
    await using session = open();
    const before = server.connections;
    const sockets = await Promise.all([1, 2, 3].map(() => session.websocket(at("/echo"))));
    const [first] = sockets;
    assertEquals([first!.msg.statusCode, first!.msg.httpVersion, first!.readyState], [200, "2", first!.OPEN]);
    assertEquals(server.requests.at(-1)!.has("sec-websocket-key"), false);
    for (const [index, socket] of sockets.entries()) {
      socket.send(`message ${index} ${"x".repeat(50_000)}`);
      assertStringIncludes(String(await next(socket)), `message ${index} xxx`);
    }
    assertEquals(await (await session.fetch(at("/").replace("ws", "http"))).text(), "plain");
    const [connection] = session.connections;
    assertEquals([server.connections - before, connection!.state, connection!.uses], [1, "busy", 4]);
    // No thread that waits could wait for a socket: the connection is not in its way, though another message's would be.
    session.maxConns = 1;
    const elsewhere = new HttpMessage("GET", "http://127.0.0.1:1/");
    assertEquals(session.sendMessageSync(elsewhere), HttpStatus.CANT_CONNECT);
    const ended = end(sockets[2]!);
    served.close(4001, "bye");
    assertEquals(await ended, [4001, "bye", true]);
    await Promise.all(sockets.slice(0, 2).map((socket) => socket[Symbol.asyncDispose]()));
    await until(() => connection!.state === "idle");
  });

  it("is refused, reset and given up without harm to its connection", async () => {
    await using session = open();
    assertEquals((await assertRejects(() => session.websocket(at("/refused")), HttpError)).status, 403);
    assertEquals(
      (await assertRejects(() => session.websocket(at("/bad")), HttpError)).code,
      "ERR_WEBSOCKET_HANDSHAKE",
    );
    const socket = await session.websocket(at("/reset"));
    assertEquals(await end(socket), [1006, "", false]);
    assertEquals(await (await session.fetch(at("/").replace("ws", "http"))).text(), "plain");
    assertEquals([session.connections.length, session.connections[0]!.state], [1, "idle"]);
    const last = await session.websocket(at("/echo"));
    const ended = end(last);
    session.abort();
    assertEquals(await ended, [1006, "", false]);
    assertEquals(session.connections, []);
  });

  it("is not to be had where it is required and the server does not offer it", async () => {
    await using plain = await http2Sockets(answer, false);
    await using session = open();
    const error = await assertRejects(() => session.websocket(`ws://127.0.0.1:${plain.port}/`), HttpError);
    assertEquals([error.status, error.code], [HttpStatus.IO_ERROR, "ERR_HTTP2_HTTP_1_1_REQUIRED"]);
    assertStringIncludes(error.message, "websocket over HTTP/2");
    assertEquals(plain.requests.length, 0);
  });
});

describe("The choice between HTTP/1.1 and HTTP/2", { skip: http2ServerSkip }, () => {
  let certificates: TestCertificates;
  before(async () => {
    certificates = await makeCertificates();
  });
  after(() => certificates.remove());

  it("is the server's: by its settings", async () => {
    await using server = await http2Server({
      certificate: certificates.good,
      settings: { enableConnectProtocol: true },
      routes: {
        "/echo": (stream) => {
          stream.respond({ ":status": 200 });
          serveFrames(parts, stream);
        },
      },
    });
    await using session = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert) });
    const socket = await session.websocket(`wss://127.0.0.1:${server.port}/echo`);
    assertEquals([socket.msg.httpVersion, server.requests], ["2", ["CONNECT /echo"]]);
    socket.send("hello");
    assertEquals(await next(socket), "hello");
    await socket[Symbol.asyncDispose]();
  });

  it("falls to HTTP/1.1 where the settings say nothing, and at once the next time", async () => {
    await using server = await http2Server({
      certificate: certificates.good,
      allowHttp1: true,
      answerHttp1: (_request, response) => response.writeHead(426).end(),
    });
    const tlsDatabase = TlsDatabase.fromPem(certificates.ca.cert);
    await using session = new HttpSession({ tlsDatabase, maxConnsPerHost: 6 });
    const attempts: number[] = [];
    for (let count = 0; count < 2; count++) {
      const error = await assertRejects(() => session.websocket(`wss://127.0.0.1:${server.port}/`), HttpError);
      assertEquals([error.status, error.msg.httpVersion], [426, "1.1"]);
      attempts.push(error.msg.metrics.attempts);
    }
    assertEquals(attempts, [2, 1]);
    assertEquals(session.connections.filter(({ protocol }) => protocol === "h2").length, 1);
  });
});
