// deno-lint-ignore-file no-console
/**
 * Brings a PEM key and its certificate into a token, where they find each other.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/keys/import_certificate.ts
 */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { Module } from "@gp11/gp11";

const request = "req -x509 -newkey rsa:2048 -nodes -keyout - -subj /CN=mail.example -days 30";
const pem = execFileSync("openssl", request.split(" "), { stdio: ["ignore", "pipe", "ignore"] }).toString();
const [keyPem, certificatePem] = pem.split(/(?=-----BEGIN CERTIFICATE)/);

await using module = await Module.load(process.env.PKCS11_MODULE!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });

const { privateKey } = await session.importKeyPair(
  keyPem!,
  { token: true, label: "mail" },
  { token: true, label: "mail" },
);
const certificate = await session.importCertificate(certificatePem!, { token: true, label: "mail" });

const { subject, notAfter } = await certificate.x509();
console.log(subject, notAfter > new Date());
console.log((await privateKey.certificate())!.equals(certificate));
