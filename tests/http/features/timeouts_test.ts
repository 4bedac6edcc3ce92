import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { createServer, type Server } from "node:net";
import { NotSupportedError } from "../../../http/errors.ts";
import { HttpError } from "../../../http/message/http_error.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { Retry } from "../../../http/features/retry.ts";
import { RequestTimeoutError } from "../../../http/contract/time_watch.ts";
import { Timeouts } from "../../../http/features/timeouts.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { ask, featureBench, TRANSPORTS, WAYS } from "../../_support/feature_session.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply } from "../../_support/socket_server.ts";

function timeoutOf(error: unknown): RequestTimeoutError | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof RequestTimeoutError) return each;
  }
  return undefined;
}

/** An HttpError with the name of fetch's timeouts, and the error that says what took too long behind it. */
function assertTimeout(error: unknown, msg: HttpMessage): void {
  assertInstanceOf(error, HttpError);
  assertEquals([error.name, error.status, error.code], ["TimeoutError", 7, "ETIMEDOUT"]);
  assertStrictEquals(error.msg, msg);
  assertInstanceOf(error.cause, DOMException);
  assertEquals(error.cause.name, "TimeoutError");
  assertStrictEquals(error.cause, msg.error);
}

describe("Timeouts", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`ends what takes too long altogether ${on}`, async () => {
        await using bench = await featureBench((request, socket) => {
          if (request.target === "/quick") socket.write(reply("200 OK", "quick"));
          else if (request.target === "/body") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nbegin");
        }, { transport, features: [new Timeouts({ total: 400 })] });
        for (const path of ["silent", "body"]) {
          const start = performance.now();
          const { error, msg } = await ask(bench.session, way, bench.url + path);
          const timeout = timeoutOf(error);
          assertEquals([timeout?.name, timeout?.kind, timeout?.limit], ["TimeoutError", "total", 400], String(error));
          assertEquals(msg.statusCode, 7);
          if (way === "fetch") assertTimeout(error, msg);
          const elapsed = performance.now() - start;
          assert(elapsed > 390, `${elapsed} ms`);
        }
        bench.session.removeFeatureByType(Timeouts);
        bench.session.addFeature(new Timeouts({ total: 60_000 }));
        const quick = await ask(bench.session, way, `${bench.url}quick`);
        assertEquals([quick.status, quick.text, quick.error], [200, "quick", null]);
      });

      it(`ends a pause that is too long, and lets a slow body be ${on}`, async () => {
        using time = new ScriptedTime();
        let goOn = (): void => {};
        await using bench = await featureBench((request, socket) => {
          const isStalling = request.target === "/stall";
          let left = isStalling ? 3 : 10;
          const send = (): void => void (left-- > 0 && socket.write("x".repeat(10_000)));
          goOn = () => {
            time.pass(6000);
            if (isStalling && left <= 0) time.pass(6000);
            send();
          };
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
          send();
        }, { transport, features: [new Timeouts({ idle: 10_000 })] });
        let arrived = 0;
        const prepare = (msg: HttpMessage) =>
          msg.addEventListener("got-chunk", ({ chunk }) => {
            arrived += chunk.length;
            if (arrived % 10_000 === 0) setTimeout(() => goOn());
          });
        const slow = await ask(bench.session, way, `${bench.url}slow`, { prepare });
        assertEquals([slow.status, slow.error, slow.text.length], [200, null, 100_000]);
        const stalled = await ask(bench.session, way, `${bench.url}stall`, { prepare });
        assertEquals(stalled.msg.statusCode, 7);
        if (way === "fetch") assertTimeout(stalled.error, stalled.msg);
        else assertEquals((stalled.error as Error).name, "TimeoutError");
      });
    }
  }

  for (const transport of TRANSPORTS) {
    it(`the session's own timeout and a request's reject as fetch does over ${transport}`, async () => {
      await using bench = await featureBench(() => {}, { transport, timeout: 0.1 });
      const own = await ask(bench.session, "fetch", bench.url);
      assertTimeout(own.error, own.msg);
      bench.session.timeout = 0;
      const error = await bench.session.fetch(bench.url, { timeout: 0.1 }).catch((reason: unknown) => reason);
      assertTimeout(error, (error as HttpError).msg);
    });
  }

  it("counts waiting and retries into the total", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("503 Busy")), {
      features: [new Retry({ baseDelay: 60_000, maxDelay: 60_000, jitter: false }), new Timeouts({ total: 100 })],
    });
    const { error } = await ask(bench.session, "fetch", bench.url);
    assertEquals(timeoutOf(error)?.kind, "total");
  });

  it("ends a connection that is not made, over the transport that can tell", async () => {
    using time = new ScriptedTime();
    // A server that accepts and never answers the TLS handshake.
    const server: Server = createServer((socket) => {
      socket.on("error", () => {});
      time.pass(5000);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = (server.address() as { port: number }).port;
    const sockets = new Set<{ destroy(): void }>();
    server.on("connection", (socket) => sockets.add(socket));
    await using bench = await featureBench((_request, socket) => {
      time.pass(6000);
      socket.write(reply("200 OK", "slow but connected"));
    }, { features: [new Timeouts({ connect: 5000 })] });
    const { error, msg } = await ask(bench.session, "queue", `https://127.0.0.1:${port}/`);
    assertEquals(timeoutOf(error)?.kind, "connect", String(error));
    assertEquals(msg.statusCode, 7);
    // A server that thinks for long has been reached all the same.
    assertEquals((await ask(bench.session, "fetch", bench.url)).text, "slow but connected");
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it("says when the transport cannot tell that a connection stands", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), {
      transport: "fetch",
      features: [new Timeouts({ connect: 100 })],
    });
    const { msg } = await ask(bench.session, "queue", bench.url);
    assert(msg.error instanceof NotSupportedError, String(msg.error));
  });

  it("leaves no timer behind", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), {
      features: [new Timeouts({ total: 3_600_000, connect: 3_600_000, idle: 3_600_000 })],
    });
    assertEquals((await ask(bench.session, "fetch", bench.url)).status, 200); // Deno's sanitizer and Node's exit see to it.
  });

  it("is the shortest of several", async () => {
    const features = [60_000, 20, 0].map((total) => new Timeouts({ total }));
    await using session = new HttpSession({ lookup: () => new Promise(() => {}), features });
    const { error } = await ask(session, "queue", "http://nobody.example/");
    assertEquals(timeoutOf(error)?.limit, 20, String(error));
    session.removeFeature(features[1]!);
    const msg = new HttpMessage("GET", "http://nobody.example/", { timeouts: { total: 0.03 } });
    await session.sendMessage(msg);
    assertEquals(timeoutOf(msg.error)?.limit, 30, String(msg.error));
  });

  it("keeps a message's own timeout and refuses bad limits", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), {
      features: [new Timeouts({ idle: 5000 })],
    });
    const own = await ask(bench.session, "queue", bench.url, { timeout: 9 });
    assertEquals(own.msg.timeout, 9);
    assertEquals((await ask(bench.session, "queue", bench.url)).msg.timeout, 5);
    assertEquals(new Timeouts({ total: Infinity }).total, 0);
    for (const options of [{ total: -1 }, { idle: NaN }, { connect: -0.5 }]) {
      assertThrows(() => new Timeouts(options), RangeError, "Cannot set the");
    }
  });
});
