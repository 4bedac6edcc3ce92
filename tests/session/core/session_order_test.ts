import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKM, CKO } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../../../session/errors.ts";
import { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const data = new Uint8Array(32).fill(7);
/** Making RSA keys takes long now and then. */
const timeout = 240_000;
const RSA = { publicExponent: Uint8Array.of(1, 0, 1), token: false, label: "late" };

describe("Order of calls on one session", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  const rsa = (session: Session, modulusBits: number, signal?: AbortSignal, abort?: "now" | "wait") => {
    const publicAttributes = { ...RSA, modulusBits };
    const privateAttributes = { token: false, label: "late" };
    return session.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, publicAttributes, privateAttributes, { signal, abort });
  };

  it("64 concurrent signatures on one session all succeed", { skip, timeout }, async () => {
    const { publicKey, privateKey } = await on.ecPair();
    const signatures = await Promise.all(
      Array.from({ length: 64 }, () => on.session.sign(privateKey, CKM.ECDSA, data)),
    );
    for (const signature of signatures) assert(on.session.verifySync(publicKey, CKM.ECDSA, data, signature));
    assertEquals(new Set(signatures.map(String)).size, 64);
  });

  it("different operations asked for at once run one after the other", { skip, timeout }, async () => {
    const { privateKey } = await on.ecPair();
    const key = await on.hmacKey();
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    await Promise.all([
      on.session.sign(privateKey, CKM.ECDSA, data).then(note("sign")),
      on.session.findObjects().then(note("find")),
      on.session.digest(CKM.SHA256, data).then(note("digest")),
      on.session.sign(key, CKM.SHA256_HMAC, data).then(note("hmac")),
      key.get(["label"]).then(note("get")),
    ]);
    assertEquals(order, ["sign", "find", "digest", "hmac", "get"]);
  });

  it("two wrappers of one handle share the order", { skip, timeout }, async () => {
    const session = await on.another();
    const twin = Session.fromHandle(on.slot, session.handle);
    const { privateKey } = await on.ecPair();
    const both = [session, twin];
    const results = await Promise.all(
      Array.from({ length: 32 }, (_, i) => both[i % 2]!.sign(privateKey, CKM.ECDSA, data)),
    );
    assertEquals(results.length, 32);
    const pending = session.sign(privateKey, CKM.ECDSA, data);
    assertThrows(() => twin.digestSync(CKM.SHA256, data), SessionBusyError);
    await pending;
    await twin.close();
    await session.close();
  });

  it(
    "a call in place while another one is pending throws SessionBusyError and disturbs nothing",
    { skip },
    async () => {
      const { publicKey, privateKey } = await on.ecPair();
      const pending = on.session.sign(privateKey, CKM.ECDSA, data);
      const error = assertThrows(() => on.session.signSync(privateKey, CKM.ECDSA, data), SessionBusyError);
      assertEquals(error.operation, "an asynchronous call");
      assert(await on.session.verify(publicKey, CKM.ECDSA, data, await pending));
      assertEquals(on.session.signSync(privateKey, CKM.ECDSA, data).length, 64);
    },
  );

  it("an aborted signal keeps the module from being called", { skip, timeout }, async () => {
    const reason = new Error("no");
    const signal = AbortSignal.abort(reason);
    const count = on.session.findObjectsSync({ label: "late" }).length;
    assertStrictEquals(await assertRejects(() => rsa(on.session, 2048, signal)), reason);
    assertStrictEquals(assertThrows(() => on.session.digestSync(CKM.SHA256, data, { signal })), reason);
    assertEquals(on.session.findObjectsSync({ label: "late" }).length, count);
    assertEquals(on.module["closed"], false);
  });

  it("a call aborted while it waits never reaches the module", { skip, timeout }, async () => {
    const first = rsa(on.session, 2048);
    const controller = new AbortController();
    const second = on.session.createObject({ class: CKO.DATA, label: "never" }, { signal: controller.signal });
    const third = on.session.digest(CKM.SHA256, data);
    let generated = false;
    void first.then(() => generated = true);
    controller.abort(new Error("changed my mind"));
    await assertRejects(() => second, Error, "changed my mind");
    assertEquals(generated, false);
    assertEquals((await third).length, 32);
    assertEquals(await on.session.findObjects({ label: "never" }), []);
    for (const key of Object.values(await first)) await key.destroy();
  });

  it("a key generation aborted at any moment leaves no key, and the session usable", { skip, timeout }, async () => {
    for (const abort of ["now", "wait"] as const) {
      for (const delay of [0, 5, 15]) {
        const controller = new AbortController();
        const reason = new Error("stop");
        const generated = rsa(on.session, 2048, controller.signal, abort);
        const outcome = generated.then((keys) => Object.values(keys), (error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, delay));
        controller.abort(reason);
        const result = await outcome;
        // The module may have been quicker than the abort.
        if (Array.isArray(result)) { for (const key of result) await key.destroy(); }
        else assertStrictEquals(result, reason);
        await on.session.idle();
        assertEquals(on.session.findObjectsSync({ label: "late" }), []);
        assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
      }
    }
  });

  it("generating RSA-4096 keys on a worker thread does not hold up the event loop", { skip, timeout }, async () => {
    await on.session.digest(CKM.SHA256, data);
    let turns = 0;
    const timer = setInterval(() => turns++, 2);
    const keys = await rsa(on.session, 4096);
    clearInterval(timer);
    // A loop that is held up does not turn at all meanwhile.
    assert(turns > 0);
    for (const key of Object.values(keys)) await key.destroy();
  });

  it("idle() resolves when nothing runs and nothing waits", { skip, timeout }, async () => {
    const done: number[] = [];
    for (let i = 0; i < 5; i++) void on.session.digest(CKM.SHA256, data).then(() => done.push(i));
    await on.session.idle();
    await Promise.resolve();
    assertEquals(done, [0, 1, 2, 3, 4]);
    await on.session.idle();
  });

  it("close() lets the running call deliver and rejects those that wait", { skip, timeout }, async () => {
    const session = await on.another();
    const { privateKey } = await on.ecPair();
    const calls = Array.from({ length: 4 }, () => session.sign(privateKey, CKM.ECDSA, data));
    const settled = Promise.allSettled(calls);
    await session.close();
    const [running, ...waiting] = await settled;
    assertEquals(running!.status, "fulfilled");
    for (const result of waiting) {
      assert(result.status === "rejected" && result.reason instanceof SessionClosedError);
    }
    assert(session.closed);
    await assertRejects(() => session.digest(CKM.SHA256, data), SessionClosedError);
    assertThrows(() => session.digestSync(CKM.SHA256, data), SessionClosedError);
    await session.close();
    session.closeSync();
  });

  it("closeSync() with a call running throws and closes nothing; dispose defers", { skip, timeout }, async () => {
    const session = await on.another();
    const { privateKey } = await on.ecPair();
    const running = session.sign(privateKey, CKM.ECDSA, data);
    assertThrows(() => session.closeSync(), SessionBusyError);
    assertFalse(session.closed);
    const discarded: bigint[] = [];
    session.addEventListener("discard-handle", (event) => discarded.push(event.handle));
    session[Symbol.dispose]();
    assertEquals(discarded, []);
    assertEquals((await running).length, 64);
    await session.close();
    assertEquals(discarded, [session.handle]);
  });

  it("a failed operation leaves the session usable", { skip, timeout }, async () => {
    const { privateKey } = await on.ecPair();
    const key = await on.hmacKey();
    await assertRejects(() => on.session.sign(privateKey, CKM.RSA_PKCS, data), Pkcs11Error);
    assertThrows(() => on.session.signSync(privateKey, CKM.AES_GCM, data), Pkcs11Error);
    await assertRejects(() => on.session.decrypt(key, CKM.AES_CBC_PAD, data), Pkcs11Error);
    assertEquals(on.session.signSync(privateKey, CKM.ECDSA, data).length, 64);
    assertEquals((await on.session.findObjects({ class: CKO.PRIVATE_KEY })).length > 0, true);
  });
});
