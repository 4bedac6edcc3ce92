// A paused message sends no further piece of its body, whatever the body is.
import { assert, assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { HttpMessage, type HttpMessageInit } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, until } from "../../_support/http_sessions.ts";
import { reply, type SocketServer } from "../../_support/socket_server.ts";

const SIZE = 2 << 20;
const PIECE = 64 * 1024;

function form(): FormData {
  const fields = new FormData();
  fields.set("file", new Blob([new Uint8Array(SIZE)]), "file");
  return fields;
}

const bodies: Record<string, () => HttpMessageInit["body"]> = {
  "bytes": () => new Uint8Array(SIZE),
  "a string": () => "x".repeat(SIZE),
  "a Blob": () => new Blob([new Uint8Array(SIZE)]),
  "a form": form,
};

for (const transport of ["node", "h2"] as const) {
  describe(`a paused upload over ${transport}`, () => {
    let server: SocketServer;
    before(async () => {
      const count: Parameters<typeof routeServer>[0] = {
        "/count": ({ body }, socket) => socket.write(reply("200 OK", String(body.byteLength))),
      };
      server = await routeServer(count, transport);
    });
    after(() => server.close());

    for (const [kind, body] of Object.entries(bodies)) {
      for (const event of ["wrote-headers", "wrote-body-data"] as const) {
        it(`sends nothing until it is unpaused: ${kind}, paused at ${event}`, async () => {
          await using session = sessionOn(transport);
          const msg = new HttpMessage("PUT", `${server.origin}/count`, { body: body() });
          let sent = 0;
          msg.addEventListener("wrote-body-data", ({ chunk }) => sent += chunk.byteLength);
          msg.addEventListener(event, () => session.pauseMessage(msg), { once: true });
          const done = session.sendMessage(msg);
          await until(() => session.isPaused(msg));
          const before = sent;
          for (let turn = 0; turn < 20; turn++) await (await session.fetch(`${server.origin}/ok`)).text();
          assertEquals([sent, session.isPaused(msg)], [before, true]);
          assert(sent <= (event === "wrote-headers" ? 0 : PIECE), `${sent} bytes are out`);
          session.unpauseMessage(msg);
          assertEquals(await done, 200);
          assert(sent >= SIZE);
          assertEquals(new TextDecoder().decode(msg.responseBody), String(sent));
        });
      }
    }

    it("ends with its message", async () => {
      await using session = sessionOn(transport);
      const msg = new HttpMessage("PUT", `${server.origin}/count`, { body: new Uint8Array(SIZE) });
      msg.addEventListener("wrote-body-data", () => session.pauseMessage(msg), { once: true });
      const done = session.sendMessage(msg);
      await until(() => session.isPaused(msg));
      session.cancelMessage(msg);
      assertEquals(await done, 1);
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789");
    });
  });
}
