// About http/stores/rate_limit_redis_store.ts and RateLimit with a store: one limit for many processes.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  HttpMessage,
  HttpSession,
  HttpStatus,
  MockTransport,
  NotSupportedError,
  RateLimit,
  type RateLimitOptions,
  RateLimitRedisStore,
} from "../../../http/mod.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";

const url = "http://origin.example/";

/** A process of its own, as far as the server can tell. */
class Worker implements AsyncDisposable {
  readonly store: RateLimitRedisStore;
  readonly limit: RateLimit;
  readonly session: HttpSession;
  readonly errors: string[] = [];
  sent = 0;
  answer: () => Response = () => new Response("here");

  constructor(server: RedisServer, options: RateLimitOptions, whenUnreachable: "open" | "closed" = "open") {
    this.store = new RateLimitRedisStore({ url: server.url, whenUnreachable });
    this.limit = new RateLimit({ ...options, store: this.store });
    this.limit.addEventListener("store-error", ({ error }) => this.errors.push(String(error)));
    const origin = new MockTransport(() => {
      this.sent++;
      return this.answer();
    });
    this.session = new HttpSession({ defaultFeatures: false, features: [origin, this.limit], maxConnsPerHost: 20 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
    await this.limit.close();
  }
}

describe("a rate limit in Redis that several processes have", { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server.kill());

  it("lets one burst go for all of them, and gives turns back that are not used", async () => {
    const options = { requests: 5, interval: 3_600_000, keyOf: () => "burst" };
    await using one = new Worker(server, options);
    await using other = new Worker(server, options);
    const controller = new AbortController();
    const asked = [one, other, one, other, one, other, one, other].map(({ session }) =>
      session.fetch(url, { signal: controller.signal }).then((response) => response.text(), () => "cancelled")
    );
    // The first five of them; when the eighth token is promised too, nobody else goes for twelve minutes.
    while (Number(await server.command("HGET", await keyOf(server), "tokens")) > -2.9) await pause();
    // What the store has granted, it has not told everybody yet.
    while (one.sent + other.sent < 5) await pause();
    assertEquals([one.sent + other.sent, one.errors, other.errors], [5, [], []]);
    controller.abort();
    assertEquals((await Promise.all(asked)).filter((text) => text === "here").length, 5);
    while (Number(await server.command("HGET", await keyOf(server), "tokens")) < -0.1) await pause();
    assert(Number(await server.command("PTTL", await keyOf(server))) > 3_000_000);
  });

  it("keeps what the origin asks one of them for all, and is not for sends that block", async () => {
    const options = { requests: Infinity, keyOf: () => "held" };
    await using one = new Worker(server, options);
    await using other = new Worker(server, options);
    one.answer = () => new Response("later", { status: 429, headers: { "retry-after": "30" } });
    assertEquals((await one.session.fetch(url)).status, 429);
    const left = await other.store.held("held");
    assert(left > 20_000 && left <= 30_000, `${left} ms`);
    await assertRejects(() => other.session.fetch(url, { signal: AbortSignal.timeout(50) }));
    assertEquals(other.sent, 0);
    await using blocking = new HttpSession({ features: [other.limit] });
    const refused = assertThrows(() => blocking.sendMessageSync(new HttpMessage("GET", url)), NotSupportedError);
    assert(refused.message.includes("the store of a rate limit"), refused.message);
  });

  it("takes for nothing what others have written in place of numbers", async () => {
    const rate = { perMillisecond: 1 / 3_600_000, burst: 2 };
    const store = new RateLimitRedisStore({ url: server.url, prefix: "hostile:" });
    assertEquals(await store.take("key", rate), 0);
    const [name] = await server.command("KEYS", "hostile:*") as [string];
    for (const bad of ["", "many", "nan", "inf", "-1e300", "1e300"]) {
      for (const fields of [["tokens", bad], ["time", bad], ["tokens", bad, "time", bad, "held", bad]]) {
        await server.command("HSET", name, "tokens", "1", "time", "1", "held", "0", ...fields);
        assertEquals([await store.held("key"), await store.take("key", rate)], [0, 0], `${fields}`);
        await store.giveBack("key", rate);
        await store.hold("key", 0);
      }
    }
    await store.close();
  });

  it("fails open or closed while the server is away, as its store says", async () => {
    await using away = await RedisServer.start();
    const options = { requests: 1, interval: 3_600_000 };
    await using open = new Worker(away, options);
    await using closed = new Worker(away, options, "closed");
    await away.kill();
    assertEquals([await open.session.sendMessage(new HttpMessage("GET", url)), open.sent], [200, 1]);
    assertEquals([await open.session.sendMessage(new HttpMessage("GET", url)), open.sent], [200, 2]);
    const msg = new HttpMessage("GET", url);
    assertEquals([await closed.session.sendMessage(msg), closed.sent], [HttpStatus.TRY_AGAIN, 0]);
    assert(String(msg.error).includes("Redis") || String(msg.error).includes("rate limit"), String(msg.error));
    assert(open.errors.length === 2 && closed.errors.length === 1);
    await away.start();
    while (await closed.session.sendMessage(new HttpMessage("GET", url)) === HttpStatus.TRY_AGAIN) await pause();
    assertEquals(closed.sent, 1);
  });
});

/** The key of the only limit that has tokens. */
async function keyOf(server: RedisServer): Promise<string> {
  return (await server.command("KEYS", "gp11:limit:*") as string[])[0] ?? "gp11:limit:none";
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
