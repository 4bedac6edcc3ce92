import { cpSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Pkcs11Error, SessionBusyError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { ModuleOptions } from "../../../session/managed/options.ts";
import type { ManagedWork } from "../../_support/managed_worker.ts";
import { compileMockModule, type MockModule, mockModuleSkip } from "../../_support/mock_module.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const skip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);
const threadSkip = skip || (process.platform !== "linux" && "threads without a share find each other on Linux only");
type Managed = NonNullable<ModuleOptions["managed"]>;
const ROADS: readonly Managed[] = ["p11-kit", "gp11", false];
/** A call is inside the module until it is released, however busy the machine is. */
const HELD = "slots=1,held";

/** Starts a call that is held and resolves when it is inside the module. */
async function heldCall(mock: MockModule, module: Module): Promise<{ answer: Promise<unknown> }> {
  const [slot] = await module.slots();
  const answer = slot!.tokenInfo();
  let isSettled = false;
  const settled = (): void => void (isSettled = true);
  answer.then(settled, settled);
  while (mock.inside() === 0) {
    assertFalse(isSettled, "the call has ended before it was seen inside the module");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { answer };
}

/** Closes a module while another one's call is held; a close that has to wait for it must have begun when it is let go. */
async function closeDuring(mock: MockModule, closing: Module): Promise<void> {
  const closed = closing.close();
  setTimeout(() => mock.release(), 20);
  await closed;
}

type Copy = typeof import("../../../session/tokens/module.ts");

let copied: Promise<Copy> | null = null;

/** A copy of the package that shares no variables with this one. */
function otherCopy(): Promise<Copy> {
  return copied ??= makeCopy();
}

async function makeCopy(): Promise<Copy> {
  const folder = temporaryFolder("copy");
  for (const name of ["session", "ffi", "internal"]) {
    cpSync(fileURLToPath(new URL(`../../../${name}`, import.meta.url)), `${folder}/${name}`, { recursive: true });
  }
  return await import(pathToFileURL(`${folder}/session/tokens/module.ts`).href);
}

describe("One library loaded by several roads", { skip }, () => {
  for (const first of ROADS) {
    for (const second of ROADS) {
      if (first === second && first !== false) continue;
      it(`${first}, then ${second}: the first one's close does not end the second one's call`, async () => {
        const mock = compileMockModule("roads", HELD);
        const one = await Module.load(mock.path, { managed: first });
        const two = await Module.load(mock.path, { managed: second });
        const { answer } = await heldCall(mock, two);
        await closeDuring(mock, one);
        await answer;
        assertEquals(mock.cuts(), 0);
        // A guest alone does not keep the module.
        const guest = second === false;
        if (guest) {
          assertEquals((await assertRejects(() => two.info(), Pkcs11Error)).ckr, "CKR_CRYPTOKI_NOT_INITIALIZED");
        } else await two.info();
        await two.close();
        assertEquals([mock.initializes(), mock.finalizes(), mock.strays()], [1, 1, 0]);
      });
    }
  }

  it("gives wrappers back that had to wait, when another takes over from them", async () => {
    const mock = compileMockModule("cycles");
    const keeper = await Module.load(mock.path, { managed: "gp11" });
    for (let cycle = 0; cycle < 5; cycle++) await (await Module.load(mock.path, { managed: "p11-kit" })).close();
    assertEquals([mock.initializes(), mock.finalizes()], [1, 0]);
    await keeper.close();
    assertEquals([mock.initializes(), mock.finalizes()], [1, 1]);
  });

  it("refuses every call of a guest when the owner has closed, in place too, and lets him close", async () => {
    const mock = compileMockModule("guest");
    const owner = await Module.load(mock.path, { managed: "gp11" });
    const guest = Module.loadSync(mock.path, { managed: false });
    assertFalse(guest.owner);
    const slot = (await guest.slots())[0]!;
    const session = await slot.openSession();
    await owner.close();
    for (
      const call of [
        () => slot.openSession(),
        () => guest.info(),
        () => session.getInfo(),
        () => session.findObjects(),
      ]
    ) {
      assertEquals((await assertRejects(call, Pkcs11Error)).ckr, "CKR_CRYPTOKI_NOT_INITIALIZED");
    }
    assertEquals(assertThrows(() => guest.infoSync(), Pkcs11Error).ckr, "CKR_CRYPTOKI_NOT_INITIALIZED");
    await session.close();
    guest.closeSync();
    assert(guest.closed);
    assertEquals([mock.finalizes(), mock.strays()], [1, 0]);
  });
});

describe("Two copies of the package in one process", { skip }, () => {
  for (const managed of ["gp11", false] as const) {
    it(`managed: ${managed}: the close of one does not end the other's call`, async () => {
      const copy = await otherCopy();
      const mock = compileMockModule("copies", HELD);
      const one = await Module.load(mock.path, { managed });
      const two = await copy.Module.load(mock.path, { managed });
      const { answer } = await heldCall(mock, two as unknown as Module);
      await closeDuring(mock, one);
      await answer;
      assertEquals(mock.cuts(), 0);
      await two.close();
      assertEquals([mock.initializes(), mock.finalizes(), mock.strays()], [1, 1, 0]);
    });
  }
});

describe("A load in place while another copy of the package loads the same module", { skip: threadSkip }, () => {
  it("is made before it, or refused: it never waits for its own thread", async () => {
    const copy = await otherCopy();
    const mock = compileMockModule("copies-at-once");
    const loading = copy.Module.load(mock.path, { managed: "gp11" });
    let isLoaded = false;
    const loaded = loading.finally(() => isLoaded = true);
    let loads = 0;
    do {
      try {
        Module.loadSync(mock.path, { managed: "gp11" }).closeSync();
        loads++;
      } catch (error) {
        assertInstanceOf(error, SessionBusyError);
      }
      await new Promise((resolve) => setImmediate(resolve));
    } while (!isLoaded);
    assert(loads > 0, "the lock is free as long as the other load waits for its turn");
    await (await loaded).close();
    assertEquals(mock.initializes(), mock.finalizes());
  });
});

describe("Worker threads that were given no share", { skip: threadSkip }, () => {
  for (const managed of ["gp11", "p11-kit"] as const) {
    it(`managed: ${managed}: load, use and close the module at once as callers of one`, async () => {
      const mock = compileMockModule(`shareless-${managed}`);
      const workers = Array.from({ length: 4 }, () => {
        const workerData: ManagedWork = { path: mock.path, options: { managed }, cycles: 8 };
        return new Worker(new URL("../../_support/managed_worker.ts", import.meta.url), { workerData });
      });
      const answers = await Promise.all(workers.map((worker) =>
        new Promise((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
        })
      ));
      assertEquals(answers, workers.map(() => ({ done: 8, error: null })));
      await Promise.all(workers.map((worker) => worker.terminate()));
      assertEquals(mock.initializes(), mock.finalizes());
      assertEquals([mock.sessions(), mock.strays()], [0, 0]);
    });
  }
});

describe("A module that cannot lock", { skip: threadSkip }, () => {
  for (const managed of ["auto", "gp11", false] as const) {
    it(`managed: ${managed}: is called by one thread at a time, whoever calls`, async () => {
      const copy = await otherCopy();
      const mock = compileMockModule("unlockable", "slots=1,slow=5,unlockable");
      const modules = [
        await Module.load(mock.path, { managed }),
        Module.loadSync(mock.path, { managed }),
        await copy.Module.load(mock.path, { managed }) as unknown as Module,
      ];
      const slots = await Promise.all(modules.map(async (module) => (await module.slots())[0]!));
      const calls = slots.flatMap((slot) => [slot.tokenInfo(), slot.tokenInfo(), slot.tokenInfo()]);
      for (const slot of slots) slot.tokenInfoSync();
      await Promise.all(calls);
      assertEquals(mock.overlaps(), 0);
      for (const module of modules) await module.close();
      assertEquals([mock.initializes(), mock.finalizes(), mock.strays()], [1, 1, 0]);
    });
  }

  it("is refused by libp11-kit, which always asks for locking", async () => {
    const mock = compileMockModule("unlockable-wrapped", "slots=1,unlockable");
    const refusal = await assertRejects(() => Module.load(mock.path, { managed: "p11-kit" }), Pkcs11Error);
    assertEquals(refusal.ckr, "CKR_CANT_LOCK");
  });
});
