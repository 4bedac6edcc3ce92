import { assert, assertEquals, assertFalse } from "@std/assert";
import { createHmac, hkdfSync, pbkdf2Sync } from "node:crypto";
import { after, describe, it } from "node:test";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKK, CKO } from "../../../ffi/constants/objects.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import {
  aesCbc,
  aesCbcEncryptData,
  aesCtr,
  aesGcm,
  aesKeyWrap,
  chacha20Poly1305,
  dataDerivation,
  ecdh1,
  ecdsa,
  hkdf,
  hmac,
  kbkdf,
  pbkdf2,
  rsaOaep,
  rsaPkcs1,
  rsaPss,
  tls12KeyBlock,
  tls12MasterSecret,
} from "../../../session/mechanisms/mod.ts";
import { RawSession } from "../../_support/raw_session.ts";
import { createToken, softhsmSkip } from "../../_support/softhsm.ts";
import { softoknModule, softoknSkip, softoknWithoutDatabase } from "../../_support/softokn.ts";

const utf8 = new TextEncoder();
const data = utf8.encode("what a token makes, somebody else must understand");
const keyBytes = Uint8Array.from({ length: 32 }, (_, index) => index * 7 & 0xff);
const p256 = Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);
const usages = { encrypt: true, decrypt: true, sign: true, verify: true, wrap: true, unwrap: true, derive: true };
const readable = { sensitive: false, extractable: true };

function secretKey(session: RawSession, keyType: number, value = keyBytes): bigint {
  return session.create({ class: CKO.SECRET_KEY, keyType, value, ...readable, ...usages });
}

function valueOf(session: RawSession, key: bigint): Uint8Array {
  return session.read(key, [CKA.VALUE]).attributes.get("value")!;
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** Tests of one module; the session opens with the first of them. */
function describeModule(name: string, skip: string | false, open: () => RawSession, tests: Tests): void {
  describe(name, () => {
    let session: RawSession | undefined;
    after(() => session?.close());
    tests((title, fn) => it(title, { skip }, () => fn(session ??= open())));
  });
}

type Tests = (test: (title: string, fn: (session: RawSession) => void | Promise<void>) => void) => void;

const ciphers: Tests = (test) => {
  test("AES-GCM with additional data and a shorter tag is WebCrypto's", async (session) => {
    const iv = utf8.encode("twelve bytes");
    const additionalData = utf8.encode("header");
    const key = await crypto.subtle.importKey("raw", keyBytes, "AES-GCM", false, ["encrypt"]);
    for (const tagLength of [128, 96] as const) {
      const mechanism = aesGcm({ iv, additionalData, tagLength });
      const encrypted = session.crypt("Encrypt", secretKey(session, CKK.AES), mechanism, data);
      const expected = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData, tagLength }, key, data);
      assertEquals(encrypted, new Uint8Array(expected));
      assertEquals(mechanism.parameter.iv, iv);
      assertEquals(session.crypt("Decrypt", secretKey(session, CKK.AES), mechanism, encrypted), data);
    }
  });

  test("AES-CBC with padding is WebCrypto's", async (session) => {
    const iv = new Uint8Array(16).fill(5);
    const key = await crypto.subtle.importKey("raw", keyBytes, "AES-CBC", false, ["encrypt"]);
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, data));
    assertEquals(session.crypt("Encrypt", secretKey(session, CKK.AES), aesCbc({ iv }), data), expected);
  });

  test("AES-CTR is WebCrypto's", async (session) => {
    const counter = Uint8Array.from({ length: 16 }, (_, index) => index);
    const key = await crypto.subtle.importKey("raw", keyBytes, "AES-CTR", false, ["encrypt"]);
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CTR", counter, length: 32 }, key, data));
    const mechanism = aesCtr({ counter, length: 32 });
    assertEquals(session.crypt("Encrypt", secretKey(session, CKK.AES), mechanism, data), expected);
  });

  test("HMAC is node:crypto's", (session) => {
    const key = secretKey(session, CKK.GENERIC_SECRET);
    const expected = createHmac("sha256", keyBytes).update(data).digest();
    assertEquals(session.crypt("Sign", key, hmac({ hash: "SHA-256" }), data), new Uint8Array(expected));
  });

  test("AES key wrap is WebCrypto's", async (session) => {
    const wrapping = await crypto.subtle.importKey("raw", keyBytes, "AES-KW", false, ["wrapKey"]);
    const wrapped = await crypto.subtle.importKey("raw", keyBytes.slice(0, 16), "AES-CBC", true, ["encrypt"]);
    const expected = new Uint8Array(await crypto.subtle.wrapKey("raw", wrapped, wrapping, "AES-KW"));
    const key = secretKey(session, CKK.AES, keyBytes.slice(0, 16));
    assertEquals(session.wrap(aesKeyWrap(), secretKey(session, CKK.AES), key), expected);
  });
};

function rsaPair(session: RawSession): { publicKey: bigint; privateKey: bigint; jwk: JsonWebKey } {
  const [publicKey, privateKey] = session.generateKeyPair(
    CKM.RSA_PKCS_KEY_PAIR_GEN,
    { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), verify: true, encrypt: true, wrap: true },
    { sign: true, decrypt: true, unwrap: true },
  );
  const { attributes } = session.read(publicKey, [CKA.MODULUS, CKA.PUBLIC_EXPONENT]);
  const base64url = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_");
  const part = (bytes: Uint8Array) => base64url(bytes).replace(/=+$/, "");
  return {
    publicKey,
    privateKey,
    jwk: { kty: "RSA", n: part(attributes.get("modulus")!), e: part(attributes.get("publicExponent")!) },
  };
}

const publicKeys = (oaepHash: "SHA-1" | "SHA-256"): Tests => (test) => {
  let pair: ReturnType<typeof rsaPair> | undefined;

  test("RSA-PSS and PKCS #1 signatures are verified by WebCrypto", async (session) => {
    pair ??= rsaPair(session);
    for (
      const [name, mechanism] of [
        ["RSA-PSS", rsaPss({ hash: "SHA-256", saltLength: 20 })],
        ["RSASSA-PKCS1-v1_5", rsaPkcs1({ hash: "SHA-256" })],
      ] as const
    ) {
      const key = await crypto.subtle.importKey("jwk", pair.jwk, { name, hash: "SHA-256" }, false, ["verify"]);
      const signature = session.crypt("Sign", pair.privateKey, mechanism, data);
      assert(await crypto.subtle.verify({ name, saltLength: 20 }, key, new Uint8Array(signature), data));
      assert(session.verify(pair.publicKey, mechanism, data, signature));
      assertFalse(session.verify(pair.publicKey, mechanism, keyBytes, signature));
    }
  });

  test("RSA-PSS of a digest is the same signature's", async (session) => {
    pair ??= rsaPair(session);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const signature = session.crypt("Sign", pair.privateKey, rsaPss({ hash: "SHA-256", prehashed: true }), digest);
    assert(session.verify(pair.publicKey, rsaPss({ hash: "SHA-256" }), data, signature));
  });

  test(`RSA-OAEP with ${oaepHash} decrypts what WebCrypto encrypted`, async (session) => {
    pair ??= rsaPair(session);
    const algorithm = { name: "RSA-OAEP", hash: oaepHash };
    const key = await crypto.subtle.importKey("jwk", pair.jwk, algorithm, false, ["encrypt"]);
    const encrypted = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, keyBytes));
    assertEquals(session.crypt("Decrypt", pair.privateKey, rsaOaep({ hash: oaepHash }), encrypted), keyBytes);
  });

  test("ECDSA signatures are verified by WebCrypto, and ECDH agrees with it", async (session) => {
    const [publicKey, privateKey] = session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { ecParams: p256, verify: true },
      { sign: true, derive: true },
    );
    const point = session.read(publicKey, [CKA.EC_POINT]).attributes.get("ecPoint")!.slice(2);
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const verifying = await crypto.subtle.importKey("raw", point, algorithm, false, ["verify"]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const signature = new Uint8Array(session.crypt("Sign", privateKey, ecdsa(), digest));
    assert(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifying, signature, data));

    const other = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
    const theirs = await crypto.subtle.importKey("raw", point, { ...algorithm, name: "ECDH" }, false, []);
    const expected = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, other.privateKey, 256);
    const mechanism = ecdh1({ public: await crypto.subtle.exportKey("raw", other.publicKey) });
    const shared = { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, valueLen: 32, ...readable };
    assertEquals(valueOf(session, session.derive(privateKey, mechanism, shared)), new Uint8Array(expected));
  });
};

const aes256 = { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, valueLen: 32, ...readable };

const derivations: Tests = (test) => {
  test("ChaCha20-Poly1305 gives RFC 8439's example", (session) => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
    const mechanism = chacha20Poly1305({
      nonce: Uint8Array.of(7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47),
      additionalData: Uint8Array.of(0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7),
    });
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const encrypted = session.crypt("Encrypt", secretKey(session, CKK.CHACHA20, key), mechanism, utf8.encode(text));
    assertEquals(encrypted.slice(0, 8), Uint8Array.of(0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb));
    assertEquals(encrypted.slice(-4), Uint8Array.of(0xd0, 0x60, 0x06, 0x91));
  });

  test("HKDF is node:crypto's, with and without salt and info", (session) => {
    const salt = utf8.encode("salt");
    const info = utf8.encode("info");
    for (const options of [{ salt, info }, { salt }, { info }, {}]) {
      const key = session.derive(secretKey(session, CKK.HKDF), hkdf({ hash: "SHA-256", ...options }), aes256);
      const none = new Uint8Array(0);
      const expected = hkdfSync("sha256", keyBytes, options.salt ?? none, options.info ?? none, 32);
      assertEquals(valueOf(session, key), new Uint8Array(expected));
    }
  });

  test("PBKDF2 is node:crypto's, the password's length given by pointer", (session) => {
    const salt = utf8.encode("salt and pepper");
    const options = {
      hash: "SHA-256",
      salt,
      iterations: 1000,
      password: "pässword",
      passwordLength: "pointer",
    } as const;
    const key = session.generateKey(pbkdf2(options), aes256);
    const expected = pbkdf2Sync("pässword", salt, 1000, 32, "sha256");
    assertEquals(valueOf(session, key), new Uint8Array(expected));
  });

  test("the counter KDF of SP 800-108 is what its definition says", (session) => {
    const [label, context] = [utf8.encode("label"), utf8.encode("context")];
    const parts = [{ counter: 32 }, label, Uint8Array.of(0), context, { keyLength: 32 }] as const;
    const mechanism = kbkdf({ mode: "counter", prf: "SHA-256", parts });
    const key = session.derive(secretKey(session, CKK.GENERIC_SECRET), mechanism, aes256);
    const input = concat(Uint8Array.of(0, 0, 0, 1), label, Uint8Array.of(0), context, Uint8Array.of(0, 0, 1, 0));
    assertEquals(valueOf(session, key), new Uint8Array(createHmac("sha256", keyBytes).update(input).digest()));
  });

  test("the feedback KDF of SP 800-108 starts from its IV", (session) => {
    const iv = utf8.encode("feedback");
    const mechanism = kbkdf({ mode: "feedback", prf: "SHA-256", parts: ["iteration", utf8.encode("label")], iv });
    const key = session.derive(secretKey(session, CKK.GENERIC_SECRET), mechanism, aes256);
    const expected = createHmac("sha256", keyBytes).update(concat(iv, utf8.encode("label"))).digest();
    assertEquals(valueOf(session, key), new Uint8Array(expected));
  });

  test("the key derivations by encryption are AES", async (session) => {
    const block = keyBytes.slice(0, 32);
    const iv = new Uint8Array(16).fill(3);
    const webKey = await crypto.subtle.importKey("raw", keyBytes, "AES-CBC", false, ["encrypt"]);
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, webKey, block)).slice(0, 32);
    const key = session.derive(secretKey(session, CKK.AES), aesCbcEncryptData({ iv, data: block }), aes256);
    assertEquals(valueOf(session, key), expected);
    const ecb = session.derive(secretKey(session, CKK.AES), dataDerivation("aes-ecb-encrypt-data", block), aes256);
    assertEquals(valueOf(session, ecb), session.crypt("Encrypt", secretKey(session, CKK.AES), CKM.AES_ECB, block));
  });

  test("concatenation with data is concatenation", (session) => {
    const key = session.derive(
      secretKey(session, CKK.GENERIC_SECRET),
      dataDerivation("concatenate-base-and-data", data),
      {
        class: CKO.SECRET_KEY,
        keyType: CKK.GENERIC_SECRET,
        ...readable,
      },
    );
    assertEquals(valueOf(session, key), concat(keyBytes, data));
  });

  test("TLS 1.2 gives the master secret and the connection's keys and IVs", (session) => {
    const [clientRandom, serverRandom] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const premaster = session.create({
      class: CKO.SECRET_KEY,
      keyType: CKK.GENERIC_SECRET,
      value: concat(Uint8Array.of(3, 3), new Uint8Array(46).fill(9)),
      ...readable,
      derive: true,
    });
    const secret = tls12MasterSecret({ clientRandom, serverRandom, hash: "SHA-256" });
    const master = session.derive(premaster, secret, {
      class: CKO.SECRET_KEY,
      keyType: CKK.GENERIC_SECRET,
      ...readable,
      derive: true,
    });
    assertEquals(secret.parameter.version, { major: 3, minor: 3 });
    const premasterBytes = concat(Uint8Array.of(3, 3), new Uint8Array(46).fill(9));
    const expected = tlsPrf(premasterBytes, "master secret", concat(clientRandom, serverRandom), 48);
    assertEquals(valueOf(session, master), expected);

    const keys = tls12KeyBlock({
      clientRandom,
      serverRandom,
      hash: "SHA-256",
      macLength: 160,
      keyLength: 128,
      ivLength: 128,
    });
    session.derive(master, keys, { class: CKO.SECRET_KEY, keyType: CKK.AES, valueLen: 16, ...readable });
    const material = tlsPrf(expected, "key expansion", concat(serverRandom, clientRandom), 104);
    const { clientMacKey, serverKey, clientIv, serverIv } = keys.parameter.keys!;
    assertEquals(valueOf(session, clientMacKey), material.slice(0, 20));
    assertEquals(valueOf(session, serverKey), material.slice(56, 72));
    assertEquals([clientIv, serverIv], [material.slice(72, 88), material.slice(88, 104)]);
  });
};

/** The PRF of TLS 1.2 (RFC 5246 §5) with SHA-256. */
function tlsPrf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  const labelled = concat(utf8.encode(label), seed);
  let a = labelled;
  let output = new Uint8Array(0);
  while (output.length < length) {
    a = new Uint8Array(createHmac("sha256", secret).update(a).digest());
    output = concat(output, new Uint8Array(createHmac("sha256", secret).update(a).update(labelled).digest()));
  }
  return output.slice(0, length);
}

function openSofthsm(): RawSession {
  const { module, label, userPin } = createToken();
  return RawSession.open(module, { label, pin: userPin });
}

function openSoftokn(): RawSession {
  return RawSession.open(softoknModule()!, { reserved: softoknWithoutDatabase });
}

describeModule("mechanisms on SoftHSM2", softhsmSkip, openSofthsm, (test) => {
  ciphers(test);
  publicKeys("SHA-1")(test);
});

describeModule("mechanisms on NSS softokn", softoknSkip, openSoftokn, (test) => {
  ciphers(test);
  publicKeys("SHA-256")(test);
  derivations(test);
});
