// deno-lint-ignore-file no-console
/**
 * Webhooks signed by a token: whoever receives them checks them with the public key, which the sender publishes. A receiver that
 * is busy is asked again, with a signature of its own.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/signed_requests/signed_webhooks.ts
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import {
  CKM,
  HttpSession,
  MessageSignatures,
  Module,
  type PublicJwk,
  Retry,
  tokenSigner,
  verifyMessage,
} from "@gp11/gp11";

// The receiver. It is busy at first; the second try has a signature of its own.
let published: PublicJwk | null = null;
let isBusy = true;
const server = createServer((request, response) => void receive(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece);
  const content = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
  const [signature] = await verifyMessage({ method: request.method!, url, headers }, { content, key: () => published });
  const age = Math.floor(Date.now() / 1000) - signature!.created!;
  if (isBusy) response.writeHead(503).end();
  else {
    console.log(`received ${new TextDecoder().decode(content)}, signed ${age < 5 ? "just now" : "long ago"}`);
    console.log(`covered: ${signature!.components.join(" ")}`);
    response.writeHead(204).end();
  }
  isBusy = false;
}

// The sender.
await using module = await Module.load(process.env["PKCS11_MODULE"]!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
const { publicKey, privateKey } = await session.generateKeyPair(
  CKM.EC_EDWARDS_KEY_PAIR_GEN,
  { namedCurve: "Ed25519", token: false, verify: true },
  { token: false, sign: true },
);
const signer = await tokenSigner(privateKey, { publicKey });
published = signer.publicJwk();

const retry = new Retry({ methods: ["POST"], baseDelay: 10 });
const signatures = new MessageSignatures({ signer, expires: 300, tag: "webhook", contentDigest: "sha-512" });
await using http = new HttpSession({ features: [retry, signatures] });
const event = new Blob([JSON.stringify({ event: "paid", order: 17 })], { type: "application/json" });
const response = await http.fetch(url, { method: "POST", body: event });
console.log(`delivered: ${response.status}`);
server.close();
