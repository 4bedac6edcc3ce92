import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Pkcs11Error } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { compileMockModule, type MockModule, mockModuleSkip as skip } from "../../_support/mock_module.ts";

/** A module whose sessions cannot be closed, with three of them. */
async function stubborn(managed: "gp11" | false): Promise<{ mock: MockModule; module: Module; sessions: Session[] }> {
  // CKR_FUNCTION_FAILED
  const mock = compileMockModule("stubborn", "slots=1,close=6");
  const module = await Module.load(mock.path, { managed });
  const slot = (await module.slots())[0]!;
  return { mock, module, sessions: [1, 2, 3].map(() => slot.openSessionSync()) };
}

describe("Closing what fails to be closed", { skip }, () => {
  for (const managed of ["gp11", false] as const) {
    it(`Module.closeSync() finishes its work and reports once, managed: ${managed}`, async () => {
      const { mock, module, sessions } = await stubborn(managed);
      assertEquals(assertThrows(() => module.closeSync(), Pkcs11Error).fn, "C_CloseSession");
      assert(module.closed && sessions.every((session) => session.closed));
      assertEquals(mock.finalizes(), 1);
      module.closeSync();
      await module.close();
      assertEquals(mock.finalizes(), 1);
    });

    it(`Module.close() finishes its work and reports once, managed: ${managed}`, async () => {
      const { mock, module, sessions } = await stubborn(managed);
      const [first, second] = [module.close(), module.close()];
      assertEquals((await assertRejects(() => first, Pkcs11Error)).fn, "C_CloseSession");
      await second;
      await module.close();
      await module[Symbol.asyncDispose]();
      module.closeSync();
      assert(module.closed && sessions.every((session) => session.closed));
      assertEquals(mock.finalizes(), 1);
    });
  }

  it("Session.close() reports once", async () => {
    const { module, sessions: [session] } = await stubborn("gp11");
    await assertRejects(() => session!.close(), Pkcs11Error, "CKR_FUNCTION_FAILED");
    await session!.close();
    await session![Symbol.asyncDispose]();
    session!.closeSync();
    await module.close().catch(() => {});
  });
});
