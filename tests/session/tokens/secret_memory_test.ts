import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import type { FunctionName } from "../../../ffi/tables/functions.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { memorySkip, SecretInMemory } from "../../_support/secret_in_memory.ts";
import { type StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const skip = strictModuleSkip || memorySkip;
const timeout = 240_000;
const cipher = { type: CKM.AES_CBC, parameter: new Uint8Array(16).fill(1) };
/** Longer than what runtimes keep on a heap where it is moved. */
const LENGTH = 120;

describe("Secrets in native memory", () => {
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

  it(
    "plaintext is overwritten when one-piece calls end, repeated ones and those that fail",
    { skip, timeout },
    async () => {
      const secret = new SecretInMemory(LENGTH);
      const mine = secret.bytes();
      const encrypted = mine.map((byte) => byte ^ 0x5a);
      for (let round = 0; round < 3; round++) {
        for (const data of [mine, mine.subarray(0)]) {
          session.encryptSync(key, cipher, data);
          await session.encrypt(key, cipher, data);
          session.signSync(key, CKM.SHA256_HMAC, data);
          await session.sign(key, CKM.SHA256_HMAC, data);
          session.digestSync(CKM.SHA256, data);
          await session.digest(CKM.SHA256, data);
          session.signManySync(key, CKM.SHA256_HMAC, [data, data]);
          await session.encryptMany(key, cipher, [data, data]);
          await session.verify(key, CKM.SHA256_HMAC, data, data);
        }
        for (
          const decrypted of [
            session.decryptSync(key, cipher, encrypted),
            await session.decrypt(key, cipher, encrypted),
          ]
        ) {
          assertEquals(decrypted, mine);
          decrypted.fill(0);
        }
      }
      for (const fn of ["C_EncryptInit", "C_Encrypt"] as const) {
        strict.fail(fn, CKR.DEVICE_ERROR, { times: 2 });
        assertThrows(() => session.encryptSync(key, cipher, mine), Pkcs11Error);
        await assertRejects(() => session.encrypt(key, cipher, mine), Pkcs11Error);
      }
      strict.fail("C_Decrypt", CKR.BUFFER_TOO_SMALL);
      session.decryptSync(key, cipher, encrypted).fill(0);
      assertEquals(secret.occurrences(), 1);
      mine.fill(0);
      assertEquals(secret.occurrences(), 0);
    },
  );

  it("large plaintext is overwritten too, and the room of a result that was shorter", { skip, timeout }, async () => {
    const secret = new SecretInMemory(LENGTH);
    const large = new Uint8Array(70_016);
    for (let at = 0; at < LENGTH; at++) large[at + 200] = secret.inverted[at]! ^ 0xff;
    await session.encrypt(key, cipher, large);
    await session.encryptMany(key, cipher, [large, large]);
    session.encryptManySync(key, cipher, [large]);
    session.encryptSync(key, cipher, large);
    for (let at = 0; at < LENGTH; at++) large[at + 200] = secret.inverted[at]! ^ 0xff ^ 0x5a;
    strict.set("output", 70_000);
    for (const result of [session.decryptSync(key, cipher, large), await session.decrypt(key, cipher, large)]) {
      assertEquals([result.length, result.buffer.byteLength, result[200]], [
        70_000,
        70_000,
        secret.inverted[0]! ^ 0xff,
      ]);
      result.fill(0);
    }
    assertEquals(secret.occurrences(), 0);
  });

  it("what a call that fails has written is overwritten, however large", { skip, timeout }, async () => {
    const secret = new SecretInMemory(LENGTH);
    for (const length of [200, 5_000, 70_016, 160_000]) {
      const encrypted = new Uint8Array(length);
      for (let at = 0; at < LENGTH; at++) encrypted[at + 64] = secret.inverted[at]! ^ 0xff ^ 0x5a;
      strict.set("habits", 4);
      assertThrows(() => session.decryptSync(key, cipher, encrypted), Pkcs11Error);
      await assertRejects(() => session.decrypt(key, cipher, encrypted), Pkcs11Error);
      const inPlace = session.decryptorSync(key, cipher);
      assertThrows(() => inPlace.update(encrypted), Pkcs11Error);
      inPlace[Symbol.dispose]();
      const decryptor = session.decryptor(key, cipher);
      await assertRejects(() => decryptor.update(encrypted), Pkcs11Error);
      await decryptor[Symbol.asyncDispose]();
      strict.set("habits", 0);
      strict.set("lie", length * 4);
      assertThrows(() => session.decryptSync(key, cipher, encrypted));
      strict.set("lie", 0);
    }
    assertEquals(secret.occurrences(), 0);
  });

  it("copies of large data are overwritten, of calls that waited and were aborted too", { skip, timeout }, async () => {
    const secret = new SecretInMemory(LENGTH);
    const large = new Uint8Array(70_016);
    for (let at = 0; at < LENGTH; at++) large[at + 200] = secret.inverted[at]! ^ 0xff;
    const signature = new Uint8Array(64).fill(63);
    assertEquals(await session.verify(key, CKM.SHA256_HMAC, large, signature), true);
    assertEquals(
      session.verifySync(key, CKM.SHA256_HMAC, large, signature, { signal: new AbortController().signal }),
      true,
    );
    await using signer = session.signer(key, CKM.SHA256_HMAC);
    await signer.update(large);
    await signer.final();
    await session.seedRandom(large);
    const sign = (signal: AbortSignal) => session.sign(key, CKM.SHA256_HMAC, large, { signal });
    await abortIn("C_Sign", async (signal) => {
      const waiting = Array.from({ length: 3 }, () => assertRejects(() => sign(signal)));
      await Promise.all([...waiting, sign(signal)]);
    });
    large.fill(0);
    assertEquals(secret.occurrences(), 0);
  });

  it("values read with found objects leave nothing behind once they are overwritten", { skip, timeout }, async () => {
    const secret = new SecretInMemory(LENGTH);
    strict.set("secret", nativeRuntime().address(secret.inverted));
    strict.set("secretLength", LENGTH);
    strict.set("objects", 100);
    const read = ["label", "value", "id"] as const;
    const kept: unknown[] = [];
    for (const found of [session.findObjectsSync({}, { read }), await session.findObjects({}, { read })]) {
      assertEquals(found.length, 100);
      for (const { attributes } of found) attributes!.get("value")!.fill(0);
      kept.push(...found.map(({ attributes }) => attributes!));
    }
    // What else was read with them is alive and does not hold their neighbours' values.
    assertEquals(secret.occurrences(), 0);
    assertEquals(kept.length, 200);
    session.findObjectsSync({}, { read: ["value"] })[99]!.getSync(["value"]).value!.fill(0);
  });

  it("results that come after an abort are overwritten", { skip, timeout }, async () => {
    const secret = new SecretInMemory(LENGTH);
    const encrypted = secret.inverted.map((byte) => byte ^ 0xff ^ 0x5a);
    strict.set("secret", nativeRuntime().address(secret.inverted));
    strict.set("secretLength", LENGTH);
    // All of them are read in one step, which is not stopped once it has begun; more take further steps.
    for (const objects of [3, 100]) {
      strict.set("objects", objects);
      await abortIn("C_GetAttributeValue", (signal) => session.findObjects({}, { read: ["label", "value"], signal }));
    }
    await abortIn("C_Decrypt", (signal) => session.decrypt(key, cipher, encrypted, { signal }));
    assertEquals(secret.occurrences(), 0);
  });

  async function abortIn(fn: FunctionName, call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const controller = new AbortController();
    strict.block(fn);
    const pending = call(controller.signal);
    await strict.blocked();
    controller.abort(new Error("enough"));
    await assertRejects(() => pending, Error, "enough");
    strict.release();
    await session.idle();
  }
});
