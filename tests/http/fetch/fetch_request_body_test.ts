// Which bodies session.fetch can send again: after a refusal, and at a redirect that keeps the method.
import { describe, it } from "node:test";
import {
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { takeBody } from "../../../http/fetch/fetch_request_body.ts";
import type { HttpSession } from "../../../http/mod.ts";
import { basic } from "../../_support/auth_servers.ts";
import { serverOn } from "../../_support/http_server.ts";
import { sessionOn, type SessionTransport, transportsWithHttp2, wait } from "../../_support/http_sessions.ts";
import { reply, type SeenRequest } from "../../_support/socket_server.ts";

const limit = 64 * 1024;
const encoder = new TextEncoder();

/** Asks for a password, redirects with 307 and 308, then says how much came. */
function demandingServer(transport: SessionTransport) {
  return serverOn(transport, (request, socket) => {
    const { target } = request;
    if (target === "/") socket.write(reply("307 Temporary Redirect", "", ["Location: /next"]));
    else if (target === "/next") socket.write(reply("308 Permanent Redirect", "", ["Location: /guarded"]));
    else if (request.headers.get("authorization") === basic("alice", "secret")) {
      socket.write(reply("200 OK", `${request.method} ${request.body.length}`));
    } else socket.write(reply("401 Unauthorized", "who?", ['WWW-Authenticate: Basic realm="a"']));
  });
}

function answering(transport: SessionTransport): HttpSession {
  const session = sessionOn(transport);
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    if (!retrying) auth.authenticate("alice", "secret");
  });
  return session;
}

const form = new FormData();
form.set("a", "b");
const bodies: [string, BodyInit][] = [
  ["a string", "hello"],
  ["bytes", encoder.encode("hello")],
  ["an ArrayBuffer", encoder.encode("hello").buffer],
  ["a Blob", new Blob(["hello"], { type: "text/css" })],
  ["a form", form],
  ["parameters", new URLSearchParams({ a: "b" })],
  ["an empty string", ""],
];

for (const transport of transportsWithHttp2) {
  describe(`bodies of session.fetch on ${transport}`, () => {
    for (const [what, body] of bodies) {
      for (const how of ["init", "Request"]) {
        it(`${what} in ${how} is sent again at 307, 308 and 401, the same each time`, async () => {
          await using server = await demandingServer(transport);
          await using session = answering(transport);
          const init = { method: "POST", body };
          const response = await (how === "init"
            ? session.fetch(server.origin, init)
            : session.fetch(new Request(server.origin, init)));
          const text = await response.text();
          assertEquals(response.status, 200, text);
          assertEquals(
            server.requests.map(({ target }) =>
              target
            ),
            ["/", "/next", "/guarded", "/guarded"],
          );
          const seen = (request: SeenRequest) => [
            request.body.toString("latin1"),
            request.headers.get("content-type") ?? null,
            request.headers.get("content-length") ?? null,
          ];
          for (const request of server.requests) assertEquals(seen(request), seen(server.requests[0]!));
          assertEquals(server.requests[0]!.headers.get("content-length"), `${server.requests[0]!.body.length}`);
        });
      }
    }

    it("a Request's body that is there has its length and is sent again, however large it is", async () => {
      await using server = await demandingServer(transport);
      await using session = answering(transport);
      for (const length of [limit, limit + 1, 300_000]) {
        for (const body of ["x".repeat(length), new Uint8Array(length)]) {
          server.requests.length = 0;
          const request = new Request(server.origin, { method: "POST", body });
          const again = new Request(request, { headers: { "x-own": "1" } });
          assertEquals(await (await session.fetch(again)).text(), `POST ${length}`);
          // The password is known from the second time on.
          assertGreaterOrEqual(server.requests.length, 3);
          const lengths = new Set(server.requests.map(({ headers }) => headers.get("content-length")));
          assertEquals([...lengths], [`${length}`]);
        }
      }
    });

    it("a Request's body that is larger than 64 KiB and not there is sent once, as a stream", async () => {
      await using server = await demandingServer(transport);
      await using session = answering(transport);
      for (const path of ["/next", "/guarded"]) {
        let pulls = 0;
        const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
          async pull(controller) {
            // Of what comes in later turns of the event loop nobody knows how much it is.
            await wait(1);
            if (++pulls <= 3) controller.enqueue(new Uint8Array(limit));
            else controller.close();
          },
        }, { highWaterMark: 0 });
        const init = { method: "POST", body, duplex: "half" } as RequestInit;
        await session.fetch(new Request(server.origin + path, init)).then((response) => response.text(), () => {});
        const [{ headers, target }] = server.requests.splice(0) as [SeenRequest];
        assertEquals([target, headers.has("content-length")], [path, false]);
      }
    });

    it("a Request is used at once, and not twice", async () => {
      await using server = await serverOn(transport, (_request, socket) => socket.write(reply("200 OK")));
      await using session = sessionOn(transport);
      const request = new Request(server.origin, { method: "POST", body: "abc" });
      const sending = session.fetch(request);
      assertStrictEquals(request.bodyUsed, true);
      assertEquals((await sending).status, 200);
      await assertRejects(() => session.fetch(request), TypeError);
      const other = new Request(server.origin, { method: "POST", body: "abc" });
      assertEquals((await session.fetch(other, { body: "instead" })).status, 200);
      assertEquals(server.requests.at(-1)!.body.toString(), "instead");
      await assertRejects(() => session.fetch(other, { method: "GET" }), TypeError, "GET");
      assertStrictEquals(other.bodyUsed, false);
    });

    it("a Request's body that is still being written is sent as it comes", async () => {
      let begun!: () => void;
      const hasBegun = new Promise<void>((resolve) => begun = resolve);
      await using server = await serverOn(transport, (request, socket) => {
        socket.write(reply("200 OK", request.body.toString()));
      }, { onHead: () => begun() });
      await using session = sessionOn(transport);
      let finish!: () => void;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          controller.enqueue(encoder.encode("early "));
          finish = () => {
            controller.enqueue(encoder.encode("late"));
            controller.close();
          };
        },
      });
      const init = { method: "POST", body, duplex: "half" } as RequestInit;
      const sending = session.fetch(new Request(server.origin, init));
      await hasBegun;
      finish();
      assertEquals(await (await sending).text(), "early late");
    });

    it("a Request's body that fails ends the fetch", async () => {
      await using server = await serverOn(transport, (_request, socket) => socket.write(reply("200 OK")));
      await using session = sessionOn(transport);
      for (const pause of [0, 60]) {
        const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
          async pull(controller) {
            await wait(pause);
            controller.error(new TypeError("the source broke"));
          },
        });
        const init = { method: "POST", body, duplex: "half" } as RequestInit;
        await assertRejects(() => session.fetch(new Request(server.origin, init)), TypeError);
      }
    });
  });
}

describe("the body of a Request", () => {
  it("is gathered up to a few MiB, though more is there, and goes on as a stream", async () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (pulls === 1024) return controller.close();
        controller.enqueue(new Uint8Array(limit).fill(pulls++));
      },
    }, { highWaterMark: 0 });
    const taken = await takeBody(
      new Request("http://a.example/", { method: "POST", body, duplex: "half" } as RequestInit),
    );
    assertInstanceOf(taken, ReadableStream);
    assertLess(pulls * limit, 6 << 20);
    const all = await new Response(taken as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
    assertEquals([all.byteLength, all[0], all[limit], all.at(-1)], [1024 * limit, 0, 1, 255]);
  });
});
