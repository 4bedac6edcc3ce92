// About http/features/signatures/: keys under which anybody can sign verify nothing, and options of another type check nothing less.
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { verifyMessage } from "../../../../../http/features/signatures/verify_message.ts";
import {
  JwsError,
  signJws,
  verifyJws,
  type VerifyJwsOptions,
} from "../../../../../http/features/signatures/jose/json_web_signature.ts";
import {
  signJwt,
  verifyJwt,
  type VerifyJwtOptions,
} from "../../../../../http/features/signatures/jose/json_web_token.ts";
import type { PublicJwk } from "../../../../../http/features/signatures/signer.ts";
import { verifyOutside } from "../../../../../session/keys/half_by_signature.ts";
import { curveByName } from "../../../../../session/attributes/named_parameters.ts";
import { testSigner } from "../signing_bench.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const reasonOf = async (call: () => Promise<unknown>) => (await assertRejects(call, JwsError)).reason;

/** The neutral point of Ed25519. As a key, and with 0 behind it as a signature, it fits any data. */
const neutral = Buffer.from(`01${"00".repeat(31)}`, "hex");
const fitsAll = Buffer.concat([neutral, Buffer.alloc(32)]);
const neutralKey: PublicJwk = { kty: "OKP", crv: "Ed25519", x: neutral.toString("base64url") };
const neutralSpki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), neutral]);

describe("a key under which anybody can sign", () => {
  it("of small order verifies no JSON Web Signature or Token", async () => {
    const jwt = `${encode({ alg: "EdDSA" })}.${encode({ sub: "admin" })}.${fitsAll.toString("base64url")}`;
    for (const key of [neutralKey, neutralSpki]) {
      assertEquals(await reasonOf(() => verifyJws(jwt, key)), "signature");
      assertEquals(await reasonOf(() => verifyJwt(jwt, key)), "signature");
    }
    const neutral448 = Buffer.from(`01${"00".repeat(56)}`, "hex");
    const all448 = Buffer.concat([neutral448, Buffer.alloc(57)]).toString("base64url");
    const key448: PublicJwk = { kty: "OKP", crv: "Ed448", x: neutral448.toString("base64url") };
    const jwt448 = `${encode({ alg: "EdDSA" })}.${encode({ sub: "admin" })}.${all448}`;
    assertEquals(await reasonOf(() => verifyJws(jwt448, key448)), "signature");
  });

  it("of small order verifies no message", async () => {
    const created = Math.floor(Date.now() / 1000);
    const headers: [string, string][] = [
      ["signature-input", `s=("@method" "@target-uri");created=${created};keyid="x"`],
      ["signature", `s=:${fitsAll.toString("base64")}:`],
    ];
    const message = { method: "GET", url: "https://a.example/admin", headers };
    for (const key of [neutralKey, neutralSpki]) {
      const error = await assertRejects(() => verifyMessage(message, { key: () => key }));
      assertEquals((error as { reason?: string }).reason, "signature");
    }
  });

  it("of small order is no proof of a private key", () => {
    const curve = curveByName("Ed25519")!;
    const material = { kind: "curve", curve, publicKey: new Uint8Array(neutral), privateKey: null } as const;
    const scheme = { algorithm: "Ed25519", hash: null } as unknown as Parameters<typeof verifyOutside>[1];
    assertEquals(verifyOutside(material, scheme, new Uint8Array(5), new Uint8Array(fitsAll)), false);
  });

  it("of RSA with an exponent of 1, or an even one, verifies nothing", async () => {
    const signer = testSigner("RS256");
    const jws = await signJws(signer, "x");
    for (const e of ["AQ", "Ag", "AAAB", ""]) {
      await assertRejects(
        () => verifyJws(jws, { ...signer.publicJwk(), e }),
        TypeError,
        "the public exponent of the RSA",
      );
    }
  });

  it("that is for something else verifies nothing", async () => {
    const signer = testSigner("ES256");
    const jws = await signJws(signer, "x");
    const key = signer.publicJwk();
    assertEquals(await reasonOf(() => verifyJws(jws, { ...key, key_ops: ["deriveBits"] } as PublicJwk)), "algorithm");
    await verifyJws(jws, { ...key, key_ops: ["sign", "verify"] } as PublicJwk);
  });
});

describe("options of another type", () => {
  const signer = testSigner("ES256");
  const key = signer.publicJwk();

  it("are refused, whatever they would be met by", async () => {
    const jwt = await signJwt(signer, { sub: "x" });
    const jws: Record<string, unknown>[] = [
      { understood: "exp-time" },
      { understood: new Set(["ex"]) },
      { understood: [5] },
      { algorithms: "ES256" },
      { algorithms: null },
    ];
    const own: Record<string, unknown>[] = [
      { required: "exp" },
      { audience: 5 },
      { audience: null },
      { audience: ["a", 5] },
      { issuer: 5 },
      { subject: {} },
      { type: null },
    ];
    for (const options of jws) {
      await assertRejects(
        () => verifyJws(jwt, key, options as VerifyJwsOptions),
        TypeError,
        "Cannot verify the signature",
      );
    }
    for (const options of [...jws, ...own]) {
      await assertRejects(() => verifyJwt(jwt, key, options as VerifyJwtOptions), TypeError, "Cannot verify the");
    }
  });

  it("are none of a header that names a type", async () => {
    const list = await signJwt(signer, { sub: "x" }, { header: { typ: ["at+jwt"] as unknown as string } });
    const none = await signJwt(signer, { sub: "x" }, { header: { typ: undefined } });
    assertEquals(await reasonOf(() => verifyJwt(list, key, { type: "at+jwt" })), "claim");
    assertEquals(await reasonOf(() => verifyJwt(none, key, { type: "undefined" })), "claim");
    const right = await signJwt(signer, { sub: "x" }, { header: { typ: "application/at+JWT" } });
    await verifyJwt(right, key, { type: "at+jwt" });
  });
});
