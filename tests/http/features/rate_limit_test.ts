import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { RateLimit } from "../../../http/features/rate_limit.ts";
import { ask, FACES, featureBench, TRANSPORTS } from "../../_support/feature_session.ts";
import { reply } from "../../_support/socket_server.ts";

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Requests of which each, if it were held back, would add to a time that no machine takes to make them all. */
const many = 50;
const mostForMany = 15_000;

describe("RateLimit", () => {
  for (const transport of TRANSPORTS) {
    for (const face of FACES) {
      it(`keeps to its rate over ${transport} through ${face}`, async () => {
        const arrivals: number[] = [];
        await using bench = await featureBench((_request, socket) => {
          arrivals.push(performance.now());
          socket.write(reply("200 OK"));
        }, { transport, maxConnsPerHost: 8 });
        await ask(bench.session, face, bench.url); // The first request of a runtime takes its time.
        arrivals.length = 0;
        bench.session.addFeature(new RateLimit({ requests: 20, interval: 400, burst: 4 }));
        const start = performance.now();
        const elapsed = await timed(() =>
          Promise.all(Array.from({ length: 12 }, () => ask(bench.session, face, bench.url)))
        );
        // Four at once, then one every 20 ms.
        assert(elapsed >= 150 && elapsed < 5000, `${elapsed} ms`);
        assertEquals(arrivals.length, 12);
        // Counted from the start, as the first to arrive has waited for its connection.
        assert(arrivals[11]! - start >= 150, `${arrivals[11]! - start} ms`);
      });
    }
  }

  it("keeps origins apart, and together what its key names alike", async () => {
    await using one = await featureBench((_request, socket) => socket.write(reply("200 OK")));
    await using two = await featureBench((_request, socket) => socket.write(reply("200 OK")));
    const both = () => Promise.all([one.url, two.url].map((url) => ask(one.session, "queue", url)));
    one.session.addFeature(new RateLimit({ requests: 1, interval: 2 * mostForMany, burst: 1 }));
    assert(await timed(both) < mostForMany);
    one.session.removeFeatureByType(RateLimit);
    one.session.addFeature(new RateLimit({ requests: 1, interval: 900, burst: 1, keyOf: () => "all" }));
    assert(await timed(both) >= 850);
  });

  it("holds back when the server says so", async () => {
    let count = 0;
    await using bench = await featureBench((_request, socket) => {
      socket.write(count++ === 0 ? reply("200 OK", "", ['RateLimit: "default";r=0;t=1']) : reply("200 OK"));
    }, { features: [new RateLimit({ maxHold: 600 })] });
    await ask(bench.session, "fetch", bench.url);
    assert(await timed(() => ask(bench.session, "fetch", bench.url)) >= 550);
    const elapsed = await timed(async () => {
      for (let number = 0; number < many; number++) await ask(bench.session, "fetch", bench.url);
    });
    assert(elapsed < mostForMany, `${elapsed} ms`);
  });

  it("holds back after Retry-After with a 429, unless told not to obey", async () => {
    for (const obeyServer of [true, false]) {
      await using bench = await featureBench((_request, socket) => {
        socket.write(reply("429 Too Many Requests", "", ["Retry-After: 5"]));
      }, { features: [new RateLimit({ maxHold: 600, obeyServer })] });
      await ask(bench.session, "queue", bench.url);
      const elapsed = await timed(async () => {
        for (let left = obeyServer ? 1 : many; left > 0; left--) await ask(bench.session, "queue", bench.url);
      });
      assert(obeyServer ? elapsed >= 550 : elapsed < mostForMany, `${elapsed} ms`);
    }
  });

  it("gives the turn of an aborted request back", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), {
      features: [new RateLimit({ requests: 1, interval: 600, burst: 1 })],
    });
    await ask(bench.session, "fetch", bench.url);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = Array.from({ length: many }, () => ask(bench.session, "fetch", bench.url, { signal }));
    setTimeout(() => controller.abort("no longer"), 20);
    for (const { error } of await Promise.all(aborted)) assertEquals(error, "no longer");
    assert(await timed(() => ask(bench.session, "fetch", bench.url)) < mostForMany);
    assertEquals(bench.server.requests.length, 2);
  });

  it("forgets origins that are at rest", async () => {
    const limit = new RateLimit({ requests: 1000, interval: 1 });
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), { features: [limit] });
    for (let index = 0; index < 2500; index++) {
      const msg = { uri: new URL(`http://host${index}.example/`) };
      limit.requestStarting(bench.session, msg as Parameters<RateLimit["requestStarting"]>[1]);
    }
    assert(limit.size <= 1001, `${limit.size} origins kept`);
  });

  it("refuses numbers out of range", () => {
    for (const options of [{ requests: 0 }, { interval: 0 }, { requests: 5, burst: 0.5 }, { requests: NaN }]) {
      assertThrows(() => new RateLimit(options), RangeError, "Cannot");
    }
  });
});
