// About http/stores/cache_redis_store.ts and redis_link.ts: one cache for many processes, over a real server.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { CacheRedisStore } from "../../../http/mod.ts";
import { recordOf } from "../../_support/cache_record.ts";
import { CachedOrigin, numbered } from "../../_support/cached_origin.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";

const key = "http://origin.example/";
const program = new URL("../../_support/shared_cache_program.ts", import.meta.url);
const fresh = { "cache-control": "max-age=60" };

/** Everything of a server, with how long it lives and how much memory it takes. */
async function keysOf(server: RedisServer): Promise<{ name: string; left: number; bytes: number }[]> {
  const names = (await server.command("KEYS", "*") as string[]).sort();
  return await Promise.all(names.map(async (name) => ({
    name,
    left: await server.command("PTTL", name) as number,
    bytes: await server.command("MEMORY", "USAGE", name) as number,
  })));
}

/** Stores a body of pieces, each of one byte all over. */
async function put(store: CacheRedisStore, uri: string, pieces: number, size = 100_000, name = "body"): Promise<void> {
  const writer = store.open();
  for (let piece = 0; piece < pieces; piece++) await writer.write(new Uint8Array(size).fill(piece));
  await writer.commit(recordOf(uri, name));
}

describe("a cache in Redis that several processes have", { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server.kill());

  it("asks the server once for what all want, gives nobody a torn body, and survives a process that is killed", async () => {
    const asked = new Map<string, number>();
    const origin = createServer((request, response) => {
      const resource = Number(request.url!.slice(1));
      asked.set(request.url!, (asked.get(request.url!) ?? 0) + 1);
      response.writeHead(200, { "cache-control": "max-age=3600" });
      response.end(new Uint8Array(resource === 7 ? 1_200_000 : resource * 1000).fill(resource));
    }).listen(0, "127.0.0.1");
    await once(origin, "listening");
    const { port } = origin.address() as { port: number };
    const run = (requests: number) =>
      startProgram(program, [server.url, `http://127.0.0.1:${port}`, String(requests), "8"]);
    try {
      const killed = run(2000);
      await once(killed.stdout!, "data");
      const working = run(40);
      let said = "";
      working.stdout!.on("data", (chunk) => said += chunk);
      while (asked.size < 4) await once(origin, "request");
      killed.kill("SIGKILL");
      await programEnd(killed);
      await programEnd(working);
      assertEquals(working.exitCode, 0);
      assertEquals(JSON.parse(said.trim().split("\n").at(-1)!), { done: 40, torn: [], failed: 0, errors: [] });
      for (const [resource, times] of asked) assert(times <= 3, `${resource} was fetched ${times} times`);
      assertEquals(asked.size, 8);
      for (const { bytes, left, name } of await keysOf(server)) {
        assert(name.startsWith("gp11:cache:") && left > 0 && bytes < 1 << 20, `${name}: ${left} ms, ${bytes} bytes`);
      }
    } finally {
      origin.closeAllConnections();
      origin.close();
    }
  });

  it("finds what another has stored, and forgets what another has removed", async () => {
    const answer = (request: Request, count: number) =>
      request.headers.has("if-none-match")
        ? new Response(null, { status: 304, headers: { ...fresh, etag: '"a"' } })
        : numbered(count, { ...fresh, etag: '"a"' });
    const stores = [1, 2].map(() => new CacheRedisStore({ url: server.url, prefix: "two:" }));
    await using one = new CachedOrigin(answer, { store: stores[0] });
    await using other = new CachedOrigin(answer, { store: stores[1] });
    assertEquals([(await one.get()).text, (await other.get()).text], ["answer 1", "answer 1"]);
    assertEquals([one.seen.length, other.seen.length], [1, 0]);
    one.pass(120);
    other.pass(120);
    assertEquals([(await one.get()).text, (await other.get()).text], ["answer 1", "answer 1"]);
    assertEquals([one.seen.length, other.seen.length], [2, 0]);
    await one.cache.delete(key);
    assertEquals((await other.get()).text, "answer 1");
    assertEquals(other.seen.length, 1);
    while ((await stores[0]!.find(key)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await one.cache.clear();
    assertEquals(await stores[1]!.find(key), []);
    await Promise.all([one.cache.close(), other.cache.close()]);
  });

  it("is written in pieces and found when all of it is there; who reads a replaced body reads it to its end", async () => {
    const store = new CacheRedisStore({ url: server.url, prefix: "pieces[*]:" });
    const half = store.open();
    await half.write(new Uint8Array(3_000_000));
    assertEquals(await store.find(key), []);
    await half.discard();
    await put(store, key, 30);
    const body = await store.read((await store.find(key))[0]!);
    assert(body instanceof ReadableStream);
    const reader = body.getReader();
    const first = (await reader.read()).value!;
    await put(store, key, 1, 10, "another");
    assertEquals((await store.find(key)).map(({ length }) => length), [10]);
    let [length, expected] = [0, 0];
    for (let piece: Uint8Array | undefined = first; piece; piece = (await reader.read()).value) {
      for (const byte of piece) if (byte !== Math.floor(length++ / 100_000)) expected++;
    }
    assertEquals([length, expected], [3_000_000, 0]);
    const large = (await keysOf(server)).filter(({ bytes }) => bytes >= 1 << 20);
    assertEquals(large, []);
    await store.clear();
    assertEquals(await server.command("GET", "pieces[*]:cache:bytes"), null);
    await store.close();
  });

  it("stays within its size, the least recently used leave first", async () => {
    const store = new CacheRedisStore({ url: server.url, prefix: "bounded:" });
    for (let index = 0; index < 6; index++) await put(store, `${key}${index}`, 1);
    const [first] = await store.find(`${key}0`);
    await store.touch(first!);
    await store.trim(250_000);
    const kept = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (index) => (await store.find(`${key}${index}`)).length),
    );
    assertEquals([kept, store.size], [[1, 0, 0, 0, 0, 1], 2]);
    assert(store.bytes > 200_000 && store.bytes <= 250_000, `${store.bytes} bytes`);
    // What the server has thrown away by itself is a miss, and does not count for ever.
    await server.command("DEL", "bounded:cache:bytes");
    await store.trim(Infinity);
    assert(store.bytes > 200_000 && store.bytes <= 250_000, `${store.bytes} bytes`);
    assertEquals(await server.command("EVAL", "return #redis.call('KEYS', 'bounded:cache:uri:*')", "0"), 2);
    await store.close();
  });

  it("takes either a URL or a client, and shows no password", async () => {
    assertThrows(() => new CacheRedisStore({}), TypeError, "either the url");
    assertThrows(() => new CacheRedisStore({ url: "http://user:hidden@host/" }), TypeError, "got one of http:");
    const store = new CacheRedisStore({ url: "redis://user:hidden@127.0.0.1:1/0" });
    const error = await assertRejects(() => store.find(key), Error, "redis://127.0.0.1:1");
    assert(![String(error), JSON.stringify(store)].some((text) => text.includes("hidden")));
    const asked: string[] = [];
    const client = {
      sendCommand: (args: (string | Uint8Array)[]) => {
        asked.push(String(args[0]));
        return Promise.resolve([]);
      },
    };
    assertEquals(await new CacheRedisStore({ client }).find(key), []);
    assertEquals(asked, ["HVALS"]);
  });
});

describe("a cache in Redis whose server is away", { skip: noRedis }, () => {
  it("lets messages go on as if there were nothing, and is used again when the server is back", async () => {
    const server = await RedisServer.start();
    const store = new CacheRedisStore({ url: server.url });
    await using origin = new CachedOrigin((_, count) => numbered(count, fresh), { store });
    const errors: string[] = [];
    origin.cache.addEventListener("store-error", ({ error }) => errors.push(String(error)));
    const isUsed = async () => {
      const before = origin.seen.length;
      await origin.get();
      await origin.get();
      return origin.seen.length < before + 2;
    };
    assertEquals([await isUsed(), errors], [true, []]);
    await server.kill();
    assertEquals([await isUsed(), (await origin.get()).status, errors.length > 0], [false, 200, true]);
    assert(errors.every((error) => error.includes("Cannot reach the Redis server")), errors.join("\n"));
    await server.start();
    while (!await isUsed()) await new Promise((resolve) => setTimeout(resolve, 50));
    // One that stands still: nobody waits for ever.
    server.signal("SIGSTOP");
    errors.length = 0;
    assertEquals((await origin.get()).status, 200);
    assert(errors.some((error) => error.includes("did not answer")), errors.join("\n"));
    server.signal("SIGCONT");
    while (!await isUsed()) await new Promise((resolve) => setTimeout(resolve, 50));
    // One that is full refuses what it would have to keep, and gives what it has.
    await server.command("CONFIG", "SET", "maxmemory", "1");
    errors.length = 0;
    assertEquals((await origin.get("http://origin.example/other")).status, 200);
    assertEquals((await origin.get("http://origin.example/other")).status, 200);
    assert(errors.some((error) => error.includes("Redis refused: OOM")), errors.join("\n"));
    await origin.cache.close();
    await server.kill();
  });
});
