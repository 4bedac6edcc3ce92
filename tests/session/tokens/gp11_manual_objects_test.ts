// GP11Session's objects and cryptography, each function under the manual's own name: docs/seed-map.md points here.
import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { createCipheriv, createPublicKey, type KeyObject, verify as verifyWithNode } from "node:crypto";
import { after, before, describe, it } from "node:test";
import {
  aesCbc,
  CKK,
  CKM,
  CKO,
  CKR,
  Pkcs11Error,
  type Pkcs11KeyPair,
  type Pkcs11Object,
  rsaPss,
  type Session,
} from "@gp11/gp11/session";
import { abortedSignal } from "../../_support/signals.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const data = new TextEncoder().encode("exactly 32 bytes of test payload");
const keyBytes = Uint8Array.from({ length: 32 }, (_, index) => index * 5);
const iv = Uint8Array.from({ length: 16 }, (_, index) => 255 - index);
const cbc = aesCbc({ iv });
const pss = rsaPss({ hash: "SHA-256", saltLength: 32 });
const fresh = { signal: new AbortController().signal };

/** What an independent implementation makes of the data. */
function encryptedElsewhere(algorithm: "aes-256-ecb" | "aes-256-cbc"): Uint8Array {
  const cipher = createCipheriv(algorithm, keyBytes, algorithm === "aes-256-ecb" ? null : iv);
  cipher.setAutoPadding(algorithm === "aes-256-cbc");
  return new Uint8Array([...cipher.update(data), ...cipher.final()]);
}

/** A public key for an independent implementation. */
function importedKey(modulus: Uint8Array, publicExponent: Uint8Array): KeyObject {
  const text = (bytes: Uint8Array) =>
    btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return createPublicKey({ key: { kty: "RSA", n: text(modulus), e: text(publicExponent) }, format: "jwk" });
}

describe("GP11Session", () => {
  let on: TokenSession;
  let session: Session;
  let secret: Pkcs11Object;
  let pair: Pkcs11KeyPair;
  let publicKey: KeyObject;
  let signature: Uint8Array;

  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    session = on.session;
    const secretAttributes = { class: CKO.SECRET_KEY, keyType: CKK.AES, value: keyBytes, encrypt: true, decrypt: true };
    secret = await session.createObject({ ...secretAttributes, token: false });
    pair = await session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: false, verify: true },
      { token: false, sign: true },
    );
    const { modulus, publicExponent } = await pair.publicKey.get(["modulus", "publicExponent"]);
    publicKey = importedKey(modulus!, publicExponent!);
    signature = session.signSync(pair.privateKey, CKM.SHA256_RSA_PKCS, data);
  });
  after(() => on?.close());

  const isPkcs1 = (bytes: Uint8Array) => verifyWithNode("sha256", data, publicKey, bytes);
  const isPss = (bytes: Uint8Array) =>
    verifyWithNode("sha256", data, { key: publicKey, padding: 6, saltLength: 32 }, bytes);

  describe("objects", () => {
    const attributes = (label: string) => ({ class: CKO.DATA, label, value: data, token: false });

    it("gp11_session_create_object creates an object from its attributes", { skip }, () => {
      const object = session.createObjectSync(attributes("in place"));
      assertEquals(object.getSync(["label", "value"]), { label: "in place", value: data });
    });

    it("gp11_session_create_object_async takes a signal and leaves nothing when it is aborted", { skip }, async () => {
      const { signal, reason } = abortedSignal();
      const creation = () => session.createObject(attributes("aborted"), { signal });
      assertStrictEquals(await assertRejects(creation), reason);
      assertEquals(session.findObjectsSync({ label: "aborted" }), []);
    });

    it("gp11_session_create_object_finish gives the object or the error", { skip }, async () => {
      const object = await session.createObject(attributes("on a worker"));
      assertEquals((await object.get(["label"])).label, "on a worker");
      const error = await assertRejects(() => session.createObject({ label: "no class" }), Pkcs11Error);
      assertEquals(error.fn, "C_CreateObject");
    });

    it("gp11_session_find_objects finds the objects with these attributes", { skip }, () => {
      const made = ["a", "b"].map(() => session.createObjectSync(attributes("found in place")));
      const found = session.findObjectsSync({ class: CKO.DATA, label: "found in place" });
      assertEquals(found.map((object) => object.handle), made.map((object) => object.handle));
      assertEquals(session.findObjectsSync({ label: "nowhere" }), []);
    });

    it("gp11_session_find_objects_async takes a signal", { skip }, async () => {
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.findObjects({ class: CKO.DATA }, { signal })), reason);
      assertEquals(await session.findObjects({ label: "nowhere" }, fresh), []);
    });

    it("gp11_session_find_objects_finish gives the objects", { skip }, async () => {
      const made = session.createObjectSync(attributes("found on a worker"));
      const found = await session.findObjects({ label: "found on a worker" }, { read: ["value"] });
      assertEquals(found.map((object) => object.handle), [made.handle]);
      assertEquals(found[0]!.attributes!.get("value"), data);
    });
  });

  describe("encryption", () => {
    it("gp11_session_encrypt takes the number of a mechanism", { skip }, () => {
      assertEquals(session.encryptSync(secret, CKM.AES_ECB, data), encryptedElsewhere("aes-256-ecb"));
    });

    it("gp11_session_encrypt_full takes a parameter and a signal in place", { skip }, () => {
      assertEquals(session.encryptSync(secret, cbc, data, fresh), encryptedElsewhere("aes-256-cbc"));
      const { signal, reason } = abortedSignal();
      assertStrictEquals(assertThrows(() => session.encryptSync(secret, cbc, data, { signal })), reason);
    });

    it("gp11_session_encrypt_async takes a parameter and a signal", { skip }, async () => {
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.encrypt(secret, cbc, data, { signal })), reason);
      assertEquals(await session.encrypt(secret, cbc, data, fresh), encryptedElsewhere("aes-256-cbc"));
    });

    it("gp11_session_encrypt_finish gives the encrypted data or the error", { skip }, async () => {
      assertEquals(await session.encrypt(secret, CKM.AES_ECB, data), encryptedElsewhere("aes-256-ecb"));
      const short = data.subarray(1);
      const error = await assertRejects(() => session.encrypt(secret, CKM.AES_ECB, short), Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.DATA_LEN_RANGE, "C_Encrypt"]);
    });

    it("gp11_session_decrypt takes the number of a mechanism", { skip }, () => {
      assertEquals(session.decryptSync(secret, CKM.AES_ECB, encryptedElsewhere("aes-256-ecb")), data);
    });

    it("gp11_session_decrypt_full takes a parameter and a signal in place", { skip }, () => {
      const encrypted = encryptedElsewhere("aes-256-cbc");
      assertEquals(session.decryptSync(secret, cbc, encrypted, fresh), data);
      const { signal, reason } = abortedSignal();
      assertStrictEquals(assertThrows(() => session.decryptSync(secret, cbc, encrypted, { signal })), reason);
    });

    it("gp11_session_decrypt_async takes a parameter and a signal", { skip }, async () => {
      const encrypted = encryptedElsewhere("aes-256-cbc");
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.decrypt(secret, cbc, encrypted, { signal })), reason);
      assertEquals(await session.decrypt(secret, cbc, encrypted, fresh), data);
    });

    it("gp11_session_decrypt_finish gives the plain data or the error", { skip }, async () => {
      assertEquals(await session.decrypt(secret, CKM.AES_ECB, encryptedElsewhere("aes-256-ecb")), data);
      const error = await assertRejects(() => session.decrypt(secret, CKM.AES_ECB, data.subarray(1)), Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.ENCRYPTED_DATA_LEN_RANGE, "C_Decrypt"]);
    });
  });

  describe("signatures", () => {
    const forged = () => signature.with(0, signature[0]! ^ 1);

    it("gp11_session_sign takes the number of a mechanism", { skip }, () => {
      assert(isPkcs1(session.signSync(pair.privateKey, CKM.SHA256_RSA_PKCS, data)));
    });

    it("gp11_session_sign_full takes a parameter and a signal in place", { skip }, () => {
      assert(isPss(session.signSync(pair.privateKey, pss, data, fresh)));
      const { signal, reason } = abortedSignal();
      assertStrictEquals(assertThrows(() => session.signSync(pair.privateKey, pss, data, { signal })), reason);
    });

    it("gp11_session_sign_async takes a parameter and a signal", { skip }, async () => {
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.sign(pair.privateKey, pss, data, { signal })), reason);
      assert(isPss(await session.sign(pair.privateKey, pss, data, fresh)));
    });

    it("gp11_session_sign_finish gives the signature or the error", { skip }, async () => {
      assert(isPkcs1(await session.sign(pair.privateKey, CKM.SHA256_RSA_PKCS, data)));
      const error = await assertRejects(() => session.sign(pair.privateKey, CKM.AES_ECB, data), Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.MECHANISM_INVALID, "C_SignInit"]);
    });

    it("gp11_session_verify takes the number of a mechanism", { skip }, () => {
      assert(session.verifySync(pair.publicKey, CKM.SHA256_RSA_PKCS, data, signature));
      assertFalse(session.verifySync(pair.publicKey, CKM.SHA256_RSA_PKCS, data, forged()));
    });

    it("gp11_session_verify_full takes a parameter and a signal in place", { skip }, () => {
      const made = session.signSync(pair.privateKey, pss, data);
      assert(session.verifySync(pair.publicKey, pss, data, made, fresh));
      const { signal, reason } = abortedSignal();
      const verification = () => session.verifySync(pair.publicKey, pss, data, made, { signal });
      assertStrictEquals(assertThrows(verification), reason);
    });

    it("gp11_session_verify_async takes a parameter and a signal", { skip }, async () => {
      const made = session.signSync(pair.privateKey, pss, data);
      const { signal, reason } = abortedSignal();
      const verification = () => session.verify(pair.publicKey, pss, data, made, { signal });
      assertStrictEquals(await assertRejects(verification), reason);
      assert(await session.verify(pair.publicKey, pss, data, made, fresh));
    });

    it("gp11_session_verify_finish gives true, false or the error", { skip }, async () => {
      assertEquals(await session.verify(pair.publicKey, CKM.SHA256_RSA_PKCS, data, signature), true);
      assertEquals(await session.verify(pair.publicKey, CKM.SHA256_RSA_PKCS, data, forged()), false);
      const error = await assertRejects(
        () => session.verify(pair.publicKey, CKM.AES_ECB, data, signature),
        Pkcs11Error,
      );
      assertEquals([error.code, error.fn], [CKR.MECHANISM_INVALID, "C_VerifyInit"]);
    });
  });

  it("GP11Mechanism is a number, or a number with its parameter", { skip }, () => {
    const raw = session.encryptSync(secret, { type: CKM.AES_CBC_PAD, parameter: iv }, data);
    assertEquals(raw, session.encryptSync(secret, cbc, data));
  });
});
