// About http/stores/cache_redis_store.ts and redis_link.ts: one cache for many processes, over a real server.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createClient } from "@redis/client";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createSocketServer, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { CacheRedisStore, type CacheRedisStoreOptions } from "../../../http/mod.ts";
import { recordOf } from "../../_support/cache_record.ts";
import { CachedOrigin, numbered } from "../../_support/cached_origin.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

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
    // The clock may show the same for two uses, or less for the later one.
    const used = "bounded:cache:used";
    const [last, time] = await server.command("ZRANGE", used, "-1", "-1", "WITHSCORES") as [string, string];
    await server.command("ZADD", used, String(Number(time) + 500_000), last);
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

  it("takes for a miss what others have written, and forgets a body of which a piece is gone", async () => {
    const store = new CacheRedisStore({ url: server.url, prefix: "hostile:" });
    await put(store, key, 1);
    const hash = (await keysOf(server)).find(({ name }) => name.startsWith("hostile:cache:uri:"))!;
    const [good] = await server.command("HVALS", hash.name) as [string];
    const [line, record] = [good.slice(0, good.indexOf("\n")), JSON.parse(good.slice(good.indexOf("\n")))];
    const changes: object[] = [
      { status: 99 },
      { status: 204 },
      { status: 206 },
      { status: "200" },
      { statusText: "OK\r\nx: y" },
      { headers: {} },
      { headers: [["x-mark"]] },
      { headers: [["x-mark", "a\nb"]] },
      { headers: [["x mark", "a"]] },
      { headers: [["connection", "close"]] },
      { vary: [["accept", 1]] },
      { vary: null },
      { authorization: null },
      { policy: null },
      { policy: {} },
      { policy: { ...record.policy, resh: null } },
      { policy: { ...record.policy, rescc: { "max-age": { valueOf: 1 } } } },
      { policy: { ...record.policy, t: "now" } },
    ];
    const texts = ["", "\n", line, `${line}\n`, `${line}\n{`, `${line}\nnull`, `x${good}`, good.replace(" 1 ", " 9 ")];
    texts.push(good.replace(/ \d+ /, " 999999999999999 "), good.replace(/ \d+ /, " -1 "));
    texts.push(...changes.map((change) => `${line}\n${JSON.stringify({ ...record, ...change })}`));
    await server.command("HSET", hash.name, ...texts.flatMap((text, index) => [`bad${index}`, text]));
    const found = await store.find(key);
    assertEquals(found.map(({ record: { headers } }) => headers), [[["x-mark", "body"]]]);
    // What they have written in the accounts harms nobody, and leaves.
    await server.command("SET", "hostile:cache:bytes", "many");
    await server.command("ZADD", "hostile:cache:used", "1", "garbage", "2", "a b 1e300", "3", "a b 12");
    await store.trim(Infinity);
    await put(store, `${key}other`, 1);
    await store.trim(150_000);
    assertEquals([(await store.find(key)).length, (await store.find(`${key}other`)).length], [0, 1]);
    assert(
      store.size === 1 && store.bytes > 100_000 && store.bytes <= 150_000,
      `${store.size} of ${store.bytes} bytes`,
    );
    await put(store, key, 30);
    const [entry] = await store.find(key);
    const body = await store.read(entry!);
    assert(body instanceof ReadableStream);
    const reader = body.getReader();
    assertEquals((await reader.read()).value!.length, 256 << 10);
    const last = (await keysOf(server)).filter(({ name }) =>
      name.startsWith("hostile:cache:body:") && name.endsWith(":11")
    );
    await server.command("SET", last[0]!.name, "short");
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    await assertRejects(rest, Error, "was removed meanwhile");
    assertEquals(await store.find(key), []);
    await store.close();
  });

  it("takes either a URL or a client, and shows no password", async () => {
    const wrong: [unknown, string][] = [
      [{}, "either the url"],
      [{ url: "redis://127.0.0.1", client: { sendCommand: () => Promise.resolve() } }, "one of them"],
      [{ url: 6379 }, "a string as url"],
      [{ url: "http://user:hidden@host/" }, "got one of http:"],
      [{ url: "redis://:hid#den@host/" }, "cannot be read"],
      [{ url: "redis://:50%hidden@host/" }, "a % that encodes nothing"],
      [{ url: "redis://:hidden@host/shop" }, "no number of a database"],
      [{ url: "unix://:hid/den@/run/redis.sock" }, "unix:///path/of/socket"],
      [{ url: "unix://host" }, "unix:///path/of/socket"],
      [{ client: { send: () => {} } }, "a client with the methods sendCommand"],
      [{ client: null }, "a client"],
      [{ client: { sendCommand: () => {}, callBuffer: () => {} } }, "client.callBuffer(command, ...args)"],
    ];
    for (const [options, words] of wrong) {
      const refused = assertThrows(() => new CacheRedisStore(options as CacheRedisStoreOptions), TypeError, words);
      assert(!/hid/.test(refused.message), refused.message);
    }
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
    // A client as npm's package has it, whose newer protocol has other types.
    const own = await createClient({ url: server.url, RESP: 3 }).connect();
    const given = new CacheRedisStore({ client: own, prefix: "given:" });
    await put(given, key, 1);
    assertEquals((await given.read((await given.find(key))[0]!) as Uint8Array).length, 100_000);
    await given.close();
    assertEquals(await own.ping(), "PONG");
    own.destroy();
  });
});

describe("a Redis server that wants a password", { skip: noRedis }, () => {
  it("gets one with any characters, over a unix socket, for one of its databases", async () => {
    const password = "p@ss:w/ö%?#&+ 7";
    await using server = await RedisServer.start("--requirepass", password);
    const urlWith = (text: string) => `${server.url.replace("//", `//:${encodeURIComponent(text)}@`)}?db=3`;
    const store = new CacheRedisStore({ url: urlWith(password) });
    await put(store, key, 1);
    assertEquals([(await store.find(key)).length, store.address], [1, server.url]);
    const elsewhere = new CacheRedisStore({ url: urlWith(password).replace("?db=3", "") });
    assertEquals(await elsewhere.find(key), []);
    for (const [url, reason] of [[server.url, "NOAUTH"], [urlWith("hidden"), "WRONGPASS"]] as const) {
      const stranger = new CacheRedisStore({ url });
      const error = await assertRejects(() => stranger.find(key), Error, `at ${server.url}`);
      assert(
        error.message.includes(reason) && error.message.includes("give the user name and password"),
        error.message,
      );
      assert(!error.message.includes("hidden"), error.message);
      await stranger.close();
    }
    await Promise.all([store.close(), elsewhere.close()]);
  });
});

describe("what is no Redis server", () => {
  const words: Record<string, (socket: Socket) => void> = {
    "nothing": () => {},
    "a farewell": (socket) => socket.end(),
    "HTTP": (socket) => socket.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "replies to nothing": (socket) => socket.write("+OK\r\n".repeat(100)),
    "lengths that cannot be": (socket) => socket.on("data", () => socket.write("$-7\r\n*99999999999\r\n\0\xff")),
    "errors": (socket) => socket.on("data", () => socket.write("-ERR no\r\n".repeat(9))),
  };
  for (const [said, speak] of Object.entries(words)) {
    it(`says ${said}, and is left without a connection`, { skip: process.platform === "win32" }, async () => {
      const path = join(temporaryFolder("no-redis"), "socket");
      let opened = 0;
      const server = createSocketServer((socket) => {
        opened++;
        socket.on("error", () => {}).resume();
        speak(socket);
      }).listen(path);
      await once(server, "listening");
      const store = new CacheRedisStore({ url: `unix://user:hidden@${path}` });
      const errors = await Promise.all([1, 2].map(() => store.find(key).then(() => null, String)));
      for (const error of errors) assert(error?.includes(`unix://${path}`) && !error.includes("hidden"), String(error));
      await store.close();
      await store.close();
      server.close();
      // It closes when there is no connection left.
      await once(server, "close");
      assert(opened > 0);
    });
  }
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
    assert(errors.some((error) => error.includes("refused: OOM")), errors.join("\n"));
    await origin.cache.close();
    await server.kill();
  });
});
