import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { ContentDecodingError } from "../../../http/codings/codings.ts";
import { ContentDecoder } from "../../../http/features/content_decoder.ts";
import { MessageFlags } from "../../../http/message/message.ts";
import { ask, bytesReply, chunkedReply, featureBench, TRANSPORTS, WAYS } from "../../_support/feature_session.ts";
import { SeededRandom } from "../../_support/random.ts";

const TEXT = "Two households, both alike in dignity. ".repeat(50);
const BODIES: [coding: string, body: Uint8Array][] = [
  ["gzip", gzipSync(TEXT)],
  ["x-gzip", gzipSync(TEXT)],
  ["deflate", deflateSync(TEXT)],
  ["deflate", deflateRawSync(TEXT)],
  ["br", brotliCompressSync(TEXT)],
  ["zstd", zstdCompressSync(TEXT)],
  ["gzip, br", brotliCompressSync(gzipSync(TEXT))],
];

describe("ContentDecoder", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`decodes every coding ${on}`, async () => {
        await using bench = await featureBench((request, socket) => {
          const [coding, body] = BODIES[Number(request.target.slice(2))]!;
          const headers = [`Content-Encoding: ${coding}`];
          socket.write(
            request.target[1] === "l" ? bytesReply("200 OK", body, headers) : chunkedReply("200 OK", [body], headers),
          );
        }, { transport });
        for (const framing of ["l", "c"]) {
          for (let index = 0; index < BODIES.length; index++) {
            const { msg, ...outcome } = await ask(bench.session, way, `${bench.url}${framing}${index}`);
            assertEquals(outcome.error, null, BODIES[index]![0]);
            assertEquals(outcome.text, TEXT);
            assert(msg.hasFlag(MessageFlags.CONTENT_DECODED));
            assertEquals(outcome.headers.get("content-encoding"), null);
            assertEquals(outcome.headers.get("content-length"), null);
          }
        }
        // A runtime that decodes on its own may give a connection up where the decoded body ends.
        assert(
          !bench.session.capabilities.contentAsReceived || bench.server.connections <= 2,
          `${bench.server.connections} connections`,
        );
      });

      it(`leaves alone what it cannot decode ${on}`, async () => {
        const gzip = gzipSync("file");
        const answers: Record<string, Uint8Array> = {
          "/unknown": bytesReply("200 OK", gzip, ["Content-Encoding: gzip, compress"]),
          "/file": bytesReply("200 OK", gzip, ["Content-Encoding: gzip", "Content-Type: application/x-gzip; a=b"]),
          "/part": bytesReply("206 Partial Content", gzip, ["Content-Encoding: gzip", "Content-Range: bytes 0-9/99"]),
          "/plain": bytesReply("200 OK", new TextEncoder().encode("plain"), ["Content-Encoding: gzip"]),
          "/empty": bytesReply("200 OK", new Uint8Array(0), ["Content-Encoding: gzip"]),
          "/identity": bytesReply("200 OK", new TextEncoder().encode("plain"), ["Content-Encoding: identity"]),
        };
        await using bench = await featureBench((request, socket) => socket.write(answers[request.target]!), {
          transport,
        });
        const { contentAsReceived } = bench.session.capabilities;
        for (const path of Object.keys(answers)) {
          // What a runtime's fetch decodes on its own it decodes here too.
          if (!contentAsReceived && (path === "/file" || path === "/plain" || path === "/part" || path === "/empty")) {
            continue;
          }
          const { msg, error, headers, text } = await ask(bench.session, way, bench.server.origin + path);
          assertEquals(error, null, path);
          assert(!msg.hasFlag(MessageFlags.CONTENT_DECODED), path);
          if (path === "/plain" || path === "/identity") assertEquals(text, "plain", path);
          if (way === "queue" || path !== "/plain") assert(headers.has("content-encoding"), path);
          if (way === "queue" && path === "/file") {
            assertEquals(new Uint8Array(msg.responseBody), new Uint8Array(gzip));
          }
        }
      });

      it(`ends damaged, truncated and exploding bodies with MALFORMED ${on}`, async () => {
        const gzip = gzipSync(TEXT);
        const damaged = new Uint8Array(gzip);
        damaged[30]! ^= 0xff;
        const answers: Record<string, [Uint8Array, string]> = {
          "/damaged": [damaged, "ERR_CONTENT_CORRUPT"],
          "/truncated": [gzip.subarray(0, 60), "ERR_CONTENT_TRUNCATED"],
          "/bomb": [gzipSync(new Uint8Array(200_000)), "ERR_CONTENT_TOO_LARGE"],
        };
        await using bench = await featureBench((request, socket) => {
          socket.write(bytesReply("200 OK", answers[request.target]![0], ["Content-Encoding: gzip"]));
        }, { transport, defaultFeatures: false, features: [new ContentDecoder({ maxSize: 100_000 })] });
        for (const [path, [, code]] of Object.entries(answers)) {
          if (path === "/truncated" && bench.session.capabilities.name === "fetch") continue; // Node's fetch forgives it.
          const { msg, error } = await ask(bench.session, way, bench.server.origin + path);
          assertEquals(msg.statusCode, 8, path);
          assert(msg.error instanceof ContentDecodingError, String(msg.error));
          assertEquals(msg.error.code, code);
          assert(error !== null);
        }
      });
    }
  }

  it("asks for what it can decode", async () => {
    await using bench = await featureBench((request, socket) => {
      const body = request.headers.get("accept-encoding") ?? "none";
      socket.write(bytesReply("200 OK", new TextEncoder().encode(body)));
    });
    const accepted = async (headers?: HeadersInit, disable = false): Promise<string> => {
      const options = headers === undefined ? {} : { headers };
      const prepare = (msg: { disableFeature(type: typeof ContentDecoder): void }): void => {
        if (disable) msg.disableFeature(ContentDecoder);
      };
      return (await ask(bench.session, "queue", bench.url, { ...options, prepare })).text;
    };
    assertEquals(await accepted(), "gzip, deflate");
    assertEquals(await accepted({ "x-a": "b" }), "gzip, deflate");
    assertEquals(await accepted({ "accept-encoding": "br" }), "br");
    assertEquals(await accepted({ range: "bytes=0-9" }), "identity");
  });

  it("leaves a message that disables it as it came", async () => {
    const gzip = gzipSync(TEXT);
    await using bench = await featureBench((_request, socket) => {
      socket.write(bytesReply("200 OK", gzip, ["Content-Encoding: gzip"]));
    });
    const { msg, error } = await ask(bench.session, "queue", bench.url, {
      prepare: (made) => made.disableFeature(ContentDecoder),
    });
    assertEquals(error, null);
    assertEquals(msg.responseHeaders.get("content-encoding"), "gzip");
    assertEquals(new Uint8Array(msg.responseBody), new Uint8Array(gzip));
  });

  it("decodes a bomb piece by piece, never as a whole", async () => {
    const bomb = gzipSync(gzipSync(new Uint8Array(64_000_000)));
    await using bench = await featureBench((_request, socket) => {
      socket.write(bytesReply("200 OK", bomb, ["Content-Encoding: gzip, gzip"]));
    });
    const response = await bench.session.fetch(bench.url);
    let largest = 0;
    let size = 0;
    for await (const chunk of response.body!) {
      largest = Math.max(largest, chunk.byteLength);
      size += chunk.byteLength;
    }
    assertEquals(size, 64_000_000);
    assert(largest <= 1_048_576, `${largest} bytes in one piece`);
  });

  it("lets a reader leave an encoded body in the middle", async () => {
    const body = gzipSync(new SeededRandom(1).bytes(200_000)); // beyond what a session reads at once
    await using bench = await featureBench((_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.byteLength + 1}\r\nContent-Encoding: gzip\r\n\r\n`);
      socket.write(body.subarray(0, 100_000)); // and nothing more: a pending read must not hold the reader up
    });
    const response = await bench.session.fetch(bench.url);
    const reader = response.body!.getReader();
    assert(!(await reader.read()).done);
    await reader.cancel();
  });

  it("tells its limit and refuses a bad one", () => {
    assertEquals(new ContentDecoder().maxSize, 2 ** 28);
    assertEquals(new ContentDecoder({ maxSize: Infinity }).maxSize, Infinity);
    for (const maxSize of [-1, NaN]) {
      assertThrows(() => new ContentDecoder({ maxSize }), RangeError, "Cannot set maxSize");
    }
  });
});
