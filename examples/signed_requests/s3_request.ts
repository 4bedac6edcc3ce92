// deno-lint-ignore-file no-console
/**
 * Objects of a bucket, asked for with a secret that lies in a token: it makes the first link of the chain of HMACs and never
 * leaves it. The bucket here is a local one that checks each signature as aws4fetch would make it.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/signed_requests/s3_request.ts
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { AwsV4Signer } from "aws4fetch";
import { AwsSigV4, CKK, CKO, HttpSession, Module, tokenSigner } from "@gp11/gp11";

const accessKeyId = "AKIDEXAMPLE";
const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const [region, service] = ["eu-central-1", "s3"];

// The bucket.
const objects = new Map<string, string>();
const server = createServer((request, response) => void serve(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");
const bucket = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  const { authorization = "", host } = request.headers;
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
  const expected = await new AwsV4Signer({
    ...{ accessKeyId, secretAccessKey, region, service, method: request.method!, allHeaders: true },
    url: `http://${host}${request.url}`,
    headers: Object.fromEntries(names.map((name) => [name, String(request.headers[name])])),
    datetime: String(request.headers["x-amz-date"]),
  }).sign();
  if (expected.headers.get("authorization") !== authorization) {
    return void response.writeHead(403).end("SignatureDoesNotMatch");
  }
  if (request.method === "PUT") objects.set(request.url!, body);
  response.end(objects.get(request.url!) ?? "");
}

// Once: the secret goes into the token, as AWS wants it there.
await using module = await Module.load(process.env["PKCS11_MODULE"]!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
const key = await session.createObject({
  ...{ class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, token: false, private: true },
  ...{ sensitive: true, extractable: false, sign: true },
  value: new TextEncoder().encode(`AWS4${secretAccessKey}`),
});

const signer = await tokenSigner(key, { keyId: accessKeyId });
await using http = new HttpSession({ features: [new AwsSigV4({ signer, region, service })] });
const put = await http.fetch(`${bucket}/reports/2026 (final).txt`, { method: "PUT", body: "all is well" });
console.log(`put: ${put.status}`);
await put.body?.cancel();
const got = await http.fetch(`${bucket}/reports/2026%20(final).txt`);
console.log(`get: ${got.status} ${await got.text()}`);
await using stranger = new HttpSession();
const refused = await stranger.fetch(`${bucket}/reports/2026%20(final).txt`);
console.log(`without a signature: ${refused.status} ${await refused.text()}`);
server.close();
