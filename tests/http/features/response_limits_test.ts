import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { createGzip, gzipSync } from "node:zlib";
import { ContentDecoder, HttpMessage, HttpSession, HttpStatus } from "../../../http/mod.ts";
import { transports } from "../../_support/http_sessions.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

/** Zeros, compressed piece by piece. */
async function gzipOfZeros(mebibytes: number): Promise<Uint8Array> {
  const gzip = createGzip();
  const compressed = buffer(gzip);
  const piece = new Uint8Array(1 << 20);
  for (let count = 0; count < mebibytes; count++) if (!gzip.write(piece)) await once(gzip, "drain");
  gzip.end();
  return await compressed;
}

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

    it("hold for a stream that no decoder of the session's has seen", async () => {
      const body = await gzipOfZeros(257);
      await using server = await socketServer((_request, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
        socket.write(body);
      });
      await using session = new HttpSession({ transport, defaultFeatures: false });
      const response = await session.fetch(server.origin, { headers: { "accept-encoding": "gzip" } });
      let size = 0;
      let code: string | undefined;
      try {
        for await (const piece of response.body!) size += piece.byteLength;
      } catch (error) {
        code = (error as { code?: string }).code;
      }
      // Who does not decode gives the body as it came.
      const isDecoded = !response.headers.has("content-encoding");
      assertEquals(code, isDecoded ? "ERR_CONTENT_TOO_LARGE" : undefined);
      assert(isDecoded ? size <= 256 << 20 : size === body.byteLength, `${size}`);
    });
  });
}
