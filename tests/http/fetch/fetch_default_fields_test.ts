// The header fields session.fetch sends of its own accord, where messages of the queue send none.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { HttpMessage } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";

for (const transport of transportsWithHttp2) {
  describe(`default fields of session.fetch on ${transport}`, () => {
    it("are Accept and a User-Agent, unless the caller or the session has one", async () => {
      const server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      const sent = () => ["accept", "user-agent"].map((name) => server.requests.at(-1)!.headers.get(name));
      await session.fetch(`${server.origin}/ok`);
      assertEquals(sent(), ["*/*", navigator.userAgent]);
      await session.fetch(`${server.origin}/ok`, { headers: { "x-own": "1" } });
      assertEquals(sent(), ["*/*", navigator.userAgent]);
      await session.fetch(`${server.origin}/ok`, { headers: { accept: "text/plain", "user-agent": "mine/1" } });
      assertEquals(sent(), ["text/plain", "mine/1"]);
      session.userAgent = "session/1";
      await session.fetch(`${server.origin}/ok`);
      assertEquals(sent(), ["*/*", "session/1"]);
      await session.fetch(`${server.origin}/ok`, { headers: { "user-agent": "mine/1" } });
      assertEquals(sent(), ["*/*", "mine/1"]);
      const msg = new HttpMessage("GET", `${server.origin}/ok`, { headers: { "user-agent": "mine/1" } });
      await session.sendMessage(msg);
      assertEquals(sent()[1], "session/1", "the manual's property replaces what a message has");
      await server.close();
    });
  });
}

describe("default fields of messages over sockets", () => {
  it("are none of fetch's: the manual's user-agent is null", async () => {
    const server = await routeServer();
    await using session = sessionOn("node");
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
    const { headers } = server.requests.at(-1)!;
    assertEquals([headers.get("accept"), headers.get("user-agent")], [undefined, undefined]);
    await server.close();
  });
});
