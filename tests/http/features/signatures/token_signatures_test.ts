// Requests signed by keys that never leave their token: many at once, and what happens when the token does not sign.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createVerifier, httpbis } from "http-message-signatures";
import { constants, createPublicKey, verify as verifyRaw } from "node:crypto";
import type { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { CKK, CKM } from "../../../../ffi/constants/mod.ts";
import {
  HttpMessage,
  HttpSession,
  HttpStatus,
  JwsError,
  MessageSignatureError,
  MessageSignatures,
  type Pkcs11Error,
  type Pkcs11Object,
  Retry,
  signJwt,
  signMessage,
  tokenSigner,
  type VerificationKey,
  verifyJwt,
  verifyMessage,
} from "../../../../mod.ts";
import { softhsmSkip } from "../../../_support/softhsm.ts";
import { TokenSession } from "../../../_support/token_session.ts";
import { macSigner, signable, verifyingServer } from "./signing_bench.ts";

const skip = softhsmSkip;

describe("requests signed by keys of a token", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  const pairs: Record<string, () => Promise<{ privateKey: Pkcs11Object; publicKey: Pkcs11Object }>> = {
    "ecdsa-p256-sha256": () => on.ecPair(),
    "ecdsa-p384-sha384": () =>
      on.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { namedCurve: "P-384", token: false, verify: true }, {
        token: false,
        sign: true,
      }),
    "ed25519": () =>
      on.session.generateKeyPair(CKM.EC_EDWARDS_KEY_PAIR_GEN, { namedCurve: "Ed25519", token: false, verify: true }, {
        token: false,
        sign: true,
      }),
    "rsa-v1_5-sha256": () => rsaPair(),
    "rsa-pss-sha512": () => rsaPair(),
  };
  const rsaPair = () =>
    on.session.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, {
      modulusBits: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      token: false,
      verify: true,
    }, { token: false, sign: true });

  it("are checked in the token where its secret key has made them, and for no other algorithm", { skip }, async () => {
    const secret = () =>
      on.session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, {
        valueLen: 64,
        keyType: CKK.GENERIC_SECRET,
        sign: true,
        verify: true,
      });
    const [signer, other] = [await tokenSigner(await secret()), await tokenSigner(await secret())];
    const jwt = await signJwt(signer, { sub: "ada" });
    const { claims, header } = await verifyJwt(jwt, signer);
    // The key has no CKA_ID, so nothing names it.
    assertEquals([claims.sub, header], ["ada", { alg: "HS256", typ: "JWT" }]);
    assertEquals((await verifyJwt(jwt, () => signer)).claims.sub, "ada");
    const reason = async (token: string, key: VerificationKey) =>
      (await assertRejects(() => verifyJwt(token, key), JwsError)).reason;
    assertEquals(await reason(jwt, other), "signature");
    for (const length of [4, 43, 44]) {
      assertEquals(await reason(jwt.replace(/[^.]+$/, "A".repeat(length)), signer), "signature");
    }
    const pair = await on.ecPair();
    const { privateKey, publicKey } = pair;
    const ecSigner = await tokenSigner(privateKey, { publicKey });
    // What a public key signs is not taken for a MAC, nor a MAC with a public key as its secret for a signature.
    assertEquals(await reason(await signJwt(ecSigner, {}), signer), "algorithm");
    const confused = macSigner(new TextEncoder().encode(await publicKey.publicKey("pem")));
    for (const key of [ecSigner, ecSigner.publicJwk(), await publicKey.publicKey("pem")]) {
      assertEquals(await reason(await signJwt(confused, {}), key), "algorithm");
    }
    const asKey = await assertRejects(async () => verifyJwt(await signJwt(ecSigner, {}), ecSigner), TypeError);
    assertMatch(asKey.message, /Cannot verify with a private key: give its public half/);

    const request = new Request("https://api.example/a");
    const { signature, signatureInput } = await signMessage(request, {
      signer,
      components: ["@method", "@target-uri"],
    });
    assert(!signatureInput.includes("keyid"), signatureInput);
    request.headers.set("signature-input", signatureInput);
    request.headers.set("signature", signature);
    assertEquals((await verifyMessage(request, { key: () => signer })).length, 1);
    await assertRejects(() => verifyMessage(request, { key: () => other }), MessageSignatureError);
    await assertRejects(() => verifyMessage(request, { key: () => ecSigner }), TypeError, "its public half");
  });

  it("are right to another implementation, for each algorithm of both", { skip }, async () => {
    for (const [name, make] of Object.entries(pairs)) {
      const { privateKey, publicKey } = await make();
      const algorithm = name === "rsa-pss-sha512" ? "PS512" : undefined;
      const signer = await tokenSigner(privateKey, { publicKey, algorithm });
      await using bench = await verifyingServer({ key: () => ({ ...signer.publicJwk(), alg: signer.algorithm }) });
      await using http = new HttpSession({ features: [new MessageSignatures({ signer, alg: true })] });
      assertEquals((await http.fetch(`${bench.origin}/a?b`, { method: "POST", body: "body" })).status, 200, name);
      const { headers, method, url } = signable(bench.server.requests[0]!, bench.origin);
      const key = createPublicKey({ key: signer.publicJwk() as Record<string, string>, format: "jwk" });
      // Its ECDSA wants DER, where RFC 9421 §3.3.4 says r and s side by side; its PSS leaves the salt to the runtime.
      const { RSA_PKCS1_PSS_PADDING: padding } = constants;
      const verify = name.startsWith("ecdsa") || name.startsWith("rsa-pss")
        ? (data: Buffer, signature: Buffer) => {
          const more = name.startsWith("rsa") ? { padding, saltLength: 64 } : { dsaEncoding: "ieee-p1363" as const };
          return Promise.resolve(verifyRaw(name.slice(-6), data, { key, ...more }, signature));
        }
        : createVerifier(key, name);
      const isRight = await httpbis.verifyMessage(
        { keyLookup: () => Promise.resolve({ id: signer.keyId, algs: [name], verify }) },
        { method, url: String(url), headers: Object.fromEntries(headers) },
      );
      assertEquals(isRight, true, name);
    }
  });

  it("are none of them lost when there are many at once", { skip }, async () => {
    const { privateKey, publicKey } = await on.ecPair();
    await using sessions = on.slot.sessionPool({ max: 4 });
    const signer = await tokenSigner(privateKey, { sessions, publicKey });
    await using bench = await verifyingServer({ key: () => signer.publicJwk() });
    await using http = new HttpSession({
      features: [new MessageSignatures({ signer })],
      ...{ maxConnsPerHost: 8, transport: "node" },
    });
    const answers = await Promise.all(Array.from({ length: 500 }, async (_, index) => {
      const response = await http.fetch(`${bench.origin}/${index}`, { method: "POST", body: String(index) });
      return [response.status, await response.text()];
    }));
    assertEquals(answers.filter(([status]) => status !== 200), []);
    // Each request has come once, with its own body and a signature over its own target.
    const seen = bench.server.requests.map(({ body, target }) => [target, body.toString()]);
    assertEquals(seen.filter(([target, body]) => target !== `/${body}`), []);
    assertEquals(new Set(seen.map(([target]) => target)).size, 500);
    assertEquals(bench.verdicts.filter((verdict) => typeof verdict === "string"), []);
    assert(sessions.size <= 4);
  });

  it("end with the token's answer when the PIN is refused, and the session goes on", { skip }, async () => {
    const { privateKey, publicKey } = await on.session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: false, verify: true },
      { token: false, private: true, sign: true, alwaysAuthenticate: true },
    );
    let asked = 0;
    let pin = "wrong";
    const interaction = { askPin: () => (asked++, pin) };
    await using sessions = on.slot.sessionPool({ max: 1, interaction });
    const signer = await tokenSigner(privateKey, { sessions, publicKey });
    await using bench = await verifyingServer({ key: () => ({ ...signer.publicJwk(), alg: "RS256" }) });
    await using http = new HttpSession({ features: [new Retry({ baseDelay: 1 }), new MessageSignatures({ signer })] });
    const msg = new HttpMessage("GET", bench.origin);
    assertEquals(await http.sendMessage(msg), HttpStatus.IO_ERROR);
    assertEquals((msg.error as Pkcs11Error).ckr, "CKR_PIN_INCORRECT");
    assertMatch(msg.reasonPhrase, /^Cannot /);
    // The wrong PIN was given to the card once: no retry asks again.
    assertEquals([asked <= 2, bench.server.requests.length], [true, 0]);
    pin = on.token.userPin;
    assertEquals((await http.fetch(bench.origin)).status, 200);
  });

  it("end when the token is gone, all of them, and the session goes on", { skip }, async () => {
    const { privateKey, publicKey } = await on.ecPair();
    const sessions = on.slot.sessionPool({ max: 2 });
    const signer = await tokenSigner(privateKey, { sessions, publicKey });
    await using bench = await verifyingServer({ key: () => signer.publicJwk() });
    const signatures = new MessageSignatures({ signer });
    await using http = new HttpSession({ features: [signatures] });
    // Another key is there, which tells nothing of itself: it must not take the place of this one.
    await on.ecPair();
    await privateKey.destroy();
    const messages = Array.from({ length: 20 }, () => new HttpMessage("GET", bench.origin));
    const statuses = await Promise.all(messages.map((msg) => http.sendMessage(msg)));
    assertEquals(new Set(statuses), new Set([HttpStatus.IO_ERROR]));
    for (const msg of messages) assertMatch((msg.error as Error).message, /Cannot find the signing key again/);
    assertEquals(bench.server.requests.length, 0);
    http.removeFeature(signatures);
    assertEquals((await http.fetch(bench.origin)).status, 401);
    await sessions.close();
  });
});
