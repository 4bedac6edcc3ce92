// About session/tokens/shared_sessions.ts and session/tokens/token_watch.ts, on SoftHSM2.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import {
  Pkcs11Error,
  SessionBusyError,
  SessionClosedError,
  SlotAmbiguousError,
  SlotNotFoundError,
  UriError,
} from "../../../session/errors.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { TokenChange } from "../../../session/tokens/token_watch.ts";
import { Module } from "../../../session/tokens/module.ts";
import { foreignSignal, reportedWhile } from "../../_support/foreign_signals.ts";
import { StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;

describe("a pool of sessions", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("lends each session to one user at a time, as many as it may have, in the order of asking", { skip }, async () => {
    await using pool = on.slot.sessionPool({ max: 3 });
    assertEquals([pool.size, pool.idle, pool.waiting], [0, 0, 0]);
    const used = new Map<Session, number>();
    const order: number[] = [];
    let most = 0;
    await Promise.all(Array.from({ length: 30 }, (_, index) =>
      pool.use(async (session) => {
        order.push(index);
        const users = (used.get(session) ?? 0) + 1;
        used.set(session, users);
        most = Math.max(most, users);
        await session.generateRandom(8);
        used.set(session, used.get(session)! - 1);
      })));
    assertEquals(most, 1);
    assertEquals(order, Array.from({ length: 30 }, (_, index) => index));
    // One that was opened for the last users may have come too late for them.
    assert(used.size <= pool.size && pool.size <= 3, `${used.size} of ${pool.size} were used`);
    assertEquals([pool.idle, pool.waiting], [pool.size, 0]);
  });

  it("lends a session to one who waited with a signal that cannot be left", { skip, timeout: 60_000 }, async () => {
    await using pool = on.slot.sessionPool({ max: 1 });
    const left = new Error("not left");
    const removeEventListener = () => {
      throw left;
    };
    const signal = { aborted: false, addEventListener() {}, removeEventListener, throwIfAborted() {} };
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const waited = pool.use(() => "lent", { signal: signal as unknown as AbortSignal });
      assertEquals(await Promise.race([waited, pool.use(() => "lent to the next")]), "lent");
      assertEquals(reported, [left]);
    } finally {
      globalThis.reportError = before;
    }
  });

  it("ends what a user left begun, and goes on after a user that fails", { skip }, async () => {
    await using pool = on.slot.sessionPool({ max: 1 });
    await pool.use(async (session) => {
      const digester = await session.digester(CKM.SHA256);
      await digester.update(new Uint8Array(8));
    });
    assertEquals(
      await pool.use((session) => session.digest(CKM.SHA256, new Uint8Array(1))).then(({ length }) => length),
      32,
    );
    await assertRejects(() => pool.use(() => Promise.reject(new Error("mine"))), Error, "mine");
    await assertRejects(
      () =>
        pool.use(() => {
          throw new Error("at once");
        }),
      Error,
      "at once",
    );
    assertEquals(await pool.use(() => "fine"), "fine");
  });

  it("replaces a session that has died", { skip }, async () => {
    await using pool = on.slot.sessionPool({ max: 2 });
    const first = await pool.use((session) => session);
    await first.close();
    assertEquals(await pool.use((session) => session.closed), false);
    const dead = await assertRejects(() =>
      pool.use(() => {
        throw new Pkcs11Error(CKR.SESSION_HANDLE_INVALID, "C_Sign");
      }), Pkcs11Error);
    assertEquals(dead.code, CKR.SESSION_HANDLE_INVALID);
    await pool.use((session) => session.generateRandom(4));
  });

  it("refuses who waits when it closes, and lets users finish", { skip }, async () => {
    const pool = on.slot.sessionPool({ max: 1 });
    const let_go = Promise.withResolvers<void>();
    const user = pool.use(async (session) => {
      await let_go.promise;
      return (await session.generateRandom(4)).length;
    });
    const waiting = assertRejects(() => pool.use(() => 1), SessionClosedError);
    while (pool.waiting === 0 || pool.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const closed = pool.close();
    await waiting;
    let_go.resolve();
    assertEquals(await user, 4);
    await closed;
    assertEquals(pool.size, 0);
    await assertRejects(() => pool.use(() => 1), SessionClosedError);
  });

  it("ends a wait with its signal, and nobody else's", { skip }, async () => {
    await using pool = on.slot.sessionPool({ max: 1 });
    const hold = Promise.withResolvers<void>();
    const user = pool.use(() => hold.promise);
    const controller = new AbortController();
    const aborted = assertRejects(() => pool.use(() => 1, { signal: controller.signal }), Error, "enough");
    const other = pool.use(() => 2);
    controller.abort(new Error("enough"));
    await aborted;
    hold.resolve();
    await user;
    assertEquals(await other, 2);
  });

  it(
    "refuses what would wait for itself, and lends to what is asked for within while there is a session",
    { skip },
    async () => {
      await using pool = on.slot.sessionPool({ max: 2 });
      await pool.use(async (outer) => {
        await pool.use(async (inner) => {
          assert(inner !== outer);
          await assertRejects(() => pool.use(() => 1), SessionBusyError, "use a session of the pool");
          await assertRejects(() => pool.close(), SessionBusyError, "close the pool");
        });
        assertEquals(await pool.use(() => "again"), "again");
      });
      // What is begun in a use and asked for after it waits for nobody.
      const later = Promise.withResolvers<void>();
      let after: Promise<string> | undefined;
      await pool.use(() => void (after = later.promise.then(() => pool.use(() => "later"))));
      later.resolve();
      assertEquals(await after, "later");
      assertEquals(pool.closed, false);
    },
  );

  it("refuses limits that are none", { skip }, () => {
    for (const max of [0, -1, 1.5, NaN]) assertThrows(() => on.slot.sessionPool({ max }), RangeError, "max");
    assertThrows(() => on.slot.sessionPool({ max: "3" as never }), TypeError, "max");
    assertThrows(() => on.slot.sessionPool({ maxIdleMs: -1 }), RangeError, "maxIdleMs");
    // What module.poolSessions takes.
    assertThrows(() => on.slot.sessionPool({ maxPerSlot: 3 } as never), TypeError, "its limit is max");
  });
});

describe("a pool with a login", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("logs in once, and with a wrong PIN tries it once for everybody", { skip }, async () => {
    await on.session.logout();
    let asked = 0;
    const pin = () => {
      asked++;
      return "wrong";
    };
    const pool = on.slot.sessionPool({ max: 4, login: { pin } });
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => pool.use(() => 1)));
    assert(results.every((result) => result.status === "rejected" && result.reason.code === CKR.PIN_INCORRECT));
    await assertRejects(() => pool.use(() => 1), Pkcs11Error, "PIN");
    const before = asked;
    assert(before <= 2, `the PIN was asked for ${before} times`);
    await pool.close();

    await using right = on.slot.sessionPool({ max: 4, login: { pin: on.token.userPin } });
    const states = await Promise.all(
      Array.from({ length: 12 }, () => right.use(async (session) => (await session.getInfo()).state)),
    );
    assertEquals(new Set(states).size, 1);
  });
});

describe("a pool whose token asks for its PIN", () => {
  it("is refused to whoever is asked, who would wait for himself, and can be closed afterwards", {
    skip: strictModuleSkip,
  }, async () => {
    const strict = new StrictModule();
    await using module = await Module.load(strict.path, { managed: false });
    const [slot] = await module.slots();
    for (const ends of ["use", "close"] as const) {
      const pin = async (): Promise<string> => {
        await (ends === "use" ? pool.use(() => "1234") : pool.close());
        return "1234";
      };
      const pool = slot!.sessionPool({ max: 2, login: { pin } });
      await assertRejects(() => pool.use(() => 1), SessionBusyError, `Cannot ${ends} `);
      await pool.close();
    }
  });
});

describe("a pool whose session cannot be opened", () => {
  it("tries once for those who wait, and not again when nobody does", { skip: strictModuleSkip }, async () => {
    const strict = new StrictModule();
    const module = await Module.load(strict.path, { managed: false });
    const [slot] = await module.slots();
    const opened = strict.calls("C_OpenSession");
    const logins = strict.calls("C_Login");
    const pin = new TextEncoder().encode("1234");
    const pool = slot!.sessionPool({ login: { pin } });
    strict.fail("C_Login", CKR.PIN_INCORRECT, { times: 3 });
    await assertRejects(() => pool.use(() => 1), Pkcs11Error, "PIN");
    // Comes after whatever the pool may have begun.
    await (await slot!.openSession()).close();
    await pool.close();
    assertEquals([strict.calls("C_OpenSession") - opened, strict.calls("C_Login") - logins], [2, 1]);
    strict.reset();

    const late = slot!.sessionPool({ login: { pin } });
    pin.fill(0);
    assertEquals(await late.use(() => "used"), "used");
    await module.close();
    await assertRejects(() => late.use(() => 1), Pkcs11Error);
    // The loop of the program turns: nothing is tried without end.
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(late.size, 0);
    await late.close();
  });
});

describe("finding the slot of a token", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("goes by label, URI and information", { skip }, async () => {
    const { label, serialNumber } = on.slot.tokenInfoSync();
    assert((await on.module.findSlot(label)).equals(on.slot));
    assert(on.module.findSlotSync(`pkcs11:serial=${serialNumber}`).equals(on.slot));
    assert((await on.module.findSlot({ serialNumber })).equals(on.slot));
    const none = await assertRejects(() => on.module.findSlot("nobody"), SlotNotFoundError);
    assert(none.message.includes(JSON.stringify(label)));
    assertThrows(() => on.module.findSlotSync({}), SlotAmbiguousError);
    assertThrows(() => on.module.findSlotSync("pkcs11:%"), UriError);
    assertThrows(() => on.module.findSlotSync(5 as never), TypeError);
    await assertRejects(() => on.module.findSlot(label, 5 as never), TypeError, "options");
    assertThrows(() => on.module.findSlotSync(label, AbortSignal.abort() as never), TypeError, "pass { signal }");
  });

  it("watching begins with what is there, and ends with its signal", { skip }, async () => {
    const controller = new AbortController();
    const seen: TokenChange[] = [];
    const watch = (async () => {
      for await (const change of on.module.watchTokens({ signal: controller.signal })) {
        seen.push(change);
        if (change.slot.equals(on.slot)) controller.abort(new Error("seen"));
      }
    })();
    await assertRejects(() => watch, Error, "seen");
    assert(seen.every(({ change }) => change === "inserted"));
    assertEquals(seen.find(({ slot }) => slot.equals(on.slot))!.token.label, on.token.label);
    for await (const _ of on.module.watchTokens()) break;
  });

  it("watching ends, too, where its signal cannot be left", { skip }, async () => {
    const refusal = new Error("not left");
    const signal = foreignSignal("removeEventListener", refusal);
    const reported = await reportedWhile(async () => {
      for await (const _ of on.module.watchTokens({ signal })) break;
    });
    assert(reported.length > 0 && reported.every((error) => error === refusal));
  });
});
