import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CacheMemoryStore, HttpCache } from "../../http/cache/mod.ts";
import { HttpMessage } from "../../http/message.ts";
import { CachedOrigin, numbered } from "../_support/cached_origin.ts";

const fresh = { "cache-control": "max-age=60" };

describe("HttpCache: whose response it is", () => {
  it("answers the same request again, with its age", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    await origin.get();
    origin.pass(7);
    const again = await origin.get("http://origin.example/#fragment");
    assertEquals([again.text, again.age, origin.seen.length], ["answer 1", "7", 1]);
  });

  it("never serves another Authorization, whatever the response says", async () => {
    for (const shared of [false, true]) {
      await using origin = new CachedOrigin((_, count) => numbered(count, { "cache-control": "public, max-age=60" }), {
        shared,
      });
      const answers = [];
      for (const authorization of ["Basic YTox", "Basic YToy", "", "Basic YTox"]) {
        answers.push((await origin.get(undefined, authorization ? { authorization } : {})).text);
      }
      assertEquals(answers, ["answer 1", "answer 2", "answer 3", "answer 1"]);
    }
  });

  it("never serves another value of what Vary names, and keeps the variants side by side", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, vary: "Accept-Language, X-Mode" }));
    const languages = ["de", "fr", "de", "fr", "de "];
    const answers = [];
    for (const language of languages) answers.push((await origin.get(undefined, { "accept-language": language })).text);
    answers.push((await origin.get(undefined, { "accept-language": "de", "x-mode": "1" })).text);
    assertEquals(answers, ["answer 1", "answer 2", "answer 1", "answer 2", "answer 1", "answer 3"]);
  });

  it("sees the fields the session itself adds when Vary names them", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, vary: "user-agent" }), {}, {
      userAgent: "one",
    });
    await origin.get();
    origin.session.userAgent = "two";
    assertEquals((await origin.get()).text, "answer 2");
    origin.session.userAgent = "one";
    assertEquals((await origin.get()).text, "answer 1");
  });

  it("stores nothing under Vary: *", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, vary: "Accept, *" }));
    await origin.get();
    assertEquals([(await origin.get()).text, origin.cache.size], ["answer 2", 0]);
  });

  it("never serves another origin, scheme or port", async () => {
    await using origin = new CachedOrigin((request) => new Response(request.url, { headers: fresh }));
    const urls = [
      "http://a.example/",
      "https://a.example/",
      "http://a.example:81/",
      "http://b.example/",
      "http://a.example/?q",
    ];
    for (let round = 0; round < 2; round++) for (const url of urls) assertEquals((await origin.get(url)).text, url);
    assertEquals(origin.seen.length, urls.length);
  });

  it("keeps no more than a handful of variants of one URI", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, vary: "x" }));
    for (let count = 0; count < 100; count++) await origin.get(undefined, { x: String(count) });
    assertEquals(origin.cache.size, 16);
  });

  it("does not store Set-Cookie, and does not set a cookie twice", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, "set-cookie": `a=${count}` }));
    assertEquals((await origin.get()).headers.get("set-cookie"), "a=1");
    assertEquals((await origin.get()).headers.get("set-cookie"), null);
  });
});

describe("HttpCache: what may be stored", () => {
  const cases: [what: string, headers: Record<string, string>, shared: boolean, stored: boolean][] = [
    ["max-age", fresh, false, true],
    ["Expires", { date: "Tue, 01 Jan 2030 00:00:00 GMT", expires: "Tue, 01 Jan 2030 00:01:00 GMT" }, false, true],
    ["no-store", { "cache-control": "max-age=60, no-store" }, false, false],
    ["private in a private cache", { "cache-control": "private, max-age=60" }, false, true],
    ["private in a shared cache", { "cache-control": "private, max-age=60" }, true, false],
    ["s-maxage in a shared cache", { "cache-control": "s-maxage=60, max-age=0" }, true, true],
    ["s-maxage in a private cache", { "cache-control": "s-maxage=60" }, false, false],
    ["neither lifetime nor validator", {}, false, false],
    ["directives in capitals", { "cache-control": "Max-Age=60" }, false, true],
    ["a quoted value", { "cache-control": 'max-age="60"' }, false, true],
    ["Expires: 0", { expires: "0" }, false, false],
    ["an unreadable max-age", { "cache-control": "max-age=soon" }, false, false],
  ];
  for (const [what, headers, shared, stored] of cases) {
    it(`${stored ? "uses again" : "does not use again"}: ${what}`, async () => {
      await using origin = new CachedOrigin((_, count) => numbered(count, headers), { shared });
      await origin.get();
      assertEquals((await origin.get()).text, stored ? "answer 1" : "answer 2");
    });
  }

  it("stores only complete bodies", async () => {
    await using origin = new CachedOrigin((_, count) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`answer ${count}`));
          if (count > 1) controller.close();
          else setTimeout(() => controller.error(new Error("cut off")), 5);
        },
      });
      return new Response(body, { headers: fresh });
    });
    await assertRejects(() => origin.get());
    assertEquals([(await origin.get()).text, origin.cache.size], ["answer 2", 1]);
  });

  it("stores nothing when the reader goes away", async () => {
    await using origin = new CachedOrigin(() => new Response(endless(), { headers: fresh }));
    const response = await origin.session.fetch("http://origin.example/");
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    assertEquals([origin.cache.size, origin.cache.bytes], [0, 0]);
  });

  it("delivers what is too large and does not store it", async () => {
    await using origin = new CachedOrigin(() => new Response("x".repeat(5000), { headers: fresh }), { maxBytes: 4000 });
    assertEquals((await origin.get()).text.length, 5000);
    assertEquals(origin.cache.size, 0);
  });
});

describe("HttpCache: validation", () => {
  const validated = (request: Request, count: number) =>
    request.headers.get("if-none-match") === '"v1"'
      ? new Response(null, {
        status: 304,
        headers: { etag: '"v1"', "cache-control": "max-age=5", "x-round": String(count) },
      })
      : numbered(count, { "cache-control": "max-age=1", etag: '"v1"', "x-kept": "yes", "x-round": "1" });

  it("asks with the validator and merges the fields of the 304", async () => {
    await using origin = new CachedOrigin(validated);
    await origin.get();
    origin.pass(2);
    const again = await origin.get();
    assertEquals([again.status, again.text, again.headers.get("x-round"), again.headers.get("x-kept")], [
      200,
      "answer 1",
      "2",
      "yes",
    ]);
    origin.pass(3);
    assertEquals([(await origin.get()).age, origin.seen.length], ["3", 2]);
  });

  it("shows the caller neither the 304 nor the fields it added", async () => {
    await using origin = new CachedOrigin(validated);
    await origin.get();
    origin.pass(2);
    const msg = new HttpMessage("GET", "http://origin.example/");
    const statuses: number[] = [];
    msg.addEventListener("got-headers", () => void statuses.push(msg.statusCode));
    assertEquals(await origin.session.sendMessage(msg), 200);
    assertEquals([statuses, msg.requestHeaders.has("if-none-match")], [[200], false]);
    assertEquals(new TextDecoder().decode(msg.responseBody), "answer 1");
  });

  it("takes a whole response in place of the stored one", async () => {
    await using origin = new CachedOrigin((_, count) =>
      numbered(count, { "cache-control": "max-age=1", etag: `"v${count}"` })
    );
    await origin.get();
    origin.pass(2);
    assertEquals([(await origin.get()).text, origin.cache.size], ["answer 2", 1]);
    assertEquals((await origin.get()).text, "answer 2");
  });

  it("asks for a whole response when the 304 is about another one", async () => {
    await using origin = new CachedOrigin((request, count) =>
      request.headers.has("if-none-match")
        ? new Response(null, { status: 304, headers: { etag: '"other"' } })
        : numbered(count, { "cache-control": "max-age=1", etag: '"v1"' })
    );
    await origin.get();
    origin.pass(2);
    assertEquals([(await origin.get()).text, origin.seen.length], ["answer 3", 3]);
  });

  it("leaves the caller's own conditions and ranges alone", async () => {
    await using origin = new CachedOrigin((request, count) =>
      request.headers.has("if-none-match") ? new Response(null, { status: 304 }) : numbered(count, fresh)
    );
    await origin.get();
    assertEquals((await origin.get(undefined, { "if-none-match": '"mine"' })).status, 304);
    await origin.get(undefined, { range: "bytes=0-1" });
    assertEquals([origin.seen.length, (await origin.get()).text], [3, "answer 1"]);
  });

  it("answers HEAD from a stored GET", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, { ...fresh, "x-kept": "yes" }));
    await origin.get();
    const head = await origin.get(undefined, {}, "HEAD");
    assertEquals([head.text, head.headers.get("x-kept"), origin.seen.length], ["", "yes", 1]);
  });
});

describe("HttpCache: request directives", () => {
  const scenario = async (control: string, seconds: number, headers: Record<string, string> = fresh) => {
    await using origin = new CachedOrigin((_, count) => numbered(count, headers));
    await origin.get();
    origin.pass(seconds);
    const { status, text } = await origin.get(undefined, { "cache-control": control });
    return status === 200 ? text : String(status);
  };
  const cases: [control: string, seconds: number, answer: string][] = [
    ["no-cache", 1, "answer 2"],
    ["no-store", 1, "answer 2"],
    ["max-age=5", 3, "answer 1"],
    ["max-age=5", 6, "answer 2"],
    ["max-age=0", 1, "answer 2"],
    ["min-fresh=30", 20, "answer 1"],
    ["min-fresh=30", 40, "answer 2"],
    ["max-stale", 1000, "answer 1"],
    ["max-stale=30", 80, "answer 1"],
    ["max-stale=30", 100, "answer 2"],
    ["only-if-cached", 1, "answer 1"],
    ["only-if-cached", 100, "504"],
    ["only-if-cached, max-stale", 100, "answer 1"],
  ];
  for (const [control, seconds, answer] of cases) {
    it(`${control} after ${seconds} s of 60: ${answer}`, async () =>
      assertEquals(await scenario(control, seconds), answer));
  }
  it("max-stale does not overrule must-revalidate", async () => {
    assertEquals(await scenario("max-stale", 100, { "cache-control": "max-age=60, must-revalidate" }), "answer 2");
  });
  it("must-revalidate leaves a fresh response fresh", async () => {
    assertEquals(await scenario("", 10, { "cache-control": "max-age=60, must-revalidate" }), "answer 1");
  });
  it("Pragma: no-cache counts where there is no Cache-Control", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    await origin.get();
    assertEquals((await origin.get(undefined, { pragma: "no-cache" })).text, "answer 2");
  });
});

describe("HttpCache: fetch's cache modes", () => {
  const cases: [mode: RequestCache, seconds: number, answer: string][] = [
    ["default", 1, "answer 1"],
    ["no-store", 1, "answer 2"],
    ["reload", 1, "answer 2"],
    ["no-cache", 1, "answer 2"],
    ["force-cache", 100, "answer 1"],
    ["only-if-cached", 100, "answer 1"],
  ];
  for (const [cache, seconds, answer] of cases) {
    it(`${cache} after ${seconds} s of 60: ${answer}`, async () => {
      await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
      await origin.get();
      origin.pass(seconds);
      assertEquals(await (await origin.session.fetch("http://origin.example/", { cache })).text(), answer);
      const isStored = cache === "reload" || cache === "no-cache";
      if (seconds < 60) assertEquals((await origin.get()).text, isStored ? "answer 2" : "answer 1");
    });
  }
  it("only-if-cached ends with 504 when there is nothing", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    assertEquals((await origin.session.fetch("http://origin.example/", { cache: "only-if-cached" })).status, 504);
    await assertRejects(
      () => origin.session.fetch("http://origin.example/", { cache: "some" as "default" }),
      TypeError,
      "some",
    );
  });
});

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

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) });
}

function fail(message: string): never {
  throw new Error(message);
}
