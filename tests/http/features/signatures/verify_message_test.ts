// About http/features/signatures/verify_message.ts: what is accepted, and why the rest is not.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import {
  type FoundKey,
  verifyMessage,
  type VerifyMessageOptions,
} from "../../../../http/features/signatures/verify_message.ts";
import { MessageSignatureError } from "../../../../http/features/signatures/components.ts";
import { parseAcceptSignature } from "../../../../http/features/signatures/requested_signatures.ts";
import type { PublicJwk } from "../../../../http/features/signatures/signer.ts";
import { signMessage, type SignMessageOptions } from "../../../../http/features/signatures/sign_message.ts";
import { ContentDigest } from "../../../../http/features/signatures/content_digest.ts";
import { macSigner, testSigner } from "./signing_bench.ts";

const signer = testSigner();
const now = 1_700_000_000;
const options: VerifyMessageOptions = { key: () => signer.publicJwk(), now };
const usual: SignMessageOptions = { signer, components: ["@method", "@target-uri"], created: now };

async function signed(more: Partial<SignMessageOptions> = {}, init: RequestInit = {}): Promise<Request> {
  const request = new Request("https://api.example/things?a=b", init);
  if (typeof init.body === "string") {
    const digest = new ContentDigest("sha-256").update(new TextEncoder().encode(init.body));
    request.headers.set("content-digest", digest.field());
  }
  const { signature, signatureInput } = await signMessage(request, { ...usual, ...more });
  request.headers.append("Signature-Input", signatureInput);
  request.headers.append("Signature", signature);
  return request;
}

function changed(request: Request, headers: Record<string, string>): Request {
  const copy = new Request(request);
  for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
  return copy;
}

describe("verifyMessage", () => {
  it("gives what the signatures that are right say of themselves", async () => {
    const request = await signed({ label: "mine", expires: 60, nonce: "n", tag: "t", alg: true });
    assertEquals(await verifyMessage(request, options), [{
      label: "mine",
      keyId: "test key",
      algorithm: "ed25519",
      created: now,
      expires: now + 60,
      nonce: "n",
      tag: "t",
      components: ['"@method"', '"@target-uri"'],
    }]);
    const two = await signed({ label: "second", tag: "other" }, { headers: request.headers });
    assertEquals((await verifyMessage(two, options)).map(({ label }) => label), ["mine", "second"]);
    assertEquals((await verifyMessage(two, { ...options, tag: "other" })).map(({ label }) => label), ["second"]);
    assertEquals((await verifyMessage(two, { ...options, label: "mine" })).map(({ label }) => label), ["mine"]);
  });

  it("refuses options of another type, with which it would check less", async () => {
    const request = await signed({}, { method: "POST" });
    const message = { method: "POST", url: request.url, headers: request.headers };
    const wrong: Record<string, unknown>[] = [
      { content: "text" },
      { content: null },
      { content: [1] },
      { required: null },
      { required: "" },
      { required: "@method" },
      { required: [5] },
      { label: 5 },
      { tag: {} },
    ];
    for (const each of wrong) {
      const given = { ...options, ...each } as VerifyMessageOptions;
      await assertRejects(() => verifyMessage(message, given), TypeError, "Cannot verify the message: expected ");
    }
    await verifyMessage(message, { ...options, required: new Set(["@method"]), content: new Uint8Array() });
  });

  it("refuses the rest and says why", async () => {
    const request = await signed();
    const input = request.headers.get("signature-input")!;
    const wrong: [string, Request, Partial<VerifyMessageOptions>?][] = [
      ["missing", new Request("https://api.example/")],
      ["missing", request, { label: "another" }],
      ["missing", request, { tag: "another" }],
      ["malformed", changed(request, { "signature-input": "sig=(" })],
      ["malformed", changed(request, { "signature-input": "sig=1;created=1" })],
      ["malformed", changed(request, { "signature-input": 'sig=("@nothing");created=1' })],
      ["malformed", changed(request, { "signature-input": 'sig=("@method" "@method");created=1' })],
      ["malformed", changed(request, { "signature-input": input.replace(/created=\d+/, 'created="1"') })],
      ["malformed", changed(request, { signature: "sig=1" })],
      ["malformed", changed(request, { signature: "another=:AAAA:" })],
      [
        "malformed",
        changed(request, { "signature-input": Array.from({ length: 17 }, (_, i) => `s${i}=()`).join(", ") }),
      ],
      [
        "malformed",
        changed(request, {
          "signature-input": `sig=(${Array.from({ length: 129 }, (_, i) => `"x${i}"`).join(" ")});created=${now}`,
        }),
      ],
      ["malformed", changed(request, { "signature-input": input.replace('"@method"', '"@METHOD"') })],
      ["malformed", changed(request, { "signature-input": input.replace('"@method"', '"@method" "X-Name"') })],
      // Of two members with one name the last counts, in both fields.
      ["signature", changed(request, { signature: `${request.headers.get("signature")}, sig=:AAAA:` })],
      ["coverage", changed(request, { "signature-input": `${input}, sig=();created=${now}` })],
      ["malformed", changed(request, { "signature-input": `__proto__=${input.slice(4)}` })],
      ["coverage", request, { required: ["@method", "content-type"] }],
      ["coverage", changed(request, { "signature-input": input.replace('"@method"', '"@method";req') })],
      ["coverage", await signed({ components: ["@method"] })],
      ["coverage", await signed({}, { method: "POST", body: "x" })],
      [
        "component",
        await signed({ components: ["x"] }, { headers: { x: "1" } }).then((each) => {
          each.headers.delete("x");
          return each;
        }),
        { required: [] },
      ],
      ["key", request, { key: () => null }],
      ["key", request, { key: () => Promise.resolve(undefined as never) }],
      ["algorithm", await signed({ alg: true }), { key: () => testSigner("ES256").publicJwk() }],
      ["algorithm", request, { key: () => testSigner("RS256").publicJwk() }],
      ["algorithm", request, { key: () => ({ ...signer.publicJwk(), use: "enc" }) }],
      ["algorithm", changed(request, { "signature-input": `${input};alg="rot13"` })],
      ["signature", request, { key: () => testSigner("ES256").publicJwk() }],
      ["signature", request, { key: () => testSigner().publicJwk() }],
      ["signature", changed(request, { "signature-input": `${input};tag="more"` })],
      ["signature", new Request("https://api.example/other", { headers: request.headers })],
      ["expired", request, { now: now + 331 }],
      ["expired", request, { now: now - 31 }],
      ["expired", await signed({ expires: 10 }), { now: now + 41, maxAge: Infinity }],
      ["expired", changed(request, { "signature-input": input.replace(/;created=\d+/, "") })],
      ["replayed", request, { isNewNonce: () => Promise.resolve(false) }],
    ];
    for (const [reason, message, more] of wrong) {
      const error = await assertRejects(() => verifyMessage(message, { ...options, ...more }), MessageSignatureError);
      assertEquals(error.reason, reason, `${reason} ${message.headers.get("signature-input")} ${error.message}`);
    }
    for (const now of [usual.created! + 330, usual.created! - 30]) await verifyMessage(request, { ...options, now });
    await verifyMessage(request, { ...options, now: now + 1e9, maxAge: Infinity });
  });

  it("takes no time for one that is always right", async () => {
    for (const name of ["now", "maxAge", "tolerance"]) {
      const call = (value: unknown) =>
        signed().then((request) => verifyMessage(request, { ...options, [name]: value }));
      await assertRejects(() => call(NaN), RangeError, name);
      await assertRejects(() => call("300"), TypeError, name);
    }
  });

  it("wants the digest of a body that a plain request announces", async () => {
    const { headers, method, url } = await signed();
    for (const announced of [["content-length", "3"], ["transfer-encoding", "chunked"]] as const) {
      const plain = { method, url, headers: [...headers, announced] };
      const error = await assertRejects(() => verifyMessage(plain, options), MessageSignatureError);
      assertEquals(error.reason, "coverage");
      await verifyMessage(plain, { ...options, content: new Uint8Array(0) });
    }
    await verifyMessage({ method, url, headers: [...headers, ["content-length", "0"]] }, options);
  });

  it("takes an empty body for none, and wants a digest of any other", async () => {
    const bodyless = await signed({}, { method: "DELETE" });
    const withBody = (...pieces: string[]) =>
      new Request(bodyless, {
        method: "DELETE",
        duplex: "half",
        body: ReadableStream.from(["", ...pieces].map((piece) => new TextEncoder().encode(piece))),
      } as RequestInit);
    const empty = withBody();
    assertEquals((await verifyMessage(empty, options)).length, 1);
    assertEquals(await empty.text(), "");
    const full = withBody("a", "b");
    const error = await assertRejects(() => verifyMessage(full, options), MessageSignatureError);
    assertEquals([error.reason, await full.text()], ["coverage", "ab"]);
    assertEquals((await verifyMessage(withBody("a"), { ...options, required: ["@method"] })).length, 1);
  });

  it("does not take a key of another curve for ed25519", async () => {
    const key = { kty: "OKP", crv: "Ed448", x: "A".repeat(76) };
    for (const found of [{ key, algorithm: "EdDSA" }, { key, algorithm: "ed25519" }]) {
      const error = await assertRejects(
        async () => verifyMessage(await signed({ alg: true }), { ...options, key: () => found }),
        MessageSignatureError,
      );
      assertEquals(error.reason, "algorithm");
    }
  });

  it("compares the body with the digest that is covered, and leaves it to be read", async () => {
    const components = ["@method", "@target-uri", "content-digest"];
    const request = await signed({ components }, { method: "POST", body: "the body" });
    await verifyMessage(request, options);
    assertEquals(await request.text(), "the body");
    await assertRejects(() => verifyMessage(request, options), TypeError, "give it as the option content");
    await verifyMessage(request, { ...options, content: new TextEncoder().encode("the body") });
    let seen = 0;
    const other = new Request(request.url, { method: "POST", headers: request.headers, body: "another" });
    const isNewNonce = () => ++seen > 0;
    const error = await assertRejects(() => verifyMessage(other, { ...options, isNewNonce }), MessageSignatureError);
    // A nonce is used up by what is right alone: others must not be able to use it up.
    assertEquals([error.reason, seen], ["content", 0]);
    const weak = await signed({ components }, { method: "POST", headers: { "content-digest": "md5=:AAAA:" } });
    assertEquals((await assertRejects(() => verifyMessage(weak, options), MessageSignatureError)).reason, "content");
  });

  it("knows whom a response answers", async () => {
    const request = new Request("https://api.example/things", { method: "PUT", body: "x" });
    const response = new Response("made", { status: 201, headers: { "content-type": "text/plain" } });
    const components = ["@status", "content-type", "@method;req", "@path;req"];
    const fields = await signMessage(response, { ...usual, components, request });
    response.headers.set("Signature-Input", fields.signatureInput);
    response.headers.set("Signature", fields.signature);
    const required = components;
    assertEquals((await verifyMessage(response, { ...options, request, required }))[0]!.label, "sig");
    const another = new Request("https://api.example/things", { method: "DELETE" });
    const wrong = () => verifyMessage(response, { ...options, request: another, required });
    assertEquals((await assertRejects(wrong, MessageSignatureError)).reason, "signature");
    assertEquals(
      (await assertRejects(() => verifyMessage(response, { ...options, required }), MessageSignatureError)).reason,
      "component",
    );
    // Without a digest of it, a body is not vouched for.
    assertEquals(
      (await assertRejects(() => verifyMessage(response, { ...options, request }), MessageSignatureError)).reason,
      "coverage",
    );
  });

  it("takes keys in the forms they are found in", async () => {
    const secret = new Uint8Array(32).fill(7);
    const cases: [SignMessageOptions["signer"], FoundKey][] = [];
    for (const algorithm of ["ES256", "ES384", "EdDSA"]) {
      const own = testSigner(algorithm);
      cases.push([own, own.publicJwk()]);
    }
    const rsa = testSigner("RS256");
    cases.push([rsa, { ...rsa.publicJwk(), alg: "RS256" }], [rsa, {
      key: rsa.publicJwk(),
      algorithm: "rsa-v1_5-sha256",
    }]);
    cases.push([macSigner(secret), { kty: "oct", k: secret.toBase64({ alphabet: "base64url" }) }]);
    const subtle = await crypto.subtle.importKey(
      "jwk",
      rsa.publicJwk() as JsonWebKey,
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
      true,
      ["verify"],
    );
    const spki = new Uint8Array(await crypto.subtle.exportKey("spki", subtle));
    const pem = `-----BEGIN PUBLIC KEY-----\n${spki.toBase64()}\n-----END PUBLIC KEY-----`;
    cases.push([rsa, { key: spki, algorithm: "RS256" }], [rsa, { key: pem, algorithm: "RS256" }]);
    for (const [signer, key] of cases) {
      const request = await signed({ signer });
      assertEquals((await verifyMessage(request, { ...options, key: () => key })).length, 1);
    }
    for (
      const key of [
        "no key",
        new Uint8Array(5),
        { kty: "OKP", crv: "Ed25519", x: "AA" },
        { kty: "oct", k: "" } as PublicJwk,
      ]
    ) {
      const request = await signed({ signer: typeof key === "object" && "k" in key ? macSigner(secret) : signer });
      await assertRejects(() => verifyMessage(request, { ...options, key: () => key }), TypeError, "Cannot verify");
    }
    await assertRejects(
      async () => verifyMessage(await signed(), { ...options, key: () => ({ key: pem, algorithm: "PS256" }) }),
      TypeError,
      "RFC 9421",
    );
  });

  it("refuses what is no message", async () => {
    for (const message of [null, 3, {}, new URL("https://x.example")]) {
      await assertRejects(
        () => verifyMessage(message as never, options),
        TypeError,
        "neither a request nor a response",
      );
    }
    const record = { method: "GET", url: "https://x.example", headers: { a: "b" } as never };
    await assertRejects(() => verifyMessage(record, options), TypeError, "Object.entries");
    await assertRejects(() => verifyMessage(new Response(), {} as never), TypeError, "key is no function");
    const [one] = parseAcceptSignature(
      'sig=("@status" "x";sf);keyid="k";alg="ed25519";created;tag="t", bad=1, odd=("@")',
    );
    assert(one !== undefined);
    assertMatch(JSON.stringify(one), /"components":\["\\"@status\\"","\\"x\\";sf"\],"keyId":"k","algorithm":"ed25519"/);
    assertEquals([parseAcceptSignature("sig=("), parseAcceptSignature("")], [[], []]);
  });
});
