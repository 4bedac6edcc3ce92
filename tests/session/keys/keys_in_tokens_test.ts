// About session/tokens/session.ts, session/tokens/object.ts and session/keys/: keys and certificates in real tokens.
import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, describe, it } from "node:test";
import { CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { createSelfSignedCertificate } from "../../../session/certificates/mod.ts";
import { ObjectAmbiguousError, ObjectNotFoundError, Pkcs11Error } from "../../../session/errors.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

function openssl(args: readonly string[], input: string | Uint8Array = ""): string {
  return execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "ignore"] }).toString();
}

function generation(name: string): string[] {
  if (name === "RSA") return ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
  if (/^(Ed|X)/.test(name)) return ["genpkey", "-algorithm", name];
  return ["genpkey", "-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${name === "P-224" ? "secp224r1" : name}`];
}

function selfSigned(curve: string): string[] {
  const key = ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`, "-nodes", "-keyout", "/dev/null"];
  return ["req", "-x509", ...key, "-subj", "/CN=self"];
}

describe("keys and certificates in SoftHSM2", () => {
  let on: TokenSession;
  before(async () => {
    if (!softhsmSkip) on = await TokenSession.open();
  });
  after(() => on?.close());
  const skip = softhsmSkip;

  it("secret keys are kept in their token unless the attributes say otherwise", { skip }, async () => {
    const jwk = { kty: "oct", alg: "A256GCM", k: Buffer.alloc(32, 9).toString("base64url") };
    const kept = await on.session.importKey(jwk);
    const expected = { sensitive: true, extractable: false, private: true, token: false };
    assertEquals(await kept.get(["sensitive", "extractable", "private", "token"]), expected);
  });

  it(
    "attributes that contradict a key or certificate are refused, those that repeat it are taken",
    { skip },
    async () => {
      const { session } = on;
      const pem = openssl(generation("P-256"));
      for (const attributes of [{ value: new Uint8Array(32).fill(1) }, { namedCurve: "P-384" }] as const) {
        await assertRejects(() => session.importKey(pem, attributes), TypeError, "among the attributes is not its own");
      }
      const ecPoint = (await (await session.importKey(openssl(["pkey", "-pubout"], pem))).get(["ecPoint"])).ecPoint!;
      await assertRejects(() => session.importKeyPair(pem, { ecPoint: ecPoint.with(5, ecPoint[5]! ^ 1) }), TypeError);
      assertEquals(await session.findObjects({ class: CKO.PRIVATE_KEY }), []);
      const pair = await session.importKeyPair(pem, { ecPoint, namedCurve: "P-256" }, { namedCurve: "P-256" });
      const bare = await session.importKey(openssl(["pkey", "-pubout"], pem), { ecPoint: ecPoint.slice(-65) });
      assertEquals(await bare.publicKey("spki"), await pair.privateKey.publicKey("spki"));
      const certificate = openssl(selfSigned("P-256"));
      const subject = Uint8Array.of(0x30, 0);
      await assertRejects(() => session.importCertificate(certificate, { subject }), TypeError, "CKA_SUBJECT");
    },
  );

  it(
    "keys and certificates of a curve that is unknown here stay beside others, and hinder none",
    { skip },
    async () => {
      const { session } = on;
      const ecParams = Uint8Array.fromHex("06082a8648ce3d030101"); // prime192v1
      const both = { id: "unknown" };
      const pair = await session.generateKeyPair(
        CKM.EC_KEY_PAIR_GEN,
        { ecParams, ...both, verify: true },
        { ...both, sign: true },
      );
      await assertRejects(() => pair.publicKey.publicKey("spki"), TypeError, "curve it names is unknown");
      const foreign = await session.importCertificate(openssl(selfSigned("prime192v1")), both);
      assertEquals((await foreign.x509()).subject, "CN=self");
      await assertRejects(() => foreign.publicKey("spki"), TypeError, "its curve 1.2.840.10045.3.1.1 is unknown");
      const pem = openssl(generation("P-256"));
      const { privateKey, publicKey } = await session.importKeyPair(pem, both, both);
      const names = { subject: "CN=known", basicConstraints: { ca: true } };
      const known = await session.importCertificate(
        await createSelfSignedCertificate({ privateKey, publicKey }, names),
      );
      assertEquals((await known.get(["id"])).id, new TextEncoder().encode("unknown"));
      assertEquals(await privateKey.publicKey("pem"), openssl(["pkey", "-pubout"], pem));
      assert((await known.privateKey())!.equals(privateKey));
      assert((await privateKey.certificate())!.equals(known));
      for (const each of [...Object.values(pair), foreign, privateKey, publicKey, known]) await each.destroy();
    },
  );

  it("a key that may not leave says by which attribute", { skip }, async () => {
    const pem = openssl(generation("P-256"));
    const unextractable = await on.session.importKey(pem);
    const error = await assertRejects(() => unextractable.exportKey("pem"), Pkcs11Error, "CKA_EXTRACTABLE is false");
    assertEquals(error.code, CKR.KEY_UNEXTRACTABLE);
    const sensitive = await on.session.importKey(pem, { extractable: true });
    const other = assertThrows(() => sensitive.exportKeySync("pkcs8"), Pkcs11Error, "CKA_SENSITIVE is true");
    assertEquals(other.code, CKR.ATTRIBUTE_SENSITIVE);
  });

  it("a lone private key whose public half is nowhere says what was searched", { skip }, async () => {
    const key = await on.session.importKey(openssl(generation("P-384")), { label: "lonely" });
    const error = await assertRejects(() => key.publicKey("spki"), ObjectNotFoundError);
    assert(
      error.message.includes('"lonely"') &&
        error.message.includes("no public key or certificate that can be read has its CKA_ID"),
    );
  });

  it("the public half of a key that may leave is calculated where it is nowhere else", { skip }, async () => {
    for (const kind of ["RSA", "P-521", "Ed25519"]) {
      const pem = openssl(generation(kind));
      const key = await on.session.importKey(pem, { extractable: true, sensitive: false });
      assertEquals(await key.publicKey("pem"), openssl(["pkey", "-pubout"], pem));
    }
  });

  it("nothing stays of a pair of which one half is refused", { skip }, async () => {
    const count = async () => (await on.session.findObjects({ label: "half" })).length;
    const pem = openssl(generation("P-256"));
    // The token refuses a class that is none of the half's.
    await assertRejects(
      () => on.session.importKeyPair(pem, { label: "half", class: CKO.DATA }, { label: "half" }),
      Pkcs11Error,
    );
    assertEquals(await count(), 0);
    assertThrows(
      () => on.session.importKeyPairSync(openssl(["pkey", "-pubout"], pem)),
      TypeError,
      "has no private half",
    );
  });

  it("a certificate finds its key, the key its certificate, and says what it holds", { skip }, async () => {
    const folder = mkdtempSync(`${tmpdir()}/gp11-keys-`);
    try {
      const pem = openssl(generation("P-256"));
      writeFileSync(`${folder}/key.pem`, pem);
      const names = "DNS:example.org,IP:192.0.2.1,IP:2001:db8::1,URI:https://example.org/,email:a@example.org";
      openssl([
        ..."req -new -x509 -days 30 -set_serial 0x8001 -out".split(" "),
        `${folder}/cert.pem`,
        ..."-subj /C=DE/O=Example/CN=example.org".split(" "),
        ...["-key", `${folder}/key.pem`, "-addext", `subjectAltName=${names}`],
      ]);
      const text = readFileSync(`${folder}/cert.pem`, "utf8");
      const { privateKey } = await on.session.importKeyPair(pem, {}, { id: Uint8Array.of(7, 7) });
      const certificate = await on.session.importCertificate(text, { label: "mine" });
      assertEquals((await certificate.get(["id"])).id, Uint8Array.of(7, 7));
      assert((await certificate.privateKey())!.equals(privateKey));
      assert((await privateKey.certificate())!.equals(certificate));
      assertEquals(await certificate.publicKey("pem"), openssl(["pkey", "-pubout"], pem));

      const x509 = certificate.x509Sync();
      assertEquals(x509.pem, text);
      assertEquals(x509.subject, "CN=example.org,O=Example,C=DE");
      assertEquals(x509.issuer, x509.subject);
      assertEquals(x509.serialNumber, "8001");
      assertEquals(x509.notAfter.getTime() - x509.notBefore.getTime(), 30 * 86_400_000);
      assertEquals(x509.subjectAltNames, [
        "example.org",
        "192.0.2.1",
        "2001:db8::1",
        "https://example.org/",
        "a@example.org",
      ]);
      const fingerprint = openssl(["x509", "-noout", "-fingerprint", "-sha256"], text).trim().split("=")[1];
      assertEquals(x509.fingerprint256, fingerprint);
      assertEquals(x509.publicKey("spki"), await certificate.publicKey("spki"));
      assertInstanceOf(await x509.publicKey("crypto-key"), CryptoKey);
      assertEquals((await on.session.certificateChain(certificate)).length, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it(
    "findObject gives the one that matches, and tells none from several without showing secrets",
    { skip },
    async () => {
      const make = () =>
        on.session.createObject({ class: CKO.DATA, label: "single", value: "secret words", private: false });
      await make();
      assertEquals(
        (await on.session.findObject({ label: "single" }, { read: ["label"] })).attributes!.get("label"),
        "single",
      );
      await make();
      const many = await assertRejects(
        () => on.session.findObject({ label: "single", value: "secret words" }),
        ObjectAmbiguousError,
      );
      assertEquals(many.count, 2);
      assertFalse(many.message.includes("secret words"));
      const nobody = { class: CKO.PRIVATE_KEY, label: "nobody" };
      const none = assertThrows(() => on.session.findObjectSync(nobody), ObjectNotFoundError);
      assertEquals(none.message, 'Cannot find the object: none has class CKO_PRIVATE_KEY, label "nobody"');
    },
  );
});
