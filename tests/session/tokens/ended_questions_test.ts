// Closing what a PIN is asked for ends the question: whoever is asked may never answer.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionClosedError } from "../../../session/errors.ts";
import type { PinCallback } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { CardModule, cardModuleSkip as skip } from "../../_support/card_module.ts";
import { memorySkip, SecretInMemory } from "../../_support/secret_in_memory.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const timeout = 240_000;

/** Somebody who is asked for a PIN and takes his time. */
class SlowPerson {
  readonly #asked = Promise.withResolvers<AbortSignal>();
  readonly answer = Promise.withResolvers<string | Uint8Array<ArrayBuffer>>();
  readonly pin: PinCallback = (_request, signal) => {
    this.#asked.resolve(signal!);
    return this.answer.promise;
  };

  /** Resolves to his signal once he is asked. */
  get asked(): Promise<AbortSignal> {
    return this.#asked.promise;
  }
}

describe("A question for a PIN that nobody answers", () => {
  let card: CardModule;
  let slot: Slot;
  before(() => {
    if (!skip) card = new CardModule();
  });
  beforeEach(async () => {
    if (skip) return;
    card.reset();
    slot = await card.slot();
  });
  afterEach(() => slot?.module.close());
  after(() => slot?.module.close());

  const closings: Record<string, (session: Session) => Promise<void>> = {
    "session.close()": (session) => session.close(),
    "session[Symbol.dispose]()": (session) => (session[Symbol.dispose](), session.close()),
    "module.closeAllSessions()": ({ module }) => module.closeAllSessions(),
    "module.close()": ({ module }) => module.close(),
    "module[Symbol.dispose]()": ({ module }) => (module[Symbol.dispose](), module.close()),
  };
  for (const [name, close] of Object.entries(closings)) {
    it(`does not hold ${name}: the login and what waits behind it end, and the signal tells`, { skip }, async () => {
      const person = new SlowPerson();
      const session = await slot.openSession();
      const login = session.login(CKU.USER, person.pin);
      const refused = [login, session.findObjects()].map((call) => assertRejects(() => call, SessionClosedError));
      const signal = await person.asked;
      await close(session);
      await Promise.all(refused);
      assert(signal.reason instanceof SessionClosedError);
      person.answer.resolve("1234");
      assertEquals([session.closed, card.sessions, card.calls("C_Login")], [true, 0, 0]);
    });
  }

  it("does not hold the use of a key, nor what was called while it was open", { skip }, async () => {
    const person = new SlowPerson();
    const session = await slot.openSession({ login: { pin: "1234" }, interaction: { askPin: person.pin } });
    const key = (await session.findObjects())[0]!;
    const signing = assertRejects(() => session.sign(key, CKM.ECDSA, new Uint8Array(8)), SessionClosedError);
    await person.asked;
    await session.close();
    await signing;
    assertEquals([card.sessions, card.active, card.locks], [0, 0, 0]);
  });

  it("does not hold the closing of a module that opens the session, which closes it again", { skip }, async () => {
    const person = new SlowPerson();
    const opening = slot.openSession({ login: { pin: person.pin } });
    const refused = assertRejects(() => opening, Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    const signal = await person.asked;
    await slot.module.close();
    await refused;
    assertEquals([signal.aborted, card.sessions, card.calls("C_Login")], [true, 0, 0]);
  });

  it("does not hold the closing of a pool that nobody uses yet", { skip }, async () => {
    const person = new SlowPerson();
    const pool = slot.sessionPool({ login: { pin: person.pin } });
    const waiting = assertRejects(() => pool.use(() => {}), SessionClosedError);
    const signal = await person.asked;
    await pool.close();
    await waiting;
    assertEquals([signal.aborted, card.sessions, card.calls("C_Login")], [true, 0, 0]);
  });

  it("does not hold the closing of a pool whose user waits for it, and is asked no further", { skip }, async () => {
    const person = new SlowPerson();
    let questions = 0;
    const askPin: PinCallback = (request, signal) => (questions++, person.pin(request, signal));
    const pool = slot.sessionPool({ login: { pin: "1234" }, interaction: { askPin } });
    const ends: string[] = [];
    const using = pool.use(async (session) => {
      const key = (await session.findObjects())[0]!;
      for (let round = 0; round < 2; round++) {
        await session.sign(key, CKM.ECDSA, new Uint8Array(8)).catch((error) => ends.push(error.name));
      }
      // What needs no PIN goes on to its end.
      return (await session.findObjects()).length;
    });
    const signal = await person.asked;
    await pool.close();
    assert(signal.reason instanceof SessionClosedError);
    assertEquals([ends, questions, await using > 0], [["SessionClosedError", "SessionClosedError"], 1, true]);
    assertEquals([pool.size, card.sessions, card.active], [0, 0, 0]);
  });

  it("is not asked once more after a wrong PIN when the session was closed meanwhile", { skip }, async () => {
    const { strict, module, session } = await openStrictToken();
    let questions = 0;
    strict.fail("C_Login", CKR.PIN_INCORRECT);
    strict.block("C_Login");
    const login = session.login(CKU.USER, () => (questions++, "wrong"));
    const refused = assertRejects(() => login, SessionClosedError);
    await strict.blocked();
    const closing = session.close();
    strict.release();
    await Promise.all([closing, refused]);
    assertEquals([questions, strict.sessions], [1, 0]);
    await module.close();
  });

  it("still gets the token's answer when it is answered before the session is closed", { skip }, async () => {
    const session = await slot.openSession();
    const login = session.login(CKU.USER, () => Promise.resolve("1234"));
    while (card.calls("C_Login") === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await session.close();
    assert(await login);
  });

  it("leaves no PIN in memory when it is answered too late", { skip: skip || memorySkip, timeout }, async () => {
    const secret = new SecretInMemory();
    const ends: Record<string, (session: Session, person: SlowPerson) => Promise<unknown>> = {
      closed: (session, person) => {
        const login = session.login(CKU.USER, person.pin);
        void person.asked.then(() => session.close());
        return assertRejects(() => login, SessionClosedError);
      },
      aborted: (session, person) => {
        const controller = new AbortController();
        const login = session.login(CKU.USER, person.pin, { signal: controller.signal });
        void person.asked.then(() => controller.abort(new Error("enough")));
        return assertRejects(() => login, Error, "enough");
      },
      "made in place": (session, person) =>
        assertRejects(async () => await session.loginSync(CKU.USER, person.pin), TypeError, "returned a promise"),
    };
    for (const [name, end] of Object.entries(ends)) {
      const person = new SlowPerson();
      await end(await slot.openSession(), person);
      const mine = secret.bytes();
      person.answer.resolve(mine);
      await new Promise((resolve) => setTimeout(resolve));
      mine.fill(0);
      assertEquals(secret.occurrences(), 0, name);
    }
    assertEquals(card.calls("C_Login"), 0);
  });
});
