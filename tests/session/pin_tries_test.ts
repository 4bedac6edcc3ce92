// A card has three tries: what it has refused is not tried again, wherever a PIN is asked for.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { CKR, CKU } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { findByUri, type FindProblem } from "../../session/find_by_uri.ts";
import type { PinRequest } from "../../session/options.ts";
import { registerPinSource } from "../../session/pins/mod.ts";
import type { Session } from "../../session/session.ts";
import type { Slot } from "../../session/slot.ts";
import { CardModule, cardModuleSkip as skip } from "../_support/card_module.ts";

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
    assert(`${error.message} ${error.hint}`.includes("Nobody gave a PIN"));
    assertEquals(card.calls("C_Login"), 0);
  });

  it("a login without a PIN says that the token has no PIN pad", { skip }, async () => {
    const error = await refusal(() => session.login(CKU.USER, null));
    assertEquals(error.code, CKR.ARGUMENTS_BAD);
    assert(`${error.message} ${error.hint}`.includes("PIN pad"));
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
