// Each form × kind of key × direction on SoftHSM2 and NSS softokn: what comes in is what goes out, and what the token signs,
// agrees on or encrypts is verified by OpenSSL and the runtime's Web Cryptography, and the other way round.
import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO } from "../../../ffi/constants/mod.ts";
import { curves } from "../../../session/attributes/named_parameters.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { ecdsaSignatureFromDer, ecdsaSignatureToDer, publicKeyBits } from "../../../session/keys/forms/write_der.ts";
import { hasJsonWebKeyForm, writeJsonWebKey, writePublicJsonWebKey } from "../../../session/keys/forms/json_web_key.ts";
import type { AsymmetricMaterial } from "../../../session/keys/forms/key_material.ts";
import { writePem } from "../../../session/keys/forms/pem.ts";
import { type KeyInput, readKeySync } from "../../../session/keys/forms/read_key.ts";
import { keyIdentifier } from "../../../session/keys/templates.ts";
import { aesGcm, ecdh1 } from "../../../session/mechanisms/mod.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { openSoftokn, softoknSkip } from "../../_support/softokn.ts";
import { TokenSession } from "../../_support/token_session.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Forms = Readonly<Record<string, () => KeyInput | Promise<KeyInput>>>;

const folder = mkdtempSync(`${tmpdir()}/gp11-forms-`);
after(() => rmSync(folder, { recursive: true }));

function openssl(args: string, input = ""): Bytes {
  const output = execFileSync("openssl", args.split(" "), { input, cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
  return new Uint8Array(output);
}

function derOf(pem: string): Bytes {
  return Uint8Array.fromBase64(pem.split("\n").filter((line) => !line.startsWith("-")).join(""));
}

/** What makes a key of this kind. */
function generation(name: string): string {
  if (name === "RSA") return "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
  if (/^(Ed|X)/.test(name)) return `genpkey -algorithm ${name}`;
  return `genpkey -algorithm EC -pkeyopt ec_paramgen_curve:${name === "P-224" ? "secp224r1" : name}`;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

const open = { extractable: true, sensitive: false };
const passphrase = "open-sesame";
const message = new TextEncoder().encode("what is signed");
writeFileSync(`${folder}/message`, message);

/** How Web Cryptography is told of a kind of key. */
interface Web {
  readonly algorithm: AlgorithmIdentifier & object;
  readonly operation: AlgorithmIdentifier & object;
  readonly uses: readonly [ofPrivate: KeyUsage[], ofPublic: KeyUsage[]];
}

function webOf(name: string, hash: string): Web | null {
  const signing = [["sign"], ["verify"]] as const as unknown as Web["uses"];
  if (name === "RSA") {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash } as RsaHashedImportParams;
    return { algorithm, operation: algorithm, uses: signing };
  }
  if (/^Ed/.test(name)) return { algorithm: { name }, operation: { name }, uses: signing };
  if (/^X/.test(name)) return { algorithm: { name }, operation: { name }, uses: [["deriveBits"], []] };
  const algorithm = { name: "ECDSA", namedCurve: name } as EcKeyImportParams;
  return { algorithm, operation: { name: "ECDSA", hash } as EcdsaParams, uses: signing };
}

/** One key of a kind, in every form. */
class Kind {
  readonly name: string;
  readonly hash: "SHA-256" | "SHA-384" | "SHA-512";
  readonly pem: string;
  readonly publicPem: string;
  readonly pkcs8: Bytes;
  readonly spki: Bytes;
  readonly material: AsymmetricMaterial;
  /** PKCS#1 or SEC1 in DER; null where there is no such form. */
  readonly old: Bytes | null;
  /** PKCS#1 of an RSA public key. */
  readonly oldPublic: Bytes | null;
  readonly encrypted: Bytes;
  /** OpenSSL's signature as a token wants it; null for keys that sign nothing. */
  readonly signature: Bytes | null;
  /** Null where the runtime does not know such keys. */
  web: Web | null = null;

  constructor(name: string) {
    this.name = name;
    this.hash = name === "P-384" ? "SHA-384" : name === "P-521" ? "SHA-512" : "SHA-256";
    this.pem = text(openssl(generation(name)));
    this.publicPem = text(openssl("pkey -pubout", this.pem));
    this.pkcs8 = derOf(this.pem);
    this.spki = derOf(this.publicPem);
    this.material = readKeySync(this.pem, undefined).material as AsymmetricMaterial;
    writeFileSync(`${folder}/${name}.pem`, this.pem);
    writeFileSync(`${folder}/${name}.pub`, this.publicPem);
    this.encrypted = openssl(`pkcs8 -topk8 -iter 1000 -outform DER -passout pass:${passphrase}`, this.pem);
    this.old = name === "RSA"
      ? openssl("rsa -traditional -outform DER", this.pem)
      : this.isEcdsa
      ? openssl("ec -outform DER", this.pem)
      : null;
    this.oldPublic = name === "RSA" ? openssl("rsa -RSAPublicKey_out -outform DER", this.pem) : null;
    this.signature = this.#signed();
  }

  /** Learns what the runtime knows of such keys. */
  async learn(): Promise<this> {
    const web = webOf(this.name, this.hash);
    try {
      await crypto.subtle.importKey("pkcs8", this.pkcs8, web!.algorithm, true, web!.uses[0]);
      this.web = web;
    } catch (error) {
      assert(error instanceof Error, this.name);
    }
    return this;
  }

  get isEcdsa(): boolean {
    return this.material.kind === "curve" && this.material.curve.keyType === CKK.EC;
  }

  get hasJwk(): boolean {
    return this.material.kind !== "curve" || hasJsonWebKeyForm(this.material.curve);
  }

  privateForms(): Forms {
    const { encrypted, material, old, pem, pkcs8, web } = this;
    return {
      "PKCS#8 PEM": () => pem,
      "PKCS#8 DER": () => pkcs8,
      "encrypted PKCS#8 PEM": () => writePem("ENCRYPTED PRIVATE KEY", encrypted),
      "encrypted PKCS#8 DER": () => encrypted,
      ...old === null ? {} : {
        "PKCS#1 or SEC1 PEM": () => writePem(this.name === "RSA" ? "RSA PRIVATE KEY" : "EC PRIVATE KEY", old),
        "PKCS#1 or SEC1 DER": () => old,
      },
      ...this.hasJwk ? { JWK: () => writeJsonWebKey(material) } : {},
      ...web === null ? {} : {
        CryptoKey: () => crypto.subtle.importKey("pkcs8", pkcs8, web.algorithm, true, web.uses[0]),
      },
    };
  }

  publicForms(): Forms {
    const { material, oldPublic: old, publicPem, spki, web } = this;
    return {
      "SPKI PEM": () => publicPem,
      "SPKI DER": () => spki,
      ...old === null ? {} : { "PKCS#1 PEM": () => writePem("RSA PUBLIC KEY", old), "PKCS#1 DER": () => old },
      ...this.hasJwk ? { JWK: () => writePublicJsonWebKey(material) } : {},
      ...web === null ? {} : {
        CryptoKey: () => crypto.subtle.importKey("spki", spki, web.algorithm, true, web.uses[1]),
      },
    };
  }

  /** The mechanism and what it is given; null for keys that sign nothing. */
  async #signing(): Promise<readonly [mechanism: number, input: Bytes] | null> {
    if (/^X/.test(this.name)) return null;
    if (this.name === "RSA") return [CKM.SHA256_RSA_PKCS, message];
    if (/^Ed/.test(this.name)) return [CKM.EDDSA, message];
    return [CKM.ECDSA, new Uint8Array(await crypto.subtle.digest(this.hash, message))];
  }

  /** The token signs; it, Web Cryptography and OpenSSL verify. */
  async signs(session: Session, { privateKey, publicKey }: Pkcs11KeyPair, form: string): Promise<void> {
    const [mechanism, input] = (await this.#signing())!;
    const signature = await session.sign(privateKey, mechanism, input);
    assert(await session.verify(publicKey, mechanism, input, signature), form);
    if (this.web !== null) {
      const key = await publicKey.publicKey("crypto-key");
      assert(await crypto.subtle.verify(this.web.operation, key, signature, message), form);
    }
    if (form !== "PKCS#8 PEM") return;
    writeFileSync(`${folder}/signature`, this.isEcdsa ? ecdsaSignatureToDer(signature) : signature);
    openssl(
      /^Ed/.test(this.name)
        ? `pkeyutl -verify -rawin -pubin -inkey ${this.name}.pub -sigfile signature -in message`
        : `dgst ${this.#digestName} -verify ${this.name}.pub -signature signature message`,
    );
  }

  get #digestName(): string {
    return `-${this.hash.replace("-", "").toLowerCase()}`;
  }

  #signed(): Bytes | null {
    if (/^X/.test(this.name)) return null;
    if (/^Ed/.test(this.name)) return openssl(`pkeyutl -sign -rawin -inkey ${this.name}.pem -in message`);
    const der = openssl(`dgst ${this.#digestName} -sign ${this.name}.pem message`);
    return this.material.kind === "curve" ? ecdsaSignatureFromDer(der, this.material.curve.size) : der;
  }

  /** The token verifies what OpenSSL has signed, and nothing else. */
  async verifies(session: Session, key: Pkcs11Object, form: string): Promise<void> {
    const [mechanism, input] = (await this.#signing())!;
    assert(await session.verify(key, mechanism, input, this.signature!), form);
    const changed = this.signature!.slice();
    changed[changed.length >> 1]! ^= 1;
    assertFalse(await session.verify(key, mechanism, input, changed), form);
  }
}

const asymmetric = await Promise.all(["RSA", ...curves.map(({ name }) => name)].map((name) => new Kind(name).learn()));

/** All forms of the kinds that a token has, in and out; of others nothing stays. */
function matrix(
  session: () => Session,
  skip: string | false,
  has: (name: string) => boolean,
  lacks: (name: string) => boolean,
): void {
  for (const kind of asymmetric.filter(({ name }) => has(name))) {
    it(`${kind.name} comes in by each form of a private key and goes out in each, and works`, { skip }, async () => {
      for (const [form, make] of Object.entries(kind.privateForms())) {
        const pair = await session().importKeyPair(await make(), {}, open, { passphrase });
        const { privateKey, publicKey } = pair;
        const ids = [publicKey, privateKey].map((key) => key.getSync(["id", "token"]));
        assertEquals(ids, Array(2).fill({ id: keyIdentifier(kind.material), token: false }), form);
        assert((await publicKey.privateKey())!.equals(privateKey), form);
        assertEquals(await privateKey.exportKey("pkcs8"), kind.pkcs8, form);
        assertEquals(await publicKey.publicKey("spki"), kind.spki, form);
        assertEquals(await privateKey.publicKey("pem"), kind.publicPem, form);
        if (kind.signature !== null) await kind.signs(session(), pair, form);
        for (const key of [privateKey, publicKey]) await key.destroy();
      }
      const lone = await session().importKey(kind.pem, open);
      const outs = await Promise.all([lone.exportKey("pem"), lone.publicKey("pem")]);
      assertEquals(outs, [kind.pem, kind.publicPem]);
      if (kind.hasJwk) assertEquals(await lone.exportKey("jwk"), writeJsonWebKey(kind.material));
      if (kind.material.kind === "curve") {
        assertEquals(await lone.exportKey("raw"), kind.material.privateKey);
        assertEquals(await lone.publicKey("raw"), publicKeyBits(kind.material));
      }
      await lone.destroy();
    });

    it(`${kind.name} comes in by each form of a public key, and verifies`, { skip }, async () => {
      for (const [form, make] of Object.entries(kind.publicForms())) {
        const key = await session().importKey(await make());
        assertEquals(await key.publicKey("spki"), kind.spki, form);
        if (kind.signature !== null) await kind.verifies(session(), key, form);
        if (kind.hasJwk) assertEquals(await key.publicKey("jwk"), writePublicJsonWebKey(kind.material), form);
        await key.destroy();
      }
    });
  }

  for (const kind of asymmetric.filter(({ name }) => lacks(name))) {
    it(`${kind.name}, which the token has not, is refused and leaves nothing`, { skip }, async () => {
      const before = (await session().findObjects()).length;
      await assertRejects(() => session().importKeyPair(kind.pem), Pkcs11Error);
      await assertRejects(() => session().importKey(kind.publicPem), Pkcs11Error);
      assertEquals((await session().findObjects()).length, before);
    });
  }
}

/** One of each sort. */
const agreeing = /^(P-256|P-521|brainpoolP320r1|X)/;

/** Keys that agree on secrets. */
function agreements(session: () => Session, skip: string | false, has: (name: string) => boolean): void {
  for (const { name, pem } of asymmetric.filter((kind) => has(kind.name) && agreeing.test(kind.name))) {
    it(`${name} agrees on the secret that OpenSSL calculates`, { skip }, async () => {
      const peer = text(openssl("pkey -pubout", text(openssl(generation(name)))));
      writeFileSync(`${folder}/peer.pub`, peer);
      const secret = openssl(`pkeyutl -derive -inkey ${name}.pem -peerkey peer.pub`);
      const key = await session().importKey(pem, { derive: true });
      const mechanism = ecdh1({ public: publicKeyBits(readKeySync(peer, undefined).material as AsymmetricMaterial) });
      const template = { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, valueLen: secret.length, ...open };
      const derived = await session().deriveKey(key, mechanism, template);
      assertEquals(await derived.exportKey("raw"), secret);
      for (const each of [key, derived]) await each.destroy();
    });
  }
}

/** Secret keys from JSON and from Web Cryptography. */
function secrets(session: () => Session, skip: string | false): void {
  for (const length of [128, 192, 256]) {
    it(`AES of ${length} bits comes in, encrypts and goes out`, { skip }, async () => {
      const value = crypto.getRandomValues(new Uint8Array(length / 8));
      const k = Buffer.from(value).toString("base64url");
      const forms: Forms = {
        JWK: () => ({ kty: "oct", alg: `A${length}GCM`, k }),
        ...length === 192 ? {} : {
          CryptoKey: () => crypto.subtle.importKey("raw", value, "AES-GCM", true, ["encrypt", "decrypt"]),
        },
      };
      const iv = crypto.getRandomValues(new Uint8Array(12));
      for (const [form, make] of Object.entries(forms)) {
        const key = await session().importKey(await make(), open);
        assertEquals((await key.get(["keyType"])).keyType, CKK.AES, form);
        assertEquals(await key.exportKey("raw"), value, form);
        assertEquals((await key.exportKey("jwk")).k, k, form);
        const encrypted = await session().encrypt(key, aesGcm({ iv }), message);
        if (length !== 192) {
          const outside = await crypto.subtle.importKey("raw", value, "AES-GCM", false, ["encrypt", "decrypt"]);
          const algorithm = { name: "AES-GCM", iv };
          assertEquals(new Uint8Array(await crypto.subtle.decrypt(algorithm, outside, encrypted)), message);
          const other = new Uint8Array(await crypto.subtle.encrypt(algorithm, outside, message));
          assertEquals(await session().decrypt(key, aesGcm({ iv }), other), message);
        } else assertEquals(await session().decrypt(key, aesGcm({ iv }), encrypted), message);
        await key.destroy();
      }
    });
  }

  for (const size of [256, 384, 512] as const) {
    it(`HMAC with SHA-${size} comes in, signs and goes out`, { skip }, async () => {
      const value = crypto.getRandomValues(new Uint8Array(size / 8));
      const k = Buffer.from(value).toString("base64url");
      const algorithm = { name: "HMAC", hash: `SHA-${size}` };
      const outside = await crypto.subtle.importKey("raw", value, algorithm, true, ["sign", "verify"]);
      const forms: Forms = { JWK: () => ({ kty: "oct", alg: `HS${size}`, k }), CryptoKey: () => outside };
      const mechanism = { 256: CKM.SHA256_HMAC, 384: CKM.SHA384_HMAC, 512: CKM.SHA512_HMAC }[size];
      const hex = value.toHex();
      const mac = text(openssl(`dgst -sha${size} -mac HMAC -macopt hexkey:${hex} message`)).trim().split("= ")[1];
      for (const [form, make] of Object.entries(forms)) {
        const key = await session().importKey(await make(), open);
        const signature = await session().sign(key, mechanism, message);
        assertEquals(signature.toHex(), mac, form);
        assert(await crypto.subtle.verify(algorithm, outside, signature, message), form);
        assertEquals(await key.exportKey("raw"), value, form);
        assertEquals((await key.exportKey("jwk")).k, k, form);
        await key.destroy();
      }
    });
  }
}

describe("forms of keys in SoftHSM2", () => {
  let on: TokenSession;
  before(async () => {
    if (!softhsmSkip) on = await TokenSession.open();
  });
  after(() => on?.close());
  const session = () => on.session;
  matrix(session, softhsmSkip, () => true, () => false);
  agreements(session, softhsmSkip, () => true);
  secrets(session, softhsmSkip);
});

describe("forms of keys in NSS softokn", () => {
  let module: Module;
  let opened: Session;
  before(async () => {
    if (softoknSkip) return;
    ({ module, session: opened } = await openSoftokn());
  });
  after(() => module?.close());
  const session = () => opened;
  const has = (name: string) => /^(RSA|P-256|P-384|P-521)$/.test(name);
  // Later versions have two more curves.
  matrix(session, softoknSkip, has, (name) => !has(name) && !/25519$/.test(name));
  agreements(session, softoknSkip, has);
  secrets(session, softoknSkip);
});
