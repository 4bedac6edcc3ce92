// session.fetch as a drop-in for the runtime's own. undici's own tests of fetch load undici's sources, their dispatchers and
// plans of node:test: `deno task test:peers` runs those that concern HTTP/2. What the others found is told here in our own words.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { HttpError, HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";
import { routes, routeServer } from "../../_support/http_server.ts";
import { freePort } from "../../_support/server_programs.ts";
import { sessionOn, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";

for (const transport of transportsWithHttp2) {
  describe(`session.fetch on ${transport}`, () => {
    let server: SocketServer;
    let other: SocketServer;
    let session: HttpSession;
    /** Responses that were given up before their end. */
    let closed = 0;
    before(async () => {
      other = await routeServer({}, transport);
      server = await routeServer({
        "/away": (_request, socket) => socket.write(reply("302 Found", "", [`Location: ${other.origin}/head`])),
        "/303-loop": (_request, socket) => socket.write(reply("303 See Other", "", ["Location: /303-loop"])),
        "/fragment": (_request, socket) => socket.write(reply("302 Found", "", ["Location: /ok#there"])),
        "/json": (_request, socket) => socket.write(reply("200 OK", '{"a":1}', ["Content-Type: application/json"])),
        "/closing": (request, socket, running) => {
          socket.once("close", () => closed++);
          routes["/endless"]!(request, socket, running);
        },
        "/cookies": (_request, socket) => socket.write(reply("200 OK", "", ["Set-Cookie: a=1", "Set-Cookie: b=2"])),
      }, transport);
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await Promise.all([server.close(), other.close()]);
    });

    it("gives a Response of the runtime with status, URL and header fields", async () => {
      const response = await session.fetch(`${server.origin}/ok#here`);
      assertInstanceOf(response, Response);
      assertEquals([response.status, response.ok, response.redirected], [200, true, false]);
      assertEquals(response.url, `${server.origin}/ok`);
      assertEquals(response.headers.get("content-type"), "text/plain");
      assertEquals(response.bodyUsed, false);
      assertEquals(await response.text(), "0123456789");
      assertEquals(response.bodyUsed, true);
      await assertRejects(() => response.text(), TypeError);
    });

    it("is bound", async () => {
      const { fetch } = session;
      assertEquals((await fetch(new URL("/ok", server.origin))).status, 200);
    });

    it("reads every way", async () => {
      const get = (path = "/json") => session.fetch(server.origin + path);
      assertEquals(await (await get()).json(), { a: 1 });
      assertEquals(new Uint8Array(await (await get()).arrayBuffer()).byteLength, 7);
      assertEquals((await (await get()).bytes()).byteLength, 7);
      assertEquals(await (await (await get()).blob()).text(), '{"a":1}');
      assertEquals(await new Response((await get()).body).text(), '{"a":1}');
      let text = "";
      for await (const chunk of (await get("/big")).body!) text += new TextDecoder().decode(chunk);
      assertEquals(text.length, 200_000);
      assertEquals(await new Response((await get("/chunked")).body).text(), "hello world");
    });

    it("clones, before reading, both halves readable", async () => {
      for (const path of ["/ok", "/big"]) {
        const response = await session.fetch(server.origin + path);
        const copy = response.clone();
        assertEquals(await copy.text(), await response.text());
      }
    });

    it("has null bodies for HEAD and 204 and the cookies apart", async () => {
      assertEquals(await (await session.fetch(`${server.origin}/empty`, { method: "HEAD" })).text(), "");
      const { headers } = await session.fetch(`${server.origin}/cookies`);
      assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
    });

    it("upper-cases fetch's own six methods and leaves the others", async () => {
      const echo = async (method: string) => (await session.fetch(`${server.origin}/echo`, { method })).text();
      assertEquals(await echo("put"), "PUT ");
      assertEquals(await echo("PATCH"), "PATCH ");
      assertEquals(await echo("PROPFIND"), "PROPFIND ");
    });

    it("sends every kind of body with its Content-Type", async () => {
      const post = async (body: BodyInit) => {
        const response = await session.fetch(`${server.origin}/echo`, { method: "POST", body });
        const text = await response.text();
        return [text, server.requests.at(-1)!.headers.get("content-type")?.split(";")[0]];
      };
      assertEquals(await post("ü"), ["POST \u00c3\u00bc", "text/plain"]);
      assertEquals(await post(new Uint8Array([65, 66])), ["POST AB", undefined]);
      assertEquals(await post(new URLSearchParams({ a: "b c" })), ["POST a=b+c", "application/x-www-form-urlencoded"]);
      assertEquals(await post(new Blob(["x"], { type: "text/css" })), ["POST x", "text/css"]);
      const form = new FormData();
      form.set("a", "b");
      const [text, type] = await post(form);
      assertEquals(type, "multipart/form-data");
      assert(text!.includes('name="a"'));
    });

    it("streams a request body up", async () => {
      const pieces = ["one ", "two ", "three"].map((text) => new TextEncoder().encode(text));
      const body = ReadableStream.from(pieces);
      const init = { method: "POST", body, duplex: "half" } as RequestInit;
      assertEquals(await (await session.fetch(`${server.origin}/echo`, init)).text(), "POST one two three");
    });

    it("takes a Request, its body and signal included", async () => {
      const headers = { "x-own": "1" };
      const request = new Request(`${server.origin}/echo`, { method: "POST", body: "abc", headers });
      assertEquals(await (await session.fetch(request)).text(), "POST abc");
      assertEquals(server.requests.at(-1)!.headers.get("x-own"), "1");
      const aborted = new Request(`${server.origin}/never`, { signal: AbortSignal.abort("why") });
      assertEquals(await session.fetch(aborted).catch((reason: unknown) => reason), "why");
    });

    it("refuses a GET with a body, bad methods and header injections", async () => {
      await assertRejects(() => session.fetch(`${server.origin}/ok`, { body: "x" }), TypeError);
      await assertRejects(() => session.fetch(`${server.origin}/ok`, { method: "G T" }), TypeError);
      await assertRejects(() => session.fetch(`${server.origin}/ok`, { headers: { a: "b\r\nc: d" } }), TypeError);
      await assertRejects(() => session.fetch("no url"), TypeError);
    });

    it("follows redirects and says so", async () => {
      const response = await session.fetch(`${server.origin}/302`);
      assertEquals([response.redirected, response.url], [true, `${server.origin}/ok`]);
      assertEquals(await response.text(), "0123456789");
      assertEquals((await session.fetch(`${server.origin}/fragment`)).url, `${server.origin}/ok`);
    });

    it("changes the method as the Fetch standard does and sends bodies again at 307 and 308", async () => {
      const send = async (method: string, path: string) =>
        (await session.fetch(server.origin + path, { method, body: "abc" })).text();
      assertEquals(await send("POST", "/303"), "GET ");
      assertEquals(await send("PUT", "/303"), "GET ");
      assertEquals(await send("POST", "/307"), "POST abc");
      assertEquals(await send("PUT", "/308"), "PUT abc");
    });

    it("cannot send a stream again", async () => {
      const body = ReadableStream.from([new TextEncoder().encode("x")]);
      const init = { method: "POST", body, duplex: "half" } as RequestInit;
      const error = await assertRejects(() => session.fetch(`${server.origin}/307`, init), TypeError);
      assert(error.message.includes("stream"), error.message);
    });

    it("hands a 302 out with redirect: manual and rejects with redirect: error", async () => {
      const response = await session.fetch(`${server.origin}/302`, { redirect: "manual" });
      assertEquals([response.status, response.headers.get("location")], [302, "/ok"]);
      assertEquals(await response.text(), "moved");
      await assertRejects(() => session.fetch(`${server.origin}/302`, { redirect: "error" }), TypeError);
    });

    it("ends loops after 20 redirects and refuses other schemes", async () => {
      const loop = await assertRejects(() => session.fetch(`${server.origin}/303-loop`), HttpError);
      assertEquals(loop.status, 10);
      const ftp = await assertRejects(() => session.fetch(`${server.origin}/302-ftp`), HttpError);
      assertEquals(ftp.status, 8);
    });

    it("leaves the user's credentials at the origin they were meant for", async () => {
      const headers = { authorization: "Bearer secret", cookie: "a=1", "x-kept": "yes" };
      const seen = await (await session.fetch(`${server.origin}/away`, { headers })).text();
      assert(!/authorization|cookie/i.test(seen), seen);
      assert(/x-kept: yes/i.test(seen), seen);
    });

    it("rejects with the signal's own reason: before, while waiting, in the body", async () => {
      const reason = { why: "own object" };
      const get = (path: string, signal: AbortSignal) => session.fetch(server.origin + path, { signal });
      const rejection = (promise: Promise<unknown>) => promise.then(() => "resolved", (error: unknown) => error);
      assertStrictEquals(await rejection(get("/ok", AbortSignal.abort(reason))), reason);
      const waiting = new AbortController();
      setTimeout(() => waiting.abort(reason), 20);
      assertStrictEquals(await rejection(get("/never", waiting.signal)), reason);
      const reading = new AbortController();
      const response = await get("/half", reading.signal);
      setTimeout(() => reading.abort(reason), 20);
      assertStrictEquals(await rejection(response.text()), reason);
      const streaming = new AbortController();
      const endless = await get("/endless", streaming.signal);
      const reader = endless.body!.getReader();
      await reader.read();
      streaming.abort(reason);
      const broken = (async () => {
        for (;;) if ((await reader.read()).done) return "ended";
      })();
      assertStrictEquals(await rejection(broken), reason);
    });

    it("gives AbortSignal.timeout's TimeoutError", async () => {
      const error = await session.fetch(`${server.origin}/never`, { signal: AbortSignal.timeout(30) }).catch((e) => e);
      assertEquals(error.name, "TimeoutError");
    });

    it("rejects with an HttpError that is a TypeError with status, code and cause", async () => {
      const closed = `http://127.0.0.1:${await freePort()}`;
      const error = await assertRejects(() => session.fetch(closed), HttpError);
      assertInstanceOf(error, TypeError);
      assertEquals([error.status, error.code], [4, "ECONNREFUSED"]);
      assertInstanceOf(error.cause, Error);
      assertInstanceOf(error.msg, HttpMessage);
      assertEquals((await assertRejects(() => session.fetch(`${server.origin}/close`), HttpError)).status, 7);
      assertEquals((await assertRejects(() => session.fetch(`${server.origin}/garbage`), HttpError)).status, 8);
    });

    it("rejects in the body when it breaks off", async () => {
      const response = await session.fetch(`${server.origin}/truncated`);
      assertEquals(response.status, 200);
      await assertRejects(() => response.text());
    });

    it("goes through the queue: events, priority, prepare", async () => {
      const seen: string[] = [];
      const note = (event: Event) => seen.push(event.type);
      for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
        session.addEventListener(type, note);
      }
      const response = await session.fetch(`${server.origin}/ok`, {
        priority: "high",
        prepare: (msg) => msg.addEventListener("finished", note),
      });
      await response.text();
      for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
        session.removeEventListener(type, note);
      }
      assertEquals(seen, ["request-queued", "request-started", "finished", "request-unqueued"]);
    });

    it("an unread small response does not hold its slot and stays readable", async () => {
      await using narrow = sessionOn(transport, { maxConns: 1 });
      const first = await narrow.fetch(`${server.origin}/ok`);
      const second = await narrow.fetch(`${server.origin}/ok`);
      const third = await narrow.fetch(`${server.origin}/ok`);
      await wait(20);
      assertEquals([first.bodyUsed, second.bodyUsed, third.bodyUsed], [false, false, false]);
      assertEquals(await first.text(), "0123456789");
      assertEquals(await new Response(second.body).text(), "0123456789");
      assertEquals(await third.clone().text(), await third.text());
    });

    it("a large response holds its place as long as somebody reads it, and gives it back when it is cancelled", async () => {
      await using narrow = sessionOn(transport, { maxConns: 1 });
      const first = await narrow.fetch(`${server.origin}/endless`);
      const reader = first.body!.getReader();
      let isThere = false;
      const second = narrow.fetch(`${server.origin}/ok`).then((response) => {
        isThere = true;
        return response;
      });
      for (let read = 0; read < 20_000_000;) read += (await reader.read()).value!.byteLength;
      assertEquals(isThere, transport === "h2");
      await reader.cancel();
      assertEquals(await (await second).text(), "0123456789");
    });

    it("cancelling a body ends its response, and on HTTP/1.1 the connection with it", async () => {
      await using narrow = sessionOn(transport, { maxConns: 1 });
      const response = await narrow.fetch(`${server.origin}/closing`);
      const socket = [...server.open].at(-1)!;
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
      await until(() => closed === 1);
      assertEquals(transport === "h2", server.open.has(socket));
    });

    it("data: URLs are fetched, unknown schemes refused", async () => {
      assertEquals(await (await session.fetch("data:text/plain,hello")).text(), "hello");
      await using strict = sessionOn(transport, { httpAliases: null });
      await assertRejects(() => strict.fetch("foo://127.0.0.1/"), TypeError);
      const foreign = `foo://127.0.0.1:${server.port}/ok`;
      await assertRejects(() => session.fetch(foreign), TypeError, "foo:");
      await using aliased = sessionOn(transport, { httpAliases: ["foo"] });
      assertEquals((await aliased.fetch(foreign)).status, 200);
    });

    it("session.close ends what is under way", async () => {
      const own = sessionOn(transport);
      const waiting = own.fetch(`${server.origin}/never`);
      await wait(20);
      await own.close();
      const error = await assertRejects(() => waiting, HttpError);
      assertEquals(error.status, 1);
      await assertRejects(() => own.fetch(`${server.origin}/ok`), TypeError);
    });
  });
}
