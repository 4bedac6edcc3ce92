// The bodies of redirects and of refusals that are answered: read within bounds, or their connection is given up.
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import { describe, it } from "node:test";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";

const isFetchPooled = Boolean(process.versions["bun"] || process.versions["deno"]);
const choices = isFetchPooled ? ["fetch", "node"] as const : ["node"] as const;
const piece = `10000\r\n${"x".repeat(65536)}\r\n`;

/** Writes chunks as long as anybody takes them. */
function endless(socket: Socket, sent: { bytes: number }): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece)) sent.bytes += 65536;
  };
  socket.on("drain", more);
  more();
}

/** A server whose redirect (/302) and refusal (/401) have a body by `write`. */
function server(write: (socket: Socket) => void, fields: string[] = ["Transfer-Encoding: chunked"]) {
  return socketServer(({ headers, target }, socket) => {
    if (target === "/end" || headers.has("authorization")) return void socket.write(reply("200 OK", "end"));
    const first = target === "/401"
      ? ['401 No\r\nWWW-Authenticate: Basic realm="r"']
      : ["302 Found\r\nLocation: /end#here"];
    socket.write(`HTTP/1.1 ${[...first, ...fields].join("\r\n")}\r\n\r\n`);
    write(socket);
  });
}

for (const transport of choices) {
  describe(`bodies of responses that another attempt follows, over ${transport}`, () => {
    const answering = () => {
      const session = new HttpSession({ transport });
      session.addEventListener("authenticate", ({ auth }) => auth.authenticate("user", "secret"));
      return session;
    };

    for (const path of ["/302", "/401"]) {
      it(`${path}: one without an end is given up with its connection`, async () => {
        const sent = { bytes: 0 };
        await using origin = await server((socket) => endless(socket, sent));
        await using session = answering();
        assertEquals(await (await session.fetch(origin.origin + path)).text(), "end");
        const msg = new HttpMessage("GET", origin.origin + path);
        assertEquals(await session.sendMessage(msg), 200);
        assertEquals(new TextDecoder().decode(msg.responseBody), "end");
        assert(sent.bytes < 64 << 20, `${sent.bytes} bytes went out`);
        assertEquals(session.connections.length, 1);
      });

      it(`${path}: one that stalls is not waited for`, async () => {
        await using origin = await server((socket) => socket.write("1\r\nx\r\n"));
        await using session = answering();
        assertEquals(await (await session.fetch(origin.origin + path)).text(), "end");
        assertEquals(await session.sendMessage(new HttpMessage("GET", origin.origin + path)), 200);
      });

      it(`${path}: a small one is read, and its connection kept`, async () => {
        await using origin = await server((socket) => socket.write("small"), ["Content-Length: 5"]);
        await using session = answering();
        assertEquals(await (await session.fetch(origin.origin + path)).text(), "end");
        assertEquals(await session.sendMessage(new HttpMessage("GET", origin.origin + path)), 200);
        assertEquals(origin.connections, 1);
      });
    }

    it("one whose length says that it is large is not begun", async () => {
      await using origin = await server((socket) => socket.write(Buffer.alloc(1000)), ["Content-Length: 65537"]);
      await using session = answering();
      const msg = new HttpMessage("GET", `${origin.origin}/302`);
      const seen: string[] = [];
      for (const event of ["got-chunk", "got-body", "restarted"] as const) {
        msg.addEventListener(event, () => seen.push(`${event} ${msg.statusCode}`));
      }
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(seen, ["restarted 302", "got-chunk 200", "got-body 200"]);
      assertEquals(origin.connections, 2);
    });
  });
}
