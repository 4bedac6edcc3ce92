import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { NotSupportedError, TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import type { TlsSettings, Transport } from "../../../../http/transports/transport.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { type Requirements, TransportList } from "../../../../http/transports/choice/select.ts";
import { MaskingTls, maskTo } from "../../../_support/masking_tls.ts";
import { reply, type SocketServer, socketServer } from "../../../_support/socket_server.ts";
import { makeCertificates, type TestCertificate, type TestCertificates } from "../../../_support/tls_certificates.ts";
import {
  exchange,
  localTarget,
  RecordingObserver,
  requestFor,
  streamOf,
  textOf,
} from "../../../_support/transport_driver.ts";

const transport = new NodeTransport();
let certificates: TestCertificates;

before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

function tlsServer(certificate: TestCertificate, requestCert = false): Promise<SocketServer> {
  const { cert, key } = certificate;
  const client = requestCert ? { requestCert, ca: certificates.ca.cert } : {};
  return socketServer((request, socket) => void socket.write(reply("200 OK", `over TLS ${request.body}`)), {
    tls: { cert, key, ...client },
  });
}

/** One request; what it gave, and what the observer saw of TLS. */
async function attempt(server: SocketServer, tls: Partial<TlsSettings>, host = "localhost") {
  const roots = TlsDatabase.fromPem(certificates.ca.cert);
  const target = localTarget(server.port, {
    scheme: "https",
    host,
    tls: { strict: true, roots, client: null, ...tls },
  });
  const connection = transport.createConnection(target);
  const observer = new RecordingObserver();
  try {
    const text = await textOf(await exchange(connection, requestFor(target, "/"), observer));
    return { text, observer, error: null };
  } catch (error) {
    assert(error instanceof TransportError, String(error));
    return { text: null, observer, error };
  } finally {
    connection.close();
  }
}

describe("NodeTransport TLS", () => {
  it("shows the certificate, the protocol and the steps of a trusted connection", async () => {
    await using server = await tlsServer(certificates.good);
    const { text, observer } = await attempt(server, {});
    assertEquals(text, "over TLS ");
    const { certificate, errors, protocol, cipher } = observer.tls!;
    assertEquals(errors, []);
    assertEquals([protocol, cipher.startsWith("TLS_")], ["TLSv1.3", true]);
    assertEquals([certificate?.subject, certificate?.issuer], [
      "O=gp11, CN=localhost",
      "O=gp11, CN=gp11 test authority",
    ]);
    assertEquals(certificate?.altNames.slice(0, 2), ["DNS:localhost", "IP:127.0.0.1"]);
    assertEquals(certificate?.validFrom.toISOString(), "2024-01-01T00:00:00.000Z");
    assertEquals(certificate?.validTo.getUTCFullYear(), 2049);
    assertEquals(certificate?.fingerprint256.length, 95);
    assertEquals(certificate?.der.constructor, Uint8Array);
    assertEquals(observer.events.slice(4), [
      ...["tls-handshaking", "tls-handshaked", "tls-info", "complete", "wrote-headers", "wrote-body"],
    ]);
  });

  it("checks addresses against the certificate as it checks names", async () => {
    await using good = await tlsServer(certificates.good);
    assertEquals((await attempt(good, {}, "127.0.0.1")).text, "over TLS ");
    await using wrong = await tlsServer(certificates.wrongName);
    const { error } = await attempt(wrong, {}, "127.0.0.1");
    assertEquals([error?.status, error?.code], [HttpStatus.SSL_FAILED, "ERR_TLS_CERT_ALTNAME_INVALID"]);
  });

  it("refuses expired, misnamed and unknown certificates with all their problems, and sends nothing", async () => {
    const { expired, wrongName, good, ca, stranger } = certificates;
    const cases: [TestCertificate, string, string[]][] = [
      [expired, ca.cert, ["CERT_HAS_EXPIRED"]],
      [wrongName, ca.cert, ["ERR_TLS_CERT_ALTNAME_INVALID"]],
      [good, stranger.cert, ["UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
      [good, "", ["UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
    ];
    for (const [certificate, roots, problems] of cases) {
      await using server = await tlsServer(certificate);
      const { error, observer } = await attempt(server, { roots: TlsDatabase.fromPem(roots) });
      assertEquals([error?.status, error?.phase, observer.tls?.errors], [HttpStatus.SSL_FAILED, "connect", problems]);
      assertStringIncludes(error!.message, problems[0]!);
      assert(error!.cause instanceof Error);
      assert(observer.tls!.certificate !== null);
      assertEquals(server.requests.length, 0);
    }
  });

  it("trusts nobody with the runtime's own roots but those they vouch for", async () => {
    await using server = await tlsServer(certificates.good);
    for (const roots of [null, TlsDatabase.system]) {
      const { error } = await attempt(server, { roots });
      assertEquals(error?.status, HttpStatus.SSL_FAILED);
    }
  });

  it("accepts any certificate when told to, and still says what is wrong with it", async () => {
    const { expired, wrongName, good } = certificates;
    const ca = TlsDatabase.fromPem(certificates.ca.cert);
    const cases: [TestCertificate, TlsDatabase | null, string[]][] = [
      [good, ca, []],
      [expired, ca, ["CERT_HAS_EXPIRED"]],
      [wrongName, ca, ["ERR_TLS_CERT_ALTNAME_INVALID"]],
      [good, null, ["UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
      [good, TlsDatabase.fromPem(""), ["UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
    ];
    for (const [certificate, roots, problems] of cases) {
      await using server = await tlsServer(certificate);
      const { text, observer } = await attempt(server, { strict: false, roots });
      assertEquals([text, observer.tls?.errors], ["over TLS ", problems]);
    }
  });

  it("shows a client certificate to a server that asks, and reports the refusal of a missing one", async () => {
    await using server = await tlsServer(certificates.good, true);
    const { cert, key } = certificates.client;
    assertEquals((await attempt(server, { client: { cert, key } })).text, "over TLS ");
    const { error } = await attempt(server, {});
    assert(error !== null);
    assert(
      [HttpStatus.TLS_FAILED, HttpStatus.IO_ERROR].some((status) => status === error.status),
      String(error.status),
    );
    assertEquals(server.requests.length, 1);
  });

  it("fails cleanly when the key does not belong to the client certificate", async () => {
    await using server = await tlsServer(certificates.good, true);
    const { error } = await attempt(server, { client: { cert: certificates.client.cert, key: certificates.good.key } });
    assert(error !== null);
    assertEquals(server.requests.length, 0);
  });

  it("tells a server without TLS and one that hangs up from one with a bad certificate", async () => {
    await using plain = await socketServer(() => {}, {
      onConnection: (socket) => {
        socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        return true;
      },
    });
    assertEquals((await attempt(plain, {})).error?.status, HttpStatus.TLS_FAILED);
    await using closing = await socketServer(() => {}, {
      onConnection: (socket) => {
        socket.destroy();
        return true;
      },
    });
    assertEquals((await attempt(closing, {})).error?.status, HttpStatus.TLS_FAILED);
  });

  it("uses one connection for several requests, streams included", async () => {
    await using server = await tlsServer(certificates.good);
    const roots = TlsDatabase.fromPem(certificates.ca.cert);
    const target = localTarget(server.port, {
      scheme: "https",
      host: "localhost",
      tls: { strict: true, roots, client: null },
    });
    const connection = transport.createConnection(target);
    for (let i = 0; i < 5; i++) {
      const request = requestFor(target, "/", { method: "PUT", body: streamOf("part ", String(i)) });
      assertEquals(await textOf(await exchange(connection, request)), `over TLS part ${i}`);
    }
    assertEquals(server.connections, 1);
    connection.close();
  });

  it("carries a request over the stream a ClientTls makes", async () => {
    await using server = await socketServer((request, socket) =>
      void socket.write(reply("200 OK", `${request.body}`.toUpperCase()))
    );
    const client = new MaskingTls();
    await using masked = await socketServer(() => {}, {
      onConnection: (socket) => {
        maskTo(server.port, socket);
        return true;
      },
    });
    const target = localTarget(masked.port, {
      scheme: "https",
      host: "localhost",
      tls: { strict: true, roots: null, client },
    });
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    for (let i = 0; i < 3; i++) {
      const request = requestFor(target, "/", { method: "PUT", body: streamOf("hidden ", "text") });
      assertEquals(await textOf(await exchange(connection, request, observer)), "HIDDEN TEXT");
    }
    assertEquals([client.handshakes, client.host, server.connections], [1, "localhost", 1]);
    assertEquals(observer.tls?.protocol, "mask");
    connection.close();
  });

  it("refuses what a ClientTls reports as untrusted", async () => {
    await using server = await socketServer(() => {});
    const client = new MaskingTls(["CERT_HAS_EXPIRED"]);
    const { error } = await attempt(server, { client });
    assertEquals([error?.status, error?.code], [HttpStatus.SSL_FAILED, "CERT_HAS_EXPIRED"]);
  });

  it("does not wait for a ClientTls once the connection is closed", async () => {
    await using server = await socketServer(() => {}, { onConnection: () => true });
    const client = { connect: () => new Promise<never>(() => {}) };
    const tls = { strict: true, roots: null, client };
    const target = localTarget(server.port, { scheme: "https", host: "localhost", tls });
    const connection = transport.createConnection(target);
    const reason = new Error("enough");
    const sending = exchange(connection, requestFor(target, "/"));
    setTimeout(() => connection.close(reason), 30);
    assertEquals(await sending.catch((error) => error), reason);
    for (const socket of server.open) if (!socket.destroyed) await once(socket.resume(), "close");
    assertEquals(server.open.size, 0);
  });

  it("passes on what a ClientTls throws as the cause of a failed handshake", async () => {
    await using server = await socketServer(() => {});
    const broken = new Error("the token was removed");
    const { error } = await attempt(server, { client: { connect: () => Promise.reject(broken) } });
    assertEquals([error?.status, error?.cause], [HttpStatus.TLS_FAILED, broken]);
    await assertRejects(() => Promise.reject(error), TransportError, "the token was removed");
  });

  it("sends the chunks of a long body as they are, with TLS and without", async () => {
    // Longer and shorter ones in turns, each of its own letter, and more than sockets hold.
    const pieces = Array.from({ length: 26 }, (_, at) => String.fromCharCode(97 + at).repeat(at % 3 * 30_000 + 40_000));
    for (const scheme of ["http", "https"] as const) {
      const { cert, key } = certificates.good;
      await using server = await socketServer(
        (_request, socket) => void socket.write(reply("200 OK")),
        scheme === "https" ? { tls: { cert, key } } : {},
      );
      const roots = TlsDatabase.fromPem(certificates.ca.cert);
      const target = localTarget(server.port, {
        scheme,
        host: "localhost",
        tls: { strict: true, roots, client: null },
      });
      const connection = transport.createConnection(target);
      for (let again = 0; again < 2; again++) {
        await textOf(await exchange(connection, requestFor(target, "/", { method: "PUT", body: streamOf(...pieces) })));
      }
      connection.close();
      const text = pieces.join("");
      assertEquals(server.requests.map(({ body }) => body.toString("latin1") === text), [true, true]);
    }
  });

  it("holds a server back whose response nobody reads", async () => {
    const { cert, key } = certificates.good;
    const piece = new Uint8Array(1 << 16);
    const most = 96 << 20;
    let sent = 0;
    await using server = await socketServer(({ target }, socket) => {
      if (target === "/small") return void socket.write(reply("200 OK", "small"));
      const more = (): void => {
        while (sent < most && !socket.destroyed) {
          sent += piece.length;
          if (!socket.write(piece)) return;
        }
      };
      socket.on("drain", more);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${most}\r\n\r\n`);
      more();
    }, { tls: { cert, key } });
    const tlsDatabase = TlsDatabase.fromPem(certificates.ca.cert);
    await using session = new HttpSession({ transport: "node", http2: false, tlsDatabase });
    const origin = `https://localhost:${server.port}`;
    const reader = (await session.fetch(`${origin}/large`)).body!.getReader();
    let read = (await reader.read()).value!.length;
    // As long as the server gets anything out, and some turns of the event loop more.
    for (let last = -1, quiet = 0; quiet < 50 && sent < most; quiet = sent === last ? quiet + 1 : 0) {
      last = sent;
      await (await session.fetch(`${origin}/small`)).text();
    }
    assertLess(sent, most);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read += value.length;
    }
    assertEquals(read, most);
  });
});

describe("a transport that cannot encrypt", () => {
  it("carries http: alone: another takes https: whatever is wished, and without another it is refused by name", () => {
    const bare = { ...transport.capabilities, name: "bare", tls: false, informational: true };
    const other = { ...transport.capabilities, name: "other", informational: false };
    const [plain, encrypting] = [bare, other].map((capabilities): Transport => ({
      capabilities,
      createConnection: (target) => transport.createConnection(target),
    }));
    const needs: Requirements = {
      scheme: "https",
      method: "GET",
      hasBody: false,
      hasBodyLength: false,
      proxy: null,
      unixSocket: false,
      lookup: false,
      tls: { strict: true, roots: null, client: null },
      expectContinue: false,
      informational: true,
      host: false,
      requires: [],
    };
    const list = new TransportList([plain!, encrypting!]);
    assertEquals(list.select(needs).capabilities.name, "other");
    assertEquals(list.select({ ...needs, scheme: "http", tls: null }).capabilities.name, "bare");
    const proxy = { uri: new URL("https://proxy.example:3128"), scheme: "https" };
    assertEquals(list.select({ ...needs, scheme: "http", tls: null, proxy }).capabilities.name, "other");
    assertThrows(() => new TransportList([plain!]).select(needs), NotSupportedError, "bare lacks tls");
  });
});
