// pkcs11js/: what the addon's users see, function by function, on a token.
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import * as pkcs11js from "../../pkcs11js/mod.ts";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";

const {
  CKA_CLASS,
  CKA_DECRYPT,
  CKA_DERIVE,
  CKA_EC_PARAMS,
  CKA_EC_POINT,
  CKA_ENCRYPT,
  CKA_EXTRACTABLE,
  CKA_KEY_TYPE,
  CKA_LABEL,
  CKA_MODULUS_BITS,
  CKA_PRIVATE,
  CKA_PUBLIC_EXPONENT,
  CKA_SENSITIVE,
  CKA_SIGN,
  CKA_START_DATE,
  CKA_TOKEN,
  CKA_UNWRAP,
  CKA_VALUE,
  CKA_VALUE_LEN,
  CKA_VERIFY,
  CKA_WRAP,
  CKF_DONT_BLOCK,
  CKF_RW_SESSION,
  CKF_SERIAL_SESSION,
  CKO_DATA,
  CKO_SECRET_KEY,
  CKU_USER,
  Pkcs11Error,
  PKCS11,
} = pkcs11js;

type Handle = pkcs11js.Handle;
type Names = Record<string, unknown>;

const P256 = Buffer.from("06082a8648ce3d030107", "hex");
const message = Buffer.from("message");
const session32 = [
  { type: CKA_TOKEN, value: false },
  { type: CKA_PRIVATE, value: false },
  { type: CKA_SENSITIVE, value: false },
  { type: CKA_EXTRACTABLE, value: true },
  { type: CKA_VALUE_LEN, value: 32 },
];

/** The three ways to make a call that has all of them. */
async function threeWays(pkcs11: pkcs11js.PKCS11, name: string, begin: () => void, args: () => unknown[]) {
  const called = pkcs11 as unknown as Record<string, (...args: unknown[]) => unknown>;
  begin();
  const results = [called[name]!(...args())];
  begin();
  results.push(await called[`${name}Async`]!(...args()));
  begin();
  results.push(
    await new Promise((resolve, reject) =>
      called[name]!(...args(), (error: unknown, result: unknown) => error ? reject(error) : resolve(result))
    ),
  );
  return results;
}

describe("the constants of pkcs11js", () => {
  it("are those of its version 2.1, each with its number", () => {
    const named = Object.entries(pkcs11js as Names).filter(([name]) => /^CK[A-Z]*_/.test(name));
    assertEquals(named.length, 655);
    const text = named.map(([name, value]) => `${name}=${value}\n`).sort((a, b) => a < b ? -1 : 1).join("");
    assertEquals(
      createHash("sha256").update(text).digest("hex"),
      "6b21651f58f32007bb693a298ff04937c184c2f644b07cdabfde998ce8219406",
    );
  });

  it("are members of the default export too, with the classes", () => {
    assertEquals(
      Object.keys(pkcs11js.default).sort(),
      Object.keys(pkcs11js).filter((name) => name !== "default").sort(),
    );
  });
});

describe("the errors of pkcs11js", () => {
  it("take apart what native code says", () => {
    const error = new Pkcs11Error("Error: CKR_PIN_LOCKED:164\n    at PKCS11.C_Login (native)\n    at main");
    assertEquals([error.name, error.message, error.code, error.method], [
      "Pkcs11Error",
      "CKR_PIN_LOCKED",
      164,
      "C_Login",
    ]);
    assertEquals(error.nativeStack, "    at PKCS11.C_Login (native)\n    at main");
    assertInstanceOf(error, pkcs11js.NativeError);
    assertEquals(new pkcs11js.NativeError("one\ntwo").message, "one");
    assertEquals([Pkcs11Error.isPkcs11("CKR_OK:0"), Pkcs11Error.isPkcs11("no")], [true, false]);
  });
});

describe("pkcs11js on a token", { skip: softhsmSkip }, () => {
  const token = softhsmSkip === false ? createToken() : null!;
  const pkcs11 = new PKCS11();
  let slot: Handle;
  let session: Handle;

  before(() => {
    pkcs11.load(token.module);
    pkcs11.C_Initialize({ flags: 0 });
    slot = pkcs11.C_GetSlotList(true).find((each) => pkcs11.C_GetTokenInfo(each).label.trim() === token.label)!;
    session = pkcs11.C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION);
    pkcs11.C_Login(session, CKU_USER, token.userPin);
  });

  // Tokens of the files after this one are seen by a module that begins anew.
  after(() => pkcs11.C_Finalize());

  function makeKey(mechanism: number, ...uses: number[]): Handle {
    return pkcs11.C_GenerateKey(session, { mechanism }, [
      ...session32,
      ...uses.map((type) => ({ type, value: true })),
    ]);
  }

  it("tells of the module, the slot, the token, its mechanisms and the session", () => {
    assertEquals(pkcs11.libPath, token.module);
    assertEquals(Object.keys(pkcs11.C_GetInfo()), [
      "cryptokiVersion",
      "manufacturerID",
      "flags",
      "libraryDescription",
      "libraryVersion",
    ]);
    const slotInfo = pkcs11.C_GetSlotInfo(slot);
    assertEquals([slotInfo.slotDescription.length, slotInfo.manufacturerID.length], [64, 32]);
    const info = pkcs11.C_GetTokenInfo(slot);
    assertEquals(
      Object.keys(info).join(" "),
      "label manufacturerID model serialNumber flags maxSessionCount sessionCount maxRwSessionCount rwSessionCount " +
        "maxPinLen minPinLen hardwareVersion firmwareVersion utcTime totalPublicMemory freePublicMemory " +
        "totalPrivateMemory freePrivateMemory",
    );
    assertEquals([info.label.length, info.utcTime.length, typeof info.freePrivateMemory], [32, 16, "bigint"]);
    assert(pkcs11.C_GetMechanismList(slot).includes(pkcs11js.CKM_SHA256));
    assertEquals(pkcs11.C_GetMechanismInfo(slot, pkcs11js.CKM_SHA256).flags, pkcs11js.CKF_DIGEST);
    const { slotID, state } = pkcs11.C_GetSessionInfo(session);
    assertEquals([Buffer.isBuffer(slotID), slotID.equals(slot), state], [true, true, 3]);
    assertEquals(pkcs11.C_WaitForSlotEvent(CKF_DONT_BLOCK), null);
    assert(pkcs11.C_GetSlotList().length >= pkcs11.C_GetSlotList(true).length);
  });

  it("writes values of every kind, and reads them into the template that asks", () => {
    const object = pkcs11.C_CreateObject(session, [
      { type: CKA_CLASS, value: CKO_DATA },
      { type: CKA_LABEL, value: "Grüße" },
      { type: CKA_VALUE, value: Buffer.from("data") },
      { type: CKA_PRIVATE, value: false },
    ]);
    const template = [{ type: CKA_CLASS }, { type: CKA_LABEL, value: "x" }, { type: CKA_VALUE }];
    const read = pkcs11.C_GetAttributeValue(session, object, template);
    assertStrictEquals(read as unknown, template);
    assertEquals(read.map(({ value }) => value.toString("hex")), [
      "0000000000000000",
      Buffer.from("Grüße").toString("hex"),
      Buffer.from("data").toString("hex"),
    ]);
    const values: [pkcs11js.Attribute["value"], string][] = [
      [true, "01"],
      [1, "0100000000000000"],
      [2 ** 40, "0000000000010000"],
      [-1, "ffffffff00000000"],
      [Uint8Array.of(1, 2), "0102"],
      [new Uint8Array(200).fill(7), "07".repeat(200)],
      [null, ""],
      ["", ""],
    ];
    for (const [value, hex] of values) {
      pkcs11.C_SetAttributeValue(session, object, [{ type: CKA_LABEL, value: value! }]);
      assertEquals(
        pkcs11.C_GetAttributeValue(session, object, [{ type: CKA_LABEL }])[0]!.value.toString("hex"),
        hex,
      );
    }
    const copy = pkcs11.C_CopyObject(session, object, [{ type: CKA_LABEL, value: "copy" }]);
    assert(!copy.equals(object));
    assertEquals(typeof pkcs11.C_GetObjectSize(session, copy), "number");
    const absent = [{ type: CKA_LABEL }, { type: CKA_DERIVE }];
    assertThrows(
      () => pkcs11.C_GetAttributeValue(session, copy, absent),
      Pkcs11Error,
      "CKR_ATTRIBUTE_TYPE_INVALID",
    );
    pkcs11.C_DestroyObject(session, copy);
    assertThrows(() => pkcs11.C_DestroyObject(session, copy), Pkcs11Error, "CKR_OBJECT_HANDLE_INVALID");
  });

  it("takes dates as texts, bytes and dates", () => {
    for (const value of ["20200102", Buffer.from("20200102"), new Date("2020-01-02"), "20200102T1"]) {
      const key = pkcs11.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
        ...session32,
        { type: CKA_START_DATE, value },
      ]);
      assertEquals(
        pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_START_DATE }])[0]!.value.toString(),
        "20200102",
      );
    }
    const wrong = (value: number | string) => () => pkcs11.C_CreateObject(session, [{ type: CKA_START_DATE, value }]);
    const what = "Attribute with type 0x00000110 is not convertible to CK_DATE.";
    assertThrows(wrong(1), TypeError, `${what} Should be a String, Buffer or Date`);
    assertThrows(wrong("1"), TypeError, `${what} The length of the data should be at least 8 bytes.`);
  });

  it("finds objects one by one, in batches, and more than there are", () => {
    const label = { type: CKA_LABEL, value: "to be found" };
    for (let count = 0; count < 3; count++) {
      pkcs11.C_CreateObject(session, [
        { type: CKA_CLASS, value: CKO_DATA },
        { type: CKA_PRIVATE, value: false },
        label,
      ]);
    }
    pkcs11.C_FindObjectsInit(session, [label]);
    const one = pkcs11.C_FindObjects(session);
    assert(Buffer.isBuffer(one));
    assertEquals(pkcs11.C_FindObjects(session, 1).length, 1);
    assertEquals(pkcs11.C_FindObjects(session, 0xffff_ffff).length, 1);
    assertEquals(pkcs11.C_FindObjects(session), null);
    assertEquals(pkcs11.C_FindObjects(session, 2), []);
    pkcs11.C_FindObjectsFinal(session);
    const error = assertThrows(() => pkcs11.C_FindObjects(session), Pkcs11Error);
    assertEquals([error.message, error.method], ["CKR_OPERATION_NOT_INITIALIZED", "C_FindObjects"]);
  });

  it("digests whole, in parts and keys, in three ways", async () => {
    const digest = createHash("sha256").update(message).digest("hex");
    const begin = () => pkcs11.C_DigestInit(session, { mechanism: pkcs11js.CKM_SHA256 });
    for (const result of await threeWays(pkcs11, "C_Digest", begin, () => [session, message, Buffer.alloc(40)])) {
      assert(Buffer.isBuffer(result));
      assertEquals(result.toString("hex"), digest);
    }
    const parts = () => {
      begin();
      pkcs11.C_DigestUpdate(session, message.subarray(0, 3));
      pkcs11.C_DigestUpdate(session, message.subarray(3));
    };
    for (const result of await threeWays(pkcs11, "C_DigestFinal", parts, () => [session, Buffer.alloc(32)])) {
      assertEquals((result as Buffer).toString("hex"), digest);
    }
    const large = Buffer.alloc(70_000, 5);
    begin();
    assertEquals(
      pkcs11.C_Digest(session, large, Buffer.alloc(70_000)).toString("hex"),
      createHash("sha256").update(large).digest("hex"),
    );
    const key = makeKey(pkcs11js.CKM_GENERIC_SECRET_KEY_GEN);
    begin();
    pkcs11.C_DigestKey(session, key);
    const value = pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_VALUE }])[0]!.value;
    assertEquals(
      pkcs11.C_DigestFinal(session, Buffer.alloc(32)).toString("hex"),
      createHash("sha256").update(value).digest("hex"),
    );
    begin();
    await assertRejects(
      () => pkcs11.C_DigestAsync(session, message, Buffer.alloc(1)),
      Pkcs11Error,
      "CKR_BUFFER_TOO_SMALL",
    );
    pkcs11.C_Digest(session, message, Buffer.alloc(32));
  });

  it("digests data of every length into room of every length, with one mechanism after the other", () => {
    const mechanisms = [["sha256", pkcs11js.CKM_SHA256], ["sha512", pkcs11js.CKM_SHA512], ["sha1", pkcs11js.CKM_SHA_1]];
    // Short calls and long ones are laid out in ways of their own.
    for (const length of [0, 1, 7, 8, 4095, 4096]) {
      const data = Buffer.alloc(length, length);
      for (const room of [64, 65, 1023, 1024, 4096]) {
        for (const [name, mechanism] of mechanisms as [string, number][]) {
          const right = createHash(name).update(data).digest("hex");
          const out = Buffer.alloc(room, 0xee);
          pkcs11.C_DigestInit(session, { mechanism });
          assertEquals(pkcs11.C_Digest(session, data, out).toString("hex"), right);
          assertEquals(out.toString("hex"), right.padEnd(room * 2, "e"));
        }
      }
    }
  });

  it("signs and verifies, in three ways", async () => {
    const key = makeKey(pkcs11js.CKM_GENERIC_SECRET_KEY_GEN, CKA_SIGN, CKA_VERIFY);
    const mechanism = { mechanism: pkcs11js.CKM_SHA256_HMAC };
    const begin = () => pkcs11.C_SignInit(session, mechanism, key);
    const macs = await threeWays(pkcs11, "C_Sign", begin, () => [session, message, Buffer.alloc(64)]) as Buffer[];
    const parts = () => {
      begin();
      pkcs11.C_SignUpdate(session, message);
    };
    macs.push(...await threeWays(pkcs11, "C_SignFinal", parts, () => [session, Buffer.alloc(64)]) as Buffer[]);
    assertEquals(new Set(macs.map((mac) => mac.toString("hex"))).size, 1);
    const mac = macs[0]!;
    const verify = () => pkcs11.C_VerifyInit(session, mechanism, key);
    assertEquals(await threeWays(pkcs11, "C_Verify", verify, () => [session, message, mac]), [true, true, true]);
    const verifyParts = () => {
      verify();
      pkcs11.C_VerifyUpdate(session, message);
    };
    assertEquals(await threeWays(pkcs11, "C_VerifyFinal", verifyParts, () => [session, mac]), [true, true, true]);
    verify();
    const error = assertThrows(() => pkcs11.C_Verify(session, message, Buffer.alloc(32)), Pkcs11Error);
    assertEquals([error.message, error.code], ["CKR_SIGNATURE_INVALID", pkcs11js.CKR_SIGNATURE_INVALID]);
    verify();
    const told = await new Promise<unknown[]>((resolve) =>
      pkcs11.C_Verify(session, message, Buffer.alloc(32), (...args) => resolve(args))
    );
    assertInstanceOf(told[0], Pkcs11Error);
    assertEquals(told[1], null);
  });

  it("encrypts and decrypts with raw parameters and structures, in three ways", async () => {
    const key = makeKey(pkcs11js.CKM_AES_KEY_GEN, CKA_ENCRYPT, CKA_DECRYPT);
    const iv = Buffer.alloc(16, 3);
    const mechanisms: pkcs11js.Mechanism[] = [
      { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: iv },
      {
        mechanism: pkcs11js.CKM_AES_GCM,
        parameter: {
          type: pkcs11js.CK_PARAMS_AES_GCM,
          iv: iv.subarray(0, 12),
          aad: message,
          tagBits: 128,
        } as pkcs11js.AesGCM,
      },
      {
        mechanism: pkcs11js.CKM_AES_GCM,
        parameter: {
          type: pkcs11js.CK_PARAMS_GCM,
          iv: iv.subarray(0, 12),
          ivBits: 96,
          tagBits: 96,
        } as pkcs11js.GcmParams,
      },
    ];
    for (const mechanism of mechanisms) {
      const begin = () => pkcs11.C_EncryptInit(session, mechanism, key);
      const results = await threeWays(
        pkcs11,
        "C_Encrypt",
        begin,
        () => [session, message, Buffer.alloc(64)],
      ) as Buffer[];
      const [encrypted] = results;
      assert(results.every((each) => each.equals(encrypted!)));
      const back = () => pkcs11.C_DecryptInit(session, mechanism, key);
      for (const each of await threeWays(pkcs11, "C_Decrypt", back, () => [session, encrypted, Buffer.alloc(64)])) {
        assertEquals((each as Buffer).toString(), "message");
      }
    }
    const [mechanism] = mechanisms;
    const [small, ...large] = [
      Buffer.alloc(64),
      Buffer.alloc(0x2000),
      Buffer.from(new ArrayBuffer(0x2000, { maxByteLength: 0x4000 })),
    ].map((room) => {
      pkcs11.C_EncryptInit(session, mechanism!, key);
      const result = pkcs11.C_Encrypt(session, message, room);
      assertEquals([result.buffer === room.buffer, result.length], [true, 16]);
      return result;
    });
    assert(large.every((each) => each.equals(small!)));
    const parts: Buffer[] = [];
    const begin = () => {
      pkcs11.C_EncryptInit(session, mechanism!, key);
      parts.length = 0;
      parts.push(Buffer.from(pkcs11.C_EncryptUpdate(session, Buffer.alloc(20, 1), Buffer.alloc(64))));
    };
    const ends = await threeWays(pkcs11, "C_EncryptFinal", begin, () => [session, Buffer.alloc(64)]) as Buffer[];
    const whole = Buffer.concat([parts[0]!, ends[2]!]);
    const firsts: Buffer[] = [];
    const back = () => {
      pkcs11.C_DecryptInit(session, mechanism!, key);
      firsts.push(pkcs11.C_DecryptUpdate(session, whole, Buffer.alloc(64)));
    };
    const lasts = await threeWays(pkcs11, "C_DecryptFinal", back, () => [session, Buffer.alloc(64)]) as Buffer[];
    lasts.forEach((last, index) => assertEquals(Buffer.concat([firsts[index]!, last]), Buffer.alloc(20, 1)));
  });

  it("makes, derives, wraps and unwraps keys, in three ways", async () => {
    const pairs = await threeWays(pkcs11, "C_GenerateKeyPair", () => {}, () => [
      session,
      { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
      [{ type: CKA_EC_PARAMS, value: P256 }, { type: CKA_TOKEN, value: false }],
      [{ type: CKA_DERIVE, value: true }, { type: CKA_TOKEN, value: false }],
    ]) as pkcs11js.KeyPair[];
    const points = pairs.map(({ publicKey }) =>
      pkcs11.C_GetAttributeValue(session, publicKey, [{ type: CKA_EC_POINT }])[0]!.value
    );
    const derived = (own: number, other: number) =>
      threeWays(pkcs11, "C_DeriveKey", () => {}, () => [
        session,
        {
          mechanism: pkcs11js.CKM_ECDH1_DERIVE,
          parameter: { type: pkcs11js.CK_PARAMS_EC_DH, kdf: pkcs11js.CKD_NULL, publicData: points[other] },
        },
        pairs[own]!.privateKey,
        [
          ...session32,
          { type: CKA_CLASS, value: CKO_SECRET_KEY },
          { type: CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
          { type: CKA_WRAP, value: true },
          { type: CKA_UNWRAP, value: true },
        ],
      ]) as Promise<Handle[]>;
    const keys = [...await derived(0, 1), ...await derived(1, 0)];
    const values = keys.map((key) =>
      pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_VALUE }])[0]!.value.toString("hex")
    );
    assertEquals(new Set(values).size, 1);
    const mechanism = { mechanism: pkcs11js.CKM_AES_KEY_WRAP };
    const wrapped = await threeWays(pkcs11, "C_WrapKey", () => {}, () => [
      session,
      mechanism,
      keys[0],
      keys[1],
      Buffer.alloc(128),
    ]) as Buffer[];
    assertEquals(wrapped[0]!.length, 40);
    const unwrapped = await threeWays(pkcs11, "C_UnwrapKey", () => {}, () => [
      session,
      mechanism,
      keys[0],
      wrapped[0],
      [
        { type: CKA_CLASS, value: CKO_SECRET_KEY },
        { type: CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
        ...session32.slice(0, 4),
      ],
    ]) as Handle[];
    for (const key of unwrapped) {
      assertEquals(
        pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_VALUE }])[0]!.value.toString("hex"),
        values[0],
      );
    }
  });

  it("uses RSA with PSS and OAEP", () => {
    const { privateKey, publicKey } = pkcs11.C_GenerateKeyPair(
      session,
      { mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN },
      [{ type: CKA_MODULUS_BITS, value: 1024 }, { type: CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) }],
      [{ type: CKA_SIGN, value: true }, { type: CKA_DECRYPT, value: true }],
    );
    const pss: pkcs11js.RsaPSS = {
      type: pkcs11js.CK_PARAMS_RSA_PSS,
      hashAlg: pkcs11js.CKM_SHA256,
      mgf: pkcs11js.CKG_MGF1_SHA256,
      saltLen: 32,
    };
    const signing = { mechanism: pkcs11js.CKM_SHA256_RSA_PKCS_PSS, parameter: pss };
    pkcs11.C_SignInit(session, signing, privateKey);
    const signature = pkcs11.C_Sign(session, message, Buffer.alloc(128));
    pkcs11.C_VerifyInit(session, signing, publicKey);
    assertEquals(pkcs11.C_Verify(session, message, signature), true);
    const oaep: pkcs11js.RsaOAEP = {
      type: pkcs11js.CK_PARAMS_RSA_OAEP,
      hashAlg: pkcs11js.CKM_SHA_1,
      mgf: pkcs11js.CKG_MGF1_SHA1,
      source: 1,
    };
    const sealing = { mechanism: pkcs11js.CKM_RSA_PKCS_OAEP, parameter: oaep };
    pkcs11.C_EncryptInit(session, sealing, publicKey);
    const sealed = pkcs11.C_Encrypt(session, message, Buffer.alloc(128));
    pkcs11.C_DecryptInit(session, sealing, privateKey);
    assertEquals(pkcs11.C_Decrypt(session, sealed, Buffer.alloc(128)).toString(), "message");
  });

  it("fills and seeds random numbers, and hands on what a module cannot", async () => {
    const room = Buffer.alloc(32);
    assertStrictEquals(pkcs11.C_GenerateRandom(session, room), room);
    assert(!room.equals(Buffer.alloc(32)));
    const large = Buffer.alloc(5000);
    assertStrictEquals(pkcs11.C_GenerateRandom(session, large), large);
    assert(!large.subarray(4900).equals(Buffer.alloc(100)));
    pkcs11.C_SeedRandom(session, room);
    for (const name of ["DigestEncrypt", "DecryptDigest", "SignEncrypt", "DecryptVerify"]) {
      await assertRejects(
        () => threeWays(pkcs11, `C_${name}Update`, () => {}, () => [session, message, Buffer.alloc(40)]),
        Pkcs11Error,
        "CKR_FUNCTION_NOT_SUPPORTED",
      );
    }
    assertThrows(() => pkcs11.C_GetOperationState(session), Pkcs11Error);
    assertThrows(() => pkcs11.C_SetOperationState(session, message, slot, slot), Pkcs11Error);
    const recover = { mechanism: pkcs11js.CKM_RSA_PKCS };
    assertThrows(() => pkcs11.C_SignRecoverInit(session, recover, slot), Pkcs11Error);
    assertThrows(() => pkcs11.C_VerifyRecoverInit(session, recover, slot), Pkcs11Error);
    assertThrows(() => pkcs11.C_SignRecover(session, message, Buffer.alloc(9)), Pkcs11Error);
    assertThrows(() => pkcs11.C_VerifyRecover(session, message, Buffer.alloc(9)), Pkcs11Error);
  });

  it("initialises tokens and PINs, and says who is logged in", () => {
    const empty = pkcs11.C_GetSlotList(true).at(-1)!;
    const label = `${token.label}b`;
    assertEquals(pkcs11.C_InitToken(empty, "12345678", label), label);
    const made = pkcs11.C_GetSlotList(true).find((each) => pkcs11.C_GetTokenInfo(each).label.trim() === label)!;
    const other = pkcs11.C_OpenSession(made, CKF_RW_SESSION | CKF_SERIAL_SESSION);
    pkcs11.C_Login(other, pkcs11js.CKU_SO, "12345678");
    pkcs11.C_InitPIN(other, "2468");
    assertEquals(pkcs11.C_GetSessionInfo(other).state, 4);
    pkcs11.C_Logout(other);
    pkcs11.C_Login(other, CKU_USER, "2468");
    pkcs11.C_SetPIN(other, "2468", "13579");
    const again = assertThrows(() => pkcs11.C_Login(other, CKU_USER, "13579"), Pkcs11Error);
    assertEquals(again.message, "CKR_USER_ALREADY_LOGGED_IN");
    pkcs11.C_CloseAllSessions(made);
    assertThrows(() => pkcs11.C_GetSessionInfo(other), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
    // The first token's session is another's.
    pkcs11.C_GetSessionInfo(session);
  });
});
