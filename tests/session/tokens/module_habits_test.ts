import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { Pkcs11Uri } from "../../../session/uri/mod.ts";
import { CardModule, cardModuleSkip } from "../../_support/card_module.ts";
import { HABIT, StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const data = new Uint8Array(32).fill(7);
const padded = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };
/** The largest signatures of each kind: ML-DSA-87, SLH-DSA-SHA2-256f. */
const SIGNATURES = { [CKM.ML_DSA]: 4627, [CKM.SLH_DSA]: 49_856, [CKM.HASH_SLH_DSA_SHAKE256]: 49_856 };
/** What NSS answers to signatures that are wrong, by its own mistakes. */
const ANSWERS = [CKR.DATA_LEN_RANGE, CKR.DEVICE_ERROR, CKR.ARGUMENTS_BAD, CKR.GENERAL_ERROR, CKR.KEY_SIZE_RANGE];

for (const version of ["2.40", "3.2"] as const) {
  describe(`A module of ${version} with habits of its own`, () => {
    let strict: StrictModule;
    let module: Module;
    let session: Session;
    let key: Pkcs11Object;

    before(async () => {
      if (skip) return;
      ({ strict, module, session, key } = await openStrictToken(version));
    });
    afterEach(() => {
      if (skip) return;
      assertEquals([strict.active, strict.overlaps], [0, 0]);
      strict.reset();
    });
    after(() => module?.close());

    it("room that was too small ends the operation: it is begun again", { skip }, async () => {
      strict.set("habits", HABIT.endsWhenTooSmall);
      strict.set("output", 6000);
      assertEquals((await session.sign(key, CKM.SHA256_HMAC, data)).length, 6000);
      assertEquals(strict.calls("C_SignInit"), 2);
      assertEquals(session.signSync(key, CKM.SHA256_HMAC, data).length, 6000);
      assertEquals((await session.digest(CKM.SHA256, data)).length, 6000);
      assertEquals((await session.encrypt(key, padded, data)).length, 6000);
      assertEquals(session.decryptSync(key, padded, data).length, 6000);
      const many = await session.signMany(key, CKM.SHA256_HMAC, [data, data, data]);
      assertEquals(many.map(({ length }) => length), [6000, 6000, 6000]);
      // The layout of a call is kept for the next: it is the one with the first guess.
      strict.set("output", 0);
      assertEquals(session.signSync(key, CKM.SHA256_HMAC, data).length, 64);
    });

    it(
      "what never has room enough, or fails when it is begun again, is told once and left ended",
      { skip },
      async () => {
        strict.set("habits", HABIT.endsWhenTooSmall);
        strict.fail("C_Sign", CKR.BUFFER_TOO_SMALL, { times: 100 });
        const error = await assertRejects(() => session.sign(key, CKM.SHA256_HMAC, data), Pkcs11Error);
        assertEquals([error.fn, error.code], ["C_Sign", CKR.BUFFER_TOO_SMALL]);
        strict.reset();
        strict.set("habits", HABIT.endsWhenTooSmall);
        strict.set("output", 6000);
        strict.fail("C_SignInit", CKR.DEVICE_ERROR, { after: 1 });
        assertEquals(assertThrows(() => session.signSync(key, CKM.SHA256_HMAC, data), Pkcs11Error).fn, "C_SignInit");
      },
    );

    it("data in parts is there once: there is room for the largest signatures", { skip }, async () => {
      for (const [mechanism, length] of Object.entries(SIGNATURES)) {
        strict.set("habits", HABIT.endsWhenTooSmall);
        strict.set("output", length);
        const signer = session.signer(key, Number(mechanism));
        await signer.update(data);
        assertEquals((await signer.final()).length, length);
        const inPlace = session.signerSync(key, Number(mechanism));
        inPlace.update(data);
        assertEquals(inPlace.final().length, length);
        assertEquals(session.signSync(key, Number(mechanism), data).length, length);
        assertEquals((await session.signMany(key, Number(mechanism), [data, data]))[1]!.length, length);
      }
      assertEquals(strict.calls("C_SignFinal"), 6);
    });

    it("a cipher that gives everything at its end has room for it", { skip }, async () => {
      strict.set("habits", HABIT.endsWhenTooSmall | HABIT.givesAtTheEnd);
      const decryptor = session.decryptor(key, { type: CKM.AES_GCM, parameter: new Uint8Array(16) });
      for (let i = 0; i < 3; i++) assertEquals((await decryptor.update(new Uint8Array(50_000))).length, 0);
      assertEquals((await decryptor.final()).length, 150_000);
    });

    it("a cipher that takes whole blocks only gets them, however a stream is cut", { skip }, async () => {
      strict.set("habits", HABIT.wantsBlocks);
      const plain = Uint8Array.from({ length: 160 }, (_, i) => i);
      const turned = plain.map((byte) => byte ^ 0x5a);
      for (const size of [1, 7, 16, 20, 33, 160]) {
        for (const verb of ["encryptStream", "decryptStream"] as const) {
          const stream = session[verb](key, padded);
          const chunks = Array.from(
            { length: Math.ceil(160 / size) },
            (_, i) => plain.slice(i * size, i * size + size),
          );
          assertEquals(await bytesOf(streamOf(chunks).pipeThrough(stream)), turned, `${size}`);
        }
        const inPlace = session.encryptorSync(key, padded);
        const parts = [];
        for (let at = 0; at < 160; at += size) parts.push(...inPlace.update(plain.subarray(at, at + size)));
        assertEquals([...parts, ...inPlace.final()], [...turned]);
      }
    });

    it("a rest that makes no block is the module's to judge", { skip }, async () => {
      strict.set("habits", HABIT.wantsBlocks);
      const decryptor = session.decryptor(key, padded);
      await decryptor.update(new Uint8Array(20));
      const error = await assertRejects(() => decryptor.final(), Pkcs11Error);
      assertEquals([error.fn, error.code], ["C_DecryptUpdate", CKR.DATA_LEN_RANGE]);
      strict.set("habits", 0);
      const other = session.encryptorSync(key, padded);
      assertEquals(other.update(new Uint8Array(20)).length, 16);
      assertEquals(other.final().length, 4);
      // Other mechanisms take what comes.
      const stream = session.encryptorSync(key, { type: CKM.AES_CTR, parameter: new Uint8Array(16) });
      assertEquals(stream.update(new Uint8Array(3)).length, 3);
      stream.close();
    });

    it("NSS's answers to a wrong signature are false, those of others are errors", { skip }, async () => {
      const right = Uint8Array.from({ length: 64 }, (_, i) => i);
      const mechanism = CKM.SHA256_HMAC;
      for (const code of ANSWERS) {
        strict.fail("C_Verify", code);
        const error = await assertRejects(() => session.verify(key, mechanism, data, right), Pkcs11Error);
        assertEquals(error.code, code);
      }
      const nss = new StrictModule(version);
      nss.set("habits", HABIT.madeByMozilla);
      await using other = await Module.load(nss.path, { managed: false });
      await using theirs = await (await other.slots())[0]!.openSession();
      const [theirKey] = await theirs.findObjects();
      const verdicts = async () => {
        const whole = await theirs.verify(theirKey!, mechanism, data, right);
        const inPlace = theirs.verifySync(theirKey!, mechanism, data, right);
        const verifier = theirs.verifier(theirKey!, mechanism);
        await verifier.update(data);
        return [whole, inPlace, await verifier.final(right)];
      };
      for (const code of ANSWERS) {
        nss.fail("C_Verify", code, { times: 2 });
        nss.fail("C_VerifyFinal", code);
        assertEquals(await verdicts(), [false, false, false], `${code}`);
        nss.fail("C_Verify", code, { after: 1 });
        const many = theirs.verifyMany(theirKey!, mechanism, [data, data, data], [right, right, right]);
        assertEquals(await many, [true, false, true]);
      }
      // What says nothing about the signature stays an error.
      nss.fail("C_Verify", CKR.HOST_MEMORY);
      await assertRejects(() => theirs.verify(theirKey!, mechanism, data, right), Pkcs11Error);
      nss.fail("C_VerifyInit", CKR.ARGUMENTS_BAD);
      await assertRejects(() => theirs.verify(theirKey!, mechanism, data, right), Pkcs11Error);
      assertEquals(nss.active, 0);
    });

    it("a label filled with NULs is found by its URI, the one others print, and by its name", { skip }, async () => {
      strict.set("habits", HABIT.padsWithNul);
      const slot = session.slot;
      const { label } = await slot.tokenInfo();
      assertEquals(label, "strict".padEnd(32, "\0"));
      const uri = `pkcs11:token=strict${"%00".repeat(26)}`;
      assertEquals(Pkcs11Uri.from({ token: label }).format(), uri);
      assertEquals(Pkcs11Uri.parse(uri).matchToken(slot.tokenInfoSync()), true);
      // As libp11-kit has it, a field of blanks is another.
      assertEquals(Pkcs11Uri.parse("pkcs11:token=strict").matchToken({ ...slot.tokenInfoSync() }), false);
      for (const match of ["strict", label, uri, { label: "strict" }]) {
        assertEquals((await module.findSlot(match)).id, slot.id);
      }
      assertMatch(await key.uri(), /^pkcs11:.*token=strict(%00){26};/);
      strict.set("habits", 0);
      assertEquals((await slot.tokenInfo()).label, "strict");
    });

    it("a search that never ends is ended, and the session can go on", { skip }, async () => {
      strict.set("habits", HABIT.findsForEver);
      for (const objects of [1, 3, 200]) {
        strict.set("objects", objects);
        await assertRejects(() => session.findObjects(), RangeError, "finds the same objects again");
        assertThrows(() => session.findObjectsSync(), RangeError, "finds the same objects again");
      }
      strict.set("habits", 0);
      strict.set("objects", 200);
      assertEquals((await session.findObjects()).length, 200);
    });

    it("an empty signature is a wrong one, whoever complains about it", { skip }, async () => {
      strict.fail("C_Verify", CKR.ARGUMENTS_BAD);
      assertEquals(await session.verify(key, CKM.SHA256_HMAC, data, new Uint8Array(0)), false);
    });
  });
}

describe("A token that gives few random bytes at once", () => {
  it("is asked for as many as it gives", { skip: cardModuleSkip }, async () => {
    const card = new CardModule();
    const slot = await card.slot();
    const session = await slot.openSession();
    for (const most of [64, 100, 1024]) {
      card.set("mostRandomBytes", most);
      for (const length of [0, 1, most, most + 1, 5000]) {
        for (const bytes of [await session.generateRandom(length), session.generateRandomSync(length)]) {
          assertEquals(bytes.length, length);
          // The card counts: every byte comes from it, in order.
          for (let at = 1; at < length; at++) assertEquals(bytes[at], (bytes[at - 1]! + 1) % 256);
        }
      }
    }
    card.set("mostRandomBytes", 8);
    const from = card.calls("C_GenerateRandom");
    await assertRejects(() => session.generateRandom(5000), Pkcs11Error, "CKR_DATA_LEN_RANGE");
    assert(card.calls("C_GenerateRandom") - from < 10);
    await slot.module.close();
  });
});

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as BodyInit).arrayBuffer());
}
