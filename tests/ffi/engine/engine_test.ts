import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import { Engine } from "../../../ffi/engine/engine.ts";
import type { Frame } from "../../../ffi/engine/frame.ts";
import { moduleInfo, slotInfo } from "../../../ffi/operations/modules.ts";
import { WorkerPool } from "../../../ffi/workers/worker_pool.ts";
import { Callers } from "../../../session/managed/callers.ts";
import { locked } from "../../../session/managed/leftovers.ts";
import { StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";

describe("Engine", () => {
  let strict: StrictModule;
  let engine: Engine;
  const pool = new WorkerPool(2);
  before(() => {
    if (skip) return;
    strict = new StrictModule();
    const table = Cryptoki.open(strict.path);
    table.call("C_Initialize", 0n);
    const failure = (rv: number, fn: string) => new Error(`${fn} ${rv}`);
    engine = new Engine(table, {
      failure,
      declined: (fn) => new Error(fn),
      noPinPad: failure,
      emptyPin: failure,
      busy: () => new Error("busy"),
    }, () => pool);
  });
  after(() => pool.close());

  it("drives the same operation in place and on a worker, with the same result and error", { skip }, async () => {
    assertEquals(await engine.run(null, moduleInfo, null), engine.runSync(null, moduleInfo, null));
    assertThrows(() => engine.runSync(null, slotInfo, { slot: 9n }), Error, "C_GetSlotInfo 3");
    await assertRejects(() => engine.run(null, slotInfo, { slot: 9n }), Error, "C_GetSlotInfo 3");
  });

  it("counts calls until they have returned, abandoned ones too", { skip }, async () => {
    strict.block("C_GetInfo");
    const controller = new AbortController();
    const pending = engine.run(null, moduleInfo, null, { signal: controller.signal });
    await strict.blocked();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => pending), reason);
    assertEquals(engine.inFlight, 1);
    const drained = engine.drained();
    strict.release();
    await drained;
    assertEquals(engine.inFlight, 0);
  });

  it(
    "a lane is one for all who hold it, runs one operation at a time and refuses calls in place",
    { skip },
    async () => {
      const lane = engine.lane(7n);
      assertStrictEquals(engine.lane(7n), lane);
      strict.block("C_GetInfo");
      const both = [engine.run(lane, moduleInfo, null), engine.run(lane, moduleInfo, null)];
      await strict.blocked();
      assertEquals([lane.busy, lane.waiting], [true, 1]);
      assertThrows(() => engine.runSync(lane, moduleInfo, null), Error, "busy");
      strict.release();
      await Promise.all(both);
      await lane.idle();
      engine.releaseLane(lane);
      engine.releaseLane(lane);
      assertEquals([lane.busy, engine.lane(7n) === lane], [false, false]);
    },
  );

  it(
    "takes no lock of the module's callers before its turn, and leaves none when it is given up",
    { skip },
    async () => {
      const callers = Callers.of(strict.path, "engine_test");
      const controller = new AbortController();
      strict.block("C_GetInfo");
      const before = Array.from({ length: 80 }, () => engine.run(null, moduleInfo, null));
      await strict.blocked();
      const body = (frame: Frame) => locked(frame, callers, "load the module", () => moduleInfo(frame));
      const given = engine.run(null, body, null, { signal: controller.signal });
      assertEquals(callers.heldHere, false);
      const reason = new Error("enough");
      controller.abort(reason);
      assertStrictEquals(await assertRejects(() => given), reason);
      strict.release();
      await Promise.all(before);
      assertEquals(callers.heldHere, false);
      assertEquals(await engine.run(null, body, null), await engine.run(null, moduleInfo, null));
    },
  );
});
