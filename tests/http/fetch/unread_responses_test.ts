// Responses nobody reads: what is small does not keep its slot, however it was framed and coded, and stays readable.
import { describe, it } from "node:test";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import type { HttpError } from "../../../http/message/http_error.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { FetchTransport } from "../../../http/transports/fetch/fetch_transport.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until, wait } from "../../_support/http_sessions.ts";

const collectionSkip = collectGarbage === null ? "the collector cannot be called" : false;
const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
const packed = gzipSync("0123456789").toString("latin1");
const size = packed.length.toString(16);

const pieces: Record<string, readonly string[]> = {
  "/length": ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"],
  "/late-length": ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", "56789"],
  "/chunks": [`${chunked}\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n`],
  "/late-chunks": [`${chunked}\r\n5\r\n01234\r\n`, "5\r\n56789\r\n", "0\r\n\r\n"],
  "/packed-length": [`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n${packed}`],
  "/gzip": [`${chunked}Content-Encoding: gzip\r\n\r\n${size}\r\n${packed}\r\n0\r\n\r\n`],
  "/late-gzip": [`${chunked}Content-Encoding: gzip\r\n\r\n`, `${size}\r\n${packed}\r\n0\r\n\r\n`],
};

async function write(socket: Socket, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    socket.write(text, "latin1");
    await wait(5);
  }
}

for (const transport of transports) {
  describe(`unread small responses over ${transport}`, () => {
    it("give their slot back when they have arrived, and their connection to the next", async () => {
      const routes = Object.entries(pieces).map(([path, texts]) =>
        [path, (_request: unknown, socket: Socket) => void write(socket, texts)] as const
      );
      await using server = await routeServer(Object.fromEntries(routes));
      await using session = sessionOn(transport, { maxConns: 1 });
      const unread: Response[] = [];
      for (const path of Object.keys(pieces)) {
        for (let i = 0; i < 3; i++) unread.push(await session.fetch(server.origin + path));
      }
      // On a busy machine a late body may count as unread before it is there: that costs one more connection, not one each.
      assertLess(server.connections, unread.length / 2);
      for (const response of unread) assertEquals(await response.text(), "0123456789", response.url);
    });
  });
}

for (const transport of transports) {
  describe(`unread small responses over ${transport} can be read`, () => {
    const begin = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234";
    let finish = () => {};
    const routes = () =>
      routeServer({
        "/small": (_request, socket) => void socket.write(`${begin}56789`),
        "/stalled": (_request, socket) => void socket.write(begin),
        "/late": (_request, socket) => {
          socket.write(begin);
          finish = () => void socket.write("56789");
        },
      });

    it("when they come so late that their connection is one too many", async () => {
      await using server = await routes();
      await using session = sessionOn(transport, { maxConns: 1 });
      const late = await session.fetch(`${server.origin}/late`);
      // Kept: one that nobody could read any more would let its connection go, too.
      const stalled = await session.fetch(`${server.origin}/stalled`);
      assertEquals(session.connections.length, 2);
      finish();
      await until(() => session.connections.length === 1);
      assertEquals([await late.text(), stalled.bodyUsed], ["0123456789", false]);
      session.abort();
    });

    it("when the next request on their connection was cancelled", async () => {
      await using server = await routes();
      await using session = sessionOn(transport);
      const small = await session.fetch(`${server.origin}/small`);
      await until(() => session.connections[0]?.state === "idle");
      const stop = new AbortController();
      const stalled = await session.fetch(`${server.origin}/stalled`, { signal: stop.signal });
      stop.abort();
      await assertRejects(() => stalled.text());
      assertEquals([await small.text(), session.connections.length], ["0123456789", 0]);
    });

    it("when their session was closed", async () => {
      await using server = await routes();
      const session = sessionOn(transport);
      const small = await session.fetch(`${server.origin}/small`);
      await until(() => session.connections[0]?.state === "idle");
      await session.close();
      assertEquals(await small.text(), "0123456789");
    });
  });
}

for (const transport of transports) {
  describe(`unread large responses over ${transport}`, () => {
    const big = "x".repeat(200_000);
    const large = () =>
      routeServer({
        "/big": (_request, socket) =>
          void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n${big}`),
        "/stalled": (_request, socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"),
      });

    it("keep nobody waiting, in whatever order they are read", async () => {
      await using server = await large();
      await using session = sessionOn(transport);
      const responses = await Promise.all(Array.from({ length: 9 }, () => session.fetch(`${server.origin}/big`)));
      for (const response of responses.reverse()) assertEquals((await response.text()).length, big.length);
      assert(session.connections.length <= session.maxConnsPerHost, `${session.connections.length} are kept`);
    });

    it("keep no message waiting, and none that was begun and put aside does", async () => {
      await using server = await large();
      await using session = sessionOn(transport, { maxConns: 1 });
      const begun = (await session.fetch(`${server.origin}/big`)).body!.getReader();
      await begun.read();
      const refusals = [];
      for (let count = 0; count < 5; count++) refusals.push((await session.fetch(`${server.origin}/big`)).status);
      assertEquals(refusals, [200, 200, 200, 200, 200]);
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/big`)), 200);
      session.abort();
    });

    it("lose their connections when there are far too many, the oldest first", async () => {
      // One that had arrived whole would hold no connection.
      const half = big.slice(big.length / 2);
      const ends: (() => void)[] = [];
      await using server = await routeServer({
        "/half": (_request, socket) => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n${half}`);
          ends.push(() => void socket.write(half));
        },
      });
      await using session = sessionOn(transport, { maxConnsPerHost: 10 });
      const begun = (await session.fetch(`${server.origin}/half`)).body!.getReader();
      const first = (await begun.read()).value!.length;
      const unread = await Promise.all(Array.from({ length: 230 }, () => session.fetch(`${server.origin}/half`)));
      // Those before the bound count, and those that were open anyway.
      assert(session.connections.length <= 200 + session.maxConns, `${session.connections.length} are open`);
      const error = await assertRejects(() => unread[0]!.text(), TypeError, "later were left unread too");
      assertEquals((error as HttpError).code, "ERR_BODY_GIVEN_UP");
      for (const end of ends) end();
      assertEquals((await unread.at(-1)!.text()).length, big.length);
      let rest = 0;
      for (let part = await begun.read(); !part.done; part = await begun.read()) rest += part.value.length;
      assertEquals(first + rest, big.length);
      session.abort();
    });

    it("keep nobody waiting either when they are small and their end does not come", async () => {
      await using server = await large();
      await using session = sessionOn(transport, { maxConns: 1 });
      const stalled = await session.fetch(`${server.origin}/stalled`);
      assertEquals(await (await session.fetch(`${server.origin}/big`)).text(), big);
      assertEquals(stalled.bodyUsed, false);
      session.abort();
    });

    it("are collected once they are dropped, and their connections closed", { skip: collectionSkip }, async () => {
      await using server = await large();
      await using session = sessionOn(transport);
      const drop = async () => new WeakRef(await session.fetch(`${server.origin}/big`));
      const dropped = [await drop(), await drop()];
      await until(() => {
        collectGarbage!();
        return session.connections.length === 0;
      });
      assertEquals(dropped.map((response) => response.deref()), [undefined, undefined]);
    });
  });
}

describe("unread large responses that have arrived whole", () => {
  const size = 100_000;
  /** Their one piece and their end come in the same turn, as soon as anybody reads. */
  const transport = new FetchTransport({
    fetch: () =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new Uint8Array(size));
              controller.close();
            },
          }, { highWaterMark: 0 }),
        ),
      ),
  });

  it("give their connection to who waits for it", async () => {
    await using session = new HttpSession({ transport, maxConns: 1 });
    let made = 0;
    session.addEventListener("connection-created", () => made++);
    const unread = await Promise.all(Array.from({ length: 5 }, () => session.fetch("http://a.test/")));
    assertEquals(made, 1);
    for (const response of unread) assertEquals((await response.bytes()).length, size);
  });

  it("are shown to listeners when they are read, and lose nothing to one that pauses them", async () => {
    await using session = new HttpSession({ transport, maxConns: 1 });
    const events: string[] = [];
    session.addEventListener("request-queued", ({ msg }) => {
      msg.addEventListener("finished", () => events.push("finished"));
      msg.addEventListener("got-chunk", () => {
        events.push("paused");
        session.pauseMessage(msg);
        setTimeout(() => {
          events.push("goes on");
          session.unpauseMessage(msg);
        });
      });
    });
    const unread = [await session.fetch("http://a.test/"), await session.fetch("http://a.test/")];
    assertEquals(events, []);
    for (const response of unread) assertEquals((await response.bytes()).length, size);
    assertEquals(events, ["paused", "goes on", "finished", "paused", "goes on", "finished"]);
  });
});
