import { describe, it } from "node:test";
import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import {
  digestAlgorithm,
  digestHash,
  digestResponse,
  digestSessionKey,
  digestUserKey,
  formatNonceCount,
} from "../../../../http/features/auth/digest_response.ts";
import { encodeCredential } from "../../../../http/features/auth/text.ts";

const utf8 = (text: string): Uint8Array => encodeCredential(text, true);

function response(
  name: string,
  user: string,
  realm: string,
  password: string,
  rest: Omit<Parameters<typeof digestResponse>[0], "algorithm" | "key">,
): string {
  const algorithm = digestAlgorithm(name)!;
  let key = digestUserKey(algorithm, utf8(user), realm, utf8(password));
  if (algorithm.isSession) key = digestSessionKey(algorithm, key, rest.nonce, rest.cnonce);
  return digestResponse({ ...rest, algorithm, key });
}

describe("Digest responses", () => {
  it("agree with RFC 2617 §3.5", () => {
    const request = {
      method: "GET",
      uri: "/dir/index.html",
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
      qop: "auth",
      nonceCount: "00000001",
      cnonce: "0a4f113b",
      bodyHash: "",
    } as const;
    assertEquals(
      response("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life", request),
      "6629fae49393a05397450978507c4ef1",
    );
  });

  it("agree with RFC 7616 §3.9.1, MD5 and SHA-256", () => {
    const request = {
      method: "GET",
      uri: "/dir/index.html",
      nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      qop: "auth",
      nonceCount: "00000001",
      cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      bodyHash: "",
    } as const;
    const with_ = (name: string): string =>
      response(name, "Mufasa", "http-auth@example.org", "Circle of Life", request);
    assertEquals(with_("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
    assertEquals(with_("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
  });

  it("agree with RFC 7616 §3.9.2 as erratum 4897 corrects it: SHA-512-256, UTF-8, userhash", () => {
    const algorithm = digestAlgorithm("SHA-512-256")!;
    assertEquals(
      digestHash(algorithm, utf8("Jäsøn Doe"), ":api@example.org"),
      "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
    );
    const request = {
      method: "GET",
      uri: "/doe.json",
      nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
      qop: "auth",
      nonceCount: "00000001",
      cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
      bodyHash: "",
    } as const;
    assertEquals(
      response("SHA-512-256", "Jäsøn Doe", "api@example.org", "Secret, or not?", request),
      "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
    );
  });

  it("follow the formulas of RFC 7616 §3.4 for every algorithm, -sess and qop", () => {
    const hashes: Record<string, string> = { "MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" };
    for (const [name, hash] of Object.entries(hashes)) {
      const h = (text: string): string => createHash(hash).update(text).digest("hex");
      for (const isSession of [false, true]) {
        for (const qop of ["auth", "auth-int", null] as const) {
          const rest = {
            method: "PUT",
            uri: "/x",
            nonce: "n",
            qop,
            nonceCount: "0000000a",
            cnonce: "c",
            bodyHash: h("b"),
          };
          const key = isSession ? h(`${h("u:r:p")}:n:c`) : h("u:r:p");
          const a2 = h(qop === "auth-int" ? `PUT:/x:${h("b")}` : "PUT:/x");
          assertEquals(
            response(name + (isSession ? "-sess" : ""), "u", "r", "p", rest),
            qop === null ? h(`${key}:n:${a2}`) : h(`${key}:n:0000000a:c:${qop}:${a2}`),
          );
        }
      }
    }
  });

  it("know algorithms whatever their case, MD5 without a name, and no others", () => {
    assertEquals(digestAlgorithm("sha-256-SESS")?.name, "SHA-256-sess");
    assertEquals(digestAlgorithm(undefined)?.name, "MD5");
    assertEquals(digestAlgorithm("SHA-1"), null);
  });

  it("write nonce counts with eight digits", () => {
    assertEquals([formatNonceCount(1), formatNonceCount(0xabcdef)], ["00000001", "00abcdef"]);
  });
});
