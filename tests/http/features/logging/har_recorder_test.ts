import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { type HarEntry, HarRecorder } from "../../../../http/features/logging/har_recorder.ts";
import { Logger } from "../../../../http/features/logging/logger.ts";
import { HttpCache } from "../../../../http/features/cache/http_cache.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { MockTransport } from "../../../../http/features/mock_transport.ts";
import { Retry } from "../../../../http/features/retry.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { ask, featureBench, WAYS } from "../../../_support/feature_session.ts";
import { freePort } from "../../../_support/server_programs.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";

/** A logger and what it has written, start lines alone at the level "minimal". */
function linesOf(level: "minimal" | "body"): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const printer = (_level: string, direction: string, line: string) => {
    if (direction === "<" && (level === "body" || line.startsWith("HTTP"))) lines.push(`${direction} ${line}`);
  };
  return { lines, logger: new Logger({ level, printer }) };
}

async function record(har: HarRecorder, answer: () => Response, msg: HttpMessage): Promise<HarEntry> {
  await using session = new HttpSession({ features: [new MockTransport(answer), har] });
  await session.sendMessage(msg);
  return har.entries.at(-1)!;
}

describe("HarRecorder", () => {
  it("writes an archive of version 1.2 that names this library", () => {
    const archive = JSON.parse(JSON.stringify(new HarRecorder()));
    const { version } = JSON.parse(readFileSync(new URL("../../../../deno.json", import.meta.url), "utf8"));
    assertEquals(archive, { log: { version: "1.2", creator: { name: "gp11", version }, entries: [] } });
  });

  it("has each hop of a redirect as it was sent, whoever follows it", async () => {
    await using server = await socketServer((request, socket) =>
      void socket.write(
        request.target.startsWith("/old") ? reply("302 Found", "moved", ["Location: /new"]) : reply("200 OK", "hello"),
      )
    );
    const init = { method: "POST", headers: { "content-type": "text/plain" }, body: "x=1" };
    const ways: ((session: HttpSession, url: string) => Promise<unknown>)[] = [
      async (session, url) => await (await session.fetch(url, init)).text(),
      async (session, url) => await session.sendMessage(new HttpMessage("POST", url, init)),
    ];
    for (const send of ways) {
      const har = new HarRecorder();
      await using session = new HttpSession({ features: [har] });
      await send(session, `${server.origin}/old?q=1`);
      const shown = har.entries.map(({ request, response }) => [
        `${request.method} ${request.url.slice(server.origin.length)} ${response.status}`,
        request.queryString.length,
        request.postData?.text,
        request.headers.some(({ name }) => name === "content-type"),
      ]);
      assertEquals(shown, [["POST /old?q=1 302", 1, "x=1", true], ["GET /new 200", 0, undefined, false]]);
    }
  });

  it("records request, response and times of a message over the network", async () => {
    for (const connectionTimings of [false, true]) {
      await using server = await socketServer((_request, socket) =>
        void socket.write(reply("200 OK", "hello", ["Content-Type: text/plain", "Set-Cookie: id=secret; Path=/"]))
      );
      const har = new HarRecorder({ connectionTimings });
      await using session = new HttpSession({ features: [har] });
      const before = Date.now();
      const headers = { "content-type": "application/json", "x-own": "1" };
      await session.sendMessage(new HttpMessage("POST", `${server.origin}/p?a=1&b=2#c`, { headers, body: '{"a":1}' }));
      const [entry] = har.entries;
      assert(entry);
      const { request, response, timings, time, startedDateTime, connection } = entry;
      assertEquals([request.method, request.url, request.httpVersion], [
        "POST",
        `${server.origin}/p?a=1&b=2`,
        "HTTP/1.1",
      ]);
      assertEquals(request.queryString, [{ name: "a", value: "1" }, { name: "b", value: "2" }]);
      assertEquals(request.postData, { mimeType: "application/json", text: '{"a":1}', params: [] });
      assertEquals([request.bodySize, request.headers.find(({ name }) => name === "x-own")?.value], [7, "1"]);
      assertEquals([response.status, response.statusText, response.redirectURL], [200, "OK", ""]);
      assertEquals(response.content, { size: 5, mimeType: "text/plain", text: "hello" });
      assertEquals([response.bodySize, response.cookies], [5, [{ name: "id", value: "****" }]]);
      const startedAt = Date.parse(startedDateTime);
      assert(startedAt >= before && startedAt <= Date.now(), startedDateTime);
      assert(time > 0 && timings.wait > 0 && timings.receive >= 0 && timings.blocked >= 0);
      assertEquals(connectionTimings, timings.connect > 0 && timings.dns >= 0);
      assert(Math.abs(time - [...Object.values(timings)].reduce((sum, part) => sum + Math.max(part, 0), 0)) < 0.01);
      assert(Number(connection) > 0);
    }
  });

  it("makes an entry of each attempt", async () => {
    const har = new HarRecorder();
    const answers = [new Response("gone", { status: 302, headers: { location: "/there" } }), new Response("here")];
    await record(har, () => answers.shift()!, new HttpMessage("GET", "http://a.example/"));
    assertEquals(har.entries.map(({ request, response }) => [request.url, response.status, response.redirectURL]), [
      ["http://a.example/", 302, "/there"],
      ["http://a.example/there", 200, ""],
    ]);
    har.clear();
    assertEquals(har.toJSON().log.entries, []);
  });

  it("records responses that were repeated, wherever the feature that repeats them stands", async () => {
    for (const isFirst of [true, false]) {
      const har = new HarRecorder();
      const retry = new Retry({ baseDelay: 0 });
      const answers = [
        new Response("x".repeat(100_000), { status: 503, headers: { "x-try": "1" } }),
        new Response("y"),
      ];
      await using session = new HttpSession({
        features: [new MockTransport(() => answers.shift()!), ...isFirst ? [retry, har] : [har, retry]],
      });
      await session.sendMessage(new HttpMessage("GET", "http://a.example/"));
      assertEquals(har.entries.map(({ response }) => response.status), [503, 200]);
      assertEquals(har.entries[0]!.response.headers.find(({ name }) => name === "x-try")?.value, "1");
    }
  });

  it("marks what a cache has answered, and says that none had an answer", async () => {
    const har = new HarRecorder();
    const cache = new HttpCache();
    const server = new MockTransport(({ headers }) =>
      headers.has("if-none-match")
        ? new Response(null, { status: 304 })
        : new Response("hello", { headers: { "cache-control": "max-age=60", etag: '"1"' } })
    );
    await using session = new HttpSession({ features: [server, cache, har] });
    const ask = async (cache: RequestCache) => {
      await (await session.fetch("http://example.com/", { cache })).text();
      const { _fromCache, comment, connection, response: { bodySize, content, status } } = har.entries.at(-1)!;
      return [_fromCache, comment, connection !== undefined, status, content.size, bodySize > 0];
    };
    const none = "no cache had an answer, no server was asked";
    assertEquals(await ask("only-if-cached"), [undefined, none, false, 504, 0, false]);
    assertEquals(await ask("default"), [undefined, undefined, true, 200, 5, true]);
    assertEquals(await ask("default"), [true, undefined, false, 200, 5, false]);
    // What the server has confirmed went over the network.
    assertEquals((await ask("no-cache")).slice(0, 4), [undefined, undefined, true, 200]);
    assertEquals(await ask("only-if-cached"), [true, undefined, false, 200, 5, false]);
    await using other = new HttpSession({ features: [cache, har] });
    const msg = new HttpMessage("GET", "http://example.com/");
    assertEquals([other.sendMessageSync(msg), har.entries.at(-1)!._fromCache], [200, true]);
  });

  it("records failures with the session's status and reason", async () => {
    const har = new HarRecorder();
    await using session = new HttpSession({ features: [har] });
    await session.sendMessage(new HttpMessage("GET", `http://127.0.0.1:${await freePort()}/`));
    const { response } = har.entries[0]!;
    assertEquals([response.status, response._transportStatus], [0, HttpStatus.CANT_CONNECT]);
    assert(response._error?.startsWith("Cannot connect to destination"));
    const cancelled = new HttpMessage("GET", "http://127.0.0.1:1/");
    session.queueMessage(cancelled);
    await Promise.resolve();
    session.cancelMessage(cancelled);
    assertEquals(har.entries[1]?.response._transportStatus, HttpStatus.CANCELLED);
  });

  it("says why an attempt on a connection that was dead had no response, whichever way it was sent", async () => {
    for (const way of WAYS) {
      const har = new HarRecorder();
      const { lines, logger } = linesOf("minimal");
      await using bench = await featureBench((_request, socket) => {
        const isFirst = bench.server.requests.filter(({ connection }) =>
          connection === bench.server.requests.at(-1)!.connection
        ).length === 1;
        if (isFirst) socket.write(reply("200 OK", "hello"));
        else socket.destroy();
      }, { transport: "node", features: [har, logger] });
      for (let request = 0; request < 2; request++) await ask(bench.session, way, bench.url);
      const shown = har.entries.map(({ response }) => [response.status, (response._transportStatus ?? 100) < 100]);
      assertEquals(shown, [[200, false], [0, true], [200, false]], way);
      const { _error: error, _transportStatus: status } = har.entries[1]!.response;
      assertEquals([status, error], [HttpStatus.IO_ERROR, "Connection terminated unexpectedly"], way);
      assertEquals(lines[1], `< HTTP/1.1 ${status} ${error}`);
    }
  });

  it("keeps the status of a response that was left or has broken off, and what had arrived", async () => {
    const har = new HarRecorder();
    const { lines, logger } = linesOf("body");
    await using server = await socketServer(({ target }, socket) => {
      const length = target === "/cut" ? 100 : 100_000;
      socket.write(`HTTP/1.1 201 Made\r\nContent-Length: ${length}\r\nX-Own: 1\r\n\r\n`);
      socket.write("beginning", () => target === "/cut" && setTimeout(() => socket.destroy(), 20));
    });
    await using session = new HttpSession({ transport: "node", features: [har, logger] });
    const reader = (await session.fetch(`${server.origin}/left`)).body!.getReader();
    assertEquals((await reader.read()).value?.byteLength, 9);
    await reader.cancel();
    await assertRejects(async () => await (await session.fetch(`${server.origin}/cut`)).text());
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/cut`));
    const broken = [HttpStatus.IO_ERROR, "Connection terminated unexpectedly"];
    const left = [HttpStatus.CANCELLED, "Cancelled"];
    assertEquals(
      har.entries.map(({ response: { _error, _transportStatus, content, status, statusText } }) => [
        ...[status, statusText, content.text],
        ...[_transportStatus, _error],
      ]),
      [left, broken, broken].map((end) => [201, "Made", "beginning", ...end]),
    );
    assertEquals(lines.filter((line) => /^< (HTTP|beginning|Soup-Debug:)/.test(line)), [
      ...["< HTTP/1.1 201 Made", "< Soup-Debug: SoupMessage 1, broken off: 1 Cancelled", "< beginning"],
      ...["< HTTP/1.1 201 Made", "< Soup-Debug: SoupMessage 2, broken off: 7 Connection terminated unexpectedly"],
      "< beginning",
      ...["< HTTP/1.1 201 Made", "< Soup-Debug: SoupMessage 3, broken off: 7 Connection terminated unexpectedly"],
      "< beginning",
    ]);
  });

  it("records what session.fetch handed out, and decoded contents with their size on the wire", async () => {
    const packed = gzipSync("again ".repeat(1000));
    await using server = await socketServer((_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.byteLength}\r\n\r\n`);
      socket.write(packed);
    });
    const har = new HarRecorder();
    await using session = new HttpSession({ transport: "node", features: [har] });
    assertEquals((await (await session.fetch(server.origin)).text()).length, 6000);
    const { content, bodySize } = har.entries[0]!.response;
    assertEquals([content.size, content.compression, bodySize], [6000, 6000 - packed.byteLength, packed.byteLength]);
    assertEquals(content.text?.length, 6000);
  });

  it("keeps bytes that are no text in Base64, and cuts long bodies", async () => {
    const bytes = new Uint8Array([0xff, 0xfe, 0, 1]);
    const binary = await record(
      new HarRecorder(),
      () => new Response(bytes),
      new HttpMessage("GET", "http://a.example/"),
    );
    assertEquals(binary.response.content, { size: 4, mimeType: "", text: "//4AAQ==", encoding: "base64" });
    const msg = new HttpMessage("PUT", "http://a.example/", { body: "0123456789" });
    const cut = await record(new HarRecorder({ maxBodySize: 4 }), () => new Response("\u20ac\u20ac\u20ac"), msg);
    assertEquals([cut.response.content.text, cut.response.content.size], ["\u20ac", 9]);
    assertEquals([cut.response.content.comment, cut.request.postData?.text], [
      "5 more bytes were not recorded",
      "0123",
    ]);
    const none = await record(
      new HarRecorder({ maxBodySize: 0 }),
      () => new Response("abc"),
      new HttpMessage("GET", "http://a.example/"),
    );
    assertEquals([none.response.content.size, none.response.content.text ?? ""], [3, ""]);
  });

  it("hides credentials, cookies and tokens unless told to show them", async () => {
    const headers = { authorization: "Bearer abcdef", cookie: "sid=hush; b=c", "x-api-key": "k3y", "x-mine": "m1ne" };
    const make = () =>
      new HttpMessage("POST", "http://user:pw@a.example/?access_token=t0ken&x=1", {
        headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
        body: "user=u&password=p4ss",
      });
    const answer = () =>
      Response.json({ refresh_token: "r3fresh", id: 5 }, {
        headers: { "set-cookie": "s=s3cret", location: "/?code=c0de" },
      });
    const secrets = ["abcdef", "hush", "k3y", "m1ne", "t0ken", "p4ss", "r3fresh", "s3cret", "c0de", "user:pw"];
    const hidden = new HarRecorder({ hiddenHeaders: ["X-Mine"] });
    await record(hidden, answer, make());
    for (const secret of secrets) assertFalse(JSON.stringify(hidden).includes(secret), secret);
    assertEquals(hidden.entries[0]!.request.cookies.map(({ name }) => name), ["sid", "b"]);
    assert(JSON.stringify(hidden).includes("x=1"));
    const shown = new HarRecorder({ showSecrets: true });
    await record(shown, answer, make());
    for (const secret of secrets.slice(0, -1)) assert(JSON.stringify(shown).includes(secret), secret);
    assertFalse(JSON.stringify(shown).includes("user:pw"));
  });

  it("keeps no more entries than it may", async () => {
    const har = new HarRecorder({ maxEntries: 3 });
    for (let i = 0; i < 5; i++) {
      await record(har, () => new Response(), new HttpMessage("GET", `http://a.example/${i}`));
    }
    assertEquals(har.entries.map(({ request }) => request.url.slice(-1)), ["2", "3", "4"]);
    assertThrows(() => new HarRecorder({ maxEntries: 0 }), RangeError, "maxEntries to 0");
    assertThrows(() => new HarRecorder({ maxBodySize: 1.5 }), RangeError, "maxBodySize to 1.5");
  });
});
