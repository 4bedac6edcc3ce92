// Responses that few servers send, as session.fetch hands them out when it reads HTTP itself.
import { after, before, describe, it } from "node:test";
import type { Socket } from "node:net";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { HttpError, HttpMessage, type HttpSession, HttpStatus } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, wait } from "../../_support/http_sessions.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

const head = "HTTP/1.1 205 Reset Content\r\n";

const pieces: Record<string, readonly string[]> = {
  "/205-length": [`${head}Content-Length: 0\r\n\r\n`],
  "/205-chunked": [`${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  "/205-body": [`${head}Content-Length: 5\r\n\r\nhello`],
  "/205-late-body": [`${head}Content-Length: 5\r\n\r\nhe`, "llo"],
  "/205-late-end": [`${head}Transfer-Encoding: chunked\r\n\r\n`, "0\r\n\r\n"],
  "/600": ["HTTP/1.1 600 Odd\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"],
  "/999": ["HTTP/1.1 999 Request denied\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n"],
  "/json": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
  "/late-json": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", "}"],
  "/chunked-json": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "1\r\n}\r\n", "0\r\n\r\n"],
  "/broken": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\n{}\r\n", "garbage\r\n"],
  "/control": ["HTTP/1.1 200 a\x01b\r\nContent-Length: 2\r\n\r\nhi"],
  "/upgrade": ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n"],
};

async function write(socket: Socket, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    socket.write(text, "latin1");
    await wait(10);
  }
}

describe("session.fetch over sockets", () => {
  let server: SocketServer;
  let session: HttpSession;
  before(async () => {
    const routes = Object.entries(pieces).map(([path, texts]) =>
      [path, (_request: unknown, socket: Socket) => void write(socket, texts)] as const
    );
    server = await routeServer(Object.fromEntries(routes));
    session = sessionOn("node", { maxConns: 1 });
  });
  after(async () => {
    await session.close();
    await server.close();
  });

  it("gives a 205 no body, whatever comes with it, and goes on", async () => {
    for (const path of Object.keys(pieces).filter((path) => path.startsWith("/205"))) {
      const response = await session.fetch(server.origin + path);
      assertEquals([response.status, response.body, await response.text()], [205, null, ""], path);
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789", path);
      const msg = new HttpMessage("GET", server.origin + path);
      assertEquals([await session.sendMessage(msg), msg.responseBody.byteLength], [205, 0], path);
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789", path);
    }
  });

  it("locks a body that is read as a whole, whether its stream was looked at before or not", async () => {
    for (const read of ["text", "json", "bytes", "arrayBuffer", "blob"] as const) {
      for (const isSeen of [false, true]) {
        for (const path of ["/json", "/late-json"]) {
          const what = `${read} ${isSeen} ${path}`;
          const response = await session.fetch(server.origin + path);
          const seen = isSeen ? response.body : null;
          const reading = response[read]();
          assert(response.bodyUsed, what);
          assert(response.body!.locked, what);
          assert(seen === null || seen === response.body && seen.locked, what);
          assertThrows(() => response.body!.getReader(), TypeError);
          assertThrows(() => response.clone(), TypeError);
          await reading;
          assert(response.body!.locked, what);
          await assertRejects(() => response.text(), TypeError);
        }
      }
    }
  });

  it("ends the stream of a body behind its last piece, whether anybody asks for more or not", async () => {
    for (const path of ["/json", "/late-json", "/chunked-json"]) {
      const response = await session.fetch(server.origin + path);
      const reader = response.body!.getReader();
      let length = 0;
      while (length < 2) length += (await reader.read()).value!.byteLength;
      assertEquals([await reader.closed, length], [undefined, 2], path);
    }
    const reader = (await session.fetch(`${server.origin}/broken`)).body!.getReader();
    assertEquals((await reader.read()).value!.byteLength, 2);
    await assertRejects(() => reader.closed, TypeError, "a chunk size");
    assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789");
  });

  it("hands out statuses beyond 599, which the constructor of Response refuses", async () => {
    for (const [path, status, reason] of [["/600", 600, "Odd"], ["/999", 999, "Request denied"]] as const) {
      const response = await session.fetch(server.origin + path);
      const copy = response.clone();
      for (const each of [response, copy]) {
        assertInstanceOf(each, Response);
        assertEquals([each.status, each.ok, each.statusText, each.type], [status, false, reason, "basic"]);
        assertEquals([each.url, await each.text()], [server.origin + path, "hi"]);
      }
    }
  });

  it("rejects a reason phrase with control characters, which no status line may have (RFC 9112 §4)", async () => {
    const error = await assertRejects(() => session.fetch(`${server.origin}/control`), HttpError);
    assertEquals(error.status, HttpStatus.MALFORMED);
    assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789");
  });

  it("rejects when the server switches protocols unasked, and goes on", async () => {
    const error = await assertRejects(() => session.fetch(`${server.origin}/upgrade`), HttpError);
    assertEquals([error.status, error.code], [HttpStatus.MALFORMED, "ERR_HTTP_UNREQUESTED_UPGRADE"]);
    assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789");
  });
});

for (const transport of transportsWithHttp2) {
  describe(`redirects of session.fetch on ${transport}`, () => {
    const location = (bytes: string) => (_request: unknown, socket: Socket) =>
      void socket.write(`HTTP/1.1 302 Found\r\nLocation: ${bytes}\r\nContent-Length: 0\r\n\r\n`, "latin1");

    it(`"error" rejects for a redirect without Location, too`, async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      const error = await assertRejects(
        () => session.fetch(`${server.origin}/302-nowhere`, { redirect: "error" }),
        TypeError,
      );
      assertStringIncludes(error.message, 'the option redirect is "error"');
    });

    it("a Location in UTF-8 means what it says, one in Latin-1 too", async () => {
      await using server = await routeServer({
        "/utf-8": location("/head?caf\xc3\xa9"),
        "/latin-1": location("/head?caf\xe9"),
      }, transport);
      await using session = sessionOn(transport);
      for (const path of ["/utf-8", "/latin-1"]) {
        const response = await session.fetch(server.origin + path);
        assertEquals(response.url, `${server.origin}/head?caf%C3%A9`, path);
        await response.body!.cancel();
      }
    });
  });
}
