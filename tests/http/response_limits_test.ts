import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { ContentDecoder, HttpMessage, HttpSession, HttpStatus } from "../../http/mod.ts";
import { transports } from "../_support/http_sessions.ts";
import { reply, socketServer } from "../_support/socket_server.ts";

for (const transport of transports) {
  describe(`Limits of a response over ${transport}`, () => {
    it("hold for the header section", async () => {
      await using server = await socketServer((request, socket) => {
        const long = `X-Long: ${"a".repeat(Number(request.target.slice(1)))}`;
        socket.write(reply("200 OK", "ok", [long]));
      });
      await using session = new HttpSession({ transport, maxHeaderBytes: 2000 });
      for (const [size, status] of [[1000, 200], [4000, HttpStatus.MALFORMED], [1000, 200]] as const) {
        assertEquals([size, await session.sendMessage(new HttpMessage("GET", `${server.origin}/${size}`))], [
          size,
          status,
        ]);
        const error = await session.fetch(`${server.origin}/${size}`).then(async (response) => {
          await response.text();
          return null;
        }, (reason: { code?: string }) => reason.code);
        assertEquals([size, error], [size, status === 200 ? null : "ERR_HTTP_HEADERS_TOO_LARGE"]);
      }
    });

    it("hold for what a body expands to, whoever expands it", async () => {
      const body = gzipSync(new Uint8Array(100_000));
      await using server = await socketServer((_request, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
        socket.write(body);
      });
      await using session = new HttpSession({ transport, features: [new ContentDecoder({ maxSize: 50_000 })] });
      assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), HttpStatus.MALFORMED);
      assertEquals(new ContentDecoder().maxSize, 256 << 20);
    });
  });
}
