// Limits, reuse, order and idle time, counted at the server's end.
import { after, before, beforeEach, describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { HttpMessage, MessageFlags, MessagePriority } from "../../../http/mod.ts";
import { type Route, routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until, wait } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

// A plain fetch function hides its sockets; where the runtime has nothing better (Node), counting them proves nothing.
const counted = transports.filter((transport) => {
  const session = sessionOn(transport);
  void session.close();
  return session.capabilities.exactConnections;
});

for (const transport of counted) {
  describe(`connections on ${transport}`, () => {
    let server: SocketServer;
    let other: SocketServer;
    /** Answers that wait to be sent: those to /held, until the test lets go of them. */
    const held: (() => void)[] = [];
    let holds = true;
    const letGo = (): void => {
      holds = false;
      for (const answer of held.splice(0)) answer();
    };
    const routes: Record<string, Route> = {
      "/held": (_request, socket) => {
        const answer = () => void socket.write(reply("200 OK", "0123456789"));
        if (holds) held.push(answer);
        else answer();
      },
    };
    before(async () => {
      server = await routeServer(routes);
      other = await routeServer(routes);
    });
    beforeEach(() => void (holds = true));
    after(() => Promise.all([server.close(), other.close()]));

    const opened = (on: SocketServer) => {
      const from = on.connections;
      return () => on.connections - from;
    };

    it("never opens more than maxConnsPerHost", async () => {
      await using session = sessionOn(transport);
      const count = opened(server);
      const messages = Array.from({ length: 40 }, () => new HttpMessage("GET", `${server.origin}/ok`));
      const statuses = await Promise.all(messages.map((msg) => session.sendMessage(msg)));
      assertEquals(new Set(statuses), new Set([200]));
      assertEquals(count(), 2);
    });

    it("never opens more than maxConns over all hosts and closes another host's idle connection to make room", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      const here = opened(server);
      const there = opened(other);
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`)), 200);
      const before = server.open.size;
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${other.origin}/ok`)), 200);
      await until(() => server.open.size < before);
      assertEquals([here(), there()], [1, 1]);
    });

    it("serves in order and never lets a blocked host hold up another", async () => {
      await using session = sessionOn(transport, { maxConnsPerHost: 2 });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.hash));
      const send = (on: SocketServer, name: string) =>
        session.sendMessage(new HttpMessage("GET", `${on.origin}/held#${name}`));
      const all = [send(server, "a1"), send(server, "a2"), send(server, "a3"), send(other, "b1"), send(server, "a4")];
      await until(() => held.length === 3);
      assertEquals(started.toSorted(), ["#a1", "#a2", "#b1"]);
      letGo();
      await Promise.all(all);
      assertEquals(started.filter((name) => name !== "#b1"), ["#a1", "#a2", "#a3", "#a4"]);
    });

    it("orders waiting messages by priority, also when it changes while they wait", async () => {
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.hash));
      const make = (name: string, priority: MessagePriority) =>
        new HttpMessage("GET", `${server.origin}/ok#${name}`, { priority });
      const late = make("late", MessagePriority.VERY_LOW);
      const all = [
        make("first", MessagePriority.NORMAL),
        make("low", MessagePriority.LOW),
        make("high", MessagePriority.HIGH),
        make("normal", MessagePriority.NORMAL),
        late,
      ].map((msg) => session.sendMessage(msg));
      await Promise.resolve();
      late.priority = MessagePriority.VERY_HIGH;
      await Promise.all(all);
      assertEquals(started, ["#high", "#late", "#first", "#normal", "#low"]);
    });

    it("a restarted message keeps its place", async () => {
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.hash));
      const first = new HttpMessage("GET", `${server.origin}/ok#1`);
      first.addEventListener("got-body", () => session.requeueMessage(first), { once: true });
      const rest = [2, 3].map((n) => session.sendMessage(new HttpMessage("GET", `${server.origin}/ok#${n}`)));
      const done = session.sendMessage(first);
      await Promise.all([done, ...rest]);
      assertEquals(started, ["#2", "#3", "#1", "#1"]);
      started.length = 0;
      first.addEventListener("got-body", () => session.requeueMessage(first), { once: true });
      const again = session.sendMessage(first);
      const behind = [2, 3].map((n) => session.sendMessage(new HttpMessage("GET", `${server.origin}/ok#${n}`)));
      await Promise.all([again, ...behind]);
      assertEquals(started, ["#1", "#1", "#2", "#3"]);
    });

    it("uses one connection again and again for idempotent methods", async () => {
      await using session = sessionOn(transport);
      const count = opened(server);
      for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "GET"]) {
        await session.sendMessage(new HttpMessage(method, `${server.origin}/empty`));
      }
      assertEquals(count(), 1);
    });

    it("sends POST and PATCH on a connection of their own unless flagged IDEMPOTENT", async () => {
      await using session = sessionOn(transport);
      const count = opened(server);
      const send = (method: string, flags: MessageFlags[] = []) =>
        session.sendMessage(new HttpMessage(method, `${server.origin}/echo`, { body: "x", flags }));
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      await send("POST");
      assertEquals(count(), 2);
      await send("PATCH");
      assertEquals(count(), 3);
      await send("POST", [MessageFlags.IDEMPOTENT]);
      assertEquals(count(), 3);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      assertEquals(count(), 3);
    });

    it("a POST is sent once although its connection dies before the answer", async () => {
      await using session = sessionOn(transport);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      const before = server.requests.length;
      const msg = new HttpMessage("POST", `${server.origin}/close`, { body: "amount=1" });
      assertEquals(await session.sendMessage(msg), 7);
      await wait(20);
      assertEquals(server.requests.length - before, 1);
    });

    it("a GET whose used connection dies before the answer is sent again by itself", async () => {
      await using session = sessionOn(transport);
      const first = new HttpMessage("GET", `${server.origin}/second-close`);
      await session.sendMessage(first);
      const second = new HttpMessage("GET", `${server.origin}/second-close`);
      assertEquals(await session.sendMessage(second), 200);
      assert(first.responseBody.toString() !== second.responseBody.toString());
    });

    it("NEW_CONNECTION takes a fresh one", async () => {
      await using session = sessionOn(transport);
      const count = opened(server);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      const flags = [MessageFlags.NEW_CONNECTION];
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`, { flags }));
      assertEquals(count(), 2);
    });

    it("IGNORE_CONNECTION_LIMITS neither waits nor counts", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      const slow = session.sendMessage(new HttpMessage("GET", `${server.origin}/held`));
      await until(() => held.length === 1);
      const flags = [MessageFlags.IGNORE_CONNECTION_LIMITS];
      const order: string[] = [];
      void slow.then(() => order.push("slow"));
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`, { flags })), 200);
      order.push("ignoring");
      letGo();
      assertEquals(await slow, 200);
      assertEquals(order, ["ignoring", "slow"]);
    });

    it("limits can be raised while messages wait", async () => {
      await using session = sessionOn(transport, { maxConns: 1, maxConnsPerHost: 1 });
      let most = 0;
      session.addEventListener("request-started", () => most = Math.max(most, session.connections.length));
      const all = Array.from({ length: 6 }, () => session.sendMessage(new HttpMessage("GET", `${server.origin}/held`)));
      await until(() => held.length === 1);
      session.maxConns = 10;
      session.maxConnsPerHost = 5;
      await until(() => held.length === 5);
      letGo();
      await Promise.all(all);
      assertEquals(most, 5);
    });

    it("idleTimeout closes an idle connection and not before", async () => {
      await using session = sessionOn(transport, { idleTimeout: 0.1 });
      const count = opened(server);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      const start = performance.now();
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      assertEquals(count(), 1);
      await until(() => session.connections.length === 0);
      assertGreaterOrEqual(performance.now() - start, 95);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      assertEquals(count(), 2);
    });

    it("a response with Connection: close is not followed by another on the same connection", async () => {
      await using session = sessionOn(transport);
      const count = opened(server);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/bye`));
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      assertEquals(count(), 2);
      assertEquals(session.connections.length, 1);
    });

    it("close leaves no connection open, neither idle nor busy", async () => {
      const before = server.open.size;
      const session = sessionOn(transport);
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      const pending = session.sendMessage(new HttpMessage("GET", `${server.origin}/never`));
      await until(() => server.requests.at(-1)?.target === "/never");
      await session.close();
      assertEquals(await pending, 1);
      await until(() => server.open.size <= before);
      assertEquals(session.connections, []);
    });

    it("connection-created comes once per connection, with its number of uses", async () => {
      await using session = sessionOn(transport);
      const created: number[] = [];
      session.addEventListener("connection-created", ({ connection }) => {
        assertEquals([connection.host, connection.port, connection.proxy], ["127.0.0.1", server.port, null]);
        created.push(connection.uses);
      });
      for (let n = 0; n < 3; n++) await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`));
      assertEquals(created, [0]);
      assertEquals(session.connections[0]!.uses, 3);
    });

    it("a paused message keeps its connection and stalls the server", async () => {
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const msg = new HttpMessage("GET", `${server.origin}/endless`, { flags: [MessageFlags.OVERWRITE_CHUNKS] });
      let bytes = 0;
      msg.addEventListener("got-chunk", ({ chunk }) => {
        bytes += chunk.byteLength;
        if (bytes < 500_000) return;
        session.pauseMessage(msg);
      });
      const done = session.sendMessage(msg);
      await until(() => session.isPaused(msg));
      const socket = [...server.open].at(-1)!;
      // What lies between the two of them fills up, then nothing is written any more.
      const written: number[] = [];
      await until(() =>
        new Set(written.slice(-20)).size === 1 && written.length >= 20 || !written.push(socket.bytesWritten)
      );
      assert(written.at(-1)! < 100_000_000, `${written.at(-1)} bytes written`);
      session.cancelMessage(msg);
      assertEquals(await done, 1);
    });

    it("10 000 waiting messages cost no more each than 500", async () => {
      await using session = sessionOn(transport, { maxConns: 1, maxConnsPerHost: 1 });
      const blocker = session.sendMessage(new HttpMessage("GET", `${server.origin}/never`));
      await wait(5);
      const queued = async (count: number): Promise<number> => {
        const messages = Array.from({ length: count }, () => new HttpMessage("GET", `${server.origin}/ok`));
        const start = performance.now();
        for (const msg of messages) session.queueMessage(msg);
        await Promise.resolve();
        for (const msg of messages) session.cancelMessage(msg);
        return performance.now() - start;
      };
      await queued(10_000);
      const ratios: number[] = [];
      // As many messages either way; in one queue each would cost twenty times as much if its cost grew with the queue.
      while (ratios.length < 5 && Math.min(...ratios) >= 8) {
        let apart = 0;
        for (let batch = 0; batch < 20; batch++) apart += await queued(500);
        ratios.push((await queued(10_000)) / apart);
      }
      assertLess(Math.min(...ratios), 8, `${ratios} times as much`);
      session.abort();
      assertEquals(await blocker, 1);
    });
  });
}
