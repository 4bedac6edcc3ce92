import { describe, it } from "node:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertEquals, assertGreater } from "@std/assert";
import { CookieJar } from "../../../../http/features/cookies/cookie_jar.ts";
import { toughCookie } from "../../../../http/features/cookies/rules.ts";
import { locateSuite } from "../../../_support/published_suite.ts";

/** The IETF's http-state suite, as tough-cookie once published it. */
const suite = locateSuite({
  name: "tough-cookie",
  version: "2.0.0",
  sha512: "qYeH1zA+4+36nVi2waxBoFcbL54iInWYs6NuMQztwijcfhPZqeCm/fjRkDrnEtkYzOIh19SkKrjs5A+VDx+5sA==",
});
const skip = suite.skip;

interface ParserCase {
  test: string;
  received: string[];
  sent: { name: string; value: string }[];
  "sent-to"?: string;
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(join(suite.path!, "test/ietf_data", path), "utf8")) as T;
}

/** The suite is from 2011 and expects some cookies of 2017 and 2019 to be alive. */
const then = Date.UTC(2011, 0, 1);

/** Where RFC 6265bis §5.6 has moved on: a field with a control character is refused, no longer cut at it. */
const revised: ReadonlySet<string> = new Set(["DISABLED_CHROMIUM0022", "DISABLED_CHROMIUM0023"]);

describe("IETF http-state suite", () => {
  it("agrees on what is sent back", { skip }, () => {
    const cases = read<ParserCase[]>("parser.json");
    assertGreater(cases.length, 200);
    const differing: unknown[] = [];
    for (const { test, received, sent, "sent-to": sentTo } of cases) {
      const from = `http://home.example.org/cookie-parser?${test}`;
      const to = new URL(sentTo ?? `/cookie-parser-result?${test}`, "http://home.example.org");
      const jar = new CookieJar({ now: () => then });
      for (const field of received) jar.setCookie(field, from);
      const got = jar.getCookies(to).map(({ name, value }) => ({ name, value }));
      if (JSON.stringify(got) !== JSON.stringify(sent) && !revised.has(test)) {
        differing.push({ test, received, sent, got });
      }
    }
    assertEquals(differing, []);
  });

  for (const file of ["dates/examples.json", "dates/bsd-examples.json"]) {
    it(`agrees on the dates of ${file}`, { skip }, () => {
      for (const { test, expected } of read<{ test: string; expected: string | null }[]>(file)) {
        assertEquals(toughCookie().parseDate(test)?.toUTCString() ?? null, expected, test);
      }
    });
  }
});
