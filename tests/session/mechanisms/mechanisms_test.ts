import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { CKF } from "../../../ffi/constants/ckf.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import { CKH } from "../../../ffi/constants/objects.ts";
import { CK, CKD, CKG, CKP, CKZ } from "../../../ffi/constants/parameters.ts";
import {
  type BuiltParameter,
  type Mechanism,
  type MechanismUse,
  prepareMechanism,
  writeMechanism,
} from "../../../ffi/memory/mechanisms.ts";
import type { Block } from "../../../ffi/memory/block.ts";
import type { Abi } from "../../../ffi/runtime/native.ts";
import { readStruct, type StructDefinition, structLayout, type StructRead } from "../../../ffi/memory/structs.ts";
import * as cipher from "../../../ffi/memory/structs_cipher.ts";
import * as derive from "../../../ffi/memory/structs_derive.ts";
import { CK_MECHANISM } from "../../../ffi/memory/structs_infos.ts";
import * as publicKey from "../../../ffi/memory/structs_public_key.ts";
import * as m from "../../../session/mechanisms/mod.ts";
import { abis, pointedTo, usedBlock } from "../../_support/native_block.ts";

/** The members of a built parameter as C sees them, bytes in place of the pointers that have a length. */
function written<D extends StructDefinition>(
  mechanism: { readonly parameter: BuiltParameter | Uint8Array | null },
  definition: D,
  use: MechanismUse = {},
  abi: Abi = abis.lp64,
): { block: Block; offset: number; values: { -readonly [name in keyof D]: StructRead<D[name]> } } {
  const block = usedBlock(abi, 8192);
  const { offset, length } = (mechanism.parameter as BuiltParameter).write(block, use);
  assertEquals(length, structLayout(definition, abi).size);
  return { block, offset, values: readStruct(block, definition, offset) };
}

const bytes = (length: number, start = 1) => Uint8Array.from({ length }, (_, index) => start + index);

describe("a mechanism for C", () => {
  function seen(mechanism: Mechanism, abi: Abi = abis.lp64) {
    const block = usedBlock(abi);
    const { offset } = writeMechanism(block, prepareMechanism(mechanism));
    const values = readStruct(block, CK_MECHANISM, offset);
    const length = Number(values.ulParameterLen);
    return {
      type: values.mechanism,
      parameter: length > 0 ? pointedTo(block, values.pParameter, length) : values.pParameter,
    };
  }

  it("is its type alone, with a NULL parameter", () => {
    assertEquals(seen(CKM.ECDSA), { type: CKM.ECDSA, parameter: 0n });
    assertEquals(seen({ type: CKM.ECDSA }), { type: CKM.ECDSA, parameter: 0n });
    assertEquals(seen({ type: CKM.ECDSA, parameter: new Uint8Array(0) }), { type: CKM.ECDSA, parameter: 0n });
    assertEquals(seen(CKM.VENDOR_DEFINED | 1), { type: 0x80000001, parameter: 0n });
  });

  it("carries raw bytes, copied when the call is made", () => {
    const iv = bytes(16);
    const prepared = prepareMechanism({ type: CKM.AES_CBC, parameter: iv.buffer });
    iv.fill(0);
    assertEquals(seen(prepared), { type: CKM.AES_CBC, parameter: bytes(16) });
    assertEquals(seen(m.rawMechanism(0x80000001, bytes(3)), abis.windows), { type: 0x80000001, parameter: bytes(3) });
  });

  it("refuses what is none", () => {
    const wrong: unknown[] = ["CKM_AES_GCM", null, undefined, {}, { type: "1" }, { type: 1, parameter: 5 }, {
      type: 1,
      parameter: {},
    }];
    for (const mechanism of wrong) {
      assertThrows(() => prepareMechanism(mechanism as Mechanism), TypeError, "Cannot use a mechanism");
    }
    for (const type of [1.5, NaN, -(2 ** 32)]) assertThrows(() => prepareMechanism(type), RangeError);
    assertThrows(() => m.rawMechanism(1, "bytes" as unknown as Uint8Array), TypeError, "expected bytes");
  });
});

describe("AES-GCM", () => {
  for (const [name, abi] of [["LP64", abis.lp64], ["Windows", abis.windows]] as const) {
    it(`writes CK_GCM_PARAMS: ${name}`, () => {
      const mechanism = m.aesGcm({ iv: bytes(12), additionalData: bytes(5, 50), tagLength: 96 });
      assertEquals(mechanism.type, CKM.AES_GCM);
      const { block, values } = written(mechanism, cipher.CK_GCM_PARAMS, {}, abi);
      assertEquals([values.ulIvLen, values.ulIvBits, values.ulAADLen, values.ulTagBits], [12, 96, 5, 96]);
      assertEquals(pointedTo(block, values.pIv, 12), bytes(12));
      assertEquals(pointedTo(block, values.pAAD, 5), bytes(5, 50));
    });
  }

  it("copies its inputs when it is built", () => {
    const iv = bytes(12);
    const mechanism = m.aesGcm({ iv });
    iv.fill(0);
    assertEquals(mechanism.parameter.iv, bytes(12));
    mechanism.parameter.iv.fill(0);
    assertEquals(mechanism.parameter.iv, bytes(12));
  });

  it("gives the IV a token has made", () => {
    const mechanism = m.aesGcm({ iv: new Uint8Array(12) });
    const block = usedBlock(abis.lp64);
    const { offset, readBack } = writeMechanism(block, prepareMechanism(mechanism));
    const parameter = Number(readStruct(block, CK_MECHANISM, offset).pParameter - block.base);
    const { pIv } = readStruct(block, cipher.CK_GCM_PARAMS, parameter);
    block.bytesAt(Number(pIv - block.base), 12).set(bytes(12, 100));
    assertEquals(mechanism.parameter.iv, new Uint8Array(12));
    readBack();
    assertEquals(mechanism.parameter.iv, bytes(12, 100));
  });

  it("has no additional data as NULL", () => {
    const { values } = written(m.aesGmac({ iv: bytes(12) }), cipher.CK_GCM_PARAMS);
    assertEquals([values.pAAD, values.ulAADLen, values.ulTagBits], [0n, 0, 128]);
  });

  it("leaves the IV to the token where there is none, and takes long ones", () => {
    for (const options of [{ iv: new Uint8Array(0), additionalData: bytes(5) }, { additionalData: bytes(5) }]) {
      const { block, values } = written(m.aesGcm(options), cipher.CK_GCM_PARAMS);
      assertEquals([values.pIv, values.ulIvLen, values.ulIvBits, values.ulAADLen], [0n, 0, 0, 5]);
      assertEquals(pointedTo(block, values.pAAD, 5), bytes(5));
    }
    assertEquals(m.aesGcm({ iv: new Uint8Array(0) }).parameter.iv, new Uint8Array(0));
    const long = m.aesGcm({ iv: bytes(1000) });
    const { block, values } = written(long, cipher.CK_GCM_PARAMS);
    assertEquals([values.ulIvLen, values.ulIvBits, long.parameter.iv], [1000, 8000, bytes(1000)]);
    assertEquals(pointedTo(block, values.pIv, 1000), bytes(1000));
    assertEquals(m.aesGcmMessage({ iv: bytes(1000) }).parameter.iv, bytes(1000));
    assertThrows(() => m.aesGcmMessage({ iv: new Uint8Array(0) }), RangeError, "it has 0 bytes");
  });

  it("leaves an IV of a length to the token, splits it off and decrypts with it", () => {
    const mechanism = m.aesGcm({ ivLength: 12, additionalData: bytes(5), tagLength: 96 });
    assertEquals(mechanism.parameter.iv, new Uint8Array(0));
    assertThrows(
      () => written(mechanism, cipher.CK_GCM_PARAMS, { operation: "decrypt" }),
      TypeError,
      "the iv is not known yet",
    );
    const { values } = written(mechanism, cipher.CK_GCM_PARAMS, { operation: "encrypt", dataLength: 10 });
    assertEquals([values.pIv, values.ulIvLen, values.ulAADLen, values.ulTagBits], [0n, 0, 5, 96]);
    assertEquals(mechanism.parameter.takeAppended!(bytes(34), 10), bytes(22));
    assertEquals(mechanism.parameter.iv, bytes(34).slice(22));
    const again = written(mechanism, cipher.CK_GCM_PARAMS, { operation: "decrypt" });
    assertEquals(pointedTo(again.block, again.values.pIv, 12), bytes(34).slice(22));
    const missing = assertThrows(() => mechanism.parameter.takeAppended!(bytes(22), 10), RangeError);
    assertEquals(
      missing.message,
      "Cannot use the module's answer: it has 22 bytes, expected 22 and an IV of 12; the token does not make the IV, give iv",
    );
    assertThrows(() => m.aesGcm({ ivLength: 12, iv: bytes(12) }), TypeError, "iv is given beside it");
    assertThrows(() => m.aesGcm({ ivLength: 0 }), RangeError, "ivLength of AES-GCM");
    assertThrows(() => m.aesGcm({}), TypeError, "the iv of AES-GCM");
    assertThrows(() => m.aesGmac({ ivLength: 12 } as never), TypeError, "ivLength of AES-GMAC");
  });

  it("refuses lengths that are none", () => {
    assertThrows(() => m.aesGcm({ iv: bytes(12), tagLength: 127 as never }), RangeError, "tagLength of AES-GCM 127");
    assertThrows(() => m.aesGcm({ iv: bytes(12), tagLength: 16 as never }), RangeError);
    assertThrows(() => m.aesGcm({ iv: "iv" as unknown as Uint8Array }), TypeError, "the iv of AES-GCM");
    assertThrows(() => m.aesGcm({} as m.AesGcmOptions), TypeError, "got undefined");
    assertThrows(() => m.aesGcm(undefined as unknown as m.AesGcmOptions), TypeError, "options");
  });
});

describe("other ciphers", () => {
  it("AES-CBC has its IV as parameter", () => {
    assertEquals(m.aesCbc({ iv: bytes(16) }), { type: CKM.AES_CBC_PAD, parameter: bytes(16) });
    assertEquals(m.aesCbc({ iv: bytes(16), pad: false }).type, CKM.AES_CBC);
    assertThrows(() => m.aesCbc({ iv: bytes(12) }), RangeError, "12 bytes, expected 16");
  });

  it("AES-CTR has the counter's bits and block", () => {
    const { values } = written(m.aesCtr({ counter: bytes(16), length: 64 }), cipher.CK_AES_CTR_PARAMS);
    assertEquals(values, { ulCounterBits: 64, cb: bytes(16) });
    for (const length of [0, 129, 1.5]) assertThrows(() => m.aesCtr({ counter: bytes(16), length }), RangeError);
    assertThrows(() => m.aesCtr({ counter: bytes(8), length: 64 }), RangeError);
  });

  it("AES-CCM takes the data's length from the call", () => {
    const mechanism = m.aesCcm({ nonce: bytes(13), additionalData: bytes(2), tagLength: 64 });
    const length = (use: MechanismUse) => written(mechanism, cipher.CK_CCM_PARAMS, use).values.ulDataLen;
    assertEquals(length({ operation: "encrypt", dataLength: 100 }), 100);
    assertEquals(length({ operation: "decrypt", dataLength: 108 }), 100);
    assertEquals(length({ operation: "decrypt", dataLength: 3 }), 0);
    assertThrows(() => length({ operation: "encrypt" }), TypeError, "dataLength");
    const { values } = written(m.aesCcm({ nonce: bytes(7), dataLength: 5 }), cipher.CK_CCM_PARAMS);
    assertEquals([values.ulDataLen, values.ulNonceLen, values.ulMACLen, values.pAAD], [5, 7, 16, 0n]);
    assertThrows(() => m.aesCcm({ nonce: bytes(14) }), RangeError, "7 to 13");
    assertThrows(() => m.aesCcm({ nonce: bytes(13), tagLength: 40 as never }), RangeError);
  });

  it("ChaCha20-Poly1305 and Salsa20-Poly1305 have nonce and additional data", () => {
    const { values } = written(m.chacha20Poly1305({ nonce: bytes(12) }), cipher.CK_SALSA20_CHACHA20_POLY1305_PARAMS);
    assertEquals([values.ulNonceLen, values.pAAD, values.ulAADLen], [12, 0n, 0]);
    assertEquals(m.salsa20Poly1305({ nonce: bytes(24) }).type, CKM.SALSA20_POLY1305);
    assertThrows(() => m.chacha20Poly1305({ nonce: bytes(11) }), RangeError, "8 or 12 or 24");
    const stream = written(m.chacha20({ counter: bytes(4), nonce: bytes(12) }), cipher.CK_CHACHA20_PARAMS);
    assertEquals([stream.values.blockCounterBits, stream.values.ulNonceBits], [32, 96]);
  });

  it("truncated MACs carry their length", () => {
    assertEquals(m.hmac({ hash: "SHA-384" }), { type: CKM.SHA384_HMAC, parameter: null });
    const truncated = m.hmac({ hash: "SHA-256", length: 16 });
    assertEquals(truncated.type, CKM.SHA256_HMAC_GENERAL);
    const block = usedBlock(abis.windows);
    const { offset, length } = truncated.parameter!.write(block, {});
    assertEquals(block.copyOut(offset, length), Uint8Array.of(16, 0, 0, 0));
    assertEquals([m.aesCmac().type, m.aesCmac({ length: 4 }).type], [CKM.AES_CMAC, CKM.AES_CMAC_GENERAL]);
    assertThrows(() => m.hmac({ hash: "SHA-256", length: 33 }), RangeError);
  });
});

describe("signatures and RSA", () => {
  it("know every hash, in any case, and as WebCrypto's object", () => {
    assertEquals(m.rsaPkcs1({ hash: "SHA-1" }).type, CKM.SHA1_RSA_PKCS);
    assertEquals(m.rsaPkcs1({ hash: "SHA3-512" }).type, CKM.SHA3_512_RSA_PKCS);
    assertEquals(m.ecdsa({ hash: "sha-256" as "SHA-256" }).type, CKM.ECDSA_SHA256);
    assertEquals(m.ecdsa({ hash: { name: "SHA-384" } }).type, CKM.ECDSA_SHA384);
    assertEquals([m.ecdsa().type, m.rsaPkcs1().type], [CKM.ECDSA, CKM.RSA_PKCS]);
    assertThrows(() => m.ecdsa({ hash: "MD5" as "SHA-1" }), TypeError, 'hash "MD5": expected one of SHA-1');
    assertThrows(() => m.ecdsa({ hash: 5 as unknown as "SHA-1" }), TypeError, "a number");
  });

  it("RSA-PSS has hash, mask and salt", () => {
    const mechanism = m.rsaPss({ hash: "SHA-256", saltLength: 20 });
    assertEquals(mechanism.type, CKM.SHA256_RSA_PKCS_PSS);
    assertEquals(written(mechanism, publicKey.CK_RSA_PKCS_PSS_PARAMS).values, {
      hashAlg: CKM.SHA256,
      mgf: CKG.MGF1_SHA256,
      sLen: 20,
    });
    const other = m.rsaPss({ hash: "SHA-512", mgfHash: "SHA-1", prehashed: true });
    assertEquals(other.type, CKM.RSA_PKCS_PSS);
    assertEquals(written(other, publicKey.CK_RSA_PKCS_PSS_PARAMS).values, {
      hashAlg: CKM.SHA512,
      mgf: CKG.MGF1_SHA1,
      sLen: 64,
    });
    for (const saltLength of [-1, 1.5, NaN]) {
      assertThrows(() => m.rsaPss({ hash: "SHA-256", saltLength }), RangeError, "saltLength");
    }
  });

  it("RSA-OAEP has hash, mask and label, and wraps an AES key in between", () => {
    const plain = written(m.rsaOaep({ hash: "SHA-256" }), publicKey.CK_RSA_PKCS_OAEP_PARAMS).values;
    assertEquals([plain.hashAlg, plain.mgf, plain.source], [CKM.SHA256, CKG.MGF1_SHA256, CKZ.DATA_SPECIFIED]);
    assertEquals([plain.pSourceData, plain.ulSourceDataLen], [0n, 0]);
    const { block, values } = written(
      m.rsaAesKeyWrap({ hash: "SHA-1", label: bytes(3) }),
      publicKey.CK_RSA_AES_KEY_WRAP_PARAMS,
    );
    const inner = readStruct(block, publicKey.CK_RSA_PKCS_OAEP_PARAMS, Number(values.pOAEPParams - block.base));
    assertEquals([values.ulAESKeyBits, inner.hashAlg, inner.ulSourceDataLen], [256, CKM.SHA_1, 3]);
    assertThrows(() => m.rsaAesKeyWrap({ hash: "SHA-1", aesKeyBits: 512 as never }), RangeError, "512");
  });

  it("EdDSA has a parameter only when something is in it", () => {
    assertEquals(m.eddsa(), { type: CKM.EDDSA, parameter: null });
    assertEquals(m.eddsa({ prehash: false }).parameter, null);
    const { values } = written(m.eddsa({ context: bytes(4), prehash: true }), publicKey.CK_EDDSA_PARAMS);
    assertEquals([values.phFlag, values.ulContextDataLen], [1, 4]);
    const empty = written(m.eddsa({ context: new Uint8Array(0) }), publicKey.CK_EDDSA_PARAMS).values;
    assertEquals(empty, { phFlag: 0, ulContextDataLen: 0, pContextData: 0n });
    assertThrows(() => m.eddsa({ context: new Uint8Array(256) }), RangeError, "256 bytes");
    assertEquals(written(m.xeddsa({ hash: "SHA-512" }), publicKey.CK_XEDDSA_PARAMS).values, { hash: CKM.SHA512 });
  });

  it("ML-DSA and SLH-DSA have context, hedging and hash", () => {
    assertEquals(m.mlDsa(), { type: CKM.ML_DSA, parameter: null });
    assertEquals(m.slhDsa({ hash: "SHA-512" }).type, CKM.HASH_SLH_DSA_SHA512);
    const pure =
      written(m.mlDsa({ context: bytes(3), hedge: "deterministic" }), publicKey.CK_SIGN_ADDITIONAL_CONTEXT).values;
    assertEquals([pure.hedgeVariant, pure.ulContextLen], [CKH.DETERMINISTIC_REQUIRED, 3]);
    const prehashed = m.mlDsa({ hash: "SHA3-256", prehashed: true });
    assertEquals(prehashed.type, CKM.HASH_ML_DSA);
    assertEquals(written(prehashed, publicKey.CK_HASH_SIGN_ADDITIONAL_CONTEXT).values.hash, CKM.SHA3_256);
    assertThrows(() => m.mlDsa({ hash: "SHA-1" }), TypeError, "SHA-1 with ML-DSA");
    assertThrows(() => m.mlDsa({ prehashed: true }), TypeError, "needs the hash");
    assertThrows(() => m.slhDsa({ hedge: "maybe" as "required" }), TypeError, '"maybe"');
    assertThrows(() => m.slhDsa({ context: new Uint8Array(256) }), RangeError);
  });
});

describe("derivations and wrapping", () => {
  it("ECDH has KDF, shared data and point", () => {
    const mechanism = m.ecdh1({ public: bytes(65), kdf: "SHA-256", sharedData: bytes(3), cofactor: true });
    assertEquals(mechanism.type, CKM.ECDH1_COFACTOR_DERIVE);
    const { block, values } = written(mechanism, publicKey.CK_ECDH1_DERIVE_PARAMS);
    assertEquals([values.kdf, values.ulSharedDataLen, values.ulPublicDataLen], [CKD.SHA256_KDF, 3, 65]);
    assertEquals(pointedTo(block, values.pPublicData, 65), bytes(65));
    assertEquals(written(m.ecdh1({ public: bytes(65) }), publicKey.CK_ECDH1_DERIVE_PARAMS).values.kdf, CKD.NULL);
    assertThrows(() => m.ecdh1({ public: new Uint8Array(0) }), RangeError);
    assertThrows(() => m.ecdh1({ public: bytes(65), kdf: -1 }), RangeError);
    assertEquals(m.dh({ public: bytes(4) }), { type: CKM.DH_PKCS_DERIVE, parameter: bytes(4) });
    const other =
      written(m.x942Dh({ public: bytes(4), otherInfo: bytes(2) }), publicKey.CK_X9_42_DH1_DERIVE_PARAMS).values;
    assertEquals([other.kdf, other.ulOtherInfoLen, other.ulPublicDataLen], [CKD.NULL, 2, 4]);
  });

  it("HKDF says where its salt comes from", () => {
    const saltType = (options: Partial<m.HkdfOptions>) =>
      written(m.hkdf({ hash: "SHA-256", ...options }), derive.CK_HKDF_PARAMS).values;
    assertEquals(saltType({}).ulSaltType, CKF.HKDF_SALT_NULL);
    assertEquals(saltType({ salt: bytes(2) }).ulSaltType, CKF.HKDF_SALT_DATA);
    assertEquals([saltType({ salt: 7n }).ulSaltType, saltType({ salt: 7n }).hSaltKey], [CKF.HKDF_SALT_KEY, 7]);
    assertEquals([saltType({ extract: false }).bExtract, saltType({ expand: false }).bExpand], [0, 0]);
    assertEquals(m.hkdf({ hash: "SHA-1", data: true }).type, CKM.HKDF_DATA);
    assertThrows(() => m.hkdf({ hash: "SHA-1", salt: -1n }), RangeError);
  });

  it("PBKDF2 gives the password's length by value or pointer, in a block that is overwritten", () => {
    const options = { hash: "SHA-512", salt: bytes(8), iterations: 210_000, password: "pässword" } as const;
    const { block, values } = written(m.pbkdf2(options), derive.CK_PKCS5_PBKD2_PARAMS2);
    assertEquals([values.saltSource, values.prf, values.iterations], [
      CKZ.SALT_SPECIFIED,
      CKP.PKCS5_PBKD2_HMAC_SHA512,
      210_000,
    ]);
    assertEquals(
      new TextDecoder().decode(pointedTo(block, values.pPassword, Number(values.ulPasswordLen))),
      "pässword",
    );
    assert(block.secret);
    const old = written(m.pbkdf2({ ...options, passwordLength: "pointer" }), derive.CK_PKCS5_PBKD2_PARAMS);
    assertEquals(old.block.getUlong(Number(old.values.ulPasswordLen - old.block.base)), 9);
    assertThrows(() => m.pbkdf2({ ...options, iterations: 0 }), RangeError, "iterations");
    assertThrows(() => m.pbkdf2({ ...options, hash: "SHA3-256" }), TypeError, "SHA3-256 with PBKDF2");
    assertThrows(() => m.pbkdf2({ ...options, password: 5 as unknown as string }), TypeError, "the password");
  });

  it("SP 800-108 writes its parts in order", () => {
    const parts = [{ counter: 16, littleEndian: true }, bytes(3), { keyLength: 32, method: "segments" }] as const;
    const mechanism = m.kbkdf({ mode: "counter", prf: CKM.AES_CMAC, parts });
    assertEquals(mechanism.type, CKM.SP800_108_COUNTER_KDF);
    const { block, values } = written(mechanism, derive.CK_SP800_108_KDF_PARAMS);
    assertEquals([values.prfType, values.ulNumberOfDataParams], [CKM.AES_CMAC, 3]);
    const start = Number(values.pDataParams - block.base);
    const { size } = structLayout(derive.CK_PRF_DATA_PARAM, block.abi);
    const types = [0, 1, 2].map((index) => readStruct(block, derive.CK_PRF_DATA_PARAM, start + index * size).type);
    assertEquals(types, [CK.SP800_108_ITERATION_VARIABLE, CK.SP800_108_BYTE_ARRAY, CK.SP800_108_DKM_LENGTH]);
    assertThrows(
      () => m.kbkdf({ mode: "counter", prf: "SHA-256", parts: [{ counter: 12 as never }] }),
      RangeError,
      "12",
    );
    assertThrows(() => m.kbkdf({ mode: "other" as "counter", prf: "SHA-256", parts: [] }), TypeError, '"other"');
    assertThrows(() => m.kbkdf({ mode: "counter", prf: "SHA-256", parts: [5 as unknown as Uint8Array] }), TypeError);
  });

  it("AES key wrap has its paddings and initial values", () => {
    assertEquals(m.aesKeyWrap(), { type: CKM.AES_KEY_WRAP, parameter: null });
    assertEquals(m.aesKeyWrap({ padding: "KWP", iv: bytes(4) }), { type: CKM.AES_KEY_WRAP_KWP, parameter: bytes(4) });
    assertEquals(m.aesKeyWrap({ padding: "PKCS7" }).type, CKM.AES_KEY_WRAP_PKCS7);
    assertThrows(() => m.aesKeyWrap({ iv: bytes(4) }), RangeError, "4 bytes, expected 8");
    assertThrows(() => m.aesKeyWrap({ padding: "none!" as "none" }), TypeError, "none!");
    const { values } = written(
      m.ecdhAesKeyWrap({ kdf: "SHA-256", aesKeyBits: 128 }),
      publicKey.CK_ECDH_AES_KEY_WRAP_PARAMS,
    );
    assertEquals([values.ulAESKeyBits, values.kdf], [128, CKD.SHA256_KDF]);
  });

  it("derivations from data have their data", () => {
    const { block, values } = written(
      m.dataDerivation("xor-base-and-data", bytes(5)),
      derive.CK_KEY_DERIVATION_STRING_DATA,
    );
    assertEquals(pointedTo(block, values.pData, Number(values.ulLen)), bytes(5));
    assertEquals(m.dataDerivation(CKM.SEED_ECB_ENCRYPT_DATA, bytes(16)).type, CKM.SEED_ECB_ENCRYPT_DATA);
    assertThrows(() => m.dataDerivation("nothing" as m.DataDerivation, bytes(1)), TypeError, '"nothing"');
    assertThrows(() => m.aesCbcEncryptData({ iv: bytes(16), data: bytes(17) }), RangeError, "multiple of 16");
  });
});

describe("messages and TLS", () => {
  it("give the nonce and the tag the token has made", () => {
    const mechanism = m.aesGcmMessage({ iv: bytes(12), fixedBits: 32, generator: "counter", tagLength: 96 });
    const { block, offset, values } = written(mechanism, cipher.CK_GCM_MESSAGE_PARAMS);
    assertEquals([values.ulIvLen, values.ulIvFixedBits, values.ivGenerator, values.ulTagBits], [
      12,
      32,
      CKG.GENERATE_COUNTER,
      96,
    ]);
    block.bytesAt(Number(values.pIv - block.base), 12).set(bytes(12, 30));
    block.bytesAt(Number(values.pTag - block.base), 12).set(bytes(12, 60));
    mechanism.parameter.readBack!(block, offset);
    assertEquals([mechanism.parameter.iv, mechanism.parameter.tag], [bytes(12, 30), bytes(12, 60)]);
  });

  it("carry the tag to decrypt, and CCM the length", () => {
    const gcm = m.aesGcmMessage({ iv: bytes(12), tag: bytes(16) });
    assertEquals(gcm.parameter.tag, bytes(16));
    assertThrows(() => m.aesGcmMessage({ iv: bytes(12), tag: bytes(12) }), RangeError, "expected 16");
    const ccm = written(m.aesCcmMessage({ nonce: bytes(13) }), cipher.CK_CCM_MESSAGE_PARAMS, { dataLength: 9 });
    assertEquals([ccm.values.ulDataLen, ccm.values.ulMACLen, ccm.values.nonceGenerator], [9, 16, CKG.NO_GENERATE]);
    assertThrows(
      () => written(m.aesCcmMessage({ nonce: bytes(13) }), cipher.CK_CCM_MESSAGE_PARAMS),
      TypeError,
      "dataLength",
    );
    const chacha = m.chacha20Poly1305Message({ nonce: bytes(12) });
    assertEquals(written(chacha, cipher.CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS).values.ulNonceLen, 12);
    assertThrows(() => m.aesGcmMessage({ iv: bytes(12), fixedBits: 97 }), RangeError, "fixedBits");
    assertThrows(() => m.aesGcmMessage({ iv: bytes(12), generator: "dice" as "none" }), TypeError, "dice");
  });

  it("TLS mechanisms have the randoms, the digest and the lengths", () => {
    const randoms = { clientRandom: bytes(32), serverRandom: bytes(32, 100) };
    const { block, values } = written(
      m.tls12KeyBlock({ ...randoms, hash: "SHA-384", macLength: 0, keyLength: 256, ivLength: 32 }),
      derive.CK_TLS12_KEY_MAT_PARAMS,
    );
    assertEquals([values.ulKeySizeInBits, values.ulIVSizeInBits, values.prfHashMechanism], [256, 32, CKM.SHA384]);
    assertEquals(pointedTo(block, values["RandomInfo.pServerRandom"], 32), bytes(32, 100));
    assertThrows(
      () => m.tls12KeyBlock({ ...randoms, hash: "SHA-256", macLength: 0, keyLength: 127, ivLength: 0 }),
      RangeError,
      "127 bits",
    );
    const dh = m.tls12MasterSecret({ ...randoms, hash: "SHA-256", dh: true });
    assertEquals(written(dh, derive.CK_TLS12_MASTER_KEY_DERIVE_PARAMS).values.pVersion, 0n);
    const extended = m.tls12MasterSecret({ sessionHash: bytes(32), hash: "SHA-256" });
    assertEquals(extended.type, CKM.TLS12_EXTENDED_MASTER_KEY_DERIVE);
    assertEquals(written(extended, derive.CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS).values.ulSessionHashLen, 32);
    const kdf = written(m.tlsKdf({ ...randoms, hash: "SHA-256", label: "EXPORTER" }), derive.CK_TLS_KDF_PARAMS).values;
    assertEquals([kdf.ulLabelLength, kdf.ulContextDataLength], [8, 0]);
    const mac = written(m.tlsMac({ hash: "SHA-256", length: 12, side: "client" }), derive.CK_TLS_MAC_PARAMS).values;
    assertEquals([mac.ulMacLength, mac.ulServerOrClient], [12, 2]);
    assertThrows(() => m.tlsMac({ hash: "SHA-256", length: 12, side: "both" as "client" }), TypeError, "both");
  });
});
