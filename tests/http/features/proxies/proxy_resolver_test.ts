import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compileHostPatterns, proxyOfEnvironment } from "../../../../http/features/proxies/environment.ts";
import {
  isPacResult,
  parsePacResult,
  ProxyResolutionError,
  ProxyResolver,
} from "../../../../http/features/proxies/proxy_resolver.ts";
import { parseProxyUri } from "../../../../http/transports/proxy_uri.ts";
import { SeededRandom } from "../../../_support/random.ts";
import { assertLinear } from "../../../_support/growth.ts";

const target = new URL("http://example.org/");

async function hrefs(resolver: ProxyResolver, uri = target): Promise<(string | null)[] | undefined> {
  return (await resolver.resolve(uri))?.map((proxy) => proxy === null ? null : `${proxy.scheme} ${proxy.uri.host}`);
}

describe("URIs of proxies", () => {
  it("give scheme, address and decoded user information", () => {
    const proxy = parseProxyUri("http://us%40er:p%3Aw%25@proxy.example:3128/ignored");
    assertEquals([proxy.scheme, proxy.uri.host, proxy.username, proxy.password], [
      "http",
      "proxy.example:3128",
      "us@er",
      "p:w%",
    ]);
    assertEquals(proxy.uri.username + proxy.uri.password, "");
    assert(!("username" in parseProxyUri("http://proxy/")));
    assertEquals(parseProxyUri("http://a:%zz@proxy/").password, "%zz");
  });

  it("know the schemes of proxies, and HTTP without one", () => {
    const schemes = (uri: string): string => `${parseProxyUri(uri).scheme} ${parseProxyUri(uri).uri.host}`;
    assertEquals(schemes("proxy:3128"), "http proxy:3128");
    assertEquals(schemes(" localhost "), "http localhost");
    assertEquals(schemes("[::1]:8080"), "http [::1]:8080");
    assertEquals(schemes("user:pw@proxy"), "http proxy");
    assertEquals(schemes("https://proxy"), "https proxy");
    assertEquals(schemes("socks://proxy"), "socks5 proxy:1080");
    assertEquals(schemes("SOCKS5h://proxy:99"), "socks5h proxy:99");
  });

  it("are refused without a word of what they hold", () => {
    for (const uri of ["socks4://u:secret@h", "ftp://u:secret@h", "http://u:secret@", "http://[", ""]) {
      const error = assertThrows(() => parseProxyUri(uri), TypeError) as Error;
      assert(!error.message.includes("secret"), error.message);
    }
  });
});

describe("results of PAC functions", () => {
  const read = (text: string): string =>
    parsePacResult(text).map((proxy) => proxy === null ? "direct" : `${proxy.scheme} ${proxy.uri.host}`).join(", ");

  it("refuses credentials that a proxy would read otherwise", () => {
    const bad = ["us%3aer:pw", "us%0d%0aX%3a y:pw", "user:p%00w", "us%7fer", "user:p%0aw"];
    for (const credentials of bad) {
      assertThrows(() => parseProxyUri(`http://${credentials}@proxy/`), TypeError, "holds a");
    }
    assertEquals(parseProxyUri("socks5://us%3aer:p%00w@proxy/").username, "us:er");
    assertThrows(() => parsePacResult("PROXY us%3aer:pw@proxy:1"), TypeError);
  });

  it("keep their order", () => {
    assertEquals(
      read("PROXY a:3128; SOCKS5 b; HTTPS c:443 ;socks d:9;  direct"),
      "http a:3128, socks5 b:1080, https c, socks5 d:9, direct",
    );
    assertEquals(read("HTTP h"), "http h");
  });

  it("pass over what cannot be used, and fail when nothing is left", () => {
    assertEquals(read("SOCKS4 a:1; PROXY; QUIC q:1; PROXY [; DIRECT"), "direct");
    assertThrows(() => parsePacResult("SOCKS4 a:1"), TypeError, "names none that can be used");
  });

  it("are told from URIs", () => {
    assert(isPacResult("DIRECT") && isPacResult("PROXY a:1; x") && isPacResult("socks a"));
    assert(!isPacResult("http://a:1") && !isPacResult("proxy.example:3128") && !isPacResult("proxyhost"));
  });
});

describe("lists of hosts without a proxy", () => {
  const matches = (pattern: string, host: string, port = 80): boolean => compileHostPatterns([pattern])(host, port);

  it("take domains with everything below them", () => {
    for (const pattern of ["example.org", ".example.org", "*.example.org", "EXAMPLE.org."]) {
      assert(matches(pattern, "example.org") && matches(pattern, "a.b.example.org"), pattern);
      assert(matches(pattern, "Example.ORG."), pattern);
      assert(!matches(pattern, "badexample.org") && !matches(pattern, "example.org.evil"), pattern);
    }
  });

  it("take ports", () => {
    assert(matches("example.org:8080", "example.org", 8080) && !matches("example.org:8080", "example.org", 80));
    assert(matches("[::1]:80", "[::1]", 80) && !matches("[::1]:81", "[::1]", 80));
    assert(matches("127.0.0.1:80", "127.0.0.1") && !matches("127.0.0.1:81", "127.0.0.1"));
  });

  it("take addresses and ranges", () => {
    assert(matches("10.0.0.0/8", "10.255.0.1") && !matches("10.0.0.0/8", "11.0.0.1"));
    assert(matches("192.168.1.128/25", "192.168.1.200") && !matches("192.168.1.128/25", "192.168.1.1"));
    assert(matches("0.0.0.0/0", "8.8.8.8") && !matches("0.0.0.0/0", "[::1]") && !matches("0.0.0.0/0", "example.org"));
    assert(
      matches("fe80::/10", "[fe80::1]") && matches("fe80::/10", "[FEBF::1]") && !matches("fe80::/10", "[fec0::1]"),
    );
    assert(matches("::1", "[::1]") && matches("[::1]", "[0:0:0:0:0:0:0:1]") && !matches("::1", "[::2]"));
    assert(matches("10.0.0.1", "[::ffff:10.0.0.1]") && matches("10.0.0.0/8", "[::ffff:a00:1]"));
    assert(matches("1.2.3.4/32", "1.2.3.4") && !matches("1.2.3.4/32", "1.2.3.5"));
    assert(!matches("10.0.0.0/33", "10.0.0.0") && !matches("10.0.0.0/x", "10.0.0.0") && !matches("a/8", "a"));
    assert(!matches("10.0.0.1", "110.0.0.1") && !matches("0.0.1", "10.0.0.1"));
  });

  it("take wildcards and words", () => {
    assert(matches("*", "anything") && matches("<local>", "intranet") && !matches("<local>", "a.b"));
    assert(!matches("<local>", "[::1]"));
    assert(matches("10.0.*", "10.0.3.4") && !matches("10.0.*", "10.1.3.4"));
    assert(matches("a*z.example", "abcz.example") && !matches("a*z.example", "az.example.org"));
    assert(!matches("aba*aba", "aba") && matches("aba*aba", "abaaba"));
    assert(!matches("", "x") && !matches(" ", "x"));
  });

  it("survive anything", () => {
    const random = new SeededRandom(5);
    const pieces = ["*", ".", "a", "10", "/", ":", "8", "[", "]", "::", "ffff", "%", "<local>", "-"];
    for (let round = 0; round < 5000; round++) matches(random.fieldValue(pieces), random.fieldValue(pieces), 80);
    assertLinear((count) => matches("*a".repeat(count), "a".repeat(count) + "b"), 20_000);
  });
});

describe("proxies of the environment", () => {
  const pick = (uri: string, env: Record<string, string>): string | null =>
    proxyOfEnvironment(new URL(uri), uri.startsWith("https"), env);

  it("go by scheme, lower case first", () => {
    const env = { http_proxy: "http://a", HTTP_PROXY: "http://A", HTTPS_PROXY: "http://b", ALL_PROXY: "http://c" };
    assertEquals(pick("http://x/", env), "http://a");
    assertEquals(pick("https://x/", env), "http://b");
    assertEquals(pick("https://x/", { all_proxy: "socks5://c" }), "socks5://c");
    assertEquals(pick("https://x/", { http_proxy: "http://a" }), null);
    assertEquals(pick("http://x/", { http_proxy: "  ", HTTP_PROXY: "http://A" }), "http://A");
    assertEquals(pick("http://x/", {}), null);
  });

  it("leave out what no_proxy names", () => {
    const env = { all_proxy: "http://a", NO_PROXY: "example.org, 10.0.0.0/8 other.example:8443" };
    for (
      const uri of [
        "http://example.org/",
        "https://www.example.org/",
        "http://10.1.2.3/",
        "https://other.example:8443/",
      ]
    ) {
      assertEquals(pick(uri, env), null, uri);
    }
    assertEquals(pick("https://other.example/", env), "http://a");
    assertEquals(pick("http://x/", { all_proxy: "http://a", no_proxy: "*" }), null);
    assertEquals(pick("https://x/", { all_proxy: "http://a", no_proxy: "x:443" }), null);
  });

  it("do not believe HTTP_PROXY in a CGI program", () => {
    const cgi = { REQUEST_METHOD: "GET", HTTP_PROXY: "http://attacker" };
    assertEquals(pick("http://x/", cgi), null);
    assertEquals(pick("http://x/", { ...cgi, ALL_PROXY: "http://own" }), "http://own");
    assertEquals(pick("https://x/", { ...cgi, HTTPS_PROXY: "http://own" }), "http://own");
    if (process.platform !== "win32") {
      assertEquals(pick("http://x/", { ...cgi, http_proxy: "http://own" }), "http://own");
    }
  });

  it("are read at every request", async () => {
    const env: Record<string, string> = {};
    const resolver = ProxyResolver.fromEnvironment({ env });
    assertEquals(await hrefs(resolver), [null]);
    env["http_proxy"] = "proxy:1";
    assertEquals(await hrefs(resolver), ["http proxy:1"]);
  });
});

describe("ProxyResolver", () => {
  it("has one proxy for all but some hosts", async () => {
    const resolver = ProxyResolver.fromUri("http://proxy:3128", { ignoreHosts: ["localhost", "10.0.0.0/8"] });
    assertEquals(await hrefs(resolver), ["http proxy:3128"]);
    assertEquals(await hrefs(resolver, new URL("http://localhost:8080/")), [null]);
    assertEquals(resolver.resolveProxy(new URL("https://10.1.1.1/")), null);
    assert(resolver.resolveProxy(target) === resolver.proxy);
    assertThrows(() => ProxyResolver.fromUri("ftp://proxy"), TypeError);
  });

  it("takes every form of answer", async () => {
    const answers: [
      Awaited<ReturnType<Parameters<typeof ProxyResolver.fromFunction>[0]>>,
      (string | null)[] | undefined,
    ][] = [
      [null, [null]],
      [undefined, undefined],
      ["http://a:1", ["http a:1"]],
      [new URL("https://a:1"), ["https a:1"]],
      ["PROXY a:1; DIRECT", ["http a:1", null]],
      ["direct://", [null]],
      [["a:1", null, "PROXY b:2; DIRECT"], ["http a:1", null, "http b:2", null]],
    ];
    for (const [answer, expected] of answers) {
      assertEquals(await hrefs(ProxyResolver.fromFunction(() => answer)), expected);
      assertEquals(await hrefs(ProxyResolver.fromFunction(() => Promise.resolve(answer))), expected);
    }
  });

  it("ends messages with CANT_RESOLVE_PROXY when a function fails", async () => {
    const failing = [
      () => {
        throw new Error("no network");
      },
      () => Promise.reject(new Error("no network")),
      () => "ftp://a",
      () => [],
      () => "SOCKS4 a",
    ];
    for (const choose of failing) {
      const error = await assertRejects(
        async () => await ProxyResolver.fromFunction(choose).resolve(target),
        ProxyResolutionError,
      );
      assertEquals((error as ProxyResolutionError).status, 3);
    }
  });

  it("gives the same object for the same proxy", async () => {
    const resolver = ProxyResolver.fromFunction(() => "PROXY a:1");
    assert(await resolver.resolveProxy(target, null) === await resolver.resolveProxy(target, null));
  });
});
