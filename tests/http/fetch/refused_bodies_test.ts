// What becomes of a streamed body whose request is never sent: the runtimes' own fetch leaves it alone where an argument is
// wrong, and ends it where the fetch is given up.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { type HttpFetchInit, HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { sessionOn, transportsWithHttp2, until } from "../../_support/http_sessions.ts";
import { routeServer } from "../../_support/http_server.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

/** A stream that says how it was ended. */
class Source {
  reason: unknown = "not ended";
  readonly stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    cancel: (reason) => void (this.reason = reason),
  }, { highWaterMark: 0 });
}

/** The body of a fetch as its option, and as that of a Request. */
const ways: Readonly<
  Record<string, (url: string, body: ReadableStream, init?: HttpFetchInit) => [string | Request, HttpFetchInit]>
> = {
  "an option": (url, body, init) => [url, { method: "POST", body, duplex: "half", ...init }],
  "of a Request": (url, body, init) => [
    new Request(url, { method: "POST", body, duplex: "half" } as RequestInit),
    init ?? {},
  ],
};

for (const transport of transportsWithHttp2) {
  describe(`a streamed body that is not sent, on ${transport}`, () => {
    let server: SocketServer;
    let isHeld = false;
    before(async () => server = await routeServer({ "/held": () => isHeld = true }, transport));
    after(() => server.close());

    for (const [way, make] of Object.entries(ways)) {
      /** Expects the source to be told what the fetch has ended with. */
      const isEnded = async (
        end: (fetching: (init?: HttpFetchInit, url?: string) => Promise<Response>) => Promise<Response>,
        session: HttpSession,
      ) => {
        const source = new Source();
        const fetching = (init?: HttpFetchInit, url = `${server.origin}/ok`) =>
          session.fetch(...make(url, source.stream, init));
        const error = await assertRejects(() => end(fetching));
        await until(() => source.reason !== "not ended");
        return { error, reason: source.reason };
      };

      it(`ends with its fetch, ${way}: session closed, scheme unknown, prepare throws`, async () => {
        await using session = sessionOn(transport);
        const closed = sessionOn(transport);
        await closed.close();
        const told = [
          await isEnded((fetching) => fetching(), closed),
          await isEnded((fetching) => fetching({}, "gopher://127.0.0.1/"), session),
          await isEnded((fetching) =>
            fetching({
              prepare: () => {
                throw new Error("not prepared");
              },
            }), session),
        ];
        for (const { error, reason } of told) assertStrictEquals(reason, error);
      });

      it(`ends with its fetch, ${way}: session closed while it waits`, async () => {
        isHeld = false;
        const session = sessionOn(transport, { maxConns: 1, maxConnsPerHost: 1 });
        const held = assertRejects(() => session.fetch(`${server.origin}/held`));
        await until(() => isHeld);
        await isEnded((fetching) => {
          const waiting = fetching();
          // What stands in the queue by then waits there, or is on its way.
          setTimeout(() => session.close(), 20);
          return waiting;
        }, session);
        await held;
      });
    }

    it("ends with the signal of its Request, or of the options, that was aborted before", async () => {
      await using session = sessionOn(transport);
      const signal = AbortSignal.abort(new Error("given up"));
      for (const inOptions of [false, true]) {
        const source = new Source();
        const init = { method: "POST", body: source.stream, duplex: "half", signal: inOptions ? null : signal };
        const request = new Request(`${server.origin}/ok`, init as RequestInit);
        const error = await assertRejects(() => session.fetch(request, inOptions ? { signal } : {}));
        await until(() => source.reason !== "not ended");
        assertEquals([error, source.reason, request.bodyUsed], [signal.reason, signal.reason, true]);
      }
    });

    it("is left alone where an argument is wrong", async () => {
      await using session = sessionOn(transport);
      const source = new Source();
      const inits: HttpFetchInit[] = [
        { method: "GET" },
        { method: "CONNECT" },
        { method: "NO METHOD" },
        { headers: { "no name": "x" } },
        { headers: { a: "\0" } },
        { redirect: "nowhere" as RequestRedirect },
        { signal: 1 as unknown as AbortSignal },
        { duplex: undefined },
        { timeout: -1 },
      ];
      for (const init of inits) {
        await assertRejects(() => session.fetch(...ways["an option"]!(`${server.origin}/ok`, source.stream, init)));
      }
      await assertRejects(() => session.fetch(...ways["an option"]!("http://", source.stream)));
      assertEquals([source.reason, source.stream.locked], ["not ended", false]);
    });

    it("stays with a message that was never begun, which another session may send", async () => {
      const closed = sessionOn(transport);
      await closed.close();
      const body = new Blob(["x".repeat(1000)]).stream();
      const msg = new HttpMessage("POST", `${server.origin}/ok`, { body });
      await assertRejects(() => closed.sendMessage(msg), TypeError, "the session is closed");
      const cancelled = new AbortController();
      await using session = sessionOn(transport);
      const sent = session.sendMessage(msg, { signal: cancelled.signal });
      cancelled.abort();
      await assertRejects(() => sent);
      assert(!body.locked);
      assertEquals(await session.sendMessage(msg), 200);
    });
  });
}
