// webcrypto/token_crypto.ts, found_keys.ts, key_arguments.ts, contract/token_access.ts: keys that live on a token.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKA, CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { ObjectAmbiguousError, ObjectNotFoundError, Pkcs11Error } from "../../session/errors.ts";
import { type TokenCrypto, tokenCrypto, TokenCryptoKey } from "../../webcrypto/mod.ts";
import { createToken, softhsmSkip, type TestToken } from "../_support/softhsm.ts";
import { collectGarbage } from "../_support/garbage.ts";
import { findSlot, TokenSession } from "../_support/token_session.ts";

const data = new TextEncoder().encode("what is signed");
const p256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const sha256 = { name: "ECDSA", hash: "SHA-256" } as const;
const native = globalThis.crypto.subtle;

async function nameOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "nothing";
  } catch (error) {
    return (error as Error).name;
  }
}

describe("a TokenCrypto and its keys", { skip: softhsmSkip }, () => {
  let token: TokenSession;
  let crypto: TokenCrypto;
  let other: TestToken;

  before(async () => {
    // A module sees the tokens that are there when it is loaded.
    other = createToken();
    token = await TokenSession.open();
    crypto = await tokenCrypto(token.slot, { pin: token.token.userPin, readWrite: true, sessions: 3 });
  });
  after(async () => {
    await crypto.close();
    await token.close();
  });

  it("find the public half of its own for each private key of several pairs with one CKA_ID", async () => {
    const name = { id: Uint8Array.of(0x3b, 0x1d), label: "several", token: true };
    const pairs = [];
    for (let index = 0; index < 3; index++) {
      const publicAttributes = { ...name, namedCurve: "P-256", verify: true } as const;
      pairs.push(
        await token.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, publicAttributes, { ...name, sign: true }),
      );
    }
    for (const { privateKey } of pairs) {
      const found = await crypto.keyPair(privateKey);
      const signature = await crypto.subtle.sign(sha256, found.privateKey, data);
      assert(await crypto.subtle.verify(sha256, found.publicKey, signature, data));
    }
    for (const { privateKey, publicKey } of pairs) await Promise.all([privateKey.destroy(), publicKey.destroy()]);
  });

  it("sign 64 messages at once", async () => {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(p256, false, ["sign", "verify"]);
    const messages = Array.from({ length: 64 }, (_, index) => Uint8Array.of(index));
    const signatures = await Promise.all(messages.map((each) => crypto.subtle.sign(sha256, privateKey, each)));
    const right = await Promise.all(
      messages.map((each, index) => crypto.subtle.verify(sha256, publicKey, signatures[index]!, each)),
    );
    assertEquals(right, Array(64).fill(true));
  });

  it("stay on the token where they are told to, and are found by URI, attributes and object", async () => {
    const place = { token: true, label: "kept", id: Uint8Array.of(1, 2, 3) };
    const made = await crypto.subtle.generateKey({ ...p256, token: place }, false, ["sign", "verify"]);
    const { label, id, token: isKept, sensitive, extractable } = await made.privateKey.object.get([
      "label",
      "id",
      "token",
      "sensitive",
      "extractable",
    ]);
    assertEquals({ label, id, isKept, sensitive, extractable }, {
      label: "kept",
      id: Uint8Array.of(1, 2, 3),
      isKept: true,
      sensitive: true,
      extractable: false,
    });
    const uri = await made.privateKey.object.uri();
    for (const match of [uri, { label: "kept" }, { id: place.id }, made.privateKey.object]) {
      const key = await crypto.key(match);
      assert(key instanceof TokenCryptoKey);
      assertEquals([key.type, key.algorithm, key.extractable, key.usages], ["private", p256, false, ["sign"]]);
      const signature = await crypto.subtle.sign(sha256, key, data);
      assert(await crypto.subtle.verify(sha256, made.publicKey, signature, data));
    }
    const pair = await crypto.keyPair(uri);
    assert(pair.publicKey.object.equals(made.publicKey.object));
    assertEquals(pair.publicKey.usages, ["verify"]);
    await assertRejects(() => crypto.key({ label: "nobody" }), ObjectNotFoundError);
    await token.session.createObject({
      class: CKO.SECRET_KEY,
      keyType: CKK.AES,
      value: new Uint8Array(16),
      label: "two",
    });
    await token.session.createObject({
      class: CKO.SECRET_KEY,
      keyType: CKK.AES,
      value: new Uint8Array(16),
      label: "two",
    });
    await assertRejects(() => crypto.key({ label: "two" }), ObjectAmbiguousError);
    assertEquals(await nameOf(() => crypto.key(uri, p256, ["deriveBits"])), "InvalidAccessError");
    assertEquals(await nameOf(() => crypto.key(uri, { ...p256, namedCurve: "P-384" })), "DataError");
    assertEquals(await nameOf(() => crypto.key(uri, { name: "RSA-PSS", hash: "SHA-256" })), "DataError");
  });

  it("have the algorithm of their type, or the one that is said", async () => {
    const { session } = token;
    const secret = { class: CKO.SECRET_KEY, token: false, valueLen: 32 };
    const aes = await session.generateKey(CKM.AES_KEY_GEN, { ...secret, encrypt: true, decrypt: true, wrap: false });
    const mac = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { ...secret, sign: true, verify: true });
    const rsa = await session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 1024, publicExponent: Uint8Array.of(1, 0, 1), token: false, id: "rsa" },
      { token: false, sign: true, decrypt: true, id: "rsa" },
    );
    assertEquals<unknown>((await crypto.key(aes)).algorithm, { name: "AES-GCM", length: 256 });
    assertEquals((await crypto.key(aes, "AES-CBC", ["encrypt"])).usages, ["encrypt"]);
    assertEquals<unknown>((await crypto.key(mac)).algorithm, { name: "HMAC", hash: { name: "SHA-256" }, length: 256 });
    const pss = await crypto.keyPair(rsa.privateKey, { name: "RSA-PSS", hash: "SHA-384" });
    const { publicExponent, ...rest } = pss.privateKey.algorithm as RsaHashedKeyAlgorithm;
    assertEquals({ ...rest, publicExponent: [...publicExponent] }, {
      name: "RSA-PSS",
      modulusLength: 1024,
      publicExponent: [1, 0, 1],
      hash: { name: "SHA-384" },
    });
    const salted = { name: "RSA-PSS", saltLength: 32 };
    const signature = await crypto.subtle.sign(salted, pss.privateKey, data);
    assert(await crypto.subtle.verify(salted, pss.publicKey, signature, data));
    assertEquals((await crypto.key(rsa.privateKey)).algorithm.name, "RSASSA-PKCS1-v1_5");
    assertEquals(await nameOf(() => crypto.key(aes, { name: "HMAC", hash: "SHA-256" })), "DataError");
  });

  it("of others are taken where they may leave, and refused where not", async () => {
    const open = await native.generateKey(p256, true, ["sign", "verify"]);
    const closed = await native.generateKey(p256, false, ["sign", "verify"]);
    const signature = await crypto.subtle.sign(sha256, open.privateKey, data);
    assert(await native.verify(sha256, open.publicKey, signature, data));
    // The public half may always leave.
    assert(
      await crypto.subtle.verify(sha256, closed.publicKey, await native.sign(sha256, closed.privateKey, data), data),
    );
    assertEquals(await nameOf(() => crypto.subtle.sign(sha256, closed.privateKey, data)), "InvalidAccessError");
    const fake = {
      type: "private",
      algorithm: p256,
      extractable: true,
      usages: ["sign"],
      [Symbol.toStringTag]: "CryptoKey",
    };
    assertEquals(await nameOf(() => crypto.subtle.sign(sha256, fake as CryptoKey, data)), "TypeError");
    const forged = Object.create(TokenCryptoKey.prototype);
    assertEquals(await nameOf(() => crypto.subtle.sign(sha256, forged, data)), "TypeError");
    // The runtime's own SubtleCrypto does not take a key of a token for one of its own.
    const own = await crypto.subtle.generateKey(p256, true, ["sign", "verify"]);
    assertEquals(await nameOf(() => native.sign(sha256, own.privateKey, data)), "TypeError");
  });

  it("of another token are taken where they may leave", async () => {
    const elsewhere = await tokenCrypto(findSlot(token.module, other.label), { pin: other.userPin });
    try {
      const open = await elsewhere.subtle.generateKey(p256, true, ["sign", "verify"]);
      const closed = await elsewhere.subtle.generateKey(p256, false, ["sign"]);
      const signature = await crypto.subtle.sign(sha256, open.privateKey, data);
      assert(await elsewhere.subtle.verify(sha256, open.publicKey, signature, data));
      assertEquals(await nameOf(() => crypto.subtle.sign(sha256, closed.privateKey, data)), "InvalidAccessError");
      assertEquals(await nameOf(() => crypto.delete(open.privateKey)), "InvalidAccessError");
    } finally {
      await elsewhere.close();
    }
  });

  it("are stored and deleted", async () => {
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
    const kept = await crypto.store(made, { label: "stored" });
    assertEquals(await kept.object.get(["token", "label"]), { token: true, label: "stored" });
    const cipher = { name: "AES-GCM", iv: new Uint8Array(12) };
    const encrypted = await crypto.subtle.encrypt(cipher, kept, data);
    assertEquals(new Uint8Array(await crypto.subtle.decrypt(cipher, made, encrypted)), data);
    await crypto.delete(kept);
    await assertRejects(() => crypto.key({ label: "stored" }), ObjectNotFoundError);
    assertEquals(await nameOf(() => crypto.subtle.encrypt(cipher, kept, data)), "OperationError");
  });

  it("are not kept on a token that was opened for reading", async () => {
    const reader = await tokenCrypto(token.slot, { pin: token.token.userPin });
    try {
      const token = { token: true };
      const inSession = await reader.subtle.generateKey(p256, false, ["sign"]);
      const raw = new Uint8Array(32);
      // The token's own answer, as it is.
      for (
        const keep of [
          () => reader.subtle.generateKey({ ...p256, token }, false, ["sign"]),
          () => reader.subtle.generateKey({ name: "AES-GCM", length: 256, token }, false, ["encrypt"]),
          () => reader.subtle.importKey("raw", raw, { name: "AES-GCM", token }, false, ["encrypt"]),
          () => reader.store(inSession.privateKey),
        ]
      ) {
        const error = await assertRejects(keep, Pkcs11Error, "readWrite: true");
        assertEquals(error.ckr, "CKR_SESSION_READ_ONLY");
      }
    } finally {
      await reader.close();
    }
  });

  const skip = collectGarbage === null ? "the runtime does not let its garbage be collected" : false;
  it("go from the token when the program drops them, and not before", { skip }, async () => {
    const label = "dropped";
    const count = async () => (await token.session.findObjects({ label })).length;
    const algorithm = { name: "HMAC", hash: "SHA-256", token: { label } };
    let kept: CryptoKey | null = await crypto.subtle.generateKey(algorithm, false, ["sign"]);
    for (let each = 0; each < 8; each++) await crypto.subtle.generateKey(algorithm, false, ["sign"]);
    for (let turn = 0; await count() > 5 && turn < 100; turn++) {
      collectGarbage!();
      await crypto.subtle.digest("SHA-1", data);
    }
    assert(await count() <= 5, `${await count()} keys are left`);
    assertEquals((await crypto.subtle.sign("HMAC", kept, data)).byteLength, 32);
    kept = null;
  });

  it("show no secret, and look like keys", async () => {
    const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    assertEquals(String(key), "[object CryptoKey]");
    assertEquals(JSON.parse(JSON.stringify(key)), {
      type: "secret",
      algorithm: "HMAC",
      extractable: true,
      usages: ["sign"],
    });
    // What a program does with what it was given changes no key.
    key.usages.push("verify");
    (key.algorithm as { name: string }).name = "AES-GCM";
    assertEquals(await nameOf(() => crypto.subtle.verify("HMAC", key, data, data)), "InvalidAccessError");
    assertEquals((await crypto.subtle.sign("HMAC", key, data)).byteLength, 32);
  });

  it("are not used once their session is gone, and others are", async () => {
    const elsewhere = await tokenCrypto(token.slot, { pin: token.token.userPin, sessions: 1 });
    try {
      const outside = await native.generateKey(p256, true, ["sign", "verify"]);
      const { privateKey, publicKey } = await elsewhere.subtle.generateKey(p256, true, ["sign", "verify"]);
      const signature = await elsewhere.subtle.sign(sha256, outside.privateKey, data);
      await privateKey.object.session.close();
      const lost = await assertRejects(() => elsewhere.subtle.sign(sha256, privateKey, data), DOMException, "session");
      assertEquals(lost.name, "OperationError");
      assertEquals(await nameOf(() => elsewhere.subtle.exportKey("spki", publicKey)), "OperationError");
      // What was brought in is brought in again, once for all who ask.
      const both = [1, 2].map(() => elsewhere.subtle.verify(sha256, outside.publicKey, signature, data));
      assertEquals(await Promise.all(both), [true, true]);
      await elsewhere.subtle.generateKey(p256, true, ["sign"]);
    } finally {
      await elsewhere.close();
    }
  });

  it("are refused to another once theirs is closed, which the error says", async () => {
    const closed = await tokenCrypto(token.slot, { pin: token.token.userPin, sessions: 1 });
    const { privateKey } = await closed.subtle.generateKey(p256, false, ["sign"]);
    await closed.close();
    const refused = await assertRejects(() => crypto.subtle.sign(sha256, privateKey, data), DOMException, "is closed");
    assertEquals(refused.name, "OperationError");
  });

  it("keep the token's error as the cause", async () => {
    const { privateKey } = await crypto.subtle.generateKey(p256, true, ["sign"]);
    await privateKey.object.destroy();
    const error = await assertRejects(() => crypto.subtle.sign(sha256, privateKey, data), DOMException);
    assertEquals(error.name, "OperationError");
    assert((error as { cause?: unknown }).cause instanceof Pkcs11Error);
  });

  it("have attributes that allow what their usages say, and no more", async () => {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(32), "AES-CBC", false, ["encrypt"]);
    const { keyType, encrypt, decrypt, wrap, unwrap } = await key.object.get([
      "keyType",
      "encrypt",
      "decrypt",
      "wrap",
      "unwrap",
    ]);
    assertEquals([keyType, encrypt, decrypt, wrap, unwrap], [CKK.AES, true, false, false, false]);
    await assertRejects(
      () => key.object.getAttributes([CKA.VALUE]).then((read) => read.get("value")!.length),
      TypeError,
    );
  });

  it("gives random values of the token, as the Web's Crypto does", async () => {
    const crypto = await tokenCrypto(token.slot, { pin: token.token.userPin, sessions: 1 });
    const random = crypto.getRandomValues(new Uint32Array(8));
    assert(random.some((each) => each !== 0));
    assertMatch(crypto.randomUUID(), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const names = [new Float32Array(1), new Uint8Array(65_537)].map((array) => {
      try {
        return crypto.getRandomValues(array).length;
      } catch (error) {
        return [(error as Error).name, (error as Error).constructor.name];
      }
    });
    // Web IDL has a class for it, which not every runtime has yet.
    const quota = "QuotaExceededError" in globalThis ? "QuotaExceededError" : "DOMException";
    assertEquals(names, [["TypeMismatchError", "DOMException"], ["QuotaExceededError", quota]]);
    assertThrows(() => crypto.getRandomValues([1] as unknown as Uint8Array), TypeError);
    const taken = new Uint8Array(8);
    structuredClone(taken.buffer, { transfer: [taken.buffer] });
    assertEquals(crypto.getRandomValues(taken).length, 0);
    const nameless = { name: Object.create(null) };
    await assertRejects(
      () => crypto.subtle.digest(nameless, data),
      TypeError,
      "Cannot use the name of an algorithm: expected text",
    );
    await crypto.close();
    await crypto.close();
    assertEquals(await nameOf(() => crypto.subtle.digest("SHA-256", data)), "InvalidStateError");
    assertEquals(await nameOf(() => crypto.key({ label: "closed" })), "InvalidStateError");
    assertThrows(() => crypto.getRandomValues(new Uint8Array(1)), DOMException, "closed");
  });

  it("does what one session allows, one call after another", async () => {
    const crypto = await tokenCrypto(token.slot, { pin: token.token.userPin, sessions: 1 });
    const { privateKey } = await crypto.subtle.generateKey(p256, true, ["sign"]);
    const open = await native.generateKey(p256, true, ["sign", "verify"]);
    const done = await Promise.all([
      ...Array.from({ length: 4 }, () => crypto.subtle.sign(sha256, privateKey, data)),
      crypto.subtle.sign(sha256, open.privateKey, data),
      crypto.subtle.exportKey("jwk", privateKey),
    ]);
    assertEquals(done.length, 6);
    await crypto.close();
  });

  it("is told how to give a PIN where the token wants one and there is none", async () => {
    // Nobody is logged in to this one.
    await using crypto = await tokenCrypto(findSlot(token.module, other.label), { readWrite: true });
    const making = () => crypto.subtle.generateKey({ ...p256, token: { token: true } }, false, ["sign", "verify"]);
    const error = await assertRejects(making, DOMException, "Give the PIN with the slot: tokenCrypto(slot, { pin })");
    assertEquals((error.cause as Pkcs11Error).ckr, "CKR_USER_NOT_LOGGED_IN");
  });

  it("refuses what is no slot, no number of sessions and a wrong PIN, which it tries once", async () => {
    await assertRejects(() => tokenCrypto({} as never), TypeError, "expected a Slot");
    await assertRejects(() => tokenCrypto(token.slot, { sessions: 0 }), RangeError);
    // It would be opened without a login.
    const misspelt = { pim: token.token.userPin } as never;
    await assertRejects(() => tokenCrypto(token.slot, misspelt), TypeError, 'no option "pim"; did you mean "pin"?');
    // Nobody is logged in to this one.
    await assertRejects(() => tokenCrypto(findSlot(token.module, other.label), { pin: "9999" }), Pkcs11Error, "PIN");
    for (const signal of [{}, false, 0, ""] as never[]) {
      await assertRejects(() => tokenCrypto(token.slot, { signal }), TypeError, "not an AbortSignal");
    }
    await (await tokenCrypto(token.slot, { signal: null })).close();
  });

  it("is not opened when it is aborted, before or while somebody is asked for the PIN", async () => {
    const slot = findSlot(token.module, other.label);
    const reason = new Error("no");
    const unasked = () => assert(false, "asked for a PIN");
    const before = { pin: unasked, signal: AbortSignal.abort(reason) } as never;
    assertEquals(await assertRejects(() => tokenCrypto(slot, before)), reason);
    const controller = new AbortController();
    const answer = Promise.withResolvers<string>();
    const pin = () => {
      controller.abort(reason);
      return answer.promise;
    };
    assertEquals(await assertRejects(() => tokenCrypto(slot, { pin, signal: controller.signal })), reason);
    answer.resolve(other.userPin);
    // What the late answer has opened is closed: the token is as nobody had asked.
    for (let turn = 0; (await slot.tokenInfo()).sessionCount !== 0 && turn < 1000; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await using crypto = await tokenCrypto(slot, { readWrite: true });
    await assertRejects(
      () => crypto.subtle.generateKey({ ...p256, token: { token: true } }, false, ["sign"]),
      DOMException,
    );
  });
});
