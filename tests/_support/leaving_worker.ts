// A worker thread that logs in to a token, and ends without closing anything.
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { threadMarks } from "../../ffi/workers/thread_marks.ts";
import { CKO, CKU } from "../../ffi/constants/mod.ts";
import { threadsThrough } from "../../session/managed/callers_memory.ts";
import { Module } from "../../session/tokens/module.ts";
import type { ModuleOptions } from "../../session/managed/options.ts";
import type { TestToken } from "./softhsm.ts";

/** How a thread ends; `stays` waits to be terminated, `calls` does while it is in a call. */
export type Leaving = "returns" | "exits" | "throws" | "stays" | "calls";

/** What the thread shall do. */
export interface LeavingWork {
  /** The token. */
  readonly token: TestToken;
  /** How to load its module. */
  readonly managed: ModuleOptions["managed"];
  /** How it ends. */
  readonly leaving: Leaving;
}

/** What the thread has said. */
export interface Left {
  /** Its number. */
  readonly thread: number;
  /** Where the numbers of the threads stand that make its calls. */
  readonly marks: bigint;
}

const { token, managed, leaving } = workerData as LeavingWork;
const LONG = 96 << 20;

const module = await Module.load(token.module, { managed });
const slot = await module.findSlot(token.label);
const session = await slot.openSession({ readWrite: true });
await session.login(CKU.USER, token.userPin, { ifNeeded: true });
await slot.openSession();
await session.createObject({ class: CKO.DATA, token: true, private: true, label: `of one who ${leaving}` });
const call = leaving === "calls" ? session.generateRandom(LONG) : null;
parentPort!.postMessage({ thread: threadsThrough(token.module).self, marks: threadMarks() } satisfies Left);
if (leaving === "stays") setInterval(() => {}, 1000);
await call;
// What was said may not arrive when the thread is gone: it goes when it is told.
parentPort!.once("message", () => {
  if (leaving === "exits") process.exit();
  if (leaving === "throws") throw new Error("this thread has had enough");
});
