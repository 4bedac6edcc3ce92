// Hooks that meddle where they are only asked, uploads that never end: a message ends once, and its connection is of use to the next one or gone.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { Recorder, sessionOn, transports, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

/** A stream that gives one piece and then neither more nor its end; resolves `cancelled` when nobody wants it any more. */
function stalledUpload(): { stream: ReadableStream<Uint8Array<ArrayBuffer>>; cancelled: Promise<void> } {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("abcde")),
    cancel: () => resolve(),
  });
  return { stream, cancelled };
}

for (const transport of transportsWithHttp2) {
  describe(`interference on ${transport}`, () => {
    it("requeueing in transformBody gives the next attempt a body of its own", async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      let asked = 0;
      const record = new Recorder(session, "GET", `${server.origin}/ok`);
      session.addFeature({
        transformBody(_session, msg): null {
          if (asked++ === 0) session.requeueMessage(msg);
          return null;
        },
      });
      const sequence = (await record.run()).replaceAll(" cc", "");
      assertEquals(sequence, "q s wh wb gh(200) re(200) s wh wb gh(200) gc gb fi(200) cb u");
      assertEquals(new TextDecoder().decode(record.msg.responseBody), "0123456789");
    });

    it("cancelling in transformBody ends the message there", async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      session.addFeature({
        transformBody(_session, msg): null {
          session.cancelMessage(msg);
          return null;
        },
      });
      const record = new Recorder(session, "GET", `${server.origin}/ok`);
      assertEquals(await record.run(), "q cc s wh wb gh(200) fi(1) cb u");
      assertEquals(record.msg.responseBody.byteLength, 0);
    });

    it("pausing in respond keeps the request back", async () => {
      await using server = await routeServer({}, transport);
      await using session = sessionOn(transport);
      const msg = new HttpMessage("GET", `${server.origin}/ok`);
      const paused = Promise.withResolvers<void>();
      session.addFeature({
        respond(asked): null {
          if (asked !== msg) return null;
          session.pauseMessage(msg);
          paused.resolve();
          return null;
        },
      });
      const sent = session.sendMessage(msg);
      await paused.promise;
      // Another message makes the whole way meanwhile.
      await session.sendMessage(new HttpMessage("GET", `${server.origin}/empty`));
      assertEquals(server.requests.map(({ target }) => target), ["/empty"]);
      session.unpauseMessage(msg);
      await sent;
      assertEquals(msg.statusCode, 200);
    });
  });
}

/** What ends a message, or its attempt. */
const ends: Readonly<Record<string, (session: HttpSession, msg: HttpMessage) => unknown>> = {
  cancelMessage: (session, msg) => session.cancelMessage(msg),
  abort: (session) => session.abort(),
  close: (session) => session.close(),
  requeueMessage: (session, msg) => session.requeueMessage(msg),
};

for (const transport of transportsWithHttp2) {
  describe(`an upload whose source meddles when it is cancelled, on ${transport}`, () => {
    for (const [name, end] of [...Object.entries(ends), ["a timeout", null] as const]) {
      it(`ends its message once, ended by ${name}`, async () => {
        await using server = await routeServer({}, transport);
        for (const meddle of Object.values(ends)) {
          await using session = sessionOn(transport);
          const told: string[] = [];
          session.addEventListener("request-unqueued", () => told.push("request-unqueued"));
          const begun = Promise.withResolvers<void>();
          let isAsked = false;
          const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
            pull(controller): Promise<void> | void {
              if (isAsked) return begun.resolve();
              isAsked = true;
              controller.enqueue(new Uint8Array(5));
            },
            cancel(): void {
              told.push("cancelled");
              // It may be too late to do so.
              if (session.closed || [...session.messages()].length === 0) return;
              meddle(session, msg);
            },
          }, { highWaterMark: 0 });
          const msg = new HttpMessage("POST", `${server.origin}/never`, { body });
          msg.addEventListener("finished", () => told.push("finished"));
          using time = end === null ? new ScriptedTime() : null;
          if (end === null) msg.timeout = 100;
          const sent = session.sendMessage(msg);
          await begun.promise;
          if (end === null) time!.pass(100_000);
          else end(session, msg);
          await sent;
          await wait(5);
          assertEquals(told, ["cancelled", "finished", "request-unqueued"], meddle.name);
          assertEquals([...session.messages()], []);
        }
      });
    }
  });
}

for (const transport of transports) {
  describe(`interference of a server that answers early, on ${transport}`, () => {
    it("an answer ahead of an upload that never ends lets go of both", async () => {
      await using server = await socketServer((request, socket) => {
        if (request.method === "GET") socket.write(reply("200 OK", "next"));
      }, { onHead: (request, socket) => void (request.method === "PUT" && socket.write(reply("200 OK", "early"))) });
      await using session = sessionOn(transport, { maxConnsPerHost: 1 });
      const { stream, cancelled } = stalledUpload();
      const response = await session.fetch(server.origin, {
        method: "PUT",
        body: stream,
        duplex: "half",
      } as RequestInit);
      assertEquals(await response.text(), "early");
      await cancelled;
      assertEquals(await (await session.fetch(server.origin)).text(), "next");
      if (session.capabilities.exactConnections) await until(() => server.open.size === 1);
    });
  });
}

describe("an upload that gives as much as was announced", () => {
  it("need not end for its connection to be of use", async () => {
    await using server = await routeServer();
    await using session = sessionOn("node");
    const { stream, cancelled } = stalledUpload();
    const msg = new HttpMessage("PUT", `${server.origin}/echo`, { body: stream, headers: { "content-length": "5" } });
    const wrote: string[] = [];
    msg.addEventListener("wrote-body", () => wrote.push("wrote-body"));
    await session.sendMessage(msg);
    assertEquals(new TextDecoder().decode(msg.responseBody), "PUT abcde");
    await cancelled;
    assertEquals(wrote, ["wrote-body"]);
    assertEquals(await (await session.fetch(`${server.origin}/where`)).text(), "1");
  });
});
