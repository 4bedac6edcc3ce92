import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows, fail } from "@std/assert";
import { assertLinear } from "../../../_support/growth.ts";
import type { CookieChange, CookieStore } from "../../../../http/features/cookies/cookie.ts";
import { CookieJar } from "../../../../http/features/cookies/cookie_jar.ts";

const origin = "https://www.example.com/";

/** The Cookie field after one Set-Cookie. */
function after(field: string, from = origin, to = from): string {
  const jar = new CookieJar();
  jar.setCookie(field, from);
  return jar.getCookieHeader(to);
}

describe("CookieJar: which cookies it takes", () => {
  const cases: [what: string, field: string, from: string, taken: boolean][] = [
    ["a plain cookie", "a=1", origin, true],
    ["one for a parent domain", "a=1; Domain=example.com", origin, true],
    ["a leading dot in Domain", "a=1; Domain=.example.com", origin, true],
    ["not one for another domain", "a=1; Domain=example.net", origin, false],
    ["not one for a subdomain of the host", "a=1; Domain=x.www.example.com", origin, false],
    ["not one for a public suffix", "a=1; Domain=com", origin, false],
    ["not one for a public suffix of two labels", "a=1; Domain=co.uk", "https://shop.co.uk/", false],
    ["not one for a private suffix", "a=1; Domain=github.io", "https://me.github.io/", false],
    ["a public suffix for itself alone", "a=1; Domain=github.io", "https://github.io/", true],
    ["an address for itself", "a=1", "http://127.0.0.1:8080/", true],
    ["an address as its own Domain", "a=1; Domain=127.0.0.1", "http://127.0.0.1/", true],
    ["not one for two dots", "a=1; Domain=..example.com", origin, false],
    ["not a path with a TAB, which no URL holds", "a=1; Path=/x\ty", origin, false],
    ["not an address's tail", "a=1; Domain=0.0.1", "http://127.0.0.1/", false],
    ["an IPv6 address", "a=1", "http://[::1]:8080/", true],
    ["a host without dots", "a=1", "http://localhost/", true],
    ["Secure from https", "a=1; Secure", origin, true],
    ["not Secure from http", "a=1; Secure", "http://www.example.com/", false],
    ["not Secure from http on this machine", "a=1; Secure", "http://127.0.0.1/", false],
    ["SameSite=None with Secure", "a=1; SameSite=None; Secure", origin, true],
    ["not SameSite=None without Secure", "a=1; SameSite=None", origin, false],
    ["__Secure- with Secure", "__Secure-a=1; Secure", origin, true],
    ["not __Secure- without Secure", "__Secure-a=1", origin, false],
    ["not __secure- without Secure", "__secure-a=1", origin, false],
    ["__Host- with its conditions", "__Host-a=1; Secure; Path=/", origin, true],
    ["not __Host- with a Domain", "__Host-a=1; Secure; Path=/; Domain=www.example.com", origin, false],
    ["not __Host- with another Path", "__Host-a=1; Secure; Path=/x", `${origin}x/`, false],
    ["not __Host- without Path", "__Host-a=1; Secure", origin, false],
    ["not __HOST- without Secure", "__HOST-a=1; Path=/", origin, false],
    ["not a nameless one", "=__Host-a=1", origin, false],
    ["not one without an equals sign", "a", origin, false],
    ["4096 bytes of name and value", `a=${"x".repeat(4095)}`, origin, true],
    ["not 4097 bytes", `a=${"x".repeat(4096)}`, origin, false],
    ["bytes, not characters", `a=${"é".repeat(2048)}`, origin, false],
    ["not a field of a megabyte", `a=1; b=${"x".repeat(1 << 20)}`, origin, false],
    ["not a control character", "a=1\x07", origin, false],
    ["not a line break", "a=1\r\nSet-Cookie: b=2", origin, false],
    ["not what has expired", "a=1; Max-Age=0", origin, false],
    ["not what expired by date", "a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT", origin, false],
  ];
  for (const [what, field, from, taken] of cases) {
    it(`${taken ? "takes" : "refuses"} ${what}`, () => {
      assertEquals(after(field, from), taken ? field.split(";")[0]! : "");
    });
  }

  it("ignores an attribute of more than 1024 bytes", () => {
    assertEquals(after(`a=1; Path=/${"x".repeat(1100)}`, `${origin}y/z`, `${origin}y/`), "a=1");
  });

  it("lets no insecure response overwrite or hide a Secure cookie", () => {
    const jar = new CookieJar();
    jar.setCookie("a=secret; Secure; Domain=example.com; Path=/", origin);
    for (
      const field of ["a=1; Domain=example.com; Path=/", "a=1; Path=/deep", "a=1", "a=; Max-Age=0; Domain=example.com"]
    ) {
      assertEquals(jar.setCookie(field, "http://www.example.com/deep/"), null, field);
    }
    assertEquals(jar.getCookieHeader(`${origin}deep/`), "a=secret");
    assert(jar.setCookie("b=1", "http://www.example.com/"));
  });

  it("lets no script set, see, replace or remove an HttpOnly cookie", () => {
    const jar = new CookieJar();
    const script = { http: false };
    assertEquals(jar.setCookie("a=1; HttpOnly", origin, script), null);
    jar.setCookie("a=1; HttpOnly", origin);
    assertEquals(jar.setCookie("a=2", origin, script), null);
    assertEquals(jar.setCookie("a=; Max-Age=0", origin, script), null);
    assertEquals(jar.getCookieHeader(origin, script), "");
    assertEquals(jar.getCookieHeader(origin), "a=1");
  });
});

describe("CookieJar: TAB", () => {
  it("is kept inside of a name and a value, and no part of them around these", () => {
    assertEquals(after("a\tb=c\td"), "a\tb=c\td");
    assertEquals(after("\ta\t=\tb c\t; Path=\t/\t"), "a=b c");
    assertEquals(after("\t=b"), "");
    assertEquals(after("a=b\x7fc"), "");
  });
});

describe("CookieJar: accept policies", () => {
  const page = { firstParty: "https://site.example.org/" };
  const third = "https://ads.example.net/";
  const own = "https://cdn.example.org/";

  it("always takes every cookie", () => {
    const jar = new CookieJar();
    assert(jar.setCookie("a=1", third, page));
    assertEquals(jar.acceptPolicy, "always");
  });

  it("never takes none, and sends what it has", () => {
    const jar = new CookieJar();
    jar.setCookie("a=1", own);
    jar.acceptPolicy = "never";
    assertEquals(jar.setCookie("b=1", own), null);
    assertEquals(jar.getCookieHeader(own), "a=1");
  });

  it("no-third-party takes those of the page's own registrable domain", () => {
    const jar = new CookieJar({ acceptPolicy: "no-third-party" });
    assertEquals(jar.setCookie("a=1", third, page), null);
    assert(jar.setCookie("a=1", own, page));
    assert(jar.setCookie("b=1", third));
  });

  it("grandfathered-third-party takes third parties the jar knows already", () => {
    const jar = new CookieJar({ acceptPolicy: "grandfathered-third-party" });
    assertEquals(jar.setCookie("a=1", third, page), null);
    jar.setCookie("known=1", third);
    assert(jar.setCookie("a=1", third, page));
  });

  it("refuses an unknown policy and impossible limits", () => {
    assertThrows(() => new CookieJar({ acceptPolicy: "some" as "always" }), TypeError, "some");
    assertThrows(() => new CookieJar({ maxCookies: 0 }), RangeError, "maxCookies");
  });
});

describe("CookieJar: which cookies it sends", () => {
  it("sends longer paths first, then older cookies first", () => {
    const jar = new CookieJar();
    for (const field of ["a=1; Path=/", "b=2; Path=/deep/er", "c=3; Path=/deep", "d=4; Path=/"]) {
      jar.setCookie(field, origin);
    }
    jar.setCookie("a=5; Path=/", origin);
    assertEquals(jar.getCookieHeader(`${origin}deep/er/x`), "b=2; c=3; a=5; d=4");
    assertEquals(jar.getCookieHeader(`${origin}deeper`), "a=5; d=4");
  });

  it("keeps host-only cookies from subdomains and sends domain cookies there", () => {
    const jar = new CookieJar();
    jar.setCookie("host=1", "https://example.com/");
    jar.setCookie("domain=2; Domain=example.com", "https://example.com/");
    assertEquals(jar.getCookieHeader(origin), "domain=2");
    assertEquals(jar.getCookieHeader("https://notexample.com/"), "");
  });

  it("keeps Secure cookies from http", () => {
    assertEquals(after("a=1; Secure", origin, "http://www.example.com/"), "");
  });

  it("follows SameSite by the first party, the navigation and the method", () => {
    const jar = new CookieJar();
    for (const site of ["Strict", "Lax", "None"]) jar.setCookie(`${site}=1; Secure; SameSite=${site}`, origin);
    jar.setCookie("unset=1", origin);
    const other = { firstParty: "https://other.example.net/" };
    assertEquals(jar.getCookieHeader(origin), "Strict=1; Lax=1; None=1; unset=1");
    assertEquals(
      jar.getCookieHeader(origin, { firstParty: "https://shop.example.com/" }),
      "Strict=1; Lax=1; None=1; unset=1",
    );
    assertEquals(jar.getCookieHeader(origin, other), "None=1");
    assertEquals(jar.getCookieHeader(origin, { ...other, navigation: true }), "Lax=1; None=1; unset=1");
    assertEquals(jar.getCookieHeader(origin, { ...other, navigation: true, method: "POST" }), "None=1");
    assertEquals(jar.getCookieHeader(origin, { firstParty: "http://www.example.com/" }), "None=1");
  });

  it("ends cookies by Max-Age from when they were set, however often they are sent", () => {
    let now = Date.UTC(2030, 0, 1);
    const jar = new CookieJar({ now: () => now });
    jar.setCookie("a=1; Max-Age=100", origin);
    for (let step = 0; step < 3; step++) {
      assertEquals(jar.getCookieHeader(origin), "a=1");
      now += 33_000;
    }
    now += 1_000;
    assertEquals(jar.getCookieHeader(origin), "");
    assertEquals(jar.size, 0);
  });

  it("lets no cookie live longer than 400 days", () => {
    const jar = new CookieJar({ now: () => 0 });
    for (const field of ["a=1; Max-Age=99999999999", "b=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT"]) {
      assertEquals(jar.setCookie(field, origin)?.expires, new Date(400 * 86_400_000));
    }
  });
});

describe("CookieJar: limits", () => {
  it("holds at most so many cookies of one registrable domain, the least used leaving first", () => {
    let now = 0;
    const jar = new CookieJar({ maxCookiesPerSite: 3, now: () => ++now });
    for (const name of ["a", "b", "c"]) jar.setCookie(`${name}=1; Domain=example.com`, `https://${name}.example.com/`);
    jar.setCookie("d=1", "https://d.example.com/");
    assertEquals(jar.allCookies().map(({ name }) => name), ["b", "c", "d"]);
    jar.setCookie("other=1", "https://example.org/");
    assertEquals(jar.size, 4);
  });

  it("gives up cookies without Secure before those with it", () => {
    const jar = new CookieJar({ maxCookiesPerSite: 2 });
    jar.setCookie("login=1; Secure", origin);
    for (let count = 0; count < 50; count++) jar.setCookie(`flood${count}=1`, "http://www.example.com/");
    assertStringIncludes(jar.getCookieHeader(origin), "login=1");
    assertEquals(jar.size, 2);
  });

  it("stays within its limits against ten thousand cookies", () => {
    const jar = new CookieJar();
    for (let count = 0; count < 10_000; count++) {
      jar.setCookie(`c${count}=${"x".repeat(20)}`, `https://h${count % 40}.site${count % 40}.example/`);
    }
    assertEquals(jar.size, 3000);
  });

  for (
    const [limit, hostOf] of [
      ["maxCookies", (count: number) => `h${count}.test`],
      ["maxCookiesPerSite", () => "example.com"],
    ] as const
  ) {
    it(`costs no more for a cookie at ${limit} than below it`, () => {
      assertLinear((size) => {
        const jar = new CookieJar({ maxCookies: 1_000_000, maxCookiesPerSite: 1_000_000, [limit]: size });
        for (let count = 0; count < 2 * size; count++) {
          jar.addCookie({ name: `c${count}`, value: "1", domain: hostOf(count) });
        }
        assertEquals(jar.size, size);
      }, 8000);
    });
  }

  it("lets expired cookies leave first, whenever they were used, and those in use last", () => {
    let now = 0;
    const jar = new CookieJar({ maxCookies: 4, now: () => ++now });
    const names = () => jar.allCookies().map(({ name }) => name).join("");
    for (const name of ["a", "b", "c", "d"]) jar.setCookie(`${name}=1; Path=/${name}`, origin);
    jar.setCookie("e=1", origin);
    assertEquals(names(), "bcde");
    jar.setCookie("f=1; Max-Age=1", origin);
    assertEquals(names(), "cdef");
    now += 2000;
    jar.setCookie("g=1", origin);
    assertEquals(names(), "cdeg");
    jar.setCookie("c=2; Path=/c", origin);
    jar.setCookie("h=1", origin);
    assertEquals(names(), "cegh");
    jar.deleteCookie({ name: "e", domain: "www.example.com", path: "/" });
    jar.setCookie("i=1", origin);
    jar.setCookie("j=1; Secure", origin);
    jar.setCookie("k=1", origin);
    jar.setCookie("l=1", origin);
    jar.setCookie("m=1", origin);
    assertEquals(names(), "jklm");
    for (const name of ["n", "o", "p", "q"]) jar.setCookie(`${name}=1`, origin);
    assertEquals(names(), "jopq");
  });
});

describe("CookieJar: by hand", () => {
  it("adds, lists and deletes cookies", () => {
    const jar = new CookieJar();
    jar.addCookie({ name: "a", value: "1", domain: ".Example.com" });
    jar.addCookie({
      name: "b",
      value: "2",
      domain: "www.example.com",
      path: "/deep",
      expires: new Date(Date.now() + 9999),
    });
    assertEquals(jar.getCookieHeader(`${origin}deep`), "b=2; a=1");
    assertEquals(jar.allCookies().map(({ domain, hostOnly }) => [domain, hostOnly]), [
      ["example.com", false],
      ["www.example.com", true],
    ]);
    assert(jar.deleteCookie({ name: "a", domain: ".example.com", path: "/" }));
    assertEquals(jar.deleteCookie({ name: "a", domain: "example.com", path: "/" }), false);
    jar.clear();
    assertEquals(jar.size, 0);
  });

  it("refuses what would break a Cookie field", () => {
    const jar = new CookieJar();
    const good = { name: "a", value: "1", domain: "example.com" };
    for (
      const bad of [
        { name: "" },
        { name: "a=b" },
        { name: "a\r\n" },
        { value: "1\n2" },
        { value: "1;2" },
        {
          path: "x",
        },
        { path: "/a\tb" },
        { expires: new Date("garbage") },
        { expires: "2030-01-01" as unknown as Date },
        ...["", ".", "..example.com", "a b.com", "a.com:80", "a.com/", "u@a.com"].map((domain) => ({ domain })),
      ]
    ) {
      assertThrows(() => jar.addCookie({ ...good, ...bad }), TypeError, "Cannot add the cookie");
    }
  });

  it("knows a domain by the name URLs have for it", () => {
    for (
      const [domain, host] of Object.entries({
        "Bücher.example": "bücher.example",
        "::1": "[::1]",
        "1.2.3": "1.2.3",
        "a.example.": "a.example.",
      })
    ) {
      const jar = new CookieJar();
      jar.addCookie({ name: "a", value: "1\t2", domain });
      assertEquals(jar.getCookieHeader(`http://${host}/`), "a=1\t2", domain);
      assert(jar.deleteCookie({ name: "a", domain, path: "/" }));
    }
  });

  it("never shows a cookie's value in an error", () => {
    const error = assertThrows(
      () => new CookieJar().addCookie({ name: "a", value: "secret\n", domain: "x.org" }),
      TypeError,
      "",
    );
    assertEquals(error.message.includes("secret"), false);
  });
});

describe("CookieJar: changes", () => {
  it("reports added, replaced, expired and removed cookies, and nothing else", () => {
    let now = 0;
    const jar = new CookieJar({ now: () => now });
    const seen: string[] = [];
    jar.addEventListener("changed", ({ oldCookie, newCookie }) => {
      seen.push(`${oldCookie?.value ?? "-"}>${newCookie?.value ?? "-"}`);
    });
    jar.setCookie("a=1", origin);
    jar.setCookie("a=2; Max-Age=10", origin);
    jar.setCookie("b=refused; Domain=example.net", origin);
    jar.setCookie("c=; Max-Age=0", origin);
    now = 11_000;
    jar.getCookieHeader(origin);
    jar.setCookie("d=4", origin);
    jar.setCookie("d=; Max-Age=0", origin);
    assertEquals(seen, ["->1", "1>2", "2>-", "->4", "4>-"]);
  });

  it("stores changes before anybody hears of them", () => {
    const steps: string[] = [];
    const store: CookieStore = {
      load: () => [],
      apply: (changes: readonly CookieChange[]) => void steps.push(`stored ${changes.length}`),
    };
    const jar = new CookieJar({ store });
    jar.addEventListener("changed", () => void steps.push("changed"));
    jar.setCookie("a=1", origin);
    assertEquals(steps, ["stored 1", "changed"]);
    assert(jar.isPersistent);
  });

  it("closes more than once and goes on without its store", async () => {
    let closed = 0;
    const store: CookieStore = { load: () => [], apply: () => fail("stored after close"), close: () => void closed++ };
    const jar = new CookieJar({ store });
    jar.close();
    await jar[Symbol.asyncDispose]();
    jar.setCookie("a=1", origin);
    assertEquals([closed, jar.getCookieHeader(origin)], [1, "a=1"]);
  });
});
