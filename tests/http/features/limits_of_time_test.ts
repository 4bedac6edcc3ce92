// Times: those that are no limit, and what servers say about them (internal/expected.ts, http/pool/connection_pool.ts).
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { AuthDigest } from "../../../http/features/auth/digest.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { parseChallenges } from "../../../http/protocol/challenges.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { Timeouts } from "../../../http/features/timeouts.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { sessionOn, transports, until } from "../../_support/http_sessions.ts";

/** A slot of Node's fetch is no connection. */
function skipOf(transport: "fetch" | "node"): string | false {
  const { exactConnections, runtime } = sessionOn(transport).capabilities;
  return exactConnections ? false : `${runtime}'s fetch keeps its connections to itself`;
}

describe("limits of time", () => {
  it("that set no limit read as 0", () => {
    const msg = new HttpMessage("GET", "http://x.test/", { timeout: Infinity });
    assertEquals(msg.timeout, 0);
    msg.timeout = null;
    assertEquals(msg.timeout, null, "the session's holds");
    assertEquals(new Timeouts({ idle: Infinity, total: 2 ** 31 }), new Timeouts());
    using session = new HttpSession();
    session.set("timeout", null);
    session.idleTimeout = Infinity;
    assertEquals([session.timeout, session.idleTimeout], [0, 0]);
  });

  for (const transport of transports) {
    it(
      `a connection is not used for longer than its server keeps it, over ${transport}`,
      { skip: skipOf(transport) },
      async () => {
        let hint = "timeout=100, max=100";
        await using server = await socketServer((_, socket) =>
          socket.write(reply("200 OK", "ok", hint === "" ? [] : [`Keep-Alive: ${hint}`]))
        );
        await using session = sessionOn(transport);
        const get = () => session.sendMessage(new HttpMessage("GET", server.origin));
        await get();
        hint = "";
        await get();
        assertEquals(server.connections, 1);
        hint = "timeout=0";
        await get();
        await get();
        assertEquals(server.connections, 2);
        hint = "timeout=1";
        await get();
        // It is closed when its time is over.
        await until(() => session.connections.length === 0);
      },
    );
  }

  it("an empty qop of Digest is none", () => {
    const [challenge] = parseChallenges('Digest realm="r", nonce="n", qop=""');
    assertEquals(AuthDigest.rank(challenge!) >= 0, true);
  });
});
