import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertIsError,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { NotSupportedError } from "../../../http/errors.ts";
import type { SessionFeature } from "../../../http/contract/feature.ts";
import { HttpMessage, MessageFlags } from "../../../http/message/message.ts";
import { MockTransport } from "../../../http/features/mock_transport.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { firstLine } from "../../_support/child_program.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { until } from "../../_support/http_sessions.ts";
import { stopChild } from "../../_support/server_programs.ts";

// The server must live in another process: while a message is sent synchronously this one answers nobody.
const SERVER = `
const http = require("node:http");
const zlib = require("node:zlib");
let connections = 0, seen = [];
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => body += chunk);
  request.on("end", () => {
    seen.push(request.method + " " + request.url);
    const { url } = request;
    if (url === "/redirect") return response.writeHead(302, { location: "/echo" }).end("moved");
    if (url === "/loop") return response.writeHead(302, { location: "/loop" }).end();
    if (url === "/gzip") return response.writeHead(200, { "content-encoding": "gzip" }).end(zlib.gzipSync("unpacked"));
    if (url === "/hang") return;
    if (url === "/big") return response.end("x".repeat(300_000));
    if (url === "/reset") return request.socket.destroy();
    if (url === "/seen") return response.end(JSON.stringify({ connections, seen }));
    if (url === "/private") {
      if (request.headers.authorization === "Basic dXNlcjpwYXNz") return response.end("come in");
      return response.writeHead(401, { "www-authenticate": 'Basic realm="here"' }).end("who are you");
    }
    response.setHeader("x-method", request.method);
    response.end(JSON.stringify({ url, body, agent: request.headers["user-agent"] ?? null, own: request.headers["x-own"] ?? null }));
  });
});
server.keepAliveTimeout = 0;
server.on("connection", () => connections++);
server.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + server.address().port));
process.stdin.on("end", () => process.exit());
process.stdin.resume();
`;

let server: ChildProcess;
let origin = "";

before(async () => {
  const args = process.versions["deno"] ? ["eval", "--ext=cjs", SERVER] : ["-e", SERVER];
  server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  origin = await firstLine(server);
});
after(() => stopChild(server));

function text(msg: HttpMessage): string {
  return new TextDecoder().decode(msg.responseBody);
}

describe("HttpSession.sendMessageSync", () => {
  it("blocks until the response is there", async () => {
    await using session = new HttpSession({ userAgent: "tester/1" });
    const msg = new HttpMessage("PUT", `${origin}/echo`, { headers: { "x-own": "yes" }, body: "up" });
    let ticked = false;
    queueMicrotask(() => ticked = true);
    assertEquals(session.sendMessageSync(msg), 200);
    assertEquals(ticked, false);
    assertEquals(JSON.parse(text(msg)), { url: "/echo", body: "up", agent: "tester/1", own: "yes" });
    assertEquals([msg.reasonPhrase, msg.responseHeaders.get("x-method"), msg.error], ["OK", "PUT", null]);
    const { attempts, finished, firstByte, queued, requestBodyBytes, responseBodyBytes, started } = msg.metrics;
    assertEquals([attempts, requestBodyBytes, responseBodyBytes], [1, 2, msg.responseBody.byteLength]);
    assert(queued > 0 && started >= queued - 1 && firstByte >= started && finished >= firstByte);
    assert(msg.metrics.responseHeaderBytes > "x-method: PUT".length);
  });

  it("tells the events in their order after it has returned, with the message as it was then", async () => {
    for (const transport of ["node", "fetch"] as const) {
      await using session = new HttpSession({ transport });
      const events: string[] = [];
      for (const type of ["request-queued", "connection-created", "request-started", "request-unqueued"] as const) {
        session.addEventListener(type, () => events.push(type));
      }
      const msg = new HttpMessage("GET", `${origin}/redirect`);
      for (const type of ["wrote-headers", "wrote-body", "got-headers", "got-body", "restarted", "finished"] as const) {
        msg.addEventListener(type, () => events.push(`${type} ${msg.statusCode}`));
      }
      msg.addEventListener("got-chunk", ({ chunk }) => events.push(`got-chunk ${chunk.byteLength > 0}`));
      assertEquals([session.sendMessageSync(msg), events], [200, []]);
      await Promise.resolve();
      assertEquals(events, [
        ...["request-queued", "connection-created", "request-started", "wrote-headers 0", "wrote-body 0"],
        ...["got-headers 302", "got-chunk true", "got-body 302", "restarted 302"],
        ...["request-started", "wrote-headers 0", "wrote-body 0", "got-headers 200", "got-chunk true", "got-body 200"],
        ...["finished 200", "request-unqueued"],
      ]);
      assertEquals([msg.statusCode, msg.uri.pathname], [200, "/echo"]);
    }
  });

  it("uses one connection for one send after another", async () => {
    await using session = new HttpSession();
    const connectionsNow = () => {
      const msg = new HttpMessage("GET", `${origin}/seen`);
      session.sendMessageSync(msg);
      return (JSON.parse(text(msg)) as { connections: number }).connections;
    };
    const first = connectionsNow();
    for (let i = 0; i < 5; i++) session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`));
    assertEquals(connectionsNow(), first);
  });

  it("ends failures with the status, the reason and the original error", async () => {
    await using session = new HttpSession({ transport: "node" });
    const cases: [string, number, string][] = [
      ["http://no-such-host.invalid/", HttpStatus.CANT_RESOLVE, "ENOTFOUND"],
      [`${origin}/reset`, HttpStatus.IO_ERROR, ""],
      [`${origin}/hang`, HttpStatus.IO_ERROR, ""],
      [`${origin}/loop`, HttpStatus.TOO_MANY_REDIRECTS, ""],
    ];
    for (const [url, status, code] of cases) {
      const msg = new HttpMessage("POST", url, { timeout: url.endsWith("/hang") ? 0.3 : 0 });
      if (status === HttpStatus.TOO_MANY_REDIRECTS) msg.method = "GET";
      assertEquals([url, session.sendMessageSync(msg), msg.statusCode], [url, status, status]);
      assert(msg.reasonPhrase !== "");
      if (code !== "") assertEquals((msg.error as { code?: string }).code, code);
    }
    const timedOut = new HttpMessage("GET", `${origin}/hang`, { timeout: 0.3 });
    session.sendMessageSync(timedOut);
    assertEquals((timedOut.error as Error).name, "TimeoutError");
  });

  it("asks the features on this thread, and sends again when one of them says so", async () => {
    await using session = new HttpSession();
    const asked: [string, string, boolean][] = [];
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      asked.push([auth.scheme, auth.realm, retrying]);
      auth.authenticate("user", retrying ? "pass" : "wrong");
    });
    const msg = new HttpMessage("GET", `${origin}/private`);
    assertEquals([session.sendMessageSync(msg), text(msg)], [200, "come in"]);
    assertEquals(asked, [["Basic", "here", false], ["Basic", "here", true]]);
    const next = new HttpMessage("GET", `${origin}/private`);
    assertEquals([session.sendMessageSync(next), asked.length], [200, 2]);
  });

  it("decodes contents and lets features see and change what is sent", async () => {
    const rounds: string[] = [];
    const feature: SessionFeature = {
      requestQueued: () => void rounds.push("queued"),
      requestStarting: (_session, msg) => {
        rounds.push("starting");
        msg.requestHeaders.set("x-own", "added");
      },
      requestStarted: (_session, _msg, connection) =>
        void rounds.push(`started ${connection.port === Number(new URL(origin).port)}`),
      gotHeaders: (_session, msg) => void rounds.push(`headers ${msg.statusCode}`),
      gotBody: (_session, msg) => void rounds.push(`body ${msg.responseBody.byteLength > 0}`),
      attemptEnded: () => void rounds.push("ended"),
      requestUnqueued: () => void rounds.push("unqueued"),
    };
    await using session = new HttpSession({ features: [feature], transport: "node" });
    const packed = new HttpMessage("GET", `${origin}/gzip`);
    assertEquals([session.sendMessageSync(packed), text(packed)], [200, "unpacked"]);
    assert(packed.flags.has(MessageFlags.CONTENT_DECODED));
    assertEquals(rounds, ["queued", "starting", "started true", "headers 200", "body true", "ended", "unqueued"]);
    const msg = new HttpMessage("GET", `${origin}/echo`);
    session.sendMessageSync(msg);
    assertEquals((JSON.parse(text(msg)) as { own: string }).own, "added");
    session.removeFeature(feature);
    const without = new HttpMessage("GET", `${origin}/echo`);
    session.sendMessageSync(without);
    assertEquals((JSON.parse(text(without)) as { own: string | null }).own, null);
  });

  it("ends a message a feature cancels or fails, with the feature's own error", async () => {
    const broken = new RangeError("no luck");
    const failing: SessionFeature = {
      gotHeaders: () => {
        throw broken;
      },
    };
    await using session = new HttpSession({ features: [failing] });
    const failed = new HttpMessage("GET", `${origin}/echo`);
    assertEquals([session.sendMessageSync(failed), failed.error], [HttpStatus.IO_ERROR, broken]);
    session.removeFeature(failing);
    const cancelling: SessionFeature = { gotHeaders: (owner, msg) => owner.cancelMessage(msg, 418) };
    session.addFeature(cancelling);
    const cancelled = new HttpMessage("GET", `${origin}/echo`);
    assertEquals([session.sendMessageSync(cancelled), cancelled.statusCode], [418, 418]);
    session.removeFeature(cancelling);
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
  });

  it("refuses what it cannot do while the thread is blocked", async () => {
    await using session = new HttpSession();
    const stream = new HttpMessage("POST", `${origin}/echo`, { body: new ReadableStream() });
    assertThrows(() => session.sendMessageSync(stream), TypeError, "stream");
    const later: SessionFeature = { requestStarting: () => Promise.resolve() };
    session.addFeature(later);
    const msg = new HttpMessage("GET", `${origin}/echo`);
    assertEquals(session.sendMessageSync(msg), HttpStatus.IO_ERROR);
    assertInstanceOf(msg.error, NotSupportedError);
    session.removeFeature(later);
    const pausing: SessionFeature = { gotHeaders: (owner, paused) => owner.pauseMessage(paused) };
    session.addFeature(pausing);
    assertEquals(session.sendMessageSync(msg), HttpStatus.IO_ERROR);
    assertIsError(msg.error, NotSupportedError, "pause");
    session.removeFeature(pausing);
    session.addFeature(new MockTransport(() => new Response("x")));
    const error = assertThrows(() => session.sendMessageSync(msg), NotSupportedError);
    assertStringIncludes(error.message, "answers requests");
    session.removeFeatureByType(MockTransport);
    assertEquals(session.sendMessageSync(msg), 200);
  });

  it("counts its connection against the session's limits", async () => {
    await using session = new HttpSession({ maxConns: 1 });
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${origin}/echo`)), 200);
    assertEquals(session.connections.length, 1);
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
    assertEquals(session.connections.length, 0);
    const hanging = new HttpMessage("GET", `${origin}/hang`);
    const waiting = session.sendMessage(hanging);
    await until(() => session.connections.length === 1);
    assertThrows(() => session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), TypeError, "busy");
    session.cancelMessage(hanging);
    await waiting;
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
  });

  it("counts its connection against the limit of its host too", async () => {
    await using session = new HttpSession({ maxConnsPerHost: 1 });
    const hanging = new HttpMessage("GET", `${origin}/hang`);
    const waiting = session.sendMessage(hanging);
    await until(() => session.connections.length === 1);
    assertThrows(() => session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), TypeError, "busy");
    const elsewhere = origin.replace("127.0.0.1", "localhost");
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${elsewhere}/echo`)), 200);
    session.cancelMessage(hanging);
    await waiting;
  });

  it("is not held up by connections that no limit counts", async () => {
    await using session = new HttpSession({ maxConns: 1, maxConnsPerHost: 1 });
    const beyond = new HttpMessage("GET", `${origin}/hang`, { flags: [MessageFlags.IGNORE_CONNECTION_LIMITS] });
    const waiting = session.sendMessage(beyond);
    await until(() => session.connections.length === 1);
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
    session.cancelMessage(beyond);
    await waiting;
  });

  it("waits for no response that its own thread has left unread", async () => {
    for (const path of ["/big", "/echo"]) {
      await using session = new HttpSession({ maxConns: 2, maxConnsPerHost: 2 });
      const unread = await Promise.all([1, 2].map(() => session.fetch(`${origin}${path}`)));
      assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
      const lengths = (await Promise.all(unread.map((response) => response.text()))).map(({ length }) => length);
      assert(lengths.every((length) => length === lengths[0] && length > 10), `${path}: ${lengths}`);
      assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
    }
  });

  it("may be mixed with messages on the queue, and refuses one that is there already", async () => {
    await using session = new HttpSession();
    const queued = new HttpMessage("GET", `${origin}/echo`);
    const sending = session.sendMessage(queued);
    assertThrows(() => session.sendMessageSync(queued), TypeError, "already on a queue");
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
    assertEquals(await sending, 200);
    await session.close();
    assertThrows(() => session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), TypeError, "closed");
  });

  it("may be called in the middle of another message, but not of one that is sent synchronously", async () => {
    const inner: unknown[] = [];
    await using session = new HttpSession();
    const send = (): void => {
      try {
        inner.push(session.sendMessageSync(new HttpMessage("GET", `${origin}/seen`)));
      } catch (error) {
        inner.push((error as Error).message);
      }
    };
    async function* body() {
      yield "a";
      send();
      yield await Promise.resolve("b");
    }
    const outer = new HttpMessage("POST", `${origin}/echo`, { body: body() });
    outer.addEventListener("got-headers", send);
    outer.addEventListener("finished", send);
    const calling: SessionFeature = {
      gotBody: (_session, msg) => {
        if (msg.uri.pathname === "/echo") send();
      },
    };
    session.addFeature(calling);
    assertEquals([await session.sendMessage(outer), inner], [200, [200, 200, 200, 200]]);
    const nested = new HttpMessage("GET", `${origin}/echo`);
    assertEquals(session.sendMessageSync(nested), 200);
    assertStringIncludes(String(inner[4]), "Cannot send synchronously: the session waits for another message");
    session.removeFeature(calling);
    assertEquals(session.sendMessageSync(nested), 200);
  });

  it("asks for its own credentials while another message waits for the same ones", async () => {
    await using session = new HttpSession();
    const outer = new HttpMessage("GET", `${origin}/private`);
    const inner = new HttpMessage("GET", `${origin}/private`);
    const sent: number[] = [];
    session.addEventListener("authenticate", async ({ auth, msg }) => {
      if (msg === inner) return auth.authenticate("user", "pass");
      session.pauseMessage(msg);
      await Promise.resolve();
      sent.push(session.sendMessageSync(inner));
      auth.authenticate("user", "pass");
      session.unpauseMessage(msg);
    });
    assertEquals([await session.sendMessage(outer), sent, text(inner)], [200, [200], "come in"]);
  });

  it("says that its own question must be answered at once", async () => {
    await using session = new HttpSession();
    session.addEventListener("authenticate", ({ msg }) => session.pauseMessage(msg));
    const msg = new HttpMessage("GET", `${origin}/private`);
    assertEquals(session.sendMessageSync(msg), HttpStatus.IO_ERROR);
    assertIsError(msg.error, NotSupportedError, "pause the message");
  });

  it("takes a message from nobody who is sending it, and disturbs nobody", async () => {
    await using session = new HttpSession();
    await using other = new HttpSession();
    const msg = new HttpMessage("GET", `${origin}/echo`);
    const { signal } = new AbortController();
    const sending = session.sendMessage(msg, { signal });
    for (const each of [session, other]) {
      await assertRejects(() => each.sendMessage(msg, { signal }), TypeError, "already on a queue");
      assertThrows(() => each.queueMessage(msg), TypeError, "already on a queue");
      assertThrows(() => each.sendMessageSync(msg), TypeError, "already on a queue");
    }
    assertThrows(() => other.requeueMessage(msg), TypeError, "not on the queue of this session");
    assertThrows(() => other.pauseMessage(msg), TypeError, "not on the queue of this session");
    other.cancelMessage(msg);
    const queued = (own: HttpMessage) => session.queueMessage(own);
    await assertRejects(() => session.fetch(`${origin}/echo`, { prepare: queued }), TypeError, "already on a queue");
    assertEquals([await sending, await other.sendMessage(msg)], [200, 200]);
    const refusals: string[] = [];
    session.addFeature({
      gotHeaders: (_session, own) => {
        for (const send of [() => other.sendMessageSync(own), () => other.queueMessage(own)]) {
          refusals.push(assertThrows(send, TypeError).message.replace(/.*: /, ""));
        }
      },
    });
    assertEquals([session.sendMessageSync(msg), refusals], [200, Array(2).fill("it is already on a queue")]);
  });

  it("tells the end of a message once, whoever ends it", async () => {
    const endings: [string, number, (session: HttpSession, msg: HttpMessage) => void][] = [
      ["requestQueued", 418, (session, msg) => session.cancelMessage(msg, 418)],
      ["gotHeaders", 418, (session, msg) => session.cancelMessage(msg, 418)],
      ["requestStarting", HttpStatus.CANCELLED, (session) => session.abort()],
      ["requestQueued", HttpStatus.CANCELLED, (session) => void session.close()],
      ["gotHeaders", HttpStatus.CANCELLED, (session) => void session.close()],
    ];
    let session = new HttpSession();
    for (const [hook, status, end] of endings) {
      const events: string[] = [];
      const feature: SessionFeature = {
        [hook]: (_session: unknown, msg: HttpMessage) => end(session, msg),
        requestUnqueued: () => void events.push("unqueued"),
      };
      session.addFeature(feature);
      const msg = new HttpMessage("GET", `${origin}/echo`);
      const tell = (event: Event): void => void events.push(`${event.type} ${msg.statusCode}`);
      msg.addEventListener("finished", tell);
      session.addEventListener("request-unqueued", tell);
      assertEquals([hook, session.sendMessageSync(msg), msg.statusCode, events], [hook, status, status, ["unqueued"]]);
      await Promise.resolve();
      assertEquals(events.slice(1), [`finished ${status}`, `request-unqueued ${status}`]);
      session.removeFeature(feature);
      session.removeEventListener("request-unqueued", tell);
      if (session.closed) session = new HttpSession();
    }
    await session.close();
  });

  it("tells the end of a message too that ends with an error of the call", async () => {
    await using session = new HttpSession({ lookup: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]) });
    const msg = new HttpMessage("GET", origin.replace("127.0.0.1", "localhost"));
    const events: string[] = [];
    const tell = (event: Event): void => void events.push(event.type);
    msg.addEventListener("finished", tell);
    session.addEventListener("request-queued", tell);
    session.addEventListener("request-unqueued", tell);
    assertThrows(() => session.sendMessageSync(msg), NotSupportedError, "it answers later");
    assertEquals(events, []);
    await Promise.resolve();
    assertEquals(events, ["request-queued", "finished", "request-unqueued"]);
  });

  it("announces a message to every feature before its end, whichever ends it", async () => {
    await using session = new HttpSession();
    const hooks: string[] = [];
    for (const name of ["first", "second"]) {
      session.addFeature({
        requestQueued(each, msg) {
          hooks.push(`${name} queued`);
          if (name === "first") each.cancelMessage(msg);
        },
        requestUnqueued: () => void hooks.push(`${name} unqueued`),
      });
    }
    assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), HttpStatus.CANCELLED);
    assertEquals(hooks, ["first queued", "second queued", "first unqueued", "second unqueued"]);
  });

  it("leaves to a message what its listeners make of it", async () => {
    await using session = new HttpSession();
    const msg = new HttpMessage("GET", `${origin}/redirect`);
    const methods: string[] = [];
    msg.addEventListener("finished", () => {
      methods.push(msg.method);
      if (methods.length === 3) return;
      msg.method = methods.length === 1 ? "PUT" : "POST";
      if (methods.length === 1) session.sendMessageSync(msg);
      else session.queueMessage(msg);
    });
    session.sendMessageSync(msg);
    await new Promise((resolve) =>
      session.addEventListener("request-unqueued", () => methods.length === 3 && resolve(0))
    );
    assertEquals([methods, msg.responseHeaders.get("x-method")], [["GET", "PUT", "POST"], "POST"]);
  });

  it("ends with the reason of its signal when a hook aborts it", async () => {
    await using session = new HttpSession();
    const controller = new AbortController();
    const reason = new Error("enough");
    session.addFeature({ gotHeaders: () => controller.abort(reason) });
    const msg = new HttpMessage("GET", `${origin}/echo`);
    for (let time = 0; time < 2; time++) {
      assertStrictEquals(
        assertThrows(() => session.sendMessageSync(msg, { signal: controller.signal })),
        reason,
      );
    }
    assertEquals([msg.statusCode, msg.error], [HttpStatus.CANCELLED, reason]);
  });

  const skip = collectGarbage === null ? "nothing here collects garbage when told" : false;
  it("does not keep a session that nobody can reach any more", { skip }, async () => {
    const gone = (() => {
      const session = new HttpSession();
      assertEquals(session.sendMessageSync(new HttpMessage("GET", `${origin}/echo`)), 200);
      return new WeakRef(session);
    })();
    await until(() => {
      collectGarbage!();
      return gone.deref() === undefined;
    });
  });

  it("keeps large bodies whole in both directions", async () => {
    await using session = new HttpSession();
    const msg = new HttpMessage("POST", `${origin}/echo`, { body: "x".repeat(3_000_000) });
    assertEquals(session.sendMessageSync(msg), 200);
    assertEquals((JSON.parse(text(msg)) as { body: string }).body.length, 3_000_000);
  });
});
