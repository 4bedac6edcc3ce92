// About http/stores/hsts_redis_store.ts and http/features/hsts/policies.ts: one list for many processes.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  HstsEnforcer,
  HstsRedisStore,
  HttpMessage,
  HttpSession,
  HttpStatus,
  MockTransport,
  NotSupportedError,
} from "../../../http/mod.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";

/** A process of its own, as far as the server can tell. */
class Worker implements AsyncDisposable {
  readonly enforcer: HstsEnforcer;
  readonly session: HttpSession;
  readonly errors: string[] = [];
  /** The URIs that were sent to. */
  readonly sent: string[] = [];

  constructor(server: RedisServer, whenUnreachable: "open" | "closed" = "open") {
    this.enforcer = new HstsEnforcer({ store: new HstsRedisStore({ url: server.url, whenUnreachable }) });
    this.enforcer.addEventListener("store-error", ({ error }) => this.errors.push(String(error)));
    const origin = new MockTransport(({ headers, url }) => {
      this.sent.push(url);
      const said = headers.get("x-said");
      return new Response("here", said === null ? {} : { headers: { "strict-transport-security": said } });
    });
    this.session = new HttpSession({ defaultFeatures: false, features: [origin, this.enforcer] });
  }

  get(uri: string, said: string | null = null): Promise<number> {
    return this.session.sendMessage(new HttpMessage("GET", uri, said === null ? {} : { headers: { "x-said": said } }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
    await this.enforcer.close();
  }
}

const policy = (host: string, includeSubDomains = false) => ({
  host,
  includeSubDomains,
  expires: new Date(Date.now() + 3_600_000),
});

describe("HSTS policies in Redis that several processes have", { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server.kill());

  it("are kept by the next message of another, and forgotten with it", async () => {
    await using one = new Worker(server);
    await using other = new Worker(server);
    await other.get("http://www.example.com/");
    one.enforcer.setPolicy(policy("example.com", true));
    one.enforcer.setPolicy(policy("alone.example"));
    await one.get("http://www.example.com/a");
    await other.get("http://www.example.com/b");
    await other.get("http://www.alone.example/");
    assertEquals(one.sent, ["https://www.example.com/a"]);
    assertEquals(other.sent, ["http://www.example.com/", "https://www.example.com/b", "http://www.alone.example/"]);
    await one.get("https://learned.example/", "max-age=3600");
    await other.get("http://learned.example/");
    assertEquals(other.sent.at(-1), "https://learned.example/");
    one.enforcer.removePolicy("example.com");
    await one.get("http://www.example.com/c");
    await other.get("http://www.example.com/d");
    assertEquals([one.sent.at(-1), other.sent.at(-1)], ["http://www.example.com/c", "http://www.example.com/d"]);
    for (const key of await server.command("KEYS", "*") as string[]) {
      assert(key.startsWith("gp11:hsts:") && Number(await server.command("PTTL", key)) > 0, key);
    }
    assertEquals([one.errors, other.errors], [[], []]);
    await using blocking = new HttpSession({ features: [one.enforcer] });
    const refused = assertThrows(
      () => blocking.sendMessageSync(new HttpMessage("GET", "http://x.test/")),
      NotSupportedError,
    );
    assert(refused.message.includes("the store of HSTS policies"), refused.message);
  });

  it("are none where others have written something else", async () => {
    await using one = new Worker(server);
    const values = [
      "",
      "host",
      "host soon",
      "host -1",
      "host 9999999999999999",
      "all 4102444800000",
      "host 4102444800000 ",
    ];
    for (const [index, value] of values.entries()) await server.command("SET", `gp11:hsts:h${index}.example`, value);
    await server.command("HSET", "gp11:hsts:hash.example", "host", "4102444800000");
    const hosts = [...values.keys()].map((index) => `h${index}.example`).concat("hash.example");
    for (const host of hosts) await one.get(`http://${host}/`);
    assertEquals([one.sent, one.errors], [hosts.map((host) => `http://${host}/`), []]);
    await one.get("https://h0.example/", "max-age=3600");
    await one.get("https://hash.example/", "max-age=3600");
    await using other = new Worker(server);
    await other.get("http://h0.example/");
    await other.get("http://hash.example/");
    assertEquals([other.sent, other.errors], [["https://h0.example/", "https://hash.example/"], []]);
  });

  it("fail open or closed while the server is away, and are told it again", async () => {
    await using away = await RedisServer.start();
    await using open = new Worker(away);
    await using closed = new Worker(away, "closed");
    await open.get("http://first.example/");
    await away.kill();
    open.enforcer.setPolicy(policy("example.com"));
    assertEquals([await open.get("http://example.com/"), open.sent.at(-1)], [200, "https://example.com/"]);
    assertEquals([await closed.get("http://example.com/"), closed.sent], [HttpStatus.TRY_AGAIN, []]);
    // Over TLS there is nothing to ask.
    assertEquals(await closed.get("https://example.com/"), 200);
    assert(open.errors.length > 0 && closed.errors.length === 1);
    await away.start();
    while (await closed.get("http://other.example/") !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    let before = Infinity;
    while (before > 0) {
      open.errors.length = 0;
      await open.get("http://example.com/");
      before = open.errors.length;
      if (before > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await closed.get("http://example.com/");
    assertEquals(closed.sent.at(-1), "https://example.com/");
  });
});
