import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM, ckmName } from "../../../ffi/constants/mod.ts";
import type { Mechanism } from "../../../ffi/memory/mechanisms.ts";
import {
  aesCbc,
  aesCcm,
  aesCtr,
  aesGcm,
  aesGmac,
  chacha20,
  chacha20Poly1305,
  salsa20Poly1305,
} from "../../../session/mechanisms/mod.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { type StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const skip = strictModuleSkip;
const iv = new Uint8Array(12).fill(1);
const raw = new Uint8Array(16).fill(1);
const inputs = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];

const ciphers = [
  aesGcm({ iv }),
  aesCcm({ nonce: iv }),
  aesCtr({ counter: raw, length: 32 }),
  chacha20({ counter: new Uint8Array(4), nonce: iv }),
  chacha20Poly1305({ nonce: iv }),
  salsa20Poly1305({ nonce: new Uint8Array(8) }),
  ...[CKM.AES_CTR, CKM.AES_OFB, CKM.AES_CFB128, CKM.AES_CFB8, CKM.CAMELLIA_CTR, CKM.SALSA20, CKM.DES_OFB64]
    .map((type) => ({ type, parameter: raw })),
];

describe("One IV, nonce or counter for many inputs", () => {
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

  it("is refused by encryptMany before the token is asked where each must have its own", { skip }, async () => {
    for (const mechanism of ciphers) {
      const message =
        `Cannot encrypt 2 inputs with one parameter: ${ckmName(mechanism.type)} wants another IV, nonce or counter ` +
        "for each; call encrypt for each";
      await assertRejects(() => session.encryptMany(key, mechanism, inputs), RangeError, message);
      assertThrows(() => session.encryptManySync(key, mechanism, inputs), RangeError, message);
    }
    assertEquals(strict.calls("C_EncryptInit"), 0);
  });

  it("is refused by signMany for AES-GMAC", { skip }, async () => {
    const message = "Cannot sign 2 inputs with one parameter: CKM_AES_GMAC wants another IV";
    await assertRejects(() => session.signMany(key, aesGmac({ iv }), inputs), RangeError, message);
    assertThrows(() => session.signManySync(key, aesGmac({ iv }), inputs), RangeError, message);
    assertEquals(strict.calls("C_SignInit"), 0);
  });

  it("is taken for a single input, and for none", { skip }, async () => {
    for (const mechanism of ciphers) {
      assertEquals((await session.encryptMany(key, mechanism, inputs.slice(1))).length, 1);
      assertEquals(session.encryptManySync(key, mechanism, inputs.slice(1)).length, 1);
      assertEquals(session.encryptManySync(key, mechanism, []), []);
    }
    assertEquals(session.signManySync(key, aesGmac({ iv }), inputs.slice(1)).length, 1);
  });

  it("is taken where the token makes the IV, there is none, or it may be the same", { skip }, async () => {
    const taken: Mechanism[] = [
      aesGcm({ ivLength: 12 }),
      aesGcm({ additionalData: iv }),
      aesGcm({ iv: new Uint8Array(0) }),
      CKM.AES_GCM,
      aesCbc({ iv: raw }),
      CKM.AES_ECB,
    ];
    for (const mechanism of taken) {
      assertEquals((await session.encryptMany(key, mechanism, inputs)).length, 2);
      assertEquals(session.encryptManySync(key, mechanism, inputs).length, 2);
    }
  });

  it("is taken by decryptMany and verifyMany, which give nothing away", { skip }, async () => {
    for (const mechanism of ciphers) {
      assertEquals((await session.decryptMany(key, mechanism, inputs)).length, 2);
      assertEquals(session.decryptManySync(key, mechanism, inputs).length, 2);
    }
    assertEquals((await session.verifyMany(key, aesGmac({ iv }), inputs, inputs)).length, 2);
  });
});
