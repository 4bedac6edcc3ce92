import { after, before, describe, it } from "node:test";
import { createHash, X509Certificate } from "node:crypto";
import { assertEquals } from "@std/assert";
import { channelBindingHash, serverEndPoint } from "../../../../http/features/auth/connection_scheme.ts";
import { AuthNegotiate } from "../../../../http/features/auth/negotiate.ts";
import { toHex } from "../../../../internal/bytes.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import { guardedServer } from "../../../_support/auth_servers.ts";
import { ntlmPassword, ntlmServer } from "../../../_support/ntlm_server.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";

let certificates: TestCertificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

const prefix = toHex(new TextEncoder().encode("tls-server-end-point:"));
const digest = (hash: string, bytes: Uint8Array): string => createHash(hash).update(bytes).digest("hex");

/** A shape as every certificate has it: a sequence of contents, signature algorithm and signature. */
function certificateWith(algorithm: string): Uint8Array {
  const element = (tag: number, content: readonly number[]): number[] =>
    content.length < 128
      ? [tag, content.length, ...content]
      : [tag, 0x82, content.length >> 8, content.length & 255, ...content];
  const identifier = Array.from(algorithm.match(/../g)!, (byte) => parseInt(byte, 16));
  return Uint8Array.from(element(0x30, [
    ...element(0x30, Array(300).fill(7)),
    ...element(0x30, [...element(0x06, identifier), 5, 0]),
    ...element(0x03, Array(64).fill(1)),
  ]));
}

describe("channel bindings (RFC 5929 §4)", () => {
  it("hash the certificate with the hash of its signature, never weaker than SHA-256", () => {
    const cases: [string, string, string][] = [
      ["md5WithRSA", "2a864886f70d010104", "sha256"],
      ["sha1WithRSA", "2a864886f70d010105", "sha256"],
      ["sha256WithRSA", "2a864886f70d01010b", "sha256"],
      ["sha384WithRSA", "2a864886f70d01010c", "sha384"],
      ["sha512WithRSA", "2a864886f70d01010d", "sha512"],
      ["ecdsaWithSHA256", "2a8648ce3d040302", "sha256"],
      ["ecdsaWithSHA384", "2a8648ce3d040303", "sha384"],
      ["ecdsaWithSHA512", "2a8648ce3d040304", "sha512"],
      ["Ed25519", "2b6570", "sha256"],
    ];
    for (const [name, identifier, hash] of cases) {
      const der = certificateWith(identifier);
      assertEquals(toHex(serverEndPoint(der)), prefix + digest(hash, der), name);
    }
  });

  it("survive what is no certificate", () => {
    for (const bytes of [[], [0x30], [0x30, 0x82], [0x30, 0x84, 255, 255, 255, 255], [0x30, 2, 0x30, 5]]) {
      const der = Uint8Array.from(bytes);
      assertEquals(toHex(serverEndPoint(der)), prefix + digest("sha256", der));
    }
  });

  it("are hashed for NTLM inside a structure without addresses", () => {
    const binding = new TextEncoder().encode("tls-server-end-point:x");
    const structure = new Uint8Array(20 + binding.length);
    structure[16] = binding.length;
    structure.set(binding, 20);
    assertEquals(toHex(channelBindingHash(binding)), digest("md5", structure));
  });

  it("reach an NTLM server over TLS", async () => {
    const { cert, key } = certificates.good;
    const der = new X509Certificate(cert).raw;
    const binding = new Uint8Array([
      ...new TextEncoder().encode("tls-server-end-point:"),
      ...createHash("sha256").update(der).digest(),
    ]);
    await using server = await ntlmServer({ tls: { cert, key }, binding: toHex(channelBindingHash(binding)) });
    await using session = new HttpSession({
      transport: "node",
      useNtlm: true,
      tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
    });
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      if (!retrying) auth.authenticate("CORP\\User", ntlmPassword);
    });
    const response = await session.fetch(`https://localhost:${server.port}/x`);
    assertEquals([response.status, server.guard.refusals], [200, []]);
  });

  it("are handed to the token source of Negotiate", async () => {
    const { cert, key } = certificates.good;
    await using server = await guardedServer((field) => field.startsWith("Negotiate "), ["Negotiate"], {
      tls: { cert, key },
    });
    await using session = new HttpSession({
      transport: "node",
      tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
    });
    const seen: (string | null)[] = [];
    session.addFeatureByType(AuthNegotiate.using({
      origins: [`https://localhost:${server.port}`],
      source: ({ channelBinding }) => {
        seen.push(channelBinding && toHex(channelBinding));
        return new Uint8Array([1]);
      },
    }));
    assertEquals((await session.fetch(`https://localhost:${server.port}/x`)).status, 200);
    assertEquals(seen[0], prefix + digest("sha256", new X509Certificate(cert).raw));
  });
});
