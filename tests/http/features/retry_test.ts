import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HttpMessage, MessageFlags } from "../../../http/message/message.ts";
import { HttpCache } from "../../../http/features/cache/http_cache.ts";
import { Retry, type RetryInfo } from "../../../http/features/retry.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { ask, featureBench, TRANSPORTS, WAYS } from "../../_support/feature_session.ts";
import { until } from "../../_support/http_sessions.ts";
import { freePort } from "../../_support/server_programs.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply, type Responder } from "../../_support/socket_server.ts";

/** Answers in turn; the last answer stays. */
function inTurn(...answers: string[]): Responder {
  let count = 0;
  return (_request, socket) => socket.write(answers[Math.min(count++, answers.length - 1)]!);
}

describe("Retry", () => {
  it("asks nobody again where only a cache may answer and there is none", async () => {
    const retry = new Retry({ baseDelay: 1 });
    await using session = new HttpSession({ features: [retry] });
    assertEquals((await session.fetch("http://example.org/", { cache: "only-if-cached" })).status, 504);
    assertEquals(retry.budget, 100);
  });

  it("leaves the answer of a cache alone in a synchronous send", async () => {
    const retry = new Retry({ baseDelay: 1 });
    await using session = new HttpSession({ features: [new HttpCache(), retry] });
    const headers = { "cache-control": "only-if-cached" };
    const msg = new HttpMessage("GET", "http://example.org/", { headers });
    assertEquals(session.sendMessageSync(msg), 504);
    assertEquals([retry.budget, msg.metrics.attempts], [100, 1]);
  });

  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`sends again until an answer is good ${on}`, async () => {
        const retry = new Retry({ baseDelay: 1, limit: 3 });
        await using bench = await featureBench(
          inTurn(
            reply("503 Service Unavailable", "busy"),
            reply("500 Oops", "x".repeat(100_000)),
            reply("200 OK", "good"),
          ),
          { transport, features: [retry] },
        );
        const { status, text, error } = await ask(bench.session, way, bench.url);
        assertEquals([status, text, error], [200, "good", null]);
        assertEquals(bench.server.requests.length, 3);
      });

      it(`ends with the last answer ${on}`, async () => {
        await using bench = await featureBench(inTurn(reply("502 Bad Gateway", "still bad")), {
          transport,
          features: [new Retry({ baseDelay: 1, limit: 2 })],
        });
        const { status, text, error } = await ask(bench.session, way, bench.url);
        assertEquals([status, text, error], [502, "still bad", null]);
        assertEquals(bench.server.requests.length, 3);
      });

      it(`leaves answers alone for which no server was asked ${on}`, async () => {
        const retry = new Retry({ baseDelay: 1 });
        const stored = reply("503 Service Unavailable", "busy", ["Cache-Control: max-age=60"]);
        await using bench = await featureBench(inTurn(stored, stored, stored, reply("200 OK", "good")), {
          transport,
          features: [new HttpCache(), retry],
        });
        const onlyCached = { headers: { "cache-control": "only-if-cached" } };
        assertEquals((await ask(bench.session, way, bench.url, onlyCached)).status, 504);
        assertEquals([retry.budget, bench.server.requests.length], [100, 0]);
        assertEquals((await ask(bench.session, way, `${bench.url}`)).status, 503);
        const { budget } = retry;
        assertEquals((await ask(bench.session, way, `${bench.url}`)).text, "busy");
        assertEquals((await ask(bench.session, way, bench.url, onlyCached)).text, "busy");
        assert(retry.budget >= budget);
      });

      it(`sends again when a connection breaks ${on}`, async () => {
        let count = 0;
        await using bench = await featureBench((_request, socket) => {
          if (++count < 3) socket.destroy();
          else socket.write(reply("200 OK", "good"));
        }, { transport, features: [new Retry({ baseDelay: 1 })] });
        const { status, text } = await ask(bench.session, way, bench.url, { headers: { "x-first": "1" } });
        assertEquals([status, text], [200, "good"]);
      });

      it(`sends again when nobody listens, and then gives up ${on}`, async () => {
        const infos: RetryInfo[] = [];
        const retry = new Retry({ baseDelay: 1, onRetry: (info) => infos.push(info) });
        await using session = new HttpSession({ transport, features: [retry] });
        const { status, error } = await ask(session, way, `http://127.0.0.1:${await freePort()}/`);
        assertEquals(status, 4);
        assert(error !== null);
        assertEquals(infos.map(({ retry, status }) => [retry, status]), [[1, 4], [2, 4]]);
      });

      it(`leaves POST and one-shot bodies alone, unless told otherwise ${on}`, async () => {
        await using bench = await featureBench(inTurn(reply("503 Service Unavailable")), {
          transport,
          features: [new Retry({ baseDelay: 1, limit: 1 })],
        });
        const count = async (method: string, flags: MessageFlags[], body: string | ReadableStream): Promise<number> => {
          const before = bench.server.requests.length;
          const { status } = await ask(bench.session, way, bench.url, { method, body: body as string, flags });
          assertEquals(status, 503);
          return bench.server.requests.length - before;
        };
        assertEquals(await count("POST", [], "a"), 1);
        assertEquals(await count("POST", [MessageFlags.IDEMPOTENT], "a"), 2);
        assertEquals(await count("PUT", [], "a"), 2);
        assertEquals(bench.server.requests.at(-1)!.body.toString(), "a");
        assertEquals(await count("PUT", [], new Blob(["stream"]).stream()), 1);
      });

      it(`waits as long as Retry-After says, or does not ask again ${on}`, async () => {
        await using bench = await featureBench((request, socket) => {
          const isSecond = bench.server.requests.filter(({ target }) => target === request.target).length > 1;
          const wait = request.target === "/long" ? "3600" : "1";
          socket.write(isSecond ? reply("200 OK") : reply("429 Too Many Requests", "", [`Retry-After: ${wait}`]));
        }, { transport, features: [new Retry({ baseDelay: 1, maxDelay: 5000 })] });
        assertEquals((await ask(bench.session, way, `${bench.url}long`)).status, 429);
        assertEquals(bench.server.requests.length, 1);
        using time = new ScriptedTime();
        const answer = ask(bench.session, way, bench.url);
        await until(() => time.dueIn(1000) === 1);
        time.pass(995);
        assertEquals([time.dueIn(5), bench.server.requests.length], [1, 2]);
        time.pass(5);
        assertEquals((await answer).status, 200);
      });

      it(`stops waiting when the request is aborted ${on}`, async () => {
        await using bench = await featureBench(inTurn(reply("503 Service Unavailable")), {
          transport,
          features: [new Retry({ baseDelay: 60_000, maxDelay: 60_000, jitter: false })],
        });
        const controller = new AbortController();
        const answer = ask(bench.session, way, bench.url, { signal: controller.signal });
        while (bench.server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        setTimeout(() => controller.abort("enough"), 50);
        const { error } = await answer;
        assertEquals(error, "enough");
        assertEquals(bench.server.requests.length, 1);
      });
    }
  }

  it("keeps to the budget all messages share", async () => {
    const retry = new Retry({ baseDelay: 0, limit: 5, budget: { capacity: 4, ratio: 0.5 } });
    await using bench = await featureBench(inTurn(reply("500 Oops")), { features: [retry] });
    for (let round = 0; round < 4; round++) await ask(bench.session, "queue", bench.url);
    // Four from the beginning, and a half for each of the four messages, the first of which found it full.
    assertEquals(bench.server.requests.length, 4 + 4 + 1);
    assert(retry.budget < 1);
  });

  it("doubles its waits up to the limit and leaves them to chance", async () => {
    const delaysWith = async (jitter: boolean | number): Promise<number[]> => {
      const delays: number[] = [];
      const retry = new Retry({
        limit: 5,
        baseDelay: 2,
        maxDelay: 10,
        jitter,
        onRetry: ({ delay }) => delays.push(delay),
      });
      await using session = new HttpSession({ features: [retry] });
      session.addFeature({ respond: () => new Response("", { status: 503 }) });
      await (await session.fetch("http://example.org/")).text();
      return delays;
    };
    assertEquals(await delaysWith(false), [2, 4, 8, 10, 10]);
    const limits = [2, 4, 8, 10, 10];
    assert((await delaysWith(true)).every((delay, index) => delay >= 0 && delay <= limits[index]!));
    assert((await delaysWith(0.5)).every((delay, index) => delay >= limits[index]! / 2 && delay <= limits[index]!));
  });

  it("does nothing for messages that disable it and for statuses not named", async () => {
    await using bench = await featureBench(inTurn(reply("503 Service Unavailable")), {
      features: [new Retry({ baseDelay: 1, statuses: [500] })],
    });
    assertEquals((await ask(bench.session, "queue", bench.url)).status, 503);
    assertEquals(bench.server.requests.length, 1);
    bench.session.addFeature(new Retry({ baseDelay: 1 }));
    await ask(bench.session, "queue", bench.url, { prepare: (msg) => msg.disableFeature(Retry) });
    assertEquals(bench.server.requests.length, 2);
  });

  it("refuses numbers out of range", () => {
    const bad = [{ limit: -1 }, { baseDelay: NaN }, { maxDelay: -5 }, { jitter: 2 }, { budget: { ratio: -1 } }];
    for (const options of bad) assertThrows(() => new Retry(options), RangeError, "Cannot");
  });
});
