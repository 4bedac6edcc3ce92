import { describe, it } from "node:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { HstsEnforcer } from "../../../../http/features/hsts/hsts_enforcer.ts";
import {
  HstsFileStore,
  type HstsPolicy,
  type HstsStore,
  parseStrictTransportSecurity,
} from "../../../../http/features/hsts/policies.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { MockTransport } from "../../../../http/features/mock_transport.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";

const folder = temporaryFolder("hsts");

describe("parseStrictTransportSecurity()", () => {
  const cases: [field: string, expected: [maxAge: number, includeSubDomains: boolean] | null][] = [
    ["max-age=31536000", [31536000, false]],
    ["max-age=15768000 ; includeSubDomains", [15768000, true]],
    ['max-age="31536000"', [31536000, false]],
    ["max-age=0", [0, false]],
    ["max-age=0; includeSubDomains", [0, true]],
    ["MAX-AGE=10;INCLUDESUBDOMAINS", [10, true]],
    [" ; max-age = 10 ;; includeSubDomains;", [10, true]],
    ["max-age=10; preload; x=y", [10, false]],
    ['max-age=10; note="a;b,c\\"d"; includeSubDomains', [10, true]],
    ["max-age=10, max-age=20; includeSubDomains", [10, false]],
    ["max-age=99999999999999999999", [3153600000, false]],
    ["", null],
    ["includeSubDomains", null],
    ["max-age", null],
    ["max-age=", null],
    ["max-age=-1", null],
    ["max-age=1.5", null],
    ["max-age=ten", null],
    ["max-age=10; max-age=20", null],
    ["max-age=10; includeSubDomains; includeSubDomains", null],
    ["max-age=10; includeSubDomains=1", null],
    ['max-age="10', null],
    ["max-age=10; b@d", null],
  ];
  for (const [field, expected] of cases) {
    it(`reads ${JSON.stringify(field)}`, () => {
      const said = parseStrictTransportSecurity(field);
      assertEquals(said && [said.maxAge, said.includeSubDomains], expected);
    });
  }

  it("survives whatever a server sends", () => {
    const random = pseudoRandom(11);
    const alphabet = 'max-age=0129;, "\\includeSubDomains\u00e9\u0000';
    for (let round = 0; round < 20_000; round++) {
      let field = "";
      for (let left = random(40); left > 0; left--) field += alphabet[random(alphabet.length)];
      const said = parseStrictTransportSecurity(field);
      assert(said === null || (Number.isInteger(said.maxAge) && said.maxAge >= 0));
    }
  });
});

/** A session whose servers answer with a Strict-Transport-Security field, and the URLs they saw. */
function secured(
  enforcer: HstsEnforcer,
  field: string | ((url: URL) => string),
  options = {},
): [HttpSession, string[]] {
  const seen: string[] = [];
  const mock = new MockTransport((request) => {
    seen.push(request.url);
    const url = new URL(request.url);
    if (url.pathname === "/to-plain") {
      return new Response(null, { status: 302, headers: { location: "http://example.com/plain" } });
    }
    return new Response("", {
      headers: { "strict-transport-security": typeof field === "string" ? field : field(url) },
    });
  });
  return [new HttpSession({ features: [enforcer, mock], ...options }), seen];
}

const get = async (session: HttpSession, url: string) => {
  const msg = new HttpMessage("GET", url);
  await session.sendMessage(msg);
  return msg.uri.href;
};

describe("HstsEnforcer", () => {
  it("changes the scheme and port 80, and nothing else, of hosts it knows", async () => {
    const enforcer = new HstsEnforcer();
    const [session] = secured(enforcer, "");
    enforcer.setSessionPolicy("Example.com");
    assertEquals(await get(session, "http://example.com/a?b#c"), "https://example.com/a?b#c");
    assertEquals(await get(session, "http://example.com:80/"), "https://example.com/");
    assertEquals(await get(session, "http://EXAMPLE.com:8080/"), "https://example.com:8080/");
    assertEquals(await get(session, "http://example.com./"), "https://example.com./");
    assertEquals(await get(session, "http://www.example.com/"), "http://www.example.com/");
    assertEquals(await get(session, "http://notexample.com/"), "http://notexample.com/");
    await session.close();
  });

  it("covers subdomains only where the policy says so", async () => {
    const enforcer = new HstsEnforcer();
    const [session] = secured(
      enforcer,
      (url) => url.hostname === "deep.example.com" ? "max-age=60; includeSubDomains" : "max-age=60",
    );
    await get(session, "https://deep.example.com/");
    await get(session, "https://example.org/");
    assert(enforcer.isEnforced("a.b.deep.example.com"));
    assertFalse(enforcer.isEnforced("www.example.org"));
    assertFalse(enforcer.isEnforced("example.com"));
    await session.close();
  });

  it("upgrades redirects before they are sent", async () => {
    const enforcer = new HstsEnforcer();
    const [session, seen] = secured(enforcer, "max-age=60");
    await get(session, "https://example.com/");
    assertEquals(await get(session, "https://other.example/to-plain"), "https://example.com/plain");
    assertFalse(seen.some((url) => url.startsWith("http:")));
    const response = await session.fetch("http://example.com/x");
    assertEquals(response.url, "https://example.com/x");
    await session.close();
  });

  it("learns nothing from plain connections, addresses and unreadable fields", async () => {
    const enforcer = new HstsEnforcer();
    const [session] = secured(enforcer, (url) => url.pathname === "/bad" ? "max-age=x" : "max-age=60");
    for (const url of ["http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://example.com/bad"]) {
      await get(session, url);
    }
    assertEquals(enforcer.getPolicies(), []);
    assertThrows(() => enforcer.setSessionPolicy("127.0.0.1"), TypeError, "127.0.0.1");
    await session.close();
  });

  it("learns nothing while certificates are left unchecked", async () => {
    const enforcer = new HstsEnforcer();
    const [session] = secured(enforcer, "max-age=60", { sslStrict: false });
    await get(session, "https://example.com/");
    assertEquals(enforcer.getPolicies(), []);
    await session.close();
  });

  it("ends a policy with its time, with max-age=0 and on demand, and a parent's policy stays", async () => {
    let now = Date.UTC(2030, 0, 1);
    const enforcer = new HstsEnforcer({ now: () => now });
    let field = "max-age=60; includeSubDomains";
    const [session] = secured(enforcer, () => field);
    await get(session, "https://example.com/");
    await get(session, "https://sub.example.com/");
    now += 59_000;
    assert(enforcer.isEnforced("example.com"));
    field = "max-age=0";
    await get(session, "https://sub.example.com/");
    assert(enforcer.isEnforced("sub.example.com"));
    assertFalse(enforcer.hasValidPolicy("sub.example.com"));
    now += 1_000;
    assertFalse(enforcer.isEnforced("example.com"));
    enforcer.setSessionPolicy("example.com");
    assert(enforcer.removePolicy("example.com"));
    assertFalse(enforcer.isEnforced("example.com"));
    await session.close();
  });

  it("reports changes and what it has enforced", async () => {
    const enforcer = new HstsEnforcer();
    const [session] = secured(enforcer, "max-age=60");
    const log: string[] = [];
    enforcer.addEventListener(
      "changed",
      ({ oldPolicy, newPolicy }) => void log.push(`${oldPolicy?.host}>${newPolicy?.host}`),
    );
    enforcer.addEventListener("hsts-enforced", ({ msg }) => void log.push(`enforced ${msg.uri.href}`));
    await get(session, "https://example.com/");
    const msg = new HttpMessage("GET", "http://example.com/");
    msg.addEventListener("hsts-enforced", () => void log.push("on the message"));
    await session.sendMessage(msg);
    enforcer.removePolicy("example.com");
    assertEquals(log, [
      "undefined>example.com",
      "enforced https://example.com/",
      "on the message",
      "example.com>example.com",
      "example.com>undefined",
    ]);
    await session.close();
  });

  it("knows international names in either form", () => {
    const enforcer = new HstsEnforcer();
    enforcer.setSessionPolicy("bücher.example");
    assert(enforcer.isEnforced("xn--bcher-kva.example"));
    assert(enforcer.isEnforced("BÜCHER.example"));
  });

  it("remembers at most so many hosts", () => {
    const enforcer = new HstsEnforcer({ maxPolicies: 10 });
    const later = (seconds: number) => new Date(Date.now() + seconds * 1000);
    for (let count = 0; count < 1000; count++) {
      enforcer.setPolicy({ host: `h${count}.example`, includeSubDomains: false, expires: later(1000 + count) });
    }
    assertEquals(enforcer.getPolicies().map(({ host }) => host)[0], "h990.example");
    assertEquals(enforcer.getPolicies().length, 10);
    assertThrows(() => new HstsEnforcer({ maxPolicies: 0 }), RangeError, "maxPolicies");
  });
});

describe("HstsFileStore", () => {
  const policy = (host: string, includeSubDomains = false): HstsPolicy => ({
    host,
    includeSubDomains,
    expires: new Date(Date.UTC(2040, 0, 2, 3, 4, 5)),
  });

  it("keeps policies between enforcers, in the layout of curl, for its owner only", () => {
    const path = join(folder, "hsts.txt");
    {
      using enforcer = new HstsEnforcer({ store: new HstsFileStore(path) });
      enforcer.setPolicy(policy("example.com", true));
      enforcer.setPolicy(policy("example.org"));
      enforcer.setSessionPolicy("session.example");
    }
    assertStringIncludes(
      readFileSync(path, "utf8"),
      '.example.com "20400102 03:04:05"\nexample.org "20400102 03:04:05"\n',
    );
    assertEquals(statSync(path).mode & 0o777, 0o600);
    const again = new HstsEnforcer({ store: new HstsFileStore(path) });
    assertEquals(again.getPolicies(), [policy("example.com", true), policy("example.org")]);
    assert(again.isPersistent);
  });

  it("reads what curl writes and passes over what it does not know", () => {
    const path = join(folder, "curl.txt");
    const lines = [
      "# Your HSTS cache. https://curl.se/docs/hsts.html",
      '.one.example "20400102 03:04:05"',
      "broken",
      'old.example "20000101 00:00:00"',
      'x "unlimited"',
    ];
    writeFileSync(path, lines.join("\n"));
    assertEquals(new HstsEnforcer({ store: new HstsFileStore(path) }).getPolicies(), [policy("one.example", true)]);
  });

  it("is written when a policy changes, not for every response that repeats it", () => {
    let saves = 0;
    const store: HstsStore = { load: () => [], save: () => void saves++ };
    let now = Date.UTC(2030, 0, 1);
    const enforcer = new HstsEnforcer({ store, now: () => now });
    const say = (seconds: number, includeSubDomains = false) =>
      enforcer.setPolicy({ host: "example.com", includeSubDomains, expires: new Date(now + seconds * 1000) });
    for (let count = 0; count < 100; count++, now += 1000) say(31_536_000);
    assertEquals(saves, 1);
    say(31_536_000, true);
    say(60, true);
    assertEquals(saves, 3);
    enforcer.close();
    enforcer.close();
    assertEquals(saves, 3);
  });

  it("refuses a path that is none", () => {
    assertThrows(() => new HstsFileStore(""), TypeError, "path");
  });
});
