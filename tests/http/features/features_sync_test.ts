// The features that decode, sniff, log, route, repeat and limit, while the caller's thread is blocked.
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { assert, assertEquals } from "@std/assert";
import { CookieJar } from "../../../http/features/cookies/cookie_jar.ts";
import { ContentDecoder } from "../../../http/features/content_decoder.ts";
import { Logger } from "../../../http/features/logging/logger.ts";
import { HttpMessage, MessageFlags } from "../../../http/message/message.ts";
import { ProxyResolver } from "../../../http/features/proxies/proxy_resolver.ts";
import { RateLimit } from "../../../http/features/rate_limit.ts";
import { Retry } from "../../../http/features/retry.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { ContentSniffer } from "../../../http/features/sniffing/content_sniffer.ts";
import { Timeouts } from "../../../http/features/timeouts.ts";

/** An origin, also a proxy for absolute targets, on a thread of its own. */
const PROGRAM = `
import { createServer } from "node:http";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parentPort } from "node:worker_threads";
let flaky = 0;
const server = createServer((request, response) => {
  const path = request.url.replace(/^http:\\/\\/[^/]*/, "");
  if (path === "/hang") return;
  if (path === "/flaky" && flaky++ % 3 < 2) return response.writeHead(503).end("busy");
  if (path === "/pdf") return response.end("%PDF-1.7");
  if (path === "/bomb") return response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(300000)));
  const encode = { "/gzip": gzipSync, "/br": brotliCompressSync, "/zstd": zstdCompressSync }[path];
  if (encode) return response.writeHead(200, { "content-encoding": path.slice(1) }).end(encode("decoded"));
  response.end(request.url === path ? "direct" : "proxied");
});
server.on("connect", ({ headers }, socket) => {
  const isKnown = headers["proxy-authorization"] === "Basic dXNlcjpzZWNyZXQ=";
  socket.end("HTTP/1.1 " + (isKnown ? "302 Found\\r\\nSet-Cookie: planted=1" : '407 Who\\r\\nProxy-Authenticate: Basic realm="p"') +
    "\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n");
});
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

let origin: Worker;
let url: string;
before(async () => {
  origin = new Worker(new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`));
  const [port] = await once(origin, "message") as [number];
  url = `http://127.0.0.1:${port}`;
});
after(async () => {
  await origin.terminate();
});

for (const transport of ["auto", "node"] as const) {
  describe(`features during synchronous sends on the ${transport} transport`, () => {
    const send = (session: HttpSession, path: string): HttpMessage => {
      const msg = new HttpMessage("GET", url + path);
      session.sendMessageSync(msg);
      return msg;
    };
    const text = (msg: HttpMessage): string => new TextDecoder().decode(msg.responseBody);

    it("ContentDecoder decodes and keeps its limit", async () => {
      await using session = new HttpSession({ transport, removeFeatureByType: ContentDecoder });
      session.addFeature(new ContentDecoder({ maxSize: 100_000 }));
      for (const path of ["/gzip", "/br", "/zstd"]) {
        const msg = send(session, path);
        assertEquals([msg.statusCode, text(msg)], [200, "decoded"], path);
        assert(msg.hasFlag(MessageFlags.CONTENT_DECODED));
        assertEquals(msg.responseHeaders.get("content-encoding"), null);
      }
      const bomb = send(session, "/bomb");
      assertEquals(bomb.statusCode, 8);
      assert((bomb.error as Error).message.includes("100000 bytes"), String(bomb.error));
    });

    it("ContentSniffer tells its type with the other events", async () => {
      await using session = new HttpSession({ transport, features: [new ContentSniffer()] });
      const msg = new HttpMessage("GET", `${url}/pdf`);
      const log: string[] = [];
      msg.addEventListener("got-headers", () => log.push("got-headers"));
      msg.addEventListener("content-sniffed", (event) => log.push(event.contentType));
      msg.addEventListener("got-chunk", () => log.push("got-chunk"));
      session.sendMessageSync(msg);
      await Promise.resolve();
      assertEquals(log, ["got-headers", "application/pdf", "got-chunk"]);
    });

    it("Logger writes requests and responses with their bodies", async () => {
      const lines: string[] = [];
      const printer = (_level: string, direction: string, line: string): void =>
        void lines.push(`${direction} ${line}`);
      await using session = new HttpSession({ transport, features: [new Logger({ level: "body", printer })] });
      send(session, "/gzip");
      assertEquals(lines[0], "> GET /gzip HTTP/1.1");
      assert(lines.some((line) => /^< HTTP\/1\.1 200 /.test(line)));
      assertEquals(lines.slice(-2), ["< decoded", "  "]);
      assertEquals(lines.filter((line) => line.startsWith("> GET")).length, 1);
    });

    it("Retry waits and sends again", async () => {
      const delays: number[] = [];
      const retry = new Retry({ baseDelay: 30, jitter: false, onRetry: ({ delay }) => delays.push(delay) });
      await using session = new HttpSession({ transport, features: [retry] });
      const start = performance.now();
      const msg = send(session, "/flaky");
      assertEquals([msg.statusCode, text(msg)], [200, "direct"]);
      assertEquals(delays, [30, 60]);
      assert(performance.now() - start >= 85);
    });

    it("RateLimit holds back", async () => {
      const limit = new RateLimit({ requests: 1, interval: 100, burst: 1 });
      await using session = new HttpSession({ transport, features: [limit] });
      const start = performance.now();
      for (let count = 0; count < 4; count++) send(session, "/");
      assert(performance.now() - start >= 290, `${performance.now() - start} ms`);
    });

    it("AuthManager answers the proxy of a tunnel, whose other answers nobody believes", async () => {
      const jar = new CookieJar();
      await using session = new HttpSession({ transport, proxyUri: url, features: [jar] });
      let asked = 0;
      session.addEventListener("authenticate", ({ auth }) => {
        asked++;
        auth.authenticate("user", "secret");
      });
      const msg = new HttpMessage("GET", "https://bank.test/");
      assertEquals(session.sendMessageSync(msg), HttpStatus.CANT_CONNECT_PROXY);
      assertEquals([asked, jar.getCookieHeader("https://bank.test/")], [1, ""]);
    });

    it("ProxyResolver chooses the proxy", async () => {
      await using session = new HttpSession({ transport });
      session.addFeature(ProxyResolver.fromFunction((uri) => uri.pathname === "/direct" ? null : url));
      assertEquals(text(send(session, "/direct")), "direct");
      assertEquals(text(send(session, "/other")), "proxied");
      session.removeFeatureByType(ProxyResolver);
      session.addFeature(ProxyResolver.fromEnvironment({ env: { http_proxy: url } }));
      assertEquals(text(send(session, "/other")), "proxied");
    });

    it("Timeouts ends what takes too long", async () => {
      await using session = new HttpSession({ transport });
      session.addFeature(new Timeouts({ total: 600_000 }));
      assertEquals(send(session, "/").statusCode, 200);
      session.removeFeatureByType(Timeouts);
      session.addFeature(new Timeouts({ total: 300 }));
      const msg = send(session, "/hang");
      assertEquals(msg.statusCode, 7);
      assertEquals((msg.error as Error).name, "TimeoutError");
    });
  });
}
