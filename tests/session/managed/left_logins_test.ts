// Worker threads that end without closing the module leave neither a login nor sessions behind.
import { assertEquals, assertRejects } from "@std/assert";
import process from "node:process";
import { before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { CKS, CKU, Module, type ModuleOptions, Pkcs11Error, type Session, type Slot } from "../../../session/mod.ts";
import { threadsThrough } from "../../../session/managed/callers_memory.ts";
import type { Leaving, LeavingWork, Left } from "../../_support/leaving_worker.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";

const skip = softhsmSkip || (process.platform !== "linux" && "threads that have died are known on Linux only");
const ROADS: readonly ModuleOptions["managed"][] = ["auto", "gp11", false];

/** How threads end by themselves differs by runtime, not by road: they are tried on one. */
const LEAVING: readonly Leaving[] = ["returns", "exits", "throws"];

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

/** No login is left, nor a session that would keep one: only a token without a login looks at the PIN. */
async function assertNothingLeft(slot: Slot, others: Session, pin: string): Promise<void> {
  const session = await slot.openSession({ readWrite: true });
  assertEquals((await session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
  assertEquals((await others.findObjects()).length, 0);
  const refusal = await assertRejects(() => session.login(CKU.USER, "9999"), Pkcs11Error);
  assertEquals(refusal.ckr, "CKR_PIN_INCORRECT");
  assertEquals(await session.login(CKU.USER, pin), true);
}

describe("threads that logged in and left nothing closed", { skip }, () => {
  let token: TestToken;
  before(() => {
    if (!skip) token = createToken();
  });

  for (const leaving of LEAVING) {
    it(`one that ${leaving}: its login is over and its sessions are closed`, async () => {
      await using module = await Module.load(token.module, { managed: "gp11" });
      const slot = await module.findSlot(token.label);
      const first = await slot.openSession();
      const { gone } = await start(token, "gp11", leaving);
      await gone();
      await assertNothingLeft(slot, first, token.userPin);
      assertEquals((await first.findObjects({ label: `of one who ${leaving}` })).length > 0, true);
    });
  }

  for (const managed of ROADS) {
    it(`managed: ${managed}: one in a call takes no login from one that lives, and the last ends it`, async () => {
      await using module = await Module.load(token.module, { managed });
      const slot = await module.findSlot(token.label);
      const first = await slot.openSession();
      const stays = await start(token, managed, "stays");
      const calls = await start(token, managed, "calls");
      await calls.gone();
      const session = await slot.openSession({ readWrite: true });
      assertEquals((await session.getInfo()).state, CKS.RW_USER_FUNCTIONS);
      const refusal = await assertRejects(() => session.login(CKU.USER, token.userPin), Pkcs11Error);
      assertEquals(refusal.ckr, "CKR_USER_ALREADY_LOGGED_IN");
      await stays.gone();
      await assertNothingLeft(slot, first, token.userPin);
      for (const leaving of ["stays", "calls"]) {
        assertEquals((await first.findObjects({ label: `of one who ${leaving}` })).length > 0, true);
      }
    });
  }

  it("a login left behind is forgotten by whoever logs in first, with a PIN that is looked at", async () => {
    await using module = await Module.load(token.module, { managed: "gp11" });
    const slot = await module.findSlot(token.label);
    const session = await slot.openSession();
    const { gone } = await start(token, "gp11", "stays");
    await gone();
    const refusal = await assertRejects(() => session.login(CKU.USER, "9999", { ifNeeded: true }), Pkcs11Error);
    assertEquals(refusal.ckr, "CKR_PIN_INCORRECT");
    assertEquals(session.loginSync(CKU.USER, token.userPin), true);
  });

  it("one that goes takes no login from this thread", async () => {
    await using module = await Module.load(token.module, { managed: "gp11" });
    const slot = await module.findSlot(token.label);
    const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
    const { gone } = await start(token, "gp11", "stays");
    await gone();
    await slot.openSession();
    assertEquals((await session.getInfo()).state, CKS.RW_USER_FUNCTIONS);
    await session.logout();
    assertEquals((await session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
  });
});
