import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { keyTypeOf } from "../../../ffi/operations/key_checks.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip } from "../../_support/softhsm.ts";
import { strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

describe("A key of another type than the mechanism's", () => {
  const skip = softhsmSkip;
  let open: TokenSession;
  before(async () => {
    if (!skip) open = await TokenSession.open();
  });
  after(() => open?.close());

  it("is refused before SoftHSM 2.6 dies of it, and the session goes on", { skip, timeout: 240_000 }, async () => {
    const { session } = open;
    const attributes = { valueLen: 32, token: false, sign: true, verify: true };
    const key = await session.generateKey(CKM.AES_KEY_GEN, attributes);
    const data = new Uint8Array(3);
    const calls: (() => unknown)[] = [
      () => session.sign(key, CKM.DSA_SHA1, data),
      () => session.signSync(key, CKM.DSA_SHA1, data),
      () => session.signMany(key, CKM.DSA, [data]),
      () => session.signManySync(key, CKM.DSA, [data]),
      () => session.verify(key, CKM.EDDSA, data, new Uint8Array(64)),
      () => session.verifyManySync(key, CKM.EDDSA, [data], [new Uint8Array(64)]),
      async () => {
        await using signer = session.signer(key, CKM.DSA_SHA256);
        await signer.update(data);
      },
      () => {
        using verifier = session.verifierSync(key, CKM.SHA256_RSA_PKCS);
        verifier.update(data);
      },
    ];
    for (const call of calls) {
      const error = await assertRejects(async () => await call(), Pkcs11Error);
      assertEquals(error.code, CKR.KEY_TYPE_INCONSISTENT);
      assert(/^C_(Sign|Verify)Init$/.test(error.fn), error.fn);
    }
    const object = await session.createObject({ class: CKO.DATA, token: false, value: data });
    assertThrows(() => session.signSync(object, CKM.DSA_SHA1, data), Pkcs11Error);
    const { publicKey, privateKey } = await open.ecPair();
    const digest = new Uint8Array(32).fill(1);
    const signature = await session.sign(privateKey, CKM.ECDSA, digest);
    assert(session.verifySync(publicKey, CKM.ECDSA, digest, signature));
    // Calls that look like the last ones, but for the key.
    for (let round = 0; round < 2; round++) {
      session.signSync(privateKey, CKM.ECDSA, digest);
      await session.sign(privateKey, CKM.ECDSA, digest);
    }
    assertThrows(() => session.signSync(key, CKM.ECDSA, digest), Pkcs11Error, "CKR_KEY_TYPE_INCONSISTENT");
    await assertRejects(() => session.sign(key, CKM.ECDSA, digest), Pkcs11Error, "CKR_KEY_TYPE_INCONSISTENT");
  });

  it("is found out by reading the type once for each key", { skip, timeout: 240_000 }, async () => {
    const { token } = open;
    const reads: string[] = [];
    const event = ({ fn }: { fn: string }) => {
      if (fn === "C_GetAttributeValue") reads.push(fn);
    };
    await using module = await Module.load(token.module, { managed: false, logCalls: { event } });
    const slots = await module.slots({ tokenPresent: true });
    const slot = slots.find((slot) => slot.tokenInfoSync().label === token.label)!;
    const session = await slot.openSession({ readWrite: true });
    const ecParams = Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
    const { privateKey } = await session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { ecParams, token: false }, {
      token: false,
      sign: true,
    });
    reads.length = 0;
    for (let round = 0; round < 5; round++) {
      await session.sign(privateKey, CKM.ECDSA, new Uint8Array(32));
      session.signSync(privateKey, CKM.ECDSA, new Uint8Array(20));
      assertThrows(() => session.signSync(privateKey, CKM.DSA, new Uint8Array(20)), Pkcs11Error);
    }
    assertEquals(reads.length, 1);
  });

  it("does not end the process, whatever the mechanism and the function", { skip, timeout: 300_000 }, async () => {
    const { token, environment } = createSeparateToken();
    const program = new URL("../../_support/key_type_sweep.ts", import.meta.url);
    const child = startProgram(program, [token.module, token.userPin], environment);
    let last = "";
    for await (const line of createInterface({ input: child.stdout! })) last = line;
    await programEnd(child);
    assertEquals([child.signalCode, child.exitCode], [null, 0], `the last combination was ${last}`);
    const [, count, refused] = /^done (\d+) refused (\d+)/.exec(last) ?? [];
    assert(Number(count) > 2520 && Number(refused) < Number(count), last);
  });
});

describe("Modules that look at keys themselves", () => {
  const skip = strictModuleSkip;

  it("are not asked about them", { skip }, async () => {
    await using token = await openStrictToken("2.40");
    const { strict, session, key } = token;
    for (let round = 0; round < 3; round++) {
      session.signSync(key!, CKM.DSA, new Uint8Array(20));
      await session.signMany(key!, CKM.SHA256_RSA_PKCS, [new Uint8Array(20)]);
      session.signSync(key!, CKM.SHA256_HMAC, new Uint8Array(20));
    }
    assertEquals([strict.calls("C_GetAttributeValue"), strict.calls("C_GetInfo")], [0, 1]);
  });

  it("serve mechanisms that take one type of key", () => {
    const types: [mechanism: number, keyType: number | null][] = [
      [CKM.RSA_PKCS, CKK.RSA],
      [CKM.RSA_PKCS_PSS, CKK.RSA],
      [CKM.SHA512_RSA_PKCS_PSS, CKK.RSA],
      [CKM.SHA3_224_RSA_PKCS_PSS, CKK.RSA],
      [CKM.DSA, CKK.DSA],
      [CKM.DSA_SHA3_512, CKK.DSA],
      [CKM.ECDSA, CKK.EC],
      [CKM.ECDSA_SHA3_512, CKK.EC],
      [CKM.EDDSA, CKK.EC_EDWARDS],
      [CKM.ML_DSA, null],
      [CKM.ECDH1_DERIVE, null],
      [CKM.AES_GCM, null],
      [CKM.SHA256_HMAC, null],
      [CKM.RSA_PKCS_KEY_PAIR_GEN, null],
      [CKM.VENDOR_DEFINED + 1, null],
    ];
    for (const [mechanism, keyType] of types) assertEquals(keyTypeOf(mechanism), keyType, String(mechanism));
  });
});
