// About http/stores/cookie_redis_store.ts and http/features/cookies/shared_jar.ts: one jar for many processes.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import {
  CacheRedisStore,
  CookieJar,
  CookieRedisStore,
  type CookieRedisStoreOptions,
  HstsEnforcer,
  HstsRedisStore,
  HttpCache,
  HttpMessage,
  HttpSession,
  HttpStatus,
  MemoryPasswordStore,
  MockTransport,
  NotSupportedError,
  PasswordManager,
  RateLimit,
  RateLimitRedisStore,
  type SharedCookieStore,
} from "../../../http/mod.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";

/** A process of its own, as far as the server can tell. */
class Worker implements AsyncDisposable {
  readonly jar: CookieJar;
  readonly session: HttpSession;
  readonly errors: string[] = [];
  readonly changes: string[] = [];
  /** The Cookie fields that were sent. */
  readonly sent: string[] = [];

  constructor(server: RedisServer, options: Partial<CookieRedisStoreOptions> = {}) {
    this.jar = new CookieJar({ store: new CookieRedisStore({ url: server.url, jar: "test", ...options }) });
    this.jar.addEventListener("store-error", ({ error }) => this.errors.push(String(error)));
    this.jar.addEventListener("changed", ({ newCookie, oldCookie }) => {
      this.changes.push(`${oldCookie?.value ?? ""}→${newCookie?.value ?? ""}`);
    });
    const origin = new MockTransport(({ headers }) => {
      this.sent.push(headers.get("cookie") ?? "");
      const response = new Response("here");
      const set = headers.get("x-set");
      if (set !== null) response.headers.set("set-cookie", set);
      return response;
    });
    this.session = new HttpSession({ defaultFeatures: false, features: [origin, this.jar] });
  }

  /** Sends a message to whose response the server adds a cookie; its status. */
  get(set: string | null = null, url = "https://www.example.com/"): Promise<number> {
    const headers: Record<string, string> = set === null ? {} : { "x-set": set };
    return this.session.sendMessage(new HttpMessage("GET", url, { headers }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
    await this.jar.close();
  }
}

describe("a cookie jar in Redis that several processes have", { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server.kill());

  it("sends with the next message of one what another has received, changed or removed", async () => {
    await using one = new Worker(server);
    await using other = new Worker(server);
    await other.get();
    await one.get("a=1; Domain=example.com; Secure; HttpOnly");
    await other.get(null, "https://shop.example.com/");
    await one.get("a=2; Domain=example.com; Secure; Max-Age=3600");
    await other.get("b=3; Path=/");
    await one.get();
    await one.get("a=; Domain=example.com; Max-Age=0");
    await other.get();
    assertEquals(other.sent, ["", "a=1", "a=2", "b=3"]);
    assertEquals(one.sent, ["", "a=1", "a=2; b=3", "a=2; b=3"]);
    assertEquals(other.changes, ["→1", "1→2", "→3", "2→"]);
    const [cookie] = other.jar.allCookies();
    assertEquals([cookie!.name, cookie!.hostOnly, cookie!.expires], ["b", true, null]);
    // Those of another site, of another jar or without credentials have nothing of it.
    await using elsewhere = new Worker(server, { jar: "another" });
    await elsewhere.get();
    await one.get(null, "https://example.org/");
    assertEquals([elsewhere.sent, one.sent.at(-1), one.errors, other.errors], [[""], "", [], []]);
    for (const key of await server.command("KEYS", "*") as string[]) {
      assert(Number(await server.command("PTTL", key)) > 0, key);
    }
  });

  it("has what a program puts in, all messages at once and what others have not heard of yet", async () => {
    await using one = new Worker(server, { jar: "program" });
    await using other = new Worker(server, { jar: "program" });
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).get(`c${index}=${index}`)));
    one.jar.setCookie("own=1; Path=/", "https://www.example.com/");
    assertEquals(one.jar.getCookieHeader("https://www.example.com/").includes("own=1"), true);
    await one.jar.flush();
    await other.get();
    assertEquals(other.sent.at(-1)!.split("; ").length, 21);
    // A jar whose name goes on is another.
    await using elsewhere = new Worker(server, { jar: "program:more" });
    await elsewhere.get("kept=1");
    other.jar.clear();
    await other.jar.flush();
    await Promise.all([one.get(), elsewhere.get()]);
    assertEquals([one.sent.at(-1), one.jar.size, elsewhere.sent.at(-1)], ["", 0, "kept=1"]);
  });

  it("fails open or closed while the server is away, and tells it later what it lacks", async () => {
    await using away = await RedisServer.start();
    await using one = new Worker(away);
    await using other = new Worker(away);
    await using closed = new Worker(away, { whenUnreachable: "closed" });
    await one.get("before=1");
    await other.get();
    await closed.get();
    assertEquals(closed.sent, ["before=1"]);
    await away.kill();
    assertEquals([await one.get("meanwhile=2; Max-Age=3600"), await closed.get()], [200, HttpStatus.TRY_AGAIN]);
    assertEquals([await one.get(), one.sent.at(-1), closed.sent.length], [200, "before=1; meanwhile=2", 1]);
    assert(one.errors.length > 0 && closed.errors.length === 1, `${one.errors}`);
    await assertRejects(() => one.jar.flush(), Error, "Cannot reach the Redis server");
    await away.start();
    // The server has nothing left: those who have the cookies tell it.
    while (await closed.get() !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    while (!await one.get().then(() => one.jar.flush()).then(() => true, () => false)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await using late = new Worker(away);
    await late.get();
    assertEquals([...late.sent[0]!.split("; ")].sort(), ["before=1", "meanwhile=2"]);
    assert(![...one.errors, ...closed.errors].some((error) => /before|meanwhile/.test(error)));
  });

  it("takes nothing of what others write to the server but cookies of the site", async () => {
    await using one = new Worker(server, { jar: "hostile" });
    await using other = new Worker(server, { jar: "hostile" });
    await one.get("good=1; Secure; Max-Age=3600");
    const key = "gp11:cookies:hostile:example.com";
    const [good] = (await server.command("HVALS", key) as string[]).filter((value) => value.includes("good"));
    const [ends, cookie] = [good!.split(" ")[0], JSON.parse(good!.slice(good!.indexOf(" ")))];
    const changes: object[] = [
      { name: "a\r\nx-smuggled: 1" },
      { name: "" },
      { name: 7 },
      { value: "1; b=2" },
      { value: null },
      { domain: "example.org" },
      { domain: "com" },
      { domain: "evil.test/.example.com" },
      { domain: ["www.example.com"] },
      { path: "no path" },
      { path: { toString: "/" } },
      { secure: "no" },
      { sameSite: "any" },
      { creation: 1e99 },
      { lastAccess: "yesterday" },
      { expires: 1e99 },
      { __proto__: { name: "good" } },
    ];
    const texts = ["", "none", `${ends} {`, `${ends} null`, `${ends} []`, `${ends} 1`, `NaN ${JSON.stringify(cookie)}`];
    texts.push(
      ...changes.map((change) => `${ends} ${JSON.stringify({ ...cookie, name: "bad", ...change })}`).slice(0, -1),
    );
    const fields = texts.flatMap((text, index) => [`bad${index}`, text]);
    await server.command("HSET", key, "#version", "no number", ...fields);
    await other.get();
    await other.get("more=2");
    await one.get();
    assertEquals([other.sent, one.sent.at(-1)], [["good=1", "good=1"], "good=1; more=2"]);
    assertEquals([one.errors, other.errors], [[], []]);
    await server.command("DEL", key);
    await server.command("SET", key, "no hash");
    assertEquals([await one.get(), one.sent.at(-1), one.errors.length > 0], [200, "good=1; more=2", true]);
  });

  it("has a store that could not be told to remove all told again before anything else", async () => {
    const told: string[] = [];
    const store: SharedCookieStore = {
      synchronous: false,
      clear: () => told.push("clear") < 3 ? Promise.reject(new Error("away")) : Promise.resolve(),
      read: () => Promise.resolve(null),
      write: (_, [change]) => Promise.resolve(void told.push(change!.newCookie!.name)),
    };
    await using jar = new CookieJar({ store });
    jar.clear();
    await assertRejects(() => jar.flush(), Error, "away");
    jar.setCookie("later=1", "https://www.example.com/");
    while (!told.includes("later")) await jar.flush().catch(() => {});
    await jar.flush();
    assertEquals(told, ["clear", "clear", "clear", "later"]);
  });

  it("is not for sends that block, and shows no value", async () => {
    await using worker = new Worker(server, { jar: "shown" });
    await worker.get("name=hidden-value");
    await using blocking = new HttpSession({ features: [worker.jar] });
    const refused = assertThrows(
      () => blocking.sendMessageSync(new HttpMessage("GET", "http://x.test/")),
      NotSupportedError,
    );
    assert(refused.message.includes("the store of a cookie jar"), refused.message);
    const shown = [worker.jar, worker.jar.allCookies(), worker.jar.allCookies()[0]].flatMap((value) => [
      inspect(value),
      JSON.stringify(value),
    ]).join("\n");
    assert(!shown.includes("hidden-value") && shown.includes("name"), shown);
    assertThrows(() => new CookieRedisStore({ url: server.url, jar: "" }), TypeError, "the jar's name");
    const wrong = { url: server.url, jar: "x", whenUnreachable: "maybe" as "open" };
    assertThrows(() => new CookieRedisStore(wrong), TypeError, 'whenUnreachable is "open" or "closed"');
  });
});

describe("features that keep something in a store", () => {
  const url = "redis://127.0.0.1:1";
  const stores = {
    "a store of cookies": new CookieRedisStore({ url, jar: "x" }),
    "a store of HSTS policies": new HstsRedisStore({ url }),
    "a store of rate limits": new RateLimitRedisStore({ url }),
    "a store of responses": new CacheRedisStore({ url }),
    "a store of passwords": new MemoryPasswordStore(),
  };
  const features: Record<string, (store: never) => unknown> = {
    "a store of cookies": (store) => new CookieJar({ store }),
    "a store of HSTS policies": (store) => new HstsEnforcer({ store }),
    "a store of rate limits": (store) => new RateLimit({ store }),
    "a store of responses": (store) => new HttpCache({ store }),
    "a store of passwords": (store) => new PasswordManager({ store }),
  };
  it("refuse what is none of theirs when they are made", () => {
    for (const [expected, make] of Object.entries(features)) {
      for (const [kind, store] of Object.entries<unknown>({ ...stores, nothing: {}, url })) {
        if (kind === expected) make(store as never);
        else assertThrows(() => make(store as never), TypeError, expected, `${kind} for ${expected}`);
      }
    }
  });
});
