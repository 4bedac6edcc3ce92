// A message that is sent again, moved in its queue or given up before, between and during its attempts: one attempt at a time, and nobody waits for ever.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  HttpMessage,
  type HttpSession,
  HttpStatus,
  MessageFlags,
  MessagePriority,
  MockTransport,
  TlsDatabase,
} from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { Recorder, sessionOn, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates } from "../../_support/tls_certificates.ts";

/** What is done to a message before its first attempt has begun. */
const beginnings: Readonly<Record<string, (session: HttpSession, msg: HttpMessage) => void>> = {
  "while it is announced": (session, msg) => {
    session.addEventListener("request-queued", () => session.requeueMessage(msg), { once: true });
  },
  "right after it was queued": (session, msg) => session.requeueMessage(msg),
  "twice": (session, msg) => {
    session.requeueMessage(msg);
    session.requeueMessage(msg);
  },
  "while it is paused": (session, msg) => {
    session.pauseMessage(msg);
    session.requeueMessage(msg);
    setTimeout(() => session.unpauseMessage(msg), 5);
  },
  "and paused for no time": (session, msg) => {
    session.requeueMessage(msg);
    session.pauseMessage(msg);
    session.unpauseMessage(msg);
  },
};

for (const transport of transportsWithHttp2) {
  describe(`a message that is requeued on ${transport}`, () => {
    for (const [when, requeue] of Object.entries(beginnings)) {
      it(`${when} is sent once`, async () => {
        await using server = await routeServer({}, transport);
        for (const maxConnsPerHost of [1, 2]) {
          for (const flags of [[], [MessageFlags.NEW_CONNECTION]]) {
            await using session = sessionOn(transport, { maxConnsPerHost });
            const record = new Recorder(session, "POST", `${server.origin}/echo`, { body: "abc", flags });
            const before = server.requests.length;
            const isEarly = when === "while it is announced";
            if (isEarly) requeue(session, record.msg);
            const run = record.run();
            if (!isEarly) requeue(session, record.msg);
            const sequence = (await run).replaceAll(/ cc| re\(0\)/g, "");
            assertEquals(sequence, "q s wh wbd wc wb gh(200) gc gb fi(200) cb u");
            assertEquals(server.requests.length - before, 1);
            assertEquals(record.msg.metrics.attempts, 1);
          }
        }
      });
    }

    it("from another message's listener is sent once, wherever it stands", async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const other = new HttpMessage("GET", `${server.origin}/ok`);
      for (const type of ["wrote-headers", "got-headers", "got-body", "finished"] as const) {
        other.addEventListener(type, () => session.requeueMessage(record.msg));
      }
      const record = new Recorder(session, "GET", `${server.origin}/echo`);
      // It is queued in the turn in which the other one starts, and waits for its connection from then on.
      session.addEventListener("request-started", () => void record.run(), { once: true });
      await session.sendMessage(other);
      await until(() => record.log.includes("u"));
      const sequence = record.sequence.replaceAll(/cc (?=q)| cc| s wh wb re\(0\)| s re\(0\)| re\(0\)/g, "");
      assertEquals(sequence, "q s wh wb gh(200) gc gb fi(200) cb u");
    });

    it("while its body is written for ever is sent again then", async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      let bodies = 0;
      const body = (): ReadableStream<Uint8Array<ArrayBuffer>> => {
        const isLast = bodies++ > 0;
        return new ReadableStream({
          pull(controller): void {
            if (isLast) controller.close();
            else if (controller.desiredSize! > 0) controller.enqueue(new Uint8Array(1000));
          },
        }, { highWaterMark: 1 });
      };
      const record = new Recorder(session, "PUT", `${server.origin}/echo`, { body });
      record.once("wc", () => session.requeueMessage(record.msg));
      const sequence = (await record.run()).replaceAll(" cc", "");
      assertEquals(sequence, "q s wh wbd wc re(0) s wh wb gh(200) gc gb fi(200) cb u");
    });
  });

  describe(`a message that waits for another host's connection on ${transport}`, () => {
    const changes: Readonly<Record<string, (session: HttpSession, msg: HttpMessage) => void>> = {
      "was requeued": (session, msg) => session.requeueMessage(msg),
      "got another priority": (_session, msg) => msg.priority = MessagePriority.LOW,
    };
    for (const [name, change] of Object.entries(changes)) {
      it(`gets it, though it ${name}`, async () => {
        await using one = await routeServer({}, transport);
        await using other = await routeServer({}, transport);
        await using session = sessionOn(transport, { maxConns: 1 });
        const busy = new HttpMessage("GET", `${one.origin}/slow`);
        const msg = new HttpMessage("GET", `${other.origin}/ok`);
        const statuses = [session.sendMessage(busy), session.sendMessage(msg)];
        await until(() => one.requests.length === 1);
        change(session, msg);
        assertEquals(await Promise.all(statuses), [200, 200]);
      });
    }
  });

  it(`a message that is cancelled where it starts again lets go of its connection on ${transport}`, async () => {
    await using server = await routeServer({}, transport);
    await using session = sessionOn(transport, { maxConnsPerHost: 1 });
    const record = new Recorder(session, "GET", `${server.origin}/ok`);
    record.once("fi", () => session.requeueMessage(record.msg));
    record.once("re", () => session.cancelMessage(record.msg));
    const next = new HttpMessage("POST", `${server.origin}/echo`);
    const run = record.run();
    assertEquals(await session.sendMessage(next), 200);
    assertEquals((await run).replaceAll(" cc", ""), "q s wh wb gh(200) gc gb fi(200) cb re(200) fi(1) cb u");
  });

  it(`a cancel is final for the source of the body, which hears of it first, and not for who hears of the end on ${transport}`, async () => {
    await using server = await routeServer({}, transport);
    await using session = sessionOn(transport);
    let bodies = 0;
    const body = (): ReadableStream<Uint8Array<ArrayBuffer>> => {
      const isLast = bodies++ > 0;
      return new ReadableStream({
        pull(controller): void {
          if (isLast) controller.close();
          else if (controller.desiredSize! > 0) controller.enqueue(new Uint8Array(1000));
        },
        cancel: () => session.requeueMessage(record.msg),
      }, { highWaterMark: 1 });
    };
    const record = new Recorder(session, "PUT", `${server.origin}/echo`, { body });
    record.once("wc", () => session.cancelMessage(record.msg));
    const sequence = (await record.run()).replaceAll(" cc", "");
    assertEquals(sequence, "q s wh wbd wc fi(1) cb u");
    const again = new Recorder(session, "PUT", `${server.origin}/echo`, { body: "abc" });
    again.once("s", () => session.cancelMessage(again.msg)).once("fi", () => session.requeueMessage(again.msg));
    assertEquals(
      (await again.run()).replaceAll(" cc", ""),
      "q s fi(1) cb re(1) s wh wbd wc wb gh(200) gc gb fi(200) cb u",
    );
  });
}

it("a message that waits ends alone where its certificate cannot be had, in whosever turn", async () => {
  await using certificates = await makeCertificates();
  const { cert, key } = certificates.good;
  await using server = await socketServer((_request, socket) => {
    setTimeout(() => socket.write(reply("200 OK", "hello")), 20);
  }, { tls: { cert, key } });
  let isBroken = false;
  const clientCertificate = (): null => {
    if (isBroken) throw new RangeError("no token");
    return null;
  };
  await using session = sessionOn("node", {
    maxConnsPerHost: 1,
    http2: false,
    tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
    clientCertificate,
  });
  const messages = ["/1", "/2"].map((path) => new HttpMessage("GET", server.origin + path));
  const statuses = messages.map((msg) => session.sendMessage(msg));
  await until(() => server.requests.length === 1);
  isBroken = true;
  assertEquals(await Promise.all(statuses), [200, HttpStatus.IO_ERROR]);
  assert(messages[1]!.error instanceof RangeError);
  isBroken = false;
  assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`)), 200);
});

it("a message cancelled between getting a shared connection and its request leaves the others on it alone", async () => {
  await using server = await routeServer({}, "h2");
  await using session = sessionOn("h2");
  const [first, cancelled, last] = ["/slow", "/ok", "/ok"].map((path) => new HttpMessage("GET", server.origin + path));
  // It runs before the one that is given the connection next goes on in its own context.
  session.addEventListener("request-started", () => queueMicrotask(() => session.cancelMessage(cancelled!)), {
    once: true,
  });
  let restarts = 0;
  for (const msg of [first!, last!]) msg.addEventListener("restarted", () => restarts++);
  const statuses = [first!, cancelled!, last!].map((msg) => session.sendMessage(msg));
  assertEquals(await Promise.all(statuses), [200, HttpStatus.CANCELLED, 200]);
  assertEquals([restarts, server.connections], [0, 1]);
});

describe("who watches an attempt", () => {
  const ends: Readonly<Record<string, [(session: HttpSession, msg: HttpMessage) => void, string]>> = {
    requeueMessage: [(session, msg) => session.requeueMessage(msg), "q re(0) s gh(200) gc gb fi(200) cb u"],
    cancelMessage: [(session, msg) => session.cancelMessage(msg), "q fi(1) cb u"],
  };
  for (const [name, [end, ended]] of Object.entries(ends)) {
    it(`may call ${name} as it begins and as it ends`, async () => {
      for (const place of ["begin", "end"]) {
        await using session = sessionOn("node", { features: [new MockTransport(() => new Response("hello"))] });
        let running = 0;
        let isLeft = true;
        const meddle = (msg: HttpMessage): void => {
          if (!isLeft) return;
          isLeft = false;
          end(session, msg);
        };
        session.addFeature({
          watchAttempt(_session, msg) {
            running++;
            if (place === "begin") meddle(msg);
            return {
              run: (part) => part(),
              ended(): void {
                running--;
                if (place === "end") meddle(msg);
              },
            };
          },
        });
        const record = new Recorder(session, "GET", "http://example.com/");
        const sequence = (await record.run()).replaceAll(/ cc| wh| wb/g, "");
        const atEnd = name === "requeueMessage"
          ? "q s gh(200) gc gb re(200) s gh(200) gc gb fi(200) cb u"
          : "q s gh(200) gc gb fi(1) cb u";
        assertEquals(sequence, place === "begin" ? ended : atEnd);
        assertEquals(running, 0);
        await wait(0);
        assertEquals(record.log.filter((each) => each === "u").length, 1);
      }
    });
  }
});
