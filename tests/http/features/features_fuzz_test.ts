// Everything these features parse, from a server that sends nonsense: no crash, no hang, no leak into the next request.
import { describe, it } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Logger } from "../../../http/features/logging/logger.ts";
import {
  formatMediaType,
  parseContentDisposition,
  parseLink,
  parseMediaType,
  parseQualityList,
} from "../../../http/protocol/media_type.ts";
import { formatHttpDate, parseHttpDate, parseRateLimit, parseRetryAfter } from "../../../http/protocol/retry_times.ts";
import {
  parseParameters,
  parseStructuredDictionary,
  parseStructuredItem,
  parseStructuredList,
  quoteIfNeeded,
  splitOutsideQuotes,
  unquote,
} from "../../../http/protocol/syntax.ts";
import { RateLimit } from "../../../http/features/rate_limit.ts";
import { Retry } from "../../../http/features/retry.ts";
import { ContentSniffer } from "../../../http/features/sniffing/content_sniffer.ts";
import { Timeouts } from "../../../http/features/timeouts.ts";
import { ask, featureBench, TRANSPORTS } from "../../_support/feature_session.ts";
import { fieldPieces } from "../../_support/fuzz_inputs.ts";
import { ownTime } from "../../_support/own_time.ts";
import { SeededRandom } from "../../_support/random.ts";

describe("parsers under random input", () => {
  it("answer whatever a field holds, and answer the same when asked again", () => {
    const random = new SeededRandom(20261121);
    for (let round = 0; round < 4000; round++) {
      const text = random.fieldValue(fieldPieces);
      const results = (): unknown[] => [
        splitOutsideQuotes(text, ","),
        parseParameters(text),
        unquote(text),
        parseHttpDate(text)?.getTime(),
        parseRetryAfter(text, { now: 0 }),
        parseQualityList(text),
        parseMediaType(text),
        parseLink(text, "http://h.example/"),
        parseContentDisposition(text),
        parseStructuredItem(text)?.[0]?.toString(),
        parseStructuredList(text)?.length,
        parseStructuredDictionary(text)?.size,
      ];
      assertEquals(results(), results());
    }
  });

  it("read back what they write", () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 2000; round++) {
      const text = random.fieldValue(fieldPieces);
      assertEquals(unquote(quoteIfNeeded(text)), text);
      const type = parseMediaType(text);
      if (type !== undefined) assertEquals(parseMediaType(formatMediaType(type)), type);
      const date = new Date(random.integer(-60e9, 250e9) * 1000);
      assertEquals(parseHttpDate(formatHttpDate(date)), date);
    }
  });

  it("keep numbers within bounds", () => {
    const random = new SeededRandom(8);
    const names = [
      "ratelimit",
      "ratelimit-remaining",
      "x-ratelimit-reset",
      "ratelimit-reset",
      "x-rate-limit-remaining",
    ];
    for (let round = 0; round < 2000; round++) {
      const headers = new Headers();
      for (const name of names) {
        if (random.next() < 0.5) {
          headers.set(name, random.fieldValue(["1", "0", "-", "r=", ";t=", '"a"', "e9", ",", " "]));
        }
      }
      const limit = parseRateLimit(headers);
      assert(limit?.resetAfter === undefined || limit.resetAfter >= 0);
      const after = parseRetryAfter(random.fieldValue(["9", "-", ".", "e", "0x"]));
      assert(after === undefined || after >= 0 && after <= Number.MAX_SAFE_INTEGER);
    }
  });
});

const ENCODERS = [gzipSync, deflateSync, brotliCompressSync, zstdCompressSync];
const CODINGS = ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity", "x-gzip", "unknown", ",", "gzip;q=1"];
const TYPES = [
  "text/html",
  "text/plain",
  "image/png",
  "text/event-stream",
  "application/json",
  "*/*",
  ";;",
  'a/b;c="',
  "audio/mpeg",
];

/** A response that is wrong in one way or another. */
function hostile(random: SeededRandom): Buffer {
  const plain = random.next() < 0.5
    ? random.bytes(random.integer(0, 3000))
    : Buffer.from(random.fieldValue(fieldPieces, 200));
  let body: Uint8Array = random.next() < 0.7 ? random.pick(ENCODERS)(plain) : plain;
  if (random.next() < 0.5) body = random.mutate(body);
  const fields = [
    `Content-Encoding: ${random.pick(CODINGS)}`,
    `Content-Type: ${random.next() < 0.5 ? random.pick(TYPES) : random.fieldValue(fieldPieces)}`,
    `Retry-After: ${random.fieldValue(["0", "-", "x", "Sun, 06 Nov 1994 08:49:37 GMT"], 3)}`,
    `RateLimit: ${random.fieldValue(['"a"', ";r=0", ";t=0", ",", "("])}`,
    `X-Content-Type-Options: ${random.fieldValue(["nosniff", ",", "x"], 3)}`,
    `Set-Cookie: ${random.fieldValue(fieldPieces)}`,
    `X-Token: ${random.fieldValue(fieldPieces)}`,
  ].filter(() => random.next() < 0.7);
  const status = random.pick(["200 OK", "503 Busy", "429 Slow", "404 No", "206 Part", "500 \x80"]);
  const head = [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${body.byteLength}`, "Connection: close", "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), body]);
}

describe("features under a hostile server", () => {
  for (const transport of TRANSPORTS) {
    it(`end every message and go on, over ${transport}`, async () => {
      const random = new SeededRandom(31337);
      let lines = 0;
      await using bench = await featureBench((request, socket) => {
        if (request.target === "/good") {
          socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood");
        } else socket.end(hostile(random));
      }, {
        transport,
        features: [
          new ContentSniffer(),
          new Logger({ level: "body", printer: () => void lines++ }),
          new Retry({ limit: 1, baseDelay: 0, maxDelay: 10, budget: false }),
          new Timeouts({ total: 5000, idle: 5000 }),
          new RateLimit({ requests: 100_000, maxHold: 1 }),
        ],
      });
      for (let round = 0; round < 40; round++) {
        const sniffed: string[] = [];
        const way = round % 2 === 0 ? "fetch" : "queue";
        const { msg } = await ask(bench.session, way, bench.url, {
          prepare: (made) => made.addEventListener("content-sniffed", (event) => sniffed.push(event.contentType)),
        });
        assert(msg.statusCode >= 200 || msg.statusCode === 7 || msg.statusCode === 8, `status ${msg.statusCode}`);
        assert(sniffed.every((type) => parseMediaType(type) !== undefined), String(sniffed));
      }
      assertEquals((await ask(bench.session, "fetch", `${bench.url}good`)).text, "good");
      assert(lines > 200);
    });
  }

  it("cost next to nothing on requests they do not touch", async () => {
    const answer = { respond: () => new Response("hello", { headers: { "content-length": "5" } }) };
    const all = [new ContentSniffer(), new Logger({ level: "none" }), new Retry(), new Timeouts({ total: 60_000 })];
    const benches = [[], all].map((features) =>
      featureBench(() => {}, { defaultFeatures: false, features: [...features, answer] })
    );
    await using without = await benches[0]!;
    await using withThem = await benches[1]!;
    const timeOf = async ({ session }: typeof without): Promise<number> => {
      const start = ownTime();
      for (let count = 0; count < 100; count++) await (await session.fetch("http://example.org/")).text();
      return ownTime() - start;
    };
    const [plain, added] = [[], []] as [number[], number[]];
    // What disturbs a round passes, what features cost does not.
    for (let round = 0; round < 5 || round < 40 && Math.min(...added) >= Math.min(...plain) * 4; round++) {
      plain.push(await timeOf(without));
      added.push(await timeOf(withThem));
    }
    // A ratio of own time within one run, the best of interleaved rounds. The figure is in the benchmarks.
    assertLess(Math.min(...added), Math.min(...plain) * 4);
  });
});
