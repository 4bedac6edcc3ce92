// deno-lint-ignore-file no-console
/**
 * TLS with a client key that never leaves its token: a small CA in the token makes the certificates, a server demands one
 * of its clients, an HTTP session and a plain connection show it.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/token_tls.ts
 *
 * It needs the system's GnuTLS (3.6.5 or later, with PKCS#11).
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createServer, type TLSSocket } from "node:tls";
import {
  CKM,
  createCertificateRequest,
  createSelfSignedCertificate,
  HttpSession,
  issueCertificate,
  Module,
  type Pkcs11KeyPair,
  type Session,
  TlsDatabase,
  tokenCertificate,
  tokenTlsSocket,
} from "@gp11/gp11";

/** A key pair; that of the server has to leave the token, as the runtime's server takes keys in PEM. */
function keyPair(session: Session, label: string, isServer = false): Promise<Pkcs11KeyPair> {
  const leaves = isServer ? { sensitive: false, extractable: true } : { sensitive: true, extractable: false };
  return session.generateKeyPair(
    CKM.EC_KEY_PAIR_GEN,
    { namedCurve: "P-256", token: !isServer, verify: true, label },
    { token: !isServer, sign: true, label, ...leaves },
  );
}

await using module = await Module.load(process.env["PKCS11_MODULE"]!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });

const [authority, server, client] = [
  await keyPair(session, "TLS authority"),
  await keyPair(session, "TLS server", true),
  await keyPair(session, "TLS client"),
];
const ca = await createSelfSignedCertificate(authority, {
  subject: "CN=Example authority",
  basicConstraints: { ca: true },
  keyUsage: ["keyCertSign"],
});
const issuer = await session.importCertificate(ca, { token: false });
const issue = async (key: Pkcs11KeyPair, subject: string, extendedKeyUsage: string) =>
  await issueCertificate(await createCertificateRequest(key, { subject, subjectAltNames: ["localhost"] }), {
    issuer,
    key: authority.privateKey,
    extendedKeyUsage: [extendedKeyUsage],
  });

// The server lets in only clients whom the authority vouches for, and says whom it has seen.
const answer = (socket: TLSSocket) => {
  socket.on("error", () => {});
  socket.once("data", () => {
    const seen = String(socket.getPeerCertificate().subject.CN);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${seen.length}\r\n\r\n${seen}`);
  });
};
const cert = await issue(server, "CN=localhost", "serverAuth");
const key = await server.privateKey.exportKey("pem");
const listening = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, answer);
listening.listen(0, "127.0.0.1");
await once(listening, "listening");
const { port } = listening.address() as AddressInfo;

const certificate = await issue(client, "CN=Ada Lovelace", "clientAuth");
{
  await using clientCertificate = await tokenCertificate({ certificate, key: client.privateKey });
  const tlsDatabase = TlsDatabase.fromPem(ca);
  await using http = new HttpSession({ clientCertificate, tlsDatabase });
  const response = await http.fetch(`https://localhost:${port}/`);
  console.log(`over HTTP the server has seen ${await response.text()}`);

  const socket = await tokenTlsSocket({ host: "localhost", port, clientCertificate, tlsDatabase });
  socket.duplex.write("any protocol\n");
  const [greeting] = await once(socket.duplex, "data");
  console.log(`over ${socket.protocol} it has seen ${String(greeting).split("\r\n\r\n")[1]}`);
  await socket.close();
}
listening.close();
for (const each of [authority.publicKey, authority.privateKey, client.publicKey, client.privateKey]) {
  await each.destroy();
}
