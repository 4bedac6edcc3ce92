// About http/stores/cookie_redis_store.ts and http/features/cookies/shared_jar.ts: one jar for many processes.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import {
  CookieJar,
  CookieRedisStore,
  type CookieRedisStoreOptions,
  HttpMessage,
  HttpSession,
  HttpStatus,
  MockTransport,
  NotSupportedError,
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
    other.jar.clear();
    await other.jar.flush();
    await one.get();
    assertEquals([one.sent.at(-1), one.jar.size], ["", 0]);
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
