// Ending a session from a listener: every message ends once, whatever its connection is doing.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpMessage, HttpStatus } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until } from "../../_support/http_sessions.ts";

const events = ["wrote-headers", "wrote-body", "got-headers", "got-chunk", "got-body", "finished"] as const;

for (const transport of transports) {
  describe(`ending a session from a listener on ${transport}`, () => {
    for (const way of ["close", "abort"] as const) {
      it(`${way} ends each message once, alone and in a crowd`, async () => {
        await using server = await routeServer();
        let isExact = false;
        for (const crowd of [1, 20]) {
          for (const event of events) {
            const session = sessionOn(transport, { maxConns: crowd, maxConnsPerHost: crowd });
            isExact = session.capabilities.exactConnections;
            const callbacks: number[] = [];
            const messages = Array.from({ length: crowd }, () => new HttpMessage("GET", `${server.origin}/ok`));
            messages[0]!.addEventListener(event, () => void session[way]());
            for (const msg of messages) session.queueMessage(msg, () => callbacks.push(msg.statusCode));
            await until(() => callbacks.length === crowd);
            await session.close();
            assertEquals(callbacks.length, crowd);
            assert(
              callbacks.every((status) => status === HttpStatus.CANCELLED || status === 200),
              `${event} ${callbacks}`,
            );
            assertEquals(messages[0]!.statusCode, event === "finished" ? 200 : HttpStatus.CANCELLED, event);
          }
        }
        if (isExact) await until(() => server.open.size === 0);
      });
    }
  });
}

describe("requests written together", () => {
  it("are taken back by what comes between queueing and writing, and reject with their own reasons", async () => {
    await using server = await routeServer();
    await using session = sessionOn("node", { maxConns: 20, maxConnsPerHost: 20 });
    const fetchAll = (signal?: AbortSignal) =>
      Array.from({ length: 20 }, () => session.fetch(`${server.origin}/ok`, signal ? { signal } : {}));
    await Promise.all(fetchAll());
    const before = server.requests.length;
    const reason = new Error("not any more");
    const controller = new AbortController();
    const given = Promise.allSettled(fetchAll(controller.signal));
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    controller.abort(reason);
    for (const result of await given) {
      assertEquals(result.status === "rejected" ? result.reason : await result.value.text().catch((e) => e), reason);
    }
    const texts = await Promise.all(fetchAll().map(async (response) => await (await response).text()));
    assertEquals(new Set(texts), new Set(["0123456789"]));
    assert(server.requests.length <= before + 40);
  });
});
