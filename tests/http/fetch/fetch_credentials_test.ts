// The credentials mode of session.fetch: "omit" tells the origin nothing of the user.
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import process from "node:process";
import { AuthBasic, AuthManager, AuthNtlm, CookieJar, HttpSession } from "../../../http/mod.ts";
import { authProxy } from "../../_support/auth_proxy.ts";
import { authTransports, basic, guardedServer } from "../../_support/auth_servers.ts";
import { transports } from "../../_support/http_sessions.ts";
import { ntlmPassword, ntlmServer } from "../../_support/ntlm_server.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

const modes = ["omit", "same-origin", "include"] as const;

for (const transport of transports) {
  describe(`credentials of session.fetch on ${transport}`, () => {
    it("omit neither sends nor stores cookies", async () => {
      let served = 0;
      await using server = await socketServer((_request, socket) => {
        socket.write(reply("200 OK", "", [`Set-Cookie: served=${++served}`]));
      });
      using jar = new CookieJar();
      await using session = new HttpSession({ transport, features: [jar] });
      const cookies = async (init: RequestInit) => {
        await (await session.fetch(`${server.origin}/`, init)).text();
        return server.requests.at(-1)!.headers.get("cookie") ?? null;
      };
      assertEquals(await cookies({ credentials: "omit" }), null);
      assertEquals(jar.size, 0);
      assertEquals(await cookies({ credentials: "same-origin" }), null);
      assertEquals(await cookies({ credentials: "omit" }), null);
      assertEquals(await cookies({ credentials: "include" }), "served=2");
      assertEquals(jar.allCookies().map(({ value }) => value), ["4"]);
      assertEquals(await cookies({}), "served=4");
      assertEquals(await cookies({ credentials: "omit", headers: { cookie: "own=1" } }), "own=1");
    });

    it("omit follows redirects without cookies", async () => {
      await using server = await socketServer((request, socket) => {
        if (request.target === "/") socket.write(reply("302 Found", "", ["Location: /there", "Set-Cookie: a=1"]));
        else socket.write(reply("200 OK", request.headers.get("cookie") ?? "none"));
      });
      using jar = new CookieJar();
      jar.setCookie("known=1; Path=/", server.origin);
      await using session = new HttpSession({ transport, features: [jar] });
      assertEquals(await (await session.fetch(server.origin, { credentials: "omit" })).text(), "none");
      assertEquals(await (await session.fetch(server.origin)).text(), "known=1; a=1");
    });

    it("omit hands a refusal out and asks nobody; the other modes ask", async () => {
      for (const credentials of modes) {
        await using server = await guardedServer((value) => value === basic("alice", "secret"), ['Basic realm="a"']);
        await using session = new HttpSession({ transport });
        let asked = 0;
        session.addEventListener("authenticate", ({ auth }) => {
          asked++;
          auth.authenticate("alice", "secret");
        });
        const response = await session.fetch(server.origin, { credentials });
        await response.text();
        assertEquals([response.status, asked], credentials === "omit" ? [401, 0] : [200, 1]);
      }
    });

    it("omit sends no credentials that are known, of the URI or preset; the user's own field goes", async () => {
      await using server = await guardedServer((value) => value === basic("alice", "secret"), ['Basic realm="a"']);
      await using session = new HttpSession({ transport });
      const auth = new AuthBasic();
      auth.authenticate("alice", "secret");
      session.getFeature(AuthManager)!.useAuth(server.origin, auth);
      const status = async (url: string, init: RequestInit) => {
        const response = await session.fetch(url, init);
        await response.text();
        return response.status;
      };
      assertEquals(await status(server.origin, {}), 200);
      assertEquals(await status(server.origin, { credentials: "omit" }), 401);
      const inUri = server.origin.replace("://", "://alice:secret@");
      assertEquals(await status(inUri, { credentials: "omit" }), 401);
      assertEquals(await status(inUri, { credentials: "include" }), 200);
      const headers = { authorization: basic("alice", "secret") };
      assertEquals(await status(server.origin, { credentials: "omit", headers }), 200);
      assertEquals(server.requests.filter(({ headers }) => headers.has("authorization")).length, 3);
    });

    it("takes the mode of a Request where the runtime keeps it, and refuses unknown ones", async () => {
      await using server = await socketServer((request, socket) => {
        socket.write(reply("200 OK", request.headers.get("cookie") ?? "none"));
      });
      using jar = new CookieJar();
      jar.setCookie("known=1", server.origin);
      await using session = new HttpSession({ transport, features: [jar] });
      const request = new Request(server.origin, { credentials: "omit" });
      const expected = request.credentials === "omit" ? "none" : "known=1";
      assertEquals(await (await session.fetch(request)).text(), expected);
      assertEquals(await (await session.fetch(request, { credentials: "include" })).text(), "known=1");
      const wrong = { credentials: "sometimes" } as unknown as RequestInit;
      await assertRejects(() => session.fetch(server.origin, wrong), TypeError, "credentials mode");
    });
  });
}

describe("credentials of session.fetch and connections", () => {
  for (const transport of authTransports) {
    it(`${transport}: omit does not use a connection that NTLM has authenticated`, async () => {
      await using server = await ntlmServer();
      await using session = new HttpSession({ transport });
      session.addFeatureByType(AuthNtlm);
      session.addEventListener("authenticate", ({ auth, retrying }) => {
        if (!retrying) auth.authenticate("CORP\\User", ntlmPassword);
      });
      const status = async (init: RequestInit) => {
        const response = await session.fetch(server.origin, init);
        await response.text();
        return response.status;
      };
      assertEquals(await status({}), 200);
      assertEquals(await status({ credentials: "omit" }), 401);
      assertEquals(await status({}), 200);
    });
  }

  // Node's own fetch takes no proxy.
  const proxied = process.versions["bun"] || process.versions["deno"] ? ["fetch", "node"] as const : ["node"] as const;
  for (const transport of proxied) {
    it(`${transport}: a proxy gets its credentials under omit`, async () => {
      await using server = await socketServer((request, socket) => {
        socket.write(reply("200 OK", request.headers.get("authorization") ?? "none"));
      });
      await using proxy = await authProxy(
        (value) => value === basic("alice", "secret") ? true : ['Basic realm="p"'],
      );
      await using session = new HttpSession({ transport, proxyUri: proxy.origin });
      session.addEventListener("authenticate", ({ auth }) => {
        assert(auth.isForProxy);
        auth.authenticate("alice", "secret");
      });
      const response = await session.fetch(server.origin, { credentials: "omit" });
      assertEquals([response.status, await response.text()], [200, "none"]);
    });
  }
});
