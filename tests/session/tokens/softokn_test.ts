import { assert, assertEquals, assertFalse, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { webcrypto } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { aesCbc, aesGcm, aesGcmMessage, rsaOaep, rsaPss } from "../../../session/mechanisms/mod.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { createSoftoknDatabase, softoknSkip as skip } from "../../_support/softokn.ts";
import { P256 } from "../../_support/token_session.ts";

const { subtle } = webcrypto;
const data = new TextEncoder().encode("another token, the same answers");
const pin = "softokn's 1";
const timeout = 240_000;
const token = { token: false };

describe("Sessions on NSS softokn", () => {
  let module: Module;
  let session: Session;

  before(async () => {
    if (skip) return;
    const database = createSoftoknDatabase();
    module = await Module.load(database.module, { managed: false, reserved: database.reserved });
    const slot = (await module.slots({ tokenPresent: true })).find(({ id }) => id === database.slotId)!;
    session = await slot.openSession({ readWrite: true });
    // A new database: the security officer's PIN is empty.
    assert(await session.login(CKU.SO, ""));
    await session.initPin(pin);
    await session.logout();
    assertEquals((await assertRejects(() => session.login(CKU.USER, "wrong"), Pkcs11Error)).code, CKR.PIN_INCORRECT);
    assert(await session.login(CKU.USER, pin));
  });
  after(() => module?.close());

  it("speaks PKCS#11 3.0 or later", { skip, timeout }, async () => {
    assertMatch(module.interfaceVersion, /^3\.\d$/);
    for (const fn of ["C_SessionCancel", "C_EncryptMessage", "C_LoginUser"] as const) {
      assert(module.functions().includes(fn), fn);
    }
    assert((await module.info()).manufacturerId.startsWith("Mozilla"));
  });

  it("a PIN that was changed is the one that logs in", { skip, timeout }, async () => {
    await session.setPin(pin, "changed 2");
    await session.logout();
    await assertRejects(() => session.login(CKU.USER, pin), Pkcs11Error);
    assert(session.loginSync(CKU.USER, "changed 2"));
    session.setPinSync("changed 2", pin);
  });

  it("signs with P-256 what WebCrypto verifies, and the other way", { skip, timeout }, async () => {
    const { publicKey, privateKey } = await session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { ecParams: P256, verify: true, ...token },
      { sign: true, label: "softokn ec", ...token },
    );
    const { ecPoint } = await publicKey.get(["ecPoint"]);
    // A DER octet string around the point.
    const raw = ecPoint!.slice(-65);
    const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const imported = await subtle.importKey("raw", raw, ecdsa, true, ["verify"]);
    for (
      const signature of [
        await session.sign(privateKey, CKM.ECDSA_SHA256, data),
        session.signSync(privateKey, CKM.ECDSA_SHA256, data),
        (await session.signMany(privateKey, CKM.ECDSA_SHA256, [data, data]))[1]!,
      ]
    ) {
      assert(await subtle.verify(ecdsa, imported, signature, data));
      assert(await session.verify(publicKey, CKM.ECDSA_SHA256, data, signature));
      signature[7]! ^= 1;
      assertFalse(session.verifySync(publicKey, CKM.ECDSA_SHA256, data, signature));
    }
    const found = await session.findObjects({ class: CKO.PRIVATE_KEY, label: "softokn ec" }, { read: ["label", "id"] });
    assertEquals(found.map((object) => object.attributes?.get("label")), ["softokn ec"]);
  });

  it("objects of its database tell their class whatever else they lack", { skip, timeout }, async () => {
    const token = true;
    await session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { ecParams: P256, verify: true, label: "kept", token },
      { sign: true, label: "kept", sensitive: true, token },
    );
    const numbers = ["class", "keyType"] as const;
    for (const others of [[], ["modulus"], ["value"], ["modulus", "label", "value"]] as const) {
      const read = [...numbers, ...others];
      const found = [
        await session.findObjects({ label: "kept" }, { read }),
        session.findObjectsSync({ label: "kept" }, { read }),
      ];
      for (const objects of found) {
        const seen = objects.map(({ attributes }) => numbers.map((name) => attributes!.get(name)));
        assertEquals(seen.sort(), [[CKO.PUBLIC_KEY, 3], [CKO.PRIVATE_KEY, 3]], read.join());
      }
    }
    for (const object of await session.findObjects({ label: "kept" })) await object.destroy();
  });

  it("RSA: PSS and OAEP agree with WebCrypto", { skip, timeout }, async () => {
    const { publicKey, privateKey } = await session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), verify: true, encrypt: true, ...token },
      { sign: true, decrypt: true, ...token },
    );
    const { modulus } = await publicKey.get(["modulus"]);
    const n = btoa(String.fromCharCode(...modulus!)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const jwk = { kty: "RSA", n, e: "AQAB" };
    const pss = { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };
    const signature = await session.sign(privateKey, rsaPss({ hash: "SHA-256", saltLength: 32 }), data);
    assert(await subtle.verify(pss, await subtle.importKey("jwk", jwk, pss, true, ["verify"]), signature, data));
    const oaep = { name: "RSA-OAEP", hash: "SHA-256" };
    const key = await subtle.importKey("jwk", jwk, oaep, true, ["encrypt"]);
    const encrypted = new Uint8Array(await subtle.encrypt(oaep, key, data));
    assertEquals(await session.decrypt(privateKey, rsaOaep({ hash: "SHA-256" }), encrypted), data);
  });

  const aesKey = async () => {
    const value = webcrypto.getRandomValues(new Uint8Array(32));
    const attributes = { class: CKO.SECRET_KEY, keyType: 0x1f, value, encrypt: true, decrypt: true, ...token };
    const imported = await subtle.importKey("raw", value, "AES-GCM", true, ["encrypt", "decrypt"]);
    return { key: await session.createObject(attributes), value, imported };
  };

  it("AES-GCM and AES-CBC agree with WebCrypto, in one piece and in parts", { skip, timeout }, async () => {
    const { key, value, imported } = await aesKey();
    const iv = new Uint8Array(12).fill(3);
    const gcm = { name: "AES-GCM", iv, additionalData: data };
    const encrypted = await session.encrypt(key, aesGcm({ iv, additionalData: data }), data);
    assertEquals(encrypted, new Uint8Array(await subtle.encrypt(gcm, imported, data)));
    assertEquals(session.decryptSync(key, aesGcm({ iv, additionalData: data }), encrypted), data);
    const cbc = await subtle.importKey("raw", value, "AES-CBC", true, ["decrypt"]);
    const encryptor = session.encryptor(key, aesCbc({ iv: new Uint8Array(16) }));
    const parts = [await encryptor.update(data), await encryptor.update(data), await encryptor.final()];
    const joined = Uint8Array.from(parts.flatMap((part) => [...part]));
    const plain = await subtle.decrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, cbc, joined);
    assertEquals(new Uint8Array(plain), Uint8Array.from([...data, ...data]));
  });

  it("messages: each with its nonce and tag, as WebCrypto has them", { skip, timeout }, async () => {
    const { key, imported } = await aesKey();
    for (const sync of [false, true]) {
      const iv = webcrypto.getRandomValues(new Uint8Array(12));
      const mechanism = aesGcmMessage({ iv });
      const options = { associatedData: data };
      const encrypted = sync
        ? session.encryptMessageSync(key, mechanism, data, options)
        : await session.encryptMessage(key, mechanism, data, options);
      const { tag } = mechanism.parameter;
      const gcm = { name: "AES-GCM", iv, additionalData: data };
      const expected = new Uint8Array(await subtle.encrypt(gcm, imported, data));
      assertEquals(Uint8Array.from([...encrypted, ...tag]), expected);
      const opening = aesGcmMessage({ iv, tag });
      assertEquals(await session.decryptMessage(key, opening, encrypted, options), data);
      assertEquals(session.decryptMessageSync(key, opening, encrypted, options), data);
      const forged = aesGcmMessage({ iv, tag: tag.map((byte) => byte ^ 1) });
      await assertRejects(() => session.decryptMessage(key, forged, encrypted, options), Pkcs11Error);
      assertThrows(() => session.decryptMessageSync(key, forged, encrypted, options), Pkcs11Error);
    }
    assertEquals((await session.digest(CKM.SHA256, data)).length, 32);
  });

  it("an operation in parts is cancelled by C_SessionCancel, and by leaving it", { skip, timeout }, async () => {
    const digester = session.digester(CKM.SHA256);
    await digester.update(data);
    await session.cancelOperation();
    const again = session.digesterSync(CKM.SHA256);
    again.update(data);
    again.close();
    const expected = new Uint8Array(await subtle.digest("SHA-256", data));
    assertEquals(await session.digest(CKM.SHA256, data), expected);
    assertEquals(session.digestSync(CKM.SHA256, data), expected);
  });

  it("a signature of a wrong length and a wrong HMAC are false, among many others too", { skip, timeout }, async () => {
    const { publicKey, privateKey } = await session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { ecParams: P256, verify: true, ...token },
      { sign: true, ...token },
    );
    const hash = new Uint8Array(32).fill(9);
    const good = await session.sign(privateKey, CKM.ECDSA, hash);
    for (const length of [0, 63, 64, 65, 71]) {
      assertFalse(await session.verify(publicKey, CKM.ECDSA, hash, new Uint8Array(length)), `${length} bytes`);
    }
    const signatures = [good, new Uint8Array(71), good];
    assertEquals(await session.verifyMany(publicKey, CKM.ECDSA, [hash, hash, hash], signatures), [true, false, true]);
    const secret = { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, value: new Uint8Array(32), ...token };
    const key = await session.createObject({ ...secret, sign: true, verify: true });
    const mac = await session.sign(key, CKM.SHA256_HMAC, data);
    assert(session.verifySync(key, CKM.SHA256_HMAC, data, mac));
    for (const wrong of [new Uint8Array(32), mac.with(3, mac[3]! ^ 1), mac.subarray(0, 31)]) {
      assertFalse(await session.verify(key, CKM.SHA256_HMAC, data, wrong));
      assertFalse(session.verifySync(key, CKM.SHA256_HMAC, data, wrong));
      const verifier = session.verifierSync(key, CKM.SHA256_HMAC);
      verifier.update(data);
      assertFalse(verifier.final(wrong));
    }
  });

  it("a stream through AES-CBC may be cut anywhere", { skip, timeout }, async () => {
    const key = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, encrypt: true, decrypt: true, ...token });
    const plain = Uint8Array.from({ length: 100 }, (_, i) => i);
    const through = async (bytes: Uint8Array, size: number, stream: TransformStream<Uint8Array, Uint8Array>) => {
      const chunks = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
          controller.close();
        },
      });
      return new Uint8Array(await new Response(chunks.pipeThrough(stream) as BodyInit).arrayBuffer());
    };
    const mechanism = aesCbc({ iv: new Uint8Array(16) });
    const encrypted = await session.encrypt(key, mechanism, plain);
    for (const size of [1, 16, 20, 112]) {
      assertEquals(await through(plain, size, session.encryptStream(key, mechanism)), encrypted);
      assertEquals(await through(encrypted, size, session.decryptStream(key, mechanism)), plain);
    }
  });

  it("objects of the database stay, and go when they are destroyed", { skip, timeout }, async () => {
    const attributes = { label: "kept", valueLen: 16, encrypt: true, token: true };
    const made = await session.generateKey(CKM.AES_KEY_GEN, attributes);
    const [found] = await session.findObjects({ class: CKO.SECRET_KEY, label: "kept" }, { read: ["token", "label"] });
    assertEquals(found?.attributes?.get("token"), true);
    await found!.set({ label: "renamed" });
    assertEquals(made.getSync(["label"]).label, "renamed");
    await made.destroy();
    assertEquals(await session.findObjects({ label: "renamed" }), []);
  });

  it("32 calls at once on one session all succeed", { skip, timeout }, async () => {
    const hashes = await Promise.all(
      Array.from({ length: 32 }, (_, i) => session.digest(CKM.SHA256, Uint8Array.of(i))),
    );
    assertEquals(new Set(hashes.map(String)).size, 32);
  });
});
