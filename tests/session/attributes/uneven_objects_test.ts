import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKA, CKM, CKR } from "../../../ffi/constants/mod.ts";
import type { Attributes } from "../../../session/attributes/attributes.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const read = ["label", "id", "value", "class", "application", "allowedMechanisms"] as const;
/** What the module in strict_module.c makes of an object's number and an attribute's type. */
const lengths = [0, 1, 6, 31, 32, 33, 100, 700, 3000, 66_000, -1, -1, 12, 12, 12, 12];

function lengthOf(object: number, type: number): number {
  if (type === CKA.CLASS) return 8;
  return object % 64 < 16 ? 12 : lengths[(object * 31 + type * 7 + Math.floor(object * type / 8)) % 16]!;
}

function bytesOf(object: number, type: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => 32 + (object * 5 + type + at) % 90);
}

function ulongs(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length >> 3 }, (_, index) => view.getBigUint64(index * 8, true));
}

/** The state of an attribute and its value as text, of numbers or bytes. */
function expected(object: number, name: typeof read[number], length: number): [string, string] {
  if (name === "class") return ["ok", String(object % 256)];
  if (length < 0) return [name === "value" ? "sensitive" : "invalid", "undefined"];
  const type = { label: CKA.LABEL, id: CKA.ID, value: CKA.VALUE, application: CKA.APPLICATION }[name as "label"] ??
    CKA.ALLOWED_MECHANISMS;
  if (name === "allowedMechanisms" && length % 8 !== 0) return ["error", "undefined"];
  const bytes = bytesOf(object, type, length);
  const text = name === "id" || name === "value"
    ? bytes.join()
    : name === "allowedMechanisms"
    ? ulongs(bytes).join()
    : new TextDecoder().decode(bytes);
  return [length === 0 ? "empty" : "ok", text];
}

const types = { label: CKA.LABEL, id: CKA.ID, value: CKA.VALUE, class: CKA.CLASS, application: CKA.APPLICATION };

function typeOf(name: typeof read[number]): number {
  return name === "allowedMechanisms" ? CKA.ALLOWED_MECHANISMS : types[name];
}

function seen(attributes: Attributes): [string, string][] {
  // By number: these are arbitrary bytes, and what is above 2^53 is a bigint there alone.
  return read.map(typeOf).map((type) => [attributes.state(type), String(attributes.get(type))]);
}

describe("Objects whose attributes have nothing in common", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;

  before(async () => {
    if (skip) return;
    ({ strict, module, session } = await openStrictToken("2.40"));
  });
  afterEach(() => {
    if (skip) return;
    assertEquals(strict.active, 0);
    assertEquals(strict.overlaps, 0);
    strict.reset();
  });
  after(() => module?.close());

  const present = (count: number) => Array.from({ length: count }, (_, i) => i + 1).filter((o) => o % 13 !== 5);

  const answers: Record<string, [uneven: number, habits: number]> = {
    "sizes": [1, 0],
    "CKR_OK for what did not fit": [2, 0],
    "CKR_OK without a length for what did not fit": [3, 0],
    "pValue set to NULL where something is missing": [1, 1],
    "ulValueLen left as it was where the value fits": [1, 2],
    "both": [1, 3],
  };
  for (const [name, [uneven, habits]] of Object.entries(answers)) {
    it(`are read as each of them is alone: ${name}`, { skip }, async () => {
      strict.set("uneven", uneven);
      strict.set("habits", habits);
      strict.set("objects", 90);
      const inPlace = session.findObjectsSync({}, { read });
      const onWorker = await session.findObjects({}, { read });
      assertEquals(inPlace.map(({ handle }) => Number(handle)), present(90));
      for (const found of [inPlace, onWorker]) {
        for (const { handle, attributes } of found) {
          const object = Number(handle);
          const wanted = read.map((name) => expected(object, name, lengthOf(object, typeOf(name))));
          assertEquals(seen(attributes!), wanted, `object ${object}`);
        }
      }
      for (const object of inPlace.filter((_, index) => index % 7 === 0)) {
        assertEquals(seen(object.getAttributesSync(read)), seen(object.attributes!), `object ${object.handle}`);
      }
    });
  }

  for (const [name, uneven, others] of [["grow", 4, [40, 80, 120, 160]], ["vanish", 5, []]] as const) {
    it(`give values of their own where they ${name} from call to call`, { skip }, async () => {
      strict.set("uneven", uneven);
      strict.set("objects", 90);
      const found = [...session.findObjectsSync({}, { read }), ...await session.findObjects({}, { read })];
      assertEquals(found.length, 2 * present(90).length);
      for (const { handle, attributes } of found) {
        const object = Number(handle);
        for (const name of read) {
          const length = lengthOf(object, typeOf(name));
          const possible = length < 0 ? [length] : [length, 0, ...others.map((more) => length + more)];
          const state = attributes!.state(name);
          const value = String(attributes!.get(name));
          // A value that grew each time it was read is given up, and so is one whose length cannot be.
          if (state === "error") continue;
          assert(
            possible.some((length) => expected(object, name, length)[1] === value),
            `${name} of ${object}: ${state}`,
          );
        }
      }
    });
  }

  it("stay as they were read, whatever is done before somebody looks", { skip }, async () => {
    strict.set("uneven", 1);
    strict.set("objects", 60);
    const mine = await Module.load(strict.path, { managed: false });
    const opened = await (await mine.slots())[0]!.openSession();
    const found = [...opened.findObjectsSync({}, { read }), ...await opened.findObjects({}, { read })];
    const first = found.map(({ attributes }) => attributes!.get("label"));
    for (let i = 0; i < 200; i++) opened.digestSync(CKM.SHA256, new Uint8Array(i * 40).fill(i));
    await Promise.all(Array.from({ length: 40 }, () => opened.findObjects({}, { read: ["id", "value"] })));
    await opened.close();
    await mine.close();
    found.forEach(({ handle, attributes }, index) => {
      const object = Number(handle);
      const wanted = read.map((name) => expected(object, name, lengthOf(object, typeOf(name))));
      assertEquals([attributes!.get("label"), seen(attributes!)], [first[index], wanted], `object ${object}`);
      assertEquals([...attributes!].map(({ name }) => name), [...read]);
      assertEquals([attributes!.size, attributes!.has("id"), attributes!.has("modulus")], [read.length, true, false]);
      // Nothing of the memory below is to be seen from outside.
      assertEquals(Object.keys(attributes!), []);
      const names = Object.keys(JSON.parse(JSON.stringify(attributes)));
      assertEquals(names.filter((name) => !(read as readonly string[]).includes(name)), []);
      assertEquals(structuredClone({ ...attributes }), {});
    });
  });

  it("leave the session usable when reading fails half way", { skip }, async () => {
    strict.set("uneven", 1);
    strict.set("objects", 90);
    const all = session.findObjectsSync({}, { read }).map(({ attributes }) => seen(attributes!));
    for (const after of [0, 1, 3, 4, 20, 40]) {
      for (const run of [() => session.findObjectsSync({}, { read }), () => session.findObjects({}, { read })]) {
        strict.fail("C_GetAttributeValue", CKR.DEVICE_REMOVED, { after });
        const error = await assertRejects(async () => await run(), Pkcs11Error);
        assertEquals([error.fn, error.code], ["C_GetAttributeValue", CKR.DEVICE_REMOVED]);
        // What says nothing of the token is mended by reading one by one.
        strict.fail("C_GetAttributeValue", CKR.DEVICE_ERROR, { after });
        assertEquals((await run()).map(({ attributes }) => seen(attributes!)), all);
      }
    }
    assertEquals(session.findObjectsSync({}, { read }).map(({ attributes }) => seen(attributes!)), all);
  });

  it("can be aborted while they are read", { skip }, async () => {
    strict.set("uneven", 1);
    strict.set("objects", 60);
    for (let round = 0; round < 3; round++) {
      const controller = new AbortController();
      const reason = new Error("enough");
      strict.block("C_GetAttributeValue");
      const pending = session.findObjects({}, { read, signal: controller.signal });
      await strict.blocked();
      controller.abort(reason);
      assertStrictEquals(await assertRejects(() => pending), reason);
      strict.release();
      await session.idle();
    }
    assertEquals((await session.findObjects({}, { read })).length, present(60).length);
  });
});

describe("Calls that look like one made before", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  let key: Pkcs11Object;

  before(async () => {
    if (skip) return;
    ({ strict, module, session, key } = await openStrictToken("2.40"));
  });
  afterEach(() => strict?.reset());
  after(() => module?.close());

  it("are written whole where the memory was used since by calls that failed", { skip }, async () => {
    const inputs = [new Uint8Array(200).fill(0xee), new Uint8Array(32).fill(0xdd), new Uint8Array(200).fill(0xcc)];
    for (const data of inputs) {
      session.signSync(key, CKM.SHA256_HMAC, data);
      await session.sign(key, CKM.SHA256_HMAC, data);
      strict.fail("C_SignInit", CKR.OPERATION_ACTIVE, { after: 1 });
      assertEquals(session.signManySync(key, CKM.SHA256_HMAC, inputs).length, 3);
      strict.fail("C_SignInit", CKR.OPERATION_ACTIVE, { after: 1 });
      assertEquals((await session.signMany(key, CKM.SHA256_HMAC, inputs)).length, 3);
    }
  });

  it("keep to themselves what they work with while a callback of theirs makes others", { skip }, async () => {
    strict.set("alwaysAuthenticate", 1);
    const sessions = await Promise.all(Array.from({ length: 7 }, () => session.slot.openSession()));
    const cipher = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };
    const results: Uint8Array[] = [];
    const encrypt = (depth: number) => {
      const [own] = sessions[depth]!.findObjectsSync();
      results[depth] = sessions[depth]!.encryptSync(own!, cipher, new Uint8Array(48).fill(depth));
    };
    // One question for a PIN of a token is open at a time: the calls of its callback are of keys that ask for none.
    module.autoAuthenticate = {
      objects: () => {
        strict.set("alwaysAuthenticate", 0);
        for (let depth = 1; depth < sessions.length; depth++) encrypt(depth);
        strict.set("alwaysAuthenticate", 1);
        return "1234";
      },
    };
    try {
      encrypt(0);
    } finally {
      module.autoAuthenticate = null;
    }
    results.forEach((result, index) => assertEquals(result, new Uint8Array(48).fill(index ^ 0x5a)));
    assertEquals(results.length, sessions.length);
    for (const each of sessions) await each.close();
  });

  it("are refused as the first one would be", { skip }, async () => {
    const data = new Uint8Array(32).fill(7);
    const into = new Uint8Array(64);
    const reason = new Error("no more");
    const refused: [make: () => unknown, message: string][] = [
      [() => session.signSync(null as never, CKM.SHA256_HMAC, data), "the key is no Pkcs11Object"],
      [() => session.signSync(key, CKM.SHA256_HMAC, data, { into: new Uint8Array(4) }), "into has room for 4"],
      [() => session.signSync(key, CKM.SHA256_HMAC, data, { into: [] as never }), "expected a Uint8Array"],
      [() => session.signSync(key, CKM.SHA256_HMAC, "text" as never), "expected bytes"],
      [
        () => session.signSync(key, CKM.SHA256_HMAC, data, { signal: {} as never }),
        "options.signal is an object, not an AbortSignal",
      ],
      [() => session.signSync(key, CKM.SHA256_HMAC, data, { signal: AbortSignal.abort(reason) }), "no more"],
    ];
    const signature = session.signSync(key, CKM.SHA256_HMAC, data);
    for (const [make, message] of refused) {
      assertThrows(make, Error, message);
      assertEquals(session.signSync(key, CKM.SHA256_HMAC, data, { into }), signature.length);
      assertEquals(into.subarray(0, signature.length), signature);
    }
    const waiting = session.sign(key, CKM.SHA256_HMAC, data);
    assertThrows(() => session.signSync(key, CKM.SHA256_HMAC, data), SessionBusyError);
    assertEquals(await waiting, signature);
    const other = await session.slot.openSession();
    const [own] = other.findObjectsSync();
    assertEquals(other.signSync(own!, CKM.SHA256_HMAC, data), signature);
    await other.close();
    assertThrows(() => other.signSync(own!, CKM.SHA256_HMAC, data), SessionClosedError);
  });

  it("give their own results after others of their shape have failed at any point", { skip }, async () => {
    const cipher = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };
    const run = (fill: number) => session.encryptSync(key, cipher, new Uint8Array(48).fill(fill));
    for (let fill = 0; fill < 24; fill++) {
      const failing = [
        () => strict.fail("C_EncryptInit", CKR.DEVICE_ERROR),
        () => strict.fail("C_Encrypt", CKR.DEVICE_ERROR),
        () => strict.set("lie", 100),
        () => strict.set("lie", 2n ** 64n - 1n),
      ][fill % 4]!;
      failing();
      assertThrows(() => run(0xff));
      failing();
      await assertRejects(() => session.encrypt(key, cipher, new Uint8Array(48).fill(0xfe)));
      strict.set("lie", 0);
      assertEquals(run(fill), new Uint8Array(48).fill(fill ^ 0x5a));
      strict.fail("C_Encrypt", CKR.BUFFER_TOO_SMALL);
      assertEquals(run(fill + 1), new Uint8Array(48).fill(fill + 1 ^ 0x5a));
      assertEquals(await session.encrypt(key, cipher, new Uint8Array(48).fill(fill)), run(fill));
    }
  });
});
