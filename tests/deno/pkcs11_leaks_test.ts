// Deno's sanitizers fail a test that leaves a timer, a library, an operation or a worker behind: sessions must leave nothing.
import { assertEquals, assertRejects } from "@std/assert";
import { CKM, CKO } from "../../ffi/constants/mod.ts";
import { workerPool } from "../../ffi/workers/worker_pool.ts";
import { Module } from "../../session/tokens/module.ts";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";
import { StrictModule, strictModuleSkip } from "../_support/strict_module.ts";
import { findSlot } from "../_support/token_session.ts";

const data = new Uint8Array(32);
const attributes = { valueLen: 32, token: false, sign: true, verify: true, sensitive: false, extractable: true };
const token = softhsmSkip || strictModuleSkip ? null : createToken();
const strict = token === null ? null : new StrictModule();

const cases: (() => Promise<void>)[] = [];

function leakTest(name: string, fn: () => Promise<void>): void {
  const sanitizers = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true };
  cases.push(fn);
  Deno.test({ name, fn, ignore: token === null, ...sanitizers });
}

async function withSession(
  work: (session: import("../../session/tokens/session.ts").Session) => Promise<void>,
): Promise<void> {
  const module = await Module.load(token!.module, { managed: false });
  const slot = findSlot(module, token!.label);
  const session = await slot.openSession({ readWrite: true, login: { pin: token!.userPin } });
  await work(session);
  await module.close();
  await workerPool().close();
}

leakTest("asynchronous calls, on worker threads that are ended", () =>
  withSession(async (session) => {
    const key = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, attributes);
    const made = await Promise.all(Array.from({ length: 64 }, () => session.sign(key, CKM.SHA256_HMAC, data)));
    assertEquals(new Set(made.map(String)).size, 1);
  }));

leakTest("aborted calls, listeners of their signals included", async () => {
  const module = await Module.load(strict!.path, { managed: false });
  const session = await (await module.slots())[0]!.openSession();
  const controller = new AbortController();
  const { signal } = controller;
  strict!.block("C_GenerateKeyPair");
  const pending = session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, {}, {}, { signal });
  const waiting = session.digest(CKM.SHA256, data, { signal });
  const both = Promise.allSettled([pending, waiting]);
  await strict!.blocked();
  controller.abort();
  for (const { status } of await both) assertEquals(status, "rejected");
  strict!.release();
  await session.idle();
  await module.close();
  await workerPool().close();
});

leakTest("parts and streams that are finished, left or cancelled", () =>
  withSession(async (session) => {
    const key = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, token: false, encrypt: true });
    const mechanism = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };
    const stream = new Blob([new Uint8Array(100_000)]).stream().pipeThrough(session.encryptStream(key, mechanism));
    assertEquals((await new Response(stream).arrayBuffer()).byteLength, 100_000 - 100_000 % 16 + 16);
    const left = new Blob([new Uint8Array(100_000)]).stream().pipeThrough(session.encryptStream(key, mechanism));
    await left.cancel();
    await session.idle();
    const digester = session.digester(CKM.SHA256);
    await digester.update(data);
    await digester.close();
    assertEquals((await session.findObjects({ class: CKO.SECRET_KEY })).length > 0, true);
  }));

leakTest("a pool of sessions, and slots that were waited for", () =>
  withSession(async (session) => {
    session.module.poolSessions = { maxIdleMs: 60_000 };
    for (let i = 0; i < 3; i++) await (await session.slot.openSession()).close();
    await assertRejects(() => session.module.waitForSlotEvent({ signal: AbortSignal.timeout(30) }));
  }));

// Libraries and their functions stay open for the life of the process, by design: everything runs once unwatched.
if (token) { for (const run of cases) await run(); }
