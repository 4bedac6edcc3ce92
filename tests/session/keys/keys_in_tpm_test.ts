// Keys and certificates in a TPM 2.0: what it makes goes out in every form, what it does not take is skipped with its answer.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { execFileSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { after, describe, it } from "node:test";
import { CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { createCertificateRequest, createSelfSignedCertificate } from "../../../session/certificates/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { ecdsaSignatureToDer } from "../../../session/keys/forms/write_der.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { startTpm, tpmSkip } from "../../_support/tpm.ts";

function openssl(args: readonly string[], input = ""): string {
  return execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "ignore"] }).toString();
}

/** A TPM with a token that has a user, who is logged in. */
async function opened() {
  const tpm = await startTpm();
  const module = await Module.load(tpm.module, { managed: false });
  const [fresh] = await module.slots({ tokenPresent: true });
  await fresh!.initToken("12345678", "tpm");
  // There is always one more slot, with a token that nobody has initialised.
  const slot = await module.findSlot("tpm");
  const officer = await slot.openSession({ readWrite: true, login: { userType: CKU.SO, pin: "12345678" } });
  await officer.initPin("1234");
  await officer.close();
  return { tpm, module, session: await slot.openSession({ readWrite: true, login: { pin: "1234" } }) };
}

const on = tpmSkip ? null : await opened();
const rsa = openssl(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
const ec = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
const k = "AAECAwQFBgcICQoLDA0ODw";

/** What a TPM may take or not; nobody is wrong who does not. */
const imports: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  "an RSA pair, PKCS#8": (session) => session.importKeyPair(rsa),
  "an RSA pair, PKCS#1": (session) => session.importKeyPair(openssl(["rsa", "-traditional"], rsa)),
  "an EC pair, PKCS#8": (session) => session.importKeyPair(ec),
  "an EC pair, SEC1": (session) => session.importKeyPair(openssl(["ec"], ec)),
  "an Ed25519 pair": (session) => session.importKeyPair(openssl(["genpkey", "-algorithm", "Ed25519"])),
  "an RSA public key, PEM": (session) => publicImport(session, rsa),
  "an EC public key, PEM": (session) => publicImport(session, ec),
  "an AES key, JWK": (session) => session.importKey({ kty: "oct", alg: "A128GCM", k }),
  "an HMAC key, JWK": (session) => session.importKey({ kty: "oct", k }),
  "a certificate": (session) =>
    session.importCertificate(openssl("req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=tpm".split(" "))),
};

async function publicImport(session: Session, pem: string): Promise<void> {
  const half = openssl(["pkey", "-pubout"], pem);
  assertEquals(await (await session.importKey(half)).publicKey("pem"), half);
}

/** The module's own answer where it refuses; false where it does not, or something else is wrong. */
async function answerTo(attempt: (session: Session) => Promise<unknown>): Promise<string | false> {
  if (on === null) return tpmSkip;
  try {
    await attempt(on.session);
  } catch (error) {
    if (error instanceof Pkcs11Error) return `tpm2-pkcs11 answers ${error.ckr} to ${error.fn}`;
  }
  return false;
}

const answers = new Map<string, string | false>();
for (const [name, attempt] of Object.entries(imports)) answers.set(name, await answerTo(attempt));

describe("keys in a TPM", () => {
  after(async () => {
    await on?.module.close();
    await on?.tpm[Symbol.asyncDispose]();
  });

  for (const [name, attempt] of Object.entries(imports)) {
    it(`takes ${name}`, { skip: answers.get(name)! }, async () => {
      await attempt(on!.session);
    });
  }

  async function made(kind: "RSA" | "P-256" | "P-384"): Promise<Pkcs11KeyPair> {
    const { session } = on!;
    const both = { token: true, label: kind, id: kind };
    const [mechanism, parameters] = kind === "RSA"
      ? [CKM.RSA_PKCS_KEY_PAIR_GEN, { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1) }] as const
      : [CKM.EC_KEY_PAIR_GEN, { namedCurve: kind }] as const;
    return await session.generateKeyPair(mechanism, { ...parameters, ...both }, {
      ...both,
      sensitive: true,
      sign: true,
    });
  }

  for (const kind of ["RSA", "P-256", "P-384"] as const) {
    it(`its own pair goes out in every form, signs and is certified: ${kind}`, { skip: tpmSkip }, async () => {
      const { session } = on!;
      const { privateKey, publicKey } = await made(kind);
      const pem = await publicKey.publicKey("pem");
      assertEquals(await privateKey.publicKey("pem"), pem);
      const expected = createPublicKey(pem);
      assertEquals(
        await privateKey.publicKey("spki"),
        new Uint8Array(expected.export({ type: "spki", format: "der" })),
      );
      assertEquals(await privateKey.publicKey("jwk"), expected.export({ format: "jwk" }));
      assertEquals((await privateKey.publicKey("crypto-key")).type, "public");
      assert((await publicKey.privateKey())!.equals(privateKey));

      const data = new TextEncoder().encode("signed inside");
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
      const signature = kind === "RSA"
        ? await session.sign(privateKey, CKM.SHA256_RSA_PKCS, data)
        : ecdsaSignatureToDer(await session.sign(privateKey, CKM.ECDSA, digest));
      assert(verify("sha256", data, expected, signature));
      const refused = await assertRejects(() => privateKey.exportKey("pkcs8"), Pkcs11Error);
      assert(([CKR.KEY_UNEXTRACTABLE, CKR.ATTRIBUTE_SENSITIVE] as number[]).includes(refused.code), refused.message);

      const request = await createCertificateRequest({ privateKey, publicKey }, { subject: `CN=${kind}` });
      openssl(["req", "-verify", "-noout"], request);
      const certificate = await createSelfSignedCertificate({ privateKey, publicKey }, { subject: `CN=${kind}` });
      assertEquals(openssl(["x509", "-noout", "-pubkey"], certificate), pem);
    });
  }
});
