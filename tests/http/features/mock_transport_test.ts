import { assert, assertEquals, assertIsError, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { TransportError } from "../../../http/errors.ts";
import { HttpError } from "../../../http/message/http_error.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { MockTransport } from "../../../http/features/mock_transport.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { until } from "../../_support/http_sessions.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

const NOBODY = "http://nobody.invalid/";

describe("MockTransport", () => {
  it("answers messages and fetches in place of a server, with every event", async () => {
    for (const transport of ["auto", "node"] as const) {
      const mock = new MockTransport((request) => new Response(`${request.method} ${new URL(request.url).pathname}`));
      await using session = new HttpSession({ transport, features: [mock] });
      const events: string[] = [];
      for (const type of ["request-queued", "connection-created", "request-started", "request-unqueued"] as const) {
        session.addEventListener(type, () => events.push(type));
      }
      const msg = new HttpMessage("PROPFIND", `${NOBODY}path`);
      for (const type of ["wrote-headers", "wrote-body", "got-headers", "got-chunk", "got-body", "finished"] as const) {
        msg.addEventListener(type, () => events.push(type));
      }
      assertEquals([await session.sendMessage(msg), new TextDecoder().decode(msg.responseBody)], [
        200,
        "PROPFIND /path",
      ]);
      assertEquals(events, [
        ...["request-queued", "connection-created", "request-started", "wrote-headers", "wrote-body", "got-headers"],
        ...["got-chunk", "got-body", "finished", "request-unqueued"],
      ]);
      assertEquals(await (await session.fetch(`${NOBODY}other`)).text(), "GET /other");
    }
  });

  it("shows the handler the request as it would be sent", async () => {
    const bodies: string[] = [];
    const mock = new MockTransport(async (request) => {
      bodies.push(`${request.method} ${await request.text()} ${request.headers.get("user-agent")}`);
      return Response.json({ ok: true }, { status: 201 });
    });
    await using session = new HttpSession({ features: [mock], userAgent: "tester/1" });
    const send = (method: string, body: HttpMessage["requestBody"]) =>
      session.sendMessage(new HttpMessage(method, `${NOBODY}?q#fragment`, { body }));
    const stream = () =>
      new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("streamed"));
          controller.close();
        },
      });
    const statuses = [
      await send("POST", new TextEncoder().encode("bytes")),
      await send("PATCH", stream),
      await send("VERSION-CONTROL", stream()),
      await send("GET", null),
      await send("TRACE", null),
    ];
    assertEquals(statuses, [201, 201, 201, 201, 201]);
    assertEquals(bodies, [
      ...["POST bytes tester/1", "PATCH streamed tester/1", "VERSION-CONTROL streamed tester/1"],
      ...["GET  tester/1", "TRACE  tester/1"],
    ]);
    assertEquals(mock.requests.map(({ url }) => url), Array(5).fill(`${NOBODY}?q`));
    assert(mock.requests.every(({ answered, headers }) => answered && headers.get("user-agent") === "tester/1"));
    mock.reset();
    assertEquals(mock.requests, []);
  });

  it("follows redirects and holds to the limits of the session", async () => {
    let running = 0;
    let most = 0;
    const mock = new MockTransport(async (request) => {
      if (request.url.endsWith("/first")) return new Response(null, { status: 302, headers: { location: "/second" } });
      most = Math.max(most, ++running);
      // The first wait until as many run as may; whatever else could run then comes within a turn.
      await until(() => most >= 3);
      await new Promise((resolve) => setTimeout(resolve));
      running--;
      return new Response("second");
    });
    await using session = new HttpSession({ features: [mock], maxConnsPerHost: 3 });
    const messages = Array.from({ length: 12 }, () => new HttpMessage("GET", `${NOBODY}first`));
    await Promise.all(messages.map((msg) => session.sendMessage(msg)));
    assertEquals([new Set(messages.map((msg) => msg.statusCode)), most], [new Set([200]), 3]);
    assertEquals(messages[0]!.uri.pathname, "/second");
  });

  it("passes on what the handler does not answer, the body untouched", async () => {
    for (const transport of ["auto", "node"] as const) {
      await using server = await socketServer((request, socket) =>
        void socket.write(reply("200 OK", `real ${request.body}`))
      );
      const mock = new MockTransport((request) => request.url.includes("mocked") ? new Response("mocked") : null);
      await using session = new HttpSession({ transport, features: [mock] });
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("kept"));
          controller.close();
        },
      });
      const msg = new HttpMessage("POST", server.origin, { body });
      assertEquals([await session.sendMessage(msg), new TextDecoder().decode(msg.responseBody)], [200, "real kept"]);
      assertEquals(await (await session.fetch(`${server.origin}/mocked`)).text(), "mocked");
      assertEquals(mock.requests.map(({ answered }) => answered), [false, true]);
      assertEquals(server.requests.length, 1);
    }
  });

  it("can keep every request off the network", async () => {
    await using session = new HttpSession({ features: [new MockTransport(() => null, { unanswered: "fail" })] });
    const msg = new HttpMessage("GET", NOBODY);
    assertEquals(await session.sendMessage(msg), HttpStatus.CANT_CONNECT);
    assertIsError(msg.error, TransportError, "the mock has no response");
    const error = await assertRejects(() => session.fetch(NOBODY), HttpError);
    assertEquals(error.status, HttpStatus.CANT_CONNECT);
  });

  it("turns what the handler throws into a failure of that message alone", async () => {
    const broken = new Error("no such fixture");
    const mock = new MockTransport((request) => {
      if (request.url.endsWith("/bad")) throw broken;
      return new Response("fine");
    });
    await using session = new HttpSession({ features: [mock] });
    const msg = new HttpMessage("GET", `${NOBODY}bad`);
    assertEquals([await session.sendMessage(msg), msg.error], [HttpStatus.IO_ERROR, broken]);
    assertEquals(await session.sendMessage(new HttpMessage("GET", NOBODY)), 200);
  });

  it("refuses handlers and answers that are none", async () => {
    assertThrows(() => new MockTransport("x" as unknown as () => null), TypeError, "function");
    const used = new Response("x");
    await used.text();
    for (const answer of [used, "text" as unknown as Response]) {
      await using session = new HttpSession({ features: [new MockTransport(() => answer)] });
      const msg = new HttpMessage("GET", NOBODY);
      assertEquals(await session.sendMessage(msg), HttpStatus.IO_ERROR);
      assertIsError(msg.error, TypeError, "Cannot answer with");
    }
  });

  it("can be left out of a message", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK", "real")));
    await using session = new HttpSession({ features: [new MockTransport(() => new Response("mocked"))] });
    const msg = new HttpMessage("GET", server.origin);
    msg.disableFeature(MockTransport);
    assertEquals([await session.sendMessage(msg), new TextDecoder().decode(msg.responseBody)], [200, "real"]);
  });
});
