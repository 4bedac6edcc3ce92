// Ending a session from a listener: every message ends once, whatever its connection is doing.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpMessage, HttpSession, HttpStatus, MockTransport, type SessionFeature } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until } from "../../_support/http_sessions.ts";

const events = ["wrote-headers", "wrote-body", "got-headers", "got-chunk", "got-body", "finished"] as const;

for (const transport of transportsWithHttp2) {
  describe(`ending a session from a listener on ${transport}`, () => {
    for (const way of ["close", "abort"] as const) {
      it(`${way} ends each message once, alone and in a crowd`, async () => {
        await using server = await routeServer({}, transport);
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

describe("a message that ends while it is announced", () => {
  const ways: Readonly<Record<string, (session: HttpSession, msg: HttpMessage) => void>> = {
    cancelMessage: (session, msg) => session.cancelMessage(msg),
    abort: (session) => session.abort(),
    close: (session) => void session.close(),
  };
  const places = ["requestQueued", "request-queued", "request-started"] as const;

  for (const [way, end] of Object.entries(ways)) {
    for (const place of places) {
      it(`by ${way} in ${place} is unqueued after everything that came before, for everybody who looks`, async () => {
        const log: string[] = [];
        const session = new HttpSession();
        let calls = 0;
        session.addFeature(new MockTransport(() => (calls++, new Response("hello"))));
        const feature = (name: string): SessionFeature => ({
          requestQueued: (_session, msg) => {
            log.push(`${name} queued`);
            if (place === "requestQueued" && name === "first") end(session, msg);
          },
          requestUnqueued: () => void log.push(`${name} unqueued`),
        });
        session.addFeature(feature("first"));
        session.addFeature(feature("second"));
        for (const listener of ["a", "b"]) {
          for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
            session.addEventListener(type, ({ msg }) => {
              log.push(`${listener} ${type}`);
              if (type === place && listener === "a") end(session, msg);
            });
          }
        }
        const msg = new HttpMessage("GET", "http://example.com/");
        msg.addEventListener("finished", () => void log.push("finished"));
        let called = 0;
        session.queueMessage(msg, () => called++);
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        const queued = ["first queued", "second queued", "a request-queued"];
        const started = place === "request-started" ? ["b request-queued", "a request-started"] : [];
        const others = place === "requestQueued" ? ["b request-queued"] : [];
        const unqueued = ["first unqueued", "second unqueued"];
        const late = place === "requestQueued"
          ? []
          : [place === "request-started" ? "b request-started" : "b request-queued"];
        assertEquals(log, [
          ...queued,
          ...others,
          ...started,
          "finished",
          ...unqueued,
          ...late,
          "a request-unqueued",
          "b request-unqueued",
        ]);
        assertEquals([msg.statusCode, called, calls], [HttpStatus.CANCELLED, 1, 0]);
        await session.close();
      });
    }
  }

  it("may be queued again in the same listener", async () => {
    await using session = new HttpSession({ features: [new MockTransport(() => new Response("hello"))] });
    const msg = new HttpMessage("GET", "http://example.com/");
    session.addEventListener("request-queued", () => session.cancelMessage(msg), { once: true });
    session.queueMessage(msg);
    assertEquals([msg.statusCode, await session.sendMessage(msg)], [HttpStatus.CANCELLED, 200]);
  });
});

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
