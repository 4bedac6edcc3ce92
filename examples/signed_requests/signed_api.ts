// deno-lint-ignore-file no-console
/**
 * An API whose clients sign their requests, and one of them, whose key never leaves its token (RFC 9421, RFC 9530).
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/signed_requests/signed_api.ts
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import {
  CKM,
  HttpSession,
  MessageSignatureError,
  MessageSignatures,
  Module,
  type PublicJwk,
  tokenSigner,
  verifyMessage,
} from "@gp11/gp11";

// The server knows the public keys of its clients, and the nonces it has seen lately.
const clients = new Map<string, PublicJwk>();
const nonces = new Set<string>();
const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece);
  const content = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  try {
    const [signature] = await verifyMessage({
      method: request.method!,
      url: `${origin}${request.url}`,
      headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const),
    }, {
      content,
      key: ({ keyId }) => clients.get(keyId ?? "") ?? null,
      tag: "example-api",
      isNewNonce: (nonce) => nonce !== null && !nonces.has(nonce) && nonces.add(nonce) !== undefined,
    });
    response.end(`${signature!.keyId} may ${request.method} ${request.url}`);
  } catch (error) {
    if (!(error instanceof MessageSignatureError)) throw error;
    response.writeHead(401).end(error.message);
  }
}

// The client: a key pair of a token, registered at the server.
await using module = await Module.load(process.env["PKCS11_MODULE"]!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
const { publicKey, privateKey } = await session.generateKeyPair(
  CKM.EC_KEY_PAIR_GEN,
  { namedCurve: "P-256", token: false, verify: true },
  { token: false, sign: true },
);
await using sessions = slot.sessionPool({ max: 4 });
const signer = await tokenSigner(privateKey, { publicKey, sessions, keyId: "client-1" });
clients.set(signer.keyId, signer.publicJwk());

const signatures = new MessageSignatures({ signer, tag: "example-api", nonce: () => crypto.randomUUID() });
await using http = new HttpSession({ features: [signatures] });
const show = async (name: string, response: Response): Promise<void> =>
  console.log(`${name}: ${response.status} ${await response.text()}`);

await show("signed", await http.fetch(`${origin}/orders?status=open`));
await show("with a body", await http.fetch(`${origin}/orders`, { method: "POST", body: '{"item":17}' }));

await using stranger = new HttpSession();
await show("unsigned", await stranger.fetch(`${origin}/orders`));

let sent = new Headers();
http.addEventListener("request-started", ({ msg }) => sent = new Headers(msg.requestHeaders));
await (await http.fetch(`${origin}/orders/1`, { method: "PUT", body: "one" })).text();
await show("seen before", await stranger.fetch(`${origin}/orders/1`, { method: "PUT", body: "one", headers: sent }));
await show("changed", await stranger.fetch(`${origin}/orders/1`, { method: "PUT", body: "two", headers: sent }));
await show("elsewhere", await stranger.fetch(`${origin}/orders/2`, { method: "PUT", body: "one", headers: sent }));
const many = await Promise.all(Array.from({ length: 50 }, (_, i) => http.fetch(`${origin}/orders/${i}`)));
console.log(`side by side: ${many.filter(({ status }) => status === 200).length} of ${many.length}`);
await Promise.all(many.map((response) => response.body?.cancel()));
server.close();
