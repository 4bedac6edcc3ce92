// Messages and what a session does with them: redirects by the manual's rules, cancelling, limits, progress, listeners that throw.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { HttpMessage, HttpStatus, MessageFlags, type MessagePriority, NotSupportedError } from "../../../http/mod.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until, wait } from "../../_support/http_sessions.ts";

const text = (msg: HttpMessage) => new TextDecoder().decode(msg.responseBody);

describe("HttpMessage", () => {
  it("takes its fields and body under fetch's names and under its own", () => {
    const bytes = new TextEncoder().encode("hi");
    for (
      const init of [{ headers: { "x-a": "1" }, body: "hi" }, { requestHeaders: { "x-a": "1" }, requestBody: bytes }]
    ) {
      const msg = new HttpMessage("POST", "http://example.com/", init);
      assertEquals(msg.requestHeaders.get("x-a"), "1");
      assertEquals(msg.requestBody, bytes);
    }
  });

  it("refuses methods that are no token and URIs that are none", () => {
    for (const method of ["", "G T", "GET\r\n", "GÜT", "A:B"]) {
      assertThrows(() => new HttpMessage(method, "http://h/"), TypeError);
    }
    assertThrows(() => new HttpMessage("GET", "nowhere"), TypeError);
    const msg = new HttpMessage("GET", "http://h/");
    assertThrows(() => msg.method = "a b", TypeError);
    assertThrows(() => msg.priority = 9 as MessagePriority, RangeError);
    assertThrows(() => msg.requestHeaders.set("a", "b\nc"), TypeError);
  });

  it("copies byte bodies when they are given", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const msg = new HttpMessage("PUT", "http://h/", { body: bytes });
    bytes[0] = 9;
    assertEquals(msg.requestBody, new Uint8Array([1, 2, 3]));
  });

  it("comes from a Request and becomes a Response", () => {
    const msg = HttpMessage.fromRequest(new Request("http://h/p", { method: "POST", body: "x", headers: { a: "b" } }));
    assertEquals([msg.method, msg.uri.href, msg.requestHeaders.get("a")], ["POST", "http://h/p", "b"]);
    assert(msg.requestBody instanceof ReadableStream);
    assertThrows(() => msg.toResponse(), TypeError);
  });

  it("runs guarded handlers only when header or status are there", () => {
    const msg = new HttpMessage("GET", "http://h/");
    const seen: string[] = [];
    msg.addHeaderHandler("got-headers", "x-a", () => seen.push("header"));
    msg.addStatusCodeHandler("got-headers", 404, () => seen.push("status"));
    msg.dispatchEvent(new Event("got-headers"));
    msg.responseHeaders.set("x-a", "1");
    msg.setStatus(404);
    msg.dispatchEvent(new Event("got-headers"));
    assertEquals(seen, ["header", "status"]);
  });
});

for (const transport of transports) {
  describe(`messages on ${transport}`, () => {
    let server: SocketServer;
    let other: SocketServer;
    before(async () => {
      other = await routeServer();
      server = await routeServer({
        "/away": (_request, socket) => socket.write(reply("302 Found", "", [`Location: ${other.origin}/head`])),
        "/folder/start": (_request, socket) => {
          socket.write(reply("307 Temporary Redirect", "moved", ["Location: below/end"]));
        },
        "/folder/below/end": (_request, socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
        "/bare": (_request, socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
        "/headers": (_request, socket) => {
          const field = `X-Long: ${"h".repeat(8000)}\r\n`;
          socket.write(`HTTP/1.1 200 OK\r\n${field.repeat(1300)}Content-Length: 0\r\n\r\n`);
        },
      });
    });
    after(() => Promise.all([server.close(), other.close()]));
    const message = (path: string, method = "GET") => new HttpMessage(method, server.origin + path);

    it("redirects follow the manual's rules for every method", async () => {
      await using session = sessionOn(transport);
      const outcome = async (method: string, path: string) => {
        const msg = message(path, method);
        if (method !== "GET" && method !== "HEAD" && method !== "DELETE") msg.requestBody = "x";
        await session.sendMessage(msg);
        return `${msg.statusCode} ${msg.method}`;
      };
      assertEquals(await outcome("GET", "/301"), "200 GET");
      assertEquals(await outcome("POST", "/301"), "200 GET");
      assertEquals(await outcome("PUT", "/301"), "301 PUT");
      assertEquals(await outcome("DELETE", "/301"), "301 DELETE");
      assertEquals(await outcome("PUT", "/302"), "200 GET");
      assertEquals(await outcome("DELETE", "/302"), "200 GET");
      assertEquals(await outcome("POST", "/303"), "200 GET");
      assertEquals(await outcome("GET", "/307"), "200 GET");
      assertEquals(await outcome("POST", "/307"), "307 POST");
      assertEquals(await outcome("GET", "/308"), "200 GET");
      assertEquals(await outcome("DELETE", "/308"), "308 DELETE");
    });

    it("redirectMessage follows what the session would not, keeping the method", async () => {
      await using session = sessionOn(transport);
      const msg = message("/307", "DELETE");
      let followed = false;
      msg.addEventListener("got-body", () => {
        if (msg.statusCode !== 307) return;
        assertEquals(session.wouldRedirect(msg), false);
        followed = session.redirectMessage(msg);
      });
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals([followed, text(msg)], [true, "DELETE "]);
      assertEquals(session.redirectMessage(msg), false);
    });

    it("redirectMessage twice for one response follows it once, whoever asks first", async () => {
      await using session = sessionOn(transport);
      for (const event of ["got-headers", "got-body", "finished"] as const) {
        const msg = message("/folder/start", "DELETE");
        const followed: boolean[] = [];
        for (const _listener of [1, 2]) {
          msg.addEventListener(event, () => {
            if (msg.statusCode !== 307) return;
            for (const _call of [1, 2]) followed.push(session.redirectMessage(msg));
            assertEquals(msg.uri.pathname, "/folder/below/end");
          });
        }
        await session.sendMessage(msg);
        if (event === "finished") await until(() => msg.statusCode === 204 && [...session.messages()].length === 0);
        assertEquals([followed, msg.statusCode, msg.metrics.attempts], [[true, true, true, true], 204, 2], event);
      }
    });

    it("credentials stay with their origin", async () => {
      await using session = sessionOn(transport);
      const msg = message("/away");
      msg.requestHeaders.set("authorization", "Bearer secret");
      msg.requestHeaders.set("cookie", "a=1");
      await session.sendMessage(msg);
      assert(!/authorization|cookie/i.test(text(msg)), text(msg));
    });

    it("a Location with a scheme that is no alias leaves the 302 as it is", async () => {
      await using session = sessionOn(transport, { httpAliases: null });
      const msg = message("/302-ftp");
      assertEquals(await session.sendMessage(msg), 302);
      assertEquals(session.wouldRedirect(msg), false);
    });

    it("a message is on one queue at most, and foreign messages are refused or left alone", async () => {
      await using session = sessionOn(transport);
      await using second = sessionOn(transport);
      const msg = message("/ok");
      const done = session.sendMessage(msg);
      assertThrows(() => session.queueMessage(msg), TypeError);
      assertThrows(() => second.queueMessage(msg), TypeError);
      assertThrows(() => second.requeueMessage(msg), TypeError);
      assertThrows(() => second.pauseMessage(msg), TypeError);
      second.unpauseMessage(msg);
      second.cancelMessage(msg);
      assertEquals([...session.messages()], [msg]);
      assertEquals(await done, 200);
      assertEquals([...session.messages()], []);
    });

    it("sendMessage rejects with the signal's reason and leaves status 1", async () => {
      await using session = sessionOn(transport);
      const reason = new Error("mine");
      const controller = new AbortController();
      const msg = message("/never");
      setTimeout(() => controller.abort(reason), 10);
      const rejected = await session.sendMessage(msg, { signal: controller.signal }).catch((error: unknown) => error);
      assertStrictEquals(rejected, reason);
      assertEquals(msg.statusCode, 1);
      const unsent = message("/ok");
      await assertRejects(() => session.sendMessage(unsent, { signal: controller.signal }), Error, "mine");
      assertEquals(unsent.statusCode, 0);
    });

    it("what the transports cannot do is refused with its reason", async () => {
      await using session = sessionOn(transport);
      const error = await assertRejects(() => session.sendMessage(message("/ok", "CONNECT")), NotSupportedError);
      assert(error.message.includes("CONNECT"), error.message);
      assertEquals(error.runtime, session.capabilities.runtime);
    });

    it("a body made by a function is made again for every attempt; a stream is sent once", async () => {
      await using session = sessionOn(transport);
      let made = 0;
      const again = message("/echo", "PUT");
      again.requestBody = () => {
        made++;
        return ReadableStream.from([new TextEncoder().encode("abc")]);
      };
      again.addEventListener("got-body", () => session.requeueMessage(again), { once: true });
      assertEquals(await session.sendMessage(again), 200);
      assertEquals([made, text(again)], [2, "PUT abc"]);
      const once = message("/echo", "PUT");
      once.requestBody = ReadableStream.from([new TextEncoder().encode("abc")]);
      once.addEventListener("got-body", () => session.requeueMessage(once), { once: true });
      assertEquals(await session.sendMessage(once), 7);
      assert(String(once.error).includes("stream"), String(once.error));
    });

    it("CAN_REBUILD empties the body before restarted, whose listener builds it again", async () => {
      await using session = sessionOn(transport);
      const msg = new HttpMessage("PUT", `${server.origin}/echo`, { body: "one", flags: [MessageFlags.CAN_REBUILD] });
      msg.addEventListener("got-body", () => session.requeueMessage(msg), { once: true });
      msg.addEventListener("restarted", () => {
        assertEquals(msg.requestBody, null);
        msg.requestBody = "two";
      });
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(text(msg), "PUT two");
    });

    it("OVERWRITE_CHUNKS keeps nothing; maxBodyBytes limits what is kept", async () => {
      await using session = sessionOn(transport, { maxBodyBytes: 100_000 });
      const kept = message("/big");
      assertEquals(await session.sendMessage(kept), 7);
      assertEquals(kept.reasonPhrase, "Response body too large");
      const dropped = message("/big");
      dropped.flags.add(MessageFlags.OVERWRITE_CHUNKS);
      let bytes = 0;
      dropped.addEventListener("got-chunk", ({ chunk }) => bytes += chunk.byteLength);
      assertEquals(await session.sendMessage(dropped), 200);
      assertEquals([bytes, dropped.responseBody.byteLength], [200_000, 0]);
    });

    it("a header section of 10 MB ends the message", async () => {
      await using session = sessionOn(transport);
      const msg = message("/headers");
      assertEquals(await session.sendMessage(msg), HttpStatus.MALFORMED);
    });

    it("204 and HEAD end without a body", async () => {
      await using session = sessionOn(transport);
      assertEquals(await session.sendMessage(message("/bare")), 204);
      assertEquals(await session.sendMessage(message("/ok", "HEAD")), 200);
    });

    it("metrics and progress say what moved and when", async () => {
      await using session = sessionOn(transport);
      const msg = new HttpMessage("PUT", `${server.origin}/big`, { body: new Uint8Array(1000) });
      const moves: string[] = [];
      msg.addEventListener("progress", ({ direction, loaded, total }) => moves.push(`${direction} ${loaded}/${total}`));
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(moves[0], "upload 1000/1000");
      assertEquals(moves.at(-1), "download 200000/200000");
      const { metrics } = msg;
      const times = [metrics.queued, metrics.started, metrics.firstByte, metrics.finished];
      assertEquals(times, [...times].sort((left, right) => left - right));
      assert(times.every((time) => time > 0));
      assertEquals([metrics.attempts, metrics.requestBodyBytes, metrics.responseBodyBytes], [1, 1000, 200_000]);
      const fields = [...msg.responseHeaders].reduce((size, [name, value]) => size + `${name}: ${value}\r\n`.length, 0);
      assert(fields > 0);
      assertEquals(metrics.responseHeaderBytes, fields);
      assertEquals(JSON.parse(JSON.stringify(metrics)).responseHeaderBytes, fields);
    });

    it("a stalled upload feels back-pressure and stops with its message", async () => {
      await using session = sessionOn(transport);
      const deaf = await routeServer({});
      deaf.open.clear();
      let pulls = 0;
      let cancelled = false;
      const msg = message("/never", "PUT");
      msg.requestBody = new ReadableStream({
        pull(controller) {
          pulls++;
          controller.enqueue(new Uint8Array(262_144));
        },
        cancel() {
          cancelled = true;
        },
      }, { highWaterMark: 0 });
      msg.addEventListener("wrote-body-data", () => session.pauseMessage(msg), { once: true });
      const done = session.sendMessage(msg);
      await until(() => session.isPaused(msg));
      await wait(50);
      assert(pulls <= 3, `${pulls}`);
      session.cancelMessage(msg);
      assertEquals(await done, 1);
      await until(() => cancelled);
      await deaf.close();
    });

    it("messages queued by a callback during abort survive it", async () => {
      await using session = sessionOn(transport);
      const survivor = message("/ok");
      let status = 0;
      const done = new Promise<void>((resolve) => {
        session.queueMessage(message("/never"), () => {
          session.queueMessage(survivor, (_session, msg) => {
            status = msg.statusCode;
            resolve();
          });
        });
      });
      await wait(10);
      session.abort();
      await done;
      assertEquals(status, 200);
    });

    it("prepareForUri sends nothing and never fails", async () => {
      await using session = sessionOn(transport);
      const before = server.requests.length;
      await session.prepareForUri(`${server.origin}/ok`);
      await session.prepareForUri("http://name.invalid/");
      await session.prepareForUri("about:blank");
      assertEquals(server.requests.length, before);
    });
  });
}
