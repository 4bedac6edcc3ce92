import { mkdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CKM, loadModules, type Module, Pkcs11Error, type Slot } from "../../../session/mod.ts";
import { createToken } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { TokenServer, tokenServerSkip } from "../../_support/token_server.ts";

let folder: string | undefined;

async function load(address: string, managed: "gp11" | "p11-kit"): Promise<Module> {
  folder ??= temporaryFolder("remote");
  mkdirSync(`${folder}/modules`, { recursive: true });
  writeFileSync(`${folder}/modules/far.module`, `remote: ${address}\n`);
  const [module] = await loadModules({ config: { systemModules: `${folder}/modules` }, managed, critical: true });
  return module!;
}

async function tokenSlot(module: Module): Promise<Slot> {
  return (await module.slots({ tokenPresent: true }))[0]!;
}

describe("a token behind p11-kit server", { skip: tokenServerSkip }, () => {
  for (const managed of ["gp11", "p11-kit"] as const) {
    it(`works like any other and survives its server with managed: "${managed}"`, async () => {
      const token = createToken();
      const server = new TokenServer(token);
      await server.start();
      const module = await load(server.address, managed);
      try {
        module.poolSessions = true;
        const slot = await tokenSlot(module);
        const login = { pin: token.userPin };
        const session = await slot.openSession({ readWrite: true, login });
        const key = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, {
          token: true,
          label: "mac",
          sign: true,
          verify: true,
          valueLen: 32,
        }); // deno-fmt-ignore
        const data = new Uint8Array([1, 2, 3]);
        const mac = await session.sign(key, CKM.SHA256_HMAC, data);
        await (await slot.openSession({ login })).close();

        const pending = Promise.allSettled(Array.from({ length: 8 }, () => session.sign(key, CKM.SHA256_HMAC, data)));
        await server.kill();
        const outcomes = await pending;
        assert(outcomes.every((one) => one.status === "fulfilled" || one.reason instanceof Pkcs11Error));
        const lost = [() => session.getInfo(), () => slot.openSession(), () => slot.tokenInfo(), () => module.slots()];
        for (const call of lost) assertEquals((await assertRejects(call, Pkcs11Error)).ckr, "CKR_DEVICE_ERROR");

        await server.start();
        const again = await (await tokenSlot(module)).openSession({ readWrite: true, login });
        await assertRejects(() => session.getInfo(), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
        await assertRejects(() => again.sign(key, CKM.SHA256_HMAC, data), Pkcs11Error, "CKR_SESSION_HANDLE_INVALID");
        await session.close();
        const [found] = await again.findObjects({ label: "mac" });
        assert(await again.verify(found!, CKM.SHA256_HMAC, data, mac));
        assertEquals(await again.sign(found!, CKM.SHA256_HMAC, data), mac);
        await again.close();
      } finally {
        await module.close();
        await server.kill();
      }
    });
  }

  for (const managed of ["gp11", "p11-kit"] as const) {
    it(`is closed with nothing to report when its server has died, with managed: "${managed}"`, async () => {
      const server = new TokenServer(createToken());
      for (const [inPlace, noticed] of [[false, false], [false, true], [true, false], [true, true]]) {
        await server.start();
        const module = await load(server.address, managed);
        const slot = await tokenSlot(module);
        const sessions = [await slot.openSession(), await slot.openSession()];
        await server.kill();
        if (noticed) await assertRejects(() => slot.tokenInfo(), Pkcs11Error);
        await sessions[0]!.close();
        if (inPlace) module.closeSync();
        else await module.close();
        assert(module.closed && sessions[1]!.closed);
      }
    });

    it(`has a name, no path and no share with managed: "${managed}"`, async () => {
      const server = new TokenServer(createToken());
      await server.start();
      await using module = await load(server.address, managed);
      assertEquals([module.name, module.path], ["far", null]);
      assertThrows(() => module.share(), TypeError, "it has no path");
      await module.close();
      await server.kill();
    });
  }

  it("in place, too, a lost server is an error and a new one is found", async () => {
    const token = createToken();
    const server = new TokenServer(token);
    await server.start();
    const module = await load(server.address, "gp11");
    try {
      const slot = module.slotsSync({ tokenPresent: true })[0]!;
      slot.openSessionSync();
      await server.kill();
      for (let attempt = 0; attempt < 3; attempt++) {
        await assertRejects(async () => await slot.openSessionSync(), Pkcs11Error, "CKR_DEVICE_ERROR");
      }
      await server.start();
      const session = slot.openSessionSync({ login: { pin: token.userPin } });
      assertEquals(session.generateRandomSync(8).length, 8);
    } finally {
      await module.close();
      await server.kill();
    }
  });
});
