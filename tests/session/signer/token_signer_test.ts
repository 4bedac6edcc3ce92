// About session/signer/: signatures of token keys in JOSE's form, checked by the runtime's Web Cryptography and OpenSSL.
import { assert, assertEquals, assertFalse, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { createHash, createHmac } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { Session } from "../../../session/tokens/session.ts";
import { publicJwk } from "../../../session/signer/signing_key.ts";
import { tokenSigner } from "../../../session/signer/token_signer.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const message = new TextEncoder().encode("what is signed");

/** The key of RFC 7638 §3.1 and of RFC 8037 §A.3, with their thumbprints. */
const rfc8037 = {
  jwk: {
    kty: "OKP",
    crv: "Ed25519",
    d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  },
  thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
};

describe("a signer of a token's key", () => {
  let on: TokenSession;
  /** A token that can be spoilt. */
  let spare: TestToken | undefined;
  before(async () => {
    if (skip) return;
    // The module shows the tokens that are there when it is loaded.
    spare = createToken();
    on = await TokenSession.open();
  });
  after(() => on?.close());

  const algorithms: readonly [
    jose: string,
    generate: () => Promise<CryptoKeyPair>,
    verify: AlgorithmIdentifier | EcdsaParams | RsaPssParams,
  ][] = [
    ...([[256, 256], [384, 384], [512, 521]] as const).map(
      ([size, curve]): [string, () => Promise<CryptoKeyPair>, EcdsaParams] => [
        `ES${size}`,
        () => crypto.subtle.generateKey({ name: "ECDSA", namedCurve: `P-${curve}` }, true, ["sign", "verify"]),
        { name: "ECDSA", hash: `SHA-${size}` },
      ],
    ),
    ...(["256", "384", "512"] as const).flatMap((
      size,
    ): [string, () => Promise<CryptoKeyPair>, AlgorithmIdentifier | RsaPssParams][] =>
      [["RS", "RSASSA-PKCS1-v1_5"], ["PS", "RSA-PSS"]].map(([prefix, name]) => [
        `${prefix}${size}`,
        () =>
          crypto.subtle.generateKey(
            { name: name!, hash: `SHA-${size}`, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
            true,
            ["sign", "verify"],
          ) as Promise<CryptoKeyPair>,
        { name: name!, saltLength: Number(size) / 8 },
      ])
    ),
    [
      "EdDSA",
      () => crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]) as Promise<CryptoKeyPair>,
      "Ed25519",
    ],
  ];
  it("has a public key that is told without it, too, of what is left of its pair", { skip }, async () => {
    const { session } = on;
    const pair = { token: false, id: "left" };
    const { privateKey, publicKey } = await session.importKeyPair(rfc8037.jwk, pair, pair);
    const expected = (await tokenSigner(privateKey)).publicJwk();
    assertEquals(expected.kid, rfc8037.thumbprint);
    await privateKey.destroy();
    for (const key of [publicKey, await publicKey.publicKey("pem"), rfc8037.jwk]) {
      assertEquals(await publicJwk(key), expected);
    }
    assertEquals((await publicJwk(publicKey, { keyId: "2026" })).kid, "2026");
    const rsa = await crypto.subtle.generateKey(
      { name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
      true,
      ["sign", "verify"],
    );
    assertEquals((await publicJwk(rsa.publicKey)).alg, "RS256");
    assertEquals((await publicJwk(rsa.publicKey, { algorithm: "PS256" })).alg, "PS256");
    const wrong = { algorithm: "ES256" };
    await assertRejects(() => publicJwk(publicKey, wrong), TypeError, 'Cannot make the JSON Web Key: "ES256" is no');
    for (const key of [publicKey, rfc8037.jwk]) {
      const reason = await publicJwk(key, { signal: AbortSignal.abort("enough") }).catch((error: unknown) => error);
      assertEquals(reason, "enough");
    }
    const secret = await session.importKey({ kty: "oct", k: "AAAA" });
    await assertRejects(() => publicJwk(secret), TypeError, "the key has no public half");
  });

  for (const [algorithm, generate, parameters] of algorithms) {
    it(`signs what Web Cryptography verifies: ${algorithm}`, { skip }, async () => {
      const outside = await generate();
      const { privateKey } = await on.session.importKeyPair(outside.privateKey);
      const signer = await tokenSigner(privateKey, { algorithm });
      assertEquals(signer.algorithm, algorithm);
      assert(await crypto.subtle.verify(parameters, outside.publicKey, await signer.sign(message), message));
      const jwk = signer.publicJwk();
      assertEquals([jwk.alg, jwk.kid, jwk.use], [algorithm, signer.keyId, "sig"]);
      assertEquals(signer.spki(), new Uint8Array(await crypto.subtle.exportKey("spki", outside.publicKey)));
    });
  }

  it("makes HMACs with a secret key, and has no public half then", { skip }, async () => {
    const value = new Uint8Array(64).fill(3);
    const key = await on.session.importKey({
      kty: "oct",
      k: value.toBase64({ alphabet: "base64url", omitPadding: true }),
    }, { id: Uint8Array.of(0xab) });
    for (const [algorithm, hash] of [["HS256", "sha256"], ["HS384", "sha384"], ["HS512", "sha512"]] as const) {
      const signer = await tokenSigner(key, { algorithm });
      assertEquals(await signer.sign(message), new Uint8Array(createHmac(hash, value).update(message).digest()));
      assertEquals(signer.keyId, "ab");
      assertThrows(() => signer.publicJwk(), TypeError, "no public half");
    }
  });

  it("is named by the thumbprint of RFC 7638 unless a name is given", { skip }, async () => {
    const { privateKey } = await on.session.importKeyPair(rfc8037.jwk);
    assertEquals((await tokenSigner(privateKey)).keyId, rfc8037.thumbprint);
    assertEquals((await tokenSigner(privateKey, { keyId: "mine" })).keyId, "mine");
    assertEquals((await tokenSigner(privateKey, { algorithm: "Ed25519" })).algorithm, "EdDSA");
  });

  it("signs side by side through a pool, and copies what it is given", { skip }, async () => {
    const { publicKey, privateKey } = await on.ecPair();
    await using sessions = on.slot.sessionPool({ max: 3 });
    const signer = await tokenSigner(privateKey, { sessions, publicKey });
    const verifier = await publicKey.publicKey("crypto-key");
    const changing = message.slice();
    const signatures = Array.from({ length: 60 }, () => signer.sign(changing));
    changing.fill(0);
    for (const signature of await Promise.all(signatures)) {
      assert(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifier, signature, message));
    }
    assert(sessions.size <= 3);
  });

  it("finds a key again whose handle is no longer valid, in its pool", { skip }, async () => {
    const pem = { token: true, label: "comes back", id: Uint8Array.of(0xc0, 0xde) };
    const jwk = await on.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, {
      ecParams: Uint8Array.fromHex("06082a8648ce3d030107"),
      token: false,
      verify: true,
    }, { token: false, sign: true, extractable: true, sensitive: false })
      .then(async ({ privateKey, publicKey }) => ({
        ...(await publicKey.publicKey("jwk")),
        d: (await privateKey.get(["value"])).value!.toBase64({ alphabet: "base64url", omitPadding: true }),
      }));
    const first = await on.session.importKeyPair(jwk, pem, pem);
    await using sessions = on.slot.sessionPool({ max: 1, readWrite: true });
    const signer = await tokenSigner(first.privateKey, { sessions });
    await signer.sign(message);
    await first.privateKey.destroy();
    const lost = await assertRejects(() => signer.sign(message), Error, "find the signing key again");
    // Its token has been there all the time.
    assertFalse(lost.message.includes("away"));
    const second = await on.session.importKeyPair(jwk, { ...pem, token: false }, pem);
    assert((await signer.sign(message)).length === 64);
    for (const key of [first.publicKey, second.privateKey]) await key.destroy();
  });

  it("signs in place as it signs on a worker", { skip }, async () => {
    const { privateKey } = await on.session.importKeyPair(rfc8037.jwk);
    const signer = await tokenSigner(privateKey);
    assertEquals(signer.signSync(message), await signer.sign(message));
    const wrong = { signal: AbortSignal.abort(new Error("no time")) };
    assertThrows(() => signer.signSync(message, wrong), Error, "no time");
    await assertRejects(() => signer.sign(message, wrong), Error, "no time");
  });

  it("gives the s of ES256K that everybody takes, whichever its token gives", { skip }, async () => {
    const { privateKey, publicKey } = await on.session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { namedCurve: "secp256k1", token: false, verify: true },
      { token: false, sign: true },
    );
    const signer = await tokenSigner(privateKey, { publicKey });
    const digest = new Uint8Array(createHash("sha256").update(message).digest());
    for (let count = 0; count < 8; count++) {
      for (const signature of [await signer.sign(message), signer.signSync(message)]) {
        // Half of n begins so: a token that draws s by lot gives a higher one each second time.
        assert(signature[32]! < 0x80, signature.toHex());
        assert(await on.session.verify(publicKey, CKM.ECDSA, digest, signature));
      }
    }
  });

  it("signs once more when its session has died, with the key it finds then", { skip }, async () => {
    const { privateKey } = await on.session.importKeyPair(rfc8037.jwk, {}, { label: "found by its URI" });
    await using sessions = on.slot.sessionPool({ max: 2 });
    const signer = await tokenSigner(privateKey, { sessions });
    const expected = await signer.sign(message);
    for (let life = 0; life < 2; life++) {
      await sessions.use((session) => Session.fromHandle(on.slot, session.handle).close());
      assertEquals(await Promise.all([signer.sign(message), signer.sign(message)]), [expected, expected]);
    }
  });

  it("never signs with the key of another token in its slot", { skip }, async () => {
    const slot = await on.module.findSlot(spare!.label);
    const secret = {
      ...{ class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, value: new Uint8Array(32).fill(9) },
      ...{ id: Uint8Array.of(1), token: true, private: false, sign: true },
    };
    const key = await (await slot.openSession({ readWrite: true })).createObject(secret);
    await using sessions = slot.sessionPool();
    await using loggedIn = slot.sessionPool({ login: { pin: spare!.userPin } });
    const signer = await tokenSigner(key, { sessions });
    await signer.sign(message);
    await loggedIn.use((session) => session.getInfo());
    await on.module.closeAllSessions(slot);
    await slot.initToken(spare!.soPin, "another");
    await (await slot.openSession({ readWrite: true })).createObject(secret);
    const error = await assertRejects(() => signer.sign(message), Error);
    assertMatch(error.message, /slot holds the token "another" now/);
    // Nor is that token tried with the PIN of the one that was there.
    const refused = await assertRejects(() => loggedIn.use((session) => session.getInfo()), Pkcs11Error);
    assertEquals(refused.ckr, "CKR_TOKEN_NOT_RECOGNIZED");
  });

  it("asks for the PIN of a key that wants one for every signature", { skip }, async () => {
    const { publicKey, privateKey } = await on.session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: false, verify: true },
      { token: false, private: true, sign: true, alwaysAuthenticate: true },
    );
    const answers: (string | null)[] = [];
    const interaction = { askPin: () => answers.shift() ?? null };
    await using sessions = on.slot.sessionPool({ max: 2, interaction });
    const signer = await tokenSigner(privateKey, { sessions, publicKey });
    answers.push(on.token.userPin, on.token.userPin);
    await Promise.all([signer.sign(message), signer.sign(message)]);
    assertEquals(answers, []);
    const declined = await assertRejects(() => signer.sign(message), Pkcs11Error);
    assertEquals(declined.code, CKR.FUNCTION_CANCELED);
    answers.push(on.token.userPin);
    assertEquals((await signer.sign(message)).length, 256);
  });

  it("refuses what it cannot be", { skip }, async () => {
    const { publicKey, privateKey } = await on.ecPair();
    const other = await on.ecPair();
    await assertRejects(() => tokenSigner(publicKey), TypeError, "neither a private nor a secret key");
    const wrong = await assertRejects(() => tokenSigner(privateKey, { algorithm: "RS256", publicKey }), TypeError);
    assertMatch(wrong.message, /"RS256" is no algorithm of a P-256 key; it has ES256/);
    const rsa = await on.session.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, {
      modulusBits: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      token: false,
    }, { token: false, sign: true });
    await assertRejects(
      () => tokenSigner(rsa.privateKey, { publicKey: other.publicKey }),
      TypeError,
      "not the public half",
    );
    await assertRejects(() => tokenSigner(privateKey, { sessions: 3 as never }), TypeError, "SessionPool");
    const data = await on.session.createObject({ class: CKO.DATA, private: false });
    await assertRejects(() => tokenSigner(data), Error);
    await privateKey.destroy();
    const gone = await assertRejects(() => tokenSigner(privateKey, { publicKey }), Pkcs11Error);
    assertEquals(gone.ckr, "CKR_OBJECT_HANDLE_INVALID");
  });
});
