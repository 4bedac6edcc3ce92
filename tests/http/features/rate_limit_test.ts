import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { RateLimit } from "../../../http/features/rate_limit.ts";
import { ask, featureBench, TRANSPORTS, WAYS } from "../../_support/feature_session.ts";
import { until } from "../../_support/http_sessions.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply } from "../../_support/socket_server.ts";

describe("RateLimit", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      it(`keeps to its rate over ${transport} through ${way}`, async () => {
        using time = new ScriptedTime();
        const arrivals: number[] = [];
        await using bench = await featureBench((_request, socket) => {
          arrivals.push(time.now - begin);
          socket.write(reply("200 OK"));
        }, { transport, maxConnsPerHost: 8, features: [new RateLimit({ requests: 20, interval: 400_000, burst: 4 })] });
        const begin = time.now;
        const answers = Promise.all(Array.from({ length: 12 }, () => ask(bench.session, way, bench.url)));
        // Four at once, then one every 20 seconds, and a little more for what is no whole number.
        const step = 20_001;
        for (let count = 4; count < 12; count++) {
          await until(() => arrivals.length >= count);
          time.pass(step);
        }
        await answers;
        assertEquals(arrivals.map((moment) => Math.round(moment / step)), [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
      });
    }
  }

  it("keeps origins apart, and together what its key names alike", async () => {
    using time = new ScriptedTime();
    await using one = await featureBench((_request, socket) => socket.write(reply("200 OK")));
    await using two = await featureBench((_request, socket) => socket.write(reply("200 OK")));
    const both = () => Promise.all([one.url, two.url].map((url) => ask(one.session, "queue", url)));
    one.session.addFeature(new RateLimit({ requests: 1, interval: 10_000, burst: 1 }));
    await both();
    one.session.removeFeatureByType(RateLimit);
    one.session.addFeature(new RateLimit({ requests: 1, interval: 10_000, burst: 1, keyOf: () => "all" }));
    const answers = both();
    const seen = () => one.server.requests.length + two.server.requests.length;
    await until(() => time.held === 1 && seen() === 3);
    time.pass(10_001);
    await answers;
    assertEquals(seen(), 4);
  });

  it("holds back when the server says so", async () => {
    using time = new ScriptedTime();
    let count = 0;
    await using bench = await featureBench((_request, socket) => {
      socket.write(count++ === 0 ? reply("200 OK", "", ['RateLimit: "default";r=0;t=100']) : reply("200 OK"));
    }, { features: [new RateLimit({ maxHold: 60_000 })] });
    await ask(bench.session, "fetch", bench.url);
    const held = ask(bench.session, "fetch", bench.url);
    await until(() => time.held === 1);
    time.pass(59_999);
    assertEquals([time.held, count], [1, 1]);
    time.pass(1);
    await held;
    // No time passes any more: none of these is held.
    for (let number = 0; number < 5; number++) await ask(bench.session, "fetch", bench.url);
    assertEquals(count, 7);
  });

  it("holds back after Retry-After with a 429, unless told not to obey", async () => {
    for (const obeyServer of [true, false]) {
      using time = new ScriptedTime();
      await using bench = await featureBench((_request, socket) => {
        socket.write(reply("429 Too Many Requests", "", ["Retry-After: 500"]));
      }, { features: [new RateLimit({ maxHold: 60_000, obeyServer })] });
      await ask(bench.session, "queue", bench.url);
      const next = ask(bench.session, "queue", bench.url);
      if (obeyServer) {
        await until(() => time.held === 1);
        assertEquals(bench.server.requests.length, 1);
        time.pass(60_000);
      }
      await next;
      assertEquals(bench.server.requests.length, 2);
    }
  });

  it("gives the turn of an aborted request back", async () => {
    using time = new ScriptedTime();
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), {
      features: [new RateLimit({ requests: 1, interval: 60_000, burst: 1 })],
    });
    await ask(bench.session, "fetch", bench.url);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = Array.from({ length: 20 }, () => ask(bench.session, "fetch", bench.url, { signal }));
    await until(() => time.held === 20);
    controller.abort("no longer");
    for (const { error } of await Promise.all(aborted)) assertEquals(error, "no longer");
    const next = ask(bench.session, "fetch", bench.url);
    await until(() => time.held === 1);
    // The time of one turn, not of those that were given back.
    time.pass(60_001);
    await next;
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
