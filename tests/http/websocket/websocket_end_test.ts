// http/websocket/frame_stream.ts: close frames that come together with the end of the server's side.
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import type { Socket } from "node:net";
import { HttpSession, TlsDatabase, type WebSocketCloseEvent } from "../../../http/mod.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";
import { serverFrame, switching, type WebSocketServer, webSocketServer } from "../../_support/websocket_server.ts";

const CLOSE = Buffer.from([0x03, 0xe8]);

describe("A server that ends its side with the close frame", () => {
  let certificates: TestCertificates;
  let session: HttpSession;
  const servers: WebSocketServer[] = [];
  /** The first byte of what the client sends once it is open. */
  let answered: Promise<number | null>;

  before(async () => {
    certificates = await makeCertificates();
    session = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert) });
    for (const tls of [undefined, certificates.good]) {
      servers.push(
        await webSocketServer((handshake, socket) => {
          const frames = [serverFrame(0x81, "one"), serverFrame(0x81, "two"), serverFrame(0x88, CLOSE)];
          answered = firstByte(socket);
          const isBurst = handshake.target === "/burst";
          const head = Buffer.from(switching(handshake));
          if (isBurst) return void socket.end(Buffer.concat([head, ...frames]));
          socket.write(head);
          // The socket is open and listened to by then.
          setTimeout(() => socket.end(Buffer.concat(frames)), 50);
        }, tls),
      );
    }
  });

  after(async () => {
    await session.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
    await certificates.remove();
  });

  for (const [road, at] of [["ws:", 0], ["wss:", 1]] as const) {
    for (const [when, target] of [["on an open socket", "/later"], ["in one burst with the handshake", "/burst"]]) {
      it(`${when} is answered, by ${road}, and the socket closes cleanly`, async () => {
        const socket = await session.websocket(`${road}//localhost:${servers[at]!.port}${target}`);
        const messages: unknown[] = [];
        socket.addEventListener("message", ({ data }) => messages.push(data));
        const [{ code, wasClean }] = await once(socket, "close") as [WebSocketCloseEvent];
        assertEquals([messages, code, wasClean], [["one", "two"], 1000, true]);
        assertEquals(await answered, 0x88);
      });
    }
  }
});

function firstByte(socket: Socket): Promise<number | null> {
  return new Promise((resolve) => {
    socket.on("data", (bytes: Uint8Array) => resolve(bytes[0]!)).on("close", () => resolve(null)).resume();
  });
}
