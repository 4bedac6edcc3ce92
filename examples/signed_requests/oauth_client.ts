// deno-lint-ignore-file no-console
/**
 * An OAuth client whose key lies in a token: it authenticates itself with it (private_key_jwt, RFC 7523), and its access tokens
 * are bound to it (DPoP, RFC 9449). The protocol is oauth4webapi's; server and API are local ones that check everything.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/signed_requests/oauth_client.ts
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import * as oauth from "oauth4webapi";
import {
  CKM,
  CLIENT_ASSERTION_TYPE,
  Dpop,
  HttpSession,
  JwsError,
  Module,
  privateKeyJwt,
  type PublicJwk,
  signJwt,
  tokenSigner,
  verifyJwt,
} from "@gp11/gp11";

await using module = await Module.load(process.env["PKCS11_MODULE"]!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
const makeSigner = async (keyId: string) => {
  const { publicKey, privateKey } = await session.generateKeyPair(
    CKM.EC_KEY_PAIR_GEN,
    { namedCurve: "P-256", token: false, verify: true },
    { token: false, sign: true },
  );
  return await tokenSigner(privateKey, { publicKey, keyId });
};
// The client's key, and the one the server signs access tokens with.
const signer = await makeSigner("client-1");
const issuer = await makeSigner("server-1");

const nonce = crypto.randomUUID();
const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  try {
    const result = request.url === "/token" ? await giveToken(request, body) : await api(request);
    response.setHeader("content-type", "application/json").end(JSON.stringify(result));
  } catch (error) {
    const wantsNonce = error instanceof JwsError && error.reason === "claim" && error.message.endsWith("nonce");
    response.writeHead(request.url === "/token" ? 400 : 401, {
      "content-type": "application/json",
      ...(wantsNonce ? { "dpop-nonce": nonce, "www-authenticate": 'DPoP error="use_dpop_nonce"' } : {}),
    });
    response.end(JSON.stringify({ error: wantsNonce ? "use_dpop_nonce" : String((error as Error).message) }));
  }
}

/** The thumbprint of the key that a proof is made with (RFC 7638). */
async function checkProof({ headers, method, url }: IncomingMessage, accessToken?: string): Promise<string> {
  const proof = String(headers["dpop"]);
  const { claims, header } = await verifyJwt(proof, ({ jwk }) => jwk as PublicJwk, { type: "dpop+jwt", maxAge: 60 });
  const { crv, kty, x, y } = header["jwk"] as PublicJwk;
  if (claims["nonce"] !== nonce) throw new JwsError("claim", "The proof has not the nonce");
  const ath = accessToken === undefined ? undefined : createHash("sha256").update(accessToken).digest("base64url");
  if (claims["htm"] !== method || claims["htu"] !== `${origin}${url}` || claims["ath"] !== ath) {
    throw new JwsError("claim", "The proof is for another request");
  }
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

async function giveToken(request: IncomingMessage, body: string): Promise<object> {
  const parameters = new URLSearchParams(body);
  const { claims } = await verifyJwt(parameters.get("client_assertion") ?? "", signer.publicJwk(), {
    ...{ issuer: "client-1", subject: "client-1", audience: origin, required: ["exp", "jti"] },
  });
  const jkt = await checkProof(request);
  const token = await signJwt(issuer, { iss: origin, sub: claims.sub, aud: "api", cnf: { jkt } }, { expiresIn: 300 });
  return { access_token: token, token_type: "DPoP", expires_in: 300 };
}

async function api(request: IncomingMessage): Promise<object> {
  const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "DPoP") throw new JwsError("claim", "A DPoP token is wanted");
  const { claims } = await verifyJwt(token, issuer.publicJwk(), { issuer: origin, audience: "api" });
  if ((claims["cnf"] as { jkt: string }).jkt !== await checkProof(request, token)) {
    throw new JwsError("claim", "The token is bound to another key");
  }
  return { hello: claims.sub };
}

// The client. Its requests go through a session that proves possession of the key with each of them.
await using http = new HttpSession({ features: [new Dpop({ signer })] });
const authorizationServer: oauth.AuthorizationServer = { issuer: origin, token_endpoint: `${origin}/token` };
const client: oauth.Client = { client_id: "client-1" };
const authenticate: oauth.ClientAuth = async (_server, { client_id: clientId }, body) => {
  body.set("client_assertion_type", CLIENT_ASSERTION_TYPE);
  body.set("client_assertion", await privateKeyJwt({ signer, clientId, audience: origin }));
};
const granted = await oauth.clientCredentialsGrantRequest(authorizationServer, client, authenticate, {}, {
  [oauth.customFetch]: http.fetch as typeof fetch,
  [oauth.allowInsecureRequests]: true,
});
const { access_token: accessToken, token_type: type } = await oauth.processClientCredentialsResponse(
  authorizationServer,
  client,
  granted,
);
console.log(`token: ${type}`);

const response = await http.fetch(`${origin}/me`, { headers: { authorization: `DPoP ${accessToken}` } });
console.log(`with the key: ${response.status} ${await response.text()}`);
// Who has the token and another key has nothing.
await using thief = new HttpSession({ features: [new Dpop({ signer: await makeSigner("thief"), accessToken })] });
const refused = await thief.fetch(`${origin}/me`);
console.log(`with another key: ${refused.status} ${await refused.text()}`);
server.close();
