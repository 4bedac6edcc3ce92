import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { CKF, CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { ModuleLoadError, Pkcs11Error, SessionBusyError, SessionClosedError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { Session as SessionClass } from "../../../session/tokens/session.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { findSlot } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const data = new Uint8Array(32);

describe("Loading modules", () => {
  it("a file that is missing, no library or no module is told with its path", async () => {
    const folder = temporaryFolder("load");
    writeFileSync(`${folder}/text.so`, "not a library");
    const libc = process.platform === "linux" ? "/lib/x86_64-linux-gnu/libm.so.6" : null;
    const paths = [`${folder}/missing.so`, `${folder}/text.so`, folder, ...(libc ? [libc] : [])];
    for (const path of paths) {
      const error = await assertRejects(() => Module.load(path, { managed: false }), ModuleLoadError);
      assertEquals(error.path, path);
      assert(error.message.includes(path), error.message);
      assertThrows(() => Module.loadSync(path, { managed: false }), ModuleLoadError);
    }
  });

  it("a text that spells a value is told from it", async () => {
    const managed = "false" as never;
    await assertRejects(() => Module.load("/nowhere.so", { managed }), TypeError, 'or false, not "false"');
  });

  it("a path that is no path is a TypeError", async () => {
    for (const path of ["", "a\0b", 7, null, undefined, {}]) {
      await assertRejects(() => Module.load(path as string, { managed: false }), TypeError);
    }
  });

  it("an aborted load loads nothing", { skip }, async () => {
    const token = createToken();
    const reason = new Error("no");
    const signal = AbortSignal.abort(reason);
    assertStrictEquals(await assertRejects(() => Module.load(token.module, { signal, managed: false })), reason);
    assertThrows(() => Module.loadSync(token.module, { signal, managed: false }), Error, "no");
  });
});

describe("Modules", () => {
  let token: TestToken;
  let module: Module;
  before(async () => {
    if (skip) return;
    token = createToken();
    module = await Module.load(token.module, { managed: false });
  });
  after(() => module?.close());

  it("tells about itself", { skip }, async () => {
    const info = await module.info();
    assertEquals(info.manufacturerId, "SoftHSM");
    assertEquals(info.cryptokiVersion, { major: 2, minor: 40 });
    assertEquals(module.infoSync(), info);
    assertEquals(module.interfaceVersion, "2.40");
    assertEquals(module.functions().length, 68);
    assert(module.functions().includes("C_WaitForSlotEvent"));
    assertEquals(module.path, token.module);
    assert(module.owner);
    assertEquals(module.managed, false);
  });

  it("lists slots; the same slot is the same object", { skip }, async () => {
    const slots = await module.slots();
    assertEquals(module.slotsSync().map((slot) => slot.id), slots.map((slot) => slot.id));
    assertStrictEquals((await module.slots())[0], slots[0]);
    const slot = findSlot(module, token.label);
    const info = await slot.tokenInfo();
    assertEquals(info.label, token.label);
    assertEquals(info.model, "SoftHSM v2");
    assertEquals(info.maxPinLen, 255);
    assertEquals(info.totalPublicMemory, undefined);
    assertEquals(slot.tokenInfoSync(), { ...info });
    assertEquals((await slot.info()).manufacturerId, "SoftHSM project");
    assert((await slot.mechanisms()).includes(CKM.AES_GCM));
    assertEquals(slot.mechanismInfoSync(CKM.AES_KEY_GEN).maxKeySize, 32);
    assert(await slot.hasFlags(CKF.TOKEN_INITIALIZED));
    assertFalse(slot.hasFlagsSync(CKF.PROTECTED_AUTHENTICATION_PATH));
    const error = await assertRejects(() => slot.mechanismInfo(0x80000001), Pkcs11Error);
    assertEquals(error.code, CKR.MECHANISM_INVALID);
  });

  it("initialises a token", { skip }, async () => {
    const free = (await module.slots({ tokenPresent: true })).find((slot) =>
      !slot.hasFlagsSync(CKF.TOKEN_INITIALIZED)
    )!;
    await assertRejects(() => free.initToken("12345678", "x".repeat(33)), RangeError, "33 bytes");
    await free.initToken("12345678", "made here");
    const slot = findSlot(module, "made here");
    await using session = await slot.openSession({ readWrite: true, login: { userType: CKU.SO, pin: "12345678" } });
    session.initPinSync("1234");
    await session.logout();
    assert(await session.login(CKU.USER, "1234"));
  });

  it("a second load of an initialised module is a guest that never finalises it", { skip }, async () => {
    const guest = await Module.load(token.module, { managed: false });
    assertFalse(guest.owner);
    await guest.close();
    assert((await module.slots()).length > 0);
  });

  it("closes its own sessions only", { skip }, async () => {
    const slot = findSlot(module, token.label);
    const guest = await Module.load(token.module, { managed: false });
    const theirs = await findSlot(guest, token.label).openSession();
    const ours = [await slot.openSession(), await slot.openSession()];
    await module.closeAllSessions(slot);
    assert(ours.every((session) => session.closed));
    assertEquals((await theirs.getInfo()).slotId, slot.id);
    await guest.close();
    assert(theirs.closed);
  });

  it("closeAllSessionsSync closes them in place, and none of them while a call runs", { skip }, async () => {
    const slot = findSlot(module, token.label);
    const ours = [await slot.openSession(), await slot.openSession()];
    const running = ours[1]!.generateRandom(1_000_000);
    assertThrows(() => module.closeAllSessionsSync(slot), SessionBusyError);
    assert(ours.every((session) => !session.closed));
    await running;
    await ours[1]!.idle();
    module.closeAllSessionsSync(slot);
    assert(ours.every((session) => session.closed));
    for (const close of [module.closeAllSessions, module.closeAllSessionsSync]) {
      const wrong = assertRejects(async () => await close.call(module, { signal: undefined } as never), TypeError);
      assertStringIncludes((await wrong).message, "expected a Slot, got an object");
    }
  });

  it("closeAllSessions closes nothing when it is aborted before, and all when it is afterwards", { skip }, async () => {
    const slot = findSlot(module, token.label);
    const session = await slot.openSession();
    const controller = new AbortController();
    const { signal } = controller;
    const closing = module.closeAllSessions(slot, { signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => closing, Error, "enough");
    assert(session.closed);
    const other = await slot.openSession();
    await assertRejects(() => module.closeAllSessions(slot, { signal }), Error, "enough");
    assertThrows(() => module.closeAllSessionsSync(slot, { signal }), Error, "enough");
    assertFalse(other.closed);
    await module.closeAllSessions(slot, { signal: new AbortController().signal, abort: "wait" });
    assert(other.closed);
  });

  it("a signal that cannot be left holds no call", { skip, timeout: 60_000 }, async () => {
    const left = new Error("not left");
    const own = { aborted: false, addEventListener() {}, throwIfAborted() {} };
    const signal = {
      ...own,
      removeEventListener() {
        throw left;
      },
    } as unknown as AbortSignal;
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const slot = findSlot(module, token.label);
      const session = await slot.openSession();
      await module.closeAllSessions(slot, { signal });
      assert(session.closed);
      let asked = 0;
      signal.throwIfAborted = () => {
        if (asked++ > 0) throw new Error("enough");
      };
      await assertRejects(() => module.waitForSlotEvent({ signal }), Error, "enough");
      assert(reported.length > 1 && reported.every((error) => error === left));
    } finally {
      globalThis.reportError = before;
    }
  });

  it("waiting for a slot event can be cancelled", { skip }, async () => {
    const controller = new AbortController();
    const waiting = module.waitForSlotEvent({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 30);
    await assertRejects(() => waiting, Error, "enough");
  });
});

describe("Closing modules", () => {
  it(
    "delivers what runs, rejects what waits, closes the sessions and answers CKR_CRYPTOKI_NOT_INITIALIZED",
    { skip },
    async () => {
      const token = createToken();
      const module = await Module.load(token.module, { managed: false });
      const slot = findSlot(module, token.label);
      const session = await slot.openSession();
      const results = Promise.allSettled(Array.from({ length: 5 }, () => session.digest(CKM.SHA256, data)));
      assertThrows(() => module.closeSync(), SessionBusyError);
      await module.close();
      const statuses = (await results).map((result) => result.status);
      assertEquals(statuses, ["fulfilled", ...Array(4).fill("rejected")]);
      assert(session.closed && module.closed);
      for (const call of [() => module.info(), () => slot.info(), () => slot.openSession(), () => module.slots()]) {
        const error = await assertRejects(call, Pkcs11Error);
        assertEquals(error.code, CKR.CRYPTOKI_NOT_INITIALIZED);
      }
      assertThrows(() => module.infoSync(), Pkcs11Error);
      await assertRejects(() => session.digest(CKM.SHA256, data), SessionClosedError);
      await module.close();
      module.closeSync();
    },
  );

  it("waits for an abandoned call before C_Finalize", { skip }, async () => {
    const token = createToken();
    const module = await Module.load(token.module, { managed: false });
    const session = await findSlot(module, token.label).openSession();
    const controller = new AbortController();
    const rsa = { modulusBits: 3072, publicExponent: Uint8Array.of(1, 0, 1), token: false, private: false };
    const generated = session.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, rsa, { token: false, private: false }, {
      signal: controller.signal,
    });
    const outcome = generated.then(() => "generated", (error: Error) => error.message);
    await new Promise((resolve) => setTimeout(resolve));
    controller.abort(new Error("left"));
    // The module may have been quicker than the abort.
    assert(["left", "generated"].includes(await outcome), await outcome);
    await module.close();
  });

  it("loading and closing many times leaves nothing behind", { skip }, async () => {
    const token = createToken();
    for (let i = 0; i < 20; i++) {
      await using module = await Module.load(token.module, { managed: false });
      await using session = await findSlot(module, token.label).openSession();
      assertEquals((await session.digest(CKM.SHA256, data)).length, 32);
      assert(module.owner);
    }
  });
});

describe("The session pool", () => {
  let token: TestToken;
  let module: Module;
  before(async () => {
    if (skip) return;
    token = createToken();
    module = await Module.load(token.module, { managed: false });
  });
  after(() => module?.close());

  it(
    "gives a closed session's handle to the next who opens, and closes what waits when it is switched off",
    { skip },
    async () => {
      const slot = findSlot(module, token.label);
      assertFalse(module.poolSessions);
      module.poolSessions = true;
      const handles: bigint[] = [];
      const session = await slot.openSession();
      session.addEventListener("discard-handle", (event) => handles.push(event.handle));
      await session.close();
      assertEquals(handles, [session.handle]);
      const again = await slot.openSession();
      assertEquals(again.handle, session.handle);
      const writer = await slot.openSession({ readWrite: true });
      assert(writer.handle !== session.handle);
      again.closeSync();
      await writer.close();
      const gone = SessionClass.fromHandle(slot, session.handle);
      module.poolSessions = false;
      const state = () => gone.getInfo().then(() => CKR.OK, (error: Pkcs11Error) => error.code);
      while (await state() === CKR.OK);
      assertEquals(await state(), CKR.SESSION_HANDLE_INVALID);
      await gone.close();
    },
  );

  it("a handle that no longer works is replaced", { skip }, async () => {
    const slot = findSlot(module, token.label);
    module.poolSessions = { validate: true };
    const session = await slot.openSession();
    const twin = SessionClass.fromHandle(slot, session.handle);
    await session.close();
    twin.addEventListener("discard-handle", (event) => event.stopPropagation());
    module.poolSessions = { validate: true, maxPerSlot: 1 };
    const fresh: Session = await slot.openSession();
    assertEquals((await fresh.getInfo()).slotId, slot.id);
    await fresh.close();
    module.poolSessions = false;
  });

  it("keeps no more than maxPerSlot and none longer than maxIdleMs", { skip }, async () => {
    const slot = findSlot(module, token.label);
    module.poolSessions = { maxPerSlot: 1, maxIdleMs: 20 };
    const [one, two] = [await slot.openSession(), await slot.openSession()];
    await one.close();
    await two.close();
    assertEquals(
      (await assertRejects(() => SessionClass.fromHandle(slot, two.handle).getInfo(), Pkcs11Error)).fn,
      "C_GetSessionInfo",
    );
    const isOpen = () => SessionClass.fromHandle(slot, one.handle).getInfo().then(() => true, () => false);
    while (await isOpen()) await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(
      (await assertRejects(() => SessionClass.fromHandle(slot, one.handle).getInfo(), Pkcs11Error)).fn,
      "C_GetSessionInfo",
    );
    assertThrows(() => module.poolSessions = { maxPerSlot: -1 }, RangeError);
    // What slot.sessionPool() takes.
    assertThrows(() => module.poolSessions = { max: 3 } as never, TypeError, "maxPerSlot");
    module.poolSessions = false;
  });

  it("callbacks that are none are refused where they are set", { skip }, () => {
    for (const value of [5, "1234", { tokens: "1234" }, { objects: {} }, { tokens: null }]) {
      assertThrows(() => module.autoAuthenticate = value as never, TypeError, "autoAuthenticate");
    }
    assertEquals(module.autoAuthenticate, null);
  });

  it("a listener that claims the handle keeps it open", { skip }, async () => {
    const slot = findSlot(module, token.label);
    const session = await slot.openSession();
    const order: string[] = [];
    session.addEventListener("discard-handle", () => order.push("first"));
    session.addEventListener("discard-handle", (event) => {
      order.push("second");
      event.claim();
    });
    session.addEventListener("discard-handle", () => order.push("third"));
    await session.close();
    assertEquals(order, ["first", "second"]);
    const mine = SessionClass.fromHandle(slot, session.handle);
    assertEquals((await mine.getInfo()).slotId, slot.id);
    await mine.close();
  });

  it("a handle that is no handle is refused", { skip }, () => {
    const slot = findSlot(module, token.label);
    assertThrows(() => SessionClass.fromHandle(slot, -1n), RangeError);
    assertThrows(() => SessionClass.fromHandle(slot, 2n ** 64n), RangeError);
    assertThrows(() => SessionClass.fromHandle(slot, 5 as unknown as bigint), TypeError);
  });
});
