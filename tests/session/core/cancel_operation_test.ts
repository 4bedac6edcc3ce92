import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKF, CKM, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import { findByUri } from "../../../session/find_by_uri.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { CallOptions } from "../../../session/core/call_options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const data = new Uint8Array(32).fill(7);
const cipher = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };

for (const version of ["2.40", "3.2"] as const) {
  describe(`Operations that are cancelled or aborted, on a module of ${version}`, () => {
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
      assertEquals([strict.active, strict.overlaps], [0, 0]);
      assertEquals((await session.digest(CKM.SHA256, data)).length, 32);
      strict.reset();
    });
    after(() => module?.close());

    /** Every operation in parts, begun or not. */
    const open = {
      signer: () => session.signerSync(key, CKM.SHA256_HMAC),
      verifier: () => session.verifierSync(key, CKM.SHA256_HMAC),
      encryptor: () => session.encryptorSync(key, cipher),
      decryptor: () => session.decryptorSync(key, cipher),
      digester: () => session.digesterSync(CKM.SHA256),
    };

    it("an operation whose object was lost is ended, begun or not", { skip }, async () => {
      for (const [name, make] of Object.entries(open)) {
        for (const begun of [true, false]) {
          const lost = make();
          if (begun) lost.update(data);
          assertEquals(strict.active, begun ? 1 : 0, name);
          await assertRejects(() => session.findObjects(), SessionBusyError);
          await session.cancelOperation();
          assertEquals(strict.active, 0, name);
          assertEquals((await session.findObjects()).length, 3);
          make().close();
          const again = make();
          if (begun) again.update(data);
          session.cancelOperationSync();
          assertEquals(strict.active, 0, name);
        }
      }
      // A stream that is never piped holds the session as well.
      session.encryptStream(key, cipher);
      await session.cancelOperation();
      assertEquals((await session.findObjects()).length, 3);
    });

    it("an object whose operation was cancelled does not touch the next one", { skip }, async () => {
      const old = session.digesterSync(CKM.SHA256);
      old.update(data);
      session.cancelOperationSync();
      const next = session.digesterSync(CKM.SHA256);
      next.update(data);
      assertThrows(() => old.update(data), TypeError, "the digester has ended");
      old.close();
      assertEquals(strict.active, 1);
      next.update(data);
      assertEquals(next.final().length, 32);
      const older = session.signer(key, CKM.SHA256_HMAC);
      await older.update(data);
      await session.cancelOperation();
      const signer = session.signer(key, CKM.SHA256_HMAC);
      await signer.update(data);
      await assertRejects(() => older.final(), TypeError, "the signer has ended");
      assertEquals((await signer.final()).length, 64);
    });

    it("what a failed call has left is ended too, by its flag or without one", { skip }, async () => {
      strict.set("sticky", 1);
      for (const flags of [undefined, CKF.SIGN]) {
        strict.fail("C_Sign", CKR.DEVICE_ERROR);
        await session.sign(key, CKM.SHA256_HMAC, data).catch(() => {});
        strict.set("sticky", 0);
        await session.cancelOperation(flags);
        assertEquals(strict.active, 0);
        strict.set("sticky", 1);
      }
      // With nothing to end, "any" is no error.
      await session.cancelOperation();
    });

    it("a stream that stalls is left at once when the call is aborted", { skip }, async () => {
      const verbs = {
        digest: (stream: ReadableStream<Uint8Array>, o: CallOptions) => session.digest(CKM.SHA256, stream, o),
        sign: (stream: ReadableStream<Uint8Array>, o: CallOptions) => session.sign(key, CKM.SHA256_HMAC, stream, o),
        verify: (stream: ReadableStream<Uint8Array>, o: CallOptions) =>
          session.verify(key, CKM.SHA256_HMAC, stream, data, o),
      };
      for (const [verb, call] of Object.entries(verbs)) {
        for (const abort of ["now", "wait"] as const) {
          const controller = new AbortController();
          const reason = new Error("enough");
          let cancelledWith: unknown;
          const stalled = new ReadableStream<Uint8Array>({
            start: (stream) => stream.enqueue(data),
            pull: (stream) => {
              // The first part was taken: nothing more comes.
              if (stream.desiredSize! > 0) setTimeout(() => controller.abort(reason), 5);
              return new Promise(() => {});
            },
            // Nobody waits for a source that never answers.
            cancel: (why) => (cancelledWith = why, new Promise(() => {})),
          });
          const pending = call(stalled, { signal: controller.signal, abort });
          assertStrictEquals(await assertRejects(() => pending), reason, verb);
          assertStrictEquals(cancelledWith, reason);
          await session.idle();
          assertEquals(strict.active, 0);
          assertEquals((await session.findObjects()).length, 3);
        }
      }
    });

    it("a stream whose part is held by the module is left at once too", { skip }, async () => {
      strict.block("C_DigestUpdate");
      const controller = new AbortController();
      const reason = new Error("enough");
      const pending = session.digest(CKM.SHA256, new Blob([data]).stream(), { signal: controller.signal });
      await strict.blocked();
      controller.abort(reason);
      assertStrictEquals(await assertRejects(() => pending), reason);
      assertEquals(strict.calls("C_DigestUpdate"), 1);
    });

    it(
      "a stream that fails gives its own error, and one that cannot be cancelled hides no other",
      { skip },
      async () => {
        const broken = new Error("the file is gone");
        const failing = new ReadableStream<Uint8Array>({ start: (stream) => stream.error(broken) });
        assertStrictEquals(await assertRejects(() => session.digest(CKM.SHA256, failing)), broken);
        const stubborn = new ReadableStream<Uint8Array>({
          start: (stream) => stream.enqueue(data),
          cancel: () => Promise.reject(new Error("not now")),
        });
        strict.fail("C_DigestUpdate", CKR.DEVICE_ERROR);
        assertEquals(
          (await assertRejects(() => session.digest(CKM.SHA256, stubborn), Pkcs11Error)).code,
          CKR.DEVICE_ERROR,
        );
      },
    );

    it("a walk over objects ends with its signal, whether attributes are read or not", { skip }, async () => {
      for (const read of [undefined, ["label"] as const]) {
        for (const method of ["objects", "objectsSync"] as const) {
          const controller = new AbortController();
          const seen: Pkcs11Object[] = [];
          const walk = async () => {
            for await (const object of session[method]({}, { read, signal: controller.signal })) {
              seen.push(object);
              controller.abort(new Error("enough"));
            }
          };
          await assertRejects(walk, Error, "enough");
          assertEquals(seen.length, 1);
        }
      }
    });

    it("a search by URI ends with its signal after what it has given", { skip }, async () => {
      const controller = new AbortController();
      const seen: Pkcs11Object[] = [];
      const walk = async () => {
        const uri = "pkcs11:token=strict";
        for await (const object of findByUri(uri, { modules: [module], signal: controller.signal })) {
          seen.push(object);
          controller.abort(new Error("enough"));
        }
      };
      await assertRejects(walk, Error, "enough");
      assertEquals(seen.length, 1);
      assert(!seen[0]!.session.closed);
      await seen[0]!.session.close();
    });
  });
}
