import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { sessionPool } from "../../../session/groups/several_tokens.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { OpenSessionOptions } from "../../../session/tokens/options.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { moduleCoreOf } from "../../../session/tokens/slot.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { memorySkip, SecretInMemory } from "../../_support/secret_in_memory.ts";
import { type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const timeout = 240_000;

describe("PINs", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  before(async () => {
    if (skip) return;
    ({ strict, module, session } = await openStrictToken());
  });
  after(() => module?.close());

  /** Every call that takes a PIN. */
  const calls: Record<string, (pin: Uint8Array<ArrayBuffer>) => unknown> = {
    "login": (pin) => session.login(CKU.USER, pin),
    "loginSync": (pin) => session.loginSync(CKU.USER, pin),
    "login by callback": (pin) => session.login(CKU.USER, () => Promise.resolve(pin)),
    "login that is not needed": (pin) => session.login(CKU.USER, pin, { ifNeeded: true }),
    "initPin": (pin) => session.initPin(pin),
    "setPinSync": (pin) => session.setPinSync(pin, pin),
    "openSession": async (pin) => await (await session.slot.openSession({ login: { pin } })).close(),
    "openSessionSync": (pin) => session.slot.openSessionSync({ login: { pin } }).closeSync(),
  };

  for (const [name, call] of Object.entries(calls)) {
    it(`${name} reads the caller's bytes and does not change them`, { skip, timeout }, async () => {
      const pin = new TextEncoder().encode("4711-unchanged");
      await call(pin);
      assertEquals(new TextDecoder().decode(pin), "4711-unchanged");
    });
  }

  it("after the calls no copy of a PIN is left in memory", { skip: skip || memorySkip, timeout }, async () => {
    const secret = new SecretInMemory();
    const mine = secret.bytes();
    for (const call of Object.values(calls)) await call(mine);
    strict.fail("C_Login", CKR.PIN_INCORRECT, { times: 2 });
    await assertRejects(() => session.login(CKU.USER, mine), Pkcs11Error);
    assertThrows(() => session.loginSync(CKU.USER, mine), Pkcs11Error);
    strict.fail("C_OpenSession", CKR.DEVICE_ERROR);
    await assertRejects(() => session.slot.openSession({ login: { pin: mine } }), Pkcs11Error);
    await assertRejects(() => session.login(CKU.USER, mine, { signal: AbortSignal.abort() }));
    assertEquals(secret.occurrences(), 1);
    mine.fill(0);
    assertEquals(secret.occurrences(), 0);
  });

  /** Something that gives `first` once, and then throws. */
  const once = <T>(first: T): () => T => {
    let asked = 0;
    return () => {
      if (asked++ > 0) throw new Error("asked again");
      return first;
    };
  };

  /** The ways to open a session. */
  const ways: Record<string, (options: OpenSessionOptions) => unknown> = {
    "openSession": async (options) => await (await session.slot.openSession(options)).close(),
    "openSessionSync": (options) => session.slot.openSessionSync(options).closeSync(),
  };
  for (const [name, open] of Object.entries(ways)) {
    it(`${name} asks for each option and for each member of its login once`, { skip, timeout }, async () => {
      const pin = new TextEncoder().encode("4711-once");
      const counts: Record<string, number> = {};
      const counted = <T extends object>(target: T): T =>
        new Proxy(target, {
          get(target, member, receiver) {
            counts[String(member)] = (counts[String(member)] ?? 0) + 1;
            return Reflect.get(target, member, receiver);
          },
        });
      const { signal } = new AbortController();
      const login = counted({ pin, userType: CKU.USER, maxTries: 2 });
      await open(counted({ login, signal, abort: "now" as const, readWrite: true, interaction: undefined }));
      for (const [member, count] of Object.entries(counts)) assertEquals([member, count], [member, 1]);
      assert(counts.pin === 1 && counts.login === 1);
    });
  }

  it("a call that fails before it begins leaves no copy of a PIN", { skip: skip || memorySkip, timeout }, async () => {
    const secret = new SecretInMemory();
    const mine = secret.bytes();
    const { slot } = session;
    const signal = AbortSignal.abort();
    const throwing = () => {
      throw new Error("no answer");
    };
    const failing: Record<string, () => unknown> = {
      "a user type that is none": () => slot.openSession({ login: { pin: mine, userType: -1 } }),
      "maxTries that is none": () => slot.openSession({ login: { pin: mine, maxTries: -1 } }),
      "an option of a login that throws": () =>
        session.login(CKU.USER, mine, Object.defineProperty({}, "ifNeeded", { get: throwing })),
      "an option of a pool over several tokens that is out of range": () =>
        sessionPool([session.slot, session.slot], { login: { pin: mine }, retryAfter: -1 }),
      "a login that the second token of a pool does not get": () => {
        const login = {
          get pin() {
            if (asked++ > 0) throw new Error("asked again");
            return mine;
          },
        };
        let asked = 0;
        sessionPool([session.slot, session.slot], { login });
      },
      "an option of a pool that throws": () =>
        slot.sessionPool(Object.defineProperty({ login: { pin: mine } }, "interaction", { get: throwing })),
      "a new PIN that is none": () => session.setPin(mine, 5 as unknown as string),
      "a new PIN that is none, in place": () => session.setPinSync(mine, 5 as unknown as string),
      "setPin aborted": () => session.setPin(mine, mine, { signal }),
      "setPinSync aborted": () => session.setPinSync(mine, mine, { signal }),
      "initPin aborted": () => session.initPin(mine, { signal }),
      "initPinSync aborted": () => session.initPinSync(mine, { signal }),
      "initToken aborted": () => slot.initToken(mine, "label", { signal }),
      "initTokenSync aborted": () => slot.initTokenSync(mine, "label", { signal }),
    };
    for (const [name, call] of Object.entries(failing)) {
      await assertRejects(async () => await call(), Error, undefined, name);
    }
    for (const [name, open] of Object.entries(ways)) {
      const login = Object.defineProperties({ pin: mine }, {
        pin: { get: once(mine) },
        userType: { get: once(CKU.USER) },
      });
      await open({ login });
      strict.fail("C_OpenSession", CKR.DEVICE_ERROR);
      await assertRejects(async () => await open({ login: { pin: mine } }), Pkcs11Error, undefined, name);
    }
    mine.fill(0);
    assertEquals(secret.occurrences(), 0);
  });

  it("the PIN a session keeps for its keys goes with the session", { skip: skip || memorySkip, timeout }, async () => {
    const secret = new SecretInMemory();
    const mine = secret.bytes();
    const login = { pin: mine };
    const other = await Module.load(strict.path, { managed: "gp11" });
    const slot = (await other.slots())[0]!;
    const sessions = await Promise.all(Array.from({ length: 5 }, () => slot.openSession({ login })));
    sessions.push(slot.openSessionSync({ login }));
    const key = (await sessions[0]!.findObjects())[0]!;
    for (const opened of sessions) await opened.sign(key, CKM.SHA256_HMAC, new Uint8Array(8));
    mine.fill(0);
    assert(secret.occurrences() >= 6);
    await sessions[0]!.close();
    sessions[1]!.closeSync();
    await sessions[2]![Symbol.asyncDispose]();
    {
      using _ends = sessions[3]!;
    }
    await sessions[3]!.idle();
    await other.close();
    assertEquals(secret.occurrences(), 0);
  });

  for (const way of ["close", "closeSync"] as const) {
    it(`the PIN of a pool goes with its module: ${way}`, { skip: skip || memorySkip, timeout }, async () => {
      const secret = new SecretInMemory();
      const mine = secret.bytes();
      const other = await Module.load(strict.path, { managed: "gp11" });
      const slot = (await other.slots())[0]!;
      const pools = [slot.sessionPool({ login: { pin: mine } }), slot.sessionPool({ login: { pin: mine } })];
      await pools[0]!.use((opened) => opened.generateRandom(8));
      mine.fill(0);
      assert(secret.occurrences() >= 2);
      await other[way]();
      assertEquals(secret.occurrences(), 0);
      await assertRejects(() => pools[1]!.use(() => {}), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
      for (const pool of pools) await pool.close();
    });
  }

  const collectorSkip = skip || memorySkip || (collectGarbage === null && "nobody can collect garbage here");
  it("the PIN of a pool goes when nobody holds the pool any more", { skip: collectorSkip, timeout }, async () => {
    const secret = new SecretInMemory();
    const mine = secret.bytes();
    const { slot } = session;
    const { ended } = moduleCoreOf(slot);
    const before = ended.size;
    const dropPools = (count: number): void => {
      for (let i = 0; i < count; i++) slot.sessionPool({ login: { pin: mine } });
    };
    dropPools(50);
    assertEquals(ended.size, before + 50);
    mine.fill(0);
    // What the machine's stack still shows to a collector may keep a few for as long as the thread does.
    while (ended.size > before + 5) {
      collectGarbage!();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert(secret.occurrences() <= 5);
  });

  it("no error, JSON or inspection shows a PIN", { skip, timeout }, async () => {
    const pin = "1234-shown-nowhere";
    strict.fail("C_Login", CKR.PIN_INCORRECT, { times: 4 });
    strict.fail("C_SetPIN", CKR.PIN_LEN_RANGE, { times: 4 });
    const errors = [
      await assertRejects(() => session.login(CKU.USER, pin)),
      assertThrows(() => session.loginSync(CKU.USER, pin)),
      await assertRejects(() => session.slot.openSession({ login: { pin } })),
      await assertRejects(() => session.setPin(pin, pin)),
      await assertRejects(() => session.login(pin as unknown as number, pin)),
      await assertRejects(() => session.initPin([pin] as unknown as string)),
      await assertRejects(() => session.slot.initToken({ pin } as unknown as string, pin.repeat(3).slice(0, 5))),
    ] as Error[];
    for (const error of errors) {
      const texts = [error.message, error.stack ?? "", inspect(error, { depth: 9 }), JSON.stringify(error)];
      for (const text of texts) assertFalse(text.includes("shown-nowhere"), text);
    }
    for (const value of [session, session.slot, module]) {
      assertFalse(inspect(value, { depth: 9, showHidden: true }).includes("shown-nowhere"));
    }
  });
});
