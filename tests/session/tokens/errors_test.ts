import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotStrictEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "node:test";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import { CKR } from "../../../ffi/constants/ckr.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../../ffi/tables/functions.ts";
import { functionAction } from "../../../session/function_actions.ts";
import { callFailure } from "../../../session/core/call_trace.ts";
import {
  ModuleLoadError,
  Pkcs11Error,
  SessionBusyError,
  SessionClosedError,
  UriError,
} from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";

describe("Pkcs11Error", () => {
  it("says what could not be done, why, and which function said so", () => {
    const error = new Pkcs11Error(CKR.PIN_INCORRECT, "C_Login");
    const reason = "the PIN is wrong (CKR_PIN_INCORRECT from C_Login)";
    assertEquals(error.message, `Cannot log in: ${reason}. Repeated wrong PINs lock the token`);
    assertEquals([error.name, error.code, error.ckr, error.fn], ["Pkcs11Error", 0xa0, "CKR_PIN_INCORRECT", "C_Login"]);
    assertEquals(error.hint, "Repeated wrong PINs lock the token.");
    assertEquals(String(error), `Pkcs11Error: ${error.message}`);
  });

  it("names the mechanism and takes another action, hint and cause", () => {
    const cause = new Error("first");
    const options = { action: "wrap the backup key", mechanism: CKM.AES_KEY_WRAP, hint: "Try KWP.", cause };
    const error = new Pkcs11Error(CKR.MECHANISM_INVALID, "C_WrapKey", options);
    assert(error.message.startsWith("Cannot wrap the backup key with CKM_AES_KEY_WRAP: "));
    assertEquals([error.hint, error.cause], ["Try KWP.", cause]);
  });

  it("shows vendors' codes in hexadecimal, and has no hint where there is nothing to say", () => {
    const error = new Pkcs11Error(0x80000042, "C_Sign");
    assertEquals(error.ckr, "CKR_0x80000042");
    assertFalse("hint" in error);
    assertFalse("cause" in error);
  });

  it("describes every function of the standard", () => {
    for (const name of FUNCTION_NAMES) {
      assertFalse(functionAction(name).startsWith("call "), name);
    }
    assertEquals(functionAction("C_VendorThing"), "call C_VendorThing");
  });
});

describe("What an error of a call says", () => {
  it("has a hint that fits the function, as the end of its message and by itself", () => {
    const hints: [code: number, fn: FunctionName, hint: RegExp | null][] = [
      [CKR.GENERAL_ERROR, "C_Initialize", /token folder/],
      [CKR.GENERAL_ERROR, "C_OpenSession", /token folder/],
      [CKR.GENERAL_ERROR, "C_Decrypt", /data that is damaged/],
      [CKR.GENERAL_ERROR, "C_GenerateRandom", null],
      [CKR.ARGUMENTS_BAD, "C_SignInit", /mechanism's parameter/],
      [CKR.ARGUMENTS_BAD, "C_GenerateKeyPair", /mechanism's parameter/],
      [CKR.ARGUMENTS_BAD, "C_GenerateRandom", null],
      [CKR.OPERATION_NOT_INITIALIZED, "C_SignUpdate", /in one piece only/],
      [CKR.OPERATION_NOT_INITIALIZED, "C_Sign", null],
      [CKR.BUFFER_TOO_SMALL, "C_Sign", /a fault of the module/],
      [CKR.KEY_FUNCTION_NOT_PERMITTED, "C_SignInit", /needs sign set to true/],
      [CKR.KEY_FUNCTION_NOT_PERMITTED, "C_VerifyRecoverInit", /needs verifyRecover set to true/],
      [CKR.KEY_FUNCTION_NOT_PERMITTED, "C_UnwrapKey", /needs unwrap set to true/],
      [CKR.MECHANISM_INVALID, "C_SignInit", /slot.mechanisms/],
    ];
    for (const [code, fn, hint] of hints) {
      const error = new Pkcs11Error(code, fn);
      if (hint === null) assertFalse("hint" in error, `${error.message}`);
      else assertMatch(error.message, hint);
      assertFalse(error.message.endsWith("."));
      assertEquals(error.message.endsWith(")"), hint === null);
    }
  });

  it("names the mechanism of what failed, not that of what was done on the way", () => {
    const args = { mechanism: { type: CKM.ECDSA, parameter: null } };
    assertMatch(
      callFailure(CKR.MECHANISM_INVALID, "C_SignInit", args).message,
      /^Cannot start signing with CKM_ECDSA: /,
    );
    assertMatch(callFailure(CKR.DEVICE_ERROR, "C_VerifyFinal", { mechanism: CKM.ECDSA }).message, / with CKM_ECDSA: /);
    assertMatch(callFailure(CKR.PIN_LOCKED, "C_Login", args).message, /^Cannot log in: /);
    assertMatch(callFailure(CKR.DEVICE_ERROR, "C_GetInfo", null).message, /^Cannot read the module's information: /);
  });

  it("names the attribute that is missing, where it is known", () => {
    const args = { mechanism: { type: CKM.EC_KEY_PAIR_GEN }, publicAttributes: [{ type: CKA.VERIFY }] };
    const missing = callFailure(CKR.TEMPLATE_INCOMPLETE, "C_GenerateKeyPair", args);
    assertEquals(missing.hint, "The attribute ecParams is missing.");
    const given = { ...args, publicAttributes: [{ type: CKA.EC_PARAMS }] };
    assertFalse(callFailure(CKR.TEMPLATE_INCOMPLETE, "C_GenerateKeyPair", given).message.includes("is missing."));
    const secret = { mechanism: { type: CKM.AES_KEY_GEN }, attributes: [] };
    assertEquals(
      callFailure(CKR.TEMPLATE_INCOMPLETE, "C_GenerateKey", secret).hint,
      "The attribute valueLen is missing.",
    );
  });

  it("says of a value that is refused what is sure: of curves where there may be one, and of keys made elsewhere", () => {
    const hintOf = (fn: string) => callFailure(CKR.ATTRIBUTE_VALUE_INVALID, fn, {}).hint!;
    assertStringIncludes(hintOf("C_GenerateKeyPair"), "those of a curve are DER");
    assertStringIncludes(hintOf("C_CreateObject"), "keys made elsewhere, which they do not take");
    assertFalse(hintOf("C_CreateObject").includes("EC_"));
  });

  it("names what makes the parameter that is missing, and leaves one that is given alone", () => {
    const hintOf = (code: number, parameter: Uint8Array | null, type: number) =>
      callFailure(code, "C_EncryptInit", { mechanism: { type, parameter } }).hint;
    const needs = "The mechanism needs a parameter, which aesCbc({ iv }) makes.";
    assertEquals(hintOf(CKR.ARGUMENTS_BAD, null, CKM.AES_CBC_PAD), needs);
    assertEquals(hintOf(CKR.MECHANISM_PARAM_INVALID, null, CKM.AES_CBC_PAD), needs);
    const others: [code: number, parameter: Uint8Array | null, type: number][] = [
      [CKR.ARGUMENTS_BAD, new Uint8Array(3), CKM.AES_CBC_PAD],
      [CKR.ARGUMENTS_BAD, null, CKM.AES_ECB],
      [CKR.DEVICE_ERROR, null, CKM.AES_CBC_PAD],
    ];
    for (const other of others) assertFalse(hintOf(...other)?.includes("needs a parameter"));
    const number = callFailure(CKR.ARGUMENTS_BAD, "C_GenerateKey", { mechanism: CKM.AES_CBC_PAD });
    assertFalse(number.message.includes("needs a parameter"));
  });

  it("says nothing twice", () => {
    const reasons = [
      "Could not open library: Could not open library: /x.so: no such file",
      'Failed to open library "/x.so": /x.so: no such file',
      "couldn't load module: /x.so: /x.so: no such file",
      "/x.so: no such file",
    ];
    for (const reason of reasons) {
      const error = new ModuleLoadError("/x.so", reason);
      assertEquals(error.message, 'Cannot load the PKCS#11 module "/x.so": no such file');
    }
  });
});

describe("Options of Module.load", () => {
  it("that make no sense are TypeErrors that say what is wanted", async () => {
    const wrong: [options: object, message: string][] = [
      [{ share: {} }, "share is an object, not what module.share() gave"],
      [{ share: null }, "share is null"],
      [{ logCalls: "yes" }, "logCalls is a string, not a boolean"],
      [{ logCalls: { sink: "file" } }, "logCalls is an object, not a boolean or { sink, event } with functions"],
      [{ reserved: 5 }, "reserved is a number, not text"],
    ];
    for (const [options, message] of wrong) {
      await assertRejects(() => Module.load("/nowhere.so", options), TypeError, message);
      assertThrows(() => Module.loadSync("/nowhere.so", options), TypeError, message);
    }
  });
});

describe("the other errors", () => {
  it("follow the same form", () => {
    const messages = [
      new ModuleLoadError("/nowhere.so", "there is no such file"),
      new SessionBusyError("sign", "an open encryptor"),
      new SessionBusyError("load the module", "an asynchronous load", "the module"),
      new SessionClosedError("sign"),
      new UriError("scheme", "it does not start with pkcs11:"),
    ].map((error) => `${error.name}: ${error.message}`);
    assertEquals(messages, [
      'ModuleLoadError: Cannot load the PKCS#11 module "/nowhere.so": there is no such file',
      "SessionBusyError: Cannot sign: an open encryptor is using the session",
      "SessionBusyError: Cannot load the module: an asynchronous load is using the module",
      "SessionClosedError: Cannot sign: the session is closed",
      "UriError: Cannot parse the PKCS#11 URI: it does not start with pkcs11:",
    ]);
    assertEquals(new UriError("encoding", "x").reason, "encoding");
    assertEquals(new ModuleLoadError("/x", "y", { cause: 1 }).cause, 1);
  });
});

describe("instanceof", () => {
  it("knows errors of another copy of the package", async () => {
    // By path: Bun takes a file: URL with a query for the same module.
    const path = new URL("../../../session/errors.ts", import.meta.url).pathname;
    const other: typeof import("../../../session/errors.ts") = await import(`${path}?another-copy`);
    assertNotStrictEquals(other.Pkcs11Error, Pkcs11Error);
    const error = new other.Pkcs11Error(CKR.PIN_LOCKED, "C_Login");
    assertInstanceOf(error, Pkcs11Error);
    assertFalse(error instanceof UriError);
    assertInstanceOf(new SessionClosedError("sign"), other.SessionClosedError);
  });

  it("keeps the classes apart", () => {
    const error: unknown = new Pkcs11Error(CKR.GENERAL_ERROR, "C_Sign");
    assert(error instanceof Error);
    assertFalse(error instanceof SessionClosedError);
    assertFalse(({}) instanceof Pkcs11Error);
    assertFalse((null as unknown) instanceof Pkcs11Error);
  });

  it("of a subclass means the subclass", () => {
    class OwnError extends Pkcs11Error {}
    assert(new OwnError(1, "C_Sign") instanceof Pkcs11Error);
    assertFalse(new Pkcs11Error(1, "C_Sign") instanceof OwnError);
  });
});
