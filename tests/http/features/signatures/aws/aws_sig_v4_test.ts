// About http/features/signatures/aws/: the vectors that AWS prints, and requests as aws4fetch would sign them.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { AwsV4Signer } from "aws4fetch";
import { createPublicKey, verify } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { CKK, CKO } from "../../../../../ffi/constants/mod.ts";
import { HttpMessage, HttpSession, NotSupportedError, tokenSigner } from "../../../../../mod.ts";
import { AwsSigV4, type AwsSigV4Options } from "../../../../../http/features/signatures/aws/aws_sig_v4.ts";
import {
  type AwsRequest,
  awsSigning,
  canonicalRequest,
  hexSha256,
  signedNames,
  stringToSign,
} from "../../../../../http/features/signatures/aws/request_signing.ts";
import { ask, WAYS } from "../../../../_support/feature_session.ts";
import { originWorker } from "../../../../_support/origin_worker.ts";
import { reply, type SeenRequest, socketServer } from "../../../../_support/socket_server.ts";
import { softhsmSkip } from "../../../../_support/softhsm.ts";
import { TokenSession } from "../../../../_support/token_session.ts";
import { testSigner } from "../signing_bench.ts";

const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey };
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

type Printed = [
  name: string,
  method: string,
  url: string,
  fields: Record<string, string>,
  body: string,
  signature: string,
];

/** Of the test suite for Signature Version 4. */
const suite: Printed[] = [
  ["get-vanilla", "GET", "/", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    "get-vanilla-query-order-key-case",
    "GET",
    "/?Param2=value2&Param1=value1",
    {},
    "",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "get-unreserved",
    "GET",
    "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    {},
    "",
    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
  ],
  ["post-vanilla", "POST", "/", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "post-x-www-form-urlencoded",
    "POST",
    "/",
    { "content-type": "application/x-www-form-urlencoded" },
    "Param1=value1",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
  [
    "post-header-key-sort",
    "POST",
    "/",
    { "my-header1": "value1" },
    "",
    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
  ],
];

/** Of the documentation of S3, with its own credentials. */
const s3: Printed[] = [
  [
    "get an object",
    "GET",
    "/test.txt",
    { range: "bytes=0-9" },
    "",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "put an object",
    "PUT",
    "/test$file.text",
    { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    "Welcome to Amazon S3.",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  [
    "get a life cycle",
    "GET",
    "/?lifecycle",
    {},
    "",
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "list objects",
    "GET",
    "/?max-keys=2&prefix=J",
    {},
    "",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
];

describe("AWS Signature Version 4", () => {
  it("is the one of the test suite", async () => {
    const signing = awsSigning({ credentials }, null, { region: "us-east-1", service: "service" });
    for (const [name, method, path, fields, body, expected] of suite) {
      const url = new URL(path, "https://example.amazonaws.com");
      const all = { host: url.host, "x-amz-date": "20150830T123600Z", ...fields };
      const request: AwsRequest = {
        method,
        url,
        fields: Object.entries(all),
        payloadHash: hexSha256(body),
        isS3: false,
      };
      const scope = { algorithm: signing.algorithm, time: "20150830T123600Z", scope: signing.scope("20150830") };
      const text = stringToSign(scope, request);
      assertEquals(await signing.sign("20150830", text), expected, `${name}\n${canonicalRequest(request)}`);
      assertEquals(signing.signInPlace("20150830", text, ""), expected);
    }
  });

  it("keeps bytes that are no UTF-8, and says each in one way", () => {
    const url = new URL("https://h/a/../%7eb%2f%ff//%zz/+?b=%ff&b=%7E&&a=x+y%2B&c&a=%zz=");
    const [, path, query] = canonicalRequest({ method: "GET", url, fields: [], payloadHash: "", isS3: true }).split(
      "\n",
    );
    assertEquals([path, query], ["/~b%2F%FF//%25zz/%20", "a=%25zz%3D&a=x%20y%2B&b=%FF&b=~&c="]);
  });

  it("is the one of the documentation of S3", async () => {
    const example = {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    };
    const signing = awsSigning({ credentials: example }, null, { region: "us-east-1", service: "s3" });
    for (const [name, method, path, fields, body, expected] of s3) {
      const url = new URL(path, "https://examplebucket.s3.amazonaws.com");
      const payloadHash = hexSha256(body);
      const all = { host: url.host, "x-amz-content-sha256": payloadHash, "x-amz-date": "20130524T000000Z", ...fields };
      const request: AwsRequest = { method, url, fields: Object.entries(all), payloadHash, isS3: true };
      const scope = { algorithm: signing.algorithm, time: "20130524T000000Z", scope: signing.scope("20130524") };
      assertEquals(await signing.sign("20130524", stringToSign(scope, request)), expected, name);
    }
  });

  it("4a signs what the test suite signs", () => {
    const url = new URL("https://example.amazonaws.com/");
    const fields = { host: url.host, "x-amz-date": "20150830T123600Z", "x-amz-region-set": "us-east-1" };
    const request: AwsRequest = { method: "GET", url, fields: Object.entries(fields), payloadHash: EMPTY, isS3: false };
    const signing = awsSigning({ signer: testSigner("ES256") }, null, { region: "us-east-1", service: "service" });
    const scope = { algorithm: signing.algorithm, time: "20150830T123600Z", scope: signing.scope("20150830") };
    assertEquals(stringToSign(scope, request).split("\n"), [
      "AWS4-ECDSA-P256-SHA256",
      "20150830T123600Z",
      "20150830/service/aws4_request",
      "cf59db423e841c8b7e3444158185aa261b724a5c27cbe762676f3eed19f4dc02",
    ]);
  });
});

/** The Authorization that aws4fetch gives a request a server has seen. */
async function expectedFor(request: SeenRequest, origin: string, region: string, service: string): Promise<string> {
  const names = /SignedHeaders=([^,]+)/.exec(request.headers.get("authorization") ?? "")![1]!.split(";");
  const headers = Object.fromEntries(names.map((name) => [name, request.headers.get(name)!]));
  const { authorization } = await new AwsV4Signer({
    ...{ ...credentials, region, service, method: request.method, url: origin + request.target },
    ...{ headers, body: new Uint8Array(request.body), datetime: request.headers.get("x-amz-date")!, allHeaders: true },
  }).sign().then(({ headers }) => ({ authorization: headers.get("authorization") }));
  return authorization!;
}

describe("AwsSigV4", () => {
  let on: TokenSession;
  before(async () => {
    if (!softhsmSkip) on = await TokenSession.open();
  });
  after(() => on?.close());

  const options = { region: "eu-central-1", service: "s3" };
  const ok = (_request: SeenRequest, socket: { write(text: string): unknown }) =>
    void socket.write(reply("200 OK", "right"));

  it("signs as aws4fetch does, whichever way they go", async () => {
    await using server = await socketServer(ok);
    for (const service of ["s3", "execute-api"]) {
      await using session = new HttpSession({ features: [new AwsSigV4({ ...options, service, credentials })] });
      const paths = [
        "/",
        "/a%20b/c+d/e'(f)*g",
        "/%E4%BD%A0?x=1&b=%2F&a=b+c&d=",
        "/k!ey?list-type=2&prefix=a%2Fb",
        "/a//b/%2525",
      ];
      for (const path of paths) {
        for (const way of WAYS) {
          const body = path.length > 5 ? { method: "PUT", body: new Blob(["x".repeat(9)], { type: "text/x" }) } : {};
          assertEquals((await ask(session, way, server.origin + path, body)).status, 200);
          const request = server.requests.at(-1)!;
          const expected = await expectedFor(request, server.origin, options.region, service);
          assertEquals(request.headers.get("authorization"), expected, `${service} ${path}`);
          assertEquals(request.headers.has("x-amz-content-sha256"), service === "s3");
        }
      }
    }
  });

  it("takes the secret from a token, once a day", { skip: softhsmSkip }, async () => {
    await using server = await socketServer(ok);
    const key = await on.session.createObject({
      ...{
        class: CKO.SECRET_KEY,
        keyType: CKK.GENERIC_SECRET,
        value: new TextEncoder().encode(`AWS4${secretAccessKey}`),
      },
      ...{ token: false, private: true, sensitive: true, extractable: false, sign: true },
    });
    let count = 0;
    const inToken = await tokenSigner(key, { keyId: credentials.accessKeyId });
    const signer = {
      algorithm: inToken.algorithm,
      keyId: inToken.keyId,
      sign: (message: Uint8Array<ArrayBuffer>) => (count++, inToken.sign(message)),
    };
    await using session = new HttpSession({
      features: [new AwsSigV4({ ...options, signer, sessionToken: "temporary" })],
    });
    await Promise.all(Array.from({ length: 20 }, (_, index) => session.fetch(`${server.origin}/${index}`)));
    for (const request of server.requests) {
      assertEquals(request.headers.get("x-amz-security-token"), "temporary");
      const expected = await expectedFor(request, server.origin, options.region, options.service);
      assertEquals(request.headers.get("authorization"), expected);
    }
    // At midnight it may be two.
    assert(count <= 2, `the token has signed ${count} times`);
  });

  it("signs with a key of a curve (4a)", { skip: softhsmSkip }, async () => {
    await using server = await socketServer(ok);
    const { privateKey, publicKey } = await on.ecPair();
    const signer = await tokenSigner(privateKey, { publicKey, keyId: "AKIDEXAMPLE" });
    await using session = new HttpSession({ features: [new AwsSigV4({ ...options, region: "*", signer })] });
    for (let count = 0; count < 8; count++) await session.fetch(`${server.origin}/key`, { method: "PUT", body: "x" });
    const key = createPublicKey({ key: signer.publicJwk() as Record<string, string>, format: "jwk" });
    for (const request of server.requests) {
      const authorization = request.headers.get("authorization")!;
      const [, credential, names, signature] =
        /^AWS4-ECDSA-P256-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/.exec(
          authorization,
        )!;
      const [, ...scope] = credential!.split("/");
      assertEquals(names!.split(";").includes("x-amz-region-set"), true);
      const fields = names!.split(";").map((name): [string, string] => [name, request.headers.get(name)!]);
      const asked: AwsRequest = {
        ...{ method: request.method, url: new URL(server.origin + request.target), fields, isS3: true },
        payloadHash: hexSha256(request.body),
      };
      assertEquals(signedNames(asked), names);
      const time = request.headers.get("x-amz-date")!;
      const text = stringToSign({ algorithm: "AWS4-ECDSA-P256-SHA256", time, scope: scope.join("/") }, asked);
      assertEquals(verify("sha256", new TextEncoder().encode(text), key, Uint8Array.fromHex(signature!)), true);
    }
  });

  it("signs anew, and never for another origin", async () => {
    await using elsewhere = await socketServer(ok);
    await using server = await socketServer(({ target }, socket) =>
      void socket.write(
        reply("307 Temporary Redirect", "", [`Location: ${target === "/" ? "/next" : elsewhere.origin}`]),
      )
    );
    await using session = new HttpSession({
      features: [new AwsSigV4({ ...options, credentials: { ...credentials, sessionToken: "t" } })],
    });
    assertEquals((await session.fetch(server.origin)).status, 200);
    const signatures = server.requests.map(({ headers }) => headers.get("authorization"));
    assertEquals([signatures.length, new Set(signatures).size], [2, 2]);
    const left = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    assertEquals(left.filter((name) => elsewhere.requests[0]!.headers.has(name)), []);
  });

  it("refuses streams whose hash nobody knows, and signs synchronous messages", async () => {
    await using origin = await originWorker();
    const url = `http://127.0.0.1:${origin.port}/`;
    await using session = new HttpSession({ features: [new AwsSigV4({ ...options, credentials })] });
    const stream = new Blob(["x"]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    const refused = new HttpMessage("PUT", url, { body: stream });
    await assertRejects(() => session.sendMessage(refused), NotSupportedError, "its hash must be known");
    const msg = new HttpMessage("PUT", url, { body: "x" });
    assertEquals(session.sendMessageSync(msg), 200);
    assertMatch(msg.requestHeaders.get("authorization")!, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
  });

  it("refuses options that cannot work", () => {
    const wrong: [Partial<AwsSigV4Options>, RegExp][] = [
      [{}, /either signer or credentials/],
      [{ credentials, signer: testSigner("ES256") }, /either signer or credentials/],
      [{ signer: testSigner("RS256") }, /neither HS256 nor ES256/],
      [{ credentials: { accessKeyId: "x" } as never }, /accessKeyId and secretAccessKey/],
      [{ credentials, region: "" }, /region is no text/],
      [{ credentials, service: undefined as never }, /service is no text/],
    ];
    for (const [more, text] of wrong) {
      assertMatch(assertThrows(() => new AwsSigV4({ ...options, ...more }), TypeError).message, text);
    }
  });
});
