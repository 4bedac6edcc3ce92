import { describe, it } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  CookieJar,
  HstsEnforcer,
  HttpCache,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  MockTransport,
} from "../../../../http/mod.ts";
import { ownTime } from "../../../_support/own_time.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";

type Answer = (request: Request) => Response;

/** A session with a jar, and the Cookie field of every request. */
function withJar(
  answer: Answer,
  options: HttpSessionOptions = {},
): { session: HttpSession; jar: CookieJar; sent: (string | null)[] } {
  const sent: (string | null)[] = [];
  const jar = new CookieJar();
  const mock = new MockTransport((request) => {
    sent.push(request.headers.get("cookie"));
    return answer(request);
  });
  return { session: new HttpSession({ ...options, features: [jar, mock] }), jar, sent };
}

const setting = (...fields: string[]) =>
  new Response("", { headers: fields.map((field): [string, string] => ["set-cookie", field]) });

describe("CookieJar on a session", () => {
  it("computes the field anew for each hop of a redirect, and never carries it to another host", async () => {
    const { session, jar, sent } = withJar((request) => {
      const { hostname, pathname } = new URL(request.url);
      if (pathname === "/end") return setting();
      const location = hostname === "a.example" ? "http://b.example/go" : "http://a.example/end";
      return new Response(null, { status: 302, headers: { location, "set-cookie": `from=${hostname}` } });
    });
    jar.setCookie("first=1", "http://a.example/");
    await (await session.fetch("http://a.example/go", { headers: { cookie: "mine=1" } })).text();
    assertEquals(sent, ["first=1", null, "first=1; from=a.example"]);
    await session.close();
  });

  it("leaves messages alone that disable it", async () => {
    const { session, jar, sent } = withJar(() => setting("b=2"));
    jar.setCookie("a=1", "http://a.example/");
    const msg = new HttpMessage("GET", "http://a.example/", { headers: { cookie: "mine=1" } });
    msg.disableFeature(CookieJar);
    await session.sendMessage(msg);
    assertEquals([sent, jar.size], [["mine=1"], 1]);
    await session.close();
  });

  it("looks at the first party and the navigation of a message", async () => {
    const { session, jar, sent } = withJar(() => setting());
    for (const field of ["s=1; SameSite=Strict", "l=2; SameSite=Lax"]) jar.setCookie(field, "http://a.example/");
    const contexts = [{}, { firstParty: "http://other.example/" }, {
      firstParty: "http://other.example/",
      isTopLevelNavigation: true,
    }];
    for (const context of contexts) await session.sendMessage(new HttpMessage("GET", "http://a.example/", context));
    assertEquals(sent, ["s=1; l=2", null, "l=2"]);
    await session.close();
  });

  it("follows the accept policy by the first party of a message", async () => {
    const { session, jar } = withJar(() => setting("a=1"));
    jar.acceptPolicy = "no-third-party";
    await session.sendMessage(new HttpMessage("GET", "http://ads.example/", { firstParty: "http://page.test/" }));
    assertEquals(jar.size, 0);
    await session.sendMessage(new HttpMessage("GET", "http://ads.example/", { firstParty: "http://www.ads.example/" }));
    assertEquals(jar.size, 1);
    await session.close();
  });

  it("stays within its limits against a response with thousands of cookies", async () => {
    const fields = Array.from({ length: 5000 }, (_, index) => `c${index}=${"x".repeat(30)}`);
    const { session, jar } = withJar(() => setting(...fields));
    await session.sendMessage(new HttpMessage("GET", "http://a.example/"));
    assertEquals(jar.size, 180);
    await session.close();
  });

  it("survives whatever a server sends, and sends nothing that could begin another field", () => {
    const random = pseudoRandom(3);
    const alphabet =
      'abc=;, \t"\\/.-_%\u0000\u0001\r\n\u007f\u00e9\u20acDomainPathExpiresMax-AgeSecureSameSite__Host-0123456789';
    const jar = new CookieJar();
    for (let round = 0; round < 5000; round++) {
      let field = random(3) === 0 ? "a=" : "";
      for (let left = random(60); left > 0; left--) field += alphabet[random(alphabet.length)];
      jar.setCookie(field, "https://a.b.example.co.uk/x/y");
    }
    assert(jar.size > 10);
    const header = jar.getCookieHeader("https://a.b.example.co.uk/x/y");
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x08\x0a-\x1f\x7f]/.test(header));
    for (const { domain } of jar.allCookies()) assert("a.b.example.co.uk".endsWith(domain) && domain !== "co.uk");
  });
});

describe("features on requests they do not touch", () => {
  it("add next to nothing", async () => {
    const run = async (features: HttpSessionOptions["features"]): Promise<number> => {
      const mock = new MockTransport(() => new Response(null, { status: 204 }));
      await using session = new HttpSession({ features: [mock, ...features ?? []] });
      const began = ownTime();
      for (let count = 0; count < 150; count++) await session.sendMessage(new HttpMessage("POST", "http://a.example/"));
      return (ownTime() - began) / 150;
    };
    const loaded = () => {
      const jar = new CookieJar();
      jar.setCookie("a=1", "http://other.example/");
      const hsts = new HstsEnforcer();
      hsts.setSessionPolicy("other.example");
      return [jar, hsts, new HttpCache()];
    };
    await run([]);
    await run(loaded());
    const [without, withThem] = [[], []] as [number[], number[]];
    // What disturbs a round passes, what features cost does not.
    for (let round = 0; round < 5 || round < 40 && Math.min(...withThem) >= Math.min(...without) * 4; round++) {
      without.push(await run([]));
      withThem.push(await run(loaded()));
    }
    // A ratio of own time within one run, the best of interleaved rounds. The figure is in the benchmarks.
    assertLess(Math.min(...withThem), Math.min(...without) * 4);
  });
});
