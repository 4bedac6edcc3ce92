// A card has three tries: what it has refused is not tried again, wherever a PIN is asked for.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import { findByUri, type FindProblem } from "../../../session/find_by_uri.ts";
import type { PinRequest } from "../../../session/tokens/options.ts";
import { registerPinSource } from "../../../session/pins/mod.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { CardModule, cardModuleSkip as skip } from "../../_support/card_module.ts";

describe("PINs of a card with three tries", () => {
  let card: CardModule;
  let slot: Slot;
  let session: Session;
  let asked: PinRequest[] = [];
  before(async () => {
    if (skip) return;
    card = new CardModule();
    slot = await card.slot();
  });
  beforeEach(async () => {
    if (skip) return;
    await slot.module.closeAllSessions();
    session = await slot.openSession();
    card.reset();
    asked = [];
  });
  after(() => slot?.module.close());

  /** A callback that gives these answers one after the other, the last one for ever. */
  const answering = (...answers: (string | Uint8Array<ArrayBuffer> | null)[]) => (request: PinRequest) => {
    asked.push(request);
    return answers.length > 1 ? answers.shift()! : answers[0]!;
  };
  const refusal = async (call: () => Promise<unknown>): Promise<Pkcs11Error> => await assertRejects(call, Pkcs11Error);

  /** Every way to a login that asks. */
  const ways: Record<string, (askPin: (request: PinRequest) => string | Uint8Array<ArrayBuffer> | null) => unknown> = {
    "login()": (pin) => session.login(CKU.USER, pin),
    "loginSync()": (pin) => session.loginSync(CKU.USER, pin),
    "openSession({ login })": (pin) => slot.openSession({ login: { pin } }),
    "openSessionSync({ login })": (pin) => slot.openSessionSync({ login: { pin } }),
    "openSession({ interaction })": (askPin) => slot.openSession({ interaction: { askPin } }),
    "autoAuthenticate": async (tokens) => {
      slot.module.autoAuthenticate = { tokens };
      await slot.openSession().finally(() => slot.module.autoAuthenticate = null);
    },
  };

  for (const [name, way] of Object.entries(ways)) {
    it(`${name}: the same answer is one C_Login, and the PIN is wrong`, { skip }, async () => {
      const error = await refusal(async () => await way(answering("wrong")));
      assertEquals([error.ckr, error.fn], ["CKR_PIN_INCORRECT", "C_Login"]);
      assertEquals([card.calls("C_Login"), card.tries], [1, 2]);
      assertEquals(asked.map(({ retry }) => retry), [false, true]);
    });

    it(`${name}: another answer is tried, but not in the place of the last try`, { skip }, async () => {
      await way(answering("wrong", "1234"));
      assertEquals([card.calls("C_Login"), card.tries], [2, 3]);
      await slot.module.closeAllSessions();
      session = await slot.openSession();
      card.reset();
      asked = [];
      const error = await refusal(async () => await way(answering("one", "two", "1234")));
      assertEquals(error.ckr, "CKR_PIN_INCORRECT");
      assertEquals([card.calls("C_Login"), card.tries], [2, 1]);
      assertEquals(asked.map(({ countLow, finalTry }) => [countLow, finalTry]), [[false, false], [true, false]]);
    });
  }

  describe("calls that run side by side", () => {
    const TEN = Array.from({ length: 10 }, (_, i) => i);
    const refusals = async (calls: readonly Promise<unknown>[]) =>
      (await Promise.allSettled(calls)).map((result) =>
        result.status === "rejected" ? (result.reason as Pkcs11Error).ckr : "done"
      );
    const allRefused = TEN.map(() => "CKR_PIN_INCORRECT");

    for (const [name, pin] of [["a PIN", "wrong"], ["a callback", () => Promise.resolve("wrong")]] as const) {
      it(`login: ${name} that the token refuses is one try of the card`, { skip }, async () => {
        const sessions = await Promise.all(TEN.map(() => slot.openSession()));
        card.set("microseconds", 2000);
        assertEquals(await refusals(sessions.map((each) => each.login(CKU.USER, pin))), allRefused);
        assertEquals([card.calls("C_Login"), card.tries], [1, 2]);
        await refusals(sessions.map((each) => each.login(CKU.USER, "1234")));
        assertEquals([(await session.getInfo()).state, card.tries], [1, 3]);
      });

      it(`openSession: ${name} that the token refuses is one try of the card`, { skip }, async () => {
        const open = () => slot.openSession({ login: { pin } });
        assertEquals(await refusals(TEN.map(open)), allRefused);
        assertEquals([card.calls("C_Login"), card.tries, card.sessions], [1, 2, 1]);
      });

      it(`a pool: ${name} that the token refuses is one try of the card`, { skip }, async () => {
        await using pool = slot.sessionPool({ max: 4, login: { pin } });
        assertEquals(await refusals(TEN.map(() => pool.use((each) => each.getInfo()))), allRefused);
        assertEquals([card.calls("C_Login"), card.tries], [1, 2]);
      });
    }

    it("keys that want the PIN for each use, in one session and in many", { skip }, async () => {
      await session.login(CKU.USER, "1234");
      const askPin = () => Promise.resolve("wrong");
      const one = await slot.openSession({ interaction: { askPin } });
      const sessions = await Promise.all(TEN.map(() => slot.openSession({ interaction: { askPin } })));
      for (const users of [sessions, Array.from({ length: 40 }, () => one)]) {
        const key = (await one.findObjects({ label: "signature" }))[0]!;
        card.reset();
        await session.login(CKU.USER, "1234", { ifNeeded: true });
        const before = card.calls("C_Login");
        const answers = await refusals(users.map((each) => each.sign(key, CKM.SHA256_RSA_PKCS, new Uint8Array(8))));
        assertEquals(answers, users.map(() => "CKR_PIN_INCORRECT"));
        assertEquals([card.calls("C_Login") - before, card.tries, card.locks], [1, 2, 0]);
      }
    });

    it("another PIN is tried, and the refused one again by a later call", { skip }, async () => {
      const sessions = await Promise.all(TEN.map(() => slot.openSession()));
      const right = sessions.pop()!;
      const wrong = sessions.map((each) => each.login(CKU.USER, "wrong"));
      // It is asked while the others try, and answers when they have done.
      const last = right.login(CKU.USER, () => Promise.allSettled(wrong).then(() => "1234"));
      assertEquals(await refusals([...wrong, last]), TEN.map((i) => i < 9 ? "CKR_PIN_INCORRECT" : "done"));
      assertEquals(card.calls("C_Login"), 2);
      await session.logout();
      await refusal(() => session.login(CKU.USER, "wrong"));
      await refusal(() => session.login(CKU.USER, "wrong"));
      assertEquals([card.calls("C_Login"), card.tries], [4, 1]);
    });

    it("an aborted one lets the others go on, one that never began too", { skip }, async () => {
      const sessions = await Promise.all(TEN.map(() => slot.openSession()));
      card.set("microseconds", 2000);
      const controller = new AbortController();
      const logins = sessions.map((each, i) =>
        each.login(CKU.USER, "1234", { ifNeeded: i > 0, signal: i % 3 === 1 ? controller.signal : undefined })
      );
      const unbegun = assertRejects(() => sessions[0]!.login(CKU.USER, "1234", { signal: controller.signal }));
      controller.abort(new Error("enough"));
      const settled = await Promise.allSettled(logins);
      await unbegun;
      assertEquals(settled.map(({ status }) => status), TEN.map((i) => i % 3 === 1 ? "rejected" : "fulfilled"));
      await session.logout();
      assert(await session.login(CKU.USER, "1234"));
    });

    it("a login in place does not wait for the answer to the same PIN", { skip }, async () => {
      const other = await slot.openSession();
      // The card answers when it is told to, however busy the machine is.
      card.set("microseconds", 60_000_000);
      const login = refusal(() => session.login(CKU.USER, "wrong"));
      while (card.calls("C_Login") === 0) await new Promise((resolve) => setTimeout(resolve));
      assertThrows(() => other.loginSync(CKU.USER, "wrong"), SessionBusyError, "the same PIN");
      card.set("microseconds", 0);
      await login;
      assertEquals(card.tries, 2);
    });
  });

  it("text and bytes of it are the same PIN, and so is one refused before the last", { skip }, async () => {
    card.reset();
    const wrong = new TextEncoder().encode("wrong");
    await refusal(() => session.login(CKU.USER, answering("wrong", wrong)));
    assertEquals(card.calls("C_Login"), 1);
  });

  it("the last try is taken once, when a call begins with it", { skip }, async () => {
    await refusal(() => session.login(CKU.USER, answering("one", "two", "three")));
    assertEquals(card.tries, 1);
    const error = await refusal(() => session.login(CKU.USER, answering("three", "1234")));
    assertEquals([error.ckr, card.tries], ["CKR_PIN_LOCKED", 0]);
    assert(asked.at(-1)!.finalTry);
  });

  it("maxTries is how many PINs one call may try", { skip }, async () => {
    await refusal(() => session.login(CKU.USER, answering("one", "1234"), { maxTries: 1 }));
    await refusal(() => slot.openSession({ login: { pin: answering("two", "1234"), maxTries: 1 } }));
    assertEquals(card.calls("C_Login"), 2);
    for (const [maxTries, kind] of [[0, RangeError], [1.5, RangeError], ["3", TypeError]] as const) {
      await assertRejects(() => session.login(CKU.USER, "1234", { maxTries: maxTries as number }), kind, "maxTries");
    }
  });

  it("a declined question says that nobody gave a PIN", { skip }, async () => {
    const error = await refusal(() => session.login(CKU.USER, () => null));
    assertEquals(error.code, CKR.FUNCTION_CANCELED);
    assertMatch(error.message, / from C_Login on the token "[^"]+"\)\. Nobody gave a PIN/);
    assertEquals(card.calls("C_Login"), 0);
  });

  it("an empty PIN takes no try of a card whose PINs have a least length, whoever gives it", { skip }, async () => {
    using _source = registerPinSource("empty", () => "");
    const problems: FindProblem[] = [];
    const onError = (problem: FindProblem) => problems.push(problem);
    const emptyWays: Record<string, () => unknown> = {
      ...Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, () => way(answering(""))])),
      "text": () => session.login(CKU.USER, ""),
      "bytes, in place": () => session.loginSync(CKU.USER, new Uint8Array(0)),
      "a pool": () => slot.sessionPool({ login: { pin: "" } }).use((each) => each.getInfo()),
      "the old PIN": () => session.setPin("", "5678"),
      "the new PIN, in place": () => session.setPinSync("1234", ""),
      "initPin": () => session.initPin(""),
      "initToken": () => slot.initToken("", "card"),
      "a URI": async () => {
        for await (const _ of findByUri("pkcs11:?pin-source=empty", { modules: [slot.module], onError })) break;
        throw problems[0]!.error;
      },
      "a key that wants its PIN for each use": async () => {
        await session.login(CKU.USER, "1234");
        await using user = await slot.openSession({ interaction: { askPin: () => "" } });
        const key = (await user.findObjects({ label: "signature" }))[0]!;
        await user.sign(key, CKM.SHA256_RSA_PKCS, new Uint8Array(8));
      },
    };
    for (const [name, way] of Object.entries(emptyWays)) {
      const error = await refusal(async () => await way());
      assertEquals([error.ckr, error.token, card.tries], ["CKR_PIN_LEN_RANGE", "card", 3], name);
      assertMatch(error.message, /The PIN is empty and was not tried: the token's PINs have 4 bytes or more$/);
      assertEquals([card.calls("C_SetPIN"), card.calls("C_InitPIN"), card.calls("C_InitToken")], [0, 0, 0]);
    }
    assertEquals(card.calls("C_Login"), 1);
    await session.logout();
    card.set("leastPinLength", 0);
    assertEquals((await refusal(() => session.login(CKU.USER, ""))).ckr, "CKR_PIN_INCORRECT");
    assertEquals(card.calls("C_Login"), 2);
  });

  it("a login without a PIN says that the token has no PIN pad", { skip }, async () => {
    const error = await refusal(() => session.login(CKU.USER, null));
    assertEquals(error.code, CKR.ARGUMENTS_BAD);
    assertMatch(error.message, / from C_Login on the token "[^"]+"\)\. .*PIN pad/);
  });

  it("a token with a PIN pad is tried once, and nobody is asked", { skip }, async () => {
    card.set("pinPad", 1);
    assert(await session.login(CKU.USER, answering("never")));
    assertEquals([asked.length, card.calls("C_Login")], [0, 1]);
  });

  it("what is no login, no interaction or no options is a TypeError that says what is wanted", { skip }, async () => {
    const wrong: [object, string][] = [
      [{ login: "1234" }, "login is { pin }"],
      [{ login: new TextEncoder().encode("1234") }, "login is { pin }"],
      [{ login: () => "1234" }, "login is { pin }"],
      [{ login: {} }, "login is { pin }"],
      [{ interaction: () => "1234" }, "a function askPin"],
      [AbortSignal.timeout(100_000), "pass { signal }"],
    ];
    for (const [options, message] of wrong) {
      const error = await assertRejects(() => slot.openSession(options), TypeError, message);
      assertThrows(() => slot.openSessionSync(options), TypeError, message);
      assert(!error.message.includes("1234"));
    }
    const signal = new AbortController().signal as object;
    await assertRejects(() => session.login(CKU.USER, "1234", signal), TypeError, "pass { signal }");
    assertThrows(() => session.generateRandomSync(1, signal), TypeError, "pass { signal }");
    assertEquals([card.calls("C_Login"), card.sessions], [0, 1]);
  });

  it("a PIN source is asked for another PIN, and the same one is not tried again", { skip }, async () => {
    const answers = ["wrong", "wrong"];
    const retries: boolean[] = [];
    using _source = registerPinSource("card", ({ retry }) => (retries.push(retry), answers.shift() ?? null));
    const problems: FindProblem[] = [];
    const options = { modules: [slot.module], onError: (problem: FindProblem) => problems.push(problem) };
    const search = async () => {
      let found = 0;
      for await (const _ of findByUri("pkcs11:token=card?pin-source=card", options)) found++;
      return found;
    };
    assertEquals(await search(), 0);
    assertEquals([card.tries, retries], [2, [false, true]]);
    assertEquals(problems.map(({ error }) => (error as Pkcs11Error).ckr), ["CKR_PIN_INCORRECT"]);
    answers.push("still wrong");
    assertEquals(await search(), 0);
    assertEquals((problems[1]!.error as Pkcs11Error).ckr, "CKR_PIN_INCORRECT");
    assertEquals(card.tries, 1);
    answers.push("1234");
    assertEquals(await search(), 2);
  });
});
