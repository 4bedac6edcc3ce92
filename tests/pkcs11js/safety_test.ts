// pkcs11js/: what ends the process with the addon, and what callers of a module must not do to each other.
import { assert, assertEquals, assertInstanceOf, assertNotMatch, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import {
  CK_PARAMS_KEA_DERIVE,
  CK_PARAMS_PBE,
  CK_PARAMS_RC2,
  CKA_CLASS,
  CKA_EC_PARAMS,
  CKA_LABEL,
  CKA_PRIVATE,
  CKA_SIGN,
  CKA_TOKEN,
  CKA_VALUE_LEN,
  CKA_WRAP_TEMPLATE,
  CKF_RW_SESSION,
  CKF_SERIAL_SESSION,
  CKM_EC_KEY_PAIR_GEN,
  CKM_ECDSA,
  CKM_GENERIC_SECRET_KEY_GEN,
  CKM_SHA256,
  CKM_SHA256_HMAC,
  CKO_DATA,
  CKU_USER,
  type Handle,
  NativeError,
  PKCS11,
  Pkcs11Error,
} from "../../pkcs11js/mod.ts";
import { engineFor } from "../../session/core/module_core.ts";
import { openTable } from "../../session/managed/open_backend.ts";
import { Module } from "../../session/tokens/module.ts";
import { Session } from "../../session/tokens/session.ts";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";

const P256 = Buffer.from("06082a8648ce3d030107", "hex");
const message = Buffer.from("message");
const flags = CKF_RW_SESSION | CKF_SERIAL_SESSION;

describe("pkcs11js before and after a module's life", { skip: softhsmSkip }, () => {
  const module = softhsmSkip === false ? createToken().module : "";

  it("says what is missing", async () => {
    const pkcs11 = new PKCS11();
    const early = assertThrows(() => pkcs11.C_GetInfo(), NativeError);
    assertEquals([early.name, early.message, early.method], [
      "NativeError",
      "PKCS11 module not loaded yet",
      "C_GetInfo",
    ]);
    await assertRejects(() => pkcs11.C_SignAsync(message as Handle, message, message), NativeError);
    assertThrows(() => pkcs11.load("/nowhere/module.so"), Error, "/nowhere/module.so");
    pkcs11.load(module);
    const error = assertThrows(() => pkcs11.C_Finalize(), Pkcs11Error);
    assertEquals([error.message, error.method], ["CKR_CRYPTOKI_NOT_INITIALIZED", "C_Finalize"]);
    assert(/C_Finalize/.test(error.nativeStack));
    assertThrows(() => pkcs11.C_Initialize("x" as never), TypeError, "Argument 0 has wrong type. Should be an Object");
    assertThrows(() => pkcs11.C_Initialize({ libraryParameters: 1 as never }), TypeError, "'libraryParameters'");
    assertThrows(() => pkcs11.C_GenerateRandom(Buffer.alloc(8), message), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    pkcs11.C_Initialize({});
    assertThrows(() => pkcs11.C_Initialize(), Pkcs11Error, "CKR_CRYPTOKI_ALREADY_INITIALIZED");
    pkcs11.close();
    assertThrows(() => pkcs11.C_GetInfo(), NativeError, "PKCS11 module not loaded yet");
    pkcs11.close();
    pkcs11.load(module);
    pkcs11.C_Initialize();
    pkcs11.C_Finalize();
    assertThrows(() => pkcs11.C_GetSlotList(), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    await assertRejects(
      () => pkcs11.C_DigestAsync(Buffer.alloc(8), message, message),
      Pkcs11Error,
      "CKR_CRYPTOKI_NOT_INITIALIZED",
    );
  });
});

describe("pkcs11js in a module's life", { skip: softhsmSkip }, () => {
  const token = softhsmSkip === false ? createToken() : null!;

  function begin(): { pkcs11: PKCS11; slot: Handle; session: Handle } {
    const pkcs11 = new PKCS11(token.module);
    pkcs11.C_Initialize();
    const slot = pkcs11.C_GetSlotList(true).find((each) => pkcs11.C_GetTokenInfo(each).label.trim() === token.label)!;
    return { pkcs11, slot, session: pkcs11.C_OpenSession(slot, flags) };
  }

  function hmacKey(pkcs11: PKCS11, session: Handle): Handle {
    return pkcs11.C_GenerateKey(session, { mechanism: CKM_GENERIC_SECRET_KEY_GEN }, [
      { type: CKA_TOKEN, value: false },
      { type: CKA_SIGN, value: true },
      { type: CKA_VALUE_LEN, value: 32 },
    ]);
  }

  const makePair = (pkcs11: PKCS11, session: Handle) =>
    pkcs11.C_GenerateKeyPairAsync(session, { mechanism: CKM_EC_KEY_PAIR_GEN }, [
      { type: CKA_EC_PARAMS, value: P256 },
      { type: CKA_TOKEN, value: false },
    ], [{ type: CKA_TOKEN, value: false }, { type: CKA_SIGN, value: true }]);

  it("makes the calls of a session in the order they came, in place and not", async () => {
    const { pkcs11, session } = begin();
    pkcs11.C_Login(session, CKU_USER, token.userPin);
    const key = hmacKey(pkcs11, session);
    const order: number[] = [];
    const made: Promise<unknown>[] = [];
    const macs: Buffer[] = [];
    for (let index = 0; index < 5; index++) {
      pkcs11.C_SignInit(session, { mechanism: CKM_SHA256_HMAC }, key);
      made.push(
        pkcs11.C_SignAsync(session, message, Buffer.alloc(32)).then((mac) => {
          order.push(index);
          macs.push(mac);
        }),
      );
    }
    pkcs11.C_SignInit(session, { mechanism: CKM_SHA256_HMAC }, key);
    macs.push(pkcs11.C_Sign(session, message, Buffer.alloc(32)));
    await Promise.all(made);
    assertEquals(order, [0, 1, 2, 3, 4]);
    assertEquals(new Set(macs.map((mac) => mac.toString("hex"))).size, 1);
    pkcs11.C_Finalize();
  });

  it("waits for pending calls before a session, the sessions of a slot or the module end", async () => {
    for (const end of ["C_CloseSession", "C_CloseAllSessions", "C_Finalize", "close"] as const) {
      const { pkcs11, slot, session } = begin();
      pkcs11.C_Login(session, CKU_USER, token.userPin);
      const pending = [makePair(pkcs11, session), makePair(pkcs11, session)];
      const told = new Promise<unknown[]>((resolve) =>
        pkcs11.C_GenerateKey(session, { mechanism: CKM_SHA256 }, [], (...args) => resolve(args))
      );
      pkcs11[end](end === "C_CloseSession" ? session : slot as never);
      const pairs = await Promise.all(pending);
      assertEquals(pairs.every(({ privateKey }) => Buffer.isBuffer(privateKey)), true);
      assertInstanceOf((await told)[0], Pkcs11Error);
      pkcs11.close();
    }
  });

  it("keeps the order of a session's calls as long as the session, whoever has called in it", async () => {
    const engine = engineFor(openTable(token.module));
    for (const end of ["C_CloseSession", "C_CloseAllSessions", "C_Finalize", "close"] as const) {
      const { pkcs11, slot, session } = begin();
      const other = new PKCS11(token.module);
      other.C_Initialize();
      const handle = session.readBigUInt64LE();
      const isKept: boolean[] = [];
      for (const each of [other, pkcs11, other]) {
        each.C_DigestInit(session, { mechanism: CKM_SHA256 });
        await each.C_DigestAsync(session, message, Buffer.alloc(32));
        isKept.push(engine.knownLane(handle) !== undefined);
      }
      assertEquals(isKept, [false, true, true]);
      pkcs11[end](end === "C_CloseSession" ? session : slot as never);
      assertEquals(engine.knownLane(handle), undefined);
      other.close();
      pkcs11.close();
    }
  });

  it("runs no callback within another call, and lets it call what it wants", async () => {
    const { pkcs11, session } = begin();
    let within = false;
    const told = new Promise<boolean>((resolve) => {
      pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
      pkcs11.C_Digest(session, message, Buffer.alloc(32), () => {
        const wasWithin = within;
        pkcs11.C_Finalize();
        resolve(wasWithin);
      });
    });
    within = true;
    pkcs11.C_GetSessionInfo(session);
    within = false;
    assertEquals(await told, false);
  });

  it("counts every object as a caller: none ends the module for another", () => {
    const first = begin();
    const second = begin();
    second.pkcs11.C_Login(second.session, CKU_USER, token.userPin);
    second.pkcs11.C_Finalize();
    assertThrows(() => second.pkcs11.C_GetInfo(), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    // Its sessions are closed and its login is over, as with a C_Finalize of the module's own.
    assertThrows(() => first.pkcs11.C_GetSessionInfo(second.session), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
    assertEquals(first.pkcs11.C_GetSessionInfo(first.session).state, 2);
    first.pkcs11.C_Finalize();
  });

  it("keeps a login for those who count on it", () => {
    const first = begin();
    const second = begin();
    const state = () => first.pkcs11.C_GetSessionInfo(first.session).state;
    first.pkcs11.C_Login(first.session, CKU_USER, token.userPin);
    assertThrows(() => second.pkcs11.C_Logout(second.session), Pkcs11Error, "CKR_USER_NOT_LOGGED_IN");
    assertThrows(
      () => second.pkcs11.C_Login(second.session, CKU_USER, token.userPin),
      Pkcs11Error,
      "CKR_USER_ALREADY_LOGGED_IN",
    );
    second.pkcs11.C_Logout(second.session);
    assertEquals(state(), 3);
    assertThrows(() => second.pkcs11.C_Login(second.session, CKU_USER, token.userPin), Pkcs11Error);
    second.pkcs11.C_Finalize();
    assertEquals(state(), 3);
    first.pkcs11.C_Logout(first.session);
    assertEquals(state(), 2);
    first.pkcs11.C_Finalize();
  });

  for (const managed of ["gp11", "auto", false] as const) {
    it(`is counted together with a Module that is managed by ${managed}`, async () => {
      const module = await Module.load(token.module, { managed });
      const slot = (await module.slots({ tokenPresent: true })).find((each) =>
        each.tokenInfoSync().label === token.label
      )!;
      const session = await slot.openSession();
      const door = begin();
      const info = door.pkcs11.C_GetSessionInfo(door.session);
      door.pkcs11.C_CloseAllSessions(door.slot);
      assertThrows(() => door.pkcs11.C_GetSessionInfo(door.session), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
      door.pkcs11.C_Finalize();
      assertEquals((await session.getInfo()).slotId, info.slotID.readBigUInt64LE());
      const again = begin();
      await module.close();
      assertEquals(again.pkcs11.C_GetSessionInfo(again.session).state, 2);
      again.pkcs11.C_Finalize();
      assertThrows(() => again.pkcs11.C_GetInfo(), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    });
  }

  it("shares a session handle with the session of a Module", async () => {
    const module = await Module.load(token.module, { managed: "gp11" });
    const { pkcs11, slot, session } = begin();
    const same = (await module.slots()).find((each) => each.id === slot.readBigUInt64LE())!;
    const wrapped = Session.fromHandle(same, session.readBigUInt64LE());
    const random = wrapped.generateRandom(1 << 16);
    const error = assertThrows(() => pkcs11.C_CloseSession(session), NativeError);
    assertEquals(error.method, "C_CloseSession");
    await random;
    pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
    const digest = pkcs11.C_DigestAsync(session, message, Buffer.alloc(32));
    assertThrows(() => wrapped.generateRandomSync(1));
    await digest;
    pkcs11.C_Finalize();
    await module.close();
  });

  it("passes numbers on whole, and refuses what is none", () => {
    const { pkcs11, slot, session } = begin();
    assertThrows(() => pkcs11.C_OpenSession(slot, 2 ** 40), Pkcs11Error, "CKR_SESSION_PARALLEL_NOT_SUPPORTED");
    assertThrows(() => pkcs11.C_OpenSession(slot, 1.5), RangeError, "Argument 1 is out of range: 1.5");
    assertThrows(() => pkcs11.C_OpenSession(slot, 2 ** 60), RangeError);
    assertThrows(
      () => pkcs11.C_OpenSession(slot, "6" as never),
      TypeError,
      "Argument 1 has wrong type. Should be a Number",
    );
    assertThrows(() => pkcs11.C_Login(session, NaN, "1"), RangeError);
    assertThrows(() => pkcs11.C_CreateObject(session, [{ type: 2 ** 60, value: 1 }]), RangeError);
    assertThrows(() => pkcs11.C_CreateObject(session, [{ type: CKA_CLASS, value: 0.5 }]), RangeError);
    assertThrows(() => pkcs11.C_FindObjects(session, -(2 ** 40)), RangeError);
    assertThrows(() => pkcs11.C_GetMechanismInfo(slot, 0x8000_0001 | 0), Pkcs11Error, "CKR_MECHANISM_INVALID");
    pkcs11.C_Finalize();
  });

  it("refuses arguments of the wrong number or kind, in the addon's words", async () => {
    const { pkcs11, slot, session } = begin();
    const any = pkcs11 as unknown as Record<string, (...args: unknown[]) => unknown>;
    const wrong: [string, unknown[], string][] = [
      ["C_GetSlotInfo", [], "Parameters are required. Expected 1 arguments, but received 0."],
      ["C_Digest", [session, message], "Parameters are required. Expected 3 arguments, but received 2."],
      ["C_Digest", [session, message, message, 1], "Argument 3 has wrong type. Should be a Function"],
      ["C_Digest", [session, message, message, 1, 2], "Parameters are required. Expected 4 arguments, but received 5."],
      ["C_GetSlotInfo", ["wrong"], "Argument 0 has wrong type. Should be a Buffer"],
      ["C_GetSlotInfo", [Buffer.alloc(0)], "Argument 0 has wrong length. Should be 8 bytes."],
      ["C_GetSlotInfo", [new ArrayBuffer(8)], "Argument 0 has wrong type. Should be a Buffer"],
      ["C_GetSlotList", [1], "Argument 0 has wrong type. Should be a Boolean"],
      ["C_Login", [session, 1, 1234], "Argument 2 has wrong type. Should be a String"],
      ["C_CreateObject", [session, {}], "Argument 1 has wrong type. Should be an Array"],
      ["C_CreateObject", [session, [1]], "Element 0 has wrong type. Should be an Object"],
      ["C_CreateObject", [session, [{}]], "Element 0 has wrong type. Property 'type' should be a Number"],
      [
        "C_CreateObject",
        [session, [{ type: CKA_LABEL, value: {} }]],
        "Element 0 has wrong type. Property 'value' should be a Number, Boolean, String or Buffer",
      ],
      ["C_DigestInit", [session, 1], "Argument 1 has wrong type. Should be an Object"],
      ["C_DigestInit", [session, {}], "Argument 1 has wrong type. Property 'mechanism' should be a Number"],
      [
        "C_DigestInit",
        [session, { mechanism: 1, parameter: "x" }],
        "Argument 1 has wrong type. Property 'parameter' should be an Object or Buffer",
      ],
      [
        "C_DigestInit",
        [session, { mechanism: 1, parameter: {} }],
        "Argument 1 has wrong type. Property 'type' should be a Number",
      ],
      ["C_DigestInit", [session, { mechanism: 1, parameter: { type: CK_PARAMS_RC2 } }], "no known CK_PARAMS number"],
      [
        "C_DigestInit",
        [session, { mechanism: 1, parameter: { type: CK_PARAMS_PBE, initVector: message } }],
        "Property 'password' of CK_PBE_PARAMS mechanism parameter should be Buffer",
      ],
      [
        "C_DigestInit",
        [session, {
          mechanism: 1,
          parameter: {
            type: CK_PARAMS_KEA_DERIVE,
            randomA: message,
            randomB: slot.subarray(1, 3),
            publicData: message,
          },
        }],
        "Property 'randomB' of CK_KEA_DERIVE_PARAMS mechanism parameter should be",
      ],
    ];
    for (const [name, args, text] of wrong) assertThrows(() => any[name]!(...args), TypeError, text);
    await assertRejects(() => any["C_DigestAsync"]!(session, message) as Promise<unknown>, TypeError, "Expected 4");
    pkcs11.C_Finalize();
  });

  it("uses the memory of Buffers whatever they say of themselves, and whatever becomes of them", async () => {
    const { pkcs11, session } = begin();
    const start = () => pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
    start();
    const digest = pkcs11.C_Digest(session, message, Buffer.alloc(32)).toString("hex");
    class Liar extends Uint8Array {
      override get length(): number {
        return 2 ** 40;
      }
    }
    const lying = new Liar(message);
    const own = Object.defineProperty(Buffer.from(message), "length", { value: 2 ** 31 });
    const shared = new Uint8Array(new SharedArrayBuffer(7));
    shared.set(message);
    const resizable = new Uint8Array(new ArrayBuffer(7, { maxByteLength: 64 }));
    resizable.set(message);
    const view = new DataView(Uint8Array.from(message).buffer);
    const disguised = Object.setPrototypeOf(new DataView(view.buffer), Buffer.prototype);
    for (const input of [lying, own, shared, resizable, view, disguised]) {
      start();
      assertEquals(pkcs11.C_Digest(session, input as Uint8Array, Buffer.alloc(32)).toString("hex"), digest);
    }
    const words = Object.setPrototypeOf(new Float64Array(4), Buffer.prototype);
    start();
    pkcs11.C_Digest(session, message, words);
    assertEquals(Buffer.from(words.buffer).toString("hex"), digest);
    const long = new Uint8Array(100);
    start();
    const ofLong = pkcs11.C_Digest(session, long, Buffer.alloc(32)).toString("hex");
    pkcs11.C_DigestInit(new Liar(session) as Handle, { mechanism: CKM_SHA256 });
    const room32 = Buffer.alloc(32);
    assertEquals(pkcs11.C_Digest(new Liar(session) as Handle, new Liar(long), room32).toString("hex"), ofLong);
    // Room that overlaps what is read.
    const both = Buffer.alloc(64);
    message.copy(both);
    start();
    assertEquals(pkcs11.C_Digest(session, both.subarray(0, 7), both).toString("hex"), digest);
    const gone = new Uint8Array(Uint8Array.from(message).buffer);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    start();
    assertThrows(() => pkcs11.C_Digest(session, gone, Buffer.alloc(32)), TypeError, "detached");
    // Room that is taken away while the module writes.
    const room = Buffer.from(new ArrayBuffer(32));
    const pending = pkcs11.C_DigestAsync(session, message, room);
    structuredClone(room.buffer, { transfer: [room.buffer as ArrayBuffer] });
    await assertRejects(() => pending, TypeError);
    const changing = Buffer.from(message);
    start();
    const later = pkcs11.C_DigestAsync(session, changing, Buffer.alloc(32));
    changing.fill(0);
    assertEquals((await later).toString("hex"), digest);
    pkcs11.C_Finalize();
  });

  it("writes to long rooms where they lie as long as they are there, however often they were used", () => {
    const { pkcs11, session } = begin();
    const digested = (input: Uint8Array, room: Uint8Array) => {
      pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
      const result = pkcs11.C_Digest(session, input, room as Buffer);
      assertEquals([result.buffer, result.byteOffset], [room.buffer, room.byteOffset]);
      return result.toString("hex");
    };
    const inputs = [20, 4095, 4096, 100_000].map((length) => new Uint8Array(length).fill(length));
    const rooms = [Buffer.alloc(8192), Buffer.alloc(1024), Buffer.alloc(9000).subarray(500)];
    for (const input of inputs) {
      const wanted = createHash("sha256").update(input).digest("hex");
      for (let round = 0; round < 4; round++) {
        for (const room of rooms) assertEquals(digested(input, room), wanted);
        assertEquals(digested(input, Buffer.alloc(32)), wanted);
      }
      const shared = new Uint8Array(new SharedArrayBuffer(input.length));
      shared.set(input);
      assertEquals(digested(shared, rooms[0]!), wanted);
      assertEquals(digested(input, Buffer.from(new ArrayBuffer(8192, { maxByteLength: 8193 }))), wanted);
    }
    // What lies there now is another's.
    const [input, room] = [inputs[3]!, rooms[0]!];
    const lost = new Uint8Array(
      structuredClone(room.buffer as ArrayBuffer, { transfer: [room.buffer as ArrayBuffer] }),
    );
    lost.fill(1);
    assertThrows(() => digested(inputs[0]!, room), TypeError, "detached");
    pkcs11.C_Digest(session, message, Buffer.alloc(32));
    structuredClone(input.buffer, { transfer: [input.buffer] });
    assertThrows(() => digested(input, rooms[1]!), TypeError, "detached");
    assert(lost.every((byte) => byte === 1));
    pkcs11.C_Finalize();
  });

  it("takes calls from getters of what it is given", () => {
    const { pkcs11, session } = begin();
    const template = [
      { type: CKA_CLASS, value: CKO_DATA },
      { type: CKA_PRIVATE, value: false },
      {
        type: CKA_LABEL,
        get value(): string {
          pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
          pkcs11.C_Digest(session, message, Buffer.alloc(32));
          return "within";
        },
      },
    ];
    const object = pkcs11.C_CreateObject(session, template);
    assertEquals(
      pkcs11.C_GetAttributeValue(session, object, [{ type: CKA_LABEL }])[0]!.value.toString(),
      "within",
    );
    const ending = {
      type: CKA_LABEL,
      get value(): string {
        if (pkcs11.C_GetSlotList().length > 0) pkcs11.C_Finalize();
        return "";
      },
    };
    assertThrows(() => pkcs11.C_CreateObject(session, [ending]), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    pkcs11.C_Initialize();
    const last = {
      get mechanism(): number {
        pkcs11.C_Finalize();
        return CKM_SHA256;
      },
    };
    assertThrows(() => pkcs11.C_DigestInit(session, last), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
  });

  it("shows no PIN, and reads no template of templates through pointers that are none", () => {
    const { pkcs11, session } = begin();
    const pin = "n0t-the-pin";
    const error = assertThrows(() => pkcs11.C_Login(session, CKU_USER, pin), Pkcs11Error, "CKR_PIN_INCORRECT");
    assertNotMatch(inspect(error, { showHidden: true }), new RegExp(pin));
    pkcs11.C_Login(session, CKU_USER, token.userPin);
    const key = hmacKey(pkcs11, session);
    assertEquals(
      pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_WRAP_TEMPLATE }])[0]!.value.length,
      0,
    );
    pkcs11.C_SignInit(session, { mechanism: CKM_SHA256_HMAC }, key);
    assertThrows(() => pkcs11.C_SignInit(session, { mechanism: CKM_ECDSA }, key), Pkcs11Error);
    pkcs11.C_CloseSession(session);
    assertThrows(() => pkcs11.C_CloseSession(session), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
    assertThrows(() => pkcs11.C_Sign(session, message, Buffer.alloc(32)), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
    pkcs11.C_Finalize();
  });
});
