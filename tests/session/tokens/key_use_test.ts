// Keys that want their PIN for each use, on a card that takes that at its word: PIN and use come next to each other, and what
// is left begun is ended without using the key.
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKM, CKO, CKR, CKS } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { PinAnswer, PinRequest } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { CardModule, cardModuleSkip as skip } from "../../_support/card_module.ts";
import { strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const data = new Uint8Array(8);

describe("A key that wants its PIN for each use", () => {
  let card: CardModule;
  let slot: Slot;
  let session: Session;
  let other: Session;
  let key: Pkcs11Object;
  let ordinary: Pkcs11Object;
  let answer: (request: PinRequest) => PinAnswer | Promise<PinAnswer> = () => "1234";
  const open = (of = slot) =>
    of.openSession({ login: { pin: "1234" }, interaction: { askPin: (request) => answer(request) } });
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
    session = await open();
    other = await open();
    [key, ordinary] = await session.findObjects() as [Pkcs11Object, Pkcs11Object];
  });
  after(() => slot?.module.close());

  const sign = (on = session, options = {}) => on.sign(key, CKM.ECDSA, data, options);
  const names = () => card.log.map(({ fn }) => fn);

  /** Nothing is left: no lock, no operation, no session of ours, nobody logged out. */
  const assertClean = async () => {
    assertEquals([card.locks, card.active, card.sessions], [0, 0, 2]);
    assertEquals((await other.getInfo()).state, CKS.RO_USER_FUNCTIONS);
    assertEquals((await sign()).length, 4);
    assertEquals(session.signSync(key, CKM.ECDSA, data).length, 4);
  };

  /** Each C_Login for a use is followed by the use, on the same session. */
  const assertTogether = () => {
    const { log } = card;
    for (const [at, { fn, session }] of log.entries()) {
      if (fn !== "C_Login" || log[at - 1]!.fn !== "C_SignInit") continue;
      assertEquals(log[at + 1], { fn: "C_Sign", session });
    }
  };

  it("gets it between C_SignInit and C_Sign, asked for before anything has begun", { skip }, async () => {
    const from = card.log.length;
    let begun: string[] = [];
    answer = () => (begun = names().slice(from), "1234");
    await sign();
    assert(!begun.includes("C_SignInit"));
    const use = ["C_OpenSession", "C_SignInit", "C_Login", "C_Sign", "C_CloseSession"];
    assertEquals(names().slice(from + begun.length), use);
    await assertClean();
  });

  it("gets it in every session of a pool, also in those that had no login to make", { skip }, async () => {
    await slot.module.closeAllSessions();
    card.reset();
    const pool = slot.sessionPool({ max: 3, login: { pin: "1234" } });
    let users = 0;
    let together!: () => void;
    const all = new Promise<void>((resolve) => together = resolve);
    const use = () =>
      pool.use(async (session) => {
        if (++users === 3) together();
        await all;
        const [key] = await session.findObjects();
        return (await session.sign(key!, CKM.ECDSA, data)).length;
      });
    assertEquals(await Promise.all([use(), use(), use()]), [4, 4, 4]);
    // The login, and one for each use.
    assertEquals(card.calls("C_Login"), 4);
    await pool.close();
    [session, other] = [await open(), await open()];
    assertEquals(card.sessions, 2);
  });

  it("is used from many sessions at once, and by several callers, beside other keys", { skip }, async () => {
    const second = await card.slot();
    const third = await card.slot({ managed: "gp11" });
    const users = [session, other, await open(second), await open(third)];
    card.set("microseconds", 500);
    const keys = await Promise.all(users.map(async (user) => (await user.findObjects())[0]!));
    let running = true;
    const busy = [session, users[3]!].map(async (user) => {
      while (running) {
        await user.generateRandom(4);
        if (user === session) await user.sign(ordinary, CKM.ECDSA, data);
      }
    });
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => users.map((user, i) => user.sign(keys[i]!, CKM.ECDSA, data))).flat(),
    );
    running = false;
    await Promise.all(busy);
    assertEquals(results.filter(({ status }) => status === "fulfilled").length, 20);
    assertTogether();
    await second.module.close();
    await third.module.close();
    await assertClean();
  });

  it("signMany gives it for each input", { skip }, async () => {
    assertEquals((await session.signMany(key, CKM.ECDSA, [data, data, data])).length, 3);
    assertEquals(session.signManySync(key, CKM.ECDSA, [data, data]).length, 2);
    assertTogether();
    await assertClean();
  });

  it("somebody declines: nothing has happened", { skip }, async () => {
    const from = card.log.length;
    answer = () => null;
    const error = await assertRejects(() => sign(), Pkcs11Error);
    assertEquals([error.code, error.fn], [CKR.FUNCTION_CANCELED, "C_Login"]);
    assertThrows(() => session.signSync(key, CKM.ECDSA, data), Pkcs11Error);
    assert(!names().slice(from).some((fn) => fn === "C_SignInit" || fn === "C_OpenSession"));
    answer = () => "1234";
    await assertClean();
  });

  it("a wrong PIN is one C_Login, and the key is not used to end it", { skip }, async () => {
    answer = () => "wrong";
    const from = card.log.length;
    const error = await assertRejects(() => sign(), Pkcs11Error);
    assertEquals([error.ckr, card.tries], ["CKR_PIN_INCORRECT", 2]);
    const inPlace = assertThrows(() => session.signSync(key, CKM.ECDSA, data), Pkcs11Error);
    assertEquals([inPlace.ckr, card.tries], ["CKR_PIN_INCORRECT", 1]);
    assert(!names().slice(from).includes("C_Sign"));
    answer = () => "1234";
    await assertClean();
  });

  it("a wrong PIN and a right one: the use goes on", { skip }, async () => {
    answer = ({ retry }) => retry ? "1234" : "wrong";
    assertEquals((await sign()).length, 4);
    answer = () => "1234";
    await assertClean();
  });

  it("the call is aborted while somebody is asked, and while the card works", { skip }, async () => {
    const reason = new Error("enough");
    for (const moment of ["asked", "C_SignInit", "C_Login"] as const) {
      const controller = new AbortController();
      // The card answers when it is told to, however busy the machine is.
      card.set("microseconds", moment === "asked" ? 0 : 60_000_000);
      let answered = () => {};
      answer = () => {
        if (moment !== "asked") return "1234";
        setTimeout(() => controller.abort(reason), 20);
        return new Promise((resolve) => answered = () => resolve("1234"));
      };
      const from = card.log.length;
      const pending = sign(session, { signal: controller.signal });
      if (moment !== "asked") {
        while (!names().slice(from).includes(moment)) await new Promise((resolve) => setTimeout(resolve, 1));
        controller.abort(reason);
      }
      assertStrictEquals(await assertRejects(() => pending), reason);
      answered();
      card.set("microseconds", 0);
      await session.idle();
      answer = () => "1234";
      await assertClean();
    }
  });

  it("the PIN that opened the session serves its keys, while it is open", { skip }, async () => {
    for (const pin of ["1234", new TextEncoder().encode("1234"), () => "1234"]) {
      const mine = await slot.openSession({ login: { pin } });
      assertEquals((await sign(mine)).length, 4);
      assertEquals(mine.signSync(key, CKM.ECDSA, data).length, 4);
      await mine.close();
    }
    await assertClean();
  });

  it("a token without another session to give lends the user's own", { skip }, async () => {
    card.set("mostSessions", 2);
    await assertClean();
    answer = () => "wrong";
    assertEquals((await assertRejects(() => sign(), Pkcs11Error)).ckr, "CKR_PIN_INCORRECT");
    assertThrows(() => session.signSync(key, CKM.ECDSA, data), Pkcs11Error, "CKR_PIN_INCORRECT");
    // A card without C_SessionCancel can only be used to end it, which would log everybody out.
    assertEquals([card.calls("C_Sign"), card.calls("C_SignFinal"), card.tries], [2, 0, 1]);
    answer = () => "1234";
    assertEquals((await sign()).length, 4);
    await assertClean();
  });

  it("what a refused PIN leaves begun is in nobody's way, and ends with the session", { skip }, async () => {
    card.set("mostSessions", 2);
    answer = () => "wrong";
    await assertRejects(() => sign(), Pkcs11Error, "CKR_PIN_INCORRECT");
    const used = () => [card.calls("C_Sign"), card.calls("C_SignFinal")];
    await assertRejects(() => session.sign(ordinary, CKM.ECDSA, data), Pkcs11Error, "CKR_OPERATION_ACTIVE");
    await assertRejects(() => session.signer(ordinary, CKM.ECDSA).update(data), Pkcs11Error, "CKR_OPERATION_ACTIVE");
    await assertRejects(() => session.cancelOperation(), Pkcs11Error, "CKR_OPERATION_CANCEL_FAILED");
    assertEquals((await session.encrypt(ordinary, CKM.AES_ECB, data)).length, 8);
    assertEquals(used(), [0, 0]);
    await session.close();
    assertEquals([used(), card.active, card.sessions], [[0, 0], 0, 1]);
    answer = () => "1234";
    session = await open();
    await assertClean();
  });

  it("a signer that lends the user's own session and is given up logs nobody out", { skip }, async () => {
    card.set("mostSessions", 2);
    const signer = session.signer(key, CKM.ECDSA);
    await signer.update(data);
    await signer[Symbol.asyncDispose]();
    assertEquals((await other.getInfo()).state, CKS.RO_USER_FUNCTIONS);
    assertEquals([card.calls("C_Sign"), card.calls("C_SignFinal")], [0, 0]);
  });

  it("a call in place is refused while another has the token", { skip }, async () => {
    card.set("microseconds", 60_000_000);
    const pending = sign();
    while (!names().includes("C_SignInit")) await new Promise((resolve) => setTimeout(resolve, 1));
    assertThrows(() => other.signSync(ordinary, CKM.ECDSA, data), SessionBusyError);
    card.set("microseconds", 0);
    await pending;
    assertEquals(other.signSync(ordinary, CKM.ECDSA, data).length, 4);
    await assertClean();
  });

  describe("in parts", () => {
    it("is asked for first and gets its PIN last, so that nothing is held meanwhile", { skip }, async () => {
      let asked = 0;
      answer = () => (asked++, "1234");
      const from = card.log.length;
      const signer = session.signer(key, CKM.ECDSA);
      await signer.update(data);
      assertEquals([asked, card.locks], [1, 0]);
      await other.sign(ordinary, CKM.ECDSA, data);
      await signer.update(data);
      assertEquals((await signer.final()).length, 4);
      const after = names().slice(from);
      assertEquals(after.filter((fn) => fn === "C_Login").length, 1);
      assertEquals(after.slice(-3), ["C_Login", "C_SignFinal", "C_CloseSession"]);
      assertEquals(asked, 1);
      await assertClean();
    });

    it("steps that are not awaited come in their order", { skip }, async () => {
      const signer = session.signer(key, CKM.ECDSA);
      const [, , signature] = await Promise.all([signer.update(data), signer.update(data), signer.final()]);
      assertEquals(signature.length, 4);
      const left = session.signer(key, CKM.ECDSA);
      const controller = new AbortController();
      const updating = assertRejects(() => left.update(data, { signal: controller.signal }));
      const closing = left.close();
      controller.abort();
      await Promise.all([updating, closing]);
      const cancelled = session.signer(key, CKM.ECDSA);
      await Promise.all([cancelled.update(data), session.cancelOperation()]);
      await assertClean();
    });

    it("is asked for another PIN at the end, or ended without a use", { skip }, async () => {
      answer = ({ retry }) => retry ? "1234" : "wrong";
      const signer = session.signerSync(key, CKM.ECDSA);
      await assertRejects(async () => await session.sign(key, CKM.ECDSA, data), SessionBusyError);
      signer.update(data);
      assertEquals(signer.final().length, 4);
      answer = () => "wrong";
      const refused = session.signer(key, CKM.ECDSA);
      await refused.update(data);
      assertEquals((await assertRejects(() => refused.final(), Pkcs11Error)).ckr, "CKR_PIN_INCORRECT");
      answer = () => null;
      const declined = session.signer(key, CKM.ECDSA);
      assertEquals((await assertRejects(() => declined.update(data), Pkcs11Error)).code, CKR.FUNCTION_CANCELED);
      answer = () => "1234";
      await assertClean();
    });

    for (const early of [0, 1]) {
      const habit = early ? "a module that wants the PIN before the first part" : "a card";
      it(`closing the session ends what is begun on it: ${habit}`, { skip }, async () => {
        card.set("earlyPin", early);
        const ways = [
          async (mine: Session) => await mine.close(),
          (mine: Session) => mine.closeSync(),
          (mine: Session) => mine[Symbol.dispose](),
          async (
            mine: Session,
          ) => (slot.module.poolSessions = true, await mine.close(), slot.module.poolSessions = false),
        ];
        for (const way of ways) {
          for (const name of ["signer", "signerSync"] as const) {
            const mine = await open();
            await mine[name](key, CKM.ECDSA).update(data);
            await way(mine);
            assertEquals([card.locks, card.active, card.sessions], [0, 0, 2]);
          }
        }
        const mine = await open();
        const left = mine.signer(key, CKM.ECDSA);
        await left.update(data);
        await Promise.all([left.close(), mine.close()]);
        const signer = session.signer(key, CKM.ECDSA);
        await signer.update(data);
        assertEquals((await signer.final()).length, 4);
        await assertClean();
      });
    }

    it("closing the module ends it too", { skip }, async () => {
      const mine = new CardModule();
      const of = await mine.slot();
      mine.set("earlyPin", 1);
      const signing = await open(of);
      await signing.signer((await signing.findObjects())[0]!, CKM.ECDSA).update(data);
      assertEquals(mine.locks, 1);
      const from = mine.log.length;
      await of.module.close();
      assertEquals(mine.log.slice(from).map(({ fn }) => fn).filter((fn) => fn === "C_Sign").length, 1);
      assertEquals(mine.sessions, 0);
    });
  });

  it(
    "a failed call that stays active is ended before the next, and before its session is closed",
    { skip },
    async () => {
      card.set("failedStayActive", 1);
      const cipher = CKM.RSA_PKCS;
      const bad = new Uint8Array(8).fill(1);
      const next = [
        () => other.encrypt(ordinary, cipher, data),
        () => other.findObjects({ class: CKO.PRIVATE_KEY }),
        () => other.sign(ordinary, CKM.ECDSA, data),
      ];
      for (const call of next) {
        await assertRejects(() => other.decrypt(ordinary, cipher, bad), Pkcs11Error, "C_Decrypt");
        await call();
        assertEquals(card.active, 0);
      }
      const mine = await open();
      await assertRejects(() => mine.decrypt(ordinary, cipher, bad), Pkcs11Error);
      await mine.close();
      assertEquals((await other.encrypt(ordinary, cipher, data)).length, 8);
      await assertClean();
    },
  );
});

describe("A token that says only at the use that it wants a PIN", { skip: strictModuleSkip }, () => {
  it("is tried once more with it, and what it said first is not hidden by what makes no sense", async () => {
    await using token = await openStrictToken("2.40");
    const { strict, module, session, key } = token;
    let asked = 0;
    module.autoAuthenticate = { objects: () => (asked++, "1234") };
    strict.fail("C_Sign", CKR.USER_NOT_LOGGED_IN);
    assertEquals((await session.sign(key, CKM.SHA256_HMAC, data)).length, 64);
    assertEquals(asked, 1);
    const refusal = async (then: () => void) => {
      strict.reset();
      strict.fail("C_Sign", CKR.USER_NOT_LOGGED_IN);
      then();
      const error = await assertRejects(() => session.sign(key, CKM.SHA256_HMAC, data), Pkcs11Error);
      assertEquals(strict.active, 0);
      return [error.ckr, error.fn];
    };
    const first = ["CKR_USER_NOT_LOGGED_IN", "C_Sign"];
    assertEquals(await refusal(() => strict.fail("C_Login", CKR.OPERATION_NOT_INITIALIZED)), first);
    assertEquals(await refusal(() => strict.fail("C_SignInit", CKR.KEY_HANDLE_INVALID, { after: 1 })), first);
    assertEquals(await refusal(() => strict.fail("C_Login", CKR.PIN_LOCKED)), ["CKR_PIN_LOCKED", "C_Login"]);
    asked = 0;
    strict.reset();
    strict.fail("C_Sign", CKR.USER_NOT_LOGGED_IN, { times: 9 });
    await assertRejects(() => session.sign(key, CKM.SHA256_HMAC, data), Pkcs11Error, "from C_Sign");
    assertEquals([asked, strict.calls("C_Login")], [1, 1]);
  });
});
