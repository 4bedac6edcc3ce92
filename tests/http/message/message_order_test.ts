// What comes before what: ends and beginnings, priorities of one turn, the places of restarted messages, changed URIs.
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { HttpMessage, MessagePriority } from "../../../http/message/message.ts";
import type { HttpSession } from "../../../http/session/session.ts";
import { sessionOn, transports, until, wait } from "../../_support/http_sessions.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";

let server: SocketServer;
before(async () => {
  server = await socketServer(({ target }, socket) => {
    if (target.startsWith("/moved")) socket.write(reply("302 Found", "", ["Location: /end"]));
    else if (target.startsWith("/fragment")) socket.write(reply("302 Found", "", ["Location: /end#new"]));
    else socket.write(reply("200 OK", "x"));
  });
});
after(() => server.close());

for (const transport of transports) {
  describe(`order of messages over ${transport}`, () => {
    const run = async (prepare: (session: HttpSession, a: HttpMessage, b: HttpMessage) => void) => {
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const a = new HttpMessage("GET", `${server.origin}/a`);
      const b = new HttpMessage("GET", `${server.origin}/b`);
      const seen: string[] = [];
      session.addEventListener("request-started", ({ msg }) => seen.push(`started ${msg.uri.pathname}`));
      a.addEventListener("finished", () => seen.push("finished /a"));
      b.addEventListener("finished", () => seen.push("finished /b"));
      prepare(session, a, b);
      await Promise.all([
        new Promise<void>((resolve) =>
          session.queueMessage(a, () => {
            seen.push("callback /a");
            resolve();
          })
        ),
        session.sendMessage(b),
      ]);
      return seen;
    };

    it("finished and the callback come before the next message starts", async () => {
      const expected = ["started /a", "finished /a", "callback /a", "started /b", "finished /b"];
      assertEquals(await run(() => {}), expected);
    });

    it("a message that is requeued when it finishes keeps its place", async () => {
      let again = true;
      const seen = await run((session, a) =>
        a.addEventListener("finished", () => {
          if (again) session.requeueMessage(a);
          again = false;
        })
      );
      assertEquals(seen.filter((event) => event.startsWith("started")), ["started /a", "started /a", "started /b"]);
    });

    it("a message that is cancelled when the one before it finishes is never sent", async () => {
      const seen = await run((session, a, b) => a.addEventListener("finished", () => session.cancelMessage(b)));
      assertEquals(seen.includes("started /b"), false);
    });

    it("priority decides among the messages of one turn", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.pathname));
      await Promise.all((["LOW", "HIGH", "NORMAL"] as const).map((name) => {
        const priority = MessagePriority[name];
        return session.sendMessage(new HttpMessage("GET", `${server.origin}/${name}`, { priority }));
      }));
      assertEquals(started, ["/HIGH", "/NORMAL", "/LOW"]);
    });

    it("a redirected message comes before those that are less urgent, though a hook answers later", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      session.addFeature({
        async requestStarting() {
          for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        },
      });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.pathname));
      const urgent = new HttpMessage("GET", `${server.origin}/moved`, { priority: MessagePriority.HIGH });
      const others = ["/b", "/c"].map((path) => new HttpMessage("GET", server.origin + path));
      await Promise.all([urgent, ...others].map((msg) => session.sendMessage(msg)));
      assertEquals(started, ["/moved", "/end", "/b", "/c"]);
    });

    it("nothing begins while the session is aborted", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      const started: string[] = [];
      session.addEventListener("request-started", ({ msg }) => started.push(msg.uri.pathname));
      const all = ["/a", "/b", "/c"].map((path) => session.sendMessage(new HttpMessage("GET", server.origin + path)));
      await Promise.resolve();
      await Promise.resolve();
      session.abort();
      assertEquals(await Promise.all(all), [1, 1, 1]);
      assert(started.length <= 1, started.join());
    });

    it("the origin stands once a request has started, until it is requeued", async () => {
      await using session = sessionOn(transport);
      const msg = new HttpMessage("GET", `${server.origin}/a`);
      session.addEventListener("request-started", () => {
        assertThrows(() => msg.uri = new URL("http://elsewhere.test/"), TypeError, "requeueMessage");
        if (msg.uri.pathname === "/a") msg.uri = new URL("/changed", msg.uri);
      });
      let again = true;
      msg.addEventListener("got-body", () => {
        if (!again) return;
        again = false;
        session.requeueMessage(msg);
        msg.uri = `${server.origin.replace("127.0.0.1", "localhost")}/other`;
      });
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(server.requests.slice(-2).map(({ target }) => target), ["/changed", "/other"]);
      msg.uri = "http://elsewhere.test/";
    });

    it("path and query stand once the header section is written, until the message is requeued", async () => {
      await using session = sessionOn(transport);
      const msg = new HttpMessage("GET", `${server.origin}/a?x#y`);
      const refused: string[] = [];
      for (const type of ["wrote-headers", "got-headers", "got-body"] as const) {
        msg.addEventListener(type, () => {
          if (msg.uri.pathname === "/other") return;
          for (const path of ["/b", "/a?z", "/a"]) {
            assertThrows(() => msg.uri = new URL(path, server.origin), TypeError, "requeueMessage");
          }
          msg.uri = `${server.origin}/a?x#${type}`;
          refused.push(type);
          if (type !== "got-body") return;
          session.requeueMessage(msg);
          msg.uri = `${server.origin}/other`;
        });
      }
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(refused, ["wrote-headers", "got-headers", "got-body"]);
      assertEquals(server.requests.slice(-2).map(({ target }) => target), ["/a?x", "/other"]);
      msg.uri = `${server.origin}/b`;
    });

    it("a redirect has the fragment of its Location, and with fetch else that of the request", async () => {
      await using session = sessionOn(transport);
      for (const [path, fragment] of [["/moved#old", ""], ["/fragment#old", "#new"]]) {
        const msg = new HttpMessage("GET", server.origin + path);
        await session.sendMessage(msg);
        assertEquals(msg.uri.hash, fragment);
      }
    });

    it("a listener that has no right answer is asked no more than 20 times, and never for the same twice", async () => {
      const refusals: string[] = [];
      await using origin = await socketServer(({ headers }, socket) => {
        refusals.push(headers.get("authorization") ?? "");
        socket.write(reply("401 No", "no", ['WWW-Authenticate: Basic realm="r"']));
      });
      for (
        const [answer, requests, questions] of [[() => "wrong", 2, 2], [(n: number) => `wrong ${n}`, 21, 20]] as const
      ) {
        await using session = sessionOn(transport);
        let asked = 0;
        session.addEventListener("authenticate", ({ auth }) => auth.authenticate("alice", answer(asked++)));
        refusals.length = 0;
        assertEquals(await session.sendMessage(new HttpMessage("GET", origin.origin)), 401);
        assertEquals([refusals.length, asked], [requests, questions]);
      }
    });
  });
}

describe("what a message over sockets does with time and ends", () => {
  it("every byte of an answer is progress", async () => {
    using time = new ScriptedTime();
    const text = reply("200 OK", "ok", ["X-Slow: field"]);
    await using slow = await socketServer((_request, socket) => void trickle(socket, text, () => time.pass(3000)));
    await using session = sessionOn("node", { timeout: 100 });
    const from = time.now;
    assertEquals(await session.sendMessage(new HttpMessage("GET", slow.origin)), 200);
    assert(time.now - from > 100_000, "it took longer than the limit");
  });

  it("a message that is cancelled while it connects leaves no connection", async () => {
    await using origin = await socketServer((_request, socket) => socket.write(reply("200 OK", "x")));
    for (const step of ["resolving", "resolved", "connecting", "connected", "complete"]) {
      await using session = sessionOn("node");
      for (let count = 0; count < 5; count++) {
        const msg = new HttpMessage("GET", origin.origin);
        msg.addEventListener("network-event", ({ event }) => {
          if (event === step) session.cancelMessage(msg);
        });
        assertEquals(await session.sendMessage(msg), 1);
      }
    }
    await until(() => origin.open.size === 0);
  });
});

async function trickle(socket: Socket, text: string, written: () => void): Promise<void> {
  socket.setNoDelay(true);
  for (const char of text) {
    socket.write(char);
    await wait(2);
    written();
  }
}
