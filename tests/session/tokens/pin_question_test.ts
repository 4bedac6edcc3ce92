// Whoever is asked for a PIN may use the session he is asked for; what would wait for his own answer is refused.
import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKM, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import type { PinAnswer, PinRequest } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { CardModule, cardModuleSkip as skip } from "../../_support/card_module.ts";

const data = new Uint8Array(8);

describe("A callback that is asked for a PIN", () => {
  let card: CardModule;
  let slot: Slot;
  let session: Session;
  let answer: (request: PinRequest) => PinAnswer | Promise<PinAnswer> = () => "1234";
  before(async () => {
    if (skip) return;
    card = new CardModule();
    slot = await card.slot();
  });
  beforeEach(async () => {
    if (skip) return;
    await slot.module.closeAllSessions();
    card.reset();
    answer = () => "1234";
    session = await slot.openSession({ login: { pin: "1234" }, interaction: { askPin: (request) => answer(request) } });
  });
  after(() => slot?.module.close());
  const keyOf = async () => (await session.findObjects())[0]!;

  it("may look at the key and use its session, awaited and in place", { skip }, async () => {
    const key = await keyOf();
    const seen: unknown[] = [];
    answer = async ({ object }) => {
      seen.push((await object!.get(["label"])).label);
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push((await session.findObjects()).length, session.findObjectsSync().length);
      return "1234";
    };
    assertEquals((await session.sign(key, CKM.ECDSA, data)).length, 4);
    assertEquals(seen, ["signature", 2, 2]);
    answer = ({ object }) => (seen.push(object!.getSync(["label"]).label), "1234");
    assertEquals(session.signSync(key, CKM.ECDSA, data).length, 4);
    assertEquals(seen.at(-1), "signature");
  });

  it("calls of others keep their place behind the one that asks", { skip }, async () => {
    const key = await keyOf();
    const order: string[] = [];
    answer = async () => {
      await session.generateRandom(4);
      order.push("answered");
      return "1234";
    };
    const signing = session.sign(key, CKM.ECDSA, data).then(() => order.push("signed"));
    const waiting = session.findObjects().then(() => order.push("found"));
    await Promise.all([signing, waiting]);
    assertEquals(order, ["answered", "signed", "found"]);
  });

  it("the call goes on when the calls that were made meanwhile have ended", { skip }, async () => {
    const key = await keyOf();
    let left: Promise<unknown> = Promise.resolve();
    card.set("microseconds", 20_000);
    answer = () => (left = session.sign(key, CKM.ECDSA, data).catch((error: unknown) => error), "1234");
    assertEquals((await session.sign(key, CKM.ECDSA, data)).length, 4);
    // A question within a question for the same token would never be answered.
    assert(await left instanceof SessionBusyError);
  });

  it("may not ask again for the same token, nor wait for what waits for the answer", { skip }, async () => {
    await session.logout();
    const refused: string[] = [];
    const tries: (() => Promise<unknown>)[] = [
      () => session.login(CKU.USER, () => "1234"),
      () => slot.openSession({ login: { pin: () => "1234" } }),
      () => session.close(),
      () => session.idle(),
      () => slot.module.close(),
      () => slot.module.closeAllSessions(),
    ];
    const pin = async () => {
      for (const call of tries) {
        refused.push((await assertRejects(call, Error)).name);
      }
      assertThrows(() => session.closeSync(), SessionBusyError);
      assertThrows(() => slot.module.closeSync(), SessionBusyError);
      return "1234";
    };
    assert(await session.login(CKU.USER, pin));
    assertEquals(refused, tries.map(() => "SessionBusyError"));
    assertEquals([session.closed, slot.module.closed], [false, false]);
    assertEquals(card.calls("C_Login"), 2);
    await session.close();
  });

  it("may dispose of its session: it is closed when the call has ended", { skip }, async () => {
    await session.logout();
    assert(await session.login(CKU.USER, () => (session[Symbol.dispose](), Promise.resolve("1234"))));
    await session.close();
    assertEquals(card.sessions, 0);
  });

  it("runs in the asynchronous context of the call that asks", { skip }, async () => {
    const caller = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    answer = async ({ object, retry }) => {
      await Promise.resolve();
      seen.push(caller.getStore());
      return retry || object ? "1234" : "wrong";
    };
    const key = await keyOf();
    await caller.run("signs", () => session.sign(key, CKM.ECDSA, data));
    await caller.run("signs in parts", async () => {
      await using signer = await session.signer(key, CKM.ECDSA);
      await signer.update(data);
      await signer.final();
    });
    await session.logout();
    card.reset();
    await caller.run("logs in", () => session.login(CKU.USER, answer));
    await session.close();
    await caller.run("opens", () => slot.openSession({ login: { pin: answer } }));
    assertEquals(seen, ["signs", "signs in parts", "logs in", "logs in", "opens", "opens"]);
  });

  it("many who are asked at once may all make calls", { skip }, async () => {
    await session.logout();
    const pin = async () => (await slot.tokenInfo(), "1234");
    const opened = await Promise.all(Array.from({ length: 24 }, () => slot.openSession({ login: { pin } })));
    assertEquals(opened.length, 24);
    await assertRejects(() => session.login(CKU.USER, "1234"), Pkcs11Error, "CKR_USER_ALREADY_LOGGED_IN");
  });
});
