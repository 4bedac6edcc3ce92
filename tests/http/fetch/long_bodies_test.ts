// http/transports/fetched_response.ts and http/message/message_state.ts, where a body is long and all of it is asked for.
import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { isSameBytes } from "../../../internal/bytes.ts";
import { HttpMessage, type HttpSession, HttpStatus } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

const text = JSON.stringify({ text: "žluťoučký kůň ".repeat(600_000) });
const bytes = new TextEncoder().encode(text);
const marked = new TextEncoder().encode(`\ufeff${text}`);

function answer(body: Uint8Array, length = body.byteLength): Uint8Array {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`), body]);
}

for (const transport of transportsWithHttp2) {
  describe(`a long body on ${transport}`, () => {
    let server: SocketServer;
    let session: HttpSession;
    before(async () => {
      server = await routeServer({
        "/long": (_request, socket) => socket.write(answer(bytes)),
        "/marked": (_request, socket) => socket.write(answer(marked)),
        "/torn": (_request, socket) => socket.end(answer(bytes, bytes.byteLength + 1)),
        "/no-json": (_request, socket) => socket.write(reply("200 OK", "x".repeat(10_000_000))),
      }, transport);
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await server.close();
    });

    it("is the same by every way of reading it, and is read once", async () => {
      const get = () => session.fetch(`${server.origin}/long`);
      assert(isSameBytes(await (await get()).bytes(), bytes));
      assert(isSameBytes(new Uint8Array(await (await get()).arrayBuffer()), bytes));
      assert(await (await get()).text() === text);
      assert(JSON.stringify(await (await get()).json()) === text);
      assert(await (await (await get()).blob()).text() === text);
      assert(await (await get()).clone().text() === text);
      const response = await get();
      assertEquals(response.bodyUsed, false);
      const reading = response.bytes();
      assert(response.bodyUsed);
      assertEquals((await reading).buffer.byteLength, bytes.byteLength);
      assert(response.bodyUsed);
      for (const read of ["bytes", "text", "json", "arrayBuffer"] as const) {
        await assertRejects(() => response[read](), TypeError);
      }
    });

    it("is text without its mark at the beginning", async () => {
      assert(await (await session.fetch(`${server.origin}/marked`)).text() === text);
    });

    it("that is no JSON is a SyntaxError", async () => {
      const response = await session.fetch(`${server.origin}/no-json`);
      await assertRejects(() => response.json(), SyntaxError);
    });

    it("is in the message, once", async () => {
      const msg = new HttpMessage("GET", `${server.origin}/long`);
      assertEquals(await session.sendMessage(msg), HttpStatus.OK);
      assert(isSameBytes(msg.responseBody, bytes));
      assertEquals(msg.responseBody.buffer.byteLength, bytes.byteLength);
      assert(msg.responseBody === msg.responseBody);
      assertEquals(await session.sendMessage(msg), HttpStatus.OK);
      assert(isSameBytes(msg.responseBody, bytes));
    });

    it("that breaks off is an error, and what has come of it stays in the message", async () => {
      const response = await session.fetch(`${server.origin}/torn`);
      await assertRejects(() => response.bytes());
      const msg = new HttpMessage("GET", `${server.origin}/torn`);
      assertEquals(await session.sendMessage(msg), HttpStatus.IO_ERROR);
      assert(isSameBytes(msg.responseBody, bytes.subarray(0, msg.responseBody.byteLength)));
    });
  });
}
