// What a Response of session.fetch is to the rest of a program: to clones, signals and the runtime's own server.
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { FetchedResponse } from "../../../http/transports/fetched_response.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";
import { serveNatively } from "../../_support/native_server.ts";

const large = "x".repeat(200_000);
/** Text that is still large when it is packed. */
const noise = Array.from({ length: 60_000 }, (_, index) => Math.sin(index).toString(36)).join("");

/** A response whose length is that of the packed body. */
function packed(text: string): Uint8Array {
  const body = gzipSync(text);
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

for (const transport of transports) {
  describe(`a Response of session.fetch on ${transport}`, () => {
    let server: SocketServer;
    let session: HttpSession;
    before(async () => {
      server = await routeServer({
        "/large": (_request, socket) => socket.write(reply("200 OK", large, ["X-Size: large"])),
        "/chunked": (_request, socket) =>
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        "/empty": (_request, socket) => socket.write(reply("200 OK", "")),
        "/packed": (_request, socket) => socket.write(packed(large)),
        "/packed-large": (_request, socket) => socket.write(packed(noise)),
        "/moved": (_request, socket) => socket.write(reply("302 Found", "", ["Location: /ok"])),
      });
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await server.close();
    });

    it("keeps url and redirected in its clones, and theirs", async () => {
      for (const path of ["/moved", "/ok", "/large", "/empty"]) {
        const response = await session.fetch(`${server.origin}${path}#fragment`);
        const copy = response.clone().clone();
        const url = `${server.origin}${path === "/moved" ? "/ok" : path}`;
        assertEquals([copy.url, copy.redirected, copy.status], [url, path === "/moved", 200]);
        assertEquals(await copy.text(), await response.text());
        assertInstanceOf(copy, Response);
      }
    });

    it("gives a body that came in one piece through every way of reading", async () => {
      for (const path of ["/ok", "/chunked", "/empty", "/large"]) {
        const texts = [
          await (await session.fetch(server.origin + path)).text(),
          new TextDecoder().decode(await (await session.fetch(server.origin + path)).bytes()),
          new TextDecoder().decode(await (await session.fetch(server.origin + path)).arrayBuffer()),
          await (await (await session.fetch(server.origin + path)).blob()).text(),
          await new Response((await session.fetch(server.origin + path)).body).text(),
        ];
        assertEquals(new Set(texts).size, 1, path);
      }
    });

    it("cannot be read any more once its signal is aborted", async () => {
      const reason = new Error("no longer needed");
      for (const read of ["text", "json", "bytes", "arrayBuffer", "blob", "formData"] as const) {
        const controller = new AbortController();
        const response = await session.fetch(`${server.origin}/ok`, { signal: controller.signal });
        controller.abort(reason);
        assertStrictEquals(await assertRejects(() => response[read]()), reason, read);
      }
      const controller = new AbortController();
      const response = await session.fetch(`${server.origin}/ok`, { signal: controller.signal });
      controller.abort(reason);
      assertStrictEquals(await assertRejects(() => response.body!.getReader().read()), reason);
    });

    it("that was read before its signal is aborted stays read", async () => {
      const controller = new AbortController();
      const response = await session.fetch(`${server.origin}/ok`, { signal: controller.signal });
      assertEquals(await response.text(), "0123456789");
      controller.abort();
      await assertRejects(() => response.text(), TypeError);
    });

    it("can be the answer of the runtime's own server, header fields and all", async () => {
      await using native = await serveNatively((request) =>
        session.fetch(server.origin + new URL(request.url).pathname)
      );
      for (const [path, expected] of [["/ok", "0123456789"], ["/large", large], ["/empty", ""]] as const) {
        const response = await fetch(native.origin + path);
        assertEquals([response.status, await response.text()], [200, expected]);
        if (path === "/large") assertEquals(response.headers.get("x-size"), "large");
      }
    });

    it("is sent on whole by the runtime's own server when its body was decoded", async () => {
      await using native = await serveNatively((request) =>
        session.fetch(server.origin + new URL(request.url).pathname)
      );
      for (const path of ["/packed", "/packed-large"]) {
        const { body, headers } = await session.fetch(server.origin + path);
        await body!.cancel();
        assertEquals([headers.get("content-encoding"), headers.get("content-length")], [null, null], path);
        const response = await fetch(native.origin + path);
        assertEquals(await response.text(), path === "/packed" ? large : noise, path);
      }
    });

    it("tells progress against the encoded length, where the runtime leaves it", async () => {
      const totals = new Set<number | null>();
      const msg = new HttpMessage("GET", `${server.origin}/packed`);
      msg.addEventListener("progress", ({ total }) => totals.add(total));
      await session.sendMessage(msg);
      assertEquals(new TextDecoder().decode(msg.responseBody), large);
      assertEquals(msg.toResponse().headers.get("content-length"), null);
      const isLeft = session.capabilities.contentAsReceived;
      assertEquals(totals, new Set([isLeft ? gzipSync(large).byteLength : null]));
    });
  });
}

describe("a Response whose body is announced as long", () => {
  it("lets its source go where there is no room for it", async () => {
    let reason: unknown;
    // What has come is a part of what is announced that is earnest, and all of it more than any program may have.
    const piece = Object.defineProperty(new Uint8Array(1), "byteLength", { value: 2 ** 46 });
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(piece),
      cancel: (given) => void (reason = given),
    }, { highWaterMark: 0 });
    const headers = { "content-length": `${2 ** 48}` };
    const response = FetchedResponse.of(body, { headers, status: 200, statusText: "" });
    const error = await assertRejects(() => response.bytes(), RangeError);
    assertStrictEquals(reason, error);
  });
});

describe("a Response over sockets", () => {
  it("has header fields of its own, also where the same section comes again and again", async () => {
    const fields = ["Set-Cookie: a=1", "Set-Cookie: b=2", "X-Given: 1", "X-Given: 2"];
    const server = await routeServer({ "/same": (_request, socket) => socket.write(reply("200 OK", "body", fields)) });
    await using session = sessionOn("node", { maxConns: 1 });
    for (let count = 0; count < 5; count++) {
      const response = await session.fetch(`${server.origin}/same`, {
        prepare: (msg) =>
          msg.addEventListener("got-headers", () => {
            assertEquals(msg.responseHeaders.get("x-seen"), null);
            if (count < 4) msg.responseHeaders.set("x-seen", `${count}`);
          }),
      });
      const { headers } = response;
      const expected = [["a=1", "b=2"], "1, 2", count < 4 ? `${count}` : null];
      assertEquals([headers.getSetCookie(), headers.get("x-given"), headers.get("x-seen")], expected);
      assertEquals(await response.text(), "body");
    }
    await server.close();
  });

  it("shows changes that listeners make to the header fields", async () => {
    await using session = sessionOn("node");
    const server = await routeServer();
    const response = await session.fetch(`${server.origin}/ok`, {
      prepare: (msg) => msg.addEventListener("got-headers", () => msg.responseHeaders.set("x-seen", "yes")),
    });
    assertEquals([response.headers.get("x-seen"), await response.text()], ["yes", "0123456789"]);
    await server.close();
  });
});
