import { assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { CKR, CKU } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { Module } from "../../session/module.ts";
import type { Session } from "../../session/session.ts";
import { StrictModule, strictModuleSkip as skip } from "../_support/strict_module.ts";

const memorySkip = skip || (existsSync("/proc/self/mem") ? false : "there is no /proc/self/mem");
const timeout = 60_000;
const PIECE = 1 << 22;

/** A PIN that stands in memory nowhere else; kept with its bits inverted, so that looking for it does not find itself. */
class SecretPin {
  readonly #inverted: Uint8Array;

  constructor(length = 24) {
    this.#inverted = new Uint8Array(randomBytes(length));
    // A rare byte is found faster.
    this.#inverted[0] = 0x1c;
  }

  /** The PIN in memory that {@linkcode wipe} overwrites. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(this.#inverted.length));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#inverted[i]! ^ 0xff;
    return bytes;
  }

  /** How often the PIN stands in the writable memory of this process. */
  occurrences(): number {
    const memory = openSync("/proc/self/mem", "r");
    const buffer = new Uint8Array(new ArrayBuffer(PIECE));
    let found = 0;
    try {
      for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
        const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
        if (!from || !to || !mode?.startsWith("rw") || line.includes("[v")) continue;
        found += this.#inRange(memory, buffer, Number.parseInt(from, 16), Number.parseInt(to, 16));
      }
    } finally {
      closeSync(memory);
    }
    return found;
  }

  #inRange(memory: number, buffer: Uint8Array, from: number, to: number): number {
    const first = this.#inverted[0]! ^ 0xff;
    const { length } = this.#inverted;
    let found = 0;
    for (let at = from; at < to; at += PIECE - length + 1) {
      let read: number;
      try {
        read = readSync(memory, buffer, 0, Math.min(PIECE, to - at), at);
      } catch {
        // Reserved and never used.
        return found;
      }
      let here = 0;
      for (let i = buffer.indexOf(first); i >= 0 && i + length <= read; i = buffer.indexOf(first, i + 1)) {
        if (this.#isAt(buffer, i)) here++;
      }
      // What was read is a copy as well, which must not be found in its turn.
      if (here > 0) buffer.fill(0);
      found += here;
    }
    return found;
  }

  #isAt(buffer: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#inverted.length; i++) if ((buffer[at + i]! ^ 0xff) !== this.#inverted[i]) return false;
    return true;
  }
}

describe("PINs", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  before(async () => {
    if (skip) return;
    strict = new StrictModule();
    module = await Module.load(strict.path, { managed: false });
    session = await (await module.slots())[0]!.openSession({ readWrite: true });
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

  it("after the calls no copy of a PIN is left in memory", { skip: memorySkip, timeout }, async () => {
    const secret = new SecretPin();
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
