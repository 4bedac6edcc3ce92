// About http/features/signatures/jose/: signatures and tokens, checked by `jose` and against the RFCs' own examples.
import { assertEquals, assertRejects } from "@std/assert";
import { ed448 } from "@noble/curves/ed448.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import * as jose from "jose";
import { describe, it } from "node:test";
import {
  CLIENT_ASSERTION_TYPE,
  type JwtClaims,
  privateKeyJwt,
  signJwt,
  verifyJwt,
  type VerifyJwtOptions,
} from "../../../../../http/features/signatures/jose/json_web_token.ts";
import { JwsError, signJws, verifyJws } from "../../../../../http/features/signatures/jose/json_web_signature.ts";
import type { PublicJwk } from "../../../../../http/features/signatures/signer.ts";
import { toBase64Url } from "../../../../../internal/bytes.ts";
import { macSigner, testSigner } from "../signing_bench.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();
const signer = testSigner("ES256");
const key = signer.publicJwk();

/** The secret of RFC 7515 §A.1 and RFC 7797 §4. */
const secret: PublicJwk = {
  kty: "oct",
  k: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
};

async function reasonOf(call: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(call, JwsError)).reason;
}

describe("JSON Web Signatures", () => {
  it("are right to another implementation", async () => {
    for (const algorithm of ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "EdDSA"]) {
      const own = testSigner(algorithm);
      const jws = await signJws(own, { hello: "wörld" }, { typ: "example", kid: "k-1" });
      const theirs = await jose.compactVerify(jws, await jose.importJWK(own.publicJwk() as jose.JWK, algorithm));
      assertEquals(theirs.protectedHeader, { alg: algorithm, kid: "k-1", typ: "example" });
      assertEquals(text.decode(theirs.payload), '{"hello":"wörld"}');
      const { header, payload } = await verifyJws(jws, own.publicJwk());
      assertEquals([header, text.decode(payload)], [{ ...theirs.protectedHeader }, '{"hello":"wörld"}']);
    }
    const mac = await signJws(macSigner(Uint8Array.fromBase64(secret.k!, { alphabet: "base64url" })), "x");
    assertEquals(
      text.decode((await jose.compactVerify(mac, await jose.importJWK(secret as jose.JWK, "HS256"))).payload),
      "x",
    );
  });

  it("of another implementation are right", async () => {
    for (const algorithm of ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "EdDSA"]) {
      const pair = await jose.generateKeyPair(algorithm, { extractable: true });
      const jws = await new jose.CompactSign(utf8.encode("theirs")).setProtectedHeader({ alg: algorithm }).sign(
        pair.privateKey,
      );
      const { payload } = await verifyJws(jws, await jose.exportJWK(pair.publicKey) as PublicJwk);
      assertEquals(text.decode(payload), "theirs");
      assertEquals(text.decode((await verifyJws(jws, await jose.exportSPKI(pair.publicKey))).payload), "theirs");
    }
  });

  it("of ES256K are right with either s, on every runtime, and wrong ones wrong", async () => {
    const secretKey = secp256k1.utils.randomSecretKey();
    const [x, y] = [
      secp256k1.getPublicKey(secretKey, false).subarray(1, 33),
      secp256k1.getPublicKey(secretKey, false).subarray(33),
    ];
    const key: PublicJwk = { kty: "EC", crv: "secp256k1", x: toBase64Url(x), y: toBase64Url(y) };
    const heard = new Set<boolean>();
    for (let count = 0; heard.size < 2 || count < 8; count++) {
      const head = `${toBase64Url(utf8.encode('{"alg":"ES256K"}'))}.${toBase64Url(utf8.encode(`${count}`))}`;
      const signature = secp256k1.sign(utf8.encode(head), secretKey, { lowS: false });
      heard.add(secp256k1.Signature.fromBytes(signature).hasHighS());
      assertEquals(text.decode((await verifyJws(`${head}.${toBase64Url(signature)}`, key)).payload), `${count}`);
      signature[40]! ^= 1;
      assertEquals(await reasonOf(() => verifyJws(`${head}.${toBase64Url(signature)}`, key)), "signature");
      assertEquals(await reasonOf(() => verifyJws(`${head}.${toBase64Url(signature.subarray(1))}`, key)), "signature");
    }
    const damaged = { ...key, y: key.x };
    const jws = `${toBase64Url(utf8.encode('{"alg":"ES256K"}'))}..${toBase64Url(new Uint8Array(64).fill(1))}`;
    await assertRejects(() => verifyJws(jws, damaged), TypeError, "the JSON Web Key is damaged");
  });

  it("of Ed448 are right on every runtime, and wrong ones wrong", async () => {
    const secretKey = ed448.utils.randomSecretKey();
    const key: PublicJwk = { kty: "OKP", crv: "Ed448", x: toBase64Url(ed448.getPublicKey(secretKey)) };
    for (const alg of ["EdDSA", "Ed448"]) {
      const head = `${toBase64Url(utf8.encode(JSON.stringify({ alg })))}.${toBase64Url(utf8.encode("x"))}`;
      const signature = ed448.sign(utf8.encode(head), secretKey);
      assertEquals(text.decode((await verifyJws(`${head}.${toBase64Url(signature)}`, key)).payload), "x");
      signature[70]! ^= 1;
      assertEquals(await reasonOf(() => verifyJws(`${head}.${toBase64Url(signature)}`, key)), "signature");
      assertEquals(await reasonOf(() => verifyJws(`${head}.${toBase64Url(signature.subarray(1))}`, key)), "signature");
    }
  });

  it("say of what is no key how to find one", async () => {
    const jws = await signJws(signer, "x");
    for (const set of [{ keys: [key] }, [key]]) {
      await assertRejects(() => verifyJws(jws, set as never), TypeError, "keys.find((key) => key.kid === kid)");
    }
    class Pkcs11Object {}
    for (const [wrong, got] of [[new Pkcs11Object(), "a Pkcs11Object"], [{}, "an object"], [5, "a number"]] as const) {
      const error = await assertRejects(() => verifyJws(jws, wrong as never), TypeError, "publicJwk(key)");
      assertEquals(error.message.endsWith(`, got ${got}`), true, error.message);
    }
    await assertRejects(() => verifyJws(jws, "no key"), TypeError, "no public key in PEM that");
    await assertRejects(() => verifyJws(jws, new Uint8Array(9)), TypeError, "no public key in DER that");
  });

  it("are those of RFC 7515 and RFC 7797", async () => {
    const first = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" +
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assertEquals((await verifyJws(first, secret)).header, { typ: "JWT", alg: "HS256" });
    const { claims } = await verifyJwt(first, secret, { now: 1300819000, issuer: "joe" });
    assertEquals(claims["http://example.com/is_root"], true);
    const detached =
      "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    assertEquals(text.decode((await verifyJws(detached, secret, { payload: "$.02" })).payload), "$.02");
    assertEquals(await reasonOf(() => verifyJws(detached, secret, { payload: "$.03" })), "signature");
  });

  it("leave a payload as it is", async () => {
    const plain = await signJws(signer, "$02 as it is", { b64: false });
    assertEquals(plain.split(".")[1], "$02 as it is");
    const { header, payload } = await verifyJws(plain, key);
    assertEquals([text.decode(payload), header.crit], ["$02 as it is", ["b64"]]);
    const bytes = Uint8Array.of(0, 255, 46, 10);
    const detached = await signJws(signer, bytes, { b64: false }, { detached: true });
    const [head, middle, signature] = detached.split(".");
    assertEquals(middle, "");
    const jws = { protected: head!, payload: bytes, signature: signature! };
    assertEquals((await jose.flattenedVerify(jws, await jose.importJWK(key as jose.JWK, "ES256"))).payload, bytes);
    assertEquals((await verifyJws(detached, key, { payload: bytes })).payload, bytes);
    for (const payload of ["a.b", "ä", "line\nbreak"]) {
      await assertRejects(() => signJws(signer, payload, { b64: false }), TypeError, "make it detached");
    }
    const encoded = await signJws(signer, bytes, {}, { detached: true });
    assertEquals((await verifyJws(encoded, key, { payload: bytes })).payload, bytes);
  });

  it("are made of what JSON can hold, text and bytes, and of nothing that would be {} there", async () => {
    const none: readonly object[] = [
      new Blob(["release"]),
      new Response("release"),
      new ReadableStream(),
      new Map([["a", 1]]),
      Promise.resolve("release"),
      null as unknown as object,
    ];
    for (const payload of none) {
      await assertRejects(() => signJws(signer, payload), TypeError, "Cannot sign the payload: expected text, bytes");
      const jws = await signJws(signer, {}, {}, { detached: true });
      const given = payload as Uint8Array<ArrayBuffer>;
      await assertRejects(() => verifyJws(jws, key, { payload: given }), TypeError, "expected the payload to be text");
    }
    class Claims {
      readonly sub = "someone";
    }
    for (const payload of [{}, [], new Claims(), new URL("https://a.test/"), Object.create(null) as object]) {
      const { payload: signed } = await verifyJws(await signJws(signer, payload), key);
      assertEquals(text.decode(signed), JSON.stringify(payload));
    }
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(65);
    for (const payload of [shared, shared.buffer]) {
      assertEquals(text.decode((await verifyJws(await signJws(signer, payload), key)).payload), "AAA");
    }
  });

  it("are refused for a reason", async () => {
    const jws = await signJws(signer, "x");
    const [, payload, signature] = jws.split(".") as [string, string, string];
    const withHeader = (header: unknown) =>
      `${
        utf8.encode(JSON.stringify(header)).toBase64({ alphabet: "base64url", omitPadding: true })
      }.${payload}.${signature}`;
    const mac = await signJws(
      macSigner(
        utf8.encode(
          await jose.exportSPKI(
            await jose.importJWK(key as jose.JWK, "ES256", { extractable: true }) as jose.CryptoKey,
          ),
        ),
      ),
      "x",
    );
    const wrong: [string, () => Promise<unknown>][] = [
      ["malformed", () => verifyJws("a.b", key)],
      ["malformed", () => verifyJws(`${jws}.x`, key)],
      ["malformed", () => verifyJws(3 as never, key)],
      ["malformed", () => verifyJws(`!${jws}`, key)],
      ["malformed", () => verifyJws(withHeader([1]), key)],
      ["malformed", () => verifyJws(`${jws.slice(0, -4)}====`, key)],
      ["malformed", () => verifyJws(jws, key, { payload: "y" })],
      ["malformed", () => verifyJws(withHeader({ alg: "ES256", crit: [] }), key)],
      ["malformed", () => verifyJws(withHeader({ alg: "ES256", crit: ["b64"] }), key)],
      ["malformed", () => verifyJws(withHeader({ alg: "ES256", crit: ["b64", "b64"], b64: true }), key)],
      ["malformed", () => verifyJws(".".repeat(1e6), key)],
      // The same signature in another text: bits behind its last byte.
      ["malformed", () => verifyJws(jws.slice(0, -1) + String.fromCharCode(jws.charCodeAt(jws.length - 1) + 1), key)],
      ["algorithm", () => verifyJws(withHeader({ ["__proto__"]: { alg: "ES256" } }), key)],
      ["algorithm", () => verifyJws(withHeader({ alg: "none" }), key)],
      ["algorithm", () => verifyJws(withHeader({ alg: "ES384" }), key)],
      ["algorithm", () => verifyJws(withHeader({}), key)],
      ["algorithm", () => verifyJws(mac, key)],
      ["algorithm", () => verifyJws(jws, { ...key, alg: "ES384" })],
      ["algorithm", () => verifyJws(jws, { ...key, use: "enc" })],
      ["algorithm", () => verifyJws(jws, key, { algorithms: ["ES384"] })],
      ["key", () => verifyJws(jws, () => null)],
      ["critical", () => verifyJws(withHeader({ alg: "ES256", crit: ["exp"], exp: 1 }), key)],
      ["critical", () => verifyJws(withHeader({ alg: "ES256", b64: false }), key)],
      ["signature", () => verifyJws(jws, testSigner("ES256").publicJwk())],
      ["signature", () => verifyJws(jws.slice(0, -2), key)],
      ["signature", () => verifyJws(`${jws.slice(0, jws.lastIndexOf("."))}.`, key)],
      ["signature", () => verifyJws(withHeader({ alg: "ES256", more: 1 }), key)],
    ];
    for (const [index, [reason, call]] of wrong.entries()) assertEquals(await reasonOf(call), reason, `case ${index}`);
    await assertRejects(
      () => verifyJws(jws, key, { algorithms: "ES256K" as never }),
      TypeError,
      "algorithms to be an array of strings",
    );
    const critical = await signJws(signer, "x", { crit: ["exp"], exp: 1 });
    assertEquals((await verifyJws(critical, key, { understood: ["exp"] })).header["exp"], 1);
    await assertRejects(() => signJws(signer, "x", { alg: "ES384" }), TypeError, "the signer's algorithm is ES256");
    await assertRejects(() => signJws(signer, 3 as never), TypeError, "got a number");
    await assertRejects(() => signJws({} as never, "x"), TypeError, "signer has not the members");
  });
});

describe("JSON Web Tokens", () => {
  const now = 1_700_000_000;
  const claims: JwtClaims = { iss: "me", sub: "you", aud: ["a", "b"], iat: now, nbf: now, exp: now + 60, jti: "1" };

  it("are right to another implementation, and theirs here", async () => {
    const jwt = await signJwt(signer, { iss: "me", aud: "a" }, { expiresIn: 60, header: { typ: "at+jwt" } });
    const options = { issuer: "me", audience: "a", typ: "at+jwt" };
    const theirs = await jose.jwtVerify(jwt, await jose.importJWK(key as jose.JWK, "ES256"), options);
    assertEquals(theirs.payload.exp, theirs.payload.iat! + 60);
    assertEquals((await verifyJwt(jwt, key, { issuer: "me", audience: "a", type: "application/at+jwt" })).claims, {
      ...theirs.payload,
    });
    const pair = await jose.generateKeyPair("EdDSA", { extractable: true });
    const other = await new jose.SignJWT({ scope: "all" }).setProtectedHeader({ alg: "EdDSA" }).setIssuedAt()
      .setExpirationTime("1m").sign(pair.privateKey);
    const { claims } = await verifyJwt(other, await jose.exportJWK(pair.publicKey) as PublicJwk, {
      maxAge: 60,
      required: ["scope"],
    });
    assertEquals(claims["scope"], "all");
  });

  it("are refused for a reason", async () => {
    const check = async (more: JwtClaims, options: VerifyJwtOptions) =>
      await verifyJwt(await signJws(signer, { ...claims, ...more }, { typ: "JWT" }), key, { now, ...options });
    await check({}, { issuer: "me", subject: "you", audience: ["x", "b"], required: ["jti"], maxAge: 0, type: "jwt" });
    for (const time of [now + 89, now - 30]) await check({}, { now: time });
    const wrong: [string, JwtClaims, VerifyJwtOptions][] = [
      ["expired", {}, { now: now + 90 }],
      ["expired", {}, { now: now - 31 }],
      ["expired", { iat: now + 31 }, { maxAge: 60 }],
      ["expired", { iat: now - 91 }, { maxAge: 60 }],
      ["malformed", { exp: "soon" as never }, {}],
      ["malformed", { iat: null as never }, {}],
      ["malformed", { sub: { toString: 1 } as never }, {}],
      ["malformed", { iss: ["me"] as never }, {}],
      ["malformed", { aud: ["a", 3] as never }, { audience: "a" }],
      ["expired", { exp: -1 }, {}],
      ["claim", {}, { required: ["constructor"] }],
      ["claim", { scope: null }, { required: ["scope"] }],
      ["claim", {}, { issuer: "another" }],
      ["claim", {}, { subject: "another" }],
      ["claim", {}, { audience: "c" }],
      ["claim", { aud: undefined }, { audience: "a" }],
      ["claim", {}, { required: ["scope"] }],
      ["claim", {}, { type: "at+jwt" }],
    ];
    for (const [index, [reason, more, options]] of wrong.entries()) {
      assertEquals(await reasonOf(() => check(more, options)), reason, `case ${index}`);
    }
    for (const payload of ["no json", "[]", "3", Uint8Array.of(255)]) {
      const jws = await signJws(signer, payload);
      assertEquals(await reasonOf(() => verifyJwt(jws, key)), "malformed");
    }
    for (const time of ["1e999", '"1"', "[1]", "null"]) {
      const jws = await signJws(signer, `{"exp":${time}}`);
      assertEquals(await reasonOf(() => verifyJwt(jws, key)), "malformed");
    }
    const plain = await signJws(signer, "{}", { b64: false });
    assertEquals(await reasonOf(() => verifyJwt(plain, key)), "malformed");
    // Compared with these, every time would be right.
    for (const name of ["now", "tolerance", "maxAge"]) {
      await assertRejects(() => check({}, { [name]: NaN }), RangeError, name);
      await assertRejects(() => check({}, { [name]: "30" }), TypeError, name);
    }
    await assertRejects(() => signJwt(signer, [] as never), TypeError, "its claims are no object");
    // Added to a time, text would make another one.
    await assertRejects(() => signJwt(signer, {}, { expiresIn: "60" as never }), TypeError, "expiresIn");
    await assertRejects(() => signJwt(signer, { iat: "1" as never }, { expiresIn: 60 }), TypeError, "iat");
    await assertRejects(() => signJwt(signer, new Map([["exp", 1]]) as never), TypeError, "its claims are no object");
    for (const expiresIn of [NaN, 0, -1]) {
      await assertRejects(() => signJwt(signer, {}, { expiresIn }), RangeError, "expiresIn");
    }
  });

  it("are not signed with what nobody would accept, and what is undefined takes no default away", async () => {
    const seconds = "a number of seconds since 1970";
    const wrong: [JwtClaims, string][] = [
      [{ exp: new Date() as never }, `Cannot sign the token: expected exp to be ${seconds}, got a Date`],
      [{ exp: "1h" as never }, `Cannot sign the token: expected exp to be ${seconds}, got a string`],
      [{ nbf: new Date() as never }, `expected nbf to be ${seconds}, got a Date`],
      [{ iat: null as never }, `expected iat to be ${seconds}, got null`],
      [{ iat: 1n as never }, `expected iat to be ${seconds}, got a bigint`],
      [{ aud: new Set(["a"]) as never }, "expected aud to be a string or an array of strings, got a Set"],
      [{ aud: ["a", 3] as never }, "expected aud to be a string or an array of strings"],
      [{ iss: new URL("https://a.example") as never }, "expected iss to be a string, got an URL"],
      [{ sub: 1 as never }, "expected sub to be a string, got a number"],
      [{ jti: null as never }, "expected jti to be a string, got null"],
    ];
    for (const [claims, message] of wrong) await assertRejects(() => signJwt(signer, claims), TypeError, message);
    for (const name of ["exp", "nbf", "iat"]) {
      for (const time of [NaN, Infinity]) {
        await assertRejects(() => signJwt(signer, { [name]: time }), RangeError, name);
      }
    }
    const absent = await signJwt(signer, { exp: undefined, iat: undefined, sub: undefined }, { expiresIn: 60 });
    const { claims } = await verifyJwt(absent, key);
    assertEquals([Object.keys(claims), claims.exp! - claims.iat!], [["iat", "exp"], 60]);
  });

  it("authenticate a client (RFC 7523)", async () => {
    const assertion = await privateKeyJwt({ signer, clientId: "client-1", audience: "https://as.example" });
    const options = { issuer: "client-1", subject: "client-1", audience: "https://as.example", maxTokenAge: 60 };
    const { payload } = await jose.jwtVerify(assertion, await jose.importJWK(key as jose.JWK, "ES256"), options);
    assertEquals(payload.exp, payload.iat! + 60);
    const other = await privateKeyJwt({ signer, clientId: "client-1", audience: ["https://as.example"] });
    assertEquals(jose.decodeJwt(other).jti === payload.jti, false);
    assertEquals(CLIENT_ASSERTION_TYPE, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const wrong = { signer, clientId: "client-1", audience: "https://as.example" };
    await assertRejects(
      () => privateKeyJwt({ ...wrong, signer: macSigner(utf8.encode("x")) }),
      TypeError,
      "no private key",
    );
    await assertRejects(() => privateKeyJwt({ ...wrong, clientId: "" }), TypeError, "clientId is no text");
    await assertRejects(() => privateKeyJwt({ ...wrong, audience: [] }), TypeError, "names no server");
  });
});
