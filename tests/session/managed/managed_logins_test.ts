import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { CKU, Module, type ModuleOptions, Pkcs11Error, type Session } from "../../../session/mod.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, type MockModule, mockModuleSkip } from "../../_support/mock_module.ts";

const p11KitSkip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);
const RO_USER = 1;
const RO_PUBLIC = 0;

async function caller(mock: MockModule, options: ModuleOptions): Promise<{ module: Module; session: Session }> {
  const module = await Module.load(mock.path, options);
  return { module, session: await (await module.slots())[0]!.openSession() };
}

async function state(session: Session): Promise<number> {
  return Number((await session.getInfo()).state);
}

for (const managed of ["gp11", "p11-kit"] as const) {
  describe(`logins with managed: "${managed}"`, { skip: managed === "gp11" ? mockModuleSkip : p11KitSkip }, () => {
    it("last until the last caller who has logged in logs out", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const two = await caller(mock, { managed });
      assertEquals(await one.session.login(CKU.USER, "1234"), true);
      assertEquals(await two.session.login(CKU.USER, "1234", { ifNeeded: true }), false);
      await one.session.logout();
      assertEquals([await state(two.session), mock.logouts()], [RO_USER, 0]);
      two.session.logoutSync();
      assertEquals([await state(two.session), mock.logouts()], [RO_PUBLIC, 1]);
      await one.module.close();
      await two.module.close();
    });

    it("do not count a caller who was refused, whatever his PIN, and count each caller once", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const two = await caller(mock, { managed });
      await one.session.login(CKU.USER, "1234");
      for (const pin of ["1234", "9999"]) {
        for (const { session } of [one, two]) {
          const error = await assertRejects(() => session.login(CKU.USER, pin), Pkcs11Error);
          assertEquals(error.ckr, "CKR_USER_ALREADY_LOGGED_IN");
        }
      }
      await one.session.logout();
      assertEquals([await state(one.session), await state(two.session)], [RO_PUBLIC, RO_PUBLIC]);
      assertEquals([mock.logins(), mock.logouts()], [1, 1]);
      await one.module.close();
      await two.module.close();
    });

    it("cannot be ended by a caller who has none", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const two = await caller(mock, { managed });
      await one.session.login(CKU.USER, "1234");
      const error = await assertRejects(() => two.session.logout(), Pkcs11Error);
      assertEquals([error.ckr, await state(one.session)], ["CKR_USER_NOT_LOGGED_IN", RO_USER]);
      await one.session.logout();
      await assertRejects(() => one.session.logout(), Pkcs11Error, "CKR_USER_NOT_LOGGED_IN");
      await one.module.close();
      await two.module.close();
    });

    it("of callers that are gone, or have no session any more, do not count", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const two = await caller(mock, { managed });
      const three = await caller(mock, { managed });
      await one.session.login(CKU.USER, "1234");
      await two.session.login(CKU.USER, "1234", { ifNeeded: true });
      await three.session.login(CKU.USER, "1234", { ifNeeded: true });
      await two.module.close();
      await three.session.close();
      await one.session.logout();
      assertEquals([await state(one.session), mock.logouts()], [RO_PUBLIC, 1]);
      await one.module.close();
      await three.module.close();
    });

    it("end with the last session of the last caller who has one, though another's session is open", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const two = await caller(mock, { managed });
      const another = await one.session.slot.openSession({ login: { pin: "1234" } });
      await one.session.close();
      assertEquals([await state(two.session), mock.logouts()], [RO_USER, 0]);
      await another.close();
      assertEquals([await state(two.session), mock.logouts()], [RO_PUBLIC, 1]);
      await two.session.login(CKU.USER, "1234");
      await one.module.close();
      assertEquals([await state(two.session), mock.logouts()], [RO_USER, 1]);
      await two.module.close();
      assertEquals(mock.logouts(), 1);
    });

    it("are PKCS#11's own with countLogins: false", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed, countLogins: false });
      const two = await caller(mock, { managed, countLogins: false });
      await one.session.login(CKU.USER, "1234");
      await two.session.login(CKU.USER, "1234", { ifNeeded: true });
      await two.session.logout();
      assertEquals([await state(one.session), mock.logouts()], [RO_PUBLIC, 1]);
      await one.module.close();
      await two.module.close();
    });

    it("made while a session is opened count too", async () => {
      const mock = compileMockModule("logins");
      const one = await caller(mock, { managed });
      const slot = one.session.slot;
      const login = { pin: "1234" };
      const first = await slot.openSession({ login });
      const two = await Module.load(mock.path, { managed });
      const second = await (await two.slots())[0]!.openSession({ login });
      await first.logout();
      assertEquals(await state(second), RO_USER);
      await second.logout();
      assertEquals(await state(second), RO_PUBLIC);
      await two.close();
      await one.module.close();
    });
  });
}
