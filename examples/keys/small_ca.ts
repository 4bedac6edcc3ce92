// deno-lint-ignore-file no-console
/**
 * A small CA whose key is in a token: its own certificate, and one for the request of a server.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/keys/small_ca.ts
 */
import process from "node:process";
import { CKM, createCertificateRequest, createSelfSignedCertificate, issueCertificate, Module } from "@gp11/gp11";

await using module = await Module.load(process.env.PKCS11_MODULE!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });

const pair = (label: string) =>
  session.generateKeyPair(
    CKM.EC_KEY_PAIR_GEN,
    { namedCurve: "P-384", label, verify: true },
    { label, private: true, sign: true },
  );

const authority = await pair("ca");
const issuer = await session.importCertificate(
  await createSelfSignedCertificate(authority, {
    subject: "CN=Example CA",
    basicConstraints: { ca: true },
    keyUsage: ["keyCertSign", "cRLSign"],
  }),
  { id: new TextEncoder().encode("example ca") },
);

// What a server sends to its CA.
const request = await createCertificateRequest(await pair("server"), {
  subject: "CN=server.example",
  subjectAltNames: ["server.example", "192.0.2.1"],
});

const pem = await issueCertificate(request, {
  issuer,
  key: authority.privateKey,
  keyUsage: ["digitalSignature"],
  extendedKeyUsage: ["serverAuth"],
});
const { issuer: by, subject, subjectAltNames } = await (await session.importCertificate(pem)).x509();
console.log(`${subject} by ${by}: ${subjectAltNames.join(", ")}`);
