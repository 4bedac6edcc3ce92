// session/core/into.ts and what it uses below: results that are written into memory of the caller.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import { aesCbc, aesGcm, type Module, Pkcs11Error, type Pkcs11Object, type Session } from "../../../session/mod.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

const data = new TextEncoder().encode("what is signed");
const large = Uint8Array.from({ length: 200_000 }, (_, index) => index);

describe("results into memory of the caller", { skip: softhsmSkip }, () => {
  let module: Module;
  let session: Session;
  let aes: Pkcs11Object;
  let mac: Pkcs11Object;
  before(async () => {
    ({ module, session } = await TokenSession.open());
    aes = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, encrypt: true, decrypt: true });
    mac = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, sign: true, verify: true });
  });
  after(() => module?.close());

  /** Every verb as a call that takes options, with what it gives without them. */
  const verbs = (): [
    name: string,
    call: (options: { into: Uint8Array }) => number | Promise<number>,
    length: number,
  ][] => {
    const cbc = aesCbc({ iv: new Uint8Array(16) });
    const encrypted = session.encryptSync(aes, cbc, data);
    const encryptedLarge = session.encryptSync(aes, cbc, large);
    return [
      ["digestSync", (o) => session.digestSync(CKM.SHA256, data, o), 32],
      ["digest", (o) => session.digest(CKM.SHA256, data, o), 32],
      ["digest of a stream", (o) => session.digest(CKM.SHA256, new Blob([data]), o), 32],
      ["signSync", (o) => session.signSync(mac, CKM.SHA256_HMAC, data, o), 32],
      ["sign", (o) => session.sign(mac, CKM.SHA256_HMAC, data, o), 32],
      ["sign of a stream", (o) => session.sign(mac, CKM.SHA256_HMAC, new Blob([data]), o), 32],
      ["encryptSync", (o) => session.encryptSync(aes, cbc, data, o), 16],
      ["encrypt", (o) => session.encrypt(aes, cbc, data, o), 16],
      ["encryptSync of much", (o) => session.encryptSync(aes, cbc, large, o), 200_016 - 200_000 % 16],
      ["encrypt of much", (o) => session.encrypt(aes, cbc, large, o), 200_016 - 200_000 % 16],
      ["decryptSync", (o) => session.decryptSync(aes, cbc, encrypted, o), data.length],
      ["decrypt", (o) => session.decrypt(aes, cbc, encrypted, o), data.length],
      ["decryptSync of much", (o) => session.decryptSync(aes, cbc, encryptedLarge, o), large.length],
      ["decrypt of much", (o) => session.decrypt(aes, cbc, encryptedLarge, o), large.length],
      ["generateRandomSync", (o) => session.generateRandomSync(40, o), 40],
      ["generateRandom", (o) => session.generateRandom(40, o), 40],
    ];
  };

  it("are as long and the same as results of their own, and nothing behind them changes but what C may use", async () => {
    for (const [name, call, length] of verbs()) {
      // Twice: the second call finds the layout of the first.
      let first: Uint8Array | null = null;
      for (const spare of [0, 100, 100]) {
        const memory = new Uint8Array(length + spare + 20).fill(0xee);
        const into = memory.subarray(10, 10 + length + spare);
        assertEquals(await call({ into }), length, name);
        const written = into.slice(0, length);
        if (!name.startsWith("generateRandom")) assertEquals(written, first ??= written, name);
        else assert(written.some((byte) => byte !== 0xee), name);
        assert(memory.subarray(0, 10).every((byte) => byte === 0xee), name);
        assert(memory.subarray(10 + length + spare).every((byte) => byte === 0xee), name);
      }
    }
    const cbc = aesCbc({ iv: new Uint8Array(16) });
    const into = new Uint8Array(300_000);
    const length = session.encryptSync(aes, cbc, large, { into });
    assertEquals(into.subarray(0, length), session.encryptSync(aes, cbc, large));
    assertEquals(session.signSync(mac, CKM.SHA256_HMAC, data, { into }), 32);
    assertEquals(into.slice(0, 32), session.signSync(mac, CKM.SHA256_HMAC, data));
  });

  it("may lie where the data lies", () => {
    const cbc = aesCbc({ iv: new Uint8Array(16), pad: false });
    for (const length of [64, 160_000]) {
      const memory = large.slice(0, length);
      const expected = session.encryptSync(aes, cbc, memory.slice());
      assertEquals(session.encryptSync(aes, cbc, memory, { into: memory }), length);
      assertEquals(memory, expected);
    }
  });

  it("are told how long they are where there is no room, and the session goes on", async () => {
    for (const [name, call, length] of verbs()) {
      const into = new Uint8Array(length - 1).fill(7);
      const error = await assertRejects(async () => await call({ into }), RangeError);
      assertStringIncludes(error.message, name.startsWith("generate") ? "40" : String(length), name);
      assert(into.every((byte) => byte === 7), name);
      assertEquals(session.digestSync(CKM.SHA256, data).length, 32);
      const room = new Uint8Array(length + 64);
      assertEquals(await call({ into: room }), length, name);
    }
  });

  it("hold the tag of AES-GCM", async () => {
    const mechanism = aesGcm({ iv: new Uint8Array(12).fill(3) });
    const into = new Uint8Array(data.length + 16);
    assertEquals(session.encryptSync(aes, mechanism, data, { into }), into.length);
    assertEquals(await session.decrypt(aes, mechanism, into), data);
  });

  it("go nowhere but to a Uint8Array", async () => {
    for (
      const wrong of [null, 5, "text", [], new ArrayBuffer(64), new Uint16Array(64), new DataView(new ArrayBuffer(64))]
    ) {
      const into = wrong as unknown as Uint8Array;
      assertThrows(
        () => session.digestSync(CKM.SHA256, data, { into }),
        TypeError,
        "Cannot use into: expected a Uint8Array, got ",
      );
      await assertRejects(
        () => session.digest(CKM.SHA256, data, { into }),
        TypeError,
        "Cannot use into: expected a Uint8Array, got ",
      );
    }
    const gone = new Uint8Array(64);
    structuredClone(gone, { transfer: [gone.buffer] });
    assertThrows(() => session.digestSync(CKM.SHA256, data, { into: gone }), Error);
  });

  it("go to a Buffer, and to what calls itself longer than it is only as far as it is", () => {
    const buffer = Buffer.alloc(40);
    assertEquals(session.digestSync(CKM.SHA256, data, { into: buffer }), 32);
    assertEquals(Uint8Array.from(buffer.subarray(0, 32)), session.digestSync(CKM.SHA256, data));
    const liar = Object.defineProperty(new Uint8Array(8), "length", { value: 64 });
    assertThrows(() => session.digestSync(CKM.SHA256, data, { into: liar }), RangeError, "has room for 8");
  });

  it("that is taken away while an asynchronous call runs gets nothing, and the call says so", async () => {
    const into = new Uint8Array(64);
    const pending = session.digest(CKM.SHA256, data, { into });
    structuredClone(into, { transfer: [into.buffer] });
    await assertRejects(() => pending, RangeError, "has room for 0");
  });

  it("are not written by a call that is aborted", async () => {
    const controller = new AbortController();
    const into = new Uint8Array(64).fill(7);
    const pending = session.sign(mac, CKM.SHA256_HMAC, data, { into, signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => pending, Error, "enough");
    await session.idle();
    assert(into.every((byte) => byte === 7));
  });
});

describe("results into memory of the caller, of a module that fails", { skip: strictModuleSkip }, () => {
  it("are no plaintext when the call has failed", async () => {
    await using token = await openStrictToken("2.40");
    const { strict, session, key } = token;
    const cipher = { type: CKM.AES_CTR, parameter: new Uint8Array(16).fill(1) };
    const into = new Uint8Array(200_000).fill(7);
    // The module writes what it decrypts, and then fails.
    strict.set("habits", 4);
    const error = assertThrows(() => session.decryptSync(key, cipher, new Uint8Array(180_000), { into }), Pkcs11Error);
    assert(error.code !== CKR.OK);
    assert(into.subarray(0, 180_000).every((byte) => byte === 0 || byte === 7));
    strict.set("habits", 0);
    assertEquals(session.decryptSync(key, cipher, new Uint8Array(180_000), { into }), 180_000);
    strict.reset();
  });
});
