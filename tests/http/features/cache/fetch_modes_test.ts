// http/features/cache/directives.ts: the cache modes as the Fetch standard has them (HTTP-network-or-cache fetch).
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { CachedOrigin, numbered } from "../../../_support/cached_origin.ts";

const url = "http://origin.example/";
const fresh = { "cache-control": "max-age=60" };
const marked = { ...fresh, etag: '"one"', "last-modified": "Sun, 01 Nov 2026 10:00:00 GMT" };

/** One fetch: the text, and what the server saw of the fields that concern caches; null where it was not asked. */
async function ask(
  origin: CachedOrigin,
  cache?: RequestCache,
  headers: Record<string, string> = {},
): Promise<[text: string, seen: (string | null)[] | null]> {
  const before = origin.seen.length;
  const response = await origin.session.fetch(url, { cache, headers });
  const seen = origin.seen.length === before ? null : origin.seen.at(-1)!.headers;
  return [
    await response.text(),
    seen &&
    ["cache-control", "pragma", "if-none-match", "if-modified-since"].map((name) => seen.get(name)),
  ];
}

describe("A fetch tells servers of its cache mode what the standard says, and no more", () => {
  const cases: [cache: RequestCache | undefined, headers: Record<string, string>, control: unknown, pragma: unknown][] =
    [
      [undefined, {}, null, null],
      ["default", {}, null, null],
      ["no-store", {}, "no-cache", "no-cache"],
      ["reload", {}, "no-cache", "no-cache"],
      ["no-cache", {}, "max-age=0", null],
      ["force-cache", {}, null, null],
      ["no-store", { "cache-control": "max-age=5", pragma: "mine" }, "max-age=5", "mine"],
      ["no-cache", { "cache-control": "max-age=5" }, "max-age=5", null],
      [undefined, { "if-none-match": '"mine"' }, "no-cache", "no-cache"],
      ["default", { "if-modified-since": "Sun, 01 Nov 2026 10:00:00 GMT" }, "no-cache", "no-cache"],
      ["default", { "if-match": '"mine"', "cache-control": "max-age=5" }, "max-age=5", "no-cache"],
    ];
  for (const [cache, headers, control, pragma] of cases) {
    it(`${cache}, ${JSON.stringify(headers)}: ${control}, ${pragma}`, async () => {
      await using origin = new CachedOrigin((_, count) => numbered(count, {}));
      assertEquals((await ask(origin, cache, headers))[1]!.slice(0, 2), [control, pragma]);
    });
  }
});

describe("A fetch with reload", () => {
  it("asks without a condition where a response is stored, and its answer replaces that", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, marked));
    await ask(origin);
    assertEquals(await ask(origin, "reload"), ["answer 2", ["no-cache", "no-cache", null, null]]);
    assertEquals([await ask(origin), origin.cache.size], [["answer 2", null], 1]);
  });

  it("does so whatever Cache-Control the caller writes", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, marked));
    await ask(origin);
    assertEquals(await ask(origin, "reload", { "cache-control": "max-stale" }), [
      "answer 2",
      ["max-stale", "no-cache", null, null],
    ]);
  });

  it("leaves nothing stored where its answer may not be stored", async () => {
    await using origin = new CachedOrigin((_, count) =>
      numbered(count, count === 2 ? { "cache-control": "no-store" } : marked)
    );
    await ask(origin);
    assertEquals((await ask(origin, "reload"))[0], "answer 2");
    assertEquals((await ask(origin))[0], "answer 3");
  });

  it("is not answered with what is stored where the server fails, nor where it says 304 unasked", async () => {
    await using origin = new CachedOrigin((_, count) =>
      count === 1
        ? numbered(1, { "cache-control": "max-age=60, stale-if-error=600", etag: '"one"' })
        : new Response(null, { status: count === 2 ? 503 : 304 })
    );
    await ask(origin);
    const statuses = [];
    for (let round = 0; round < 2; round++) {
      statuses.push((await origin.session.fetch(url, { cache: "reload" })).status);
    }
    assertEquals(statuses, [503, 304]);
  });
});

describe("A fetch with no-store", () => {
  it("neither takes nor stores nor removes a response, whatever Cache-Control the caller writes", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, marked));
    await ask(origin);
    for (const headers of [{}, { "cache-control": "max-stale" }]) {
      assertEquals((await ask(origin, "no-store", headers as Record<string, string>))[1]!.slice(2), [null, null]);
    }
    assertEquals([await ask(origin), origin.seen.length], [["answer 1", null], 3]);
  });

  it("is what a condition of the caller's own makes of the default: both go to the server and back as they are", async () => {
    await using origin = new CachedOrigin((request, count) =>
      request.headers.get("if-none-match") === '"two"' ? new Response(null, { status: 304 }) : numbered(count, marked)
    );
    await ask(origin);
    assertEquals((await origin.session.fetch(url, { headers: { "if-none-match": '"two"' } })).status, 304);
    assertEquals((await ask(origin, "default", { "if-none-match": '"three"' }))[0], "answer 3");
    assertEquals(await ask(origin), ["answer 1", null]);
  });
});

describe("A fetch with force-cache or only-if-cached", () => {
  const stored = ["max-age=60, must-revalidate", "max-age=60, no-cache", "max-age=60"];
  for (const cache of ["force-cache", "only-if-cached"] as const) {
    it(`${cache} takes what is stored, however old and whatever was said of its use`, async () => {
      for (const control of stored) {
        await using origin = new CachedOrigin((_, count) => numbered(count, { ...marked, "cache-control": control }));
        await ask(origin);
        origin.pass(1000);
        assertEquals(await ask(origin, cache), ["answer 1", null], control);
        assertEquals(await ask(origin, cache, { "cache-control": "no-cache" }), ["answer 1", null], control);
        assertEquals(await ask(origin, cache, { "if-none-match": '"two"' }), ["answer 1", null], control);
      }
    });
  }

  it("force-cache stores what it had to ask for", async () => {
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh));
    assertEquals([await ask(origin, "force-cache"), await ask(origin)], [
      ["answer 1", [null, null, null, null]],
      ["answer 1", null],
    ]);
  });
});
