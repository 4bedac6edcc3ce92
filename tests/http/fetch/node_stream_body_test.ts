// Streams of Node as bodies whose source fails early, or that nobody reads to the end.
import { PassThrough, Readable } from "node:stream";
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type HttpFetchInit, HttpMessage, type HttpSession, HttpStatus } from "../../../http/mod.ts";
import { foreignSignal, reportedWhile } from "../../_support/foreign_signals.ts";
import { serverOn } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";
import { reply, type Responder } from "../../_support/socket_server.ts";

const echo: Responder = (request, socket) => socket.write(reply("200 OK", request.body.toString("latin1")));

function post(body: unknown, init: HttpFetchInit = {}): HttpFetchInit {
  return { method: "POST", body: body as NonNullable<HttpFetchInit["body"]>, duplex: "half", ...init };
}

/** `once` of node:events would listen for errors itself. */
function closed(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => void stream.once("close", resolve));
}

for (const transport of transportsWithHttp2) {
  describe(`a stream of Node as a body on ${transport}`, () => {
    it("that fails while the connection is made rejects the fetch, and ends a message, with its error", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const body = new PassThrough();
      const sending = session.fetch(`${server.origin}/echo`, post(body));
      body.destroy(new Error("gone early"));
      await assertRejects(() => sending, TypeError, "Cannot send the body: gone early");
      const source = new PassThrough();
      const msg = new HttpMessage("POST", `${server.origin}/echo`, { body: source });
      source.destroy(new Error("gone early"));
      await closed(source);
      assertEquals(await session.sendMessage(msg), HttpStatus.IO_ERROR);
      assertStringIncludes(msg.error!.message, "gone early");
    });

    it("that has been read is refused: it would go out as an empty body", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const body = Readable.from([new Uint8Array(3)]);
      assertEquals((await session.fetch(`${server.origin}/echo`, post(body))).status, 200);
      await assertRejects(() => session.fetch(`${server.origin}/echo`, post(body)), TypeError, "read already");
      assertThrows(() => new HttpMessage("POST", server.origin, { body }), TypeError, "read already");
      assertEquals(server.requests.length, 1);
    });

    it("ends when the fetch is aborted, though it gives nothing", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const [body, controller] = [new PassThrough(), new AbortController()];
      body.write("begun");
      const sending = session.fetch(
        `${server.origin}/echo`,
        post(body, {
          signal: controller.signal,
          prepare: (msg) => msg.addEventListener("wrote-body-data", () => controller.abort(new Error("enough"))),
        }),
      );
      const ended = closed(body);
      await assertRejects(() => sending, Error, "enough");
      await ended;
      assertEquals(body.destroyed, true);
    });

    it("is called no body when it gives what is neither bytes nor text", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const error = await assertRejects(() =>
        session.fetch(
          `${server.origin}/echo`,
          post((async function* () {
            yield await Promise.resolve({ no: "bytes" });
          })()),
        )
      ) as Error;
      assertEquals(error.message.split("Cannot send the body: ").length, 2, error.message);
      assertStringIncludes(error.message, "Cannot send the body: its iterator gave");
    });
  });
}

for (const transport of transportsWithHttp2) {
  describe(`an iterator as a body on ${transport}`, () => {
    const ends: Record<string, () => unknown> = {
      "throws": () => {
        throw new Error("no end");
      },
      "rejects": () => Promise.reject(new Error("no end")),
      "never settles": () => new Promise(() => {}),
    };
    for (const [what, end] of Object.entries(ends)) {
      it(`whose return() ${what} does not hide that it has given no bytes`, async () => {
        await using server = await serverOn(transport, echo);
        await using session = sessionOn(transport);
        const next = () => Promise.resolve({ done: false, value: 5 });
        const body = { [Symbol.asyncIterator]: () => ({ next, return: end }) };
        await assertRejects(() => session.fetch(`${server.origin}/echo`, post(body)), TypeError, "its iterator gave");
      });
    }

    it("and a signal of a library's own end what they serve, whatever they make of it", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const own = { aborted: false, reason: undefined, addEventListener() {} };
      const refusal = new Error("not left");
      const signal = foreignSignal("removeEventListener", refusal);
      const address = `${server.origin}/echo`;
      const reported = await reportedWhile(async () => {
        assertEquals(await (await session.fetch(address, { ...post("text"), signal })).text(), "text");
        assertEquals(await session.sendMessage(new HttpMessage("GET", address), { signal }), HttpStatus.OK);
      });
      assertEquals(reported, [refusal, refusal]);
      const without = { signal: own as unknown as AbortSignal };
      await assertRejects(() => session.fetch(address, without), TypeError, "not an AbortSignal");
    });
  });

  describe(`a function as the body of a message on ${transport}`, () => {
    it("may make a stream of Node or an asynchronous iterable, for each attempt anew", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const bodies: (() => unknown)[] = [
        () => Readable.from(["of ", "Node"]),
        async function* () {
          yield "of ";
          yield await Promise.resolve("steps");
        },
      ];
      const texts: string[] = [];
      for (const body of bodies) {
        const msg = new HttpMessage("POST", `${server.origin}/echo`, {
          body: body as () => ReadableStream<Uint8Array>,
        });
        for (let attempt = 0; attempt < 2; attempt++) {
          await session.sendMessage(msg);
          texts.push(new TextDecoder().decode(msg.responseBody));
        }
      }
      assertEquals(texts, ["of Node", "of Node", "of steps", "of steps"]);
    });

    it("that makes none is told so", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      for (const made of ["text", undefined, new Uint8Array(3), Promise.resolve(), { [Symbol.asyncIterator]: 5 }]) {
        const msg = new HttpMessage("POST", `${server.origin}/echo`, { body: (() => made) as never });
        await session.sendMessage(msg);
        assertStringIncludes(
          msg.error!.message,
          "Cannot send the body: expected its function to give a ReadableStream",
        );
      }
      const locked = new Response("read by another").body!;
      locked.getReader();
      const msg = new HttpMessage("POST", `${server.origin}/echo`, { body: () => locked });
      await session.sendMessage(msg);
      assertStringIncludes(
        msg.error!.message,
        "Cannot send the body: the stream that its function has given is locked",
      );
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/echo`)), HttpStatus.OK);
    });
  });
}

describe("a stream of Node in a fetch that is refused", () => {
  const uri = "http://127.0.0.1:1/";
  const refusals: [string, string, HttpFetchInit, ((session: HttpSession) => Promise<void>)?][] = [
    ["for want of duplex", uri, { duplex: undefined }],
    ["for its method", uri, { method: "GET" }],
    ["for an option", uri, { redirect: "nowhere" as "follow" }],
    ["for its scheme", "gopher://127.0.0.1/", {}],
    ["as the session is closed", uri, {}, (session) => session.close()],
    ["as it was aborted before", uri, { signal: AbortSignal.abort(new Error("given up")) }],
  ];
  for (const [why, address, init, before] of refusals) {
    it(`${why} fails without ending the process`, async () => {
      await using session = sessionOn("node");
      await before?.(session);
      const body = new PassThrough();
      const sending = session.fetch(address, post(body, init));
      body.destroy(new Error("gone early"));
      const ended = closed(body);
      await assertRejects(() => sending);
      await ended;
      assertEquals(body.listenerCount("error") > 0, true);
    });
  }
});
