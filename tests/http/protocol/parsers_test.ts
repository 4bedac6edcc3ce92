import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  formatMediaType,
  parseContentDisposition,
  parseLink,
  parseMediaType,
  parseQualityList,
  qualityOf,
} from "../../../http/protocol/media_type.ts";
import { formatHttpDate, parseHttpDate, parseRateLimit, parseRetryAfter } from "../../../http/protocol/retry_times.ts";
import {
  decodeExtendedValue,
  isToken,
  parseParameters,
  parseStructuredDictionary,
  parseStructuredItem,
  parseStructuredList,
  quoteIfNeeded,
  splitOutsideQuotes,
  unquote,
} from "../../../http/protocol/syntax.ts";
import { assertLinear } from "../../_support/growth.ts";

describe("syntax of header fields", () => {
  it("splits lists outside quoted strings and drops empty members", () => {
    assertEquals(splitOutsideQuotes(' a , "b,c" ,, d="e\\",f" ', ","), ["a", '"b,c"', 'd="e\\",f"']);
    assertEquals(splitOutsideQuotes("", ","), []);
    assertEquals(splitOutsideQuotes('a, "unfinished, b', ","), ["a", '"unfinished, b']);
    assertEquals(splitOutsideQuotes('"a\\', ","), ['"a\\']);
  });

  it("writes and reads quoted strings", () => {
    for (const text of ["plain", "two words", 'a "quote"', "back\\slash", ""]) {
      assertEquals(unquote(quoteIfNeeded(text)), text);
    }
    assertEquals(unquote('"open'), "open");
    assert(isToken("x-!#$%&'*+.^_`|~1"));
    assert(!isToken("a b") && !isToken("") && !isToken("a\n"));
  });

  it("reads parameters with their names in lower case", () => {
    assertEquals(parseParameters('A=1; b="x;y" ;c; =nothing'), [
      { name: "a", value: "1" },
      { name: "b", value: "x;y" },
      { name: "c", value: undefined },
    ]);
  });

  it("decodes extended values and refuses broken ones", () => {
    assertEquals(decodeExtendedValue("UTF-8'en'%e2%82%ac%20rates"), "€ rates");
    assertEquals(decodeExtendedValue("iso-8859-1'en'%A3%20rates"), "£ rates");
    for (const bad of ["UTF-8''%ff", "UTF-8''%4", "koi8-r''a", "no quotes", "UTF-8''a b"]) {
      assertEquals(decodeExtendedValue(bad), undefined, bad);
    }
  });
});

describe("HTTP dates", () => {
  const moment = new Date("1994-11-06T08:49:37Z");

  it("are read in the three forms of RFC 9110", () => {
    assertEquals(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), moment);
    assertEquals(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"), moment);
    assertEquals(parseHttpDate("Sun Nov  6 08:49:37 1994"), moment);
    assertEquals(parseHttpDate("sun, 06 nov 1994 08:49:37 gmt"), moment);
  });

  it("place a two-digit year at most fifty years ahead", () => {
    const now = Date.parse("2026-11-21T00:00:00Z");
    const year = (text: string): number | undefined => parseHttpDate(text, { now })?.getUTCFullYear();
    assertEquals(year("Sunday, 06-Nov-76 08:49:37 GMT"), 2076);
    assertEquals(year("Sunday, 06-Dec-76 08:49:37 GMT"), 1976);
    assertEquals(year("Sunday, 06-Nov-99 08:49:37 GMT"), 1999);
  });

  it("refuse days, hours and texts that are none", () => {
    for (
      const text of [
        "",
        "0",
        "-1",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
        " Sun, 06 Nov 1994 08:49:37 GMT",
      ]
    ) assertEquals(parseHttpDate(text), undefined, text);
  });

  it("know the leap second and years before 100", () => {
    assertEquals(parseHttpDate("Sat, 31 Dec 2016 23:59:60 GMT"), new Date("2017-01-01T00:00:00Z"));
    assertEquals(parseHttpDate("Sat, 01 Jan 0050 00:00:00 GMT")?.getUTCFullYear(), 50);
  });

  it("are written so that they read back", () => {
    for (const time of [0, 784_111_777_000, 4_102_444_800_000]) {
      assertEquals(parseHttpDate(formatHttpDate(new Date(time)))?.getTime(), time);
    }
    assertThrows(() => formatHttpDate(new Date(NaN)), RangeError, "Cannot format an HTTP date");
    assertThrows(() => formatHttpDate(new Date("+010000-01-01T00:00:00Z")), RangeError);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");

  it("is seconds or a date", () => {
    assertEquals(parseRetryAfter(" 7 "), 7000);
    assertEquals(parseRetryAfter("0"), 0);
    assertEquals(parseRetryAfter("Sat, 21 Nov 2026 10:01:00 GMT", { now }), 60_000);
    assertEquals(parseRetryAfter("Sat, 21 Nov 2026 09:00:00 GMT", { now }), 0);
    assertEquals(parseRetryAfter("9".repeat(40)), Number.MAX_SAFE_INTEGER);
  });

  it("is nothing when it is neither", () => {
    for (const text of ["", "-5", "1.5", "soon", "0x10", "5s"]) assertEquals(parseRetryAfter(text), undefined, text);
  });
});

describe("lists with weights", () => {
  it("come out in order of preference", () => {
    const list = parseQualityList('text/*;q=0.3, text/html;q=0.7, text/html;level="1", */*;q=0.5;ext=1, x;q=0');
    assertEquals(list.map((member) => [member.value, member.quality]), [
      ["text/html", 1],
      ["text/html", 0.7],
      ["*/*", 0.5],
      ["text/*", 0.3],
      ["x", 0],
    ]);
    assertEquals(list[0]!.parameters, [{ name: "level", value: "1" }]);
  });

  it("drop members with a malformed weight", () => {
    assertEquals(parseQualityList("a;q=2, b;q=0.1234, c;q=-1, d;q=, e;q=1.000, f;q=1.").map((m) => m.value), [
      "e",
      "f",
    ]);
  });

  it("answer what a value weighs", () => {
    const list = parseQualityList("gzip;q=0.5, *;q=0.1, br;q=0");
    assertEquals(["GZIP", "br", "zstd"].map((value) => qualityOf(list, value)), [0.5, 0, 0.1]);
    assertEquals(qualityOf([], "gzip"), 0);
  });
});

describe("media types", () => {
  const roundTrip = (text: string): string | undefined => {
    const type = parseMediaType(text);
    return type === undefined ? undefined : formatMediaType(type);
  };

  it("follow the WHATWG rules", () => {
    const cases: [string, string | undefined][] = [
      ["text/html;charset=gbk", "text/html;charset=gbk"],
      ["TEXT/HTML;CHARSET=GBK", "text/html;charset=GBK"],
      ["text/html;charset=gbk(", 'text/html;charset="gbk("'],
      ["text/html;x=(;charset=gbk", 'text/html;x="(";charset=gbk'],
      ["text/html;charset=gbk;charset=windows-1255", "text/html;charset=gbk"],
      ["text/html;charset =gbk", "text/html"],
      ["text/html;charset= gbk", 'text/html;charset=" gbk"'],
      ['text/html;charset="gbk', "text/html;charset=gbk"],
      ['text/html;charset="\\ gbk"', 'text/html;charset=" gbk"'],
      ['text/html;charset="gbk";x="a\\"b"', 'text/html;charset=gbk;x="a\\"b"'],
      ['text/html;charset="gbk"x;y=1', "text/html;charset=gbk;y=1"],
      ["text/html;;;;charset=gbk", "text/html;charset=gbk"],
      ["text/html;charset=;charset=gbk", "text/html;charset=gbk"],
      ["text/html;test;charset=gbk", "text/html;charset=gbk"],
      ["  text/html ; a=b  ", "text/html;a=b"],
      ['text/html;a=""', 'text/html;a=""'],
      ["text/html;a=\u0001", "text/html"],
      ["text", undefined],
      ["/html", undefined],
      ["text/", undefined],
      ["te xt/html", undefined],
      ["text/ht ml", undefined],
      ["", undefined],
      ["*/*", "*/*"],
    ];
    for (const [text, expected] of cases) {
      assertEquals(roundTrip(text), expected, text);
    }
  });
});

describe("Link", () => {
  it("is read with relations, titles and targets against a base", () => {
    const links = parseLink(
      `<https://a.example/,x>; rel="next Prev"; title="a, b"; title*=UTF-8''%e2%82%ac, <b>;rel=last;media=print;rel=x,,<c>;a`,
      "http://h.example/d/",
    );
    assertEquals(links.map((link) => [link.target, link.relations, link.title]), [
      ["https://a.example/,x", ["next", "prev"], "€"],
      ["http://h.example/d/b", ["last"], undefined],
    ]);
    assertEquals([...links[1]!.attributes], [["media", "print"]]);
  });

  it("keeps going after malformed links", () => {
    assertEquals(parseLink("nonsense, <>; rel=self, <a", "http://h.example/x").map((link) => link.target), [
      "http://h.example/x",
    ]);
    assertEquals(parseLink("<http://[>; rel=next", "http://h.example/"), []);
    assertEquals(parseLink('<a>; rel="next'), [
      { target: "a", relations: ["next"], anchor: undefined, title: undefined, attributes: new Map() },
    ]);
  });

  it("takes linear time for endless lists", () => {
    assertLinear((count) => assertEquals(parseLink("<a>;rel=x,".repeat(count)).length, count), 20_000);
    assertLinear((size) => assertEquals(parseLink("<".repeat(size)).length, 0), 200_000);
  });
});

describe("Content-Disposition", () => {
  const name = (text: string): string | undefined => parseContentDisposition(text)?.filename;

  it("gives the file name, the extended one first", () => {
    assertEquals(name('attachment; filename="a b.txt"'), "a b.txt");
    assertEquals(name("Attachment; FileName=a.txt"), "a.txt");
    assertEquals(name("attachment; filename=x; filename*=UTF-8''%e2%82%ac.txt"), "€.txt");
    assertEquals(name("attachment; filename=x; filename*=UTF-8''%ff"), "x");
    assertEquals(parseContentDisposition("inline"), { type: "inline", filename: undefined, parameters: new Map() });
  });

  it("never leaves the directory", () => {
    assertEquals(name('attachment; filename="../../etc/passwd"'), "passwd");
    assertEquals(name('attachment; filename="C:\\\\Windows\\\\x.exe"'), "x.exe");
    assertEquals(name('attachment; filename=".."'), undefined);
    assertEquals(name('attachment; filename="a\u0000b\u001f"'), "ab");
    assertEquals(name('attachment; filename="dir/"'), undefined);
  });

  it("needs a type", () => {
    assertEquals(parseContentDisposition(""), undefined);
    assertEquals(parseContentDisposition('"a"; filename=x'), undefined);
  });
});

describe("structured fields", () => {
  it("are ignored when they do not parse", () => {
    assertEquals(parseStructuredItem('"a"; b')?.[0], "a");
    assertEquals(parseStructuredList("1, (2 3);x")?.length, 2);
    assertEquals(parseStructuredDictionary("a=1, b")?.get("b")?.[0], true);
    assertEquals(parseStructuredItem("é"), undefined);
    assertEquals(parseStructuredList("1,"), undefined);
    assertEquals(parseStructuredDictionary("A=1"), undefined);
  });
});

describe("rate limit fields", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");
  const read = (fields: Record<string, string>) => parseRateLimit(new Headers(fields), { now });

  it("are read in the draft's list form, tightest policy first", () => {
    assertEquals(read({ ratelimit: '"a";r=50;t=30, "b";r=2;t=9' }), {
      remaining: 2,
      resetAfter: 9000,
      limit: undefined,
    });
  });

  it("are read in the older forms", () => {
    const expected = { remaining: 1, resetAfter: 50_000, limit: 100 };
    assertEquals(read({ ratelimit: "limit=100, remaining=1, reset=50" }), expected);
    assertEquals(
      read({ "ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "1", "ratelimit-reset": "50" }),
      expected,
    );
    const reset = String(now / 1000 + 50);
    assertEquals(
      read({ "x-ratelimit-limit": "100", "x-ratelimit-remaining": "1", "x-ratelimit-reset": reset }),
      expected,
    );
    assertEquals(
      read({
        "x-rate-limit-limit": "100",
        "x-rate-limit-remaining": "1",
        "x-rate-limit-reset": "2026-11-21T10:00:50Z",
      }),
      expected,
    );
  });

  it("are nothing when they are absent or broken", () => {
    assertEquals(read({}), undefined);
    assertEquals(read({ ratelimit: "?!" }), undefined);
    assertEquals(read({ "x-ratelimit-remaining": "many" }), undefined);
  });
});
