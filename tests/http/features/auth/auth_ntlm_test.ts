import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { authTransports, refusalBody } from "../../../_support/auth_servers.ts";
import { ntlmPassword, ntlmServer } from "../../../_support/ntlm_server.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";

function ntlmSession(transport: "fetch" | "node", options: ConstructorParameters<typeof HttpSession>[0] = {}) {
  const session = new HttpSession({ transport, useNtlm: true, ...options });
  const asked: string[] = [];
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    asked.push(`${auth.scheme} ${retrying}`);
    if (!retrying) auth.authenticate("CORP\\User", ntlmPassword);
  });
  return { session, asked };
}

const get = async (session: HttpSession, url: string): Promise<string> => {
  const response = await session.fetch(url);
  return `${response.status} ${await response.text()}`;
};

for (const transport of authTransports) {
  describe(`AuthNtlm over ${transport}`, () => {
    for (const withClock of [true, false]) {
      it(`authenticates a connection once, ${withClock ? "with a MIC" : "with an LMv2 response"}`, async () => {
        await using server = await ntlmServer({ withClock });
        const { session, asked } = ntlmSession(transport);
        await using _ = session;
        for (let round = 0; round < 3; round++) assertEquals(await get(session, `${server.origin}/x`), "200 hello 0");
        assertEquals(asked, ["NTLM false"]);
        assertEquals(server.guard.refusals, []);
        assertEquals(server.guard.accepted, ["CORP\\User"]);
        assertEquals([server.connections, server.requests.length], [1, 5]);
      });
    }

    it("keeps ten parallel handshakes on their own connections and asks once", async () => {
      await using server = await ntlmServer();
      const { session, asked } = ntlmSession(transport, { maxConnsPerHost: 10 });
      await using _ = session;
      const all = await Promise.all(Array.from({ length: 10 }, () => get(session, `${server.origin}/x`)));
      assertEquals(all, Array(10).fill("200 hello 0"));
      assertEquals(asked, ["NTLM false"]);
      assertEquals(server.guard.refusals, []);
      assertEquals(server.guard.accepted.length, server.connections);
    });

    it("authenticates a POST on its own fresh connection and sends its body each round", async () => {
      await using server = await ntlmServer();
      const { session } = ntlmSession(transport);
      await using _ = session;
      await get(session, `${server.origin}/x`);
      const msg = new HttpMessage("POST", `${server.origin}/x`, { body: "12345" });
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(new TextDecoder().decode(msg.responseBody), "hello 5");
      assertEquals(server.connections, 2);
    });

    it("asks again when the password is wrong and ends with the refusal and its body", async () => {
      await using server = await ntlmServer();
      const session = new HttpSession({ transport, useNtlm: true });
      await using _ = session;
      const asked: boolean[] = [];
      session.addEventListener("authenticate", ({ auth, retrying }) => {
        asked.push(retrying);
        if (!retrying) auth.authenticate("CORP\\User", "wrong");
      });
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(asked, [false, true]);
      assertEquals(server.guard.refusals, ["wrong password"]);
    });

    it("is stronger than Basic and weaker than Digest", async () => {
      await using server = await ntlmServer({ before: ['Basic realm="b"'] });
      const { session, asked } = ntlmSession(transport);
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), "200 hello 0");
      assertEquals(asked, ["NTLM false"]);
    });

    it("begins anew on a new connection", async () => {
      await using server = await ntlmServer();
      const { session, asked } = ntlmSession(transport);
      await using _ = session;
      await get(session, `${server.origin}/x`);
      for (const socket of server.open) socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals(await get(session, `${server.origin}/x`), "200 hello 0");
      assertEquals(asked, ["NTLM false"]);
      assertEquals(server.guard.accepted.length, 2);
    });

    it("gives up on a server that closes the connection in the middle, and does not ask for it", async () => {
      await using server = await socketServer((request, socket) => {
        const isFirst = !request.headers.has("authorization");
        const token = "TlRMTVNTUAACAAAAAAAAADgAAAAFgoriAAECAwQFBgcAAAAAAAAAAAAAAAA4AAAA";
        const challenge = `WWW-Authenticate: NTLM${isFirst ? "" : ` ${token}`}`;
        socket.end(reply("401 Unauthorized", refusalBody, [challenge, "Connection: close"]));
      });
      const { session, asked } = ntlmSession(transport);
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(asked, ["NTLM false"]);
    });

    it("is declined by a message whose challenge cannot be read", async () => {
      await using server = await socketServer((request, socket) => {
        const token = request.headers.has("authorization") ? " AAAA" : "";
        socket.write(reply("401 Unauthorized", refusalBody, [`WWW-Authenticate: NTLM${token}`]));
      });
      const { session, asked } = ntlmSession(transport);
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(asked[0], "NTLM false");
    });
  });
}
