// Expect: 100-continue that is refused, and that has nothing to wait with (RFC 9110 §10.1.1).
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { HttpMessage, type HttpMessageInit, NotSupportedError } from "../../../http/mod.ts";
import { sessionOn } from "../../_support/http_sessions.ts";
import { serverOn } from "../../_support/http_server.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

const headers = { expect: "100-continue" };

/** Refuses every expectation, before the body is there; tells the body of requests without one. */
function refusing(transport: "node" | "h2"): Promise<SocketServer> {
  const isRefused = new WeakSet<object>();
  return serverOn(transport, ({ body, headers }, socket) => {
    if (!isRefused.has(headers)) socket.write(reply("200 OK", `${headers.has("expect")} ${body}`));
  }, {
    onHead: ({ headers }, socket) => {
      if (!headers.has("expect")) return;
      isRefused.add(headers);
      socket.write(reply("417 Expectation Failed", "no"));
    },
  });
}

function once(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("late"));
      controller.close();
    },
  });
}

for (const transport of ["node", "h2"] as const) {
  describe(`an expectation over ${transport}`, () => {
    const bodies: [kind: string, body: NonNullable<HttpMessageInit["body"]>][] = [
      ["bytes", new TextEncoder().encode("late")],
      ["a function that makes a stream", once],
    ];
    for (const [kind, body] of bodies) {
      it(`that is refused is dropped, and the request is made once more: ${kind}`, async () => {
        await using server = await refusing(transport);
        await using session = sessionOn(transport);
        const msg = new HttpMessage("POST", `${server.origin}/`, { body, headers });
        assertEquals(await session.sendMessage(msg), 200);
        assertEquals(new TextDecoder().decode(msg.responseBody), "false late");
        assertEquals([msg.metrics.attempts, msg.requestHeaders.has("expect")], [2, false]);
      });
    }

    it("that is refused is dropped for fetch, too", async () => {
      await using server = await refusing(transport);
      await using session = sessionOn(transport);
      const response = await session.fetch(`${server.origin}/`, { method: "POST", body: "late", headers });
      assertEquals([response.status, await response.text()], [200, "false late"]);
    });

    it("that is refused ends with 417 where the body can be read once", async () => {
      await using server = await refusing(transport);
      await using session = sessionOn(transport);
      const msg = new HttpMessage("POST", `${server.origin}/`, { body: once(), headers });
      assertEquals(await session.sendMessage(msg), 417);
      assertEquals(msg.metrics.attempts, 1);
    });

    it("is not sent where there is no content", async () => {
      await using server = await refusing(transport);
      await using session = sessionOn(transport);
      for (const init of [{}, { body: "" }, { body: new Uint8Array(0) }]) {
        const msg = new HttpMessage("PUT", `${server.origin}/`, { ...init, headers });
        assertEquals(await session.sendMessage(msg), 200);
        assertEquals([new TextDecoder().decode(msg.responseBody), msg.metrics.attempts], ["false ", 1]);
      }
    });
  });
}

describe("an expectation", () => {
  it("that a runtime's fetch cannot keep is refused, unless there is no content", async () => {
    await using server = await refusing("node");
    await using session = sessionOn("fetch");
    await assertRejects(
      () => session.fetch(`${server.origin}/`, { method: "PUT", body: "late", headers }),
      NotSupportedError,
    );
    const response = await session.fetch(`${server.origin}/`, { method: "PUT", body: "", headers });
    assertEquals(await response.text(), "false ");
  });
});
