// Signals of other libraries in every call of http/ that takes one: internal/report_error.ts and its users.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import {
  HttpMessage,
  HttpSession,
  HttpStatus,
  MockTransport,
  readNdjson,
  serverSentEvents,
  streamMessage,
} from "../../../http/mod.ts";
import { foreignSignal, reportedWhile } from "../../_support/foreign_signals.ts";
import { serveFrames, serverParts, switching, webSocketServer } from "../../_support/websocket_server.ts";

type Call = (session: HttpSession, signal: AbortSignal | null | undefined) => Promise<unknown>;

const url = "http://origin.example/";

const calls: Record<string, Call> = {
  "fetch": async (session, signal) => await (await session.fetch(url, { signal })).text(),
  "sendMessage": (session, signal) => session.sendMessage(new HttpMessage("GET", url), { signal }),
  "streamMessage": async (session, signal) =>
    await new Response(await streamMessage(session, new HttpMessage("GET", url), { signal })).text(),
  "readNdjson": async (_session, signal) => {
    const values = [];
    for await (const value of readNdjson(new Response("1\n2\n"), { signal })) values.push(value);
    return values;
  },
  "serverSentEvents": async (session, signal) => {
    const data: string[] = [];
    for await (const event of serverSentEvents(session, url, { signal })) {
      data.push(event.data);
      if (data.length === 3) break;
    }
    return data;
  },
};

const results: Record<string, unknown> = {
  "fetch": "retry: 1\ndata: 1\n\n",
  "sendMessage": 200,
  "streamMessage": "retry: 1\ndata: 1\n\n",
  "readNdjson": [1, 2],
  "serverSentEvents": ["1", "2", "3"],
};

function mocked(): HttpSession {
  let count = 0;
  const answer = () =>
    new Response(`retry: 1\ndata: ${++count}\n\n`, { headers: { "content-type": "text/event-stream" } });
  return new HttpSession({ features: [new MockTransport(answer)] });
}

describe("What is no signal", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(`is refused by ${name}, be it false or true; undefined and null are given for none`, async () => {
      await using session = mocked();
      for (const wrong of [false, 0, "", NaN, 5, true, "soon", {}] as unknown as AbortSignal[]) {
        const { message } = await assertRejects(() => call(session, wrong), TypeError);
        assertMatch(message, /^Cannot [^:]+: options\.signal is an? \w+, not an AbortSignal$/);
      }
      for (const none of [undefined, null]) {
        await using other = mocked();
        assertEquals(await call(other, none), results[name]);
      }
    });
  }
});

describe("A signal that cannot be left", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(`is reported, and takes nothing from ${name}`, async () => {
      await using session = mocked();
      const refusal = new Error("not left");
      const reported = await reportedWhile(async () => {
        assertEquals(await call(session, foreignSignal("removeEventListener", refusal)), results[name]);
        await session.fetch(url);
      });
      assert(reported.length > 0 && reported.every((error) => error === refusal));
    });
  }

  it("is reported, and takes nothing from websocket", async () => {
    const parts = await serverParts();
    await using server = await webSocketServer((handshake, socket) => {
      socket.write(switching(handshake));
      serveFrames(parts, socket);
    });
    await using session = new HttpSession();
    const refusal = new Error("not left");
    const reported = await reportedWhile(async () => {
      const socket = await session.websocket(`${server.origin}/`, {
        signal: foreignSignal("removeEventListener", refusal),
      });
      socket.close();
    });
    assertEquals(reported, [refusal]);
  });
});

describe("A signal that takes no listener", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(`ends ${name} with what it throws`, async () => {
      await using session = mocked();
      const refusal = new Error("not heard");
      const thrown = await assertRejects(() => call(session, foreignSignal("addEventListener", refusal)));
      assertEquals(thrown, refusal);
    });
  }

  it("cancels the message that it is about", async () => {
    await using session = mocked();
    const msg = new HttpMessage("GET", url);
    const signal = foreignSignal("addEventListener", new Error("not heard"));
    await assertRejects(() => session.sendMessage(msg, { signal }), Error, "not heard");
    assertEquals([msg.statusCode, session.connections.length], [HttpStatus.CANCELLED, 0]);
  });

  it("does not keep a body", async () => {
    let reason: unknown;
    const body = new ReadableStream<Uint8Array>({ cancel: (why) => void (reason = why ?? "cancelled") });
    const signal = foreignSignal("addEventListener", new Error("not heard"));
    await assertRejects(async () => {
      for await (const _ of readNdjson(body, { signal }));
    }, Error);
    assertEquals(reason, "cancelled");
  });
});
