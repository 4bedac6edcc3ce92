import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKA, CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import type { TemplateInput } from "../../../session/attributes/attributes_init.ts";
import { Pkcs11Error, SessionClosedError } from "../../../session/errors.ts";
import { aesKeyWrap, ecdh1 } from "../../../session/mechanisms/mod.ts";
import { Pkcs11Uri } from "../../../session/uri/mod.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { P256, TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const value = Uint8Array.of(1, 2, 3, 4);

describe("Objects of a session", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  const create = (label: string, more = {}) =>
    on.session.createObject({ class: CKO.DATA, token: false, private: false, label, value, ...more });

  it("an object that is created has the attributes it was given", { skip }, async () => {
    const object = await create("first", { application: "tests" });
    const read = await object.get(["class", "label", "application", "value", "token"]);
    assertEquals(read, { class: CKO.DATA, label: "first", application: "tests", value, token: false });
    assertEquals(object.getSync([CKA.LABEL])[CKA.LABEL], "first");
    assertEquals(await object.size(), object.sizeSync());
    await object.destroy();
    const error = await assertRejects(() => object.get(["label"]), Pkcs11Error);
    assertEquals(error.code, CKR.OBJECT_HANDLE_INVALID);
  });

  it("finding gives the matching objects with what is to be read, and nothing is no error", { skip }, async () => {
    const made = await Promise.all(["a", "b", "c"].map((name) => create(`find ${name}`, { application: "find" })));
    const found = await on.session.findObjects({ application: "find" }, { read: ["label", "value"] });
    assertEquals(found.length, 3);
    assertEquals(found.map((object) => object.attributes!.get("label")).sort(), ["find a", "find b", "find c"]);
    assert(found.every((object) => made.some((other) => other.equals(object))));
    const handles = found.map((object) => object.handle);
    assertEquals(on.session.findObjectsSync({ application: "find" }).map((object) => object.handle), handles);
    assertEquals(await on.session.findObjects({ label: "nobody" }), []);
    for (const object of made) object.destroySync();
  });

  it("a thousand objects are found with their attributes, both ways alike", { skip }, async () => {
    for (let i = 0; i < 1000; i++) {
      on.session.createObjectSync({
        class: CKO.DATA,
        token: false,
        private: false,
        application: "many",
        label: `${i}`,
      });
    }
    const read = ["label", "application", "value"] as const;
    const inPlace = on.session.findObjectsSync({ application: "many" }, { read });
    const onWorker = await on.session.findObjects({ application: "many" }, { read });
    assertEquals(inPlace.length, 1000);
    assertEquals(onWorker.map(({ handle }) => handle), inPlace.map(({ handle }) => handle));
    assertEquals(
      onWorker.map(({ attributes }) => attributes!.get("label")),
      inPlace.map(({ attributes }) => attributes!.get("label")),
    );
    assertEquals(new Set(onWorker.map(({ attributes }) => attributes!.get("label"))).size, 1000);
    for (const object of inPlace) object.destroySync();
  });

  it("any call works inside a loop over objects, and leaving it early leaves nothing open", { skip }, async () => {
    const made = await Promise.all([1, 2, 3].map((i) => create(`loop ${i}`, { application: "loop" })));
    const labels: string[] = [];
    for await (const object of on.session.objects({ application: "loop" }, { read: ["label"] })) {
      labels.push(object.attributes!.get("label")!);
      assertEquals((await on.session.findObjects({ application: "loop" })).length, 3);
      assertEquals((await on.session.digest(CKM.SHA256, value)).length, 32);
    }
    assertEquals(labels.length, 3);
    for await (const object of on.session.objects({ application: "loop" })) {
      assert(object.handle > 0n);
      break;
    }
    for (const object of on.session.objectsSync({ application: "loop" })) {
      assertEquals(on.session.findObjectsSync({ application: "loop" }).length, 3);
      assert(object.handle > 0n);
      break;
    }
    // Objects that vanish while the loop runs are passed over.
    let seen = 0;
    for await (const _ of on.session.objects({ application: "loop" }, { read: ["label"] })) {
      if (seen++ === 0) { for (const object of made.slice(1)) await object.destroy(); }
    }
    assertEquals(seen, 1);
    await made[0]!.destroy();
  });

  it("attributes that are missing or sensitive have no value and say why", { skip }, async () => {
    const key = await on.session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, token: false, sensitive: true });
    const attributes = await key.getAttributes(["value", "modulus", "keyType", "label"]);
    assertEquals(attributes.get("value"), undefined);
    assertEquals(attributes.state("value"), "sensitive");
    assertEquals(attributes.state("modulus"), "invalid");
    assertEquals(attributes.get("keyType"), CKK.AES);
    assertEquals(attributes.state("label"), "empty");
    assertEquals(await key.get(["value"]), { value: undefined });
  });

  it("attributes are changed, and a change that is refused is told", { skip }, async () => {
    const object = await create("before");
    await object.set({ label: "after" });
    assertEquals(object.getSync(["label"]), { label: "after" });
    object.setSync({ label: "again" });
    assertEquals(await object.get(["label"]), { label: "again" });
    const error = await assertRejects(() => object.set({ class: CKO.CERTIFICATE }), Pkcs11Error);
    assertEquals(error.fn, "C_SetAttributeValue");
    await object.destroy();
  });

  it("what objects are looked for by is checked and copied when the walk is asked for", { skip }, async () => {
    const made = [await create("walk a"), await create("walk b")];
    const template = { label: "walk a" };
    const walks = [on.session.objects(template), on.session.objectsSync(template)] as const;
    template.label = "walk b";
    assertEquals((await walks[0].next()).value?.getSync(["label"]).label, "walk a");
    assertEquals(walks[1].map((object) => object.getSync(["label"]).label).toArray(), ["walk a"]);
    await walks[0].return();
    for (const wrong of [{ lable: "a" }, new Map([["label", "a"]]), new Date()] as unknown[] as TemplateInput[]) {
      assertThrows(() => on.session.objects(wrong), TypeError);
      assertThrows(() => on.session.objectsSync(wrong), TypeError);
    }
    for (const object of made) object.destroySync();
  });

  it(
    "what was read of an object finds it again, and what was not read finds nothing by mistake",
    { skip },
    async () => {
      const made = [
        await create("again a", { application: "again" }),
        await create("again b", { application: "again" }),
      ];
      const read = await made[1]!.getAttributes(["label", "application"]);
      const found = await on.session.findObjects(read);
      assertEquals(found.map(({ handle }) => handle), [made[1]!.handle]);
      assertEquals((await on.session.findObject(read)).handle, made[1]!.handle);
      const without = await made[1]!.getAttributes(["label", "keyType"]);
      await assertRejects(() => on.session.findObjects(without), TypeError, "keyType: it was read without a value");
      for (const object of made) object.destroySync();
    },
  );

  it("an object is copied with other attributes", { skip }, async () => {
    const object = await create("original");
    const copy = await on.session.copyObject(object, { label: "copy" });
    assertEquals(await copy.get(["label", "value"]), { label: "copy", value });
    assertFalse(copy.equals(object));
    const second = on.session.copyObjectSync(object, { label: "second" });
    for (const each of [object, copy, second]) await each.destroy();
  });

  it("an object is copied as it is where no attribute is to be another", { skip }, async () => {
    const object = await create("original");
    const copies = [await on.session.copyObject(object, {}), on.session.copyObjectSync(object, {})];
    for (const copy of copies) {
      assert(copy.handle !== object.handle);
      assertEquals((await copy.get(["label"])).label, "original");
      await copy.destroy();
    }
    await object.destroy();
  });

  it("a long value is read whole", { skip }, async () => {
    const long = new Uint8Array(100_000).map((_, i) => i);
    const object = await create("long", { value: long });
    assertEquals((await object.get(["value"])).value, long);
    assertEquals(on.session.findObjectsSync({ label: "long" }, { read: ["value"] })[0]!.attributes!.get("value"), long);
    await object.destroy();
  });

  it("values of very different lengths are all found", { skip }, async () => {
    const long = (i: number) => i >= 12 && i % 3 === 0;
    const made = [];
    for (let i = 0; i < 60; i++) {
      const bytes = new Uint8Array(long(i) ? 300 + 100 * i : i).fill(i);
      made.push(await create(`${"lengths ".repeat(long(i) ? 12 : 1)}${i}`, { application: "lengths", value: bytes }));
    }
    const read = ["label", "value", "application", "token"] as const;
    const found = on.session.findObjectsSync({ application: "lengths" }, { read });
    const later = await on.session.findObjects({ application: "lengths" }, { read });
    // What no data object has makes every call answer that something is missing.
    const missing = on.session.findObjectsSync({ application: "lengths" }, { read: [...read, "id"] });
    await made.pop()!.destroy();
    for (const objects of [found, later, missing]) {
      const seen = objects.map(({ attributes }) => attributes!.pick(read))
        .sort((a, b) => Number(a.label!.split(" ").at(-1)) - Number(b.label!.split(" ").at(-1)));
      assertEquals(seen.length, 60);
      seen.forEach((values, i) => {
        assertEquals(values.label, `${"lengths ".repeat(long(i) ? 12 : 1)}${i}`);
        assertEquals(values.value, new Uint8Array(long(i) ? 300 + 100 * i : i).fill(i));
        assertEquals([values.application, values.token], ["lengths", false]);
      });
    }
    for (const object of made) await object.destroy();
  });

  it("an object's URI names it", { skip }, async () => {
    const object = await create("named ü", {});
    const uri = Pkcs11Uri.parse(await object.uri());
    assertEquals(uri.object, "named ü");
    assertEquals(uri.token, on.token.label);
    assertEquals(uri.type, "data");
    assertEquals(object.uriSync(), uri.format());
    await object.destroy();
  });

  it("an object of a closed session fails with SessionClosedError", { skip }, async () => {
    const session = await on.another();
    const object = await session.createObject({ class: CKO.DATA, token: false, private: false, label: "short" });
    await session.close();
    await assertRejects(() => object.get(["label"]), SessionClosedError);
    assertThrows(() => object.destroySync(), SessionClosedError);
  });
});

describe("Keys of a session", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("a key is wrapped by one and unwrapped to the same", { skip }, async () => {
    const usage = { token: false, wrap: true, unwrap: true };
    const wrapping = await on.session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, ...usage });
    const key = await on.session.generateKey(CKM.AES_KEY_GEN, {
      valueLen: 16,
      token: false,
      extractable: true,
      sensitive: false,
    });
    const wrapped = await on.session.wrapKey(wrapping, aesKeyWrap(), key);
    assertEquals(wrapped.length, 24);
    assertEquals(on.session.wrapKeySync(wrapping, aesKeyWrap(), key), wrapped);
    const attributes = { class: CKO.SECRET_KEY, keyType: CKK.AES, token: false, extractable: true, sensitive: false };
    const again = await on.session.unwrapKey(wrapping, aesKeyWrap(), wrapped, attributes);
    assertEquals(await again.get(["value"]), await key.get(["value"]));
    const inPlace = on.session.unwrapKeySync(wrapping, aesKeyWrap(), wrapped, attributes);
    assertEquals(inPlace.getSync(["value"]), key.getSync(["value"]));
  });

  it("both sides of ECDH derive the same secret, and WebCrypto too", { skip }, async () => {
    const derive = { token: false, derive: true };
    const pair = () => on.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { ecParams: P256, ...derive }, derive);
    const [ours, theirs] = [await pair(), await pair()];
    const attributes = {
      class: CKO.SECRET_KEY,
      keyType: CKK.GENERIC_SECRET,
      valueLen: 32,
      token: false,
      sensitive: false,
      extractable: true,
    };
    const point = async (of: typeof ours) => (await of.publicKey.get(["ecPoint"])).ecPoint!.subarray(2);
    const one = await on.session.deriveKey(ours.privateKey, ecdh1({ public: await point(theirs) }), attributes);
    const two = on.session.deriveKeySync(theirs.privateKey, ecdh1({ public: await point(ours) }), attributes);
    assertEquals(await one.get(["value"]), await two.get(["value"]));
    const web = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, [
      "deriveBits",
    ]) as CryptoKeyPair;
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", web.publicKey));
    const shared = on.session.deriveKeySync(ours.privateKey, ecdh1({ public: raw }), attributes);
    const ourKey = await crypto.subtle.importKey(
      "raw",
      await point(ours),
      { name: "ECDH", namedCurve: "P-256" },
      true,
      [],
    );
    const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: ourKey }, web.privateKey, 256);
    assertEquals(shared.getSync(["value"]).value, new Uint8Array(bits));
  });

  it("functions the module lacks are reported, never called", { skip }, async () => {
    const { publicKey, privateKey } = await on.ecPair();
    const attributes = { class: CKO.SECRET_KEY, keyType: CKK.AES, token: false };
    for (
      const call of [
        () => on.session.encapsulateKey(publicKey, CKM.ML_KEM, attributes),
        () => on.session.decapsulateKey(privateKey, CKM.ML_KEM, value, attributes),
        () => on.session.encryptMessage(publicKey, CKM.AES_GCM, value),
        () => on.session.wrapKey(publicKey, CKM.AES_GCM, publicKey, { associatedData: value }),
      ]
    ) {
      const error = await assertRejects(call, Pkcs11Error);
      assertEquals(error.code, CKR.FUNCTION_NOT_SUPPORTED);
    }
  });

  it("random bytes come in the length asked for", { skip }, async () => {
    assertEquals((await on.session.generateRandom(0)).length, 0);
    const random = await on.session.generateRandom(100_000);
    assertEquals(random.length, 100_000);
    assert(new Set(random).size > 200);
    await on.session.seedRandom(value);
    on.session.seedRandomSync(value);
    assertThrows(() => on.session.generateRandomSync(-1), RangeError);
    await assertRejects(() => on.session.generateRandom(1.5), RangeError);
  });
});
