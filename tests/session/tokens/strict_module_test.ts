import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { workerPool } from "../../../ffi/workers/worker_pool.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../../../session/errors.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { HABIT, type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const data = new Uint8Array(32).fill(7);
const cipher = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };

/** An operation that is aborted when it asks for a PIN, or at another point of the module's. */
function aborting(): { signal: AbortSignal; abort: () => void; reason: Error } {
  const controller = new AbortController();
  const reason = new Error("enough");
  return { signal: controller.signal, abort: () => controller.abort(reason), reason };
}

for (const version of ["2.40", "3.2"] as const) {
  describe(`Operations that fail or are aborted, on a module of ${version} that follows every rule`, () => {
    let strict: StrictModule;
    let module: Module;
    let session: Session;
    let key: Pkcs11Object;

    before(async () => {
      if (skip) return;
      ({ strict, module, session, key } = await openStrictToken(version));
    });
    afterEach(async () => {
      if (skip) return;
      strict.release();
      await session.idle();
      assertEquals(strict.active, 0, "an operation is still active");
      assertEquals(strict.overlaps, 0, "two calls met");
      strict.reset();
      assertEquals((await session.sign(key, CKM.SHA256_HMAC, data)).length, 64);
      strict.reset();
    });
    after(async () => {
      if (skip) return;
      await module.close();
      assertEquals(strict.sessions, 0);
      assertEquals(strict.overlaps, 0);
    });

    /** Every verb in one piece, in both forms, with its C functions. */
    const verbs = {
      sign: ["Sign", (o?: object) => session.sign(key, CKM.SHA256_HMAC, data, o)],
      verify: ["Verify", (o?: object) => session.verify(key, CKM.SHA256_HMAC, data, data, o)],
      encrypt: ["Encrypt", (o?: object) => session.encrypt(key, cipher, data, o)],
      decrypt: ["Decrypt", (o?: object) => session.decrypt(key, cipher, data, o)],
      digest: ["Digest", (o?: object) => session.digest(CKM.SHA256, data, o)],
    } as const;

    for (const [verb, [stem, run]] of Object.entries(verbs)) {
      const init = `C_${stem}Init` as const;
      const once = `C_${stem}` as const;

      it(`${verb}: a failing ${init} or ${once} is told by its name`, { skip }, async () => {
        for (const fn of [init, once]) {
          strict.fail(fn, CKR.DEVICE_ERROR);
          const error = await assertRejects(() => run(), Pkcs11Error);
          assertEquals([error.fn, error.code], [fn, CKR.DEVICE_ERROR]);
          assertEquals(strict.active, 0);
        }
      });

      it(`${verb}: an operation left active by a failure is ended by the next`, { skip }, async () => {
        strict.set("sticky", 1);
        strict.fail(once, CKR.DEVICE_ERROR);
        await assertRejects(() => run(), Pkcs11Error);
        assertEquals(strict.active, 1);
        strict.set("sticky", 0);
        await run();
        assertEquals(strict.active, 0);
      });

      for (const at of [init, once]) {
        it(`${verb}: aborted in ${at}, the call rejects at once and nothing stays active`, { skip }, async () => {
          const { signal, abort, reason } = aborting();
          strict.block(at);
          const pending = run({ signal });
          await strict.blocked();
          // The module is still held in its call.
          abort();
          assertStrictEquals(await assertRejects(() => pending), reason);
          assertEquals(strict.calls(init), 1);
          strict.release();
          await session.idle();
          assertEquals(strict.calls(once) <= 2, true);
        });
      }
    }

    for (const announce of [1, 0]) {
      const how = announce ? "says how much it wants" : "does not say how much it wants";
      it(`a buffer that is too small grows when the module ${how}`, { skip }, async () => {
        strict.set("announce", announce);
        strict.set("output", 6000);
        const mechanism = CKM.SHA256_HMAC;
        assertEquals((await session.sign(key, mechanism, data)).length, 6000);
        assertEquals(session.signSync(key, mechanism, data).length, 6000);
        assertEquals((await session.signMany(key, mechanism, [data, data]))[1]!.length, 6000);
        assertEquals(session.signManySync(key, mechanism, [data, data])[0]!.length, 6000);
        assertEquals(session.wrapKeySync(key, cipher, key).length, 6000);
        assertEquals(session.getOperationStateSync().length, 6000);
        const encryptor = session.encryptor(key, cipher);
        assertEquals((await encryptor.update(data)).length, 6000);
        assertEquals((await encryptor.final()).length, 6000);
        if (version === "2.40") return;
        assertEquals((await session.encryptMessage(key, cipher, data)).length, 6000);
        assertEquals((await session.encapsulateKey(key, CKM.ML_KEM, {})).ciphertext.length, 6000);
      });
    }

    it("a cipher has room for all that it keeps back, and not for more", { skip }, async () => {
      const kept = new Uint8Array(2 ** 26 + 4096);
      for (const name of ["decryptor", "decryptorSync"] as const) {
        const decryptor = session[name](key, cipher);
        strict.set("habits", HABIT.givesAtTheEnd | HABIT.wantsRoomForAll);
        assertEquals((await decryptor.update(kept)).length, 0);
        assertEquals((await decryptor.update(data)).length, 0);
        assertEquals((await decryptor.final()).length, kept.length + data.length);
        const other = session[name](key, cipher);
        strict.set("output", kept.length);
        await assertRejects(async () => await other.update(data), RangeError, "it wants room for");
        strict.reset();
      }
    });

    it("a buffer that is never large enough is given up", { skip }, async () => {
      strict.fail("C_Sign", CKR.BUFFER_TOO_SMALL, { times: 100 });
      const error = await assertRejects(() => session.sign(key, CKM.SHA256_HMAC, data), Pkcs11Error);
      assertEquals(error.code, CKR.BUFFER_TOO_SMALL);
      assertLess(strict.calls("C_Sign"), 12);
      strict.reset();
      strict.fail("C_GetMechanismList", CKR.BUFFER_TOO_SMALL, { times: 1000 });
      await assertRejects(() => session.slot.mechanisms(), RangeError, "it wants room for");
      strict.fail("C_WrapKey", CKR.BUFFER_TOO_SMALL, { times: 100 });
      await assertRejects(() => session.wrapKey(key, cipher, key), Pkcs11Error);
    });

    it("a length that equals a room which was a guess is asked for", { skip }, async () => {
      strict.set("habits", 8);
      const raw = CKM.RSA_PKCS;
      const results: (() => unknown)[] = [
        () => session.encrypt(key, raw, data),
        () => session.encryptSync(key, raw, data),
        async () => (await session.encryptMany(key, raw, [data, data]))[1],
        () => session.encryptManySync(key, raw, [data])[0],
        () => session.decrypt(key, raw, data),
        () => session.decryptSync(key, raw, data),
      ];
      for (const result of results) assertEquals(await result(), data.map((byte) => byte ^ 0x5a));
      const lengths: [length: number, result: () => Promise<Uint8Array> | Uint8Array][] = [
        [64, () => session.sign(key, CKM.SHA256_HMAC, data)],
        [64, () => session.signSync(key, raw, data)],
        [64, () => session.signManySync(key, CKM.SHA256_HMAC, [data, data])[1]!],
        [32, () => session.digestSync(CKM.SHA256, data)],
        [32, () => session.digestManySync(CKM.SHA256, [data])[0]!],
        [40, () => session.wrapKey(key, cipher, key)],
        [16, () => session.getOperationState()],
      ];
      for (const [length, result] of lengths) assertEquals((await result()).length, length);
      // Twice, as a layout that is kept would serve it.
      assertEquals(session.signSync(key, raw, data), session.signSync(key, raw, data));
      assertEquals(strict.active, 0);
    });

    it("a list is asked for its length before more is guessed", { skip }, async () => {
      const mechanisms = await session.slot.mechanisms();
      const before = strict.calls("C_GetMechanismList");
      strict.fail("C_GetMechanismList", CKR.BUFFER_TOO_SMALL);
      assertEquals(await session.slot.mechanisms(), mechanisms);
      assertEquals(strict.calls("C_GetMechanismList") - before, 3);
      // A number that equals the room may be the room.
      strict.set("lie", 512);
      assertEquals(session.slot.mechanismsSync().length, 512);
      strict.reset();
      strict.set("lie", 2n ** 21n);
      assertThrows(() => session.slot.mechanismsSync(), RangeError, `${2 ** 21} entries`);
    });

    for (const lie of [5000n, 2n ** 40n, 2n ** 64n - 1n, 2n ** 63n]) {
      it(`a length of ${lie} that cannot be is an error, not memory of others`, { skip }, async () => {
        strict.set("lie", lie);
        const refused = (call: () => Promise<unknown>) =>
          assertRejects(call, RangeError, "Cannot use the module's answer");
        await refused(() => session.sign(key, CKM.SHA256_HMAC, data));
        if (lie > 100_000n) await refused(() => session.encrypt(key, cipher, new Uint8Array(90_000)));
        await refused(() => session.digestMany(CKM.SHA256, [data, data]));
        await refused(() => session.wrapKey(key, cipher, key));
        await refused(() => session.findObjects());
        await refused(() => module.slots());
        await refused(() => session.slot.mechanisms());
        const { label } = await key.get(["label", "class", "wrapTemplate"]).catch((error) => {
          assert(error instanceof RangeError);
          return { label: undefined };
        });
        // A length that can be is believed, and what the module has not written is zero.
        assertEquals(label?.replaceAll("\0", "") ?? "", "");
        assertEquals(strict.active, 0);
      });
    }

    it("a search that fails or is aborted is ended exactly once", { skip }, async () => {
      strict.fail("C_FindObjects", CKR.DEVICE_ERROR, { after: 1 });
      await assertRejects(() => session.findObjects(), Pkcs11Error);
      assertEquals([strict.active, strict.calls("C_FindObjectsFinal")], [0, 1]);
      for (const at of ["C_FindObjectsInit", "C_FindObjects"] as const) {
        strict.reset();
        const { signal, abort } = aborting();
        strict.block(at);
        const pending = session.findObjects({}, { signal });
        await strict.blocked();
        abort();
        await assertRejects(() => pending, Error, "enough");
        strict.release();
        await session.idle();
        assertEquals([strict.active, strict.calls("C_FindObjectsFinal")], [0, 1], at);
      }
      strict.reset();
      // The last answer is empty: what is left to do when the abort comes is the end alone.
      const { signal, abort } = aborting();
      strict.set("objects", 0);
      strict.block("C_FindObjects");
      const pending = session.findObjects({}, { signal });
      await strict.blocked();
      abort();
      await assertRejects(() => pending, Error, "enough");
      strict.release();
      await session.idle();
      assertEquals([strict.active, strict.calls("C_FindObjectsFinal")], [0, 1]);
    });

    it("a login for one use that is declined, fails or is aborted ends the operation", { skip }, async () => {
      strict.set("alwaysAuthenticate", 1);
      const sign = async (answer: () => string | null, options: object = {}) => {
        module.autoAuthenticate = { objects: answer };
        const [fresh] = await session.findObjects();
        return session.sign(fresh!, CKM.SHA256_HMAC, data, options);
      };
      try {
        assertEquals((await sign(() => "1234")).length, 64);
        assertEquals((await assertRejects(() => sign(() => null), Pkcs11Error)).code, CKR.FUNCTION_CANCELED);
        assertEquals(strict.active, 0);
        strict.fail("C_Login", CKR.PIN_LOCKED);
        assertEquals((await assertRejects(() => sign(() => "1234"), Pkcs11Error)).code, CKR.PIN_LOCKED);
        assertEquals(strict.active, 0);
        const { signal, abort } = aborting();
        strict.block("C_Login");
        const pending = sign(() => "1234", { signal });
        await strict.blocked();
        abort();
        await assertRejects(() => pending, Error, "enough");
        strict.release();
        await session.idle();
        assertEquals(strict.active, 0);
      } finally {
        module.autoAuthenticate = null;
      }
    });

    it("parts that fail, are aborted or are left are ended, in both forms", { skip }, async () => {
      const [other] = await module.slots();
      for (const fn of ["C_SignInit", "C_SignUpdate", "C_SignFinal"] as const) {
        const signer = session.signer(key, CKM.SHA256_HMAC);
        strict.fail(fn, CKR.DEVICE_ERROR);
        await assertRejects(async () => void (await signer.update(data), await signer.final()), Pkcs11Error, fn);
        assertEquals(strict.active, 0, fn);
        const inPlace = session.signerSync(key, CKM.SHA256_HMAC);
        strict.fail(fn, CKR.DEVICE_ERROR);
        assertThrows(() => void (inPlace.update(data), inPlace.final()), Pkcs11Error, fn);
        assertEquals(strict.active, 0, fn);
      }
      const left = session.encryptorSync(key, cipher);
      left.update(data);
      assertEquals(strict.active, 1);
      left.close();
      assertEquals(strict.active, 0);
      const { signal, abort } = aborting();
      const verifier = session.verifier(key, CKM.SHA256_HMAC);
      await verifier.update(data);
      strict.block("C_VerifyUpdate");
      const pending = verifier.update(data, { signal });
      await strict.blocked();
      // The module is still held in its call.
      abort();
      await assertRejects(() => pending, Error, "enough");
      strict.release();
      await session.idle();
      assertEquals(strict.active, 0);
      assert(other);
    });

    it("parts in place go on after a call in between was refused", { skip }, async () => {
      const digester = session.digesterSync(CKM.SHA256);
      strict.block("C_GenerateRandom");
      const pending = session.generateRandom(8);
      await strict.blocked();
      assertThrows(() => digester.update(data), SessionBusyError);
      strict.release();
      await pending;
      digester.update(data);
      assertEquals(digester.final().length, 32);
    });

    it("many inputs: a failure in the middle ends its operation and names its function", { skip }, async () => {
      strict.fail("C_Sign", CKR.DEVICE_ERROR, { after: 2, times: 9 });
      const inputs = Array.from({ length: 5 }, () => data);
      await assertRejects(() => session.signMany(key, CKM.SHA256_HMAC, inputs), Pkcs11Error, "from C_Sign");
      assertEquals(strict.active, 0);
      strict.reset();
      // Results before it have been taken out by then, while others were made.
      strict.fail("C_Sign", CKR.DEVICE_ERROR, { after: 700, times: 9 });
      const more = Array.from({ length: 1000 }, () => data);
      const error = await assertRejects(() => session.signMany(key, CKM.SHA256_HMAC, more), Pkcs11Error);
      assertEquals([error.index, strict.active], [700, 0]);
      strict.reset();
      const { signal, abort } = aborting();
      strict.block("C_Sign");
      const pending = session.signMany(key, CKM.SHA256_HMAC, inputs, { signal });
      await strict.blocked();
      abort();
      await assertRejects(() => pending, Error, "enough");
      strict.release();
      await session.idle();
      assertLess(strict.calls("C_Sign"), 5);
    });

    it("what an aborted call created is destroyed", { skip }, async () => {
      const live = strict.liveObjects;
      const makers = {
        C_CreateObject: (o: object) => session.createObject({ class: CKO.DATA }, o),
        C_CopyObject: (o: object) => session.copyObject(key, {}, o),
        C_GenerateKey: (o: object) => session.generateKey(CKM.AES_KEY_GEN, {}, o),
        C_GenerateKeyPair: (o: object) => session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, {}, {}, o),
        C_UnwrapKey: (o: object) => session.unwrapKey(key, cipher, data, {}, o),
        C_DeriveKey: (o: object) => session.deriveKey(key, CKM.SHA256_KEY_DERIVATION, {}, o),
        ...(version === "3.2" && {
          C_EncapsulateKey: (o: object) => session.encapsulateKey(key, CKM.ML_KEM, {}, o),
          C_DecapsulateKey: (o: object) =>
            session.decapsulateKey(key, CKM.ML_KEM, Uint8Array.from({ length: 48 }, (_, i) => i), {}, o),
        }),
      };
      for (const [fn, make] of Object.entries(makers)) {
        for (const abort of ["now", "wait"]) {
          const aborted = aborting();
          strict.block(fn as keyof typeof makers);
          const pending = make({ signal: aborted.signal, abort });
          await strict.blocked();
          aborted.abort();
          if (abort === "now") await assertRejects(() => pending, Error, "enough");
          strict.release();
          if (abort === "wait") await assertRejects(() => pending, Error, "enough");
          await session.idle();
          assertEquals(strict.liveObjects, live, `${fn}, abort: ${abort}`);
        }
      }
    });

    it("a worker in a call nobody waits for is replaced; other sessions go on", { skip }, async () => {
      const others = await Promise.all(Array.from({ length: 4 }, () => session.slot.openSession()));
      const stuck = await Promise.all(Array.from({ length: 10 }, () => session.slot.openSession()));
      strict.block("C_Digest");
      const { signal, abort } = aborting();
      const pending = stuck.map((session) => session.digest(CKM.SHA256, data, { signal }));
      const settled = Promise.allSettled(pending);
      await strict.blocked(2);
      abort();
      await settled;
      const signatures = await Promise.all(others.map((other) => other.sign(key, CKM.SHA256_HMAC, data)));
      assertEquals(signatures.map((signature) => signature.length), [64, 64, 64, 64]);
      strict.release();
      for (const each of stuck) {
        await each.idle();
        assertEquals((await each.digest(CKM.SHA256, data)).length, 32);
      }
      await Promise.all([...others, ...stuck].map((each) => each.close()));
    });

    it("a session closed during a call waits for it; so does one whose call was abandoned", { skip }, async () => {
      for (const abandoned of [false, true]) {
        const other = await session.slot.openSession();
        const { signal, abort } = aborting();
        strict.block("C_Sign");
        const pending = other.sign(key, CKM.SHA256_HMAC, data, { signal });
        const outcome = pending.then((bytes) => bytes.length, (error: Error) => error.message);
        await strict.blocked();
        if (abandoned) abort();
        assertThrows(() => other.closeSync(), SessionBusyError);
        let closed = false;
        const closing = other.close().then(() => closed = true);
        await new Promise((resolve) => setTimeout(resolve, 10));
        assertFalse(closed);
        assert(other.closed);
        await assertRejects(() => other.sign(key, CKM.SHA256_HMAC, data), SessionClosedError);
        strict.release();
        await closing;
        assertEquals(await outcome, abandoned ? "enough" : 64);
      }
    });
  });

  describe(`A module of ${version} closed while calls are under way`, () => {
    it("C_Finalize waits for a call of a session, abandoned or not", { skip }, async () => {
      for (const abandoned of [false, true]) {
        const { strict, module, session, key } = await openStrictToken(version);
        const { signal, abort } = aborting();
        strict.block("C_Sign");
        const settled = Promise.allSettled([session.sign(key, CKM.SHA256_HMAC, data, { signal })]);
        await strict.blocked();
        if (abandoned) abort();
        assertThrows(() => module.closeSync(), SessionBusyError);
        const closing = module.close();
        await new Promise((resolve) => setTimeout(resolve, 10));
        assertEquals(strict.calls("C_Finalize"), 0);
        strict.release();
        await closing;
        await settled;
        assertEquals([strict.calls("C_Finalize"), strict.overlaps], [1, 0]);
      }
    });

    it("C_Finalize waits for a call without a session that nobody waits for", { skip }, async () => {
      const { strict, module } = await openStrictToken(version);
      const { signal, abort } = aborting();
      strict.block("C_GetInfo");
      const pending = module.info({ signal });
      await strict.blocked();
      abort();
      await assertRejects(() => pending, Error, "enough");
      assertThrows(() => module.closeSync(), SessionBusyError);
      module[Symbol.dispose]();
      assertEquals(strict.calls("C_Finalize"), 0);
      strict.release();
      await module.close();
      assertEquals([strict.calls("C_Finalize"), strict.overlaps], [1, 0]);
    });

    it("a session that was being opened is closed, and its opener told", { skip }, async () => {
      const { strict, module, session } = await openStrictToken(version);
      strict.block("C_OpenSession");
      const opening = session.slot.openSession();
      const outcome = opening.then(() => "opened", (error: Pkcs11Error) => error.ckr);
      await strict.blocked();
      const closing = module.close();
      strict.release();
      await closing;
      assertEquals(await outcome, "CKR_CRYPTOKI_NOT_INITIALIZED");
      assertEquals([strict.sessions, strict.calls("C_CloseSession"), strict.overlaps], [0, 2, 0]);
    });

    it("a pooled session whose check is aborted is not lost", { skip }, async () => {
      const { strict, module, session } = await openStrictToken(version);
      module.poolSessions = true;
      await session.close();
      assertEquals(strict.sessions, 1);
      const { signal, abort } = aborting();
      strict.block("C_GetSessionInfo");
      const opening = session.slot.openSession({ readWrite: true, signal });
      await strict.blocked();
      abort();
      await assertRejects(() => opening, Error, "enough");
      strict.release();
      while (strict.sessions > 0) await new Promise((resolve) => setTimeout(resolve, 2));
      await module.close();
      assertEquals(strict.overlaps, 0);
    });

    it("8 sessions under load never see two calls meet", { skip }, async () => {
      const { strict, module, session, key } = await openStrictToken(version);
      const sessions = await Promise.all(Array.from({ length: 8 }, () => session.slot.openSession()));
      const calls = Array.from({ length: 400 }, (_, i) => {
        const on = sessions[i % 8]!;
        const signal = i % 7 === 0 ? AbortSignal.timeout(i % 5) : undefined;
        return i % 3 === 0 ? on.findObjects({}, { signal }) : on.sign(key, CKM.SHA256_HMAC, data, { signal });
      });
      const results = await Promise.allSettled(calls);
      assert(results.filter(({ status }) => status === "fulfilled").length >= 300);
      await Promise.all(sessions.map((session) => session.idle()));
      assertEquals([strict.overlaps, strict.active], [0, 0]);
      await module.close();
      assertEquals(strict.overlaps, 0);
    });
  });
}

describe("Functions a module lacks, and those of PKCS#11 3.2", () => {
  after(() => workerPool().close());

  it("an entry that is NULL, or beyond the list, is CKR_FUNCTION_NOT_SUPPORTED", { skip }, async () => {
    await using token = await openStrictToken("2.40");
    const { module, session, key } = token;
    const unsupported = async (fn: string, call: () => Promise<unknown>) => {
      const error = await assertRejects(call, Pkcs11Error);
      assertEquals([error.fn, error.code], [fn, CKR.FUNCTION_NOT_SUPPORTED]);
    };
    await unsupported("C_SignRecover", () => session.signRecover(key, CKM.RSA_PKCS, data));
    await unsupported("C_EncapsulateKey", () => session.encapsulateKey(key, CKM.ML_KEM, {}));
    await unsupported("C_EncryptMessage", () => session.encryptMessage(key, CKM.AES_GCM, data));
    await unsupported("C_GetObjectSize", () => key.size());
    assertEquals(module.interfaceVersion, "2.40");
    assertFalse(module.functions().includes("C_SignRecover"));
    assert(module.functions().includes("C_Sign"));
  });

  it("the functions of 3.2 are found through C_GetInterface and work", { skip }, async () => {
    await using token = await openStrictToken("3.2");
    const { strict, module, session, key } = token;
    assertEquals(module.interfaceVersion, "3.2");
    const { ciphertext, key: secret } = await session.encapsulateKey(key, CKM.ML_KEM, {});
    assertEquals(ciphertext, Uint8Array.from({ length: 48 }, (_, i) => i));
    assert(secret.handle >= 1000n);
    assert((await session.decapsulateKey(key, CKM.ML_KEM, ciphertext, {})).handle > secret.handle);
    assert(session.decapsulateKeySync(key, CKM.ML_KEM, session.encapsulateKeySync(key, CKM.ML_KEM, {}).ciphertext, {}));
    const message = await session.encryptMessage(key, cipher, data, { associatedData: data });
    assertEquals(await session.decryptMessage(key, cipher, message), data);
    assertEquals(session.decryptMessageSync(key, cipher, session.encryptMessageSync(key, cipher, data)), data);
    const wrapped = await session.wrapKey(key, cipher, key, { associatedData: data });
    assertEquals(wrapped.length, data.length);
    assert(await session.unwrapKey(key, cipher, wrapped, {}, { additionalData: data }));
    assertEquals(session.wrapKeySync(key, cipher, key, { additionalData: data }), wrapped);
    const both = { additionalData: data, associatedData: data };
    await assertRejects(() => session.wrapKey(key, cipher, key, both), TypeError, "is given beside it");
    await assertRejects(() => session.encryptMessage(key, cipher, data, both), TypeError, "is given beside it");
    assertEquals(session.encryptMessageSync(key, cipher, data, { additionalData: data }), message);
    const digester = session.digester(CKM.SHA256);
    await digester.update(data);
    await session.cancelOperation();
    assertEquals(strict.active, 0);
  });

  it("associated data that is left out is a NULL pointer, and so is an empty parameter", { skip }, async () => {
    await using token = await openStrictToken("3.2");
    const { session, key } = token;
    for (const mechanism of [CKM.AES_GCM, cipher, { type: CKM.AES_GCM, parameter: new Uint8Array(0) }]) {
      const encrypted = session.encryptMessageSync(key!, mechanism, data);
      const associatedData = new Uint8Array(0);
      assertEquals(await session.decryptMessage(key!, mechanism, encrypted, { associatedData }), data);
    }
    assertEquals(session.wrapKeySync(key!, cipher, key!, { associatedData: new Uint8Array(0) }).length, 0);
  });

  it("a failing message ends its operation; a failing start does not end what is not there", { skip }, async () => {
    await using token = await openStrictToken("3.2");
    const { strict, session, key } = token;
    for (const fn of ["C_MessageEncryptInit", "C_EncryptMessage", "C_MessageEncryptFinal"] as const) {
      strict.fail(fn, CKR.DEVICE_ERROR);
      const error = await assertRejects(() => session.encryptMessage(key, cipher, data), Pkcs11Error);
      assertEquals([error.fn, strict.active], [fn, 0]);
    }
    strict.reset();
    strict.fail("C_MessageEncryptInit", CKR.DEVICE_ERROR);
    await assertRejects(() => session.encryptMessage(key, cipher, data), Pkcs11Error);
    assertEquals([strict.calls("C_SessionCancel"), strict.calls("C_MessageEncryptFinal")], [0, 0]);
    strict.block("C_EncryptMessage");
    const { signal, abort } = aborting();
    const pending = session.encryptMessage(key, cipher, data, { signal });
    await strict.blocked();
    abort();
    await assertRejects(() => pending, Error, "enough");
    strict.release();
    await session.idle();
    assertEquals(strict.active, 0);
  });
});
