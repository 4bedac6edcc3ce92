import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  formatCacheControl,
  normalizedValue,
  parseCacheControl,
  secondsOf,
  varyNames,
} from "../../../../http/features/cache/directives.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { assertLinear } from "../../../_support/growth.ts";

describe("parseCacheControl()", () => {
  const cases: [field: string, expected: Record<string, string | true>][] = [
    ["", {}],
    ["no-cache", { "no-cache": true }],
    ["max-age=60, Public", { "max-age": "60", public: true }],
    ["MAX-AGE=60,max-age=70", { "max-age": "60" }],
    ['private="set-cookie, x-y", max-age="5"', { private: "set-cookie, x-y", "max-age": "5" }],
    ['ext="a\\"b", no-store', { ext: 'a"b', "no-store": true }],
    [" , ,max-age = 60 ,", { "max-age": "60" }],
    ["b@d, no-store", { "no-store": true }],
    ["max-age=6 0, no-store", { "no-store": true }],
    ['x="open, no-store', {}],
    ["max-age=", { "max-age": "" }],
  ];
  for (const [field, expected] of cases) {
    it(`reads ${JSON.stringify(field)}`, () => assertEquals(Object.fromEntries(parseCacheControl(field)), expected));
  }

  it("reads back what it writes", () => {
    const field = formatCacheControl(parseCacheControl('private="a, b", MAX-AGE="5", no-store'));
    assertEquals(field, "private=a  b, max-age=5, no-store");
  });

  it("takes time in step with the length of what a server sends", () => {
    const hostile = [
      (size: number) => "a" + " ".repeat(size) + "x",
      (size: number) => '"'.repeat(size),
      (size: number) => ",".repeat(size),
      (size: number) => 'a="' + "\\".repeat(size),
    ];
    for (const make of hostile) {
      for (const read of [parseCacheControl, varyNames, normalizedValue]) {
        assertLinear((size) => read(make(size)), 200_000, `${read.name} of ${make(4)}`);
      }
    }
  });

  it("survives random fields", () => {
    const random = pseudoRandom(5);
    const alphabet = 'max-age=012 ,;"\\no-store\t\u00e9';
    for (let round = 0; round < 20_000; round++) {
      let field = "";
      for (let left = random(40); left > 0; left--) field += alphabet[random(alphabet.length)];
      const seconds = secondsOf(parseCacheControl(field), "max-age");
      assert(seconds === null || Number.isInteger(seconds));
    }
  });
});

describe("varyNames()", () => {
  it("sorts names in lower case, once each", () => assertEquals(varyNames("B, a,,A"), ["a", "b"]));
  it("knows that * matches nothing", () => assertEquals(varyNames("a, *"), null));
  it("is empty without the field", () => assertEquals(varyNames(null), []));
});
