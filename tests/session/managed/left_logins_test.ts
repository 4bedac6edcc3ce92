// Worker threads that end without closing the module leave neither a login nor sessions behind.
import { assertEquals, assertRejects } from "@std/assert";
import process from "node:process";
import { before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { CKS, CKU, Module, type ModuleOptions, Pkcs11Error } from "../../../session/mod.ts";
import { threadsThrough } from "../../../session/managed/thread.ts";
import type { Leaving, LeavingWork, Left } from "../../_support/leaving_worker.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";

const skip = softhsmSkip || (process.platform !== "linux" && "threads that have died are known on Linux only");
const ROADS: readonly ModuleOptions["managed"][] = ["auto", "gp11", false];

/** How threads end differs by runtime, not by road: they are tried on one. */
const LEAVING: readonly Leaving[] = ["returns", "exits", "throws", "stays", "calls"];

/** A thread that has logged in; `gone` ends it and resolves when it is no more. */
async function start(token: TestToken, managed: ModuleOptions["managed"], leaving: Leaving) {
  const workerData: LeavingWork = { token, managed, leaving };
  const worker = new Worker(new URL("../../_support/leaving_worker.ts", import.meta.url), { workerData });
  const left = new Promise<Left>((resolve, reject) => {
    worker.once("message", resolve);
    worker.on("error", reject);
  });
  const { thread, marks } = await left;
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const gone = async (): Promise<void> => {
    worker.postMessage("go");
    if (leaving !== "stays" && leaving !== "calls") await ended;
    await worker.terminate();
    // A thread that is terminated takes its time, and so do those that have made its calls.
    const { isAlive, anyAlive } = threadsThrough(token.module);
    while (isAlive(thread) || anyAlive(marks)) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { gone };
}

for (const managed of ROADS) {
  describe(`managed: ${managed}: a thread that logged in and left nothing closed`, { skip }, () => {
    let token: TestToken;
    before(() => {
      if (!skip) token = createToken();
    });

    for (const leaving of managed === "gp11" ? LEAVING : ["calls"] as const) {
      it(`${leaving}: its login is over and its sessions are closed`, async () => {
        await using module = await Module.load(token.module, { managed });
        const slot = await module.findSlot(token.label);
        const first = await slot.openSession();
        const { gone } = await start(token, managed, leaving);
        await gone();
        const session = await slot.openSession({ readWrite: true });
        assertEquals((await session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
        assertEquals((await first.findObjects()).length, 0);
        // Only a token without a login looks at the PIN.
        const refusal = await assertRejects(() => session.login(CKU.USER, "9999"), Pkcs11Error);
        assertEquals(refusal.ckr, "CKR_PIN_INCORRECT");
        assertEquals(await session.login(CKU.USER, token.userPin), true);
        assertEquals((await first.findObjects({ label: `of one who ${leaving}` })).length > 0, true);
      });
    }

    it("takes no login from a thread that lives", async () => {
      await using module = await Module.load(token.module, { managed });
      const slot = await module.findSlot(token.label);
      const stays = await start(token, managed, "stays");
      const goes = await start(token, managed, "stays");
      await goes.gone();
      const session = await slot.openSession({ readWrite: true });
      assertEquals((await session.getInfo()).state, CKS.RW_USER_FUNCTIONS);
      const refusal = await assertRejects(() => session.login(CKU.USER, token.userPin), Pkcs11Error);
      assertEquals(refusal.ckr, "CKR_USER_ALREADY_LOGGED_IN");
      await stays.gone();
      const next = await slot.openSession({ readWrite: true });
      assertEquals((await next.getInfo()).state, CKS.RW_PUBLIC_SESSION);
    });
  });
}

describe("a login that a thread has left behind", { skip }, () => {
  const managed = "gp11";
  let token: TestToken;
  before(() => {
    if (!skip) token = createToken();
  });

  it("is forgotten by whoever logs in first, with a PIN that is looked at", async () => {
    await using module = await Module.load(token.module, { managed });
    const slot = await module.findSlot(token.label);
    const session = await slot.openSession();
    const { gone } = await start(token, managed, "stays");
    await gone();
    const refusal = await assertRejects(() => session.login(CKU.USER, "9999", { ifNeeded: true }), Pkcs11Error);
    assertEquals(refusal.ckr, "CKR_PIN_INCORRECT");
    assertEquals(session.loginSync(CKU.USER, token.userPin), true);
  });

  it("takes no login from this thread", async () => {
    await using module = await Module.load(token.module, { managed });
    const slot = await module.findSlot(token.label);
    const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
    const { gone } = await start(token, managed, "stays");
    await gone();
    await slot.openSession();
    assertEquals((await session.getInfo()).state, CKS.RW_USER_FUNCTIONS);
    await session.logout();
    assertEquals((await session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
  });
});
