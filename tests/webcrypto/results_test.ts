// webcrypto/: what a token makes the runtime's own SubtleCrypto understands, and the other way.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { type TokenCrypto, tokenCrypto } from "../../webcrypto/mod.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

// Both sides are called with the same arguments: their types differ in what they know.
// deno-lint-ignore no-explicit-any
type Untyped = any;

const data = new TextEncoder().encode("what is signed and encrypted");
const native: Untyped = globalThis.crypto.subtle;
const rsa = { modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1) };

const signatures: readonly { readonly key: Untyped; readonly sign: Untyped }[] = [
  { key: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-256" } },
  { key: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-512" } },
  { key: { name: "ECDSA", namedCurve: "P-384" }, sign: { name: "ECDSA", hash: "SHA-384" } },
  { key: { name: "RSASSA-PKCS1-v1_5", ...rsa, hash: "SHA-1" }, sign: "RSASSA-PKCS1-v1_5" },
  { key: { name: "RSASSA-PKCS1-v1_5", ...rsa, hash: "SHA-256" }, sign: "RSASSA-PKCS1-v1_5" },
  { key: { name: "RSA-PSS", ...rsa, hash: "SHA-256" }, sign: { name: "RSA-PSS", saltLength: 20 } },
  { key: { name: "RSA-PSS", ...rsa, hash: "SHA-512" }, sign: { name: "RSA-PSS", saltLength: 0 } },
  { key: { name: "Ed25519" }, sign: "Ed25519" },
];

const ciphers: readonly Untyped[] = [
  { name: "AES-CBC", iv: new Uint8Array(16).fill(7) },
  { name: "AES-CTR", counter: new Uint8Array(16).fill(0xff), length: 128 },
  { name: "AES-GCM", iv: new Uint8Array(12).fill(3) },
  { name: "AES-GCM", iv: new Uint8Array(12).fill(3), additionalData: data, tagLength: 96 },
];

function isSame(one: ArrayBuffer, other: ArrayBuffer): boolean {
  return Buffer.from(one).equals(Buffer.from(other));
}

describe("subtle of a token and of the runtime", { skip: softhsmSkip }, () => {
  let token: TokenSession;
  let crypto: TokenCrypto;
  let subtle: Untyped;

  before(async () => {
    token = await TokenSession.open();
    crypto = await tokenCrypto(token.slot, { pin: token.token.userPin, readWrite: true, sessions: 3 });
    subtle = crypto.subtle;
  });
  after(async () => {
    await crypto.close();
    await token.close();
  });

  for (const { key, sign } of signatures) {
    const name = `${key.name} ${key.namedCurve ?? key.hash ?? ""} ${sign.hash ?? sign.saltLength ?? ""}`.trim();
    it(`verify each other's signatures, and read each other's keys: ${name}`, async () => {
      const pair = await subtle.generateKey(key, true, ["sign", "verify"]);
      const signature = await subtle.sign(sign, pair.privateKey, data);
      const spki = await subtle.exportKey("spki", pair.publicKey);
      const outside = await native.importKey("spki", spki, key, true, ["verify"]);
      assert(await native.verify(sign, outside, signature, data));
      // A key of the runtime is taken where it may leave it.
      assert(await subtle.verify(sign, outside, signature, data));
      assertEquals(await subtle.verify(sign, pair.publicKey, signature, data.slice(1)), false);
      for (const form of ["pkcs8", "jwk"]) {
        const moved = await native.importKey(form, await subtle.exportKey(form, pair.privateKey), key, true, ["sign"]);
        const theirs = await native.sign(sign, moved, data);
        assert(await subtle.verify(sign, pair.publicKey, theirs, data), form);
        const back = await subtle.importKey(form, await native.exportKey(form, moved), key, false, ["sign"]);
        assert(await native.verify(sign, outside, await subtle.sign(sign, back, data), data), form);
        assertEquals([back.type, back.extractable, back.usages], ["private", false, ["sign"]]);
      }
      assertEquals(structuredClone(pair.publicKey.algorithm), outside.algorithm);
      const half = await subtle.getPublicKey(pair.privateKey, ["verify"]);
      assert(isSame(await subtle.exportKey("spki", half), spki));
    });
  }

  for (const cipher of ciphers) {
    it(`encrypt the same: ${cipher.name} ${cipher.tagLength ?? ""}`.trim(), async () => {
      const key = await subtle.generateKey({ name: cipher.name, length: 256 }, true, ["encrypt", "decrypt"]);
      const outside = await native.importKey("jwk", await subtle.exportKey("jwk", key), cipher.name, true, ["encrypt"]);
      for (const text of [data, new Uint8Array(0), new Uint8Array(4096).fill(9)]) {
        const encrypted = await subtle.encrypt(cipher, key, text);
        assert(isSame(encrypted, await native.encrypt(cipher, outside, text)), `${text.length} bytes`);
        assert(isSame(await subtle.decrypt(cipher, key, encrypted), text.buffer));
      }
    });
  }

  for (const hash of ["SHA-1", "SHA-256"]) {
    it(`decrypt each other's RSA-OAEP with ${hash}, which not every token has by itself`, async () => {
      const algorithm = { name: "RSA-OAEP", ...rsa, hash };
      const pair = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
      const outside = {
        publicKey: await native.importKey("jwk", await subtle.exportKey("jwk", pair.publicKey), algorithm, true, [
          "encrypt",
        ]),
        privateKey: await native.importKey("pkcs8", await subtle.exportKey("pkcs8", pair.privateKey), algorithm, true, [
          "decrypt",
        ]),
      };
      for (const name of [{ name: "RSA-OAEP" }, { name: "RSA-OAEP", label: Uint8Array.of(1, 2, 3) }]) {
        for (const text of [data, new Uint8Array(0), new Uint8Array(5)]) {
          const theirs = await native.encrypt(name, outside.publicKey, text);
          assert(isSame(await subtle.decrypt(name, pair.privateKey, theirs), text.buffer));
          const ours = await subtle.encrypt(name, pair.publicKey, text);
          assert(isSame(await native.decrypt(name, outside.privateKey, ours), text.buffer));
          ours.slice(0);
          new Uint8Array(ours)[20]! ^= 1;
          await assertRejects(() => subtle.decrypt(name, pair.privateKey, ours), DOMException);
        }
      }
    });
  }

  for (const length of [3, 32, 64, 65, 200]) {
    it(`make the same MACs with a key of ${length} bytes, which tokens may find too short`, async () => {
      const value = new Uint8Array(length).fill(length);
      for (const hash of ["SHA-1", "SHA-256", "SHA-512"]) {
        const algorithm = { name: "HMAC", hash };
        const key = await subtle.importKey("raw", value, algorithm, true, ["sign", "verify"]);
        const outside = await native.importKey("raw", value, algorithm, true, ["sign"]);
        const mac = await native.sign("HMAC", outside, data);
        assert(isSame(await subtle.sign("HMAC", key, data), mac));
        assertEquals([await subtle.verify("HMAC", key, mac, data), await subtle.verify("HMAC", key, mac, mac)], [
          true,
          false,
        ]);
        assert(isSame(await subtle.exportKey("raw", key), value.buffer));
        assertEquals(key.algorithm, { name: "HMAC", hash: { name: hash }, length: 8 * length });
      }
    });
  }

  for (
    const algorithm of [{ name: "ECDH", namedCurve: "P-256" }, { name: "ECDH", namedCurve: "P-384" }, {
      name: "X25519",
    }]
  ) {
    it(`agree on secrets: ${algorithm.namedCurve ?? algorithm.name}`, async () => {
      const { name } = algorithm;
      const pair = await subtle.generateKey(algorithm, true, ["deriveBits", "deriveKey"]);
      const other = await native.generateKey(algorithm, true, ["deriveBits", "deriveKey"]);
      const half = await native.importKey("raw", await subtle.exportKey("raw", pair.publicKey), algorithm, true, []);
      for (const length of [null, 8, 200, 256]) {
        const ours = await subtle.deriveBits({ name, public: other.publicKey }, pair.privateKey, length);
        assert(
          isSame(ours, await native.deriveBits({ name, public: half }, other.privateKey, length)),
          `${length} bits`,
        );
      }
      const aes = { name: "AES-GCM", length: 256 };
      const key = await subtle.deriveKey({ name, public: other.publicKey }, pair.privateKey, aes, true, ["encrypt"]);
      const theirs = await native.deriveKey({ name, public: half }, other.privateKey, aes, true, ["encrypt"]);
      assert(isSame(await subtle.exportKey("raw", key), await native.exportKey("raw", theirs)));
    });
  }

  it("derive on the token what can stay there", async () => {
    const pair = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveKey"]);
    const derive = async (length: number) => {
      const algorithm = { name: "ECDH", public: pair.publicKey };
      const key = await subtle.deriveKey(algorithm, pair.privateKey, { name: "AES-CBC", length }, false, ["encrypt"]);
      return (await key.object.get(["alwaysSensitive"])).alwaysSensitive;
    };
    // 128 bits have to be cut off outside: a token would take the others.
    assertEquals([await derive(256), await derive(128)], [true, false]);
  });

  it("derive the same with HKDF and PBKDF2, which this token does not have", async () => {
    const salt = new Uint8Array(16).fill(1);
    const algorithms = [
      { name: "HKDF", hash: "SHA-256", salt, info: data },
      { name: "HKDF", hash: "SHA-512", salt: new Uint8Array(0), info: new Uint8Array(0) },
      { name: "PBKDF2", hash: "SHA-1", salt, iterations: 50 },
    ];
    for (const algorithm of algorithms) {
      for (const secret of [data, new Uint8Array(0)]) {
        const [ours, theirs] = await Promise.all(
          [subtle, native].map((each) =>
            each.importKey("raw", secret, algorithm.name, false, ["deriveBits", "deriveKey"])
          ),
        );
        assertEquals([ours.type, ours.extractable, ours.algorithm], ["secret", false, { name: algorithm.name }]);
        for (const length of [8, 512]) {
          const bits = await subtle.deriveBits(algorithm, ours, length);
          assert(isSame(bits, await native.deriveBits(algorithm, theirs, length)), `${algorithm.name} ${length}`);
        }
        const aes = { name: "AES-GCM", length: 256 };
        const key = await subtle.deriveKey(algorithm, ours, aes, true, ["encrypt"]);
        const other = await native.deriveKey(algorithm, theirs, aes, true, ["encrypt"]);
        assert(isSame(await subtle.exportKey("raw", key), await native.exportKey("raw", other)), algorithm.name);
      }
    }
  });

  it("wrap and unwrap the same", async () => {
    const kek = await subtle.generateKey({ name: "AES-KW", length: 256 }, true, ["wrapKey", "unwrapKey"]);
    const outside = await native.importKey("raw", await subtle.exportKey("raw", kek), "AES-KW", true, ["unwrapKey"]);
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await subtle.generateKey(hmac, true, ["sign", "verify"]);
    const raw = await subtle.exportKey("raw", key);
    for (const form of ["raw", "jwk"]) {
      const wrapped = await subtle.wrapKey(form, key, kek, "AES-KW");
      const theirs = await native.unwrapKey(form, wrapped, outside, "AES-KW", hmac, true, ["sign"]);
      const back = await subtle.unwrapKey(form, wrapped, kek, "AES-KW", hmac, true, ["sign"]);
      assert(isSame(await native.exportKey("raw", theirs), raw), form);
      assert(isSame(await subtle.exportKey("raw", back), raw), form);
    }
    // A key that may not leave comes in without ever being seen.
    const hidden = await subtle.unwrapKey(
      "raw",
      await subtle.wrapKey("raw", key, kek, "AES-KW"),
      kek,
      "AES-KW",
      hmac,
      false,
      [
        "sign",
      ],
    );
    assertEquals(await hidden.object.get(["sensitive", "extractable"]), { sensitive: true, extractable: false });
    assert(isSame(await subtle.sign("HMAC", hidden, data), await subtle.sign("HMAC", key, data)));
    // One that the token has filled up with zeros goes out as it was.
    const short = await subtle.importKey("raw", new Uint8Array(16).fill(8), hmac, true, ["sign"]);
    const theirs = await native.unwrapKey(
      "raw",
      await subtle.wrapKey("raw", short, kek, "AES-KW"),
      outside,
      "AES-KW",
      hmac,
      true,
      [
        "sign",
      ],
    );
    assert(isSame(await native.exportKey("raw", theirs), new Uint8Array(16).fill(8).buffer));
    const cipher = { name: "AES-GCM", iv: new Uint8Array(12) };
    const aes = await subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["wrapKey", "unwrapKey"]);
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const pair = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
    for (const form of ["pkcs8", "jwk"]) {
      const wrapped = await subtle.wrapKey(form, pair.privateKey, aes, cipher);
      const back = await subtle.unwrapKey(form, wrapped, aes, cipher, algorithm, false, ["sign"]);
      const sign = { name: "ECDSA", hash: "SHA-256" };
      assert(await subtle.verify(sign, pair.publicKey, await subtle.sign(sign, back, data), data), form);
    }
  });

  it("read data as the engine knows it, whatever properties it was given", async () => {
    const view = Uint8Array.of(1, 2, 3);
    const lie = () => {
      throw new Error("Nobody asks this");
    };
    for (const name of ["buffer", "byteLength", "byteOffset"]) {
      Object.defineProperty(view, name, { get: lie });
    }
    const key = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    const signature = await subtle.sign("HMAC", key, view);
    assert(await subtle.verify("HMAC", key, signature, Uint8Array.of(1, 2, 3)));
  });

  it("digest the same", async () => {
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "sha-512"]) {
      assert(isSame(await subtle.digest(hash, data), await native.digest(hash, data)), hash);
    }
  });
});
