// About http/features/signatures/signing_feature.ts: which origins a signature may go to.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { SigningScope } from "../../../../http/features/signatures/signing_feature.ts";
import { HttpMessage, HttpSession } from "../../../../http/mod.ts";
import type { FeatureSession } from "../../../../http/contract/feature_session.ts";

describe("the scope of signatures", () => {
  const cases: [first: string, allowed: string[], refused: string[]][] = [
    ["https://api.example/", ["https://api.example:443/x", "https://API.example/x"], [
      "http://api.example/",
      "https://api.example:8443/",
      "https://api.example.evil/",
      "https://evil/api.example",
      "https://api.example@evil/",
    ]],
    // HSTS makes the first of the second, and leaves ports that are named.
    ["http://api.example/", ["https://api.example/"], ["https://api.example:80/", "https://api.example:8443/"]],
    ["http://api.example:8080/", ["https://api.example:8080/"], [
      "https://api.example/",
      "https://api.example:9999/",
      "http://api.example/",
    ]],
  ];
  for (const [first, allowed, refused] of cases) {
    it(`is ${first} and the same encrypted`, async () => {
      await using session = new HttpSession();
      for (const given of [undefined, first, [new URL(first)]]) {
        const scope = new SigningScope(given);
        const msg = new HttpMessage("GET", first);
        const isAllowed = (uri: string): boolean => {
          msg.uri = new URL(uri);
          return scope.allowed(session as unknown as FeatureSession, msg) !== null;
        };
        for (const uri of [first, ...allowed]) assertEquals([uri, isAllowed(uri)], [uri, true]);
        for (const uri of refused) assertEquals([uri, isAllowed(uri)], [uri, false]);
      }
    });
  }
});
