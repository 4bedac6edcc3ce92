import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import process from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM, CKO } from "../../../ffi/constants/mod.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

const data = new Uint8Array(32).fill(7);

describe("Many calls that wait for their turn", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  let key: Pkcs11Object;

  before(async () => {
    if (skip) return;
    ({ strict, module, session, key } = await openStrictToken());
  });
  afterEach(async () => {
    if (skip) return;
    strict.release();
    await session.idle();
    assertEquals([strict.active, strict.overlaps], [0, 0]);
    strict.reset();
  });
  after(() => module?.close());

  /** What a call takes while it waits, in bytes. */
  async function heldByEach(count: number, call: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
    const controller = new AbortController();
    const before = process.memoryUsage().rss;
    const calls = Array.from({ length: count }, () => call(controller.signal));
    const held = (process.memoryUsage().rss - before) / count;
    controller.abort();
    await Promise.allSettled(calls);
    return held;
  }

  it("take memory in proportion to what they were given", { skip }, async () => {
    strict.block("C_GenerateRandom");
    const first = session.generateRandom(8);
    await strict.blocked();
    const calls = {
      digest: (signal: AbortSignal) => session.digest(CKM.SHA256, data, { signal }),
      sign: (signal: AbortSignal) => session.sign(key, CKM.SHA256_HMAC, data, { signal }),
      verify: (signal: AbortSignal) => session.verify(key, CKM.SHA256_HMAC, data, data, { signal }),
      findObjects: (signal: AbortSignal) => session.findObjects({ class: CKO.DATA }, { signal }),
      get: (signal: AbortSignal) => key.get(["label"], { signal }),
    };
    // Laid out in native memory, each would take 16 KiB at least.
    for (const [name, call] of Object.entries(calls)) assertLess(await heldByEach(3000, call), 10_000, name);
    strict.release();
    await first;
    // Calls without a session wait for each other too when there are many.
    strict.block("C_GetTokenInfo");
    assertLess(await heldByEach(3000, (signal) => session.slot.tokenInfo({ signal })), 10_000, "tokenInfo");
  });

  it("never reach the module when they are aborted, and reject with the reason", { skip }, async () => {
    strict.block("C_Digest");
    const first = session.digest(CKM.SHA256, data);
    await strict.blocked();
    const controller = new AbortController();
    const calls = Array.from({ length: 500 }, () => session.digest(CKM.SHA256, data, { signal: controller.signal }));
    const kept = session.digest(CKM.SHA256, data);
    controller.abort(new Error("enough"));
    const results = await Promise.allSettled(calls);
    assert(results.every((result) => result.status === "rejected" && result.reason.message === "enough"));
    strict.release();
    assertEquals([(await first).length, (await kept).length, strict.calls("C_Digest")], [32, 32, 2]);
  });

  it("without a session go on behind calls that nobody waits for any more", { skip }, async () => {
    strict.block("C_GetTokenInfo");
    const controller = new AbortController();
    const stuck = Array.from({ length: 200 }, () => session.slot.tokenInfo({ signal: controller.signal }));
    const settled = Promise.allSettled(stuck);
    await strict.blocked();
    controller.abort();
    await settled;
    assertEquals((await session.slot.info()).flags, 1);
    strict.release();
    const infos = await Promise.all(Array.from({ length: 200 }, () => session.slot.tokenInfo()));
    assertEquals(new Set(infos.map(({ label }) => label)).size, 1);
  });

  it("without a session end before the module is finalised", { skip }, async () => {
    const other = new StrictModule();
    const closing = await Module.load(other.path, { managed: false });
    const [slot] = await closing.slots();
    other.block("C_GetTokenInfo");
    const infos = Array.from({ length: 200 }, () => slot!.tokenInfo());
    await other.blocked();
    const closed = closing.close();
    other.release();
    await closed;
    assertEquals((await Promise.all(infos)).length, 200);
    assertEquals([other.calls("C_GetTokenInfo"), other.calls("C_Finalize"), other.overlaps], [200, 1, 0]);
  });

  it("are refused for what they were given, in their turn", { skip }, async () => {
    const first = session.digest(CKM.SHA256, data);
    await assertRejects(() => session.signRecover(key, CKM.RSA_PKCS, data), Error, "does not offer this function");
    assertEquals((await first).length, 32);
    assertEquals((await session.digest(CKM.SHA256, data)).length, 32);
  });
});

describe("Inputs of calls that wait", () => {
  let on: TokenSession;
  before(async () => {
    if (!softhsmSkip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("may be changed once the call was made", { skip: softhsmSkip, timeout: 240_000 }, async () => {
    const { session } = on;
    const aes = await session.generateKey(CKM.AES_KEY_GEN, {
      valueLen: 16,
      token: false,
      encrypt: true,
      decrypt: true,
      wrap: true,
      unwrap: true,
      extractable: true,
      sensitive: false,
    });
    const hmac = await on.hmacKey();
    const iv = new Uint8Array(16).fill(3);
    const cbc = { type: CKM.AES_CBC_PAD, parameter: iv };
    const expected = session.encryptSync(aes, cbc, data);
    const mac = session.signSync(hmac, CKM.SHA256_HMAC, data);
    const hash = session.digestSync(CKM.SHA256, data);
    const wrapped = session.wrapKeySync(aes, CKM.AES_KEY_WRAP, aes);

    const given = {
      iv: iv.slice(),
      data: data.slice(),
      mac: mac.slice(),
      wrapped: wrapped.slice(),
      expected: expected.slice(),
    };
    const mechanism = { type: CKM.AES_CBC_PAD, parameter: given.iv };
    const attributes = { class: CKO.SECRET_KEY, keyType: 0x1f, token: false, extractable: true, sensitive: false };
    // Those that wait behind many are laid out in memory later than the first ones.
    const many = Array.from({ length: 40 }, () => session.digest(CKM.SHA256, given.data));
    const calls = [
      session.digest(CKM.SHA256, given.data),
      session.sign(hmac, CKM.SHA256_HMAC, given.data),
      session.encrypt(aes, mechanism, given.data),
      session.decrypt(aes, mechanism, given.expected),
    ] as const;
    const verified = session.verify(hmac, CKM.SHA256_HMAC, given.data, given.mac);
    const key = session.unwrapKey(aes, CKM.AES_KEY_WRAP, given.wrapped, attributes);
    const digester = session.digester(CKM.SHA256);
    const first = digester.update(given.data);
    for (const bytes of Object.values(given)) bytes.fill(0xee);
    assertEquals(await Promise.all(many), many.map(() => hash));
    assertEquals(await Promise.all(calls), [hash, mac, expected, data]);
    assertEquals([await verified, await first], [true, undefined]);
    assertEquals(await digester.final(), hash);
    const values = await Promise.all([(await key).get(["value"]), aes.get(["value"])]);
    assertEquals(values[0]!.value, values[1]!.value);
  });
});
