import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { HttpMessage, HttpSession, HttpStatus, MessageFlags, TlsDatabase } from "../../../http/mod.ts";
import { altNamesOf, isNamed } from "../../../internal/x509/certificate_names.ts";
import { originWorker } from "../../_support/origin_worker.ts";
import { certificateFor, makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

function der(tag: number, ...contents: (Uint8Array | string)[]): Buffer {
  const content = Buffer.concat(contents.map((part) => typeof part === "string" ? Buffer.from(part, "latin1") : part));
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const dns = (name: string) => der(0x82, name);
const address = (...bytes: number[]) => der(0x87, Buffer.from(bytes));
const altNames = (...names: Buffer[]) => der(0x30, der(0x06, "\x55\x1d\x11"), der(0x04, der(0x30, ...names)));
const usage = der(0x30, der(0x06, "\x55\x1d\x0f"), der(0x01, "\xff"), der(0x04, der(0x03, "\x07\x80")));

/** As much of a certificate as names need. */
function certificate(...extensions: Buffer[]): Buffer {
  const body = der(
    0x30,
    der(0xa0, der(0x02, "\x02")),
    der(0x02, "\x01"),
    der(0x30),
    der(0x30),
    der(0x30),
    der(0x30),
    der(0x30),
    ...(extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...extensions))]),
  );
  return der(0x30, body, der(0x30), der(0x03, "\x00"));
}

const naming = (...names: Buffer[]) => certificate(usage, altNames(...names));

describe("Names of a certificate, read from its DER", () => {
  it("names a host by a whole name, in any case", () => {
    for (
      const [pattern, host, expected] of [
        ["example.com", "example.com", true],
        ["EXAMPLE.com", "Example.COM", true],
        ["example.com", "example.com.", true],
        ["example.com", "www.example.com", false],
        ["*.example.com", "www.example.com", true],
        ["*.example.com", "example.com", false],
        ["*.example.com", "a.b.example.com", false],
        ["*.example.com", ".example.com", false],
        ["*.com", "example.com", false],
        ["*", "localhost", false],
        ["lo*", "localhost", false],
        ["w*.example.com", "www.example.com", false],
        ["www.*.com", "www.example.com", false],
        ["*.*.com", "www.example.com", false],
        ["example.com\0.evil.example", "example.com", false],
        ["other.example, DNS:localhost", "localhost", false],
        ['other.example", DNS:localhost"', "localhost", false],
        ["localhost\n", "localhost", false],
        [" localhost", "localhost", false],
        ["", "localhost", false],
        ["localhost.", "localhost", false],
        ["127.0.0.1", "127.0.0.1", false],
        ["a".repeat(70_000), "localhost", false],
      ] as const
    ) {
      assertEquals([pattern.slice(0, 40), host, isNamed(naming(dns(pattern)), host)], [
        pattern.slice(0, 40),
        host,
        expected,
      ]);
    }
  });

  it("names an address by its bytes", () => {
    const loopback = address(...Array(15).fill(0) as number[], 1);
    assert(isNamed(naming(address(127, 0, 0, 1)), "127.0.0.1"));
    assert(isNamed(naming(loopback), "::1"));
    assert(isNamed(naming(loopback), "0:0:0:0:0:0:0:1"));
    assert(!isNamed(naming(address(127, 0, 0, 2)), "127.0.0.1"));
    assert(!isNamed(naming(address(...Buffer.from("127.0.0.1"))), "127.0.0.1"));
    assert(!isNamed(naming(der(0x86, "https://localhost/")), "localhost"));
    assert(!isNamed(naming(der(0x81, "root@localhost")), "localhost"));
  });

  it("names nobody where there is no extension, two of them, or bytes that are no DER", () => {
    const good = naming(dns("localhost"));
    assert(isNamed(good, "localhost"));
    assert(!isNamed(certificate(), "localhost"));
    assert(!isNamed(certificate(usage), "localhost"));
    assert(!isNamed(certificate(altNames(dns("localhost")), altNames(dns("localhost"))), "localhost"));
    assert(!isNamed(certificate(der(0x30, der(0x06, "\x55\x1d\x11"))), "localhost"));
    for (let length = 0; length < good.length; length++) {
      const cut = good.subarray(0, length);
      if (length < good.length - 5) assertEquals([length, isNamed(cut, "localhost")], [length, false]);
      assert(Array.isArray(altNamesOf(cut)));
    }
    const indefinite = Buffer.concat([Buffer.from([0x30, 0x80]), good.subarray(2), Buffer.alloc(2)]);
    assert(!isNamed(indefinite, "localhost"));
  });

  it("shows names one by one, and bytes that no name has as numbers", () => {
    const names = naming(
      dns("a.example, DNS:b.example"),
      address(10, 0, 0, 1),
      der(0x86, "x:\r\n"),
      der(0xa4, der(0x30)),
    );
    assertEquals(altNamesOf(names), ["DNS:a.example,\\x20DNS:b.example", "IP:10.0.0.1", "URI:x:\\x0d\\x0a"]);
  });
});

describe("Certificates for other names are refused, whatever the names hold", () => {
  const hostile: Record<string, string | null> = {
    "a DNS name that holds another": '@alt\n[alt]\nDNS.1 = "other.example, DNS:localhost"',
    "a URI that ends in a name": '@alt\n[alt]\nURI.1 = "http://other.example/, DNS:localhost"',
    "a name with a quotation mark": '@alt\n[alt]\nDNS.1 = other.example\\"',
    "a name with a quotation mark first": '@alt\n[alt]\nDNS.1 = \\"localhost',
    "quotation marks all over": '@alt\n[alt]\nDNS.1 = \\"\\\\\\", DNS:localhost, DNS:\\"\nURI.1 = \\"\\"',
    "an e-mail address": "email:root@localhost",
    "no alternative name but the common name": null,
  };
  let certificates: TestCertificates;
  before(async () => void (certificates = await makeCertificates()));
  after(() => certificates.remove());

  let number = 0;
  for (const [what, names] of Object.entries(hostile)) {
    it(`${what}: messages, fetch and sendMessageSync`, async () => {
      const shown = await certificateFor(certificates, `hostile${++number}`, names);
      await using origin = await originWorker(shown);
      const url = `https://localhost:${origin.tlsPort}/`;
      for (const transport of ["auto", "node"] as const) {
        await using session = new HttpSession({ transport, tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert) });
        const msg = new HttpMessage("GET", url);
        assertEquals(await session.sendMessage(msg), HttpStatus.SSL_FAILED);
        const error = await session.fetch(url).then(() => null, (reason) => reason);
        assertEquals(error?.code, "ERR_TLS_CERT_ALTNAME_INVALID");
        const blocking = new HttpMessage("GET", url);
        assertEquals(session.sendMessageSync(blocking), HttpStatus.SSL_FAILED);
        session.sslStrict = false;
        const lax = new HttpMessage("GET", url);
        assertEquals(await session.sendMessage(lax), 200);
        assert(!lax.hasFlag(MessageFlags.CERTIFICATE_TRUSTED));
      }
    });
  }

  it("lets the right names in on every road", async () => {
    await using origin = await originWorker(certificates.good);
    for (const host of ["localhost", "127.0.0.1"]) {
      for (const transport of ["auto", "node"] as const) {
        await using session = new HttpSession({ transport, tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert) });
        const url = `https://${host}:${origin.tlsPort}/`;
        assertEquals(await session.sendMessage(new HttpMessage("GET", url)), 200);
        assertEquals(session.sendMessageSync(new HttpMessage("GET", url)), 200);
      }
    }
  });
});
