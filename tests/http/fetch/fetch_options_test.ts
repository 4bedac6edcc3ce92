// What the Fetch standard says of the options of a fetch and of its Response, and of session.fetch in the runtime's place.
import { after, before, describe, it } from "node:test";
import { createHash } from "node:crypto";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  HttpError,
  type HttpFetchInit,
  type HttpMessage,
  HttpSession,
  MockTransport,
  NotSupportedError,
} from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

const hash = (name: string, text: string) => createHash(name).update(text).digest("base64");

for (const transport of transportsWithHttp2) {
  describe(`options of session.fetch on ${transport}`, () => {
    let server: SocketServer;
    let other: SocketServer;
    let session: HttpSession;
    before(async () => {
      other = await routeServer({}, transport);
      server = await routeServer({
        "/away": (_request, socket) => socket.write(reply("302 Found", "", [`Location: ${other.origin}/head`])),
        "/policy": (_request, socket) =>
          socket.write(reply("302 Found", "", ["Referrer-Policy: no-referrer, bogus", "Location: /head"])),
        "/typed": (_request, socket) =>
          socket.write(reply("200 OK", "x".repeat(200_000), ["Content-Type: application/x-large"])),
        "/407": (_request, socket) => socket.write(reply("407 Proxy Authentication Required", "who are you?")),
        "/nothing": (_request, socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
      }, transport);
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await Promise.all([server.close(), other.close()]);
    });

    it("refuses words the standard does not know, before anything is sent", async () => {
      const before = server.requests.length;
      const wrong: Record<string, unknown>[] = [
        { redirect: "bogus" },
        { mode: "bogus" },
        { mode: "navigate" },
        { credentials: "bogus" },
        { cache: "bogus" },
        { referrerPolicy: "bogus" },
        { referrer: "no url" },
        { priority: "bogus" },
        { window: {} },
        { duplex: "full" },
        { headers: null },
      ];
      for (const init of wrong) {
        await assertRejects(
          () => session.fetch(`${server.origin}/ok`, init),
          TypeError,
          undefined,
          JSON.stringify(init),
        );
      }
      assertEquals(server.requests.length, before);
    });

    it("never asks the network where only a cache may answer, as a cache that has nothing does not", async () => {
      const before = server.requests.length;
      const url = `${server.origin}/ok`;
      let isEnded = false;
      const body = new ReadableStream({ cancel: () => void (isEnded = true) }, { highWaterMark: 0 });
      const inits: HttpFetchInit[] = [{}, { mode: "same-origin" }, { method: "POST", body, duplex: "half" }];
      for (const init of inits) {
        assertEquals((await session.fetch(url, { ...init, cache: "only-if-cached" })).status, 504);
      }
      assertEquals([server.requests.length, isEnded], [before, true]);
      assertEquals((await session.fetch(url)).status, 200);
    });

    it("takes the cache mode of a Request, where the runtime's Request has one", async () => {
      const request = new Request(`${server.origin}/ok`, { cache: "reload" });
      await (await session.fetch(request)).body?.cancel();
      const { head } = server.requests.at(-1)!;
      assertEquals(/^cache-control: no-cache/im.test(head), request.cache === "reload", head);
    });

    it("has the name and the parameters of fetch", () => {
      assertEquals([session.fetch.name, session.fetch.length], ["fetch", 1]);
    });

    it("takes every word the standard knows", async () => {
      const right: Record<string, unknown>[] = [
        ...["same-origin", "no-cors", "cors"].map((mode) => ({ mode })),
        ...["omit", "same-origin", "include"].map((credentials) => ({ credentials })),
        ...["follow", "error", "manual"].map((redirect) => ({ redirect })),
        ...["high", "low", "auto"].map((priority) => ({ priority })),
        { window: null, keepalive: true, referrer: "about:client", referrerPolicy: "", integrity: "" },
        { proxy: undefined, tls: undefined, unix: undefined, client: undefined, dispatcher: null },
      ];
      for (const init of right) {
        const response = await session.fetch(`${server.origin}/ok`, init);
        assertEquals(await response.text(), "0123456789", JSON.stringify(init));
      }
    });

    it("refuses by name what runtimes add to the options", async () => {
      const before = server.requests.length;
      for (const name of ["client", "dispatcher"]) {
        await assertRejects(() => session.fetch(`${server.origin}/ok`, { [name]: {} }), NotSupportedError, `"${name}"`);
      }
      const own = ["ca", "cert", "checkServerIdentity", "serverName"];
      for (const name of own) {
        const init = { tls: { [name]: true } } as HttpFetchInit;
        await assertRejects(() => session.fetch(`${server.origin}/ok`, init), TypeError, `"${name}"`);
      }
      assertEquals(server.requests.length, before);
    });

    it("rejects a 407 where the caller says that there is no window, and hands it out otherwise", async () => {
      const url = `${server.origin}/407`;
      await assertRejects(() => session.fetch(url, { window: null }), TypeError);
      const { name, runtime } = session.capabilities;
      // Node's own fetch has no window anywhere.
      if (runtime === "node" && name !== "node") return;
      assertEquals(await (await session.fetch(url)).text(), "who are you?");
    });

    it("sends nothing to schemes it does not know", async () => {
      const before = server.requests.length;
      for (const scheme of ["htps", "wss", "ws", "ftp", "s3", "httpss", "ipp", "about"]) {
        const url = `${scheme}://127.0.0.1:${server.port}/ok`;
        const headers = { authorization: "Bearer secret" };
        await assertRejects(() => session.fetch(url), TypeError);
        await assertRejects(() => session.fetch(url, { headers }), TypeError);
      }
      assertEquals(server.requests.length, before);
    });

    it("leaves data and blob URLs to the runtime", async () => {
      assertEquals(await (await session.fetch("data:text/plain,text")).text(), "text");
      const blob = URL.createObjectURL(new Blob(["text"]));
      assertEquals(await (await session.fetch(new URL(blob))).text(), "text");
      assertEquals(await (await session.fetch(blob, { headers: {} })).text(), "text");
      URL.revokeObjectURL(blob);
      await assertRejects(() => session.fetch(blob));
    });

    it("hands out a body that has its integrity, and no other", async () => {
      const text = "0123456789";
      const right = [
        `sha256-${hash("sha256", text)}`,
        `sha384-${hash("sha384", text)}`,
        `sha512-${hash("sha512", text)}`,
        `SHA256-${hash("sha256", text).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")}`,
        `sha256-${hash("sha256", "other")} sha256-${hash("sha256", text)}?option`,
        `sha256-${hash("sha256", "other")} sha512-${hash("sha512", text)}`,
        "md5-unknown nonsense",
      ];
      for (const integrity of right) {
        const response = await session.fetch(`${server.origin}/302`, { integrity });
        assertEquals([response.url, response.redirected, response.status], [`${server.origin}/ok`, true, 200]);
        assertEquals(await response.text(), text, integrity);
      }
      const wrong = [
        `sha256-${hash("sha256", "other")}`,
        `sha512-${hash("sha512", "other")} sha256-${hash("sha256", text)}`,
        `sha512-ä sha256-${hash("sha256", text)}`,
      ];
      for (const integrity of wrong) {
        const error = await assertRejects(() => session.fetch(`${server.origin}/ok`, { integrity }), HttpError);
        assertEquals([error.name, error.code], ["TypeError", "ERR_INTEGRITY"]);
      }
    });

    async function refererOf(path: string, init: RequestInit): Promise<string | null> {
      const head = await (await session.fetch(server.origin + path, init)).text();
      return /^referer: (.*)$/im.exec(head)?.[1]?.trim() ?? null;
    }

    it("tells who refers to a request as the policy has it", async () => {
      const own = `${server.origin}/page?q=1`;
      const foreign = "https://user:secret@page.example/path?q=1#part";
      const policies: [RequestInit["referrerPolicy"], string | null, string | null][] = [
        ["", own, "https://page.example/"],
        ["no-referrer", null, null],
        ["no-referrer-when-downgrade", own, "https://page.example/path?q=1"],
        ["same-origin", own, null],
        ["origin", `${server.origin}/`, "https://page.example/"],
        ["strict-origin", `${server.origin}/`, "https://page.example/"],
        ["origin-when-cross-origin", own, "https://page.example/"],
        ["strict-origin-when-cross-origin", own, "https://page.example/"],
        ["unsafe-url", own, "https://page.example/path?q=1"],
      ];
      for (const [referrerPolicy, toOwn, toForeign] of policies) {
        const name = String(referrerPolicy);
        assertEquals(await refererOf("/head", { referrer: own, referrerPolicy: referrerPolicy! }), toOwn, name);
        assertEquals(await refererOf("/head", { referrer: foreign, referrerPolicy: referrerPolicy! }), toForeign, name);
      }
      assertEquals(await refererOf("/head", {}), null);
      assertEquals(await refererOf("/head", { referrer: own, headers: { referer: "http://mine/" } }), "http://mine/");
    });

    it("tells the next origin no more than the policy has it, and heeds the policy of a redirect", async () => {
      const own = `${server.origin}/page?q=1`;
      assertEquals(await refererOf("/away", { referrer: own }), `${server.origin}/`);
      assertEquals(await refererOf("/policy", { referrer: own }), null);
    });

    it("gives header fields nobody can change", async () => {
      for (const path of ["/ok", "/typed", "/nothing", "/302", "/chunked"]) {
        const response = await session.fetch(server.origin + path);
        for (const { headers } of [response, response.clone()]) {
          assertThrows(() => headers.set("x", "y"), TypeError);
          assertThrows(() => headers.append("x", "y"), TypeError);
          assertThrows(() => headers.delete("content-length"), TypeError);
          assertEquals(headers.has("x"), false);
          const copy = new Headers(headers);
          copy.set("x", "y");
          assertEquals(new Response(null, response).headers.get("content-type"), headers.get("content-type"));
          assertInstanceOf(headers, Headers);
        }
        await response.text();
      }
    });

    it("keeps the type of a large body in its Blob", async () => {
      const blob = await (await session.fetch(`${server.origin}/typed`)).blob();
      assertEquals([blob.size, blob.type.split(";")[0]], [200_000, "application/x-large"]);
    });

    it("fills a reader's own buffer, from a body of any size", async () => {
      for (const [path, size] of [["/typed", 200_000], ["/chunked", 11], ["/big", 200_000]] as const) {
        assertEquals(await lengthByOwnBuffer(await session.fetch(server.origin + path)), size, path);
      }
    });

    it("is locked while its stream has a reader", async () => {
      for (const path of ["/chunked", "/typed"]) {
        const response = await session.fetch(server.origin + path);
        const reader = response.body!.getReader();
        await assertRejects(() => response.text(), TypeError);
        assertThrows(() => response.clone(), TypeError);
        reader.releaseLock();
        assertEquals(response.bodyUsed, false);
        assert((await response.text()).length > 10);
        assertEquals(response.bodyUsed, true);
      }
    });
  });
}

/** Reads a body in buffers of the reader's own, and counts its bytes. */
async function lengthByOwnBuffer({ body }: Response): Promise<number> {
  const reader = body!.getReader({ mode: "byob" });
  let length = 0;
  let buffer = new ArrayBuffer(1000);
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return length;
    assert(value.byteLength <= 1000);
    length += value.byteLength;
    buffer = value.buffer as ArrayBuffer;
  }
}

describe("session.fetch as globalThis.fetch", () => {
  const native = globalThis.fetch;
  after(() => void (globalThis.fetch = native));

  for (const transport of ["auto", ...transportsWithHttp2] as const) {
    it(`does not come back to itself on ${transport}`, async () => {
      const on = transport === "auto" ? undefined : transport;
      await using server = await routeServer({}, on);
      await using session = on === undefined ? new HttpSession() : sessionOn(on);
      globalThis.fetch = session.fetch as typeof fetch;
      try {
        assertEquals(await (await fetch("data:,text")).text(), "text");
        assertEquals(await (await fetch(`${server.origin}/ok`)).text(), "0123456789");
        await assertRejects(() => fetch("https://127.0.0.1:9/"), TypeError);
      } finally {
        globalThis.fetch = native;
      }
    });
  }
});

describe("what Bun's fetch takes besides", () => {
  const messageOf = async (init: HttpFetchInit) => {
    await using session = new HttpSession({ features: [new MockTransport(() => new Response("ok"))] });
    let sent: HttpMessage | undefined;
    await session.fetch("https://a.example/", { ...init, prepare: (msg) => void (sent = msg) });
    return sent!;
  };

  it("is a timeout that is none, or as usual", async () => {
    assertEquals((await messageOf({ timeout: false })).timeout, 0);
    assertEquals((await messageOf({ timeout: true })).timeout, null);
  });

  it("is no proxy, or one in an object", async () => {
    assertEquals((await messageOf({ proxy: false })).proxy, null);
    const url = "http://user:pw@proxy.example:3128/";
    for (const more of [{}, { headers: {} }, { headers: undefined, respectNoProxy: false }]) {
      for (const each of [url, new URL(url)]) {
        assertEquals((await messageOf({ proxy: { url: each, ...more } })).proxy?.href, url);
      }
    }
    for (const more of [{ headers: { "x-a": "b" } }, { respectNoProxy: true }]) {
      await assertRejects(
        () => messageOf({ proxy: { url, ...more } }),
        NotSupportedError,
        `"proxy.${Object.keys(more)}"`,
      );
    }
  });

  it("is rejectUnauthorized, which is sslStrict", async () => {
    assertEquals((await messageOf({ tls: { rejectUnauthorized: false } })).tls?.sslStrict, false);
    assertEquals((await messageOf({ tls: { rejectUnauthorized: false, sslStrict: true } })).tls?.sslStrict, true);
    const init = { tls: { rejectUnauthorized: true, ca: "" } } as HttpFetchInit;
    await assertRejects(() => messageOf(init), TypeError, 'it has no "ca"');
  });
});
