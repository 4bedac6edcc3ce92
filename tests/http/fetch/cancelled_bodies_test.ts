// Bodies of session.fetch that their reader gives up: whatever has become of the exchange, an error of the inside is nobody's.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Route, routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/** Bodies that are broken at once, break later, or never end. */
const bodies: Record<string, Route> = {
  "/broken": (_request, socket) => socket.write(`${chunked}zz\r\nhel`),
  "/broken-later": (_request, socket) => {
    socket.write(`${chunked}5\r\nhello\r\n`);
    setTimeout(() => socket.write("zz\r\n"), 5);
  },
  "/cut": (_request, socket) => {
    socket.write(`${chunked}5\r\nhello\r\n`);
    // Over HTTP/2 it is the connection that is cut: the requests after one that was given up are to keep it.
    setTimeout(() => socket.destroyed || socket.destroy(), 5);
  },
  "/no-gzip": (_request, socket) =>
    socket.write("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8bxyz"),
};

/** Ways to give a body up. */
const ways: Readonly<Record<string, (response: Response) => unknown>> = {
  "cancel()": (response) => response.body!.cancel("enough"),
  "cancel() in a while": (response) => wait(10).then(() => response.body!.cancel()),
  "a reader's cancel()": async (response) => {
    const reader = response.body!.getReader();
    await wait(10);
    await reader.cancel();
  },
  "a reader's cancel() during a read": async (response) => {
    const reader = response.body!.getReader();
    const reading = Promise.allSettled([reader.read(), reader.read()]);
    await reader.cancel();
    for (const result of await reading) assert(result.status === "fulfilled" || result.reason instanceof TypeError);
  },
  "leaving a loop": async (response) => {
    for await (const _piece of response.body!) break;
  },
  "both halves of a clone": async (response) => {
    const other = response.clone();
    await Promise.all([response.body!.cancel(), other.body!.cancel()]);
  },
  "both halves of tee()": (response) => Promise.all(response.body!.tee().map((half) => half.cancel())),
  "an aborted pipe": async (response) => {
    const reason = new TypeError("enough");
    const piping = response.body!.pipeTo(new WritableStream(), { signal: AbortSignal.abort(reason) });
    assertEquals(await piping.catch((error: unknown) => error), reason);
  },
};

for (const transport of transportsWithHttp2) {
  describe(`giving up a body of session.fetch on ${transport}`, () => {
    for (const [name, giveUp] of Object.entries(ways)) {
      it(`by ${name} resolves, or fails with what reading it fails with`, async () => {
        await using server = await routeServer(bodies, transport);
        const session = sessionOn(transport);
        for (const path of [...Object.keys(bodies), "/endless", "/drip", "/ok"]) {
          // By then the connection that is cut is gone: over HTTP/2 what comes next would share it.
          if (path === "/endless") await wait(50);
          let outcome: unknown;
          try {
            const response = await session.fetch(server.origin + path);
            outcome = await Promise.resolve(giveUp(response)).then(() => null, (error) => error);
          } catch (error) {
            outcome = error;
          }
          assert(outcome === null || outcome instanceof TypeError, `${path}: ${outcome}`);
          if (path === "/endless" || path === "/drip" || path === "/ok") assertEquals(outcome, null, path);
          await until(() => [...session.messages()].length === 0);
        }
        await session.close();
      });
    }

    it("resolves at once for what came broken with its header", async () => {
      await using server = await routeServer(bodies, transport);
      await using session = sessionOn(transport, { timeout: 5 });
      const response = await session.fetch(`${server.origin}/broken`).catch(() => null);
      // HTTP/2, and some runtimes, know before there is a Response.
      assertEquals(await response?.body?.cancel(), undefined);
    });
  });
}
