// Logins that come too late, or in a module that is being closed: nobody stays logged in who has not been told so.
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKS, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import { StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { CardModule, cardModuleSkip } from "../../_support/card_module.ts";

describe("A login that is aborted while it runs", () => {
  let strict: StrictModule;
  let module: Module;
  const skip = strictModuleSkip;
  before(async () => {
    if (skip) return;
    strict = new StrictModule();
    module = await Module.load(strict.path, { managed: false });
  });
  beforeEach(() => {
    if (!skip) strict.reset();
  });
  after(() => module?.close());

  for (const abort of ["now", "wait"] as const) {
    it(`is undone when it succeeds after all, with abort: "${abort}"`, { skip }, async () => {
      const slot = (await module.slots())[0]!;
      const session = await slot.openSession();
      const reason = new Error("enough");
      const ways = {
        login: (signal: AbortSignal) => session.login(CKU.USER, "1234", { signal, abort }),
        openSession: (signal: AbortSignal) => slot.openSession({ login: { pin: "1234" }, signal, abort }),
      };
      for (const [name, way] of Object.entries(ways)) {
        strict.reset();
        const controller = new AbortController();
        strict.block("C_Login");
        const pending = way(controller.signal);
        await strict.blocked();
        controller.abort(reason);
        const refused = assertRejects(() => pending);
        strict.release();
        assertStrictEquals(await refused, reason);
        await session.idle();
        while (strict.sessions > 1) await new Promise((resolve) => setTimeout(resolve, 1));
        assertEquals([strict.calls("C_Login"), strict.calls("C_Logout")], [1, 1], name);
      }
      await session.close();
    });
  }

  it("leaves a login alone that another call has made", { skip }, async () => {
    const session = await (await module.slots())[0]!.openSession();
    strict.fail("C_Login", 0x100);
    strict.block("C_Login");
    const controller = new AbortController();
    const pending = session.login(CKU.USER, "1234", { signal: controller.signal, ifNeeded: true });
    await strict.blocked();
    controller.abort(new Error("enough"));
    await assertRejects(() => pending, Error, "enough");
    strict.release();
    await session.idle();
    assertEquals(strict.calls("C_Logout"), 0);
    await session.close();
  });
});

describe("A callback that closes the module it is asked for", () => {
  const skip = cardModuleSkip;
  const closed = "CKR_CRYPTOKI_NOT_INITIALIZED";

  it("in place is refused, or the session ends with the module", { skip }, async () => {
    const card = new CardModule();
    // Another caller keeps the module alive.
    const other = await card.slot({ managed: "gp11" });
    const mine = await card.slot({ managed: "gp11" });
    const { module } = mine;
    const refusals: unknown[] = [];
    const pin = () => {
      refusals.push(assertThrows(() => module.closeSync(), SessionBusyError));
      return "1234";
    };
    mine.openSessionSync({ login: { pin } }).closeSync();
    assertEquals([refusals.length, module.closed, card.sessions], [1, false, 0]);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    const opening = mine.openSession({ login: { pin: () => (asked.resolve(), answer.promise) } });
    await asked.promise;
    const closing = module.close();
    assertEquals((await assertRejects(() => opening, Pkcs11Error)).ckr, closed);
    await closing;
    answer.resolve("1234");
    assertEquals([card.sessions, module.closed, card.calls("C_Login"), card.calls("C_Logout")], [0, true, 1, 0]);
    const stranger = await other.openSession();
    assertEquals((await stranger.getInfo()).state, CKS.RO_PUBLIC_SESSION);
    await other.module.close();
  });
});
