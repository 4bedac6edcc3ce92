import { existsSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { ModuleLoadError, Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, type MockModule, mockModuleSkip } from "../../_support/mock_module.ts";

const p11KitSkip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);

let compiled: MockModule | undefined;
function mock(): MockModule {
  return compiled ??= compileMockModule("callers", "slots=2");
}

for (const managed of ["gp11", "p11-kit"] as const) {
  describe(`Module with managed: "${managed}"`, { skip: managed === "gp11" ? mockModuleSkip : p11KitSkip }, () => {
    it("initialises for the first caller and finalises for the last", async () => {
      const module = mock();
      const [begun, ended] = [module.initializes(), module.finalizes()];
      const one = await Module.load(module.path, { managed });
      const two = Module.loadSync(module.path, { managed });
      assertEquals(one.managed, managed);
      assert(one.owner);
      assertEquals(module.initializes(), begun + 1);
      await one.close();
      assertEquals(module.finalizes(), ended);
      assertEquals((await two.slots()).length, 2);
      await two.close();
      assertEquals([module.initializes(), module.finalizes()], [begun + 1, ended + 1]);
    });

    it("initialises again after the last caller has gone", async () => {
      const module = mock();
      const before = module.initializes();
      for (let cycle = 0; cycle < 3; cycle++) {
        await using caller = await Module.load(module.path, { managed });
        assertEquals((await caller.info()).libraryDescription, "callers");
      }
      assertEquals(module.initializes(), before + 3);
      assertEquals(module.initializes(), module.finalizes());
    });

    it("counts sixteen loads at once as sixteen callers of one module", async () => {
      const module = mock();
      const before = module.initializes();
      const callers = await Promise.all(Array.from({ length: 16 }, () => Module.load(module.path, { managed })));
      const sessions = await Promise.all(callers.map(async (caller) => (await caller.slots())[0]!.openSession()));
      for (const caller of callers.slice(0, 15)) await caller.close();
      assertEquals(sessions.map((session) => session.closed), [...Array(15).fill(true), false]);
      assertEquals(Number((await sessions[15]!.getInfo()).state), 0);
      assertEquals(module.sessions(), 1);
      await callers[15]!.close();
      assertEquals([module.initializes(), module.finalizes()], [before + 1, before + 1]);
    });

    it("keeps the sessions of other callers through closeAllSessions() and close()", async () => {
      const module = mock();
      const one = await Module.load(module.path, { managed });
      await using two = await Module.load(module.path, { managed });
      const slot = (await one.slots())[0]!;
      await slot.openSession();
      await slot.openSession();
      const other = await (await two.slots())[0]!.openSession();
      assertEquals(module.sessions(), 3);
      await one.closeAllSessions(slot);
      assertEquals(module.sessions(), 1);
      await other.getInfo();
      await slot.openSession();
      await one.close();
      assertEquals(module.sessions(), 1);
      await other.getInfo();
    });

    it("answers CKR_CRYPTOKI_NOT_INITIALIZED for a closed caller and never asks the module", async () => {
      const module = mock();
      await using _other = await Module.load(module.path, { managed });
      const closed = await Module.load(module.path, { managed });
      const slot = (await closed.slots())[0]!;
      await closed.close();
      for (
        const call of [
          () => closed.info(),
          () => closed.slots(),
          () => closed.closeAllSessions(),
          () => slot.openSession(),
          () => slot.tokenInfo(),
        ]
      ) {
        assertEquals((await assertRejects(call, Pkcs11Error)).ckr, "CKR_CRYPTOKI_NOT_INITIALIZED");
      }
      assertThrows(() => slot.openSessionSync(), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
    });

    it("takes a path that is relative to the current folder", async () => {
      const module = mock();
      const before = module.initializes();
      await using caller = await Module.load(relative(process.cwd(), module.path), { managed });
      assertEquals((await caller.info()).libraryDescription, "callers");
      assertEquals(module.initializes(), before + 1);
    });

    it("close() is idempotent and counts once", async () => {
      const module = mock();
      await using _other = await Module.load(module.path, { managed });
      const before = module.finalizes();
      const caller = await Module.load(module.path, { managed });
      await Promise.all([caller.close(), caller.close(), caller[Symbol.asyncDispose]()]);
      caller.closeSync();
      assertEquals(module.finalizes(), before);
    });

    it("recognises somebody else's C_Initialize and never finalises it", async () => {
      const module = mock();
      const before = module.finalizes();
      const foreign = await Module.load(module.path, { managed: false });
      assert(foreign.owner);
      const guest = await Module.load(module.path, { managed });
      if (managed === "gp11") assertFalse(guest.owner);
      await guest.close();
      assertEquals(module.finalizes(), before);
      assertEquals((await foreign.slots()).length, 2);
      await foreign.close();
      assertEquals(module.finalizes(), before + 1);
    });

    it("a failing C_Initialize is an error, leaves nothing counted and may be tried again", async () => {
      const module = mock();
      const before = module.initializes();
      const load = () => Module.load(module.path, { managed, reserved: "initialize=48" });
      assertEquals((await assertRejects(load, Pkcs11Error)).ckr, "CKR_DEVICE_ERROR");
      assertThrows(() => Module.loadSync(module.path, { managed, reserved: "initialize=48" }), Pkcs11Error);
      assertEquals(module.initializes(), before);
      await using caller = await Module.load(module.path, { managed, reserved: "slots=3" });
      assertEquals((await caller.slots()).length, 3);
    });

    it("neverFinalize leaves the module initialised", async () => {
      const module = compileMockModule(`never-${managed}`);
      const caller = await Module.load(module.path, { managed, neverFinalize: true });
      await caller.close();
      assertEquals([module.initializes(), module.finalizes()], [1, 0]);
    });

    it("an aborted load counts nothing", async () => {
      const module = mock();
      const loads = Array.from({ length: 4 }, async () => {
        const controller = new AbortController();
        const loading = Module.load(module.path, { managed, signal: controller.signal });
        controller.abort(new Error("enough"));
        await assertRejects(() => loading, Error, "enough");
      });
      await Promise.all(loads);
      const caller = await Module.load(module.path, { managed });
      await caller.close();
      assertEquals(module.initializes(), module.finalizes());
    });

    it("share() is refused where nobody counts", () => {
      using caller = Module.loadSync(mock().path, { managed: false });
      assertThrows(() => caller.share(), TypeError, "nobody counts");
      using counted = Module.loadSync(mock().path, { managed });
      const share = counted.share();
      assertEquals([share.path, share.managed], [mock().path, managed]);
      const broken = { ...share, memory: new SharedArrayBuffer(8) };
      assertThrows(() => Module.loadSync(share.path, { share: broken }), TypeError, "module share");
    });
  });
}

describe('Module with managed: "auto"', { skip: p11KitSkip }, () => {
  const proxy = p11KitPath()?.replace(/libp11-kit\.so\.0$/, "p11-kit-proxy.so");
  const proxySkip = proxy === undefined || !existsSync(proxy) ? "p11-kit's proxy is not installed" : false;

  it("takes p11-kit's own proxy, which libp11-kit does not wrap", { skip: proxySkip }, async () => {
    for (const module of [await Module.load(proxy!), Module.loadSync(proxy!)]) {
      assertEquals(module.managed, "gp11");
      assert(Array.isArray(await module.slots()));
      await module.close();
    }
  });

  it("gives libp11-kit's reason for what is no module", async () => {
    await assertRejects(() => Module.load("/nowhere/module.so"), ModuleLoadError, "No such file");
  });
});

describe('Module with managed: "gp11"', { skip: mockModuleSkip }, () => {
  it("refuses a load in place while the first asynchronous one is under way", async () => {
    const module = compileMockModule("busy");
    const loading = Module.load(module.path, { managed: "gp11" });
    // Its turn has come, and no answer of a worker thread is looked at before the next turn of the event loop.
    await Promise.resolve();
    assertThrows(() => Module.loadSync(module.path, { managed: "gp11" }), SessionBusyError);
    await (await loading).close();
  });

  it("knows one library by two paths as one module", async () => {
    const module = mock();
    const before = module.initializes();
    await using _one = await Module.load(module.path, { managed: "gp11" });
    await using _two = await Module.load(module.path.replace("/tmp/", "/tmp/./"), { managed: "gp11" });
    assertEquals(module.initializes(), before + 1);
  });
});
