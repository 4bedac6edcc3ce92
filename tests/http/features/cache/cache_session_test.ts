import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CacheMemoryStore } from "../../../../http/features/cache/store.ts";
import { HttpCache } from "../../../../http/features/cache/http_cache.ts";
import { CookieJar } from "../../../../http/features/cookies/cookie_jar.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { CachedOrigin, numbered } from "../../../_support/cached_origin.ts";

const fresh = { "cache-control": "max-age=60" };

describe("HttpCache: stale responses", () => {
  it("stale-while-revalidate answers at once and asks once in the background", async () => {
    await using origin = new CachedOrigin((_, count) =>
      numbered(count, { "cache-control": "max-age=1, stale-while-revalidate=60" })
    );
    await origin.get();
    origin.pass(10);
    const stale = await Promise.all([origin.get(), origin.get(), origin.get()]);
    assertEquals(stale.map(({ text }) => text), ["answer 1", "answer 1", "answer 1"]);
    while (origin.session.messages()[Symbol.iterator]().next().value) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assertEquals(origin.seen.length, 2);
    assertEquals((await origin.get()).text, "answer 2");
    origin.pass(100);
    assertEquals((await origin.get()).text, "answer 3");
  });

  it("stale-if-error stands in for a failing server and for one that cannot be reached", async () => {
    let failure: "500" | "gone" = "500";
    await using origin = new CachedOrigin((_, count) => {
      if (count === 1) return numbered(1, { "cache-control": "max-age=1, stale-if-error=60", etag: '"v"' });
      if (failure === "500") return new Response("broken", { status: 503 });
      throw new Error("no route to host");
    });
    await origin.get();
    origin.pass(10);
    assertEquals((await origin.get()).text, "answer 1");
    failure = "gone";
    assertEquals((await origin.get()).text, "answer 1");
    origin.pass(100);
    failure = "500";
    assertEquals((await origin.get()).status, 503);
  });

  it("does not hide a failure without leave", async () => {
    await using origin = new CachedOrigin((_, count) =>
      count === 1
        ? numbered(1, { "cache-control": "max-age=1, stale-if-error=60, must-revalidate" })
        : new Response("", { status: 502 })
    );
    await origin.get();
    origin.pass(10);
    assertEquals((await origin.get()).status, 502);
  });
});

describe("HttpCache: invalidation", () => {
  it("forgets a URI, and those a response names on the same origin, after an unsafe request that succeeded", async () => {
    await using origin = new CachedOrigin((request, count) =>
      request.method === "POST"
        ? new Response(null, {
          status: 201,
          headers: { location: "/made", "content-location": "http://other.example/" },
        })
        : numbered(count, fresh)
    );
    for (const url of ["http://origin.example/", "http://origin.example/made", "http://other.example/"]) {
      await origin.get(url);
    }
    await origin.get("http://origin.example/", {}, "POST");
    assertEquals((await origin.get("http://origin.example/")).text, "answer 5");
    assertEquals((await origin.get("http://origin.example/made")).text, "answer 6");
    assertEquals((await origin.get("http://other.example/")).text, "answer 3");
  });

  it("keeps it after one that failed", async () => {
    await using origin = new CachedOrigin((request, count) =>
      numbered(count, fresh, request.method === "GET" ? 200 : 500)
    );
    await origin.get();
    await origin.get(undefined, {}, "DELETE");
    assertEquals((await origin.get()).text, "answer 1");
  });

  it("forgets on demand", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    await origin.get();
    origin.cache.delete("http://origin.example/#x");
    assertEquals((await origin.get()).text, "answer 2");
    origin.cache.clear();
    assertEquals([origin.cache.size, origin.cache.bytes], [0, 0]);
  });
});

describe("HttpCache: limits", () => {
  it("drops the least recently used responses beyond maxBytes", async () => {
    await using origin = new CachedOrigin(() => new Response("x".repeat(400), { headers: fresh }), { maxBytes: 1500 });
    for (const name of ["a", "b", "c"]) await origin.get(`http://origin.example/${name}`);
    await origin.get("http://origin.example/a");
    await origin.get("http://origin.example/d");
    const before = origin.seen.length;
    await origin.get("http://origin.example/a");
    assertEquals(origin.seen.length, before);
    await origin.get("http://origin.example/b");
    assertEquals(origin.seen.length, before + 1);
    assert(origin.cache.bytes <= 1500);
    origin.cache.maxBytes = 0;
    assertEquals(origin.cache.size, 0);
  });

  it("refuses limits below 0", () => {
    assertThrows(() => new HttpCache({ maxBytes: -1 }), RangeError, "maxBytes");
  });

  it("delivers a response although its store fails, and says so", async () => {
    const store = new CacheMemoryStore();
    const broken = Object.assign(store, {
      open: () => ({ ...CacheMemoryStore.prototype.open.call(store), write: () => fail("disk full") }),
    });
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh), { store: broken });
    assertEquals((await origin.get()).text, "answer 1");
    assertEquals([(await origin.get()).text, String(origin.cache.storageError)], ["answer 2", "Error: disk full"]);
  });
});

describe("HttpCache: equal requests at the same time", () => {
  it("become one", async () => {
    await using origin = new CachedOrigin(async (_, count) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return numbered(count, fresh);
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => origin.get()));
    assertEquals(new Set(answers.map(({ text }) => text)), new Set(["answer 1"]));
    assertEquals(origin.seen.length, 1);
  });

  it("do not wait for one whose response cannot be shared", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { "cache-control": "no-store" }), {}, {
      maxConnsPerHost: 10,
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => origin.get()));
    assertEquals(new Set(answers.map(({ text }) => text)).size, 5);
  });

  it("do not wait for a reader that does not read", async () => {
    const piece = new Uint8Array(100_000);
    await using origin = new CachedOrigin(() => {
      let left = 20;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => left-- > 0 ? controller.enqueue(piece) : controller.close(),
      });
      return new Response(body, { headers: fresh });
    });
    const both = await Promise.all([
      origin.session.fetch("http://origin.example/"),
      origin.session.fetch("http://origin.example/"),
    ]);
    const second = (await both[1]!.arrayBuffer()).byteLength;
    const first = (await both[0]!.arrayBuffer()).byteLength;
    assertEquals([first, second, origin.seen.length], [2_000_000, 2_000_000, 1]);
  });

  it("leave nothing to wait for when they are cancelled while they wait", async () => {
    let release = () => {};
    await using origin = new CachedOrigin(async (_, count) => {
      await new Promise<void>((resolve) => release = resolve);
      return numbered(count, { "cache-control": "no-store" });
    });
    const first = origin.get();
    while (origin.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const msg = new HttpMessage("GET", "http://origin.example/");
    const second = origin.session.sendMessage(msg);
    await new Promise((resolve) => setTimeout(resolve, 5));
    origin.session.cancelMessage(msg);
    assertEquals(await second, 1);
    release();
    assertEquals((await first).text, "answer 1");
    const third = origin.get();
    while (origin.seen.length === 1) await new Promise((resolve) => setTimeout(resolve, 1));
    release();
    assertEquals((await third).text, "answer 2");
  });

  it("go on when the one they wait for is cancelled", async () => {
    let release = () => {};
    await using origin = new CachedOrigin(async (_, count) => {
      if (count === 1) await new Promise<void>((resolve) => release = resolve);
      return numbered(count, fresh);
    });
    const msg = new HttpMessage("GET", "http://origin.example/");
    const first = origin.session.sendMessage(msg);
    while (origin.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const second = origin.get();
    await new Promise((resolve) => setTimeout(resolve, 5));
    origin.session.cancelMessage(msg);
    assertEquals([(await second).text, await first], ["answer 2", 1]);
    release();
  });
});

describe("HttpCache: with other features", () => {
  it("sees the credentials the session adds", async () => {
    await using origin = new CachedOrigin(
      (request, count) =>
        request.headers.has("authorization")
          ? numbered(count, fresh)
          : numbered(count, { ...fresh, "www-authenticate": "Basic realm=x" }, 401),
      {},
      { defaultFeatures: true },
    );
    origin.session.addEventListener("authenticate", ({ auth }) => auth.authenticate("user", "password"));
    assertEquals((await origin.get()).text, "answer 2");
    assertEquals([(await origin.get()).text, origin.seen.length], ["answer 2", 2]);
    const { authorization } = Object.fromEntries(origin.seen[1]!.headers);
    assertEquals((await origin.get(undefined, { authorization: authorization! })).text, "answer 2");
    assertEquals((await origin.get(undefined, { authorization: "Basic b3RoZXI6eA==" })).text, "answer 3");
  });

  it("sees the cookies of a jar when Vary names them", async () => {
    const jar = new CookieJar();
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, vary: "Cookie" }), {}, {
      features: [jar],
    });
    await origin.get();
    jar.setCookie("a=1", "http://origin.example/");
    assertEquals((await origin.get()).text, "answer 2");
    assertEquals((await origin.get()).text, "answer 2");
    jar.clear();
    assertEquals((await origin.get()).text, "answer 1");
  });
});

describe("HttpCache: events", () => {
  it("a cached answer is queued and unqueued, and takes no connection", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    await origin.get();
    const log: string[] = [];
    for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
      origin.session.addEventListener(type, () => void log.push(type));
    }
    const msg = new HttpMessage("GET", "http://origin.example/");
    for (const type of ["got-headers", "got-body", "finished"] as const) {
      msg.addEventListener(type, () => void log.push(type));
    }
    await origin.session.sendMessage(msg);
    assertEquals(log, ["request-queued", "got-headers", "got-body", "finished", "request-unqueued"]);
  });

  it("leaves a message alone that disables it", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    await origin.get();
    const msg = new HttpMessage("GET", "http://origin.example/");
    msg.disableFeature(HttpCache);
    await origin.session.sendMessage(msg);
    assertEquals(new TextDecoder().decode(msg.responseBody), "answer 2");
  });
});

function fail(message: string): never {
  throw new Error(message);
}
