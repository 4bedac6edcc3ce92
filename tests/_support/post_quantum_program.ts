// Every form of ML-DSA and ML-KEM keys on a token that has them: softokn of a later NSS, whose path and database are the
// arguments. Prints one line of JSON for each check: its name, and what was wrong. Checked by a library of its own.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Buffer } from "node:buffer";
import { createCipheriv, pbkdf2Sync } from "node:crypto";
import process from "node:process";
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  issueCertificate,
} from "../../session/certificates/mod.ts";
import { readRequest } from "../../session/certificates/certificate_request.ts";
import { readCertificate } from "../../session/keys/forms/certificate.ts";
import {
  bits,
  contextTag,
  nothing,
  octets,
  oid,
  primitive,
  sequence,
  small,
  writeDer,
} from "../../session/keys/forms/asn1.ts";
import { writePem } from "../../session/keys/forms/pem.ts";
import { parameterSetByName, type ParameterSetName } from "../../session/attributes/named_parameters.ts";
import { JwsError, MessageSignatures, NotSupportedError, signJws, verifyJws } from "../../http/mod.ts";
import { tokenSigner } from "../../session/signer/token_signer.ts";
import { Module } from "../../session/tokens/module.ts";
import type { Session } from "../../session/tokens/session.ts";
import { setFirstPin } from "./softokn.ts";

const [path, reserved] = process.argv.slice(2);
const open = { sensitive: false, extractable: true };
const message = new TextEncoder().encode("release 2027");
const signatures = { "ML-DSA-44": ml_dsa44, "ML-DSA-65": ml_dsa65, "ML-DSA-87": ml_dsa87 } as const;
const encapsulations = { "ML-KEM-512": ml_kem512, "ML-KEM-768": ml_kem768, "ML-KEM-1024": ml_kem1024 } as const;

async function check(name: string, run: () => Promise<void>): Promise<void> {
  let problem: string | null = null;
  try {
    await run();
  } catch (error) {
    problem = error instanceof Error ? error.stack ?? error.message : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name, problem })}\n`);
}

/** A SubjectPublicKeyInfo (RFC 9881 §4, RFC 9935 §4). */
function spkiOf(name: ParameterSetName, half: Uint8Array): Uint8Array {
  return writeDer(sequence(sequence(oid(parameterSetByName(name)!.oid)), bits(half)));
}

/** The three forms of a private key (RFC 9881 §6, RFC 9935 §6). */
function pkcs8Forms(name: ParameterSetName, seed: Uint8Array, expanded: Uint8Array): Record<string, Uint8Array> {
  const whole = (key: Parameters<typeof octets>[0]) =>
    writeDer(sequence(small(0), sequence(oid(parameterSetByName(name)!.oid)), octets(key)));
  return {
    seed: whole(primitive(contextTag(0, false), seed)),
    expanded: whole(octets(expanded)),
    both: whole(sequence(octets(seed), octets(expanded))),
  };
}

const passphrase = "open sesame";

/** Encrypted PKCS#8 (PBES2, RFC 8018 §6.2), which OpenSSL 3.0 makes of no such keys. */
function encrypted(pkcs8: Uint8Array): Uint8Array {
  const [salt, iv] = [crypto.getRandomValues(new Uint8Array(16)), crypto.getRandomValues(new Uint8Array(16))];
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync(passphrase, salt, 1000, 32, "sha256"), iv);
  const derivation = sequence(octets(salt), small(1000), sequence(oid("1.2.840.113549.2.9"), nothing()));
  const parameters = sequence(
    sequence(oid("1.2.840.113549.1.5.12"), derivation),
    sequence(oid("2.16.840.1.101.3.4.1.42"), octets(iv)),
  );
  const sealed = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  return writeDer(sequence(sequence(oid("1.2.840.113549.1.5.13"), parameters), octets(sealed)));
}

/** What the runtime's Web Cryptography is told of such a key; null where it knows none. */
async function cryptoKey(name: string, pkcs8: Uint8Array): Promise<CryptoKey | null> {
  const uses = name.startsWith("ML-KEM") ? ["decapsulateBits"] : ["sign"];
  try {
    return await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), { name }, true, uses as KeyUsage[]);
  } catch {
    return null;
  }
}

/** In by each form, out by each form; `use` shows that both halves work. */
async function forms(
  session: Session,
  name: ParameterSetName,
  made: { secretKey: Uint8Array; publicKey: Uint8Array; seed: Uint8Array },
  use: (pair: Awaited<ReturnType<Session["importKeyPair"]>>) => Promise<void>,
): Promise<void> {
  const { publicKey: half, secretKey, seed } = made;
  const jwk = {
    kty: "AKP",
    alg: name,
    pub: Buffer.from(half).toString("base64url"),
    priv: Buffer.from(seed).toString("base64url"),
  };
  const plain = pkcs8Forms(name, seed, secretKey);
  const known = await cryptoKey(name, plain["seed"]!);
  const alone = await session.importKey(writePem("PUBLIC KEY", spkiOf(name, half)));
  assertEquals(await alone.publicKey("raw"), new Uint8Array(half));
  await alone.destroy();
  const inputs = {
    ...plain,
    jwk,
    "PEM": writePem("PRIVATE KEY", plain["seed"]!),
    "encrypted DER": encrypted(plain["both"]!),
    "encrypted PEM": writePem("ENCRYPTED PRIVATE KEY", encrypted(plain["seed"]!)),
    ...known === null ? {} : { CryptoKey: known },
  };
  for (const [form, input] of Object.entries(inputs)) {
    const pair = await session.importKeyPair(input, {}, open, { passphrase });
    assertEquals((await pair.privateKey.get(["parameterSet"])).parameterSetName, name, form);
    assertEquals(await pair.publicKey.publicKey("raw"), new Uint8Array(half), form);
    assertEquals(await pair.privateKey.publicKey("spki"), await pair.publicKey.publicKey("spki"), form);
    assertEquals(await pair.publicKey.publicKey("jwk"), { kty: "AKP", alg: name, pub: jwk.pub }, form);
    await use(pair);
    if (form === "expanded") {
      assertEquals(await pair.privateKey.exportKey("raw"), new Uint8Array(secretKey));
      await assertRejects(() => pair.privateKey.exportKey("jwk"), TypeError, "seed");
    } else {
      assertEquals(await pair.privateKey.exportKey("raw"), new Uint8Array(seed), form);
      assertEquals(await pair.privateKey.exportKey("jwk"), jwk, form);
    }
    const again = await session.importKeyPair(await pair.privateKey.exportKey("pem"));
    assertEquals(await again.publicKey.publicKey("raw"), new Uint8Array(half), form);
    for (const key of [pair, again].flatMap(({ privateKey, publicKey }) => [privateKey, publicKey])) {
      await key.destroy();
    }
  }
}

async function signing(session: Session, name: keyof typeof signatures): Promise<void> {
  const library = signatures[name];
  const seed = crypto.getRandomValues(new Uint8Array(32));
  await check(
    `${name} comes in and goes out in every form, and signs`,
    () =>
      forms(session, name, { ...library.keygen(seed), seed }, async ({ privateKey, publicKey }) => {
        const signature = await session.sign(privateKey, CKM.ML_DSA, message);
        assert(library.verify(signature, message, await publicKey.publicKey("raw")));
        assert(await session.verify(publicKey, CKM.ML_DSA, message, signature));
        const outside = await publicKey.publicKey("crypto-key").catch(() => null);
        if (outside !== null) assert(await crypto.subtle.verify({ name }, outside, signature, message));
      }),
  );
  await check(`${name} requests and certificates are signed, issued and verified`, async () => {
    const pair = () =>
      session.generateKeyPair(CKM.ML_DSA_KEY_PAIR_GEN, { parameterSet: name, verify: true }, { sign: true });
    const [authority, server] = [await pair(), await pair()];
    const half = await authority.publicKey.publicKey("raw");
    const request = await createCertificateRequest(server, { subject: "CN=server" });
    const asked = readRequest(request);
    assert(library.verify(asked.signature, asked.content, await server.publicKey.publicKey("raw")));
    const pem = await createSelfSignedCertificate(authority, { subject: "CN=CA", basicConstraints: { ca: true } });
    const issuer = await session.importCertificate(pem);
    const issued = await issueCertificate(request, { issuer, key: authority.privateKey });
    for (const certificate of [readCertificate(pem), readCertificate(issued)]) {
      assert(library.verify(certificate.signature, certificate.signedPart, half));
    }
    assertEquals(await issuer.publicKey("raw"), half);
  });
  await check(`${name} signs for JOSE (RFC 9964), and HTTP has no name for it`, () => joseSigning(session, name));
}

/** The library verifies on every runtime, `verifyJws` where the runtime knows such keys. */
async function joseSigning(session: Session, name: keyof typeof signatures): Promise<void> {
  const { privateKey, publicKey } = await session.generateKeyPair(
    CKM.ML_DSA_KEY_PAIR_GEN,
    { parameterSet: name, verify: true },
    { sign: true },
  );
  const signer = await tokenSigner(privateKey, { publicKey });
  const jwk = signer.publicJwk();
  assertEquals([signer.algorithm, jwk.kty, jwk["alg"]], [name, "AKP", name]);
  const jws = await signJws(signer, "release 2027");
  const [head, payload, signature] = jws.split(".") as [string, string, string];
  const signed = new TextEncoder().encode(`${head}.${payload}`);
  const half = await publicKey.publicKey("raw");
  assert(signatures[name].verify(new Uint8Array(Buffer.from(signature, "base64url")), signed, half));
  try {
    assertEquals((await verifyJws(jws, jwk)).header.alg, name);
    const changed = `${head}.${payload.slice(0, -2)}AA.${signature}`;
    assertEquals((await assertRejects(() => verifyJws(changed, jwk), JwsError)).reason, "signature");
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error;
  }
  // RFC 9421 §3.3 and its registry: HTTP message signatures know no ML-DSA.
  assertThrows(() => new MessageSignatures({ signer }), TypeError, "RFC 9421 has no name for it");
}

async function encapsulating(session: Session, name: keyof typeof encapsulations): Promise<void> {
  const library = encapsulations[name];
  const seed = crypto.getRandomValues(new Uint8Array(64));
  await check(
    `${name} comes in and goes out in every form, and agrees on a secret both ways`,
    () =>
      forms(session, name, { ...library.keygen(seed), seed }, async ({ privateKey, publicKey }) => {
        const { secretKey } = library.keygen(seed);
        const { ciphertext, key } = await session.encapsulate(publicKey, { attributes: open });
        assertEquals(await key.exportKey("raw"), new Uint8Array(library.decapsulate(ciphertext, secretKey)));
        const outside = library.encapsulate(await publicKey.publicKey("raw"));
        const shared = await session.decapsulate(privateKey, outside.cipherText, {
          attributes: { ...open, keyType: CKK.AES, encrypt: true },
        });
        assertEquals(await shared.exportKey("raw"), new Uint8Array(outside.sharedSecret));
      }),
  );
}

await using module = await Module.load(path!, { managed: false, reserved: reserved! });
const slot = (await module.slots({ tokenPresent: true })).find(({ id }) => id === 2n)!;
await setFirstPin(slot);
const session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
for (const name of Object.keys(signatures) as (keyof typeof signatures)[]) await signing(session, name);
for (const name of Object.keys(encapsulations) as (keyof typeof encapsulations)[]) await encapsulating(session, name);
