// GP11Session's life and login, each function, property and signal under the manual's own name: docs/seed-map.md points here.
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKF, CKR, CKS, CKU, Pkcs11Error, Session } from "@gp11/gp11/session";
import { abortedSignal } from "../../_support/signals.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;

describe("GP11Session", () => {
  let on: TokenSession;
  let session: Session;

  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    session = on.session;
  });
  after(() => on?.close());

  it("gp11_session_from_handle wraps a raw handle and owns it", { skip }, async () => {
    const opened = await on.another();
    opened.addEventListener("discard-handle", (event) => event.claim());
    await opened.close();
    const wrapped = Session.fromHandle(on.slot, opened.handle);
    assertEquals((await wrapped.getInfo()).slotId, on.slot.id);
    await wrapped.close();
    const stale = Session.fromHandle(on.slot, opened.handle);
    const error = await assertRejects(() => stale.getInfo(), Pkcs11Error);
    assertEquals(error.code, CKR.SESSION_HANDLE_INVALID);
    await stale.close();
  });

  it("gp11_session_get_module gives the module the session is on", { skip }, () => {
    assertStrictEquals(session.module, on.module);
  });

  it("gp11_session_get_slot gives the slot the session is on", { skip }, () => {
    assert(session.slot.equals(on.slot));
  });

  it("gp11_session_get_handle gives the raw handle", { skip }, async () => {
    await using other = await on.another();
    assertEquals(typeof session.handle, "bigint");
    assert(session.handle !== other.handle);
  });

  it("gp11_session_get_info tells slot, state, flags and device error", { skip }, async () => {
    const info = session.getInfoSync();
    assertEquals(info.slotId, on.slot.id);
    assertEquals(info.state, CKS.RW_USER_FUNCTIONS);
    assertEquals(Number(info.flags) & CKF.RW_SESSION, CKF.RW_SESSION);
    assertEquals(Number(info.deviceError), 0);
    assertEquals(await session.getInfo(), info);
  });

  it("gp11_session_info_free has nothing to do: the information is a plain object", { skip }, () => {
    assertEquals(Object.getPrototypeOf(session.getInfoSync()), Object.prototype);
  });

  it("GP11SessionInfo has the four fields of CK_SESSION_INFO", { skip }, () => {
    assertEquals(Object.keys(session.getInfoSync()).sort(), ["deviceError", "flags", "slotId", "state"]);
  });

  it('"handle", "module" and "slot" are read-only', { skip }, () => {
    for (const name of ["handle", "module", "slot"]) {
      assertThrows(() => Object.assign(session, { [name]: null }), TypeError);
    }
  });

  it('"discard-handle" lets a listener keep the handle', { skip }, async () => {
    const opened = await on.another();
    const discarded: bigint[] = [];
    opened.addEventListener("discard-handle", (event) => {
      discarded.push(event.handle);
      event.claim();
    });
    await opened.close();
    await opened.close();
    assertEquals(discarded, [opened.handle]);
    const kept = Session.fromHandle(on.slot, opened.handle);
    assertEquals(kept.getInfoSync().slotId, on.slot.id);
    await kept.close();
  });

  it("an unclaimed handle is closed", { skip }, async () => {
    const opened = await on.another();
    const { handle } = opened;
    await opened.close();
    const stale = Session.fromHandle(on.slot, handle);
    assertEquals(assertThrows(() => stale.getInfoSync(), Pkcs11Error).code, CKR.SESSION_HANDLE_INVALID);
    await stale.close();
  });

  it("gp11_module_set_pool_sessions keeps discarded handles for the next session", { skip }, async () => {
    on.module.poolSessions = true;
    try {
      const first = await on.another();
      const { handle } = first;
      await first.close();
      await using second = await on.another();
      assertEquals(second.handle, handle);
    } finally {
      on.module.poolSessions = false;
    }
  });

  it("gp11_slot_open_session opens a session in place or on a worker", { skip }, async () => {
    using readOnly = on.slot.openSessionSync();
    assertEquals(Number(readOnly.getInfoSync().flags) & CKF.RW_SESSION, 0);
    await using readWrite = await on.slot.openSession({ readWrite: true });
    assertEquals(Number(readWrite.getInfoSync().flags) & CKF.RW_SESSION, CKF.RW_SESSION);
  });

  describe("login and logout", () => {
    const state = () => session.getInfoSync().state;
    const loggedOut = () => {
      if (state() === CKS.RW_USER_FUNCTIONS) session.logoutSync();
    };
    before(() => {
      if (!skip) loggedOut();
    });
    after(async () => {
      if (!skip) await session.login(CKU.USER, on.token.userPin, { ifNeeded: true });
    });

    it("gp11_session_login logs in, and throws for a wrong PIN", { skip }, () => {
      loggedOut();
      assertEquals(assertThrows(() => session.loginSync(CKU.USER, "wrong"), Pkcs11Error).code, CKR.PIN_INCORRECT);
      assert(session.loginSync(CKU.USER, on.token.userPin));
      assertEquals(state(), CKS.RW_USER_FUNCTIONS);
    });

    it("gp11_session_login_full takes a signal in place", { skip }, () => {
      loggedOut();
      const { signal, reason } = abortedSignal();
      assertStrictEquals(assertThrows(() => session.loginSync(CKU.USER, on.token.userPin, { signal })), reason);
      assertEquals(state(), CKS.RW_PUBLIC_SESSION);
      assert(session.loginSync(CKU.USER, on.token.userPin, { signal: new AbortController().signal }));
    });

    it("gp11_session_login_async returns at once and takes a signal", { skip }, async () => {
      loggedOut();
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.login(CKU.USER, on.token.userPin, { signal })), reason);
      const pending = session.login(CKU.USER, on.token.userPin);
      assertInstanceOf(pending, Promise);
      assert(await pending);
      assertEquals(state(), CKS.RW_USER_FUNCTIONS);
    });

    it("gp11_session_login_finish gives the outcome or the error", { skip }, async () => {
      loggedOut();
      const error = await assertRejects(() => session.login(CKU.USER, "wrong"), Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.PIN_INCORRECT, "C_Login"]);
      assertEquals(await session.login(CKU.USER, on.token.userPin), true);
    });

    it("gp11_session_logout logs out, and throws when nobody is logged in", { skip }, () => {
      session.loginSync(CKU.USER, on.token.userPin, { ifNeeded: true });
      session.logoutSync();
      assertEquals(state(), CKS.RW_PUBLIC_SESSION);
    });

    it("gp11_session_logout_full takes a signal in place", { skip }, () => {
      session.loginSync(CKU.USER, on.token.userPin, { ifNeeded: true });
      const { signal, reason } = abortedSignal();
      assertStrictEquals(assertThrows(() => session.logoutSync({ signal })), reason);
      assertEquals(state(), CKS.RW_USER_FUNCTIONS);
      session.logoutSync({ signal: new AbortController().signal });
      assertEquals(state(), CKS.RW_PUBLIC_SESSION);
    });

    it("gp11_session_logout_async returns at once and takes a signal", { skip }, async () => {
      session.loginSync(CKU.USER, on.token.userPin, { ifNeeded: true });
      const { signal, reason } = abortedSignal();
      assertStrictEquals(await assertRejects(() => session.logout({ signal })), reason);
      const pending = session.logout();
      assertInstanceOf(pending, Promise);
      await pending;
      assertEquals(state(), CKS.RW_PUBLIC_SESSION);
    });

    it("gp11_session_logout_finish gives the outcome", { skip }, async () => {
      session.loginSync(CKU.USER, on.token.userPin, { ifNeeded: true });
      assertEquals(await session.logout(), undefined);
      assertEquals(state(), CKS.RW_PUBLIC_SESSION);
    });
  });
});
