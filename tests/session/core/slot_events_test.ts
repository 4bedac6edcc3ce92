import { assertEquals, assertRejects } from "@std/assert";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Module } from "../../../session/tokens/module.ts";
import { StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";

/** The module without C_WaitForSlotEvent, and the one that says CKR_NO_EVENT of what it does not tell. */
for (const version of ["2.40", "3.2"] as const) {
  describe(`Events of slots, on a module of ${version}`, () => {
    let strict: StrictModule;
    let module: Module;

    beforeEach(async () => {
      if (skip) return;
      strict = new StrictModule(version);
      module = await Module.load(strict.path, { managed: false });
    });
    afterEach(() => module?.close());

    const wait = async (signal?: AbortSignal) => Number((await module.waitForSlotEvent({ signal })).id);
    /** Waits once, so that the module's slots are known. */
    const know = async () => {
      const pending = wait();
      while (strict.calls("C_GetSlotList") < 4) await new Promise((resolve) => setTimeout(resolve, 2));
      strict.set("readers", 0);
      assertEquals(await pending, 5);
    };

    it("what happens between two waits is told by the next, slot by slot, and once", { skip }, async () => {
      await know();
      strict.set("readers", 3);
      assertEquals(new Set([await wait(), await wait()]), new Set([5, 6]));
      const controller = new AbortController();
      const pending = wait(controller.signal);
      const asked = strict.calls("C_GetSlotList");
      while (strict.calls("C_GetSlotList") < asked + 8) await new Promise((resolve) => setTimeout(resolve, 2));
      controller.abort(new Error("nothing more"));
      await assertRejects(() => pending, Error, "nothing more");
      strict.set("readers", 1);
      assertEquals(await wait(), 6);
    });

    it(
      "a slot that is new is seen, though the module looks for it only when asked for the length",
      { skip },
      async () => {
        strict.set("readers", 3);
        assertEquals((await module.slots()).map(({ id }) => id), [5n, 6n]);
        assertEquals(module.slotsSync({ tokenPresent: true }).map(({ id }) => id), [5n, 6n]);
      },
    );

    if (version === "2.40") return;

    it(
      "an event the module gives is told, and not again by comparing",
      { skip },
      async () => {
        await know();
        strict.set("readers", 1);
        strict.set("event", 5);
        assertEquals(await wait(), 5);
        strict.set("readers", 3);
        assertEquals(await wait(), 6);
      },
    );

    it(
      "an event that comes when its wait was aborted is told by the next",
      { skip },
      async () => {
        strict.block("C_WaitForSlotEvent");
        const controller = new AbortController();
        const pending = wait(controller.signal);
        await strict.blocked();
        controller.abort(new Error("enough"));
        await assertRejects(() => pending, Error, "enough");
        strict.set("event", 5);
        strict.release();
        assertEquals(await wait(), 5);
      },
    );
  });
}
