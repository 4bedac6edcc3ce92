import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { HttpMessage } from "../../../../http/message/message.ts";
import { CachedOrigin, numbered } from "../../../_support/cached_origin.ts";

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
    ["max-age=0", 0, "answer 2"],
    ["no-cache", 0, "answer 2"],
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
    ["no-cache", 0, "answer 2"],
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
  it("no-cache asks with a condition and max-age=0, whatever Cache-Control the caller writes", async () => {
    await using origin = new CachedOrigin((request) =>
      request.headers.has("if-none-match")
        ? new Response(null, { status: 304 })
        : numbered(1, { "cache-control": "max-age=60", etag: '"one"' })
    );
    await origin.get();
    const ask = async (headers: Record<string, string>) => {
      const response = await origin.session.fetch("http://origin.example/", { cache: "no-cache", headers });
      const { headers: seen } = origin.seen.at(-1)!;
      return [await response.text(), seen.get("cache-control"), seen.get("if-none-match"), origin.seen.length];
    };
    assertEquals(await ask({}), ["answer 1", "max-age=0", '"one"', 2]);
    assertEquals(await ask({ "cache-control": "max-age=30" }), ["answer 1", "max-age=30", '"one"', 3]);
  });
  for (const said of [{ cache: "no-cache" as const }, { headers: { "cache-control": "max-age=0" } }]) {
    it(`requests with ${JSON.stringify(said)} do not wait for one another`, async () => {
      const together = Promise.withResolvers<void>();
      await using origin = new CachedOrigin(async (_, count) => {
        if (count === 2) together.resolve();
        await together.promise;
        return numbered(count, fresh);
      });
      const ask = async () => await (await origin.session.fetch("http://origin.example/", said)).text();
      assertEquals((await Promise.all([ask(), ask()])).sort(), ["answer 1", "answer 2"]);
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

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) });
}
