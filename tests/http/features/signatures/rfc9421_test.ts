// About http/features/signatures/: the messages and signatures that RFC 9421 prints, verified, and made again byte for byte
// where their algorithm has one result only.
import { assertEquals, assertRejects } from "@std/assert";
import { createHmac, createPrivateKey, sign } from "node:crypto";
import { describe, it } from "node:test";
import type { Signer } from "../../../../http/features/signatures/signer.ts";
import type { SignableMessage, SignableRequest } from "../../../../http/features/signatures/message_parts.ts";
import { signMessage } from "../../../../http/features/signatures/sign_message.ts";
import { MessageSignatureError } from "../../../../http/features/signatures/components.ts";
import { verifyMessage, type VerifyMessageOptions } from "../../../../http/features/signatures/verify_message.ts";
import {
  ed25519Key,
  fieldsOf,
  forwardedRequest,
  keys,
  printed,
  type PrintedSignature,
  proxiedRequest,
  requestContent,
  responseContent,
  rsaPrivateKey,
  sharedSecret,
  testRequest,
  testResponse,
  transformedRequest,
} from "./rfc9421.ts";

const utf8 = new TextEncoder();

const options: VerifyMessageOptions = {
  key: ({ keyId }) => keys[keyId ?? ""] ?? null,
  required: [],
  now: 1618884480,
};

function withFields<M extends SignableMessage>(message: M, signature: PrintedSignature): M {
  return { ...message, headers: [...message.headers, ...fieldsOf(signature)] };
}

async function assertVerifies(message: SignableMessage, signature: PrintedSignature, content?: string): Promise<void> {
  const [info, ...others] = await verifyMessage(withFields(message, signature), {
    ...options,
    ...(content === undefined ? {} : { content: utf8.encode(content) }),
  });
  assertEquals(others, []);
  assertEquals(info!.label, signature.label);
}

async function assertWrong(message: SignableMessage, signature: PrintedSignature): Promise<void> {
  const error = await assertRejects(
    () => verifyMessage(withFields(message, signature), options),
    MessageSignatureError,
  );
  assertEquals([error.reason, error.label], ["signature", signature.label]);
}

const signers: Readonly<Record<string, Signer>> = {
  rsa: {
    algorithm: "RS256",
    keyId: "test-key-rsa",
    sign: (message) => Promise.resolve(new Uint8Array(sign("sha256", message, createPrivateKey(rsaPrivateKey)))),
  },
  ed: {
    algorithm: "EdDSA",
    keyId: "test-key-ed25519",
    sign: (message) => {
      const key = createPrivateKey({ key: ed25519Key, format: "jwk" });
      return Promise.resolve(new Uint8Array(sign(null, message, key)));
    },
  },
  hmac: {
    algorithm: "HS256",
    keyId: "test-shared-secret",
    sign: (message) => {
      const secret = Uint8Array.fromBase64(sharedSecret.k, { alphabet: "base64url" });
      return Promise.resolve(new Uint8Array(createHmac("sha256", secret).update(message).digest()));
    },
  },
};

async function assertMakes(
  message: SignableMessage,
  signature: PrintedSignature,
  signer: Signer,
  more: { created?: number; expires?: number; alg?: boolean } = {},
): Promise<void> {
  const { components, label } = signature;
  const made = await signMessage(message, { signer, components, label, created: 1618884473, ...more });
  const [[, signatureInput], [, value]] = fieldsOf(signature) as [[string, string], [string, string]];
  assertEquals(made, { signatureInput, signature: value });
}

describe("RFC 9421", () => {
  it("B.2.1 to B.2.3: RSA-PSS over little, some and all of a request", async () => {
    for (const signature of [printed.b21, printed.b22, printed.b23]) {
      await assertVerifies(testRequest(), signature, requestContent);
    }
    await assertWrong({ ...testRequest(), url: "https://example.com/foo?param=Value&Pet=cat" }, printed.b22);
    await assertWrong({ ...testRequest(), method: "PUT" }, printed.b23);
  });

  it("B.2.4: ECDSA over a response", async () => {
    await assertVerifies(testResponse(), printed.b24, responseContent);
    await assertWrong({ ...testResponse(), status: 201 }, printed.b24);
  });

  it("B.2.5 and B.2.6: HMAC and Ed25519, verified and made", async () => {
    await assertVerifies(testRequest(), printed.b25);
    await assertMakes(testRequest(), printed.b25, signers["hmac"]!);
    await assertVerifies(testRequest(), printed.b26);
    await assertMakes(testRequest(), printed.b26, signers["ed"]!);
  });

  it("B.3: a proxy that ends TLS", async () => {
    await assertVerifies(proxiedRequest, printed.ttrp);
    await assertWrong({ ...proxiedRequest, url: "https://example.com/foo?param=Value&Pet=dog" }, printed.ttrp);
  });

  it("B.4: what may happen to a message on its way, and what may not", async () => {
    await assertMakes(transformedRequest(), printed.transform, signers["ed"]!);
    const url = "https://example.org/demo?name1=Value1&Name2=value2";
    const good: SignableRequest[] = [
      transformedRequest(),
      transformedRequest("GET", `${url}&param=added`, [
        ["Accept-Language", "en-US,en;q=0.5"],
        ["Accept", "application/json"],
        ["Accept", "*/*"],
      ]),
      transformedRequest("GET", url, [["Referer", "https://developer.example.org/demo"], [
        "Accept",
        "application/json, */*",
      ]]),
    ];
    for (const message of good) await assertVerifies(message, printed.transform);
    await assertWrong(
      transformedRequest("POST", "https://example.com/demo?name1=Value1&Name2=value2"),
      printed.transform,
    );
    await assertWrong(
      transformedRequest("GET", url, [["Accept", "*/*"], ["Accept", "application/json"]]),
      printed.transform,
    );
  });

  it("4.3: the client's signature and the proxy's, each for itself", async () => {
    const { components, label } = printed.proxy;
    const made = await signMessage(forwardedRequest, {
      ...{ signer: signers["rsa"]!, components, label, alg: true, created: 1618884480, expires: 60 },
    });
    assertEquals(made.signature, fieldsOf(printed.proxy)[1]![1]);
    assertEquals(made.signatureInput, fieldsOf(printed.proxy)[0]![1]);
    const both = withFields(withFields(forwardedRequest, printed.client), printed.proxy);
    const content = utf8.encode(requestContent);
    // The proxy has changed the authority: of the two only its own signature stands.
    const verified = await verifyMessage(both, { ...options, content });
    assertEquals(verified.map(({ algorithm, expires, label }) => [label, algorithm, expires]), [
      ["proxy_sig", "rsa-v1_5-sha256", 1618884540],
    ]);
    const original = { ...both, url: "https://example.com/foo?param=Value&Pet=dog" };
    assertEquals(
      (await verifyMessage(original, { ...options, content, label: "sig1" }))[0]!.keyId,
      "test-key-ecc-p256",
    );
    const expired = () => verifyMessage(both, { ...options, content, label: "proxy_sig", now: 1618884600 });
    assertEquals((await assertRejects(expired, MessageSignatureError)).reason, "expired");
  });
});
