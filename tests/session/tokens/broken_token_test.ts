// About session/tokens/find_slot.ts and cli/tokens/find_tokens.ts: a token whose C_GetTokenInfo fails hinders no other of
// its module.
import { assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { commandLine } from "../../_support/command_line.ts";
import { MovingModule, movingModuleSkip } from "../../_support/moving_module.ts";
import { createToken, type TestToken } from "../../_support/softhsm.ts";

describe("a token that cannot be asked", { skip: movingModuleSkip }, () => {
  let good: TestToken;
  let bad: TestToken;
  let moving: MovingModule;
  let module: Module;
  let goodSlot: Slot;
  let badSlot: Slot;
  before(async () => {
    bad = createToken();
    good = createToken();
    moving = new MovingModule();
    module = await Module.load(moving.path, { managed: false });
    goodSlot = await module.findSlot(good.label);
    badSlot = await module.findSlot(bad.label);
  });
  afterEach(() => moving.break(0n, 0));
  after(() => module.close());

  for (const rv of [CKR.DEVICE_ERROR, CKR.GENERAL_ERROR]) {
    it(`with ${rv} does not hide another one, and is told of where no other is meant`, async () => {
      moving.break(badSlot.id, rv);
      for (const match of [good.label, `pkcs11:token=${encodeURIComponent(good.label)}`]) {
        assertEquals((await module.findSlot(match)).id, goodSlot.id);
        assertEquals(module.findSlotSync(match).id, goodSlot.id);
      }
      const error = await assertRejects(() => module.findSlot(bad.label), Pkcs11Error);
      assertEquals([error.fn, error.code], ["C_GetTokenInfo", rv]);
      assertThrows(() => module.findSlotSync("nowhere"), Pkcs11Error);
    });
  }

  it("ends no watch: it is told of when it answers, and has not gone while it does not", async () => {
    moving.break(badSlot.id, CKR.DEVICE_ERROR);
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const { change, token } of module.watchTokens({ signal: controller.signal })) {
      if (token.label !== good.label && token.label !== bad.label) continue;
      seen.push(`${change} ${token.label}`);
      if (seen.length === 1) moving.break(0n, 0);
      else if (seen.length === 2) {
        moving.break(badSlot.id, CKR.DEVICE_ERROR);
        setTimeout(() => moving.move(goodSlot.id, 0n), 600);
      } else break;
    }
    assertEquals(seen, [`inserted ${good.label}`, `inserted ${bad.label}`, `removed ${good.label}`]);
    moving.move(0n, goodSlot.id);
  });

  it("stands in the command line's list of slots with what it answers, and hides no other", async () => {
    moving.break(badSlot.id, CKR.DEVICE_ERROR);
    const run = (...args: string[]) => commandLine(["--module", moving.path, ...args]);
    const slots = await run("slots");
    assertEquals([slots.code, slots.errors], [0, ""]);
    assertMatch(slots.text, /\(unknown\) .*CKR_DEVICE_ERROR/);
    assertStringIncludes(slots.text, good.label);
    const rows = JSON.parse((await run("slots", "--json")).text) as { id: number; error: string | null }[];
    assertEquals(rows.filter(({ error }) => error !== null).map(({ id }) => BigInt(id)), [badSlot.id]);
    assertEquals((await run("objects", `pkcs11:token=${encodeURIComponent(good.label)}`)).code, 0);
    const other = await run("objects", `pkcs11:token=${encodeURIComponent(bad.label)}`);
    assertEquals(other.code, 1);
    assertStringIncludes(other.errors, "CKR_DEVICE_ERROR");
  });
});
