// What failures say: which option asks for what cannot be had, and what became of the session.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  HttpError,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  HttpStatus,
  NotSupportedError,
  serverSentEvents,
  Timeouts,
  TlsDatabase,
} from "../../../http/mod.ts";
import { handshakeError } from "../../../http/transports/node/node_errors.ts";
import { openPrivateDatabase } from "../../../http/storage/private_database.ts";
import { type TransportChoice, TransportList } from "../../../http/transports/choice/select.ts";
import { FetchTransport } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports } from "../../_support/http_sessions.ts";
import { freePort } from "../../_support/server_programs.ts";
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
      assertMatch(error.message, /^error sending request for url \([^)]*\) with fetch: [ -~]+$/);
      assertInstanceOf(error.cause, Error);
    }
  });
});

describe('http2: "required" before a server that speaks no HTTP', () => {
  const answers: Record<string, [answer: string | Uint8Array, told: RegExp]> = {
    "greets as SSH": [
      "SSH-2.0-OpenSSH_9.2p1\r\n",
      /: the server begins with "SSH-2\.0-OpenSSH_9\.2p1\\r\\n", which is not/,
    ],
    "greets as SMTP": ["220 mail.example ESMTP\r\n", /: the server begins with "220 mail\.example ESMTP\\r\\n", which/],
    "speaks TLS": [new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x32]), /: the server speaks TLS; use https:$/],
    "begins with another frame": [new Uint8Array([0, 0, 0, 6, 0, 0, 0, 0, 0]), /does not begin with its settings/],
  };
  for (const [what, [answer, told]] of Object.entries(answers)) {
    it(`tells that it ${what}`, async () => {
      await using server = await socketServer(() => {}, { onConnection: (socket) => void socket.write(answer) });
      await using session = new HttpSession({ http2: "required" });
      const error = await assertRejects(() => session.fetch(server.origin), HttpError);
      assertMatch(error.message, told);
      assertEquals(error.status, HttpStatus.MALFORMED);
    });
  }
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

  it("is told without addresses in memory and lines of the library's sources", () => {
    for (
      const text of [
        "4093A4982F7F0000:error:0A000410:SSL routines:ssl3_read_bytes:handshake failure:../deps/x.c:918:SSL alert 40\n",
        "error:10000410:SSL routines:OPENSSL_internal:handshake failure",
      ]
    ) {
      const { message } = handshakeError(new Error(text), "a.example");
      assertEquals(message, "Cannot speak TLS with a.example: handshake failure");
    }
  });
});

describe("a transport that cannot carry a message", () => {
  const refusalOf = async (options: HttpSessionOptions, transport: TransportChoice = "fetch") => {
    await using session = new HttpSession({ transport, ...options });
    const error = await assertRejects(() => session.fetch("http://127.0.0.1:1/"), NotSupportedError);
    return error.message;
  };

  it("is told with what asks for it, and what to leave out where sockets can", async () => {
    const leave = /; leave out transport: "fetch", sockets can do it$/;
    const connect = await refusalOf({ features: [new Timeouts({ connect: 400 })] });
    assertMatch(connect, /lacks connectionEvents, which Timeouts\(\{ connect \}\) asks for;/);
    assertMatch(connect, leave);
    for (const options of [{ unixSocket: "/nowhere.sock" }, { lookup: () => [] }]) {
      assertMatch(await refusalOf(options), leave);
    }
    await using session = new HttpSession({ transport: "fetch" });
    const websocket = await assertRejects(() => session.websocket("ws://127.0.0.1:1/"), NotSupportedError);
    assertMatch(websocket.message, leave);
  });

  it("is told without that where it was not the word that chose it", async () => {
    const message = await refusalOf({ unixSocket: "/nowhere.sock" }, new FetchTransport());
    assertMatch(message, /lacks unixSocket$/);
  });
});

describe("a database of SQLite that cannot be opened", () => {
  it("is named, with what to do about its folder, and the system's code", () => {
    const path = "/no/such/folder/c.sqlite";
    const error = assertThrows(() => openPrivateDatabase(path, ""), Error);
    assertEquals(
      error.message,
      `Cannot open the database ${path}: no such file or directory (ENOENT); make its folder first`,
    );
    assertEquals((error as Error & { code?: string }).code, "ENOENT");
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

/** SETTINGS, which a server of HTTP/2 sends first (RFC 9113 §3.4), and GOAWAY for what it has got. */
const SETTINGS = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
const GOAWAY = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

for (const transport of transports) {
  describe(`a server that speaks something else, on ${transport}`, () => {
    const textOf = async (url: string, status: number, options: HttpSessionOptions = {}) => {
      await using session = sessionOn(transport, options);
      const error = await assertRejects(() => session.fetch(url), HttpError);
      assertEquals(error.status, status, error.message);
      assertMatch(error.message, /^error sending request for url \([^)]*\) with fetch: Cannot [^\n]+$/);
      return error.message;
    };

    it("over https: speaks plain HTTP, perhaps", async () => {
      await using plain = await socketServer(() => {}, {
        onConnection: (socket) => (socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), true),
      });
      const text = await textOf(`https://127.0.0.1:${plain.port}`, HttpStatus.TLS_FAILED);
      assertMatch(text, /Cannot speak TLS with 127\.0\.0\.1: the server .*; where it speaks plain HTTP, use http:$/);
    });

    it("over http: speaks HTTP/2 alone, and the option for that is named", async () => {
      await using server = await socketServer((_request, socket) =>
        void socket.end(new Uint8Array([...SETTINGS, ...GOAWAY]))
      );
      assertMatch(await textOf(server.origin, HttpStatus.MALFORMED), /Cannot read the response: .*http2: "required"/);
    });

    it("over http: speaks TLS", { skip: transport === "fetch" && "the runtimes do not tell" }, async () => {
      const alert = new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x32]);
      await using server = await socketServer(() => {}, { onConnection: (socket) => (socket.end(alert), true) });
      assertMatch(await textOf(server.origin, HttpStatus.MALFORMED), /: it is not HTTP\/1\.x but TLS; use https:$/);
    });

    it("shows a certificate of an authority that is not known, and what would trust it is named", async () => {
      const text = await textOf(`https://localhost:${tlsServer.port}`, HttpStatus.SSL_FAILED);
      assertMatch(
        text,
        /Cannot trust localhost: .*; to trust it, give the certificate of its authority as tlsDatabase$/,
      );
    });

    it("has a name that nobody knows", async () => {
      const text = await textOf("http://nowhere.invalid/", HttpStatus.CANT_RESOLVE);
      assertMatch(text, /Cannot find the address of nowhere\.invalid: \w+$/);
    });

    const proxyless = sessionOn(transport).capabilities.httpProxy ? false : "this transport uses no proxy";
    it("is behind a proxy that is dead, which is named", { skip: proxyless }, async () => {
      const proxy = `127.0.0.1:${await freePort()}`;
      for (const scheme of ["http", "https"]) {
        const text = await textOf(`${scheme}://origin.example/`, HttpStatus.CANT_CONNECT_PROXY, {
          proxyUri: `http://${proxy}`,
        });
        assertMatch(text, new RegExp(`Cannot connect to the proxy ${proxy}: ECONNREFUSED$`));
      }
    });
  });

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

    it("is told with what to do before it is closed", async () => {
      await using server = await routeServer({}, transport);
      const read = async () => {
        await using session = sessionOn(transport);
        return session.fetch(`${server.origin}/never`);
      };
      await assertRejects(read, HttpError, "await the response and read its body before that");
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
