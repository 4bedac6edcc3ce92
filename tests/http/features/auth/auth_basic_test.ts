import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { AuthBasic } from "../../../../http/features/auth/plain_schemes.ts";
import type { AuthRequest } from "../../../../http/features/auth/scheme.ts";
import { parseChallenges } from "../../../../http/protocol/challenges.ts";

/** The credentials behind "Basic ", one character per byte. */
function sent(challenge: string, user: string, password: string): string {
  const auth = new AuthBasic();
  auth.bind("http://example.org", "r", false);
  auth.challenged(parseChallenges(challenge)[0]!, null);
  auth.authenticate(user, password);
  return atob(auth.authorize({} as AuthRequest).value!.slice("Basic ".length));
}

describe("AuthBasic", () => {
  it("writes the example of RFC 7617 §2", () => {
    const auth = new AuthBasic();
    auth.authenticate("Aladdin", "open sesame");
    assertEquals(auth.authorize({} as AuthRequest).value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  });

  it('writes the example of RFC 7617 §2.1 with charset="UTF-8"', () => {
    assertEquals(sent('Basic realm="foo", charset="UTF-8"', "test", "123£"), "test:123Â£");
    assertEquals(sent("Basic realm=foo, charset=utf-8", "test", "e\u0301"), "test:Ã©");
  });

  it("writes ISO-8859-1 without a charset, and UTF-8 where that cannot express it", () => {
    assertEquals(sent('Basic realm="foo"', "test", "123£"), "test:123£");
    assertEquals(sent('Basic realm="foo"', "test", "€"), "test:â\u0082¬");
  });

  it("keeps a colon in the password and refuses one in the user name", () => {
    assertEquals(sent("Basic realm=x", "u", "a:b"), "u:a:b");
    assertThrows(() => new AuthBasic().authenticate("a:b", "c"), TypeError, "colon");
  });

  it("refuses control characters, and says nothing of the password", () => {
    for (const bad of ["a\r\nb", "\0", "\x7f"]) {
      assertThrows(() => new AuthBasic().authenticate("u", bad), TypeError, "the password holds a control character");
      assertThrows(() => new AuthBasic().authenticate(bad, "p"), TypeError, "the user name holds a control character");
    }
  });

  it("refuses a token when no other scheme was offered", () => {
    assertThrows(() => new AuthBasic().authenticateToken("abc"), TypeError, "takes a password");
  });

  it("guards the directory of the URI", () => {
    const auth = new AuthBasic();
    assertEquals(auth.protectionSpace(new URL("http://h/a/b/c.html?x=/y")), ["/a/b"]);
    assertEquals(auth.protectionSpace(new URL("http://h/a/")), ["/a"]);
    assertEquals(auth.protectionSpace(new URL("http://h/a")), [""]);
  });

  it("forgets its credentials when they are declined, and counts", () => {
    const auth = new AuthBasic();
    auth.authenticate("u", "p");
    assertEquals([auth.isAuthenticated, auth.user, auth.generation], [true, "u", 1]);
    auth.cancel();
    assertEquals([auth.isAuthenticated, auth.user, auth.generation, auth.isCancelled], [false, null, 2, true]);
  });
});
