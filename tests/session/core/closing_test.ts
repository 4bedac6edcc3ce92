import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CKK, CKM, CKO } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionClosedError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { LoginSpec, OpenSessionOptions } from "../../../session/tokens/options.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { compileMockModule, type MockModule, mockModuleSkip as skip } from "../../_support/mock_module.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";
import { findSlot } from "../../_support/token_session.ts";

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

/** A module of its own caller, a session on a token, a key in it, and the C functions that were called since. */
interface Watched {
  readonly module: Module;
  readonly slot: Slot;
  readonly session: Session;
  readonly key: Pkcs11Object;
  readonly calls: string[];
}

async function watched({ module: path, label, userPin }: TestToken): Promise<Watched> {
  const calls: string[] = [];
  const sink = (text: string) => void calls.push(...text.match(/^C_\w+(?= = )/gm) ?? []);
  const module = await Module.load(path, { managed: "gp11", logCalls: { sink } });
  const slot = findSlot(module, label);
  const session = slot.openSessionSync({ readWrite: true, login: { pin: userPin } });
  const key = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, sign: true });
  calls.length = 0;
  return { module, slot, session, key, calls };
}

/** Calls whose argument closes something while it is read. */
const IN_SESSION: Readonly<Record<string, (on: Watched, deed: () => void) => unknown>> = {
  createObject: ({ session }, deed) => session.createObject(template(deed)),
  createObjectSync: ({ session }, deed) => session.createObjectSync(template(deed)),
  copyObjectSync: ({ session, key }, deed) => session.copyObjectSync(key, labelled(deed)),
  findObjects: ({ session }, deed) => session.findObjects(labelled(deed)),
  findObjectsSync: ({ session }, deed) => session.findObjectsSync(labelled(deed)),
  generateKeySync: ({ session }, deed) => session.generateKeySync(CKM.AES_KEY_GEN, labelled(deed)),
  "object.set": ({ key }, deed) => key.set(labelled(deed)),
  "object.setSync": ({ key }, deed) => key.setSync(labelled(deed)),
  "signSync, its signal": ({ session, key }, deed) => session.signSync(key, CKM.SHA256_HMAC, DATA, signalled(deed)),
  "sign, its signal": ({ session, key }, deed) => session.sign(key, CKM.SHA256_HMAC, DATA, signalled(deed)),
  "objects, walked later": async ({ session }, deed) => {
    const walk = session.objects({});
    deed();
    await walk.next();
  },
};

/** Calls of a module and its slots whose argument closes the module. */
const IN_MODULE: Readonly<Record<string, (on: Watched, deed: () => void) => unknown>> = {
  openSession: ({ slot }, deed) => slot.openSession(readWrite(deed)),
  openSessionSync: ({ slot }, deed) => slot.openSessionSync(readWrite(deed)),
  "openSessionSync, its PIN": ({ slot }, deed) => slot.openSessionSync({ login: pinned(deed) }),
  "slotsSync, its signal": ({ module }, deed) => module.slotsSync(signalled(deed)),
  "tokenInfo, its signal": ({ slot }, deed) => slot.tokenInfo(signalled(deed)),
  "tokenInfoSync, its signal": ({ slot }, deed) => slot.tokenInfoSync(signalled(deed)),
};

const DATA = new Uint8Array(3);

function labelled(deed: () => void): { readonly label: string } {
  return {
    get label() {
      deed();
      return "x";
    },
  };
}

function template(deed: () => void) {
  return {
    class: CKO.SECRET_KEY,
    keyType: CKK.GENERIC_SECRET,
    value: new Uint8Array(16),
    get label() {
      deed();
      return "x";
    },
  };
}

function signalled(deed: () => void): { readonly signal: undefined } {
  return {
    get signal() {
      deed();
      return undefined;
    },
  };
}

function readWrite(deed: () => void): OpenSessionOptions {
  return {
    get readWrite() {
      deed();
      return true;
    },
  };
}

function pinned(deed: () => void): LoginSpec {
  return {
    get pin() {
      deed();
      return "1234";
    },
  };
}

describe("What closes something while a call reads its arguments", { skip: softhsmSkip }, () => {
  for (const [name, call] of Object.entries(IN_SESSION)) {
    for (const closed of ["session", "module"] as const) {
      it(`${name}: the ${closed} is closed and no other function is called`, async () => {
        const on = await watched(createToken());
        await assertRejects(async () => await call(on, () => on[closed].closeSync()), SessionClosedError);
        const expected = closed === "session" ? ["C_CloseSession"] : ["C_CloseSession", "C_Finalize"];
        // A login whose last session goes is ended with it.
        assertEquals(on.calls.filter((fn) => fn !== "C_Logout"), expected);
        await on.module.close();
      });
    }
  }

  for (const [name, call] of Object.entries(IN_MODULE)) {
    it(`${name}: the module is closed and nothing is called after it`, async () => {
      const on = await watched(createToken());
      const error = await assertRejects(async () => await call(on, () => on.module.closeSync()), Pkcs11Error);
      assertEquals(error.ckr, "CKR_CRYPTOKI_NOT_INITIALIZED");
      assertEquals(on.calls.at(-1), "C_Finalize");
    });
  }

  it("nothing is made in the session that was given the handle since", async () => {
    const { module, slot, session } = await watched(createToken());
    module.poolSessions = true;
    let other: Session | null = null;
    const deed = () => {
      session.closeSync();
      other = slot.openSessionSync({ readWrite: true });
    };
    assertThrows(() => session.createObjectSync(template(deed)), SessionClosedError);
    assertEquals((other as Session | null)!.findObjectsSync({ label: "x" }), []);
    await module.close();
  });
});

describe("Operations in parts that are ended while their session is busy", { skip: softhsmSkip }, () => {
  for (const name of ["digester", "digesterSync"] as const) {
    it(`${name}: closing the session ends them, and nothing is reported`, async () => {
      const { module, session } = await watched(createToken());
      const reported: unknown[] = [];
      const before = globalThis.reportError;
      globalThis.reportError = (error) => void reported.push(error);
      try {
        {
          using parts = session[name](CKM.SHA256);
          await parts.update(DATA);
          session.getInfo().catch(() => {});
        }
        await session.close();
        await new Promise((resolve) => setTimeout(resolve, 1));
      } finally {
        globalThis.reportError = before;
      }
      assertEquals(reported, []);
      await module.close();
    });
  }
});
