import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { checkClientCertificate, clientCertificateFor, isClientTls } from "../../../http/transports/client_tls.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { TlsDatabase } from "../../../http/transports/tls_database.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { MaskingTls, maskTo } from "../../_support/masking_tls.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

let certificates: TestCertificates;

before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

function pemOf(label: string, bytes: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString("base64")}\n-----END ${label}-----`;
}

describe("TlsDatabase", () => {
  it("reads the certificates of PEM texts, whatever stands between them", () => {
    const { ca, stranger } = certificates;
    const database = TlsDatabase.fromPem(`# roots\n${ca.cert}\nsubject=x\n${stranger.cert.replaceAll("\n", "\r\n")}`);
    assertEquals([database.size, database.isSystem], [2, false]);
    const subjects = database.pem().map((pem) => new X509Certificate(pem).subject);
    assertEquals(subjects, ["O=gp11\nCN=gp11 test authority", "O=gp11\nCN=somebody else's authority"]);
    assertEquals(TlsDatabase.fromPem([ca.cert, stranger.cert]).pem(), database.pem());
  });

  it("reads files, and tells which cannot be read and why", () => {
    assertEquals(TlsDatabase.fromFile(certificates.ca.certFile).size, 1);
    const error = assertThrows(() => TlsDatabase.fromFile("/no/such/file.pem"), Error);
    assertEquals((error as Error & { code?: string }).code, "ENOENT");
    const text = "Cannot read the certificates in /no/such/file.pem: no such file or directory (ENOENT)";
    assertEquals(error.message, text);
    assertThrows(() => TlsDatabase.fromFile(certificates.ca.keyFile), TypeError, "no PEM certificate");
  });

  it("takes DER in every shape, and objects that have it", () => {
    const der = new X509Certificate(certificates.ca.cert).raw;
    const bytes = new Uint8Array(der);
    const padded = new Uint8Array([...bytes, 0, 0]).buffer;
    const database = TlsDatabase.fromCertificates([
      bytes,
      bytes.buffer,
      new DataView(bytes.buffer),
      { der: bytes },
      padded,
    ]);
    assertEquals(new Set(database.pem()).size, 1);
    assertEquals(database.pem(), Array(5).fill(TlsDatabase.fromPem(certificates.ca.cert).pem()[0]));
  });

  it("takes no authority for a root that is rejected for servers, or trusted for other things only", async () => {
    const { ca, directory, stranger } = certificates;
    const trusted = async (...words: string[]) => {
      const { stdout } = await promisify(execFile)("openssl", ["x509", "-in", ca.certFile, "-trustout", ...words], {
        cwd: directory,
      });
      assertStringIncludes(stdout, "BEGIN TRUSTED CERTIFICATE");
      return stdout;
    };
    const plain = TlsDatabase.fromPem(ca.cert).pem();
    for (
      const words of [[], ["-setalias", "x"], ["-addtrust", "serverAuth"], ["-addtrust", "anyExtendedKeyUsage"], [
        "-addreject",
        "emailProtection",
      ], ["-addtrust", "emailProtection", "-addtrust", "serverAuth"]]
    ) assertEquals([words, TlsDatabase.fromPem(await trusted(...words)).pem()], [words, plain]);
    for (
      const words of [
        ["-addreject", "serverAuth"],
        ["-addreject", "anyExtendedKeyUsage"],
        ["-addtrust", "emailProtection"],
        ["-addtrust", "serverAuth", "-addreject", "serverAuth"],
        ["-setalias", "x", "-addreject", "serverAuth"],
      ]
    ) {
      const text = await trusted(...words);
      assertEquals([words, TlsDatabase.fromPem(text).size], [words, 0]);
      // A rejection counts whatever else is said of the same certificate, in the same text or another one.
      assertEquals(TlsDatabase.fromPem(`${ca.cert}\n${text}\n${stranger.cert}`).size, 1);
      assertEquals(TlsDatabase.fromPem([ca.cert, text]).size, 0);
    }
    const bytes = Buffer.from((await trusted("-addreject", "serverAuth")).replace(/-----[^-]+-----|\s/g, ""), "base64");
    for (const damaged of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from([0])])]) {
      const text = `-----BEGIN TRUSTED CERTIFICATE-----\n${
        damaged.toString("base64")
      }\n-----END TRUSTED CERTIFICATE-----`;
      assertThrows(() => TlsDatabase.fromPem(text), TypeError, "trust data is damaged");
    }
    const certificate = bytes.subarray(0, new X509Certificate(ca.cert).raw.length);
    const server = "300a06082b06010505070301";
    for (
      const [content, size] of [
        ["", 1],
        ["3000", 0], // OpenSSL: an empty list trusts for nothing.
        [server, 1],
        ["a00a06082b06010505070304", 1],
        [`${server}0c0178`, 1],
        [`a00a06082b06010505070304${server}`, null], // out of order
        [`${server}${server}`, null],
        [`a00a06082b06010505070304a00a06082b06010505070301`, null],
        [`${server}0500`, null],
        [`300a06082b06010505070381`, null], // an object identifier that is cut short
        [`a00a06082b06010505070381`, null],
        [`a0020500`, null],
      ] as const
    ) {
      const auxiliary = Buffer.concat([Buffer.from([0x30, content.length / 2]), Buffer.from(content, "hex")]);
      const text = pemOf("TRUSTED CERTIFICATE", Buffer.concat([certificate, auxiliary]));
      if (size === null) assertThrows(() => TlsDatabase.fromPem(text), TypeError, "trust data is damaged");
      else assertEquals([content, TlsDatabase.fromPem(text).size], [content, size]);
    }
  });

  it("loses no rejection with a block that is cut off or garbled", async () => {
    const { ca, directory } = certificates;
    const words = ["x509", "-in", ca.certFile, "-trustout", "-addreject", "serverAuth"];
    const { stdout } = await promisify(execFile)("openssl", words, { cwd: directory });
    const lines = stdout.trim().split("\n");
    for (let count = 1; count < lines.length; count++) {
      for (
        const text of [
          `${ca.cert}\n${lines.slice(0, count).join("\n")}`,
          `${lines.slice(0, count).join("\n")}\n${ca.cert}`,
        ]
      ) {
        assertThrows(() => TlsDatabase.fromPem(text), TypeError, "damaged");
      }
    }
    const length = new X509Certificate(ca.cert).raw.length;
    const bytes = Buffer.from(lines.slice(1, -1).join(""), "base64");
    const padded = `${bytes.subarray(0, length - length % 3 + 3).toString("base64")}`;
    for (
      const body of [
        `${bytes.subarray(0, length).toString("base64")}=${bytes.subarray(length).toString("base64")}`,
        `${padded}-`,
        `${padded}!!!!`,
        padded.slice(0, -1),
      ]
    ) {
      const text = `-----BEGIN TRUSTED CERTIFICATE-----\n${body}\n-----END TRUSTED CERTIFICATE-----`;
      assertThrows(() => TlsDatabase.fromPem(`${ca.cert}\n${text}`), TypeError, "Cannot read the certificate");
    }
    // What is no OpenSSL form has nothing behind the certificate that could be passed over.
    assertThrows(() => TlsDatabase.fromPem(pemOf("CERTIFICATE", bytes)), TypeError, "something behind it");
  });

  it("may be empty", () => {
    assertEquals(
      [TlsDatabase.fromPem("").size, TlsDatabase.fromPem(" \n").size, TlsDatabase.fromCertificates([]).size],
      [0, 0, 0],
    );
  });

  it("refuses what is no certificate, and says which", () => {
    assertThrows(() => TlsDatabase.fromPem("not PEM"), TypeError, "no PEM certificate");
    assertThrows(() => TlsDatabase.fromPem(certificates.ca.key), TypeError, "no PEM certificate");
    const broken = certificates.ca.cert.replace(/\n[^\n]{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
    assertThrows(() => TlsDatabase.fromPem(certificates.stranger.cert + broken), TypeError, "certificate 1");
    assertThrows(() => TlsDatabase.fromCertificates([new Uint8Array([0x30, 3, 1, 2, 3])]), TypeError, "certificate 0");
    for (const bytes of [[], [0x30], [0x30, 0x84], [0x30, 0x85, 0, 0, 0, 0, 0], [0x31, 0], [0x30, 0x7f]]) {
      assertThrows(() => TlsDatabase.fromCertificates([new Uint8Array(bytes)]), TypeError, "not DER");
    }
    assertThrows(() => TlsDatabase.fromCertificates(["x" as unknown as Uint8Array]), TypeError, "neither bytes");
  });

  it("knows the system's store, once", () => {
    const { system } = TlsDatabase;
    assert(system.isSystem);
    assert(system.size > 50, `${system.size} certificates`);
    assertStrictEquals(system.pem(), system.pem());
    assertStringIncludes(system.pem()[0]!, "-----BEGIN CERTIFICATE-----");
  });

  it("decides on every transport whom a session trusts", async () => {
    const { cert, key } = certificates.good;
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK", "in")), {
      tls: { cert, key },
    });
    const url = server.origin.replace("127.0.0.1", "localhost");
    const databases: [TlsDatabase | null, number][] = [
      [TlsDatabase.fromPem(certificates.ca.cert), 200],
      [TlsDatabase.fromPem([certificates.stranger.cert, certificates.ca.cert]), 200],
      [TlsDatabase.fromPem(certificates.stranger.cert), HttpStatus.SSL_FAILED],
      [TlsDatabase.fromPem(""), HttpStatus.SSL_FAILED],
      [TlsDatabase.system, HttpStatus.SSL_FAILED],
      [null, HttpStatus.SSL_FAILED],
    ];
    for (const transport of ["auto", "node"] as const) {
      for (const [tlsDatabase, status] of databases) {
        await using session = new HttpSession({ transport, tlsDatabase });
        const msg = new HttpMessage("GET", url);
        assertEquals([transport, tlsDatabase?.size, await session.sendMessage(msg)], [
          transport,
          tlsDatabase?.size,
          status,
        ]);
        if (status !== 200) assert(msg.error instanceof Error && msg.reasonPhrase !== "");
      }
    }
  });
});

describe("TlsDatabase and the runtime's own roots", () => {
  it("replaces them: an empty database trusts nobody, not even whom the runtime trusts", async () => {
    const { cert, key } = certificates.good;
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")), {
      tls: { cert, key },
    });
    const url = server.origin.replace("127.0.0.1", "localhost");
    const program = new URL("../../_support/trust_program.ts", import.meta.url);
    const environment = { NODE_EXTRA_CA_CERTS: certificates.ca.certFile };
    const child = startProgram(program, [url, certificates.stranger.certFile], environment);
    let output = "";
    child.stdout?.on("data", (chunk) => output += chunk);
    await programEnd(child);
    const refused = HttpStatus.SSL_FAILED;
    assertEquals(JSON.parse(output), [[200, 200, refused, refused], [200, 200, refused, refused]]);
  });
});

describe("clientCertificate", () => {
  it("is PEM, a ClientTls, or a function of the origin", () => {
    const { cert, key } = certificates.client;
    const tls = { connect: () => Promise.reject(new Error("unused")) };
    for (const option of [null, { cert, key }, tls, () => null]) checkClientCertificate(option);
    assert(isClientTls(tls));
    const byOrigin = (origin: string) => origin === "https://a.example" ? { cert, key } : null;
    assertEquals(clientCertificateFor(byOrigin, "https://a.example"), { cert, key });
    assertEquals(clientCertificateFor(byOrigin, "https://b.example"), null);
  });

  it("refuses everything else when it is set", () => {
    const { cert, key } = certificates.client;
    const uri = "pkcs11:token=t;object=k;type=private";
    const error = assertThrows(() => checkClientCertificate({ cert, key: uri }), TypeError, "tokenCertificate");
    assert(!error.message.includes("object=k"));
    assertThrows(() => checkClientCertificate({ cert: uri, key }), TypeError, "tokenCertificate");
    assertThrows(() => checkClientCertificate({ cert: "token.pem", key: uri }), TypeError, "tokenCertificate");
    assertThrows(() => checkClientCertificate({ cert, key: cert }), TypeError, "its key contains no PEM private key");
    assertThrows(() => checkClientCertificate({ cert: key, key }), TypeError, "its cert contains no PEM certificate");
    assertThrows(() => checkClientCertificate({ cert, key: 5 as unknown as string }), TypeError, "number");
    assertThrows(() => checkClientCertificate("x" as unknown as null), TypeError, "string");
    assertThrows(() => new HttpSession({ clientCertificate: { cert, key: uri } }), TypeError, "tokenCertificate");
    assertThrows(
      () => clientCertificateFor(() => ({ cert, key: uri }), "https://a.example"),
      TypeError,
      "tokenCertificate",
    );
  });

  it("may be a ClientTls: such messages go to the transport that can use one", async () => {
    await using server = await socketServer((request, socket) =>
      void socket.write(reply("200 OK", `saw ${request.body}`))
    );
    await using masked = await socketServer(() => {}, {
      onConnection: (socket) => {
        maskTo(server.port, socket);
        return true;
      },
    });
    const url = `https://localhost:${masked.port}/`;
    const client = new MaskingTls();
    for (const clientCertificate of [client, (origin: string) => origin === new URL(url).origin ? client : null]) {
      await using session = new HttpSession({ clientCertificate });
      for (const body of ["one", "two"]) {
        const msg = new HttpMessage("PUT", url, { body });
        assertEquals([await session.sendMessage(msg), new TextDecoder().decode(msg.responseBody)], [
          200,
          `saw ${body}`,
        ]);
      }
      assertEquals(await (await session.fetch(url, { method: "PUT", body: "three" })).text(), "saw three");
    }
    assertEquals([client.handshakes, client.host], [2, "localhost"]);
  });

  it("is shown by every transport to a server that asks", async () => {
    const { cert, key } = certificates.good;
    const tls = { cert, key, ca: certificates.ca.cert, requestCert: true };
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")), { tls });
    const url = server.origin.replace("127.0.0.1", "localhost");
    const client = { cert: certificates.client.cert, key: certificates.client.key };
    const tlsDatabase = TlsDatabase.fromPem(certificates.ca.cert);
    for (const transport of ["auto", "node"] as const) {
      for (const clientCertificate of [client, (origin: string) => origin === new URL(url).origin ? client : null]) {
        await using session = new HttpSession({ transport, tlsDatabase, clientCertificate });
        assertEquals(await session.sendMessage(new HttpMessage("GET", url)), 200);
      }
      await using without = new HttpSession({ transport, tlsDatabase });
      const refused = new HttpMessage("GET", url);
      await without.sendMessage(refused);
      assert(refused.statusCode > 0 && refused.statusCode < 100, String(refused.statusCode));
    }
    await assertRejects(async () => {
      await using session = new HttpSession({ tlsDatabase });
      await session.fetch(url);
    }, TypeError);
  });
});
