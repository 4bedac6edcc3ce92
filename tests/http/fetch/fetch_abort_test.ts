// A caller who gives up before anything is sent: whenever that is, the promise rejects with the reason, and the server
// sees no request.
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { type HttpFetchInit, HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

const reason = new Error("changed my mind");

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>) => promise.then(() => "resolved", (error: unknown) => error);

for (const transport of transportsWithHttp2) {
  describe(`an abort before the request is sent, on ${transport}`, () => {
    let server: SocketServer;
    let session: HttpSession;
    let requests = 0;
    let isHeld = false;
    before(async () => {
      server = await routeServer({
        "/held": () => isHeld = true,
        "/count": (_request, socket) => {
          requests++;
          socket.write(reply("200 OK"));
        },
      }, transport);
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await server.close();
    });

    /** Requests with and without a body, of every way in which a signal and a body come. */
    const requestsOf: Readonly<
      Record<string, (url: string, signal: AbortSignal) => [string | Request, HttpFetchInit?]>
    > = {
      "GET": (url, signal) => [url, { signal }],
      "GET as Request": (url, signal) => [new Request(url, { signal })],
      "POST": (url, signal) => [url, { method: "POST", body: "pay", signal }],
      "POST as Request": (url, signal) => [new Request(url, { method: "POST", body: "pay", signal })],
      "any of two signals": (url, signal) => [url, { signal: AbortSignal.any([signal, new AbortController().signal]) }],
      "integrity": (url, signal) => [url, { signal, integrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }],
    };

    it("rejects with the signal's reason however many microtasks later, and sends nothing that it had not begun", async () => {
      for (const microtasks of [0, 1, 2, 3, 4, 5, 8]) {
        requests = 0;
        for (const [name, make] of Object.entries(requestsOf)) {
          const controller = new AbortController();
          const rejected = rejection(session.fetch(...make(`${server.origin}/count`, controller.signal)));
          for (let n = 0; n < microtasks; n++) await null;
          controller.abort(reason);
          assertStrictEquals(await rejected, reason, `${name} after ${microtasks} microtasks`);
        }
        await (await session.fetch(`${server.origin}/ok`)).text();
        // After more of them the runtime's own fetch may have begun.
        if (microtasks <= 2) assertEquals(requests, 0, `after ${microtasks} microtasks`);
      }
    });

    it("does so in prepare, and in a listener of request-queued", async () => {
      requests = 0;
      const early = new AbortController();
      const prepare = () => early.abort(reason);
      const { signal } = early;
      assertStrictEquals(await rejection(session.fetch(`${server.origin}/count`, { prepare, signal })), reason);
      let controller = new AbortController();
      const abort = () => controller.abort(reason);
      session.addEventListener("request-queued", abort);
      try {
        for (const [name, make] of Object.entries(requestsOf)) {
          controller = new AbortController();
          const rejected = rejection(session.fetch(...make(`${server.origin}/count`, controller.signal)));
          assertStrictEquals(await rejected, reason, name);
        }
        controller = new AbortController();
        const msg = new HttpMessage("GET", `${server.origin}/count`);
        assertStrictEquals(await rejection(session.sendMessage(msg, { signal: controller.signal })), reason);
        controller = new AbortController();
        const url = `ws://127.0.0.1:${server.port}/count`;
        assertStrictEquals(await rejection(session.websocket(url, { signal: controller.signal })), reason);
      } finally {
        session.removeEventListener("request-queued", abort);
      }
      await (await session.fetch(`${server.origin}/ok`)).text();
      assertEquals(requests, 0);
    });

    it("tells the source of a streamed body", async () => {
      requests = 0;
      for (const abortsAt of ["same turn", "microtask", "prepare"]) {
        let ended: unknown = "not ended";
        const controller = new AbortController();
        const { signal } = controller;
        const body = new ReadableStream({ cancel: (why): void => void (ended = why) });
        const prepare = () => abortsAt === "prepare" && controller.abort(reason);
        const init: HttpFetchInit = { method: "POST", duplex: "half", body, signal, prepare };
        const rejected = rejection(session.fetch(`${server.origin}/count`, init));
        if (abortsAt === "microtask") await null;
        controller.abort(reason);
        assertStrictEquals(await rejected, reason, abortsAt);
        assertStrictEquals(ended, reason, abortsAt);
      }
      assertEquals(requests, 0);
    });

    it(
      "takes a message out of a queue that is full",
      { skip: transport === "h2" && "one connection carries all" },
      async () => {
        requests = 0;
        await using narrow = sessionOn(transport, { maxConnsPerHost: 1 });
        const first = rejection(narrow.fetch(`${server.origin}/held`));
        await until(() => isHeld);
        const inSameTurn = new AbortController();
        const later = new AbortController();
        const waiting = [inSameTurn, later].map(({ signal }) =>
          rejection(narrow.fetch(`${server.origin}/count`, { method: "POST", body: "pay", signal }))
        );
        inSameTurn.abort(reason);
        setTimeout(() => later.abort(reason), 20);
        for (const rejected of waiting) assertStrictEquals(await rejected, reason);
        narrow.abort();
        await first;
        await (await narrow.fetch(`${server.origin}/ok`)).text();
        assertEquals(requests, 0);
      },
    );
  });
}
