// About ffi/operations/key_checks.ts and what a token appends to a result: mechanisms that learn from the key or the call.
import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { constants, createPublicKey, verify } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { CKM } from "../../../ffi/constants/mod.ts";
import { aesGcm, rsaPss } from "../../../session/mechanisms/mod.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { type StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

const data = new Uint8Array(40).fill(7);

describe("an IV that the token makes", { skip: strictModuleSkip }, () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  before(async () => {
    ({ strict, module, session } = await openStrictToken("2.40"));
  });
  after(() => module.close());

  it("is split off what is encrypted, and refused where the token has appended none", async () => {
    const key = (await session.findObjects())[0]!;
    const mechanism = aesGcm({ ivLength: 12 });
    for (
      const encrypt of [() => session.encrypt(key, mechanism, data), () => session.encryptSync(key, mechanism, data)]
    ) {
      strict.set("output", data.length + 16 + 12);
      assertEquals((await encrypt()).length, data.length + 16);
      assertEquals(mechanism.parameter.iv.length, 12);
      strict.set("output", data.length + 16);
      await assertRejects(async () => await encrypt(), RangeError, "the token does not make the IV");
    }
    strict.set("output", 0);
    const fresh = aesGcm({ ivLength: 12 });
    await assertRejects(() => session.decrypt(key, fresh, data), TypeError, "the iv is not known yet");
    // Nothing is left begun.
    assertEquals((await session.digest(CKM.SHA256, data)).length > 0, true);
  });
});

describe("the longest salt of RSA-PSS", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  before(async () => {
    on = await TokenSession.open();
  });
  after(() => on.close());

  it("is what the key has room for, in one piece, in many, in parts, and OpenSSL agrees", async () => {
    const { session } = on;
    const { privateKey, publicKey } = await session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 1024, publicExponent: Uint8Array.of(1, 0, 1), verify: true },
      { sign: true },
    );
    const longest = rsaPss({ hash: "SHA-256", saltLength: "max" });
    // 1024 bits: 128 bytes less the digest and two.
    const exact = rsaPss({ hash: "SHA-256", saltLength: 128 - 32 - 2 });
    const signatures = [
      await session.sign(privateKey, longest, data),
      session.signSync(privateKey, longest, data),
      ...await session.signMany(privateKey, longest, [data, data]),
    ];
    await using signer = session.signer(privateKey, longest);
    await signer.update(data);
    signatures.push(await signer.final());
    const key = createPublicKey(await publicKey.publicKey("pem"));
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    for (const signature of signatures) {
      assert(session.verifySync(publicKey, exact, data, signature));
      assert(await session.verify(publicKey, longest, data, signature));
      assert(verify("sha256", data, { key, padding, saltLength: 94 }, signature));
    }
    assertEquals(await session.verifyMany(publicKey, longest, [data, data], signatures.slice(0, 2)), [true, true]);
    const short = await session.sign(privateKey, rsaPss({ hash: "SHA-256" }), data);
    assertFalse(await session.verify(publicKey, longest, data, short));
  });

  it("is a TypeError for keys that have no modulus, and for other words", async () => {
    const pair = await on.ecPair();
    await assertRejects(
      () => on.session.sign(pair.privateKey, rsaPss({ hash: "SHA-256", saltLength: "max" }), data),
      Error,
    );
    assertThrows(() => rsaPss({ hash: "SHA-256", saltLength: "most" as "max" }), TypeError, '"most" is neither');
  });
});
