import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  issueCertificate,
} from "../../../session/certificates/mod.ts";
import {
  ModuleLoadError,
  ObjectAmbiguousError,
  ObjectNotFoundError,
  Pkcs11Error,
  SessionBusyError,
  SessionClosedError,
  SlotAmbiguousError,
  SlotNotFoundError,
} from "../../../session/errors.ts";
import type { AttributesInit } from "../../../session/attributes/attributes_init.ts";
import { tokenSigner } from "../../../session/signer/token_signer.ts";
import { Module } from "../../../session/tokens/module.ts";
import { Pkcs11Object } from "../../../session/tokens/object.ts";
import { Session } from "../../../session/tokens/session.ts";
import { pseudoRandom } from "../../_support/pseudo_random.ts";
import { type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const SEED = 20261121;
const ROUNDS = 2500;
const timeout = 240_000;

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(32);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function detachedView(): Uint8Array<ArrayBuffer> {
  const view = new Uint8Array(new ArrayBuffer(32));
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** Methods that end what the others need, wait for ever, or belong to the class. */
const LEFT_OUT = new Set([
  "constructor",
  "close",
  "closeSync",
  "waitForSlotEvent",
  "share",
  "closeAllSessions",
  "closeAllSessionsSync",
  "encryptStream",
  "decryptStream",
  "dispatchEvent",
  "addEventListener",
  "removeEventListener",
]);

/** Functions that take keys. */
const FUNCTIONS = { createCertificateRequest, createSelfSignedCertificate, issueCertificate, tokenSigner };

function methodsOf(value: object): string[] {
  const names = new Set<string>();
  for (let at = value; at !== Object.prototype && at !== EventTarget.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof method === "function" && !LEFT_OUT.has(name)) names.add(name);
    }
  }
  return [...names].sort();
}

/** What an engine says of itself when code has run into something it did not expect. */
const THE_ENGINES_OWN =
  /^Cannot (read (properties|private)|convert|destructure|mix|access|use 'in'|set|perform|create|delete)/;

/** An error a caller can do something with: its class is known, and it says what and why. */
function isUseful(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const known = [
    TypeError,
    RangeError,
    Pkcs11Error,
    ModuleLoadError,
    SessionBusyError,
    SessionClosedError,
    ObjectNotFoundError,
    ObjectAmbiguousError,
    SlotNotFoundError,
    SlotAmbiguousError,
  ];
  if (!known.some((constructor) => error instanceof constructor)) return false;
  return error.message.startsWith("Cannot ") && !THE_ENGINES_OWN.test(error.message);
}

describe("Bad input", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  let key: Pkcs11Object;
  before(async () => {
    if (skip) return;
    ({ strict, module, session, key } = await openStrictToken());
  });
  after(() => module?.close());

  const garbage = (): unknown[] => [
    undefined,
    null,
    true,
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    1e300,
    -1n,
    2n ** 64n,
    2n ** 63n,
    "",
    "text",
    "\ud800",
    Symbol("s"),
    () => 1,
    [],
    [null],
    [-1],
    ["noSuchAttribute"],
    {},
    { type: -(2 ** 40) },
    { type: CKM.AES_GCM, parameter: 5 },
    { noSuchAttribute: 1 },
    { label: 5 },
    { modulusBits: -1 },
    { modulusBits: 2n ** 64n },
    { id: detached() },
    { signal: {} },
    { signal: "no" },
    { abort: "never" },
    { handle: -1n, session },
    detached(),
    detachedView(),
    new Uint8Array(0),
    new Uint8Array(new SharedArrayBuffer(16)),
    new SharedArrayBuffer(8),
    new ArrayBuffer(8, { maxByteLength: 64 }),
    new DataView(new ArrayBuffer(4)),
    new Date(NaN),
    new Map(),
    key,
    CKM.SHA256_HMAC,
    new Uint8Array(32),
  ];

  it(`${ROUNDS} calls with arguments of any kind end well or tell what is wrong`, { skip, timeout }, async () => {
    const random = pseudoRandom(SEED);
    const pool = session.slot.sessionPool({ max: 1 });
    const targets: [string, object][] = [
      ["module", module],
      ["slot", session.slot],
      ["session", session],
      ["key", key],
      ["pool", pool],
      ["", FUNCTIONS],
    ];
    const calls = targets.flatMap(([name, target]) => methodsOf(target).map((method) => ({ name, target, method })));
    assert(calls.length > 90, `only ${calls.length} methods`);
    const parts: { close(): unknown }[] = [];
    const problems: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { name, target, method } = calls[random(calls.length)]!;
      const values = garbage();
      const args = Array.from({ length: random(6) }, () => values[random(values.length)]);
      try {
        const call = (target as Record<string, (...args: unknown[]) => unknown>)[method]!;
        let result = await call.apply(target, args);
        if (typeof (result as AsyncIterator<unknown>)?.next === "function") {
          result = await (result as AsyncIterator<unknown>).next();
        }
        if (typeof (result as { close?: unknown })?.close === "function") parts.push(result as { close(): unknown });
      } catch (error) {
        if (!isUseful(error)) problems.push(`${name}.${method}(${args.map((a) => typeof a).join()}): ${String(error)}`);
      }
      for (const open of parts.splice(0)) await open.close();
    }
    assertEquals(problems, []);
    await pool.close();
    await session.idle();
    assertEquals([strict.sessions, strict.active, strict.overlaps], [1, 0, 0]);
    assertEquals((await session.sign(key, CKM.SHA256_HMAC, new Uint8Array(32))).length, 64);
  });

  it(
    "numbers beyond CK_ULONG, handles below zero and unknown attributes never reach C",
    { skip, timeout },
    async () => {
      const before = [
        "C_SignInit",
        "C_CreateObject",
        "C_Login",
        "C_SessionCancel",
        "C_GetMechanismInfo",
        "C_OpenSession",
      ]
        .map((fn) => strict.calls(fn as "C_Login"));
      const data = new Uint8Array(8);
      for (const number of [-1, 1.5, NaN, 2 ** 53, 1e300, 2n ** 64n, -1n] as number[]) {
        if (number !== -1 && typeof number === "number") {
          await assertRejects(() => session.sign(key, number, data), RangeError);
        }
        await assertRejects(() => session.createObject({ class: number }), RangeError);
        await assertRejects(() => session.login(number, "1"), RangeError);
        await assertRejects(() => session.cancelOperation(number), RangeError);
        await assertRejects(() => session.slot.hasFlags(number), RangeError);
        await assertRejects(() => session.slot.openSession({ login: { userType: number, pin: "1" } }), RangeError);
      }
      await assertRejects(() => session.createObject({ noSuch: 1 } as AttributesInit), TypeError, "noSuch");
      await assertRejects(() => key.get(["noSuch" as "label"]), TypeError, "noSuch");
      for (const handle of [-1n, 2n ** 64n]) {
        assertEquals(errorOf(() => new Pkcs11Object(session, handle)).name, "RangeError");
        assertEquals(errorOf(() => Session.fromHandle(session.slot, handle)).name, "RangeError");
      }
      for (const handle of [1, "1", null, undefined] as unknown as bigint[]) {
        assertEquals(errorOf(() => new Pkcs11Object(session, handle)).name, "TypeError");
        assertEquals(errorOf(() => Session.fromHandle(session.slot, handle)).name, "TypeError");
      }
      const after = [
        "C_SignInit",
        "C_CreateObject",
        "C_Login",
        "C_SessionCancel",
        "C_GetMechanismInfo",
        "C_OpenSession",
      ]
        .map((fn) => strict.calls(fn as "C_Login"));
      assertEquals(after, before);
    },
  );

  it("a DataView past the end of a buffer that was shrunk is refused in words", { skip, timeout }, async () => {
    const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
    const view = new DataView(buffer, 8, 8);
    buffer.resize(4);
    const words = "Cannot use data: its buffer has been shrunk";
    await assertRejects(() => session.digest(CKM.SHA256, view), TypeError, words);
    assertThrows(() => session.digestSync(CKM.SHA256, view), TypeError, words);
  });

  it("a detached buffer is refused, an empty one is data", { skip, timeout }, async () => {
    await assertRejects(() => session.sign(key, CKM.SHA256_HMAC, detached()), TypeError, "detached");
    await assertRejects(() => session.digest(CKM.SHA256, detachedView()), TypeError, "detached");
    await assertRejects(() => session.login(0, detached()), TypeError, "detached");
    for (const empty of [new Uint8Array(0), new ArrayBuffer(0), new DataView(new ArrayBuffer(0))]) {
      assertEquals((await session.digest(CKM.SHA256, empty)).length, 32);
      assertEquals(session.encryptSync(key, CKM.AES_GCM, empty).length, 0);
    }
  });

  it("what wants a key is refused without one before C is called", { skip, timeout }, async () => {
    const none = null as unknown as Pkcs11Object;
    const data = new Uint8Array(16);
    const mechanism = CKM.SHA256_HMAC;
    const calls: readonly (() => unknown)[] = [
      () => session.sign(none, mechanism, data),
      () => session.signSync(none, mechanism, data),
      ...["signMany", "encryptMany", "decryptMany"].flatMap((name) => [name, `${name}Sync`]).map((name) => () =>
        session[name as "signMany"](none, mechanism, [data])
      ),
      () => session.verifyMany(none, mechanism, [data], [data]),
      () => session.verifyManySync(none, mechanism, [data], [data]),
      ...["signer", "verifier", "encryptor", "decryptor"].flatMap((name) => [name, `${name}Sync`]).map((name) => () =>
        session[name as "signer"](none, mechanism)
      ),
      () => session.encryptStream(none, mechanism),
      () => session.decryptStream(none, mechanism),
    ];
    for (const call of calls) {
      const { message } = await assertRejects(async () => void await call(), TypeError, "the key is no Pkcs11Object");
      assert(message.startsWith("Cannot "), message);
    }
    assertEquals((await session.digest(CKM.SHA256, data)).length, 32);
  });

  it("64 MiB go in and out, in place and on a worker, on shared memory too", { skip, timeout }, async () => {
    const size = 64 << 20;
    for (const data of [new Uint8Array(size), new Uint8Array(new SharedArrayBuffer(size))]) {
      data[size - 1] = 0xa5;
      for (
        const encrypted of [session.encryptSync(key, CKM.AES_CTR, data), await session.encrypt(key, CKM.AES_CTR, data)]
      ) {
        assertEquals([encrypted.length, encrypted[0], encrypted[size - 1]], [size, 0x5a, 0xff]);
      }
    }
  });

  it("a call refused before it begins leaves the session free and the module closable", { skip, timeout }, async () => {
    const other = await session.slot.openSession();
    const options = [{ signal: {} }, { signal: 5 }, { abort: "never" }] as unknown as { signal: AbortSignal }[];
    for (const option of options) {
      await assertRejects(() => other.digest(CKM.SHA256, new Uint8Array(1), option), TypeError, "Cannot");
      // In place there is no other time to reject than at once.
      if (!option.signal) continue;
      assertEquals(errorOf(() => other.digestSync(CKM.SHA256, new Uint8Array(1), option)).name, "TypeError");
    }
    other.closeSync();
    const second = await Module.load(strict.path, { managed: false });
    await assertRejects(() => second.info(options[0]), TypeError);
    second.closeSync();
  });

  it("what is no module is a ModuleLoadError with its path", { skip, timeout }, async () => {
    for (const path of ["/nowhere/at-all.so", "/etc/passwd", "/lib/x86_64-linux-gnu/libm.so.6"]) {
      const error = await assertRejects(() => Module.load(path, { managed: false }), ModuleLoadError);
      assertEquals(error.path, path);
    }
    assertEquals(CKR.OK, 0);
  });
});

function errorOf(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("Expected the call to fail");
}
