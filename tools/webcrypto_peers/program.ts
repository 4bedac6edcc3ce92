// What other people's libraries make of the Web Cryptography API of a token. Arguments: the folder whose node_modules has
// them, the module, and the token's label. Prints one line of JSON for each check: its name, and what was wrong.
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Module } from "../../session/tokens/module.ts";
import { tokenCrypto, type TokenCryptoKeyPair } from "../../webcrypto/mod.ts";
import { ecdsaSignatureToDer } from "../../session/keys/forms/write_der.ts";
import { say } from "../say.ts";

const [folder, path, label] = process.argv.slice(2) as [string, string, string];
// The libraries' own types are not at hand: they are fetched for this program alone.
// deno-lint-ignore no-explicit-any
const library: (name: string) => any = createRequire(pathToFileURL(join(folder, "package.json")));

await using module = await Module.load(path, { managed: false });
await using crypto = await tokenCrypto(await module.findSlot(label), { pin: "1234" });
const { subtle } = crypto;
const ecdsa = { name: "ECDSA", namedCurve: "P-256" } as const;
const message = Buffer.from("what is signed");

/** What became of a check: null, what was wrong, or that the token does not offer what it needs. */
async function outcome(run: () => Promise<void>): Promise<string | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return (error as Error).name === "NotSupportedError" ? MISSING : String((error as Error).stack);
  }
}

const MISSING = "missing";

async function check(name: string, run: () => Promise<void>): Promise<void> {
  say(JSON.stringify({ name, problem: await outcome(run) }));
}

function assert(condition: unknown, what: string): void {
  if (!condition) throw new Error(`Cannot go on: ${what}`);
}

/** A suite of tests for a Crypto, gathered as the test runner would that it is written for. */
function gathered(provider: unknown): [name: string, run: () => Promise<void>][] {
  const tests: [name: string, run: () => Promise<void>][] = [];
  const names: string[] = [];
  const context = (name: string, body: () => void) => {
    names.push(name);
    body();
    names.pop();
  };
  const it = Object.assign((name: string, run: () => Promise<void>) => {
    tests.push([[...names, name].join(", "), run]);
  }, { skip() {}, only() {} });
  Object.assign(globalThis, { context, describe: context, it });
  library("@peculiar/webcrypto-test").WebcryptoTest.check(provider);
  return tests;
}

/** @peculiar/webcrypto-test: its vectors. Where they ask what the specification forbids, the runtime's own fails, too. */
async function vectors(): Promise<void> {
  const natively = gathered(globalThis.crypto);
  for (const [index, [name, run]] of gathered(crypto).entries()) {
    const problem = await outcome(run);
    const isOwn = problem === null || problem === MISSING || await outcome(natively[index]![1]) === null;
    say(JSON.stringify({ name: `webcrypto-test: ${name}`, problem: isOwn ? problem : "against the specification" }));
  }
}

/** @peculiar/x509: requests and certificates, one issuing another, all verified outside the token, too. */
async function certificates(): Promise<void> {
  library("reflect-metadata");
  const x509 = library("@peculiar/x509");
  x509.cryptoProvider.set(crypto);
  const algorithms = [
    ["ECDSA", ecdsa, { name: "ECDSA", hash: "SHA-256" }],
    ["RSASSA-PKCS1-v1_5", {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: "SHA-256",
    }, "RSASSA-PKCS1-v1_5"],
    ["Ed25519", { name: "Ed25519" }, { name: "Ed25519" }],
  ] as const;
  for (const [name, algorithm, signingAlgorithm] of algorithms) {
    await check(`x509: requests and certificates of ${name}`, async () => {
      const keys = await subtle.generateKey(algorithm, false, ["sign", "verify"]) as TokenCryptoKeyPair;
      const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: "CN=token", keys, signingAlgorithm });
      assert(await request.verify(), "the request is wrong");
      assert(await new x509.Pkcs10CertificateRequest(request.rawData).verify(globalThis.crypto), "it is wrong outside");
      const days = 24 * 3600 * 1000;
      const validity = { notBefore: new Date(), notAfter: new Date(Date.now() + days) };
      const root = await x509.X509CertificateGenerator.createSelfSigned({
        serialNumber: "01",
        name: "CN=root",
        ...validity,
        signingAlgorithm,
        keys,
        extensions: [
          new x509.BasicConstraintsExtension(true, 2, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      assert(await root.verify(), "the certificate is wrong");
      assert(await root.verify({}, globalThis.crypto), "the certificate is wrong outside the token");
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: "02",
        subject: "CN=leaf",
        issuer: root.subject,
        ...validity,
        signingAlgorithm,
        publicKey: request.publicKey,
        signingKey: keys.privateKey,
      });
      assert(await leaf.verify({ publicKey: root }, globalThis.crypto), "the issued one is wrong outside the token");
    });
  }
}

/** pkijs: a CMS signature over a certificate of the token's key, verified with the runtime's own cryptography. */
async function messages(): Promise<void> {
  await check("pkijs: a detached CMS signature", async () => {
    const pkijs = library("pkijs");
    const asn1 = library("asn1js");
    const engine = (name: string, provider: unknown) =>
      new pkijs.CryptoEngine({ name, crypto: provider, subtle: (provider as Crypto).subtle });
    pkijs.setEngine("token", engine("token", crypto));
    const keys = await subtle.generateKey(ecdsa, false, ["sign", "verify"]);
    const certificate = new pkijs.Certificate();
    certificate.version = 2;
    certificate.serialNumber = new asn1.Integer({ value: 1 });
    for (const name of [certificate.subject, certificate.issuer]) {
      const value = new asn1.BmpString({ value: "token" });
      name.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: "2.5.4.3", value }));
    }
    certificate.notBefore.value = new Date();
    certificate.notAfter.value = new Date(Date.now() + 1e9);
    await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
    await certificate.sign(keys.privateKey, "SHA-256");
    const signed = new pkijs.SignedData({
      version: 1,
      encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: "1.2.840.113549.1.7.1" }),
      signerInfos: [
        new pkijs.SignerInfo({
          version: 1,
          sid: new pkijs.IssuerAndSerialNumber({
            issuer: certificate.issuer,
            serialNumber: certificate.serialNumber,
          }),
        }),
      ],
      certificates: [certificate],
    });
    const data = message.buffer.slice(message.byteOffset, message.byteOffset + message.length);
    await signed.sign(keys.privateKey, 0, "SHA-256", data);
    const der = new pkijs.ContentInfo({ contentType: "1.2.840.113549.1.7.2", content: signed.toSchema(true) })
      .toSchema().toBER(false);
    pkijs.setEngine("runtime", engine("runtime", globalThis.crypto));
    const read = new pkijs.SignedData({ schema: pkijs.ContentInfo.fromBER(der).content });
    assert(await read.verify({ signer: 0, data, trustedCerts: [certificate] }), "the signature is wrong");
  });
}

/** jose: what the token signs it verifies, and what it encrypts the token opens. */
async function tokens(): Promise<void> {
  const jose = await import(pathToFileURL(join(folder, "node_modules/jose/dist/webapi/index.js")).href);
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signatures = [
    ["ES256", ecdsa, { name: "ECDSA", hash: "SHA-256" }],
    ["PS256", {
      name: "RSA-PSS",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: "SHA-256",
    }, { name: "RSA-PSS", saltLength: 32 }],
    ["EdDSA", { name: "Ed25519" }, { name: "Ed25519" }],
  ] as const;
  for (const [alg, algorithm, sign] of signatures) {
    await check(`jose: a JWT of ${alg}`, async () => {
      const pair = await subtle.generateKey(algorithm, false, ["sign", "verify"]) as TokenCryptoKeyPair;
      const input = `${text({ alg })}.${text({ sub: "me", exp: Math.floor(Date.now() / 1000) + 60 })}`;
      const signature = Buffer.from(await subtle.sign(sign, pair.privateKey, Buffer.from(input))).toString("base64url");
      const key = await jose.importJWK(await subtle.exportKey("jwk", pair.publicKey), alg);
      const { payload } = await jose.jwtVerify(`${input}.${signature}`, key);
      assert(payload.sub === "me", "the claims are others");
    });
  }
}

/** What an authenticator does (WebAuthn §6.3.3, §7.2): a signature in DER over its data and the client's digest. */
async function authenticator(): Promise<void> {
  await check("WebAuthn: an assertion of ES256", async () => {
    const pair = await subtle.generateKey(ecdsa, false, ["sign", "verify"]);
    const registered = await subtle.exportKey("spki", pair.publicKey);
    const client = Buffer.from(
      JSON.stringify({ type: "webauthn.get", challenge: "AAAA", origin: "https://a.example" }),
    );
    const flags = Uint8Array.of(0x05, 0, 0, 0, 1);
    const data = Buffer.concat([Buffer.from(await subtle.digest("SHA-256", Buffer.from("a.example"))), flags]);
    const signed = Buffer.concat([data, Buffer.from(await subtle.digest("SHA-256", client))]);
    const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, signed);
    const der = ecdsaSignatureToDer(new Uint8Array(signature));
    const { createPublicKey, verify } = process.getBuiltinModule("node:crypto");
    const key = createPublicKey({ key: Buffer.from(registered), format: "der", type: "spki" });
    assert(verify("sha256", signed, key, der), "the assertion is wrong");
  });
}

await vectors();
await certificates();
await messages();
await tokens();
await authenticator();
