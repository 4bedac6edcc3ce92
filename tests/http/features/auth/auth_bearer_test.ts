import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { AuthBearer, type BearerRefreshRequest } from "../../../../http/features/auth/plain_schemes.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { authTransports, guardedServer, refusalBody } from "../../../_support/auth_servers.ts";

const get = async (session: HttpSession, url: string): Promise<string> => {
  const response = await session.fetch(url);
  return `${response.status} ${await response.text()}`;
};

/** A server whose valid tokens can be changed. */
async function tokenServer(valid: Set<string>) {
  return await guardedServer(
    (authorization, { target }) =>
      target === "/token" ? ["X-Token: t2"] : valid.has(authorization.replace(/^Bearer /, "")),
    ({ headers }) => [
      `Bearer realm="api", scope="read write"${headers.has("authorization") ? ', error="invalid_token"' : ""}`,
    ],
  );
}

describe("AuthBearer", () => {
  for (const transport of authTransports) {
    it(`${transport}: is answered by a listener with a token, for the whole origin`, async () => {
      await using server = await tokenServer(new Set(["abc.def-_~+/=="]));
      await using session = new HttpSession({ transport });
      const asked: string[] = [];
      session.addEventListener("authenticate", ({ auth, retrying }) => {
        asked.push(`${auth.scheme} ${auth.realm} ${retrying}`);
        auth.authenticateToken(retrying ? "abc.def-_~+/==" : "wrong");
      });
      assertEquals(await get(session, `${server.origin}/a/b`), "200 hello from /a/b");
      assertEquals(await get(session, `${server.origin}/c`), "200 hello from /c");
      assertEquals(asked, ["Bearer api false", "Bearer api true"]);
      assertEquals(server.requests.length, 4);
    });

    it(`${transport}: renews a token once for ten parallel requests`, async () => {
      const valid = new Set(["t1"]);
      await using server = await tokenServer(valid);
      await using session = new HttpSession({ transport });
      const requests: BearerRefreshRequest[] = [];
      session.addFeatureByType(AuthBearer.using({
        origins: [server.origin],
        refresh: async (request) => {
          requests.push(request);
          await new Promise((resolve) => setTimeout(resolve, 10));
          return `t${requests.length}`;
        },
      }));
      assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
      valid.clear();
      valid.add("t2");
      const all = await Promise.all(Array.from({ length: 10 }, () => get(session, `${server.origin}/x`)));
      assertEquals(all, Array(10).fill("200 hello from /x"));
      assertEquals(
        requests.map(({ error, origin, realm, refusedToken, scope }) => [origin, realm, scope, error, refusedToken]),
        [
          [server.origin, "api", "read write", null, null],
          [server.origin, "api", "read write", "invalid_token", "t1"],
        ],
      );
    });
  }

  it("gets a token from the same server, with every connection taken by messages that wait for it", async () => {
    await using server = await tokenServer(new Set(["t2"]));
    await using session = new HttpSession({ transport: "node", maxConnsPerHost: 1 });
    session.addFeatureByType(AuthBearer.using({
      origins: [server.origin],
      refresh: async ({ fetch, url }) => (await fetch(new URL("/token", url))).headers.get("x-token"),
    }));
    const all = await Promise.all(Array.from({ length: 5 }, () => get(session, `${server.origin}/x`)));
    assertEquals(all, Array(5).fill("200 hello from /x"));
    assertEquals(server.requests.filter(({ target }) => target === "/token").length, 1);
  });

  it("keeps its token from other origins", async () => {
    await using server = await tokenServer(new Set(["t1"]));
    await using hostile = await tokenServer(new Set());
    await using session = new HttpSession({ transport: "node" });
    let asked = 0;
    session.addFeatureByType(AuthBearer.using({ origins: [server.origin], refresh: () => `t${++asked}` }));
    await get(session, `${server.origin}/x`);
    assertEquals(await get(session, `${hostile.origin}/x`), `401 ${refusalBody}`);
    assertEquals(hostile.requests.map(({ headers }) => headers.has("authorization")), [false]);
    assertEquals(asked, 1);
  });

  it("ends with the refusal when there is no token, and when every token is refused", async () => {
    await using server = await tokenServer(new Set());
    for (const tokens of [[null], ["t1", "t2", null]]) {
      await using session = new HttpSession({ transport: "node" });
      let calls = 0;
      session.addFeatureByType(AuthBearer.using({ origins: [server.origin], refresh: () => tokens[calls++] ?? null }));
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(calls, 1);
    }
  });

  it("ends the messages that wait with the error of the refresh", async () => {
    await using server = await tokenServer(new Set());
    await using session = new HttpSession({ transport: "node" });
    const error = new Error("the token server is down");
    session.addFeatureByType(AuthBearer.using({
      origins: [server.origin],
      refresh: () => new Promise((_, reject) => setTimeout(() => reject(error), 20)),
    }));
    const messages = [1, 2].map((number) => new HttpMessage("GET", `${server.origin}/${number}`));
    assertEquals(await Promise.all(messages.map((msg) => session.sendMessage(msg))), [7, 7]);
    assertEquals(messages.map((msg) => msg.error), [error, error]);
    const other = new HttpMessage("GET", `${server.origin}/token`);
    assertEquals(await session.sendMessage(other), 200);
  });

  it("refuses what is no token", () => {
    const auth = new AuthBearer();
    for (const token of ["", "a b", "a\r\nb", 'a"b', "=a", "ü"]) {
      assertThrows(() => auth.authenticateToken(token), TypeError, "token68");
    }
    assertThrows(() => auth.authenticate("user", "password"), TypeError, "takes a token");
    assertThrows(() => AuthBearer.using({ origins: ["nowhere"], refresh: () => null }), TypeError);
  });
});
