import { assert, assertEquals, assertLess } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until } from "../../_support/http_sessions.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

const choices = process.versions["bun"] || process.versions["deno"] ? ["fetch", "node"] as const : ["node"] as const;
const ROUND = 500;
const ROUNDS = 4;

/** Timers and sockets that keep the process alive, where the runtime tells. */
function activeResources(): number {
  return process.getActiveResourcesInfo?.().length ?? 0;
}

describe("many requests", () => {
  for (const transport of choices) {
    it(`${transport}: leave no socket, no timer and no growing heap behind`, async () => {
      await using server = await socketServer((_request, socket) => {
        socket.write(reply("200 OK", "a small body"));
      });
      const before = activeResources();
      const heaps: number[] = [];
      {
        await using session = new HttpSession({ transport, timeout: 30, maxConnsPerHost: 4 });
        for (let round = 0; round < ROUNDS; round++) {
          const messages = Array.from({ length: ROUND / 2 }, () => new HttpMessage("GET", server.origin));
          const fetches = Array.from({ length: ROUND / 2 }, async () => (await session.fetch(server.origin)).text());
          const statuses = await Promise.all(messages.map((msg) => session.sendMessage(msg)));
          assertEquals(new Set([...statuses, ...await Promise.all(fetches)]), new Set([200, "a small body"]));
          server.requests.length = 0;
          collectGarbage?.();
          heaps.push(process.memoryUsage().heapUsed);
          assert(server.open.size <= 4, `${server.open.size} connections`);
        }
        assertLess(server.connections, 9);
        assertEquals([...session.messages()].length, 0);
      }
      await until(() => server.open.size === 0);
      await until(() => activeResources() <= before);
      // 10 kB for each of the last two rounds' requests would be a leak.
      assertLess(Math.min(...heaps.slice(2)) - Math.min(...heaps.slice(0, 2)), 20 << 20);
    });
  }

  const needsPrecision = {
    skip: collectGarbage === null || "bun" in process.versions
      ? "Bun's collector spares what something on the stack looks like"
      : false,
  };
  for (const transport of transportsWithHttp2) {
    it(`${transport}: leave no message behind on a connection that is kept`, needsPrecision, async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      const seen: WeakRef<HttpMessage>[] = [];
      const send = async (method: string) => {
        const msg = new HttpMessage(method, `${server.origin}/echo`, method === "POST" ? { body: "body" } : {});
        assertEquals(await session.sendMessage(msg), 200);
        seen.push(new WeakRef(msg));
      };
      for (const method of ["GET", "POST", "GET", "POST"]) await send(method);
      assert(session.connections.length > 0);
      await until(() => {
        collectGarbage!();
        return seen.every((msg) => msg.deref() === undefined);
      });
    });
  }
});
