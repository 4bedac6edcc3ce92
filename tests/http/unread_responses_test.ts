// Responses nobody reads: what is small does not keep its slot, however it was framed and coded, and stays readable.
import { describe, it } from "node:test";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import { routeServer } from "../_support/http_server.ts";
import { sessionOn, wait } from "../_support/http_sessions.ts";

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
const packed = gzipSync("0123456789").toString("latin1");
const size = packed.length.toString(16);

const pieces: Record<string, readonly string[]> = {
  "/length": ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"],
  "/late-length": ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", "56789"],
  "/chunks": [`${chunked}\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n`],
  "/late-chunks": [`${chunked}\r\n5\r\n01234\r\n`, "5\r\n56789\r\n", "0\r\n\r\n"],
  "/gzip": [`${chunked}Content-Encoding: gzip\r\n\r\n${size}\r\n${packed}\r\n0\r\n\r\n`],
  "/late-gzip": [`${chunked}Content-Encoding: gzip\r\n\r\n`, `${size}\r\n${packed}\r\n0\r\n\r\n`],
};

async function write(socket: Socket, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    socket.write(text, "latin1");
    await wait(5);
  }
}

describe("unread responses over sockets", () => {
  it("give their slot back when they have arrived, and their connection to the next", async () => {
    const routes = Object.entries(pieces).map(([path, texts]) =>
      [path, (_request: unknown, socket: Socket) => void write(socket, texts)] as const
    );
    await using server = await routeServer(Object.fromEntries(routes));
    await using session = sessionOn("node", { maxConns: 1 });
    const unread: Response[] = [];
    for (const path of Object.keys(pieces)) {
      for (let i = 0; i < 3; i++) unread.push(await session.fetch(server.origin + path));
    }
    assertEquals(server.connections, 1);
    for (const response of unread) assertEquals(await response.text(), "0123456789", response.url);
  });
});
