import {
  assert,
  assertEquals,
  assertFalse,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKF, CKM, CKO, CKR, CKS, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import type { PinRequest } from "../../../session/tokens/options.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { P256, TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const data = new Uint8Array(32).fill(1);

async function failsWith(code: number, call: () => Promise<unknown>): Promise<Pkcs11Error> {
  const error = await assertRejects(call, Pkcs11Error);
  assertEquals(error.code, code);
  return error;
}

describe("Logging in", () => {
  let on: TokenSession;
  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    await on.session.logout();
  });
  after(() => on?.close());

  it("login and logout change the state of every session of the token", { skip }, async () => {
    const other = await on.another();
    assertEquals((await on.session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
    assert(await on.session.login(CKU.USER, on.token.userPin));
    assertEquals(other.getInfoSync().state, CKS.RW_USER_FUNCTIONS);
    other.logoutSync();
    assertEquals(on.session.getInfoSync().state, CKS.RW_PUBLIC_SESSION);
    await other.close();
  });

  it("a login that has been made fails, and with ifNeeded resolves false", { skip }, async () => {
    assert(on.session.loginSync(CKU.USER, on.token.userPin));
    await failsWith(CKR.USER_ALREADY_LOGGED_IN, () => on.session.login(CKU.USER, on.token.userPin));
    assertFalse(await on.session.login(CKU.USER, on.token.userPin, { ifNeeded: true }));
    assertFalse(on.session.loginSync(CKU.USER, "not asked for", { ifNeeded: true }));
    await on.session.logout();
  });

  it("a wrong PIN is told without showing it", { skip }, async () => {
    const pin = "a-very-secret-pin";
    const error = await failsWith(CKR.PIN_INCORRECT, () => on.session.login(CKU.USER, pin));
    assertEquals(error.fn, "C_Login");
    assertEquals([error.token, error.mechanism], [on.token.label, undefined]);
    assertStringIncludes(error.message, `(CKR_PIN_INCORRECT from C_Login on the token "${on.token.label}")`);
    const missing = await failsWith(CKR.MECHANISM_INVALID, () => on.session.digest(CKM.AES_CBC, data));
    assertEquals([missing.token, missing.mechanism], [on.token.label, CKM.AES_CBC]);
    assertNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)}`, /a-very-secret/);
  });

  it("PINs are taken as text, bytes and callbacks", { skip }, async () => {
    const bytes = new TextEncoder().encode(on.token.userPin);
    const pins = [on.token.userPin, bytes, bytes.buffer, () => on.token.userPin, () => Promise.resolve(bytes)];
    for (const pin of pins) {
      assert(await on.session.login(CKU.USER, pin));
      await on.session.logout();
    }
  });

  it("a callback is asked again after a wrong PIN, and told so", { skip }, async () => {
    const asked: PinRequest[] = [];
    const answers = ["wrong", "1234"];
    assert(
      await on.session.login(CKU.USER, (request) => {
        asked.push(request);
        return answers.shift()!;
      }),
    );
    assertEquals(asked.map((request) => request.retry), [false, true]);
    assertEquals(asked.map((request) => request.label), [on.token.label, on.token.label]);
    assert(asked.every((request) => request.slot === on.slot && request.object === undefined));
    await on.session.logout();
  });

  it("a callback that declines fails the call with CKR_FUNCTION_CANCELED", { skip }, async () => {
    await failsWith(CKR.FUNCTION_CANCELED, () => on.session.login(CKU.USER, () => null));
    const error = assertThrows(() => on.session.loginSync(CKU.USER, () => null), Pkcs11Error);
    assertEquals(error.code, CKR.FUNCTION_CANCELED);
  });

  it("what a callback throws is thrown, and the session works on", { skip }, async () => {
    await assertRejects(
      () =>
        on.session.login(CKU.USER, () => {
          throw new RangeError("nobody is here");
        }),
      RangeError,
      "nobody is here",
    );
    assertThrows(() => on.session.loginSync(CKU.USER, () => Promise.resolve("1234")), TypeError, "returned a promise");
    assertEquals(on.session.getInfoSync().state, CKS.RW_PUBLIC_SESSION);
  });

  it("aborting while a callback is asked rejects at once", { skip }, async () => {
    const controller = new AbortController();
    const login = on.session.login(CKU.USER, () => new Promise<string>(() => {}), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("gone")), 5);
    await assertRejects(() => login, Error, "gone");
    await on.session.idle();
    assertEquals((await on.session.getInfo()).state, CKS.RW_PUBLIC_SESSION);
  });

  it("a session is opened logged in, and a login that is not needed is skipped", { skip }, async () => {
    const session = await on.slot.openSession({ login: { userType: CKU.USER, pin: on.token.userPin } });
    assertEquals(session.getInfoSync().state, CKS.RO_USER_FUNCTIONS);
    const second = on.slot.openSessionSync({ login: { pin: "never asked for" } });
    assertEquals(second.getInfoSync().state, CKS.RO_USER_FUNCTIONS);
    await session.logout();
    await session.close();
    await second.close();
  });

  it("a login that fails while a session is opened leaves no session behind", { skip }, async () => {
    const before = (await on.slot.tokenInfo()).sessionCount;
    await failsWith(CKR.PIN_INCORRECT, () => on.slot.openSession({ login: { pin: "0000" } }));
    assertEquals((await on.slot.tokenInfo()).sessionCount, before);
  });

  it("autoAuthenticate.tokens is asked when a session is opened", { skip }, async () => {
    const labels: string[] = [];
    on.module.autoAuthenticate = {
      tokens: ({ label }) => {
        labels.push(label);
        return on.token.userPin;
      },
    };
    const session = await on.slot.openSession();
    assertEquals(session.getInfoSync().state, CKS.RO_USER_FUNCTIONS);
    const second = on.slot.openSessionSync();
    assertEquals(labels, [on.token.label]);
    on.module.autoAuthenticate = null;
    second.logoutSync();
    await session.close();
    await second.close();
  });

  it("an interaction is asked when a session is opened", { skip }, async () => {
    const interaction = { askPin: () => Promise.resolve(on.token.userPin) };
    const session = await on.slot.openSession({ readWrite: true, interaction });
    assertEquals(session.getInfoSync().state, CKS.RW_USER_FUNCTIONS);
    await session.logout();
    await session.close();
  });

  it("the security officer sets the user's PIN, the user changes it", { skip }, async () => {
    await on.session.login(CKU.SO, on.token.soPin);
    assertEquals((await on.session.getInfo()).state, CKS.RW_SO_FUNCTIONS);
    await on.session.initPin("4321");
    await on.session.logout();
    await on.session.login(CKU.USER, "4321");
    on.session.setPinSync("4321", new TextEncoder().encode(on.token.userPin));
    await on.session.logout();
    assert(await on.session.login(CKU.USER, on.token.userPin));
    await on.session.logout();
    await failsWith(CKR.PIN_INCORRECT, () => on.session.setPin("4321", "5678"));
  });

  it("private objects are seen only while logged in", { skip }, async () => {
    await on.session.login(CKU.USER, on.token.userPin);
    const object = await on.session.createObject({ class: CKO.DATA, token: true, private: true, label: "hidden" });
    assertEquals((await on.session.findObjects({ label: "hidden" })).length, 1);
    await object.destroy();
    await on.session.logout();
    assert(await on.slot.hasFlags(CKF.LOGIN_REQUIRED));
  });
});

describe("Keys that want a login for each use", () => {
  let on: TokenSession;
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  const makeKeys = () =>
    on.session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { ecParams: P256, token: false, verify: true },
      { token: false, private: true, sign: true, label: "careful", alwaysAuthenticate: true },
    );

  it("without anybody to ask, the token's refusal is told and the session works on", { skip }, async () => {
    const { publicKey, privateKey } = await makeKeys();
    const session = await on.another();
    for (let i = 0; i < 2; i++) {
      await failsWith(CKR.USER_NOT_LOGGED_IN, () => session.sign(privateKey, CKM.ECDSA, data));
    }
    assertEquals((await session.findObjects({ label: "careful" })).length, 1);
    await session.close();
    await privateKey.destroy();
    await publicKey.destroy();
  });

  it("autoAuthenticate.objects is asked for each use, in both forms", { skip }, async () => {
    const { publicKey, privateKey } = await makeKeys();
    const asked: PinRequest[] = [];
    on.module.autoAuthenticate = {
      objects: (request) => {
        asked.push(request);
        return on.token.userPin;
      },
    };
    const signature = await on.session.sign(privateKey, CKM.ECDSA, data);
    const second = on.session.signSync(privateKey, CKM.ECDSA, data);
    assert(on.session.verifySync(publicKey, CKM.ECDSA, data, signature));
    assert(on.session.verifySync(publicKey, CKM.ECDSA, data, second));
    assertEquals(asked.length, 2);
    assert(asked.every((request) => request.object === privateKey && request.label === "careful" && !request.retry));
    on.module.autoAuthenticate = null;
  });

  it(
    "a wrong PIN is asked for again, a refusal ends the operation and leaves the session usable",
    { skip },
    async () => {
      const { publicKey, privateKey } = await makeKeys();
      const answers = ["0000", on.token.userPin];
      on.module.autoAuthenticate = { objects: () => answers.shift() ?? null };
      const signature = await on.session.sign(privateKey, CKM.ECDSA, data);
      assert(await on.session.verify(publicKey, CKM.ECDSA, data, signature));
      await failsWith(CKR.FUNCTION_CANCELED, () => on.session.sign(privateKey, CKM.ECDSA, data));
      assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
      const error = assertThrows(() => on.session.signSync(privateKey, CKM.ECDSA, data), Pkcs11Error);
      assertEquals(error.code, CKR.FUNCTION_CANCELED);
      assertEquals((await on.session.findObjects({ label: "careful" })).length > 0, true);
      on.module.autoAuthenticate = null;
    },
  );

  it("a signer in parts asks too", { skip }, async () => {
    const { privateKey } = await on.session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: false },
      { token: false, private: true, sign: true, alwaysAuthenticate: true },
    );
    let asked = 0;
    const session = await on.another({
      interaction: {
        askPin: () => {
          asked++;
          return on.token.userPin;
        },
      },
    });
    const signer = session.signer(privateKey, CKM.SHA256_RSA_PKCS);
    await signer.update(data);
    assertEquals((await signer.final()).length, 256);
    assertEquals(asked, 1);
    await session.close();
  });
});
