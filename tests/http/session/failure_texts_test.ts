// What failures say: which option asks for what cannot be had, and what became of the session.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  HttpError,
  HttpMessage,
  HttpSession,
  HttpStatus,
  NotSupportedError,
  serverSentEvents,
  TlsDatabase,
} from "../../../http/mod.ts";
import { handshakeError } from "../../../http/transports/node/node_errors.ts";
import { TransportList } from "../../../http/transports/choice/select.ts";
import { FetchTransport } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports } from "../../_support/http_sessions.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

let certificates: TestCertificates;
let tlsServer: SocketServer;
before(async () => {
  certificates = await makeCertificates();
  const { cert, key } = certificates.good;
  tlsServer = await socketServer((_request, socket) => void socket.write(reply("200 OK")), {
    tls: { cert, key, ALPNProtocols: ["http/1.1"] },
  });
});
after(async () => {
  await tlsServer.close();
  await certificates.remove();
});
const trusting = () => TlsDatabase.fromPem(certificates.ca.cert);

describe('http2: "required" before a server of HTTP/1.1', () => {
  it("is named, over http: and over https:", async () => {
    await using plain = await socketServer((_request, socket) => void socket.write(reply("200 OK")), {
      onConnection: (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
    });
    await using session = new HttpSession({ http2: "required", tlsDatabase: trusting() });
    for (const origin of [plain.origin, tlsServer.origin]) {
      const error = await assertRejects(() => session.fetch(origin), HttpError);
      assertMatch(error.message, /http2: "required"/);
      assertMatch(error.message, /^error sending request for url \([^)]*\): [ -~]+$/);
      assertInstanceOf(error.cause, Error);
    }
  });
});

describe("a handshake's error", () => {
  it("says once what could not be done", () => {
    const { message } = handshakeError(new Error("Cannot speak TLS with a.example: the peer is gone"), "a.example");
    assertEquals(message, "Cannot speak TLS with a.example: the peer is gone");
  });

  it("of a server that takes no protocol is told in the same words on every runtime", () => {
    for (
      const text of ["received fatal alert: NoApplicationProtocol", "SSL routines::tlsv1 alert no application protocol"]
    ) {
      const { cause, message } = handshakeError(new Error(text), "a.example");
      assertMatch(message, /http2: "required"/);
      assertEquals((cause as Error).message, text);
    }
  });
});

describe("a client certificate with the key of another", () => {
  it("is refused when it is set, and before the handshake where a function gives it", async () => {
    const { cert } = certificates.client;
    const { key } = certificates.good;
    const refusal = "its key is not the one that the cert is for";
    assertThrows(() => new HttpSession({ clientCertificate: { cert, key } }), TypeError, refusal);
    const tls = { clientCertificate: { cert, key } };
    assertThrows(() => new HttpMessage("GET", tlsServer.origin, { tls }), TypeError, refusal);
    let connections = 0;
    await using session = new HttpSession({ tlsDatabase: trusting(), clientCertificate: () => ({ cert, key }) });
    session.addEventListener("connection-created", () => connections++);
    await assertRejects(() => session.fetch(tlsServer.origin), TypeError, refusal);
    assertEquals(connections, 0);
  });
});

describe("sslCaFile", () => {
  it("that cannot be loaded is named where nobody is trusted for it", async () => {
    const sslCaFile = "/no/such/file.pem";
    await using session = new HttpSession({ sslCaFile });
    const error = await assertRejects(() => session.fetch(tlsServer.origin), HttpError);
    assertEquals(error.status, HttpStatus.SSL_FAILED);
    assertMatch(error.message, /sslCaFile could not be loaded from \/no\/such\/file\.pem/);
  });

  it("is named where the transport cannot keep it", () => {
    const needs = {
      tls: { strict: true, roots: trusting(), client: null },
      scheme: "https",
      method: "GET",
      proxy: null,
    };
    const list = new TransportList(new FetchTransport());
    const select = () => list.select({ requires: [], wishes: [], ...needs } as never);
    assertThrows(select, NotSupportedError, "pinnedRoots, which sslCaFile or tlsDatabase asks for");
  });
});

for (const transport of transports) {
  describe(`a session that closes, on ${transport}`, () => {
    it("is named by the body that is on its way, and by the fetch that has no answer", async () => {
      await using server = await routeServer({}, transport);
      for (const path of ["/half", "/never"]) {
        const read = async () => {
          await using session = sessionOn(transport);
          const fetching = session.fetch(server.origin + path);
          return path === "/never" ? fetching : (await fetching).text();
        };
        const error = await assertRejects(read, HttpError, "the session was closed");
        assertEquals([error.status, error.code], [HttpStatus.CANCELLED, "CANCELLED"]);
      }
    });

    it("ends an event stream, which is not opened again", async () => {
      await using server = await routeServer({
        "/events": (_request, socket) =>
          socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n"),
      }, transport);
      const session = sessionOn(transport);
      let reconnects = 0;
      const read = async () => {
        const options = { reconnectDelay: 0, onReconnect: () => void reconnects++ };
        for await (const { data } of serverSentEvents(session, `${server.origin}/events`, options)) {
          assert(data === "one");
          void session.close();
        }
      };
      await assertRejects(read, HttpError, "the session was closed");
      assertEquals(reconnects, 0);
    });
  });
}
