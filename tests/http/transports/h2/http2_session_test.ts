// Sessions over HTTP/2, with the runtime's own server and nginx at the other end.
import { assert, assertEquals, assertFalse, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import {
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  HttpStatus,
  MessageFlags,
  MessagePriority,
  NotSupportedError,
  TlsDatabase,
} from "../../../../http/mod.ts";
import {
  type Http2Server,
  http2Server,
  type Http2ServerOptions,
  http2ServerSkip,
  type StreamAnswer,
} from "../../../_support/http2_server.ts";
import { apacheSkip, startApache } from "../../../_support/apache.ts";
import { until } from "../../../_support/http_sessions.ts";
import { NtlmGuard, ntlmPassword } from "../../../_support/ntlm_server.ts";
import { nginxPath, startNginx } from "../../../_support/nginx.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";

let certificates: TestCertificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

function open(options: HttpSessionOptions = {}): HttpSession {
  return new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert), ...options });
}

function serve(options: Partial<Http2ServerOptions> = {}): Promise<Http2Server> {
  return http2Server({ certificate: certificates.good, ...options });
}

async function textAt(session: HttpSession, url: string, init?: RequestInit): Promise<string> {
  return await (await session.fetch(url, init)).text();
}

describe("the choice of HTTP/2", { skip: http2ServerSkip }, () => {
  it("is the server's: h2 where it agrees, HTTP/1.1 where it does not", async () => {
    await using server = await serve({ allowHttp1: true });
    await using session = open();
    assert(session.capabilities.http2);
    const msg = new HttpMessage("GET", `${server.origin}/one`);
    assertEquals(await session.sendMessage(msg), HttpStatus.OK);
    assertEquals([msg.httpVersion, msg.reasonPhrase, session.connections[0]!.protocol], ["2", "OK", "h2"]);
    assertEquals(msg.tlsErrors, []);
    session.http2 = false;
    assertEquals(await textAt(session, `${server.origin}/two`), "HTTP/1.1 GET /two");
    assertEquals(session.connections.map(({ protocol }) => protocol), ["http/1.1"]);
  });

  it("is spoken alone where it is required", async () => {
    await using server = await serve({ allowHttp1: true });
    await using session = open({ http2: "required" });
    assertEquals(await textAt(session, `${server.origin}/one`), "GET /one 1 0");
  });

  it("is refused by a transport that cannot speak it, and with a value that is none", async () => {
    await using session = open({ http2: "required", transport: "fetch" });
    assertFalse(session.capabilities.http2);
    await assertRejects(() => session.sendMessage(new HttpMessage("GET", "https://127.0.0.1:1/")), NotSupportedError);
    assertThrows(() => open({ http2: true as never }), TypeError, "http2");
  });

  it("leaves an upgrade to HTTP/1.1, and refuses it where HTTP/2 is required", async () => {
    await using server = await serve({ allowHttp1: true });
    await using session = open();
    const headers = { connection: "upgrade", upgrade: "something" };
    const msg = new HttpMessage("GET", `${server.origin}/up`, { headers });
    await session.sendMessage(msg);
    assertEquals(msg.httpVersion, "1.1");
    session.http2 = "required";
    const error = await assertRejects(
      () => session.sendMessage(new HttpMessage("GET", `${server.origin}/up`, { headers })),
      NotSupportedError,
      "HTTP/2 has no Upgrade field",
    );
    assertStringIncludes(error.message, 'http2: "required"');
    assertEquals(await textAt(session, `${server.origin}/on`), "GET /on 1 0");
    assertEquals(server.requests, ["GET /on"]);
  });

  it("leaves a scheme that authenticates connections to HTTP/1.1", async () => {
    const guard = new NtlmGuard();
    const ask = (challenge: string) => ({ ":status": 401, "www-authenticate": challenge });
    await using server = await serve({
      allowHttp1: true,
      routes: { "/": (stream) => void (stream.respond(ask("NTLM")), stream.end("who?")) },
      answerHttp1: (request, response) => {
        const verdict = guard.check(request.socket, request.headers.authorization ?? "");
        if (verdict === true) return void response.end("welcome");
        response.writeHead(401, { "www-authenticate": verdict });
        response.end("who?");
      },
    });
    await using session = open({ useNtlm: true });
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      if (!retrying) auth.authenticate("CORP\\user", ntlmPassword);
    });
    for (const body of [null, "post"]) {
      const init = body === null ? {} : { method: "POST", body };
      const msg = new HttpMessage(body === null ? "GET" : "POST", `${server.origin}/`, init);
      assertEquals([await session.sendMessage(msg), msg.httpVersion], [HttpStatus.OK, "1.1"]);
    }
    assertEquals([guard.refusals, server.requests], [[], ["GET /"]]);
    session.http2 = "required";
    const unanswered = new HttpMessage("GET", `${server.origin}/`);
    assertEquals([await session.sendMessage(unanswered), unanswered.httpVersion], [401, "2"]);
  });
});

describe("a session over HTTP/2", { skip: http2ServerSkip }, () => {
  it("sends everything to an origin on one connection, POST too", async () => {
    await using server = await serve();
    await using session = open();
    const created: number[] = [];
    const started: number[] = [];
    session.addEventListener("connection-created", ({ connection }) => created.push(connection.id));
    session.addEventListener("request-started", ({ connection }) => started.push(connection!.id));
    const texts = await Promise.all(Array.from({ length: 30 }, (_, index) => {
      const init = index % 3 === 0 ? { method: "POST", body: "x".repeat(index) } : {};
      return textAt(session, `${server.origin}/${index}`, init);
    }));
    assertEquals(texts[3], "POST /3 1 3");
    assertEquals([server.connections, created.length, started.length, new Set(started).size], [1, 1, 30, 1]);
    assertEquals(session.connections[0]!.uses, 30);
    assertEquals(session.connections[0]!.state, "idle");
  });

  it("sends long bodies as they are, many at once", async () => {
    const digest: StreamAnswer = (stream) => {
      const hash = createHash("sha256");
      stream.on("data", (piece: Uint8Array) => hash.update(piece));
      stream.on("end", () => {
        stream.respond({ ":status": 200 });
        stream.end(hash.digest("hex"));
      });
    };
    await using server = await serve({ routes: { "/": digest } });
    await using session = open();
    const random = pseudoRandom(4);
    await Promise.all([100_000, 16_384, 999].map(async (pieceLength) => {
      const body = Uint8Array.from({ length: 1_500_000 }, () => random(256));
      let sent = 0;
      const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          controller.enqueue(body.slice(sent, sent += pieceLength));
          if (sent >= body.byteLength) controller.close();
        },
      });
      const init = { method: "POST", body: stream, duplex: "half" } as RequestInit;
      const [received, whole] = await Promise.all([
        textAt(session, `${server.origin}/`, init),
        textAt(session, `${server.origin}/`, { method: "POST", body }),
      ]);
      const expected = createHash("sha256").update(body).digest("hex");
      assertEquals([received, whole], [expected, expected]);
    }));
    assertEquals(server.connections, 1);
  });

  it("lets the server say how many go at once, and the priority who is next", async () => {
    const waiting: (() => void)[] = [];
    await using server = await serve({
      settings: { maxConcurrentStreams: 1 },
      routes: { "/held": (stream) => waiting.push(() => void (stream.respond(), stream.end())) },
    });
    await using session = open();
    await textAt(session, `${server.origin}/first`);
    const held = session.fetch(`${server.origin}/held`);
    await until(() => waiting.length === 1);
    const rest = Promise.all(
      [["low", MessagePriority.LOW], ["a"], ["b"], ["high", MessagePriority.HIGH]].map(([name, priority]) =>
        textAt(session, `${server.origin}/${name}`, { priority: priority as never })
      ),
    );
    await until(() => [...session.messages()].length === 5);
    waiting[0]!();
    await (await held).text();
    await rest;
    assertEquals(server.requests.slice(2), ["GET /high", "GET /a", "GET /b", "GET /low"]);
    assertEquals(server.connections, 1);
  });

  it("cancels one message, pauses another, and lets the rest be", async () => {
    const big = 3 * 1024 * 1024;
    await using server = await serve({
      routes: {
        "/never": () => {},
        "/big": (stream) => {
          stream.respond({ ":status": 200 });
          stream.end(new Uint8Array(big));
        },
      },
    });
    await using session = open();
    const paused = new HttpMessage("GET", `${server.origin}/big`);
    paused.addEventListener("got-headers", () => session.pauseMessage(paused));
    const pausing = session.sendMessage(paused);
    const controller = new AbortController();
    const never = assertRejects(() => session.fetch(`${server.origin}/never`, { signal: controller.signal }));
    await until(() => server.requests.includes("GET /never") && session.isPaused(paused));
    controller.abort();
    await never;
    const whole = await (await session.fetch(`${server.origin}/big`)).arrayBuffer();
    assertEquals([whole.byteLength, paused.responseBody.byteLength, session.isPaused(paused)], [big, 0, true]);
    session.unpauseMessage(paused);
    assertEquals([await pausing, paused.responseBody.byteLength], [HttpStatus.OK, big]);
    assertEquals([server.connections, session.connections[0]!.state], [1, "idle"]);
  });

  it("goes on with an unread response on the connection, and gives a dropped one up", async () => {
    await using server = await serve({
      settings: { maxConcurrentStreams: 1 },
      routes: { "/more": (stream) => void (stream.respond({ ":status": 200 }), stream.write("begun")) },
    });
    await using session = open();
    await textAt(session, `${server.origin}/first`);
    const unread = await session.fetch(`${server.origin}/more`);
    assertEquals(await textAt(session, `${server.origin}/second`), "GET /second 2 0");
    await unread.body!.cancel();
    assertEquals(await textAt(session, `${server.origin}/third`), "GET /third 1 0".replace("1", "2"));
  });

  it("sends what belongs elsewhere on another connection, once", async () => {
    await using server = await serve({
      routes: {
        "/misdirected": (stream, _path, { sessions }) => {
          stream.respond({ ":status": stream.session === sessions[0] ? 421 : 200 });
          stream.end("here");
        },
        "/nowhere": (stream) => void (stream.respond({ ":status": 421 }), stream.end("not here")),
      },
    });
    await using session = open();
    const post = { method: "POST", body: "sent twice" };
    assertEquals([await textAt(session, `${server.origin}/misdirected`, post), server.connections], ["here", 2]);
    const nowhere = new HttpMessage("GET", `${server.origin}/nowhere`);
    assertEquals([await session.sendMessage(nowhere), nowhere.metrics.attempts], [421, 2]);
  });

  it("never sends a POST twice that the server may have seen, and a GET on a stale connection again", async () => {
    let breaks = 0;
    await using server = await serve({
      routes: {
        "/break": (stream, _path, { breakOff }) => {
          if (breaks-- > 0) breakOff();
          else void (stream.respond({ ":status": 200 }), stream.end("again"));
        },
      },
    });
    await using session = open();
    await textAt(session, `${server.origin}/one`);
    breaks = 1;
    const post = new HttpMessage("POST", `${server.origin}/break`, { body: "once" });
    assertEquals(await session.sendMessage(post), HttpStatus.IO_ERROR);
    await textAt(session, `${server.origin}/two`);
    breaks = 1;
    assertEquals(await textAt(session, `${server.origin}/break`), "again");
    const sent = server.requests.filter((each) => each.endsWith("/break"));
    assertEquals(sent, ["POST /break", "GET /break", "GET /break"]);
  });

  it("takes leave with the server and goes on elsewhere", async () => {
    await using server = await serve();
    await using session = open();
    await textAt(session, `${server.origin}/one`);
    server.sessions[0]!.close();
    await until(() => session.connections.length === 0);
    assertEquals(await textAt(session, `${server.origin}/two`), "GET /two 2 0");
  });

  it("opens a new connection where one is asked for, and shares that too", async () => {
    await using server = await serve();
    await using session = open();
    await textAt(session, `${server.origin}/one`);
    const fresh = new HttpMessage("GET", `${server.origin}/new`, { flags: [MessageFlags.NEW_CONNECTION] });
    await session.sendMessage(fresh);
    assertEquals([server.connections, session.connections.length], [2, 2]);
    const free = new HttpMessage("GET", `${server.origin}/free`, { flags: [MessageFlags.IGNORE_CONNECTION_LIMITS] });
    await session.sendMessage(free);
    assertEquals(server.connections, 2);
    session.abort();
    assertEquals(session.connections, []);
  });

  it("gives trailers and informational responses", async () => {
    await using server = await serve({
      routes: {
        "/trailers": (stream) => {
          stream.additionalHeaders({ ":status": 103, "link": "</style.css>" });
          stream.respond({ ":status": 200 }, { waitForTrailers: true });
          stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
          stream.end("body");
        },
      },
    });
    await using session = open();
    const msg = new HttpMessage("GET", `${server.origin}/trailers`);
    const early: string[] = [];
    msg.addEventListener("got-informational", ({ headers, status }) => early.push(`${status} ${headers.get("link")}`));
    assertEquals(await session.sendMessage(msg), HttpStatus.OK);
    assertEquals([early, msg.trailers?.get("x-sum")], [["103 </style.css>"], "42"]);
  });
});

describe("a session over HTTP/2 to nginx", { skip: nginxPath === null ? "nginx is not installed" : false }, () => {
  it("has it by choice of the server, and the answers of HTTP/1.1", async () => {
    await using nginx = await startNginx({ certificate: certificates.good, http2: true });
    await using session = open();
    const msg = new HttpMessage("GET", `${nginx.tlsOrigin}/small`);
    assertEquals(await session.sendMessage(msg), HttpStatus.OK);
    assertEquals([msg.httpVersion, session.connections.map(({ protocol }) => protocol)], ["2", ["h2"]]);
    const answer = await session.fetch(`${nginx.tlsOrigin}/echo`, { method: "POST", body: "abc" });
    assertStringIncludes(await answer.text(), "POST /echo");
    assertEquals((await session.fetch(`${nginx.tlsOrigin}/status/404`)).status, 404);
    assertEquals((await session.fetch(`${nginx.tlsOrigin}/redirect/echo`)).redirected, true);
    assertEquals(session.connections.length, 1);
  });

  it("is refused by one that does not speak it, when it is required", async () => {
    await using nginx = await startNginx({ certificate: certificates.good });
    await using session = open({ http2: "required" });
    const msg = new HttpMessage("GET", `${nginx.tlsOrigin}/echo`);
    assertEquals(await session.sendMessage(msg), HttpStatus.TLS_FAILED);
    await using plain = open();
    assertEquals((await plain.fetch(`${nginx.tlsOrigin}/echo`)).status, 200);
    assertEquals(plain.connections[0]!.protocol, "http/1.1");
  });

  it("holds for messages that are sent synchronously", async () => {
    const server = "http2_max_concurrent_streams 8;";
    await using nginx = await startNginx({ certificate: certificates.good, http2: true, server });
    await using session = open();
    const msg = new HttpMessage("GET", `${nginx.tlsOrigin}/small`);
    assertEquals(session.sendMessageSync(msg), HttpStatus.OK);
    assertEquals([msg.httpVersion, new TextDecoder().decode(msg.responseBody)], ["2", "a small response body"]);
  });

  it("follows a server that closes its connections after some requests", async () => {
    const server = "keepalive_requests 20;";
    await using nginx = await startNginx({ certificate: certificates.good, http2: true, server });
    await using session = open();
    const statuses = await Promise.all(Array.from({ length: 150 }, async () => {
      const response = await session.fetch(`${nginx.tlsOrigin}/small`);
      return `${response.status} ${await response.text()}`;
    }));
    assertEquals(new Set(statuses), new Set(["200 a small response body"]));
  });
});

describe("a session over HTTP/2 to Apache", { skip: apacheSkip }, () => {
  it("has passwords asked for, sends bodies, and goes on when the server begins anew", async () => {
    await using apache = await startApache("alice", "s\u00e9cret", certificates.good);
    await using session = open({ http2: "required" });
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      if (!retrying) auth.authenticate("alice", "s\u00e9cret");
    });
    for (const realm of ["basic", "digest"]) {
      const texts = await Promise.all(
        Array.from({ length: 20 }, () => textAt(session, `${apache.tlsOrigin}/${realm}/page.txt`)),
      );
      assertEquals(new Set(texts), new Set([`the ${realm} page`]));
    }
    assertEquals(session.connections.map(({ protocol }) => protocol), ["h2"]);
    const body = new Uint8Array(3_000_000).fill(7);
    const post = new HttpMessage("POST", `${apache.tlsOrigin}/digest/page.txt`, { body });
    assertEquals([await session.sendMessage(post), post.httpVersion], [HttpStatus.OK, "2"]);
    const first = session.connections[0]!.id;
    apache.restart();
    // Its GOAWAY may come before, between or behind these.
    do {
      assertEquals(await textAt(session, `${apache.tlsOrigin}/open/page.txt`), "the open page");
    } while (session.connections[0]?.id === first);
  });
});
