// What comes out of the pool of closed sessions is as good as new: nothing of its former user is left in it.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKF, CKM, CKO, CKS, CKU } from "../../ffi/constants/mod.ts";
import type { SessionPoolOptions } from "../../session/options.ts";
import { Session } from "../../session/session.ts";
import type { Slot } from "../../session/slot.ts";
import { CardModule, cardModuleSkip } from "../_support/card_module.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

describe("module.poolSessions", () => {
  let card: CardModule;
  let slot: Slot;
  const skip = cardModuleSkip;
  const login = { pin: "1234" };
  before(async () => {
    if (skip) return;
    card = new CardModule();
    slot = await card.slot();
  });
  beforeEach(async () => {
    if (skip) return;
    slot.module.poolSessions = false;
    await slot.module.closeAllSessions();
    card.reset();
    slot.module.poolSessions = true;
  });
  after(() => slot?.module.close());

  const stateOf = async (session: Session) => (await session.getInfo()).state;

  it("keeps a session nobody is logged in to, in both forms", { skip }, async () => {
    const session = await slot.openSession();
    await session.close();
    const again = slot.openSessionSync();
    assertEquals(again.handle, session.handle);
    again.closeSync();
    assertEquals([card.sessions, card.calls("C_OpenSession")], [1, 1]);
  });

  it("does not keep a login when all who are logged in have closed", { skip }, async () => {
    for (const close of [(session: Session) => session.close(), (session: Session) => session.closeSync()]) {
      const sessions = [await slot.openSession({ login }), await slot.openSession(), await slot.openSession()];
      for (const session of sessions) await close(session);
      assertEquals(card.sessions, 0);
      assertEquals(await stateOf(await slot.openSession()), CKS.RO_PUBLIC_SESSION);
      await slot.module.closeAllSessions();
    }
  });

  it("does not keep it when they close at the same time either", { skip }, async () => {
    const sessions = [await slot.openSession({ login }), await slot.openSession(), await slot.openSession()];
    await Promise.all(sessions.map((session) => session.close()));
    assertEquals(card.sessions, 0);
  });

  it("keeps sessions while another one is logged in, and gives them back", { skip }, async () => {
    const user = await slot.openSession({ login });
    const session = await slot.openSession();
    await session.close();
    const again = await slot.openSession();
    assertEquals([again.handle, await stateOf(again)], [session.handle, CKS.RO_USER_FUNCTIONS]);
    await again.close();
    await user.close();
    assertEquals(card.sessions, 0);
  });

  it("a login that has outlived its sessions is not for the next, without validation either", { skip }, async () => {
    for (const validate of [true, false]) {
      slot.module.poolSessions = { validate };
      const session = await slot.openSession();
      const other = Session.fromHandle(slot, session.handle);
      await session.close();
      // Behind the pool's back, through a wrapper of the handle it keeps.
      await other.login(CKU.USER, "1234");
      const handle = other.handle;
      other.addEventListener("discard-handle", (event) => event.claim());
      await other.close();
      const stranger = await slot.openSession();
      assertEquals(await stateOf(stranger), CKS.RO_PUBLIC_SESSION);
      assert(card.log.some((call) => call.fn === "C_CloseSession" && BigInt(call.session) === handle));
      await stranger.close();
    }
  });

  it("closeAllSessions() closes: no session waits, nobody is logged in", { skip }, async () => {
    await slot.openSession({ login });
    await slot.openSession();
    await (await slot.openSession()).close();
    await slot.module.closeAllSessions();
    assertEquals(card.sessions, 0);
    assertEquals(await stateOf(await slot.openSession()), CKS.RO_PUBLIC_SESSION);
  });

  it("does not take handles that came from elsewhere", { skip }, async () => {
    const opened = await slot.openSession({ readWrite: true });
    opened.addEventListener("discard-handle", (event) => event.claim());
    await opened.close();
    await Session.fromHandle(slot, opened.handle).close();
    assertEquals(card.sessions, 0);
    assertEquals(Number((await (await slot.openSession()).getInfo()).flags) & CKF.RW_SESSION, 0);
  });

  it("does not take sessions through which session objects were made", { skip }, async () => {
    const session = await slot.openSession({ readWrite: true });
    await session.createObject({ class: CKO.DATA, token: false });
    await session.close();
    assertEquals(card.sessions, 0);
    const other = await slot.openSession({ readWrite: true });
    await other.createObject({ class: CKO.DATA, token: true });
    await other.close();
    assertEquals(card.sessions, 1);
  });

  it("refuses limits that are none, and says whose they are", { skip }, () => {
    const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
      [null, TypeError],
      [undefined, TypeError],
      ["x", TypeError],
      [-1, TypeError],
      [{ maxPerSlot: -1 }, RangeError],
      [{ maxPerSlot: NaN }, RangeError],
      [{ maxPerSlot: "8" }, TypeError],
      [{ maxIdleMs: -1 }, RangeError],
      [{ maxIdleMs: "60" }, TypeError],
    ];
    const { poolSessions } = slot.module;
    for (const [value, kind] of wrong) {
      assertThrows(() => slot.module.poolSessions = value as SessionPoolOptions, kind, "poolSessions");
    }
    assertEquals(slot.module.poolSessions, poolSessions);
    for (const maxIdleMs of [0, null, Infinity]) slot.module.poolSessions = { maxIdleMs };
  });
});

describe("module.poolSessions on a token", { skip: softhsmSkip }, () => {
  it("the next user sees nothing of the last one's keys", async () => {
    const on = await TokenSession.open();
    on.module.poolSessions = true;
    const key = await on.session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, token: false, label: "of the session" });
    await on.session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, token: true, private: true, label: "of the token" });
    await on.session.close();
    const next = await on.another();
    assertEquals(await next.findObjects({ class: CKO.SECRET_KEY }), []);
    await next.login(CKU.USER, on.token.userPin);
    const labels = (await next.findObjects({ class: CKO.SECRET_KEY }, { read: ["label"] })).map((found) =>
      found.attributes?.get("label")
    );
    assertEquals(labels, ["of the token"]);
    assert(key);
    await on.close();
  });
});
