// Listeners, features and callbacks of a message run in the asynchronous context in which it was queued, whoever's turn it was before.
import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { HttpMessage, type SessionFeature } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

const caller = new AsyncLocalStorage<string>();
const events = ["wrote-headers", "got-headers", "got-chunk", "got-body", "finished"] as const;
const callerOf = (msg: HttpMessage): string => msg.uri.searchParams.get("caller")!;

for (const transport of transportsWithHttp2) {
  describe(`the asynchronous context of messages on ${transport}`, () => {
    let server: SocketServer;
    before(async () => server = await routeServer({}, transport));
    after(() => server.close());

    it("is their caller's where they wait for each other, and where many are queued in one turn", async () => {
      const foreign = new Set<string>();
      let looks = 0;
      const look = (what: string, msg: HttpMessage): void => {
        looks++;
        if (caller.getStore() !== callerOf(msg)) foreign.add(what);
      };
      const feature: SessionFeature = {
        requestStarting: (_session, msg) => look("requestStarting", msg),
        requestStarted: (_session, msg) => look("requestStarted", msg),
        lookup: (_session, msg) => (look("lookup", msg), null),
        gotHeaders: (_session, msg) => look("gotHeaders", msg),
        attemptEnded: (_session, msg) => look("attemptEnded", msg),
        requestUnqueued: (_session, msg) => look("requestUnqueued", msg),
      };
      await using session = sessionOn(transport, { features: [feature], maxConnsPerHost: 1 });
      session.addEventListener("request-started", ({ msg }) => look("request-started", msg));
      const send = async (name: string): Promise<void> => {
        const url = `${server.origin}/ok?caller=${name}`;
        await (await session.fetch(url)).text();
        const msg = new HttpMessage("GET", url);
        for (const event of events) msg.addEventListener(event, () => look(event, msg));
        await new Promise<void>((resolve) => session.queueMessage(msg, () => (look("callback", msg), resolve())));
        assertEquals([caller.getStore(), msg.statusCode], [name, 200]);
      };
      await Promise.all(Array.from({ length: 6 }, (_, i) => caller.run(`caller ${i}`, () => send(`caller ${i}`))));
      assertEquals([[...foreign], looks > 100], [[], true]);
    });

    it("is their caller's for a source of their body and a callback alone", async () => {
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const foreign: string[] = [];
      const send = async (name: string): Promise<number> => {
        async function* body() {
          for (let piece = 0; piece < 3; piece++) {
            if (caller.getStore() !== name) foreign.push(`${name} in ${caller.getStore()}`);
            yield "piece";
            await Promise.resolve();
          }
        }
        const init = { method: "POST", body: body(), duplex: "half" } as const;
        return (await session.fetch(`${server.origin}/ok`, init)).status;
      };
      const names = Array.from({ length: 4 }, (_, i) => `caller ${i}`);
      const statuses = await Promise.all(names.map((name) => caller.run(name, () => send(name))));
      assertEquals([statuses, foreign], [names.map(() => 200), []]);
    });
  });
}
