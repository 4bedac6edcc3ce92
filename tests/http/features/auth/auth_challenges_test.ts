import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  type Challenge,
  parseAuthenticationInfo,
  parseChallenges,
  quoteString,
  splitOptions,
} from "../../../../http/protocol/challenges.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { assertLinear } from "../../../_support/growth.ts";

/** Challenges as plain values, for comparison. */
function read(field: string): [scheme: string, blob: string | null, parameters: Record<string, string>][] {
  return parseChallenges(field).map((challenge: Challenge) => [
    challenge.scheme,
    challenge.token68,
    Object.fromEntries(challenge.parameters),
  ]);
}

describe("parseChallenges", () => {
  it("reads one challenge with quoted and bare parameters", () => {
    assertEquals(read('Digest realm="a", nonce=abc, stale=TRUE'), [
      ["Digest", null, { realm: "a", nonce: "abc", stale: "TRUE" }],
    ]);
  });

  it("keeps commas, equal signs, scheme names and escapes inside quotes", () => {
    assertEquals(read('Basic realm="a, Digest realm=\\"b\\" \\\\ c", NTLM'), [
      ["Basic", null, { realm: 'a, Digest realm="b" \\ c' }],
      ["NTLM", null, {}],
    ]);
  });

  it("reads the example of RFC 9110 §11.6.1", () => {
    assertEquals(read('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'), [
      ["Basic", null, { realm: "simple" }],
      ["Newauth", null, { realm: "apps", type: "1", title: 'Login to "apps"' }],
    ]);
  });

  it("reads token68 with and without padding", () => {
    assertEquals(read("Negotiate YIIabc+/==, NTLM TlRMTVNTUAAC"), [
      ["Negotiate", "YIIabc+/==", {}],
      ["NTLM", "TlRMTVNTUAAC", {}],
    ]);
  });

  it("lets a lone name with an equal sign be a token68, as the grammar does, and keeps what follows", () => {
    assertEquals(read("Negotiate abc="), [["Negotiate", "abc=", {}]]);
    assertEquals(read("Basic realm=, charset=UTF-8"), [["Basic", "realm=", { charset: "UTF-8" }]]);
  });

  it("passes over parameters that belong to no scheme", () => {
    assertEquals(read("realm=x, Basic realm=y"), [["Basic", null, { realm: "y" }]]);
  });

  it("reads schemes without anything behind them", () => {
    assertEquals(read("Negotiate,NTLM ,Basic realm=x"), [
      ["Negotiate", null, {}],
      ["NTLM", null, {}],
      ["Basic", null, { realm: "x" }],
    ]);
  });

  it("lower-cases parameter names and takes the first of a repeated one", () => {
    assertEquals(read("Basic REALM=x, realm=y"), [["Basic", null, { realm: "x" }]]);
  });

  it("forgives stray commas, missing commas and blanks around the equal sign", () => {
    assertEquals(read(' ,, Digest realm = "x" nonce = y,,  Basic realm=z,'), [
      ["Digest", null, { realm: "x", nonce: "y" }],
      ["Basic", null, { realm: "z" }],
    ]);
  });

  it("reads an unterminated quoted string to its end", () => {
    assertEquals(read('Basic realm="never closed, NTLM'), [["Basic", null, { realm: "never closed, NTLM" }]]);
  });

  it("finds no challenge in nothing and in junk", () => {
    for (const field of ["", " ", ",", '"', "=", '"quoted"', "@@@", "\u00e9"]) assertEquals(read(field), []);
  });

  it("goes on behind junk", () => {
    assertEquals(read('"junk, here" @ Basic realm=x').at(-1), ["Basic", null, { realm: "x" }]);
  });

  it("bounds challenges and parameters of a hostile field", () => {
    assertEquals(parseChallenges("Basic realm=x, ".repeat(10_000)).length, 64);
    const many = Array.from({ length: 10_000 }, (_, index) => `p${index}=v`).join(", ");
    assertEquals(parseChallenges(`Digest ${many}`)[0]!.parameters.size, 64);
  });

  it("reads what it wrote, for random values", () => {
    const random = pseudoRandom(7);
    for (let round = 0; round < 500; round++) {
      const value = Array.from({ length: random(20) }, () => String.fromCharCode(32 + random(95))).join("");
      const field = `Digest realm=${quoteString(value)}, nonce=n, Basic realm=${quoteString(value)}`;
      assertEquals(read(field), [
        ["Digest", null, { realm: value, nonce: "n" }],
        ["Basic", null, { realm: value }],
      ]);
    }
  });

  it("never throws and stays linear on random fields", () => {
    const random = pseudoRandom(42);
    const alphabet = ['"', "\\", ",", "=", " ", "\t", "Basic", "Digest", "realm", "a", "+/", "\u00ff", "\u0001", "=="];
    for (let round = 0; round < 3000; round++) {
      const field = Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]).join("");
      for (const challenge of parseChallenges(field)) assert(challenge.scheme.length > 0);
      parseAuthenticationInfo(field);
    }
    for (const piece of ['"', "\\", "a ", "a=", "= ", '"a" ', "a\t\t\t", "====", 'Basic a="\\']) {
      assertLinear((size) => parseChallenges(piece.repeat(size / piece.length)), 250_000, JSON.stringify(piece));
    }
  });
});

describe("parseAuthenticationInfo", () => {
  it("reads parameters without a scheme", () => {
    const info = parseAuthenticationInfo('rspauth="6629", cnonce="0a4f", nc=00000001, qop=auth');
    assertEquals(Object.fromEntries(info), { rspauth: "6629", cnonce: "0a4f", nc: "00000001", qop: "auth" });
  });
});

describe("splitOptions", () => {
  it("splits a list of options", () => {
    assertEquals(splitOptions(" auth , AUTH-int,,"), ["auth", "auth-int"]);
  });
});
